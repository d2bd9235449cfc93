//! The fields of an item: status, terms, dates, and the custom fields that plug-ins and the block editor add.

use std::collections::BTreeMap;

use chrono::{DateTime, FixedOffset, NaiveDateTime};
use chrono_tz::Tz;
use serde::Deserialize;

use crate::dates;
use crate::html::{escape, push_attribute};
use crate::importers::distinct::Distinct;
use crate::importers::feed::{Enclosure, plain_text};
use crate::importers::imported_post::ImportNote;
use crate::xml::Node;

/// Whether it must not be published, or why it is no post.
pub(super) fn is_draft(node: &Node, status: &str, notes: &mut Vec<ImportNote>) -> Result<bool, String> {
    let mut note = |words: String| notes.push(("import-draft", format!("{words}; imported as a draft")));
    let mut draft = match status {
        "publish" | "future" => false,
        "draft" | "pending" => true,
        "private" => {
            note("it was private".to_owned());
            true
        }
        "" => {
            note("its status is missing".to_owned());
            true
        }
        other => return Err(format!("its status is {other:?}")),
    };
    if node.first_text(&["wp:post_password"]).is_some() {
        note("it was password-protected".to_owned());
        draft = true;
    }
    // Jetpack's newsletter: only for paying members, or for people with an account.
    if let Some(access) = meta(node, "_jetpack_newsletter_access").filter(|access| access != "everybody") {
        note(format!("it was visible to {access} only"));
        draft = true;
    }
    Ok(draft)
}

/// The names of categories and tags, without the default category.
pub(super) fn terms(node: &Node) -> (Vec<String>, Vec<String>) {
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
pub(super) fn when(node: &Node, name: &str, zone: Tz) -> Option<DateTime<FixedOffset>> {
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

/// A custom field of the post, which a plug-in or a theme adds.
pub(super) fn meta(node: &Node, key: &str) -> Option<String> {
    metas(node, key).next()
}

fn metas(node: &Node, key: &str) -> impl Iterator<Item = String> {
    node.all("wp:postmeta")
        .filter(move |field| field.first_text(&["wp:meta_key"]).as_deref() == Some(key))
        .filter_map(|field| field.first_text(&["wp:meta_value"]))
}

/// The recording of a podcast episode, and links to other files that the text does not have.
///
/// `WordPress` stores address, length and type on a line each, and plug-ins add more.
pub(super) fn enclosures(node: &Node, text: &str) -> (Option<Enclosure>, String) {
    let mut first = None;
    let mut links = String::new();
    for stored in metas(node, "enclosure") {
        let mut lines = stored.lines().map(str::trim);
        let Some(url) = lines.next().filter(|url| url.starts_with("http")).map(str::to_owned) else {
            continue;
        };
        let length = lines.next().and_then(|length| length.parse().ok()).filter(|length| *length > 0);
        let media_type = lines.next().filter(|media_type| media_type.contains('/')).map(str::to_owned);
        if first.is_none() && length.is_some() && media_type.is_some() {
            first = Some(Enclosure { url, media_type, length });
        } else if !text.contains(&url) {
            links.push_str("\n<audio src=\"");
            push_attribute(&mut links, &url);
            links.push_str("\"></audio>");
        }
    }
    (first, links)
}

#[derive(Deserialize)]
struct Footnote {
    id: String,
    /// HTML.
    content: String,
}

/// The notes of the block editor, as its footnotes block shows them.
pub(super) fn footnotes(node: &Node) -> String {
    let stored = meta(node, "footnotes").and_then(|json| serde_json::from_str::<Vec<Footnote>>(&json).ok());
    let notes = stored.unwrap_or_default();
    if notes.is_empty() {
        return String::new();
    }
    let items = notes.iter().map(|Footnote { id, content }| {
        let id = escape(id);
        format!("<li id=\"{id}\">{content} <a href=\"#{id}-link\">↩︎</a></li>")
    });
    format!("\n<ol class=\"wp-block-footnotes\">{}</ol>", items.collect::<String>())
}
