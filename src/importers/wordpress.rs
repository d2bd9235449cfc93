//! `WordPress` exports (WXR of any version), read twice as a stream: once for the names of authors and pictures, once
//! for the posts. Only one post, and one line for each author and attachment, is in memory.

mod attachments;
mod fields;
mod shortcodes;

use std::collections::HashMap;
use std::io::Read;

use chrono_tz::Tz;
use encoding_rs::Encoding;

use self::attachments::{Attachments, Library};
use super::feed::{date, plain_text};
use super::imported_post::{ImportItem, ImportNote, ImportedPost};
use crate::finding::Finding;
use crate::xml::{Node, Records, XmlError};

/// Data that the posts refer to.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Overview {
    /// The title of the site.
    pub title: String,
    /// Names of authors by login.
    authors: HashMap<String, String>,
    attachments: Attachments,
    language: Option<String>,
    is_export: bool,
}

/// What is read, and how.
#[derive(Debug, Clone, Copy)]
pub struct WordpressOptions {
    /// The zone of dates without one.
    pub zone: Tz,
    /// Pages are posts, too.
    pub pages: bool,
    /// The encoding, if it is not the one that the file states.
    pub encoding: Option<&'static Encoding>,
}

/// The first pass; the finding explains why the file is not an export.
pub fn overview(
    input: impl Read,
    file: &str,
    encoding: Option<&'static Encoding>,
) -> Result<Overview, Finding> {
    let mut overview = Overview::default();
    records((input, encoding), file, &mut |node, _| match node.name.as_str() {
        "title" => overview.title = plain_text(&node.text()),
        "language" => overview.language = Some(node.text()).filter(|tag| !tag.is_empty()),
        "wp:wxr_version" => overview.is_export = true,
        "wp:author" => {
            let names = ["wp:author_display_name", "wp:author_first_name", "wp:author_login"];
            if let (Some(login), Some(name)) =
                (node.first_text(&["wp:author_login"]), node.first_text(&names))
            {
                overview.authors.insert(login, plain_text(&name));
            }
        }
        "item" if node.first_text(&["wp:post_type"]).as_deref() == Some("attachment") => {
            overview.attachments.add(node, fields::meta(node, "_wp_attachment_image_alt"));
        }
        "item" => overview.is_export |= node.child("wp:post_type").is_some(),
        _ => {}
    })?;
    if overview.is_export {
        return Ok(overview);
    }
    Err(Finding::error("wordpress", file, "not a WordPress export")
        .hint("create one under Tools, Export; to import a feed, use `letterpress import feed`"))
}

/// The second pass.
pub fn items(
    input: impl Read,
    file: &str,
    overview: &Overview,
    options: WordpressOptions,
    each: &mut dyn FnMut(ImportItem),
) -> Result<(), Finding> {
    records((input, options.encoding), file, &mut |node, line| {
        if node.name == "item" {
            each(item(node, line, overview, options));
        }
    })
}

fn records(
    (input, encoding): (impl Read, Option<&'static Encoding>),
    file: &str,
    each: &mut dyn FnMut(&Node, usize),
) -> Result<(), Finding> {
    let wrong = |line: usize, error: &XmlError| {
        let finding = Finding::error("wordpress", file, error.to_string()).at(line);
        finding.hint("the export is incomplete: export again, or in parts")
    };
    let mut records = Records::new(input, encoding).map_err(|error| wrong(1, &error))?;
    loop {
        match records.next() {
            Ok(Some(node)) => each(&node, records.line()),
            Ok(None) => return Ok(()),
            Err(error) => return Err(wrong(records.line(), &error)),
        }
    }
}

fn item(node: &Node, line: usize, overview: &Overview, options: WordpressOptions) -> ImportItem {
    let kind = node.first_text(&["wp:post_type"]).unwrap_or_else(|| "post".to_owned());
    let is_page = kind == "page";
    if kind != "post" && !(is_page && options.pages) {
        return ImportItem::Other(kind);
    }
    let title = plain_text(&node.first_text(&["title"]).unwrap_or_default());
    let status = node.first_text(&["wp:status"]).unwrap_or_default().to_ascii_lowercase();
    let mut notes = Vec::new();
    let draft = match fields::is_draft(node, &status, &mut notes) {
        Ok(draft) => draft,
        Err(why) => return ImportItem::LeftOut(title, why),
    };
    let published = fields::when(node, "wp:post_date", options.zone)
        .or_else(|| node.first_text(&["pubDate"]).and_then(|raw| date(&raw)));
    let modified = fields::when(node, "wp:post_modified", options.zone);
    let (categories, tags) = fields::terms(node);
    let author = node.first_text(&["dc:creator"]);
    let author = author.map(|login| overview.authors.get(&login).cloned().unwrap_or(login));
    let raw = node.first_text(&["content:encoded"]).unwrap_or_default();
    let image = fields::meta(node, "_thumbnail_id");
    let (enclosure, more) = fields::enclosures(node, &raw);
    let html = body(node, &raw, overview, &mut notes) + &more;
    ImportItem::Post(Box::new(ImportedPost {
        title,
        // An unpublished post has no public id yet.
        id: node
            .first_text(&["guid"])
            .filter(|_| !matches!(status.as_str(), "" | "draft" | "pending" | "future")),
        link: node.first_text(&["link"]),
        slug: node.first_text(&["wp:post_name"]),
        published,
        updated: modified.filter(|modified| Some(*modified) > published),
        authors: author.into_iter().collect(),
        categories,
        tags,
        summary: node.first_text(&["excerpt:encoded"]).map(|html| super::html::visible(&html)),
        language: overview.language.clone(),
        image: image.and_then(|id| overview.attachments.address(&id).map(str::to_owned)),
        enclosure,
        draft,
        is_page,
        // The block editor writes its own paragraphs.
        line_breaks: !raw.contains("<!-- wp:"),
        html,
        notes,
        line,
        ..ImportedPost::default()
    }))
}

/// The text, without shortcodes and with its footnotes.
fn body(node: &Node, raw: &str, overview: &Overview, notes: &mut Vec<ImportNote>) -> String {
    let post = node.first_text(&["wp:post_id"]).unwrap_or_default();
    let library = Library { attachments: &overview.attachments, post: &post };
    let (mut html, shortcodes) = shortcodes::expand(raw, &library);
    if !shortcodes.is_empty() {
        let words = format!("unsupported shortcodes removed: {}", shortcodes.join(", "));
        notes.push(("import-shortcodes", words));
    }
    html.push_str(&fields::footnotes(node));
    html
}

#[cfg(test)]
mod tests;
