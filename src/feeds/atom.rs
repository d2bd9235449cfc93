//! Atom 1.0 (RFC 4287).
//!
//! The `atom_syndication` crate writes the XML; what it is given is clean. It has no `xml:lang` for an entry, so
//! the entry's texts carry their own.

use atom_syndication as atom;
use atom_syndication::{Category, Link, Text, WriteConfig};
use chrono::DateTime;

use super::Page;
use super::entry::{Entry, Person};
use crate::text::HeaderText;

const DECLARATION: &[u8] = b"<?xml version=\"1.0\" encoding=\"utf-8\"?>\n";

/// The document, with its XML declaration: the crate's own names no encoding.
#[expect(clippy::expect_used, reason = "the only error is one of the writer, and memory has none")]
pub(super) fn render(page: &Page<'_>) -> Vec<u8> {
    let layout = WriteConfig { write_document_declaration: false, indent_size: Some(1) };
    let mut bytes =
        feed(page).write_with_config(DECLARATION.to_vec(), layout).expect("writing to memory cannot fail");
    bytes.push(b'\n');
    bytes
}

fn feed(page: &Page<'_>) -> atom::Feed {
    let site = &page.config.site;
    let owner = site
        .author
        .as_ref()
        .map_or(Person { name: site.title.as_str(), email: None, url: None }, Person::from);
    atom::Feed {
        title: Text::plain(&*page.feed.title),
        id: page.own_url.clone(),
        // A feed must have a date and a feed without entries has none. The epoch is older than every entry to come,
        // does not change from one run to the next, and is what software takes for "never".
        updated: page.updated().unwrap_or_else(|| DateTime::UNIX_EPOCH.fixed_offset()),
        authors: vec![person(&owner)],
        icon: site.icon.as_ref().map(ToString::to_string),
        links: vec![
            link("self", &page.own_url, "application/atom+xml"),
            link("alternate", site.url.as_str(), "text/html"),
        ],
        logo: site.logo.as_ref().map(ToString::to_string),
        rights: site.rights.as_ref().map(|rights| Text::plain(rights.as_str())),
        subtitle: HeaderText::lossy(&site.description).map(|text| Text::plain(text.as_str())),
        entries: page.entries.iter().map(|entry| self::entry(entry, page)).collect(),
        lang: Some(site.language.clone()),
        ..atom::Feed::default()
    }
}

fn entry(entry: &Entry<'_>, page: &Page<'_>) -> atom::Entry {
    let lang = entry.language.map(str::to_owned);
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
        links: vec![link("alternate", entry.url.as_str(), "text/html")],
        published: Some(entry.published),
        summary: Some(entry.summary.as_str()).filter(|text| !text.is_empty()).map(plain),
        content: entry.html.as_ref().map(|html| atom::Content {
            lang: lang.clone(),
            value: Some(html.as_str().to_owned()),
            content_type: Some("html".to_owned()),
            ..atom::Content::default()
        }),
        ..atom::Entry::default()
    }
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
