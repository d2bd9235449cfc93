//! RSS 2.0, as the RSS Advisory Board's Best Practices Profile has it.
//!
//! The `rss` crate writes the XML. What it is given is clean; see [`CharacterData`] for the one thing changed after.

use std::collections::BTreeMap;
use std::io::{self, Write};

use rss::extension::atom::{AtomExtension, Link};
use rss::extension::dublincore::DublinCoreExtension;
use rss::extension::{Extension, ExtensionMap};
use rss::{Category, Channel, Enclosure, Guid, Image, Item};

use super::entry::Moment;
use super::page::{Carried, Page, namespace};
use super::podcast;
use crate::text::HeaderText;

const DOCS: &str = "https://www.rssboard.org/rss-specification";

/// Declared whichever posts exist, so that the head of a feed never changes.
const NAMESPACES: [&str; 8] = ["atom", "content", "dc", "fh", "itunes", "media", "podcast", "thr"];

/// The document, with its XML declaration.
#[expect(clippy::expect_used, reason = "the only error is one of the writer, and memory has none")]
pub(super) fn render(page: &Page<'_>) -> Vec<u8> {
    let mut bytes = channel(page)
        .pretty_write_to(CharacterData(Vec::new()), b' ', 1)
        .expect("writing to memory cannot fail")
        .0;
    bytes.push(b'\n');
    // The crate writes the declaration itself, and behind it is the place of a style sheet.
    let end = memchr::memmem::find(&bytes, b"?>").map_or(0, |at| at + 2);
    let sheet = page.style_sheet();
    if !sheet.is_empty() {
        bytes.splice(end..end, b"\n".iter().copied().chain(sheet.trim_end().bytes()));
    }
    bytes
}

fn channel(page: &Page<'_>) -> Channel {
    let site = &page.config.site;
    let title = character_data(&page.feed.title);
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
            HeaderText::lossy(page.tagline()).as_ref().unwrap_or(&site.title).as_str(),
        ),
        language: Some(page.language().to_owned()),
        copyright: site.rights.as_ref().map(|rights| character_data(rights.as_str())),
        managing_editor: site.author.as_ref().and_then(|author| {
            let email = author.email.as_ref()?;
            Some(character_data(&format!("{email} ({})", author.name)))
        }),
        last_build_date: page.updated().map(rfc822),
        docs: Some(DOCS.to_owned()),
        image,
        atom_ext: Some(AtomExtension { links: links(page) }),
        extensions: by_name(channel_extensions(page)),
        itunes_ext: podcast::channel(page),
        namespaces: NAMESPACES.map(|prefix| (prefix.to_owned(), namespace(prefix).to_owned())).into(),
        items: page.entries.iter().map(|entry| item(entry, page)).collect(),
        ..Channel::default()
    }
}

fn links(page: &Page<'_>) -> Vec<Link> {
    let link = |rel: &str, href: String| Link {
        href,
        rel: rel.to_owned(),
        mime_type: Some("application/rss+xml".to_owned()),
        ..Link::default()
    };
    let hubs = page.config.feeds.hubs.iter();
    std::iter::once(link("self", page.own_url.clone()))
        .chain(page.archive_links().map(|(rel, href)| link(rel, href)))
        .chain(hubs.map(|hub| Link { mime_type: None, ..link("hub", hub.to_string()) }))
        .collect()
}

fn channel_extensions(page: &Page<'_>) -> Vec<Extension> {
    let history = page.history().map(|name| extension(name, &[]));
    history.into_iter().chain(podcast::channel_extensions(page)).collect()
}

/// An element of another namespace.
pub(super) fn extension(name: &str, attributes: &[(&str, &str)]) -> Extension {
    let attrs = attributes.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned()));
    // With a text, if an empty one, the crate puts no line break into it.
    Extension {
        name: name.to_owned(),
        attrs: attrs.collect(),
        value: Some(String::new()),
        ..Extension::default()
    }
}

/// As the crate wants them: by prefix and by name.
fn by_name(extensions: Vec<Extension>) -> ExtensionMap {
    let mut map = ExtensionMap::new();
    for extension in extensions {
        let (prefix, name) = extension.name.split_once(':').unwrap_or(("", &extension.name));
        let of_prefix: &mut BTreeMap<String, Vec<Extension>> = map.entry(prefix.to_owned()).or_default();
        of_prefix.entry(name.to_owned()).or_default().push(extension);
    }
    map
}

fn item(entry: &Carried<'_>, page: &Page<'_>) -> Item {
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
        enclosure: entry.enclosure.map(|enclosure| Enclosure {
            url: enclosure.url.to_string(),
            length: enclosure.length.to_string(),
            mime_type: enclosure.media_type.clone(),
        }),
        content: entry.html().map(str::to_owned).filter(|html| !html.is_empty()),
        extensions: by_name(item_extensions(entry, page)),
        itunes_ext: podcast::item(entry),
        dublin_core_ext: dublin_core(entry, page),
        ..Item::default()
    }
}

/// What RSS has no element for: the date of an update (Atom's validates inside an item, and readers that know it use it), a
/// picture (Media RSS), what the post answers (RFC 4685), the text of an episode.
fn item_extensions(entry: &Carried<'_>, page: &Page<'_>) -> Vec<Extension> {
    let updated = entry
        .was_updated()
        .then(|| Extension { value: Some(entry.updated.to_rfc3339()), ..extension("atom:updated", &[]) });
    let picture = entry.image.map(|url| extension("media:thumbnail", &[("url", url.as_str())]));
    let answers = entry.answers.iter().map(|url| {
        extension(
            "thr:in-reply-to",
            &[("href", url.as_str()), ("ref", page.id_of(url)), ("type", "text/html")],
        )
    });
    updated.into_iter().chain(picture).chain(answers).chain(podcast::transcript(entry)).collect()
}

/// Names go to `dc:creator`: RSS's own `author` is an address, and an item may not have both.
fn dublin_core(entry: &Carried<'_>, page: &Page<'_>) -> Option<DublinCoreExtension> {
    let language = page.differs(entry.language);
    if entry.authors.is_empty() && language.is_none() {
        return None;
    }
    Some(DublinCoreExtension {
        creators: entry.authors.iter().map(|author| character_data(author.name)).collect(),
        languages: language.into_iter().map(str::to_owned).collect(),
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
pub(super) fn character_data(text: &str) -> String {
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
