//! Beehiiv: a table with a row for each post, and the HTML of its email in a cell.

use super::csv::{self, Row};
use super::{ExportFiles, is_of_type, markup};
use crate::html::{Tag, elements};
use crate::importers::html::visible;
use crate::importers::imported_post::{ImportItem, ImportedPost};

/// Where files are whose address is stored without a host.
const MEDIA: &str = "https://media.beehiiv.com/cdn-cgi/image/quality=100/";

pub(super) fn read(files: &dyn ExportFiles, each: &mut dyn FnMut(ImportItem)) -> Result<(), String> {
    let mut is_any = false;
    for name in files.names().iter().filter(|name| is_of_type(name, "csv")) {
        let mut read = Ok(());
        let visited = files.visit(name, &mut |input| {
            read = csv::rows(input, &["content_html"], &mut |row| {
                each(ImportItem::Post(Box::new(post(row))));
            })?;
            Ok(())
        });
        match visited.map_err(|error| error.to_string()).and(read) {
            Ok(()) => is_any = true,
            // Other tables of the export.
            Err(message) if message.contains("content_html") => {}
            Err(message) => return Err(format!("{name}: {message}")),
        }
    }
    if is_any { Ok(()) } else { Err("it has no table with a column `content_html`".to_owned()) }
}

fn post(row: &Row<'_>) -> ImportedPost {
    let get = |columns: &[&str]| row.get(columns).map(str::to_owned);
    let title = get(&["web_title", "title", "email_subject_line"]).unwrap_or_default();
    let published = row
        .get(&["publish_date", "published_at", "scheduled_at", "created_at"])
        .and_then(|raw| crate::dates::parse(raw, chrono_tz::UTC).ok());
    let image = get(&["thumbnail_url"]).map(|image| match image.trim_start_matches('/') {
        upload if upload.starts_with("uploads/") => format!("{MEDIA}{upload}"),
        _ => image,
    });
    let is_public = row.get(&["status"]).is_some_and(|status| matches!(status, "confirmed" | "published"));
    let mut post = ImportedPost {
        html: text(row.get(&["content_html"]).unwrap_or_default(), &title),
        title,
        link: get(&["url", "web_url"]),
        published,
        authors: row.get(&["authors"]).into_iter().flat_map(|all| split(all, ';')).collect(),
        tags: row.get(&["content_tags"]).into_iter().flat_map(|all| split(all, ';')).collect(),
        summary: get(&["web_subtitle", "email_preview_text"]),
        image,
        draft: !is_public,
        ..ImportedPost::default()
    };
    let audience = row.get(&["audience", "web_audiences"]).unwrap_or_default();
    if audience.to_lowercase().contains("premium") && is_public {
        post.notes.push(("import-draft", "it was for premium subscribers; imported as a draft".to_owned()));
        post.draft = true;
    }
    post
}

fn split(names: &str, separator: char) -> impl Iterator<Item = String> {
    names.split(separator).map(|name| name.trim().to_owned()).filter(|name| !name.is_empty())
}

/// The blocks of the author, without the frame of the email.
fn text(html: &str, title: &str) -> String {
    let blocks = markup::inner(html, |tag| tag.attribute("id") == Some("content-blocks")).unwrap_or(html);
    let is_frame = |tag: &Tag| {
        let style = tag.attribute("style").unwrap_or_default().replace(' ', "");
        style.contains("display:none")
            || tag.attribute("data-open-tracking").is_some()
            || (tag.name() == "td" && ["b", "f"].iter().any(|class| markup::has_class(tag, class)))
            || (tag.name() == "table" && markup::has_class(tag, "mob-block"))
            || tag.attribute("src").or_else(|| tag.attribute("href")).is_some_and(|url| url.starts_with("{{"))
    };
    let blocks = markup::without(blocks, is_frame);
    let heading = elements(&blocks, |tag| tag.name() == "h1");
    match heading.first() {
        Some(heading) if visible(&blocks[heading.inner.clone()]) == title => {
            format!("{}{}", &blocks[..heading.outer.start], &blocks[heading.outer.end..])
        }
        _ => blocks,
    }
}
