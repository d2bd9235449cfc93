//! `WordPress` exports (WXR 1.0 to 1.2), read twice as a stream: once for the names of authors and pictures, once
//! for the posts. Only one post, and one line for each author and attachment, is in memory.

mod shortcodes;

use std::collections::{BTreeMap, HashMap};
use std::io::Read;

use chrono::{DateTime, FixedOffset, NaiveDateTime};
use chrono_tz::Tz;

use super::distinct::Distinct;
use super::feed::{date, plain_text};
use super::imported_post::ImportedPost;
use crate::dates;
use crate::finding::Finding;
use crate::xml::{Node, Records, XmlError};

/// Data that the posts refer to.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Overview {
    /// The title of the site.
    pub title: String,
    /// Names of authors by login.
    authors: HashMap<String, String>,
    /// Addresses of attachments by number.
    attachments: HashMap<String, String>,
    language: Option<String>,
    is_export: bool,
}

/// A record of the export.
#[derive(Debug)]
pub enum Item {
    /// A post.
    Post(Box<ImportedPost>),
    /// Something else, which is only counted, by its kind.
    Other(String),
    /// A post that cannot be imported: its title, and why.
    LeftOut(String, String),
}

/// The first pass; the finding explains why the file is not an export.
pub fn overview(input: impl Read, file: &str) -> Result<Overview, Finding> {
    let mut overview = Overview::default();
    records(input, file, &mut |node, _| match node.name.as_str() {
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
            if let (Some(id), Some(url)) =
                (node.first_text(&["wp:post_id"]), node.first_text(&["wp:attachment_url", "guid"]))
            {
                overview.attachments.insert(id, url);
            }
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

/// The second pass. Dates without a zone are read in `zone`.
pub fn items(
    input: impl Read,
    file: &str,
    overview: &Overview,
    zone: Tz,
    each: &mut dyn FnMut(Item),
) -> Result<(), Finding> {
    records(input, file, &mut |node, line| {
        if node.name == "item" {
            each(item(node, line, overview, zone));
        }
    })
}

fn records(input: impl Read, file: &str, each: &mut dyn FnMut(&Node, usize)) -> Result<(), Finding> {
    let wrong = |line: usize, error: &XmlError| {
        let finding = Finding::error("wordpress", file, error.to_string()).at(line);
        finding.hint("the export is incomplete: export again, or in parts")
    };
    let mut records = Records::new(input).map_err(|error| wrong(1, &error))?;
    loop {
        match records.next() {
            Ok(Some(node)) => each(&node, records.line()),
            Ok(None) => return Ok(()),
            Err(error) => return Err(wrong(records.line(), &error)),
        }
    }
}

fn item(node: &Node, line: usize, overview: &Overview, zone: Tz) -> Item {
    let kind = node.first_text(&["wp:post_type"]).unwrap_or_else(|| "post".to_owned());
    if kind != "post" {
        return Item::Other(kind);
    }
    let title = plain_text(&node.first_text(&["title"]).unwrap_or_default());
    let status = node.first_text(&["wp:status"]).unwrap_or_default().to_ascii_lowercase();
    let mut remarks = Vec::new();
    let mut draft = match status.as_str() {
        "publish" | "future" => false,
        "draft" | "pending" => true,
        "private" => {
            remarks.push(("import-draft", "it was private; imported as a draft".to_owned()));
            true
        }
        "" => {
            remarks.push(("import-draft", "its status is missing; imported as a draft".to_owned()));
            true
        }
        other => return Item::LeftOut(title, format!("its status is {other:?}")),
    };
    if node.first_text(&["wp:post_password"]).is_some() {
        remarks.push(("import-draft", "it was password-protected; imported as a draft".to_owned()));
        draft = true;
    }
    // Jetpack's newsletter: only for paying members, or for people with an account.
    if let Some(access) = meta(node, "_jetpack_newsletter_access").filter(|access| access != "everybody") {
        remarks.push(("import-draft", format!("it was visible to {access} only; imported as a draft")));
        draft = true;
    }
    let raw = node.first_text(&["content:encoded"]).unwrap_or_default();
    let (html, shortcodes) = shortcodes::expand(&raw);
    if !shortcodes.is_empty() {
        remarks.push((
            "import-shortcodes",
            format!("unsupported shortcodes removed: {}", shortcodes.join(", ")),
        ));
    }
    let (categories, tags) = terms(node);
    let author = node.first_text(&["dc:creator"]);
    let author = author.map(|login| overview.authors.get(&login).cloned().unwrap_or(login));
    let published =
        when(node, "wp:post_date", zone).or_else(|| node.first_text(&["pubDate"]).and_then(|raw| date(&raw)));
    let modified = when(node, "wp:post_modified", zone);
    Item::Post(Box::new(ImportedPost {
        address: None,
        enclosure: None,
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
        image: thumbnail(node).and_then(|id| overview.attachments.get(&id).cloned()),
        draft,
        // The block editor writes its own paragraphs.
        line_breaks: !raw.contains("<!-- wp:"),
        html,
        notes: remarks,
        line,
    }))
}

/// The names of categories and tags, without the default category.
fn terms(node: &Node) -> (Vec<String>, Vec<String>) {
    let mut terms: BTreeMap<&str, Distinct> = BTreeMap::new();
    for term in node.all("category") {
        let name = plain_text(&term.text());
        let is_none = term.attribute("nicename").is_some_and(|nicename| nicename == "uncategorized");
        let domain = term.attribute("domain").unwrap_or("category");
        let known = terms.entry(domain).or_default();
        if !name.is_empty() && !is_none {
            known.push(&name);
        }
    }
    let mut take = |keys: [&str; 2]| {
        keys.into_iter().filter_map(|key| terms.remove(key)).flat_map(Distinct::into_vec).collect()
    };
    (take(["category", ""]), take(["post_tag", "tag"]))
}

/// A date in its original zone: `WordPress` writes it in the time of the site, and again in UTC.
fn when(node: &Node, name: &str, zone: Tz) -> Option<DateTime<FixedOffset>> {
    let read = |name: &str| {
        let raw = node.first_text(&[name])?;
        NaiveDateTime::parse_from_str(&raw, "%Y-%m-%d %H:%M:%S").ok().map(|date| (raw, date))
    };
    let (raw, local) = read(name)?;
    let offset = read(&format!("{name}_gmt")).and_then(|(_, utc)| {
        let seconds = i32::try_from((local - utc).num_seconds()).ok()?;
        let is_zone = seconds.abs() <= 14 * 3600 && seconds % 900 == 0;
        FixedOffset::east_opt(seconds).filter(|_| is_zone)
    });
    match offset {
        Some(offset) => local.and_local_timezone(offset).single(),
        None => dates::parse(&raw, zone).ok(),
    }
}

fn thumbnail(node: &Node) -> Option<String> {
    meta(node, "_thumbnail_id")
}

/// A custom field of the post, which a plug-in or a theme adds.
fn meta(node: &Node, key: &str) -> Option<String> {
    let mut fields = node.all("wp:postmeta");
    fields
        .find(|field| field.first_text(&["wp:meta_key"]).as_deref() == Some(key))?
        .first_text(&["wp:meta_value"])
}

#[cfg(test)]
mod tests;
