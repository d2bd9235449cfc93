//! Medium: a page of HTML for each story, draft and response in `posts/`.

use super::{ExportFiles, file_name, is_of_type, markup, unreadable};
use crate::html::{Tag, elements};
use crate::importers::feed::date;
use crate::importers::html::visible;
use crate::importers::imported_post::{ImportItem, ImportedPost};

pub(super) fn read(files: &dyn ExportFiles, each: &mut dyn FnMut(ImportItem)) {
    let is_post = |name: &&String| {
        let is_page = is_of_type(name, "html");
        is_page && (name.starts_with("posts/") || name.contains("/posts/"))
    };
    for name in files.names().iter().filter(is_post) {
        match files.text(name) {
            Ok(page) => {
                if let Some(item) = item(file_name(name), &page) {
                    each(item);
                }
            }
            Err(error) => each(unreadable(name, &error)),
        }
    }
}

fn item(file: &str, page: &str) -> Option<ImportItem> {
    let of_class = |class: &'static str| move |tag: &Tag| markup::has_class(tag, class);
    let text = |class: &'static str| {
        markup::inner(page, of_class(class)).map(visible).filter(|text| !text.is_empty())
    };
    let body = markup::inner(page, of_class("e-content"))?;
    let title = text("p-name").unwrap_or_default();
    let has_heading =
        ["graf--title", "graf--h3", "graf--h4", "graf--figure"].iter().any(|class| body.contains(class));
    if !has_heading && !title.is_empty() && visible(body).starts_with(title.trim_end_matches('…')) {
        return Some(ImportItem::Other("response".to_owned()));
    }
    let published = markup::attribute(page, "datetime", of_class("dt-published")).and_then(|raw| date(&raw));
    let footer = page.rfind("<footer").map_or("", |at| &page[at..]);
    let is_story = |tag: &Tag| {
        tag.name() == "a" && tag.attribute("href").is_some_and(|href| href.contains("medium.com/p/"))
    };
    let draft = file.starts_with("draft_") || published.is_none();
    let tags = elements(footer, of_class("p-tag"));
    let html = markup::without(body, |tag| {
        markup::has_class(tag, "graf--title") || markup::has_class(tag, "graf--subtitle")
    });
    // The rule before the first section is only there for the design.
    let first = elements(&html, |tag| tag.name() == "hr").into_iter().next();
    let html = match first.filter(|rule| visible(&html[..rule.outer.start]).is_empty()) {
        Some(rule) => html[rule.outer.end..].to_owned(),
        None => html,
    };
    Some(ImportItem::Post(Box::new(ImportedPost {
        title,
        // The same in Medium's feed.
        id: markup::attribute(footer, "href", is_story).filter(|_| !draft),
        link: markup::attribute(footer, "href", of_class("p-canonical")),
        published,
        authors: markup::inner(footer, of_class("p-author")).map(visible).into_iter().collect(),
        tags: tags.into_iter().map(|tag| visible(&footer[tag.inner])).collect(),
        summary: text("p-summary"),
        draft,
        html,
        ..ImportedPost::default()
    })))
}
