//! Tumblr: a page of HTML for each post in `html/`, and its pictures in `media/`.

use chrono::{DateTime, FixedOffset, NaiveDateTime, TimeZone as _};
use chrono_tz::Tz;

use super::{ExportFiles, ExportSite, file_name, is_of_type, markup, stem, unreadable};
use crate::html::{Tag, elements};
use crate::importers::html::visible;
use crate::importers::imported_post::{Attachment, ImportItem, ImportedPost};

pub(super) fn read(files: &dyn ExportFiles, site: ExportSite<'_>, each: &mut dyn FnMut(ImportItem)) {
    let is_post =
        |name: &&String| is_of_type(name, "html") && stem(name).bytes().all(|byte| byte.is_ascii_digit());
    for name in files.names().iter().filter(is_post) {
        match files.text(name) {
            Ok(page) => each(ImportItem::Post(Box::new(post(name, &page, (files, site))))),
            Err(error) => each(unreadable(name, &error)),
        }
    }
}

fn post(name: &str, page: &str, (files, site): (&dyn ExportFiles, ExportSite<'_>)) -> ImportedPost {
    let of_id = |id: &'static str| move |tag: &Tag| tag.attribute("id") == Some(id);
    let body = markup::inner(page, |tag| tag.name() == "body").unwrap_or(page);
    let footer = markup::inner(body, of_id("footer")).unwrap_or_default();
    let tags = elements(footer, |tag| markup::has_class(tag, "tag"));
    let published = markup::inner(footer, of_id("timestamp"))
        .and_then(|raw| moment(&visible(raw), site.zone))
        .or_else(|| {
            markup::attribute(footer, "datetime", |tag| tag.name() == "time")
                .and_then(|raw| moment(&raw, site.zone))
        });
    let title = markup::inner(body, |tag| tag.name() == "h1").map(visible);
    let html = markup::without(body, |tag| tag.name() == "h1" || tag.attribute("id") == Some("footer"));
    ImportedPost {
        title: title.unwrap_or_default(),
        slug: Some(stem(name).to_owned()),
        published,
        tags: tags.into_iter().map(|tag| visible(&footer[tag.inner])).collect(),
        draft: published.is_none(),
        attachments: media(&html, files),
        html,
        ..ImportedPost::default()
    }
}

/// The pictures of a post that the export contains. Their names are unique in it.
fn media(html: &str, files: &dyn ExportFiles) -> Vec<Attachment> {
    let pictures = crate::html::tags(html);
    let addresses = pictures.iter().filter(|tag| tag.name() == "img").filter_map(|tag| tag.attribute("src"));
    let local = addresses.filter(|address| !address.contains("://"));
    let found = local.filter_map(|address| {
        let name = file_name(address);
        let source = files.names().iter().find(|known| file_name(known) == name)?;
        Some(Attachment { source: source.clone(), address: address.to_owned(), name: name.to_owned() })
    });
    found.filter(|attachment| super::notes::is_plain(&attachment.name)).collect()
}

/// `April 2nd, 2021 1:23pm`, in the time of the site.
fn moment(text: &str, zone: Tz) -> Option<DateTime<FixedOffset>> {
    if let Ok(date) = crate::dates::parse(text, zone) {
        return Some(date);
    }
    let mut plain = text.trim().to_lowercase();
    for end in ["st,", "nd,", "rd,", "th,"] {
        plain = plain.replace(end, ",");
    }
    let local = NaiveDateTime::parse_from_str(&plain, "%B %d, %Y %I:%M%p").ok()?;
    zone.from_local_datetime(&local).earliest().map(|date| date.fixed_offset())
}
