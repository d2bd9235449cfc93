//! Small static pages to read posts online: one for each post, an index, lists by year and by category,
//! and the issues as they were sent.
//!
//! Pure: no file, socket, clock or randomness. `pipeline::pages` writes them to the public folder. This is not a site
//! generator: there are no themes, menus or plug-ins.

mod body;
mod fields;
mod issue;
mod issue_archive;
mod layout;
mod links;
mod local;
mod templates;

pub(crate) use issue::{IssueLinks, impersonal, with_links};
pub(crate) use issue_archive::{IssueArchive, IssuePage};
pub(crate) use layout::{Layout, PlannedPage, lay_out};
pub(crate) use links::{ExistingPaths, check_link, dead_pictures};
pub(crate) use local::{LocalLink, local_links};
pub(crate) use templates::{FOLDER, NAMES, PageTemplates};

use crate::feeds::Document;

/// A rendered page.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Page {
    /// Its path and its bytes.
    pub document: Document,
    /// The files of its own site that it shows or links to.
    pub links: Vec<LocalLink>,
}

/// The end of every generated page. Files without it are never overwritten or removed.
pub(crate) const MARK: &str = "<!-- made by Letterpress: changes here are overwritten -->\n";

/// The style sheet of all pages, in the public folder.
pub(crate) const STYLE_SHEET: &str = "pages.css";

/// The list of issues, in the public folder.
const ISSUES: &str = "issues/index.html";

/// The end of the style sheet.
pub(crate) const STYLE_MARK: &str = "/* made by Letterpress: changes here are overwritten */\n";
