//! Atom 1.0 (RFC 4287).
//!
//! The `atom_syndication` crate writes the XML from clean text. It has no `xml:lang` for an entry, so the texts of an entry
//! carry their own.

use atom_syndication as atom;
use atom_syndication::extension::{Extension, ExtensionMap};
use atom_syndication::{Category, Link, Text, WriteConfig};
use chrono::DateTime;

use super::content_slot::{self, ContentWriter};
use super::entry::Person;
use super::extension::{self, by_name};
use super::page::{Page, PageEntry, namespace};
use crate::archive::Tombstone;
use crate::text::HeaderText;

const DECLARATION: &str = "<?xml version=\"1.0\" encoding=\"utf-8\"?>\n";

/// Always declared, so that the head of a feed never changes.
const NAMESPACES: [&str; 4] = ["at", "fh", "media", "thr"];

/// The document with its XML declaration; the declaration of the crate has no encoding.
#[expect(clippy::expect_used, reason = "the only error is one of the writer, and memory has none")]
pub(super) fn render(page: &Page<'_>) -> Vec<u8> {
    let head = format!("{DECLARATION}{}", page.style_sheet());
    let layout = WriteConfig { write_document_declaration: false, indent_size: Some(1) };
    let writer = ContentWriter { to: head.into_bytes(), page, put: content_slot::escaped };
    let mut bytes = feed(page).write_with_config(writer, layout).expect("writing to memory cannot fail").to;
    bytes.push(b'\n');
    bytes
}

fn feed(page: &Page<'_>) -> atom::Feed {
    let site = &page.config.site;
    let taken_back = page.taken_back.iter().map(|post| post.at).max();
    let owner = site
        .author
        .as_ref()
        .map_or(Person { name: site.title.as_str(), email: None, url: None, avatar: None }, Person::from);
    atom::Feed {
        title: Text::plain(&*page.feed.title),
        id: page.id.clone(),
        // A feed without entries must have a date too. The epoch is the same in every run, older than every entry, and
        // read as "never".
        updated: page.updated().max(taken_back).unwrap_or_else(|| DateTime::UNIX_EPOCH.fixed_offset()),
        authors: vec![person(&owner)],
        icon: site.icon.as_ref().map(ToString::to_string),
        links: links(page),
        logo: site.logo.as_ref().map(ToString::to_string),
        rights: site.rights.as_ref().map(|rights| Text::plain(rights.as_str())),
        subtitle: HeaderText::lossy(page.description()).map(|text| Text::plain(text.as_str())),
        entries: page.entries.iter().enumerate().map(|(at, entry)| self::entry(at, entry, page)).collect(),
        extensions: extensions(page),
        namespaces: NAMESPACES.map(|prefix| (prefix.to_owned(), namespace(prefix).to_owned())).into(),
        lang: Some(page.language().to_owned()),
        ..atom::Feed::default()
    }
}

fn links(page: &Page<'_>) -> Vec<Link> {
    let mut links = vec![
        link("self", &page.own_url, "application/atom+xml"),
        link("alternate", page.config.site.url.as_str(), "text/html"),
    ];
    links.extend(page.archive_links().map(|(rel, href)| link(rel, &href, "application/atom+xml")));
    links.extend(page.config.feeds.hubs.iter().map(|hub| Link {
        href: hub.to_string(),
        rel: "hub".to_owned(),
        ..Link::default()
    }));
    links
}

fn extensions(page: &Page<'_>) -> ExtensionMap {
    by_name(extension::of_page(page).into_iter().chain(page.taken_back.iter().map(tombstone)))
}

/// RFC 6721.
fn tombstone(post: &Tombstone) -> Extension {
    extension::extension("at:deleted-entry", &[("ref", &post.id), ("when", &post.at.to_rfc3339())])
}

fn entry(at: usize, entry: &PageEntry<'_>, page: &Page<'_>) -> atom::Entry {
    let lang = page.differs(entry.language).map(str::to_owned);
    let plain = |text: &str| Text { value: text.to_owned(), lang: lang.clone(), ..Text::default() };
    let categories = entry.labels.iter().map(|label| Category {
        term: label.name.clone(),
        scheme: Some(page.scheme(label)),
        label: Some(label.name.clone()),
    });
    atom::Entry {
        title: plain(entry.title),
        id: entry.id.to_owned(),
        updated: entry.updated,
        authors: entry.authors.iter().map(person).collect(),
        categories: categories.collect(),
        links: entry_links(entry),
        published: Some(entry.published),
        summary: Some(entry.summary.as_str()).filter(|text| !text.is_empty()).map(plain),
        content: entry.html().map(|_| atom::Content {
            lang: lang.clone(),
            value: Some(content_slot::mark(at)),
            content_type: Some("html".to_owned()),
            ..atom::Content::default()
        }),
        extensions: by_name(extension::of_entry(entry, page)),
        ..atom::Entry::default()
    }
}

fn entry_links(entry: &PageEntry<'_>) -> Vec<Link> {
    let mut links = vec![link("alternate", entry.url.as_str(), "text/html")];
    links.extend(entry.enclosures.iter().map(|enclosure| Link {
        length: Some(enclosure.length.to_string()),
        ..link("enclosure", enclosure.url.as_str(), &enclosure.media_type)
    }));
    links.extend(entry.via.iter().map(|via| Link {
        title: via.title.as_ref().map(ToString::to_string),
        ..link("via", via.url.as_str(), "text/html")
    }));
    links
}

fn person(person: &Person<'_>) -> atom::Person {
    atom::Person {
        name: person.name.to_owned(),
        email: person.email.map(str::to_owned),
        uri: person.url.map(ToString::to_string),
        ..atom::Person::default()
    }
}

fn link(rel: &str, href: &str, mime_type: &str) -> Link {
    Link {
        href: href.to_owned(),
        rel: rel.to_owned(),
        mime_type: Some(mime_type.to_owned()),
        ..Link::default()
    }
}
