//! The source namespace of Dave Winer: where the text of an item comes from.

use super::opml::outline;
use super::schema::{CHANNELS, Element, ITEMS, NOWHERE, Schema, holder, may, must, text};
use super::value::Kind::{Exactly, NonBlank, WholeUri};

const BOTH: u16 = CHANNELS | ITEMS;

pub(super) const ELEMENTS: &[Element] = &[
    text("account", &[NonBlank]).of("source").at(BOTH).with(&[must("service", &[NonBlank])]),
    holder("archive", &ARCHIVE).of("source").at(CHANNELS).once(),
    text("blogroll", &[WholeUri]).of("source").at(CHANNELS).once(),
    text("cloud", &[WholeUri]).of("source").at(CHANNELS).once(),
    text("likes", &[]).of("source").at(CHANNELS).once().with(&[must("server", &[WholeUri])]),
    text("localTime", &[]).of("source").at(BOTH).once(),
    text("self", &[WholeUri]).of("source").at(CHANNELS).once(),
    text("subscriptionList", &[]).of("source").at(CHANNELS).with(&[must("url", &[WholeUri])]),
    text("inReplyTo", &[NonBlank])
        .of("source")
        .at(ITEMS)
        .once()
        .with(&[may("isPermaLink", &[Exactly(&["true", "false"])])]),
    text("linkFull", &[WholeUri]).of("source").at(ITEMS).once(),
    text("markdown", &[]).of("source").at(ITEMS).once(),
    outline(&OUTLINES).of("source").at(ITEMS),
];

static OUTLINES: Schema =
    Schema { elements: &[outline(&OUTLINES).of("source")], required: &[], place: NOWHERE, text: false };

static ARCHIVE: Schema = Schema {
    elements: &[
        text("url", &[WholeUri]).of("source").once(),
        text("startDay", &[NonBlank]).of("source").once(),
        text("endDay", &[NonBlank]).of("source").once(),
        text("filename", &[NonBlank]).of("source").once(),
    ],
    required: &[(Some("source"), "url"), (Some("source"), "startDay")],
    place: NOWHERE,
    text: false,
};
