//! Elements of other namespaces in RSS and Atom. The two crates have a type each, of the same shape.

use std::collections::BTreeMap;

use atom_syndication::extension::Extension as AtomExtension;
use quick_xml::escape::escape;
use rss::extension::Extension as RssExtension;

use super::page::{Page, PageEntry};

/// An extension element of one of the crates.
pub(super) trait Extension: Sized {
    /// With a text, even an empty one, the crates put no line break into the element.
    fn new(name: &str, attributes: &[(&str, &str)], text: &str) -> Self;

    fn name(&self) -> &str;
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
    let picture = entry.image.map(|url| extension("media:thumbnail", &[("url", url.as_str())]));
    let answers = entry.answers.iter().map(|url| {
        extension(
            "thr:in-reply-to",
            &[("href", url.as_str()), ("ref", &page.id_of(url)), ("type", "text/html")],
        )
    });
    picture.into_iter().chain(answers).collect()
}
