//! RSS 2.0, following the RSS Advisory Board's Best Practices Profile.
//!
//! The `rss` crate writes the XML from clean text; [`CharacterData`] makes the one change afterwards.

use rss::extension::Extension;
use rss::extension::atom::{AtomExtension, Link};
use rss::extension::dublincore::DublinCoreExtension;
use rss::{Category, Channel, Enclosure, Guid, Image, Item, Source};

use super::character_data::{CharacterData, character_data};
use super::content_slot::{self, ContentWriter};
use super::entry::Moment;
use super::extension::{self, Extension as _, by_name};
use super::page::{Page, PageEntry, namespace};
use super::podcast;
use crate::archive::ids;
use crate::text::HeaderText;

const DOCS: &str = "https://www.rssboard.org/rss-specification";

/// Always declared, so that the head of a feed never changes.
const NAMESPACES: [&str; 8] = ["atom", "content", "dc", "fh", "itunes", "media", "podcast", "thr"];

/// The document, with its XML declaration.
#[expect(clippy::expect_used, reason = "the only error is one of the writer, and memory has none")]
pub(super) fn render(page: &Page<'_>) -> Vec<u8> {
    let to = CharacterData(Vec::new());
    let put = |html: &str, to: &mut CharacterData<Vec<u8>>| to.0.extend_from_slice(html.as_bytes());
    let writer = ContentWriter { to, page, put };
    let mut bytes =
        channel(page).pretty_write_to(writer, b' ', 1).expect("writing to memory cannot fail").to.0;
    bytes.push(b'\n');
    // The crate writes the declaration; a style sheet comes after it.
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
        items: page.entries.iter().enumerate().map(|(at, entry)| item(at, entry, page)).collect(),
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

fn channel_extensions(page: &Page<'_>) -> impl Iterator<Item = Extension> {
    extension::of_page(page).into_iter().chain(podcast::channel_extensions(page))
}

fn item(at: usize, entry: &PageEntry<'_>, page: &Page<'_>) -> Item {
    let categories = entry
        .labels
        .iter()
        .map(|label| Category { name: character_data(&label.name), domain: Some(page.scheme(label)) });
    // A post of pictures has no summary, and feed readers want a description before the content.
    let summary = if entry.summary.as_str().is_empty() { entry.title } else { entry.summary.as_str() };
    let description = quick_xml::escape::partial_escape(summary);
    Item {
        title: Some(character_data(entry.title)),
        link: Some(entry.url.to_string()),
        guid: Some(Guid {
            value: ids::shown(entry.id).into_owned(),
            permalink: entry.id == entry.url.as_str(),
        }),
        pub_date: Some(rfc822(entry.published)),
        categories: categories.collect(),
        // Feed readers treat this element as HTML, so plain text is escaped once more.
        description: Some(description.into_owned()).filter(|text| !text.is_empty()),
        enclosure: entry.enclosure().map(|enclosure| Enclosure {
            url: enclosure.url.to_string(),
            length: enclosure.length.to_string(),
            mime_type: enclosure.media_type.clone(),
        }),
        source: source(entry),
        content: entry.html().filter(|html| !html.is_empty()).map(|html| content(at, html)),
        extensions: by_name(item_extensions(entry, page)),
        itunes_ext: podcast::item(entry),
        dublin_core_ext: dublin_core(entry, page),
        ..Item::default()
    }
}

/// The content of the entry at `at` for the crate, which writes it as a CDATA section.
fn content(at: usize, html: &str) -> String {
    // The crate divides the section at its end mark.
    let has_end = memchr::memmem::find(html.as_bytes(), b"]]>").is_some();
    if has_end { html.to_owned() } else { content_slot::mark(at) }
}

/// The feed that the author found the subject of the post in.
fn source(entry: &PageEntry<'_>) -> Option<Source> {
    let (via, feed) = entry.via.iter().find_map(|via| Some((via, via.feed.as_ref()?)))?;
    let title = via.title.as_ref().map(HeaderText::as_str).or(via.url.host_str());
    Some(Source { url: feed.to_string(), title: title.map(character_data) })
}

/// What RSS has no element for: the picture and the answered posts, the date of an update (Atom's is valid inside an item,
/// and some feed readers use it), all enclosures but the first, and the podcast fields of an episode.
fn item_extensions(entry: &PageEntry<'_>, page: &Page<'_>) -> impl Iterator<Item = Extension> {
    let updated =
        entry.was_updated().then(|| Extension::new("atom:updated", &[], &entry.updated.to_rfc3339()));
    extension::of_entry(entry, page)
        .into_iter()
        .chain(updated)
        .chain(entry.enclosures.iter().skip(1).map(extension::enclosure))
        .chain(podcast::item_extensions(entry))
}

/// Names go to `dc:creator`: RSS's own `author` is an address, and an item must not have both.
fn dublin_core(entry: &PageEntry<'_>, page: &Page<'_>) -> Option<DublinCoreExtension> {
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
