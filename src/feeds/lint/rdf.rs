//! RSS 1.1, 1.0 and 0.90: elements of RDF. The tables, and the elements that require an `rdf:about`.

use super::findings::shown;
use super::rss::{IMAGE, TEXT_INPUT, common};
use super::rule::{ATTRIBUTE_MISSING, VALUE_REPEATED};
use super::schema::{
    Attribute, Element, NOWHERE, PART, RDF_CHANNEL, RDF_ITEM, Schema, Validator, any_content, holder, html,
    may, must, special, text,
};
use super::value::Kind::{Exactly, NonBlank, Plain, Uri, WholeUri};
use crate::xml::namespaces::{Ns, RDF};
use crate::xml::tree::Node;

pub(super) const ROOT: Element = holder("RDF", &RSS).of("rdf").open();

/// RSS 1.1: the channel is the root, and has its items in a collection.
pub(super) const ROOT_1_1: Element = holder("Channel", &CHANNEL_1_1).with(ABOUT).and(|walk, node, parent| {
    about(walk, node, parent);
    common(walk, node);
});

const ABOUT: &[Attribute] = &[may("about", &[Uri]).of("rdf")];

static RSS: Schema = Schema {
    elements: &[
        holder("channel", &CHANNEL).once().with(ABOUT).and(channel),
        holder("item", &ITEM).with(ABOUT).and(about),
        holder("image", &IMAGE).with(ABOUT).and(about),
        holder("textinput", &TEXT_INPUT).with(ABOUT).and(about),
        any_content("License").of("cc"),
        any_content("topic").of("taxo"),
        any_content("Description").of("rdf"),
        any_content("Person").of("foaf"),
    ],
    required: &[(None, "channel")],
    place: NOWHERE,
    text: false,
};

static CHANNEL: Schema = Schema {
    elements: &[
        text("title", &[NonBlank, Plain]).once(),
        text("link", &[WholeUri]).once(),
        text("description", &[Plain]).once(),
        any_content("image").once(),
        any_content("textinput").once(),
        holder("items", &ITEMS).once().open(),
        any_content("label").of("rdfs"),
        any_content("comment").of("rdfs"),
    ],
    required: &[(None, "title"), (None, "link"), (None, "description")],
    place: RDF_CHANNEL,
    text: false,
};

static ITEMS: Schema = Schema {
    elements: &[holder("Seq", &SEQ).of("rdf"), holder("Bag", &SEQ).of("rdf")],
    required: &[],
    place: NOWHERE,
    text: false,
};

static SEQ: Schema = Schema {
    elements: &[text("li", &[]).of("rdf").with(&[may("resource", &[]), may("resource", &[]).of("rdf")])],
    required: &[],
    place: NOWHERE,
    text: false,
};

static ITEM: Schema = Schema {
    elements: &[
        text("title", &[NonBlank, Plain]).once(),
        text("link", &[WholeUri]).once(),
        html("description").once(),
        html("encoded").of("content").once(),
        any_content("items").of("content").once(),
        special("body", |walk, node, _| super::html::inline(node, true, walk.lint)).of("xhtml").open(),
        any_content("label").of("rdfs"),
        any_content("comment").of("rdfs"),
    ],
    required: &[(None, "title"), (None, "link")],
    place: RDF_ITEM,
    text: false,
};

static CHANNEL_1_1: Schema = Schema {
    elements: &[
        text("title", &[NonBlank, Plain]).once(),
        text("link", &[WholeUri]).once(),
        text("description", &[Plain]).once(),
        IMAGE_1_1,
        holder("items", &ITEMS_1_1).once().with(&[must("parseType", &[Exactly(&["Collection"])]).of("rdf")]),
    ],
    required: &[(None, "title"), (None, "link"), (None, "description"), (None, "items")],
    place: RDF_CHANNEL,
    text: false,
};

static ITEMS_1_1: Schema = Schema {
    elements: &[holder("item", &ITEM_1_1).with(ABOUT).and(about)],
    required: &[],
    place: NOWHERE,
    text: false,
};

static ITEM_1_1: Schema = Schema {
    elements: &[
        text("title", &[NonBlank, Plain]).once(),
        text("link", &[WholeUri]).once(),
        html("description").once(),
        html("encoded").of("content").once(),
        IMAGE_1_1,
    ],
    required: &[(None, "title"), (None, "link")],
    place: RDF_ITEM,
    text: false,
};

const IMAGE_1_1: Element =
    holder("image", &IMAGE_1_1_SCHEMA).once().with(&[must("parseType", &[Exactly(&["Resource"])]).of("rdf")]);

static IMAGE_1_1_SCHEMA: Schema = Schema {
    elements: &[
        text("title", &[NonBlank, Plain]).once(),
        text("link", &[WholeUri]).once(),
        text("url", &[WholeUri]).once(),
    ],
    required: &[(None, "title"), (None, "url")],
    place: PART,
    text: false,
};

fn channel(walk: &mut Validator<'_, '_>, node: &Node<'_>, parent: &Node<'_>) {
    about(walk, node, parent);
    common(walk, node);
    let named = node.attribute_ns(RDF, "about").is_some();
    if named && node.child(walk.own, "items").is_none() {
        walk.raise(super::rule::ELEMENT_MISSING, node, "<channel> has no <items>");
    }
    let first = parent.child(walk.own, "channel");
    if !first.is_some_and(|first| std::ptr::eq(first, node)) {
        return;
    }
    let mut seen: Vec<&str> =
        parent.children.iter().filter_map(|child| child.attribute_ns(RDF, "about")).collect();
    seen.sort_unstable();
    for pair in seen.windows(2).filter(|pair| pair[0] == pair[1]) {
        walk.raise(VALUE_REPEATED, node, format!("rdf:about={} twice", shown(pair[0])));
    }
}

fn about(walk: &mut Validator<'_, '_>, node: &Node<'_>, _: &Node<'_>) {
    if walk.own != Ns::Known("rss090") && node.attribute_ns(RDF, "about").is_none() {
        walk.raise(ATTRIBUTE_MISSING, node, format!("<{}> has no rdf:about", node.name));
    }
}
