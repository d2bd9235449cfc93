//! The Atom publishing protocol: RFC 5023. Service and category documents, and their elements in feeds.

use super::atom::{CATEGORY, TITLE};
use super::rule::{CONFLICT, MIME_TYPE};
use super::schema::{ENTRY, Element, FEED, NOWHERE, SERVICE, Schema, Validator, holder, may, must, text};
use super::value::Kind::{Exactly, Iri, MimeType};
use crate::xml::namespaces::ATOM;
use crate::xml::tree::Node;

pub(super) const ROOT_SERVICE: Element = holder("service", &SERVICE_SCHEMA).of("app");
pub(super) const ROOT_CATEGORIES: Element = CATEGORIES;

pub(super) const ELEMENTS: &[Element] = &[COLLECTION.at(FEED | ENTRY).once()];

const COLLECTION: Element = holder("collection", &COLLECTION_SCHEMA).of("app").with(&[must("href", &[Iri])]);

const CATEGORIES: Element = holder("categories", &CATEGORIES_SCHEMA)
    .of("app")
    .with(&[may("href", &[Iri]), may("fixed", &[Exactly(&["yes", "no"])]), may("scheme", &[])])
    .and(categories);

static SERVICE_SCHEMA: Schema = Schema {
    elements: &[holder("workspace", &WORKSPACE).of("app")],
    required: &[(Some("app"), "workspace")],
    place: SERVICE,
    text: false,
};

static WORKSPACE: Schema = Schema {
    elements: &[TITLE, COLLECTION],
    required: &[(Some("atom"), "title")],
    place: SERVICE,
    text: false,
};

static COLLECTION_SCHEMA: Schema = Schema {
    elements: &[TITLE, text("accept", &[]).of("app").and(accept), CATEGORIES],
    required: &[(Some("atom"), "title")],
    place: SERVICE,
    text: false,
};

static CATEGORIES_SCHEMA: Schema =
    Schema { elements: &[CATEGORY], required: &[], place: NOWHERE, text: false };

/// Media ranges separated by commas; without one, nothing is accepted.
fn accept(walk: &mut Validator<'_, '_>, node: &Node<'_>, _: &Node<'_>) {
    for range in node.value().split(',').map(str::trim).filter(|range| !range.is_empty()) {
        if let Some((_, message)) = MimeType.judge(range, walk.setting(true)) {
            walk.raise(MIME_TYPE, node, format!("<app:accept>: {message}"));
        }
    }
}

/// The categories are either in another document or here.
fn categories(walk: &mut Validator<'_, '_>, node: &Node<'_>, _: &Node<'_>) {
    if node.attribute("href").is_none() {
        return;
    }
    for name in ["fixed", "scheme"].into_iter().filter(|name| node.attribute(name).is_some()) {
        walk.raise(CONFLICT, node, format!("<app:categories> has both href and {name}"));
    }
    if node.child(ATOM, "category").is_some() {
        walk.raise(CONFLICT, node, "<app:categories> has both href and categories");
    }
}
