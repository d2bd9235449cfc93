//! Small static pages to read a post online: one for each post, an index, and lists by year and by category.
//!
//! Pure: no file, socket, clock or chance. `pipeline::pages` puts them into the public folder, and knows which files there
//! it may touch. Not a site generator: no themes, no menus, no plug-ins.

mod body;
mod fields;
mod layout;
mod links;
mod local;
mod templates;
mod words;

pub(crate) use layout::{Layout, Sheet, lay_out};
pub(crate) use links::{Known, dead_pictures, judge};
pub(crate) use local::Want;
pub(crate) use templates::{FOLDER, NAMES, PageTemplates};

use crate::feeds::Document;

/// A page that was made.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Page {
    /// Its file and its bytes.
    pub document: Document,
    /// The files on the own site that it shows or links to.
    pub wants: Vec<Want>,
}

/// The end of every page that Letterpress made: by this it knows them again, and what ends otherwise is never overwritten
/// or removed.
pub(crate) const MARK: &str = "<!-- made by Letterpress: changes here are overwritten -->\n";

/// The style sheet that all pages share, in the public folder.
pub(crate) const STYLE_SHEET: &str = "pages.css";

/// The end of the style sheet.
pub(crate) const STYLE_MARK: &str = "/* made by Letterpress: changes here are overwritten */\n";
