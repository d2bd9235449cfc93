//! Exports that are folders or archives: of newsletter services, blog services and note programs.
//!
//! A source yields posts as [`ImportItem`]s, one at a time; everything after that is the path of every importer. Files
//! are read by their names, never by paths that the export chooses.

mod beehiiv;
mod buttondown;
mod csv;
mod front_matter;
mod markup;
mod medium;
mod notes;
mod substack;
mod tumblr;
pub mod zip;

use std::io::{self, Read};

use chrono_tz::Tz;
use url::Url;

use super::html::MAX_HTML;
use super::imported_post::ImportItem;
use crate::finding::Finding;

/// The most files of an export.
pub const MAX_FILES: usize = 200_000;

/// The files of an export.
pub trait ExportFiles {
    /// The names, sorted, with `/` between folders.
    fn names(&self) -> &[String];

    /// Lets `read` read a file from its beginning.
    fn visit(&self, name: &str, read: &mut dyn FnMut(&mut dyn Read) -> io::Result<()>) -> io::Result<()>;

    /// A whole file of at most `limit` bytes.
    fn bytes(&self, name: &str, limit: usize) -> io::Result<Vec<u8>> {
        let mut bytes = Vec::new();
        self.visit(name, &mut |input| {
            bytes.clear();
            input.take(limit as u64 + 1).read_to_end(&mut bytes).map(drop)
        })?;
        if bytes.len() > limit {
            return Err(io::Error::other(format!("it has more than {} MB", limit / 1_000_000)));
        }
        Ok(bytes)
    }

    /// The text of a post.
    fn text(&self, name: &str) -> io::Result<String> {
        let text = String::from_utf8(self.bytes(name, MAX_HTML)?);
        let text = text.map_err(|_| io::Error::other("it is not in UTF-8"))?;
        Ok(text.strip_prefix('\u{FEFF}').map(str::to_owned).unwrap_or(text))
    }
}

/// Where the posts of an export belong.
#[derive(Debug, Clone, Copy)]
pub struct ExportSite<'a> {
    /// The address of the site.
    pub url: &'a Url,
    /// The zone of dates without one.
    pub zone: Tz,
}

/// A source of exports.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ExportSource {
    /// `posts.csv` and a page of HTML for each post.
    Substack,
    /// A page of HTML for each post.
    Medium,
    /// A page of HTML for each post, and media.
    Tumblr,
    /// `emails.csv` or `emails.json`, and a file of Markdown or HTML for each email.
    Buttondown,
    /// A table with the HTML of each email.
    Beehiiv,
    /// Markdown files with wikilinks.
    Obsidian,
    /// Markdown files, whose names end in an id.
    Notion,
}

impl ExportSource {
    /// What the user has to name.
    fn hint(self) -> &'static str {
        match self {
            Self::Substack => {
                "name the .zip of Settings, Exports, or its folder; it has posts.csv and posts/"
            }
            Self::Medium => {
                "name the .zip of Settings, Security and apps, Download your information, or its folder"
            }
            Self::Tumblr => "name the unpacked export; if it has posts.zip, unpack that, too",
            Self::Buttondown => {
                "name the .zip of Settings, Exports, or its folder; it has emails.csv or emails.json, and emails/"
            }
            Self::Beehiiv => "name the posts export, a .csv file or a .zip with it",
            Self::Obsidian => "name the folder of the vault, or of the notes to import",
            Self::Notion => {
                "export as \"Markdown & CSV\", and name the .zip or its folder; a .zip in it must be unpacked first"
            }
        }
    }
}

/// Reads all posts of an export. The finding explains why it is none.
pub fn posts(
    source: ExportSource,
    (files, name): (&dyn ExportFiles, &str),
    site: ExportSite<'_>,
    each: &mut dyn FnMut(ImportItem),
) -> Result<(), Finding> {
    let mut count = 0;
    let mut counting = |item: ImportItem| {
        count += 1;
        each(item);
    };
    let read = match source {
        ExportSource::Substack => substack::read(files, site, &mut counting),
        ExportSource::Medium => {
            medium::read(files, &mut counting);
            Ok(())
        }
        ExportSource::Tumblr => {
            tumblr::read(files, site, &mut counting);
            Ok(())
        }
        ExportSource::Buttondown => buttondown::read(files, site, &mut counting),
        ExportSource::Beehiiv => beehiiv::read(files, &mut counting),
        ExportSource::Obsidian => {
            notes::obsidian(files, site, &mut counting);
            Ok(())
        }
        ExportSource::Notion => notes::notion(files, site, &mut counting),
    };
    let wrong = |message: String| Finding::error("export", name, message).hint(source.hint());
    read.map_err(wrong)?;
    if count == 0 { Err(wrong("it has no posts".to_owned())) } else { Ok(()) }
}

/// The list of subscribers in an export.
pub fn subscribers(files: &dyn ExportFiles) -> Option<&str> {
    let is_list = |name: &&String| {
        let file = name.rsplit('/').next().unwrap_or_default().to_ascii_lowercase();
        is_of_type(name, "csv")
            && ["email_list", "email-list", "subscriber", "member"].iter().any(|part| file.contains(part))
    };
    files.names().iter().find(is_list).map(String::as_str)
}

/// Why a file was left out.
fn unreadable(name: &str, error: &io::Error) -> ImportItem {
    ImportItem::LeftOut(name.to_owned(), format!("it cannot be read: {error}"))
}

/// Whether a name ends in this extension, in lower or upper case.
pub fn is_of_type(name: &str, extension: &str) -> bool {
    file_name(name).rsplit_once('.').is_some_and(|(_, end)| end.eq_ignore_ascii_case(extension))
}

/// The last part of a name.
fn file_name(name: &str) -> &str {
    name.rsplit('/').next().unwrap_or(name)
}

/// The last part of a name, without its extension.
fn stem(name: &str) -> &str {
    let file = file_name(name);
    file.rsplit_once('.').map_or(file, |(stem, _)| stem)
}

#[cfg(test)]
mod tests;
