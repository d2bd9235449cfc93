//! The podcast namespace ("Podcasting 2.0"), without its payments, whose content is not checked.

use super::rss::ITEM;
use super::rule::{ATTRIBUTE_MISSING, CHOICE};
use super::schema::{
    CHANNELS, Element, ITEMS, NOWHERE, RSS_CHANNEL, Schema, Validator, any_content, holder, may, must,
    special, text,
};
use super::value::Kind::{
    self, Email, Exactly, Fraction, IsoAnyTime, Language, MimeType, NonBlank, Number, OneOf, Rfc822, Uuid,
    WholeUri,
};
use crate::xml::tree::Node;

const BOTH: u16 = CHANNELS | ITEMS;
const COUNT: &[Kind] = &[Number(0, i64::MAX)];
const TRUTH: &[Kind] = &[Exactly(&["true", "false"])];
const YES_NO: &[Kind] = &[Exactly(&["yes", "no"])];

const MEDIUM: &[Kind] = &[OneOf(
    &[
        "podcast",
        "podcastL",
        "music",
        "musicL",
        "video",
        "videoL",
        "film",
        "filmL",
        "audiobook",
        "audiobookL",
        "newsletter",
        "newsletterL",
        "blog",
        "blogL",
        "publisher",
        "publisherL",
        "course",
        "courseL",
        "mixed",
    ],
    CHOICE,
)];

pub(super) const ELEMENTS: &[Element] = &[
    // Of a podcast.
    text("guid", &[Uuid]).of("podcast").at(CHANNELS).once(),
    text("locked", YES_NO).of("podcast").at(CHANNELS).once().with(&[may("owner", &[Email])]),
    text("medium", MEDIUM).of("podcast").at(CHANNELS).once(),
    text("block", YES_NO).of("podcast").at(CHANNELS).with(&[may("id", &[NonBlank])]),
    text("podping", &[]).of("podcast").at(CHANNELS).once().with(&[may("usesPodping", TRUTH)]),
    text("updateFrequency", &[NonBlank]).of("podcast").at(CHANNELS).once().with(&[
        may("complete", TRUTH),
        may("dtstart", &[NonBlank]),
        may("rrule", &[NonBlank]),
    ]),
    text("trailer", &[NonBlank]).of("podcast").at(CHANNELS).with(&[
        must("url", &[WholeUri]),
        must("pubdate", &[Rfc822]),
        may("length", COUNT),
        may("type", &[MimeType]),
        may("season", COUNT),
    ]),
    holder("podroll", &REMOTE_ITEMS).of("podcast").at(CHANNELS).once(),
    holder("publisher", &REMOTE_ITEMS).of("podcast").at(CHANNELS).once(),
    REMOTE_ITEM.at(CHANNELS),
    holder("liveItem", &ITEM).of("podcast").at(RSS_CHANNEL).with(&[
        must("status", &[OneOf(&["pending", "live", "ended"], CHOICE)]),
        must("start", &[IsoAnyTime]),
        may("end", &[IsoAnyTime]),
    ]),
    // Of a podcast and of an episode.
    text("person", &[NonBlank]).of("podcast").at(BOTH).with(&[
        may("role", &[NonBlank]),
        may("group", &[NonBlank]),
        may("img", &[WholeUri]),
        may("href", &[WholeUri]),
    ]),
    text("location", &[NonBlank]).of("podcast").at(BOTH).with(&[
        may("rel", &[OneOf(&["subject", "creator"], CHOICE)]),
        may("geo", &[WholeUri]),
        may("osm", &[NonBlank]),
        may("country", &[NonBlank]),
    ]),
    text("license", &[NonBlank]).of("podcast").at(BOTH).once().with(&[may("url", &[WholeUri])]),
    text("funding", &[]).of("podcast").at(BOTH).with(&[must("url", &[WholeUri])]),
    text("image", &[]).of("podcast").at(BOTH).open().with(&[
        must("href", &[WholeUri]),
        may("width", &[Number(1, i64::MAX)]),
        may("height", &[Number(1, i64::MAX)]),
        may("type", &[MimeType]),
    ]),
    text("images", &[]).of("podcast").at(BOTH).once().with(&[must("srcset", &[NonBlank])]),
    text("txt", &[NonBlank]).of("podcast").at(BOTH).with(&[may("purpose", &[NonBlank])]),
    text("chat", &[]).of("podcast").at(BOTH).once().with(&[
        must("server", &[NonBlank]),
        must("protocol", &[NonBlank]),
        may("accountId", &[]),
        may("space", &[]),
    ]),
    special("socialInteract", social_interact).of("podcast").at(BOTH).with(&[
        must("protocol", &[NonBlank]),
        may("uri", &[WholeUri]),
        may("accountId", &[]),
        may("accountUrl", &[WholeUri]),
        may("priority", &[Number(i64::MIN, i64::MAX)]),
    ]),
    any_content("value").of("podcast").at(BOTH),
    // Of an episode.
    text("transcript", &[]).of("podcast").at(ITEMS).with(&[
        must("url", &[WholeUri]),
        must("type", &[MimeType]),
        may("language", &[Language]),
        may("rel", &[OneOf(&["captions"], CHOICE)]),
    ]),
    text("chapters", &[])
        .of("podcast")
        .at(ITEMS)
        .once()
        .with(&[must("url", &[WholeUri]), must("type", &[MimeType])]),
    text("season", COUNT).of("podcast").at(ITEMS).once().with(&[may("name", &[NonBlank])]),
    text("episode", &[Fraction]).of("podcast").at(ITEMS).once().with(&[may("display", &[NonBlank])]),
    text("soundbite", &[])
        .of("podcast")
        .at(ITEMS)
        .with(&[must("startTime", &[Fraction]), must("duration", &[Fraction])]),
    text("contentLink", &[]).of("podcast").at(ITEMS).with(&[must("href", &[WholeUri])]),
    holder("alternateEnclosure", &ALTERNATE).of("podcast").at(ITEMS).with(&[
        must("type", &[MimeType]),
        may("length", COUNT),
        may("bitrate", &[Fraction]),
        may("height", COUNT),
        may("lang", &[Language]),
        may("title", &[]),
        may("rel", &[]),
        may("codecs", &[]),
        may("default", TRUTH),
    ]),
];

const REMOTE_ITEM: Element = text("remoteItem", &[]).of("podcast").with(&[
    must("feedGuid", &[Uuid]),
    may("feedUrl", &[WholeUri]),
    may("itemGuid", &[NonBlank]),
    may("medium", MEDIUM),
    may("title", &[]),
]);

static REMOTE_ITEMS: Schema = Schema {
    elements: &[REMOTE_ITEM],
    required: &[(Some("podcast"), "remoteItem")],
    place: NOWHERE,
    text: false,
};

static ALTERNATE: Schema = Schema {
    elements: &[
        text("source", &[]).of("podcast").with(&[must("uri", &[WholeUri]), may("contentType", &[MimeType])]),
        text("integrity", &[])
            .of("podcast")
            .once()
            .with(&[must("type", &[OneOf(&["sri", "pgp-signature"], CHOICE)]), must("value", &[NonBlank])]),
    ],
    required: &[(Some("podcast"), "source")],
    place: NOWHERE,
    text: false,
};

/// Where comments are switched off there is no address.
fn social_interact(walk: &mut Validator<'_, '_>, node: &Node<'_>, _: &Node<'_>) {
    if node.attribute("protocol") != Some("disabled") && node.attribute("uri").is_none() {
        walk.raise(ATTRIBUTE_MISSING, node, "<podcast:socialInteract> has no uri");
    }
}
