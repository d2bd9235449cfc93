//! Atom 1.0: RFC 4287, with the relations of RFC 5005 and RFC 4685. The tables of feeds, entries and persons.

use std::collections::HashSet;

use super::findings::shown;
use super::history;
use super::link;
use super::rule::{
    CONTENT_MISSING, ELEMENT_MISSING, ELEMENT_UNKNOWN, ID_REPEATED, LINK_REPEATED, SELF_MISSING,
    SOURCE_MISSING, SUMMARY_MISSING,
};
use super::schema::{ENTRY, Element, FEED, NOWHERE, Schema, Validator, holder, may, must, special, text};
use super::text_construct::{content, is_binary, text_construct};
use super::value::Kind::{Bare, Canonical, Email, Iri, NoEmail, NonBlank, Plain, Rfc3339, WholeIri};
use crate::xml::namespaces::ATOM;
use crate::xml::tree::Node;

pub(super) const ROOT_FEED: Element = holder("feed", &FEED_SCHEMA).and(feed);
pub(super) const ROOT_ENTRY: Element = holder("entry", &ENTRY_SCHEMA).and(entry);

pub(super) static PERSON: Schema = Schema {
    elements: &[
        text("name", &[Plain, NoEmail, NonBlank]).of("atom").once(),
        text("email", &[Email]).of("atom").once(),
        text("uri", &[NonBlank, Bare, Iri]).of("atom").once(),
    ],
    required: &[(Some("atom"), "name")],
    place: NOWHERE,
    text: false,
};

pub(super) const AUTHOR: Element = holder("author", &PERSON).of("atom");
pub(super) const CONTRIBUTOR: Element = holder("contributor", &PERSON).of("atom");
pub(super) const CATEGORY: Element = text("category", &[]).of("atom").open().with(&[
    must("term", &[NonBlank]),
    may("scheme", &[WholeIri]),
    may("label", &[Plain]),
]);
pub(super) const GENERATOR: Element = text("generator", &[NonBlank, Plain]).of("atom").once().with(&[
    may("uri", &[Iri]),
    may("url", &[Iri]),
    may("version", &[]),
]);
pub(super) const TITLE: Element = special("title", text_construct).of("atom").once().open();
pub(super) const SUBTITLE: Element = special("subtitle", text_construct).of("atom").once().open();
pub(super) const RIGHTS: Element = special("rights", text_construct).of("atom").once().open();
pub(super) const SUMMARY: Element = special("summary", text_construct).of("atom").once().open();
pub(super) const CONTENT: Element = special("content", content).of("atom").once().open();
pub(super) const UPDATED: Element = text("updated", &[Bare, Rfc3339]).of("atom").once();
pub(super) const PUBLISHED: Element = text("published", &[Bare, Rfc3339]).of("atom").once();
pub(super) const ID: Element = text("id", &[NonBlank, Bare, WholeIri, Canonical]).of("atom").once();
pub(super) const ICON: Element = text("icon", &[NonBlank, Bare, Iri]).of("atom").once();
pub(super) const LOGO: Element = text("logo", &[NonBlank, Bare, Iri]).of("atom").once();

static FEED_ELEMENTS: [Element; 13] = [
    AUTHOR,
    CATEGORY,
    CONTRIBUTOR,
    GENERATOR,
    ICON,
    ID,
    link::LINK_ELEMENT,
    LOGO,
    RIGHTS,
    SUBTITLE,
    TITLE,
    UPDATED,
    holder("entry", &ENTRY_SCHEMA).of("atom").and(entry),
];

static FEED_SCHEMA: Schema = Schema {
    elements: &FEED_ELEMENTS,
    required: &[(Some("atom"), "title"), (Some("atom"), "id"), (Some("atom"), "updated")],
    place: FEED,
    text: false,
};

/// A feed within an entry, where missing elements are only warnings.
static SOURCE_SCHEMA: Schema = Schema { elements: &FEED_ELEMENTS, required: &[], place: FEED, text: false };

pub(super) static ENTRY_SCHEMA: Schema = Schema {
    elements: &[
        AUTHOR,
        CATEGORY,
        CONTRIBUTOR,
        CONTENT,
        ID,
        link::LINK_ELEMENT,
        PUBLISHED,
        holder("source", &SOURCE_SCHEMA).of("atom").once().and(source),
        RIGHTS,
        SUMMARY,
        TITLE,
        UPDATED,
    ],
    required: &[(Some("atom"), "title"), (Some("atom"), "id"), (Some("atom"), "updated")],
    place: ENTRY,
    text: false,
};

fn feed(walk: &mut Validator<'_, '_>, node: &Node<'_>, _: &Node<'_>) {
    if link::rel(node, "self").is_none() {
        walk.raise(SELF_MISSING, node, "the feed has no link to itself");
    }
    alternates(walk, node);
    history::feed(walk, node);
    let mut ids: Vec<(&str, usize)> = node
        .children(ATOM, "entry")
        .filter_map(|entry| entry.child(ATOM, "id"))
        .map(|id| (id.value(), id.line))
        .collect();
    ids.sort_unstable();
    for pair in ids.windows(2) {
        if pair[0].0 == pair[1].0 {
            let message = format!("the id {} is also in line {}", shown(pair[0].0), pair[0].1);
            walk.lint.raise(ID_REPEATED, pair[1].1, message);
        }
    }
}

/// At most one page for each pair of type and language (RFC 4287, 4.1.1 and 4.1.2).
fn alternates(walk: &mut Validator<'_, '_>, node: &Node<'_>) {
    let mut seen: HashSet<(&str, &str)> = HashSet::new();
    for found in node.children(ATOM, "link").filter(|found| link::relation(found) == "alternate") {
        let key =
            (found.attribute("type").unwrap_or_default(), found.attribute("hreflang").unwrap_or_default());
        if !seen.insert(key) {
            let message =
                format!("a second alternate with the type {:?} and the language {:?}", key.0, key.1);
            walk.raise(LINK_REPEATED, found, message);
        }
    }
}

fn entry(walk: &mut Validator<'_, '_>, node: &Node<'_>, parent: &Node<'_>) {
    let has_author = |node: &Node<'_>| node.child(ATOM, "author").is_some();
    if !has_author(node) && !has_author(parent) && !node.child(ATOM, "source").is_some_and(has_author) {
        walk.raise(ELEMENT_MISSING, node, "neither <entry> nor its feed has an <author>");
    }
    let summary = node.child(ATOM, "summary").is_some();
    match node.child(ATOM, "content") {
        Some(content) if !summary && (content.attribute("src").is_some() || is_binary(content)) => {
            walk.raise(SUMMARY_MISSING, node, "the content is external or binary, and there is no <summary>");
        }
        None if link::rel(node, "alternate").is_none() => {
            walk.raise(CONTENT_MISSING, node, "<entry> has neither <content> nor an alternate link");
        }
        _ => {}
    }
    alternates(walk, node);
}

fn source(walk: &mut Validator<'_, '_>, node: &Node<'_>, _: &Node<'_>) {
    for name in ["id", "title", "updated"] {
        if node.child(ATOM, name).is_none() {
            walk.raise(SOURCE_MISSING, node, format!("<source> has no <{name}>"));
        }
    }
    if let Some(entry) = node.child(ATOM, "entry") {
        walk.raise(ELEMENT_UNKNOWN, entry, "<entry> is not allowed in <source>");
    }
    alternates(walk, node);
}
