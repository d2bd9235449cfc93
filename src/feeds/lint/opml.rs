//! OPML 2.0: lists of feeds and other outlines.

use super::rule::{ATTRIBUTE_MISSING, VERSION_WRONG};
use super::schema::{Attribute, Element, NOWHERE, Schema, Validator, holder, may, must, text};
use super::value::Kind::{self, Email, Exactly, Language, Number, OneOf, Rfc822, WebUrl, WholeIri};
use crate::xml::tree::Node;

pub(super) const ROOT: Element =
    holder("opml", &OPML).with(&[must("version", &[OneOf(&["1.0", "1.1", "2.0"], VERSION_WRONG)])]);

static OPML: Schema = Schema {
    elements: &[holder("head", &HEAD).once(), holder("body", &BODY).once()],
    required: &[(None, "head"), (None, "body")],
    place: NOWHERE,
    text: false,
};

const WHOLE: &[Kind] = &[Number(i64::MIN, i64::MAX)];

static HEAD: Schema = Schema {
    elements: &[
        text("title", &[]).once(),
        text("dateCreated", &[Rfc822]).once(),
        text("dateModified", &[Rfc822]).once(),
        text("ownerName", &[]).once(),
        text("ownerEmail", &[Email]).once(),
        text("ownerId", &[WebUrl]).once(),
        text("docs", &[WebUrl]).once(),
        text("expansionState", &[]).once(),
        text("vertScrollState", WHOLE).once(),
        text("windowTop", WHOLE).once(),
        text("windowLeft", WHOLE).once(),
        text("windowBottom", WHOLE).once(),
        text("windowRight", WHOLE).once(),
    ],
    required: &[],
    place: NOWHERE,
    text: false,
};

static BODY: Schema =
    Schema { elements: &[outline(&OUTLINES)], required: &[(None, "outline")], place: NOWHERE, text: false };

static OUTLINES: Schema =
    Schema { elements: &[outline(&OUTLINES)], required: &[], place: NOWHERE, text: false };

/// An outline with other outlines; it may have any other attribute.
pub(super) const fn outline(within: &'static Schema) -> Element {
    holder("outline", within).with(OUTLINE_ATTRIBUTES).open().and(has_address)
}

const OUTLINE_ATTRIBUTES: &[Attribute] = &[
    must("text", &[]),
    may("isComment", &[Exactly(&["true", "false"])]),
    may("isBreakpoint", &[Exactly(&["true", "false"])]),
    may("created", &[Rfc822]),
    may("xmlUrl", &[WholeIri]),
    may("htmlUrl", &[WholeIri]),
    may("url", &[WholeIri]),
    may("language", &[Language]),
];

/// The attribute that an outline of a type must have.
const NEEDED: [(&str, &str); 3] = [("rss", "xmlUrl"), ("link", "url"), ("include", "url")];

fn has_address(walk: &mut Validator<'_, '_>, node: &Node<'_>, _: &Node<'_>) {
    let kind = node.attribute("type").unwrap_or_default();
    let needed = NEEDED.iter().find(|(known, _)| known.eq_ignore_ascii_case(kind));
    if let Some((kind, name)) = needed.filter(|(_, name)| node.attribute(name).is_none()) {
        walk.raise(ATTRIBUTE_MISSING, node, format!("<{}> of the type {kind} has no {name}", node.label()));
    }
}
