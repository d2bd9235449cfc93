//! Elements of other namespaces in RSS and Atom. The two crates have a type each, of the same shape.

use std::collections::BTreeMap;

use atom_syndication::extension::Extension as AtomExtension;
use quick_xml::escape::escape;
use rss::extension::Extension as RssExtension;
use url::Url;

use super::character_data::character_data;
use super::entry::Image;
use super::page::{Page, PageEntry};
use crate::archive::{self, Enclosure, ImageInfo};

/// An extension element of one of the crates.
pub(super) trait Extension: Sized {
    /// With a text, even an empty one, the crates put no line break into the element.
    fn new(name: &str, attributes: &[(&str, &str)], text: &str) -> Self;

    fn name(&self) -> &str;

    /// With an element inside.
    fn with(self, child: Self) -> Self;

    /// Plain text as the format writes it.
    fn plain(text: &str) -> String;
}

impl Extension for RssExtension {
    fn new(name: &str, attributes: &[(&str, &str)], text: &str) -> Self {
        let attrs =
            attributes.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect();
        Self { name: name.to_owned(), attrs, value: Some(text.to_owned()), ..Self::default() }
    }

    fn name(&self) -> &str {
        &self.name
    }

    fn with(mut self, child: Self) -> Self {
        let name = child.name.split(':').next_back().unwrap_or_default().to_owned();
        self.children.entry(name).or_default().push(child);
        self
    }

    fn plain(text: &str) -> String {
        character_data(text)
    }
}

impl Extension for AtomExtension {
    /// This crate does not escape the values of attributes.
    fn new(name: &str, attributes: &[(&str, &str)], text: &str) -> Self {
        let attrs = attributes
            .iter()
            .map(|(name, value)| ((*name).to_owned(), escape(*value).into_owned()))
            .collect();
        Self { name: name.to_owned(), attrs, value: Some(text.to_owned()), ..Self::default() }
    }

    fn name(&self) -> &str {
        &self.name
    }

    fn with(mut self, child: Self) -> Self {
        let name = child.name.split(':').next_back().unwrap_or_default().to_owned();
        self.children.entry(name).or_default().push(child);
        self
    }

    fn plain(text: &str) -> String {
        text.to_owned()
    }
}

/// An element without text.
pub(super) fn extension<E: Extension>(name: &str, attributes: &[(&str, &str)]) -> E {
    E::new(name, attributes, "")
}

/// By prefix and by name, as the crates expect them.
pub(super) fn by_name<E: Extension>(
    extensions: impl IntoIterator<Item = E>,
) -> BTreeMap<String, BTreeMap<String, Vec<E>>> {
    let mut map: BTreeMap<String, BTreeMap<String, Vec<E>>> = BTreeMap::new();
    for extension in extensions {
        let (prefix, name) = extension.name().split_once(':').unwrap_or(("", extension.name()));
        let (prefix, name) = (prefix.to_owned(), name.to_owned());
        map.entry(prefix).or_default().entry(name).or_default().push(extension);
    }
    map
}

/// The place of a document in its archive (RFC 5005).
pub(super) fn of_page<E: Extension>(page: &Page<'_>) -> Option<E> {
    page.history().map(|name| extension(name, &[]))
}

/// The picture of an entry (Media RSS), and the posts that it answers (RFC 4685).
pub(super) fn of_entry<E: Extension>(entry: &PageEntry<'_>, page: &Page<'_>) -> Vec<E> {
    let picture = entry
        .image
        .into_iter()
        .flat_map(|image| [extension("media:thumbnail", &[("url", image.url.as_str())]), self::image(image)]);
    let answers = entry.answers.iter().map(|url| {
        extension(
            "thr:in-reply-to",
            &[("href", url.as_str()), ("ref", &page.id_of(url)), ("type", "text/html")],
        )
    });
    picture.chain(answers).collect()
}

/// A picture with what is known about it.
fn image<E: Extension>(image: Image<'_>) -> E {
    let ImageInfo { alt, length, size, .. } = image.info;
    let media_type = archive::media_type(image.url).filter(|media_type| media_type.starts_with("image/"));
    let numbers = [
        ("fileSize", *length),
        ("width", size.map(|(width, _)| width.into())),
        ("height", size.map(|(_, height)| height.into())),
    ];
    let content: E = content("image", image.url, media_type, &numbers);
    match alt {
        Some(alt) => content.with(E::new("media:description", &[], &E::plain(alt.as_str()))),
        None => content,
    }
}

/// An enclosure for which RSS has no room of its own.
pub(super) fn enclosure<E: Extension>(enclosure: &Enclosure) -> E {
    let kind = enclosure.media_type.split('/').next().unwrap_or_default();
    let medium = if ["image", "audio", "video"].contains(&kind) { kind } else { "document" };
    let numbers =
        [("fileSize", Some(enclosure.length)), ("duration", enclosure.episode.duration.map(u64::from))];
    content(medium, &enclosure.url, Some(&enclosure.media_type), &numbers)
}

/// `media:content`, in which 0 is not a number.
fn content<E: Extension>(
    medium: &str,
    url: &Url,
    media_type: Option<&str>,
    numbers: &[(&str, Option<u64>)],
) -> E {
    let numbers: Vec<_> = numbers
        .iter()
        .filter_map(|(name, number)| Some((*name, number.filter(|number| *number > 0)?.to_string())))
        .collect();
    let mut attributes = vec![("medium", medium), ("url", url.as_str())];
    attributes.extend(media_type.map(|media_type| ("type", media_type)));
    attributes.extend(numbers.iter().map(|(name, number)| (*name, number.as_str())));
    extension("media:content", &attributes)
}
