//! Feed Sync 1.0: shared lists in feeds. The tables, and the consistency of their attributes.

use chrono::DateTime;

use super::atom::ENTRY_SCHEMA;
use super::rss::ITEM;
use super::rule::{ATTRIBUTE_ADVISED, ATTRIBUTE_MISSING, CHOICE, CONFLICT};
use super::schema::{CHANNELS, Element, ITEMS, NOWHERE, Schema, Validator, holder, may, must, text};
use super::value::Kind::{self, Exactly, NonBlank, Nss, Number, OneOf, Plain, Rfc3339, WholeUri};
use crate::xml::tree::Node;

const COUNTER: &[Kind] = &[Number(1, 0x7FFF_FFFF)];
const FLAG: &[Kind] = &[Exactly(&["true", "false"])];

pub(super) const ELEMENTS: &[Element] = &[
    holder("sharing", &SHARING).of("sx").at(CHANNELS).and(sharing).with(&[
        may("since", &[Rfc3339]),
        may("until", &[Rfc3339]),
        may("expires", &[Rfc3339]),
    ]),
    holder("sync", &SYNC).of("sx").at(ITEMS).with(&[
        must("id", &[Nss]),
        must("updates", COUNTER),
        may("deleted", FLAG),
        may("noconflicts", FLAG),
    ]),
];

static SHARING: Schema = Schema {
    elements: &[text("related", &[]).of("sx").with(&[
        must("link", &[WholeUri]),
        may("title", &[Plain, NonBlank]),
        must("type", &[OneOf(&["complete", "aggregated"], CHOICE)]),
    ])],
    required: &[],
    place: NOWHERE,
    text: false,
};

static SYNC: Schema = Schema {
    elements: &[
        text("history", &[])
            .of("sx")
            .with(&[must("sequence", COUNTER), may("when", &[Rfc3339]), may("by", &[Plain, NonBlank, Nss])])
            .and(history),
        holder("conflicts", &CONFLICTS).of("sx"),
    ],
    required: &[(Some("sx"), "history")],
    place: NOWHERE,
    text: false,
};

static CONFLICTS: Schema = Schema {
    elements: &[holder("item", &ITEM), holder("entry", &ENTRY_SCHEMA).of("atom")],
    required: &[],
    place: NOWHERE,
    text: false,
};

/// A range needs both ends.
fn sharing(walk: &mut Validator<'_, '_>, node: &Node<'_>, _: &Node<'_>) {
    for (one, other) in [("since", "until"), ("until", "since")] {
        if node.attribute(one).is_some() && node.attribute(other).is_none() {
            walk.raise(ATTRIBUTE_MISSING, node, format!("<sx:sharing> has {one} but no {other}"));
        }
    }
    let instant = |name| node.attribute(name).and_then(|date| DateTime::parse_from_rfc3339(date).ok());
    if let (Some(since), Some(until)) = (instant("since"), instant("until"))
        && since > until
    {
        walk.raise(CONFLICT, node, format!("since {since} is later than until {until}"));
    }
}

/// One of `when` and `by` is required, both are recommended.
fn history(walk: &mut Validator<'_, '_>, node: &Node<'_>, _: &Node<'_>) {
    match (node.attribute("when"), node.attribute("by")) {
        (None, None) => walk.raise(ATTRIBUTE_MISSING, node, "<sx:history> has neither when nor by"),
        (None, Some(_)) => walk.raise(ATTRIBUTE_ADVISED, node, "<sx:history> has no when"),
        (Some(_), None) => walk.raise(ATTRIBUTE_ADVISED, node, "<sx:history> has no by"),
        (Some(_), Some(_)) => {}
    }
}
