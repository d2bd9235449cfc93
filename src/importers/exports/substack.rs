//! Substack: `posts.csv` lists the posts, `posts/ID.SLUG.html` has their texts.

use super::csv::{self, Row};
use super::{ExportFiles, ExportSite, file_name, markup};
use crate::html::{Tag, elements, escape};
use crate::importers::feed::date;
use crate::importers::imported_post::{ImportItem, ImportedPost};

pub(super) fn read(
    files: &dyn ExportFiles,
    site: ExportSite<'_>,
    each: &mut dyn FnMut(ImportItem),
) -> Result<(), String> {
    let table = files.names().iter().find(|name| file_name(name) == "posts.csv");
    let table = table.ok_or("it has no posts.csv")?.clone();
    let folder = table.strip_suffix("posts.csv").unwrap_or_default();
    let mut rows: Vec<ImportedPost> = Vec::new();
    let mut read = Ok(());
    // The texts are read after the table, because a zip reads one file at a time; a row is a line.
    files
        .visit(&table, &mut |input| {
            read = csv::rows(input, &["post_id", "title"], &mut |row| match post(row, site) {
                Ok(post) => rows.push(post),
                Err(item) => each(item),
            })?;
            Ok(())
        })
        .map_err(|error| format!("{table}: {error}"))?;
    read.map_err(|message| format!("{table}: {message}"))?;
    for mut post in rows {
        let name = format!("{folder}posts/{}.html", post.id.take().unwrap_or_default());
        if files.names().binary_search(&name).is_ok() {
            match files.text(&name) {
                Ok(html) => post.html.push_str(&text(&html)),
                Err(error) => {
                    each(super::unreadable(&name, &error));
                    continue;
                }
            }
        }
        each(ImportItem::Post(Box::new(post)));
    }
    Ok(())
}

/// A post without its text; its id is that of its file.
fn post(row: &Row<'_>, site: ExportSite<'_>) -> Result<ImportedPost, ImportItem> {
    let title = row.get(&["title"]).unwrap_or_default().to_owned();
    let kind = row.get(&["type"]).unwrap_or("newsletter");
    if matches!(kind, "page" | "restack") {
        return Err(ImportItem::Other(kind.to_owned()));
    }
    let id = row.get(&["post_id"]).unwrap_or_default();
    let slug = id.split_once('.').map(|(_, slug)| slug.to_owned()).filter(|slug| !slug.is_empty());
    let is_published = row.get(&["is_published"]).is_some_and(|flag| flag.eq_ignore_ascii_case("true"));
    let mut post = ImportedPost {
        title,
        id: Some(id.to_owned()),
        link: slug.as_ref().and_then(|slug| site.url.join(&format!("p/{slug}")).ok()).map(String::from),
        slug,
        published: row.get(&["post_date", "email_sent_at"]).and_then(date),
        summary: row.get(&["subtitle"]).map(str::to_owned),
        draft: !is_published,
        ..ImportedPost::default()
    };
    if let Some(audience) = row.get(&["audience"]).filter(|audience| *audience != "everyone")
        && is_published
    {
        post.notes.push(("import-draft", format!("it was for {audience}; imported as a draft")));
        post.draft = true;
    }
    if let Some(recording) = row.get(&["podcast_url"]) {
        post.html = format!("<audio src=\"{}\"></audio>\n", escape(recording));
    }
    Ok(post)
}

/// A text without buttons that belong to Substack, and without links from pictures to themselves.
fn text(html: &str) -> String {
    let is_own = |tag: &Tag| {
        let address = || tag.attribute("data-attrs").unwrap_or_default();
        let is_button = markup::has_class(tag, "button-wrapper")
            && ["/subscribe", "action=share", "/comments", "/survey/", "%%"]
                .iter()
                .any(|own| address().contains(own));
        is_button || markup::has_class(tag, "subscription-widget-wrap")
    };
    let html = markup::without(html, is_own);
    let links = elements(&html, |tag| tag.name() == "a" && markup::has_class(tag, "image-link"));
    let mut out = String::with_capacity(html.len());
    let mut from = 0;
    for link in links {
        out.push_str(&html[from..link.outer.start]);
        out.push_str(&html[link.inner]);
        from = link.outer.end;
    }
    out.push_str(&html[from..]);
    out
}
