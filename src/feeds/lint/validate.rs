//! Any feed: from its bytes to its findings. The root element decides the vocabulary.

use chrono::{DateTime, Utc};

use super::decode::{Decoded, decode};
use super::document::{Parsed, parse};
use super::findings::Lint;
use super::rule::{ELEMENT_MISSING, NAMESPACE_MISSING, NAMESPACE_OBSOLETE, NAMESPACE_WRONG, ROOT_UNKNOWN};
use super::schema::{Element, Validator, Vocabulary};
use super::{app, atom, modules, opml, rdf, rss, validate_json};
use crate::finding::Finding;
use crate::text::XmlText;
use crate::xml::namespaces::{ATOM, Ns, OBSOLETE, RDF};
use crate::xml::tree::Node;

/// All problems of the feed in `bytes`, in the order of the document. `served` is its `Content-Type`, if it came
/// over the web.
pub fn check_feed(file: &str, bytes: &[u8], served: Option<&str>, now: DateTime<Utc>) -> Vec<Finding> {
    let mut lint = Lint::new(file, now);
    if let Some(Decoded { text, encoding }) = decode(bytes, served, &mut lint) {
        lint.encoding = encoding;
        if let Some(parsed) = parse(&text, XmlText::is_clean(&text), |_| {}, &mut lint) {
            check_tables(&parsed, &text, &mut lint);
        }
    }
    lint.finish().into_iter().map(|raised| raised.finding).collect()
}

/// Checks a parsed document against the tables of its vocabulary.
pub(super) fn check_tables(parsed: &Parsed<'_>, text: &str, lint: &mut Lint<'_>) {
    match parsed {
        Parsed::Xml(root) => check_root(root, text, lint),
        Parsed::Json(feed) => validate_json::check(feed, lint),
    }
}

fn check_root(root: &Node<'_>, text: &str, lint: &mut Lint<'_>) {
    let (family, own, table): (_, _, &Element) = match (root.ns, root.name.as_ref()) {
        (ns, "rss") => {
            if ns != Ns::None {
                lint.raise(NAMESPACE_WRONG, root.line, "<rss> must not have a namespace");
            }
            (Vocabulary::Rss, ns, &rss::ROOT)
        }
        (RDF, "RDF") => (Vocabulary::Rdf, rss_1(root), &rdf::ROOT),
        (Ns::Known("rss11"), "Channel") => (Vocabulary::Rdf, root.ns, &rdf::ROOT_1_1),
        (Ns::None, "opml") => (Vocabulary::Opml, root.ns, &opml::ROOT),
        (Ns::Known("at"), "deleted-entry") => (Vocabulary::Atom, root.ns, &modules::TOMBSTONE),
        (Ns::Known("app"), "service") => (Vocabulary::Service, root.ns, &app::ROOT_SERVICE),
        (Ns::Known("app"), "categories") => (Vocabulary::Service, root.ns, &app::ROOT_CATEGORIES),
        (ns, "feed" | "entry") => {
            match ns {
                ATOM => {}
                Ns::None => {
                    lint.raise(NAMESPACE_MISSING, root.line, format!("<{}> has no namespace", root.name));
                }
                _ if OBSOLETE.iter().any(|address| text.contains(address)) => {
                    return lint.raise(NAMESPACE_OBSOLETE, root.line, "the namespace of an Atom draft");
                }
                _ => {
                    return lint.raise(
                        NAMESPACE_WRONG,
                        root.line,
                        format!("<{}> is not an Atom element", root.name),
                    );
                }
            }
            let table = if root.name == "feed" { &atom::ROOT_FEED } else { &atom::ROOT_ENTRY };
            (Vocabulary::Atom, ns, table)
        }
        _ => {
            return lint.raise(
                ROOT_UNKNOWN,
                root.line,
                format!("<{}> is not the root of a feed", root.label()),
            );
        }
    };
    if family == Vocabulary::Atom && own == Ns::None {
        // No element is Atom's, so one finding is enough.
        return;
    }
    let version = root.attribute("version").unwrap_or("2.0").to_owned();
    let version = if family == Vocabulary::Rss { version } else { String::new() };
    let outside = Node::default();
    Validator { lint, family, own, version, language: false, based: false, modules: &modules::MODULES }
        .element(root, &outside, table);
    if family == Vocabulary::Rdf && root.children.is_empty() {
        lint.raise(ELEMENT_MISSING, root.line, "<rdf:RDF> is empty");
    }
}

/// The version of RSS of an RDF document.
fn rss_1(root: &Node<'_>) -> Ns {
    const OLD: Ns = Ns::Known("rss090");
    if root.children.iter().any(|child| child.ns == OLD) { OLD } else { Ns::Known("rss1") }
}

#[cfg(test)]
mod tests;
