//! RSS 0.91, 0.92 and 2.0, with the RSS Advisory Board's profile. The tables of channels and items.

use super::findings::shown;
use super::itunes;
use super::link::rel;
use super::rule::{
    DESCRIPTION_FIRST, ELEMENT_MISPLACED, ELEMENT_MISSING, ELEMENT_UNKNOWN, ENCLOSURE_REPEATED, GUID,
    GUID_MISSING, GUID_WEAK, IMAGE_DIFFERS, IMAGE_FORMAT, LANGUAGE_MISSING, SAME_TWICE, SELF_MISSING,
    SLASH_DATE, TIME_OF_DAY, VALUE_REPEATED, VERSION_WRONG,
};
use super::schema::{
    Element, NOWHERE, PART, RSS_CHANNEL, RSS_ITEM, Schema, Validator, any_content, holder, html, may, must,
    special, text,
};
use super::value::Kind::{
    EmailWithName, Exactly, FormName, Hour, Language, MimeType, NonBlank, Number, OneOf, Plain, Rfc822,
    WebUrl, WholeUri,
};
use crate::xml::namespaces::Ns;
use crate::xml::tree::Node;

pub(super) const ROOT: Element = holder("rss", &RSS).with(&[must("version", &[])]).and(rss);

static RSS: Schema = Schema {
    elements: &[
        holder("channel", &CHANNEL).once().and(channel),
        text("restriction", &[])
            .of("access")
            .once()
            .with(&[must("relationship", &[Exactly(&["allow", "deny"])])]),
    ],
    required: &[(None, "channel")],
    place: NOWHERE,
    text: false,
};

static CHANNEL: Schema = Schema {
    elements: &[
        // Required.
        text("title", &[NonBlank, Plain]).once(),
        text("link", &[WholeUri]).once(),
        text("description", &[Plain]).once(),
        // Optional.
        text("category", &[Plain]).with(&[may("domain", &[])]),
        text("cloud", &[]).once().with(&[
            must("domain", &[NonBlank]),
            must("port", &[Number(1, 65535)]),
            must("path", &[]),
            must("registerProcedure", &[]),
            must("protocol", &[]),
        ]),
        text("copyright", &[Plain]).once(),
        text("docs", &[WholeUri]).once(),
        text("generator", &[]).once(),
        holder("image", &IMAGE).once().and(image),
        text("language", &[Language]).once(),
        text("lastBuildDate", &[Rfc822]).once(),
        text("managingEditor", &[EmailWithName]).once(),
        text("pubDate", &[Rfc822]).once(),
        text("rating", &[]).once(),
        holder("skipDays", &SKIP_DAYS).once().and(once_each),
        holder("skipHours", &SKIP_HOURS).once().and(once_each),
        holder("textInput", &TEXT_INPUT).once(),
        text("ttl", &[NonBlank, Number(1, i64::MAX)]).once(),
        text("webMaster", &[EmailWithName]).once(),
        holder("item", &ITEM).and(item),
        // Some old feeds use this browser element, which is in no specification.
        special("blink", |walk, node, _| walk.raise(ELEMENT_UNKNOWN, node, "<blink> is not an RSS element"))
            .open(),
    ],
    required: &[(None, "title"), (None, "link"), (None, "description")],
    place: RSS_CHANNEL,
    text: false,
};

pub(super) static IMAGE: Schema = Schema {
    elements: &[
        text("title", &[NonBlank, Plain]).once(),
        text("url", &[WholeUri]).once(),
        text("link", &[WholeUri]).once(),
        text("description", &[Plain]).once(),
        text("width", &[Number(1, 144)]).once(),
        text("height", &[Number(1, 400)]).once(),
    ],
    required: &[(None, "title"), (None, "url"), (None, "link")],
    place: PART,
    text: false,
};

pub(super) static TEXT_INPUT: Schema = Schema {
    elements: &[
        text("title", &[Plain]).once(),
        text("description", &[]).once(),
        text("name", &[FormName]).once(),
        text("link", &[WholeUri]).once(),
    ],
    required: &[(None, "title"), (None, "description"), (None, "name"), (None, "link")],
    place: PART,
    text: false,
};

const DAYS: &[&str] = &["Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday", "Sunday"];

static SKIP_DAYS: Schema = Schema {
    elements: &[text("day", &[OneOf(DAYS, TIME_OF_DAY)])],
    required: &[(None, "day")],
    place: NOWHERE,
    text: false,
};

static SKIP_HOURS: Schema =
    Schema { elements: &[text("hour", &[Hour])], required: &[(None, "hour")], place: NOWHERE, text: false };

pub(super) static ITEM: Schema = Schema {
    elements: &[
        text("title", &[NonBlank, Plain]).once(),
        text("link", &[WholeUri]).once(),
        special("description", description).once(),
        text("author", &[EmailWithName]).once(),
        text("category", &[NonBlank, Plain]).with(&[may("domain", &[])]),
        text("comments", &[WholeUri]).once(),
        text("enclosure", &[]).once_or(ENCLOSURE_REPEATED).with(&[
            must("url", &[WebUrl]),
            must("length", &[Number(0, i64::MAX)]),
            must("type", &[MimeType]),
        ]),
        special("guid", guid).once().with(&[may("isPermaLink", &[Exactly(&["true", "false"])])]),
        text("pubDate", &[Rfc822]).once(),
        text("source", &[Plain]).once().with(&[must("url", &[WholeUri])]),
        html("encoded").of("content").once().and(encoded),
        any_content("body").of("xhtml").and(|walk, node, _| super::html::inline(node, true, walk.lint)),
    ],
    required: &[],
    place: RSS_ITEM,
    text: false,
};

fn rss(walk: &mut Validator<'_, '_>, node: &Node<'_>, _: &Node<'_>) {
    if node.attribute("version").is_some_and(|version| !matches!(version, "0.91" | "0.92" | "2.0")) {
        let version = shown(node.attribute("version").unwrap_or_default());
        walk.raise(VERSION_WRONG, node, format!("RSS {version} does not exist"));
    }
}

/// Pairs of an element of RSS and an element of a module with the same meaning.
const CHANNEL_EQUIVALENTS: &[(&str, &str, &str)] = &[
    ("category", "dc", "subject"),
    ("copyright", "dc", "rights"),
    ("generator", "admin", "generatorAgent"),
    ("language", "dc", "language"),
    ("lastBuildDate", "dcterms", "modified"),
    ("managingEditor", "dc", "creator"),
    ("pubDate", "dc", "date"),
    ("webMaster", "dc", "publisher"),
];
const ITEM_EQUIVALENTS: &[(&str, &str, &str)] = &[
    ("author", "dc", "creator"),
    ("category", "dc", "subject"),
    ("guid", "atom", "id"),
    ("pubDate", "atom", "published"),
    ("pubDate", "dc", "date"),
    ("source", "dc", "source"),
];

fn equivalents(walk: &mut Validator<'_, '_>, node: &Node<'_>, pairs: &[(&str, &'static str, &str)]) {
    let licences = (Ns::Known("creativeCommons"), Ns::Known("cc"));
    for &(own, prefix, name) in pairs {
        let equivalent = node.child(Ns::Known(prefix), name);
        if let (Some(_), Some(equivalent)) = (node.child(walk.own, own), equivalent) {
            walk.raise(
                SAME_TWICE,
                equivalent,
                format!("<{own}> and <{prefix}:{name}> have the same meaning"),
            );
        }
    }
    if let (Some(_), Some(equivalent)) =
        (node.child(licences.0, "license"), node.child(licences.1, "license"))
    {
        walk.raise(
            SAME_TWICE,
            equivalent,
            "<creativeCommons:license> and <cc:license> have the same meaning",
        );
    }
}

fn channel(walk: &mut Validator<'_, '_>, node: &Node<'_>, _: &Node<'_>) {
    common(walk, node);
    let items = node.children.iter().position(|child| child.is(walk.own, "item"));
    let late = items.and_then(|first| {
        let own = |child: &&Node<'_>| {
            child.ns == walk.own && child.name != "item" || child.is(Ns::Known("atom"), "link")
        };
        node.children[first..].iter().find(own)
    });
    if let (Some(late), true) = (late, walk.is_rss_2()) {
        walk.raise(ELEMENT_MISPLACED, late, format!("<{}> after an <item>", late.label()));
    }
    if walk.is_rss_2() && rel(node, "self").is_none() {
        walk.raise(SELF_MISSING, node, "the channel has no link to itself");
    }
    unique_guids(walk, node);
    itunes::channel(walk, node);
}

/// The checks that channels of RSS 1.0 share.
pub(super) fn common(walk: &mut Validator<'_, '_>, node: &Node<'_>) {
    equivalents(walk, node, CHANNEL_EQUIVALENTS);
    let language = node.child(walk.own, "language").or_else(|| node.child(Ns::Known("dc"), "language"));
    if language.is_none() && !walk.language {
        walk.raise(LANGUAGE_MISSING, node, "the channel has no language");
    }
}

fn unique_guids(walk: &mut Validator<'_, '_>, node: &Node<'_>) {
    let own = walk.own;
    let mut guids: Vec<(&str, usize)> = node
        .children(own, "item")
        .filter_map(|item| item.child(own, "guid"))
        .map(|guid| (guid.value(), guid.line))
        .collect();
    guids.sort_unstable();
    for pair in guids.windows(2) {
        if pair[0].0 == pair[1].0 && !pair[0].0.is_empty() {
            let message = format!("the guid {} is also in line {}", shown(pair[0].0), pair[0].1);
            walk.lint.raise(VALUE_REPEATED, pair[1].1, message);
        }
    }
}

fn item(walk: &mut Validator<'_, '_>, node: &Node<'_>, parent: &Node<'_>) {
    equivalents(walk, node, ITEM_EQUIVALENTS);
    let own = walk.own;
    if node.child(own, "title").is_none() && node.child(own, "description").is_none() {
        walk.raise(ELEMENT_MISSING, node, "<item> has neither <title> nor <description>");
    }
    if node.child(own, "guid").is_none() && walk.is_rss_2() {
        walk.raise(GUID_MISSING, node, "<item> has no <guid>");
    }
    if node.child(Ns::Known("slash"), "comments").is_some() && parent.child(own, "lastBuildDate").is_none() {
        walk.raise(SLASH_DATE, node, "<slash:comments> in a channel without <lastBuildDate>");
    }
    itunes::item(walk, node, parent);
}

/// HTML since 0.92; plain text before.
fn description(walk: &mut Validator<'_, '_>, node: &Node<'_>, _: &Node<'_>) {
    const PLAIN: Element = text("description", &[Plain]);
    const HTML: Element = html("description");
    let table = if walk.version == "0.91" { &PLAIN } else { &HTML };
    walk.element(node, node, table);
}

fn guid(walk: &mut Validator<'_, '_>, node: &Node<'_>, _: &Node<'_>) {
    let value = node.value();
    if node.attribute("isPermaLink") == Some("false") {
        if value.len() < 9 && value.bytes().all(|b| b.is_ascii_digit()) {
            walk.raise(GUID_WEAK, node, format!("the guid {} may be used by other feeds too", shown(value)));
        }
        return;
    }
    let is_name = ["tag:", "urn:"].iter().any(|scheme| value.to_ascii_lowercase().starts_with(scheme));
    if is_name
        || WholeUri.judge(value, walk.setting(true)).is_some_and(|(rule, _)| rule.name != "link-scheme")
    {
        walk.raise(
            GUID,
            node,
            format!("the guid {} is not an address, and isPermaLink is not \"false\"", shown(value)),
        );
    }
}

/// The summary must come before the whole text.
fn encoded(walk: &mut Validator<'_, '_>, node: &Node<'_>, parent: &Node<'_>) {
    let summary = parent.child(walk.own, "description");
    if summary.is_none_or(|summary| summary.line > node.line) {
        walk.raise(DESCRIPTION_FIRST, node, "<content:encoded> without a <description> before it");
    }
}

fn once_each(walk: &mut Validator<'_, '_>, node: &Node<'_>, _: &Node<'_>) {
    let mut seen: Vec<&str> = Vec::new();
    for child in &node.children {
        // Midnight has two notations.
        let value = if child.value() == "24" { "0" } else { child.value() };
        if seen.contains(&value) {
            walk.raise(VALUE_REPEATED, child, format!("{} twice in <{}>", shown(value), node.name));
        } else if seen.len() < 24 {
            seen.push(value);
        }
    }
}

fn image(walk: &mut Validator<'_, '_>, node: &Node<'_>, parent: &Node<'_>) {
    let own = walk.own;
    for name in ["title", "link"] {
        let (mine, theirs) = (node.child(own, name), parent.child(own, name));
        if let (Some(mine), Some(theirs)) = (mine, theirs)
            && mine.value() != theirs.value()
            && !theirs.value().is_empty()
        {
            let message = format!(
                "<{name}> of the image is {}, but {} for the channel",
                shown(mine.value()),
                shown(theirs.value())
            );
            walk.raise(IMAGE_DIFFERS, mine, message);
        }
    }
    if let Some(url) = node.child(own, "url")
        && let Some((_, ending)) = url.value().rsplit_once('.')
        && ending.bytes().all(|b| b.is_ascii_alphanumeric())
        && !["jpg", "jpeg", "gif", "png"].iter().any(|known| known.eq_ignore_ascii_case(ending))
    {
        walk.raise(IMAGE_FORMAT, url, format!("an image that ends in .{ending}"));
    }
}
