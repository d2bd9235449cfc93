//! RSS 2.0, as the RSS Advisory Board's Best Practices Profile has it.
//!
//! The `rss` crate writes the XML. What it is given is clean; see [`CharacterData`] for the one thing changed after.

use std::collections::BTreeMap;
use std::io::{self, Write};

use rss::extension::atom::{AtomExtension, Link};
use rss::extension::dublincore::DublinCoreExtension;
use rss::extension::{Extension, ExtensionMap};
use rss::{Category, Channel, Guid, Image, Item};

use super::Page;
use super::entry::{Entry, Moment};
use crate::text::HeaderText;

const DOCS: &str = "https://www.rssboard.org/rss-specification";

/// Declared whichever posts exist, so that the head of a feed never changes.
const NAMESPACES: [(&str, &str); 3] = [
    ("atom", "http://www.w3.org/2005/Atom"),
    ("content", "http://purl.org/rss/1.0/modules/content/"),
    ("dc", "http://purl.org/dc/elements/1.1/"),
];

/// The document, with its XML declaration.
#[expect(clippy::expect_used, reason = "the only error is one of the writer, and memory has none")]
pub(super) fn render(page: &Page<'_>) -> Vec<u8> {
    let mut bytes = channel(page)
        .pretty_write_to(CharacterData(Vec::new()), b' ', 1)
        .expect("writing to memory cannot fail")
        .0;
    bytes.push(b'\n');
    bytes
}

fn channel(page: &Page<'_>) -> Channel {
    let site = &page.config.site;
    let title = character_data(&page.feed.title);
    let own = Link {
        href: page.own_url.clone(),
        rel: "self".to_owned(),
        mime_type: Some("application/rss+xml".to_owned()),
        ..Link::default()
    };
    let image = site.logo.as_ref().or(site.icon.as_ref()).map(|url| Image {
        url: url.to_string(),
        title: title.clone(),
        link: site.url.as_str().to_owned(),
        ..Image::default()
    });
    Channel {
        title,
        link: site.url.as_str().to_owned(),
        description: character_data(
            HeaderText::lossy(site.tagline()).as_ref().unwrap_or(&site.title).as_str(),
        ),
        language: Some(site.language.clone()),
        copyright: site.rights.as_ref().map(|rights| character_data(rights.as_str())),
        managing_editor: site.author.as_ref().and_then(|author| {
            let email = author.email.as_ref()?;
            Some(character_data(&format!("{email} ({})", author.name)))
        }),
        last_build_date: page.updated().map(rfc822),
        docs: Some(DOCS.to_owned()),
        image,
        atom_ext: Some(AtomExtension { links: vec![own] }),
        namespaces: NAMESPACES.map(|(prefix, uri)| (prefix.to_owned(), uri.to_owned())).into(),
        items: page.entries.iter().map(|entry| item(entry, page)).collect(),
        ..Channel::default()
    }
}

fn item(entry: &Entry<'_>, page: &Page<'_>) -> Item {
    let categories = entry
        .labels
        .iter()
        .map(|label| Category { name: character_data(&label.name), domain: Some(page.scheme(label)) });
    let description = quick_xml::escape::partial_escape(entry.summary.as_str());
    Item {
        title: Some(character_data(entry.title)),
        link: Some(entry.url.to_string()),
        guid: Some(Guid { value: entry.id.to_owned(), permalink: entry.id == entry.url.as_str() }),
        pub_date: Some(rfc822(entry.published)),
        categories: categories.collect(),
        // The one element of an item that readers take for HTML, so plain text is escaped once more.
        description: Some(description.into_owned()).filter(|text| !text.is_empty()),
        content: entry.html.as_ref().map(|html| html.as_str().to_owned()).filter(|html| !html.is_empty()),
        extensions: if entry.was_updated() { atom_updated(entry.updated) } else { ExtensionMap::new() },
        dublin_core_ext: dublin_core(entry),
        ..Item::default()
    }
}

/// RSS has no date for an update; Atom's validates inside an item, and readers that know it use it.
fn atom_updated(moment: Moment) -> ExtensionMap {
    let updated = Extension {
        name: "atom:updated".to_owned(),
        value: Some(moment.to_rfc3339()),
        ..Extension::default()
    };
    BTreeMap::from([("atom".to_owned(), BTreeMap::from([("updated".to_owned(), vec![updated])]))])
}

/// Names go to `dc:creator`: RSS's own `author` is an address, and an item may not have both.
fn dublin_core(entry: &Entry<'_>) -> Option<DublinCoreExtension> {
    if entry.authors.is_empty() && entry.language.is_none() {
        return None;
    }
    Some(DublinCoreExtension {
        creators: entry.authors.iter().map(|author| character_data(author.name)).collect(),
        languages: entry.language.iter().map(|&tag| tag.to_owned()).collect(),
        ..DublinCoreExtension::default()
    })
}

/// RFC 822 with a four-digit year. Not `to_rfc2822`, which panics after the year 9999.
fn rfc822(moment: Moment) -> String {
    moment.format("%a, %d %b %Y %H:%M:%S %z").to_string()
}

/// The characters that plain text must not show as they are, their stand-ins while the `rss` crate writes, and what
/// readers get.
///
/// The Profile asks for hexadecimal references in character data, because readers disagree about `&lt;`; the crate
/// writes entities. No clean text holds a control character and every XML writer passes one through, so as stand-ins
/// they mark precisely the text that asked for it, without another parse.
const STAND_INS: [(char, u8, &[u8]); 3] = [('&', 1, b"&#x26;"), ('<', 2, b"&#x3C;"), ('>', 3, b"&#x3E;")];

/// Marks `text` as plain text in the Profile's sense.
fn character_data(text: &str) -> String {
    text.chars()
        .map(|c| STAND_INS.iter().find(|(plain, ..)| *plain == c).map_or(c, |(_, byte, _)| char::from(*byte)))
        .collect()
}

/// Writes each stand-in as its reference and everything else as it is.
struct CharacterData<W>(W);

impl<W: Write> Write for CharacterData<W> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.write_all(bytes)?;
        Ok(bytes.len())
    }

    fn write_all(&mut self, mut bytes: &[u8]) -> io::Result<()> {
        while let Some(at) = memchr::memchr3(1, 2, 3, bytes) {
            let (before, rest) = bytes.split_at(at);
            self.0.write_all(before)?;
            let reference = STAND_INS.iter().find(|(_, byte, _)| *byte == rest[0]);
            self.0.write_all(reference.map_or(&rest[..1], |(.., reference)| *reference))?;
            bytes = &rest[1..];
        }
        self.0.write_all(bytes)
    }

    fn flush(&mut self) -> io::Result<()> {
        self.0.flush()
    }
}
