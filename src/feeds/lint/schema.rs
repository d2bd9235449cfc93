//! The types of the vocabulary tables, and the validator that checks a tree against them.

use super::findings::{Lint, shown};
use super::html;
use super::rule::{
    ATTRIBUTE_MISSING, ATTRIBUTE_UNKNOWN, BLANK, CHARACTER_DOUBTFUL, ELEMENT_MISSING, ELEMENT_REPEATED,
    ELEMENT_UNKNOWN, NAMESPACE_NONE, Rule, TEXT_UNEXPECTED,
};
use super::value::{Kind, Setting};
use crate::xml::namespaces::{self, Ns};
use crate::xml::tree::Node;

/// Where elements of modules are allowed: a set of places.
pub(super) type AllowedParents = u16;
pub(super) const RSS_CHANNEL: AllowedParents = 1;
pub(super) const RDF_CHANNEL: AllowedParents = 1 << 1;
pub(super) const FEED: AllowedParents = 1 << 2;
pub(super) const RSS_ITEM: AllowedParents = 1 << 3;
pub(super) const RDF_ITEM: AllowedParents = 1 << 4;
pub(super) const ENTRY: AllowedParents = 1 << 5;
/// The image and the text input of a channel.
pub(super) const PART: AllowedParents = 1 << 6;
/// Within media:group and media:content.
pub(super) const MEDIA: AllowedParents = 1 << 7;
/// Within documents of the publishing protocol.
pub(super) const SERVICE: AllowedParents = 1 << 8;
/// Only where a table lists it.
pub(super) const NOWHERE: AllowedParents = 0;

pub(super) const CHANNELS: AllowedParents = RSS_CHANNEL | RDF_CHANNEL | FEED;
pub(super) const ITEMS: AllowedParents = RSS_ITEM | RDF_ITEM | ENTRY;
pub(super) const EVERYWHERE: AllowedParents = CHANNELS | ITEMS | PART | MEDIA | SERVICE;

/// The content of an element.
#[derive(Clone, Copy)]
pub(super) enum ContentModel {
    /// Text that is of each of these kinds.
    Text(&'static [Kind]),
    /// Escaped HTML.
    Html,
    /// These elements.
    Elements(&'static Schema),
    /// Nothing, or content with its own check.
    Special,
    /// Any content.
    Anything,
}

/// A check of an element in addition to its table: the validator, the element, its parent.
pub(super) type Check = fn(&mut Validator<'_, '_>, &Node<'_>, &Node<'_>);

/// An element in a table.
#[derive(Clone, Copy)]
pub(super) struct Element {
    /// The usual prefix; `None` for the vocabulary of the feed itself.
    pub(super) prefix: Option<&'static str>,
    pub(super) name: &'static str,
    pub(super) places: AllowedParents,
    /// The rule for a repeated element.
    once: Option<Rule>,
    holds: ContentModel,
    attributes: &'static [Attribute],
    /// Whether other attributes are allowed.
    open: bool,
    then: Check,
}

/// An attribute in a table.
#[derive(Clone, Copy)]
pub(super) struct Attribute {
    prefix: Option<&'static str>,
    name: &'static str,
    /// The rule for a missing attribute.
    need: Option<Rule>,
    kinds: &'static [Kind],
}

/// The content model of an element.
pub(super) struct Schema {
    pub(super) elements: &'static [Element],
    /// Prefix, name.
    pub(super) required: &'static [(Option<&'static str>, &'static str)],
    /// The place for module elements inside it.
    pub(super) place: AllowedParents,
    pub(super) text: bool,
}

const fn element(name: &'static str, holds: ContentModel) -> Element {
    let then: Check = |_, _, _| {};
    Element { prefix: None, name, places: NOWHERE, once: None, holds, attributes: &[], open: false, then }
}

/// An element with text, any number of times.
pub(super) const fn text(name: &'static str, kinds: &'static [Kind]) -> Element {
    element(name, ContentModel::Text(kinds))
}

/// An element with escaped HTML.
pub(super) const fn html(name: &'static str) -> Element {
    element(name, ContentModel::Html)
}

/// An element with elements.
pub(super) const fn holder(name: &'static str, schema: &'static Schema) -> Element {
    element(name, ContentModel::Elements(schema))
}

/// An element with unchecked content.
pub(super) const fn any_content(name: &'static str) -> Element {
    let mut found = element(name, ContentModel::Anything);
    found.open = true;
    found
}

/// An element with only a check of its own.
pub(super) const fn special(name: &'static str, then: Check) -> Element {
    let mut found = element(name, ContentModel::Special);
    found.then = then;
    found
}

impl Element {
    /// At most one.
    pub(super) const fn once(self) -> Self {
        self.once_or(ELEMENT_REPEATED)
    }

    pub(super) const fn once_or(mut self, rule: Rule) -> Self {
        self.once = Some(rule);
        self
    }

    pub(super) const fn of(mut self, prefix: &'static str) -> Self {
        self.prefix = Some(prefix);
        self
    }

    pub(super) const fn at(mut self, places: AllowedParents) -> Self {
        self.places = places;
        self
    }

    pub(super) const fn with(mut self, attributes: &'static [Attribute]) -> Self {
        self.attributes = attributes;
        self
    }

    /// Any attribute is allowed.
    pub(super) const fn open(mut self) -> Self {
        self.open = true;
        self
    }

    /// Also checked by `then`.
    pub(super) const fn and(mut self, then: Check) -> Self {
        self.then = then;
        self
    }

    fn ns(&self, own: Ns) -> Ns {
        self.prefix.map_or(own, Ns::Known)
    }
}

/// An optional attribute.
pub(super) const fn may(name: &'static str, kinds: &'static [Kind]) -> Attribute {
    Attribute { prefix: None, name, need: None, kinds }
}

/// A required attribute.
pub(super) const fn must(name: &'static str, kinds: &'static [Kind]) -> Attribute {
    Attribute { prefix: None, name, need: Some(ATTRIBUTE_MISSING), kinds }
}

impl Attribute {
    pub(super) const fn of(mut self, prefix: &'static str) -> Self {
        self.prefix = Some(prefix);
        self
    }
}

/// The family of a feed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Vocabulary {
    Rss,
    Rdf,
    Atom,
    Service,
    Opml,
}

/// Checks one feed.
pub(super) struct Validator<'l, 'f> {
    pub(super) lint: &'l mut Lint<'f>,
    pub(super) family: Vocabulary,
    /// The namespace of the feed's own vocabulary.
    pub(super) own: Ns,
    /// The `version` of `<rss>`.
    pub(super) version: String,
    /// Whether a language is in scope.
    pub(super) language: bool,
    /// Whether an xml:base with a host is in scope.
    pub(super) based: bool,
    pub(super) modules: &'static Modules,
}

/// The elements of other vocabularies.
pub(super) struct Modules {
    /// The table of an element at a place.
    pub(super) find: fn(&Node<'_>, AllowedParents) -> Option<&'static Element>,
    /// The rule for any other element of the namespace; `None` if the tables do not have all of its elements.
    pub(super) unknown: fn(&str) -> Option<Rule>,
}

impl Validator<'_, '_> {
    pub(super) fn raise(&mut self, rule: Rule, node: &Node<'_>, message: impl Into<String>) {
        self.lint.raise(rule, node.line, message);
    }

    /// For a text, parts of which may be written as `&#x26;`.
    pub(super) fn setting(&self, hexadecimal: bool) -> Setting {
        let rss = self.family == Vocabulary::Rss && self.is_rss_2();
        Setting { now: self.lint.now, rss, hexadecimal, attribute: false }
    }

    /// For the value of an attribute.
    pub(super) fn attribute(&self) -> Setting {
        Setting { attribute: true, ..self.setting(false) }
    }

    pub(super) fn is_rss_2(&self) -> bool {
        self.version.starts_with("2.")
    }

    /// Checks `node` and its content against a table.
    pub(super) fn element(&mut self, node: &Node<'_>, parent: &Node<'_>, table: &Element) {
        let outside = (self.language, self.based);
        if matches!(node.name.as_ref(), "item" | "entry") {
            self.lint.enter(self.id_of(node));
        }
        self.general(node);
        self.attributes(node, table);
        match table.holds {
            ContentModel::Text(kinds) => self.text(node, kinds),
            ContentModel::Html => {
                self.only_text(node);
                html::escaped(node.value(), node.line, true, self.lint);
            }
            ContentModel::Elements(schema) => self.children(node, schema),
            ContentModel::Special => {}
            ContentModel::Anything => doubtful_below(node, self.lint),
        }
        (table.then)(self, node, parent);
        if matches!(node.name.as_ref(), "item" | "entry") {
            self.lint.entry = None;
        }
        (self.language, self.based) = outside;
    }

    /// The id of an entry.
    fn id_of(&self, entry: &Node<'_>) -> Option<String> {
        let id = entry.child(self.own, "guid").or_else(|| entry.child(self.own, "id"));
        id.map(|id| id.value().to_owned())
    }

    /// The checks of every element: xml:lang, xml:base, the characters.
    fn general(&mut self, node: &Node<'_>) {
        if let Some(language) = node.attribute_ns(namespaces::XML, "lang") {
            self.language = !language.is_empty();
            if !language.is_empty() {
                self.judge(node, "xml:lang", language, &[Kind::Language]);
            }
        }
        if let Some(base) = node.attribute_ns(namespaces::XML, "base") {
            self.based |= base.contains("://");
            self.judge(node, "xml:base", base, &[Kind::Iri]);
        }
        doubtful(node, self.lint);
    }

    fn attributes(&mut self, node: &Node<'_>, table: &Element) {
        for known in table.attributes {
            let ns = known.prefix.map_or(Ns::None, Ns::Known);
            match (node.attribute_ns(ns, known.name), known.need) {
                (Some(value), _) => {
                    let value = value.to_owned();
                    self.judge(node, known.name, &value, known.kinds);
                }
                (None, Some(rule)) => {
                    self.raise(rule, node, format!("<{}> has no {}", node.label(), known.name));
                }
                (None, None) => {}
            }
        }
        if table.open {
            return;
        }
        for found in &node.attributes {
            let known = table.attributes.iter().any(|known| {
                known.name == found.name && known.prefix.map_or(Ns::None, Ns::Known) == found.ns
            });
            let general = match found.ns {
                Ns::Other | Ns::Known("xml" | "indexing") => true,
                // Any Atom document may be made readable as RDF.
                Ns::Known("rdf") => {
                    matches!(found.name.as_str(), "parseType" | "datatype" | "resource" | "about")
                }
                Ns::None | Ns::Known(_) => false,
            };
            if !known && !general {
                let message = format!("<{}> has an unknown attribute {}", node.label(), found.name);
                self.raise(ATTRIBUTE_UNKNOWN, node, message);
            }
        }
    }

    /// Checks the value of an attribute against kinds.
    pub(super) fn judge(&mut self, node: &Node<'_>, name: &str, value: &str, kinds: &[Kind]) {
        let setting = self.attribute();
        for kind in kinds {
            if let Some((rule, message)) = kind.judge(value, setting) {
                self.raise(rule, node, format!("{name} of <{}>: {message}", node.label()));
            }
        }
    }

    fn text(&mut self, node: &Node<'_>, kinds: &[Kind]) {
        if self.family != Vocabulary::Rdf {
            self.only_text(node);
        } else if !node.children.is_empty() {
            return;
        }
        let setting = self.setting(node.hexadecimal);
        for kind in kinds {
            if let Some((rule, message)) = kind.judge(&node.text, setting) {
                self.raise(rule, node, format!("<{}>: {message}", node.label()));
            }
        }
    }

    fn only_text(&mut self, node: &Node<'_>) {
        if let Some(child) = node.children.first() {
            let message = format!("<{}> may contain only text, not <{}>", node.label(), child.label());
            self.raise(ELEMENT_UNKNOWN, child, message);
        }
    }

    /// Checks the children of `node` against `schema`.
    pub(super) fn children(&mut self, node: &Node<'_>, schema: &'static Schema) {
        if !schema.text && !node.value().is_empty() {
            let message = format!("text in <{}>: {}", node.label(), shown(node.value()));
            self.raise(TEXT_UNEXPECTED, node, message);
        }
        let mut seen: Vec<(&Element, usize)> = Vec::new();
        for child in &node.children {
            let Some(table) = self.find(child, schema) else {
                self.unknown(child, node);
                continue;
            };
            let before = seen.iter().find(|(known, _)| std::ptr::eq(*known, table)).map(|(_, line)| *line);
            if let (Some(rule), Some(line)) = (table.once, before) {
                let message = format!("a second <{}>; the first is in line {line}", child.label());
                self.raise(rule, child, message);
            }
            if before.is_none() {
                seen.push((table, child.line));
            }
            self.element(child, node, table);
        }
        for &(prefix, name) in schema.required {
            let ns = prefix.map_or(self.own, Ns::Known);
            if node.child(ns, name).is_none() {
                let label = prefix.map_or_else(|| name.to_owned(), |prefix| format!("{prefix}:{name}"));
                self.raise(ELEMENT_MISSING, node, format!("<{}> has no <{label}>", node.label()));
            }
        }
    }

    fn find(&self, child: &Node<'_>, schema: &'static Schema) -> Option<&'static Element> {
        let named = |table: &&Element| table.name == child.name && table.ns(self.own) == child.ns;
        schema.elements.iter().find(named).or_else(|| (self.modules.find)(child, schema.place))
    }

    fn unknown(&mut self, child: &Node<'_>, parent: &Node<'_>) {
        let rule = match child.ns {
            Ns::Known(prefix) if child.ns != self.own => (self.modules.unknown)(prefix),
            _ => Some(ELEMENT_UNKNOWN),
        };
        match (child.ns, rule) {
            (Ns::None, _) if self.own != Ns::None => {
                let message = format!("<{}> in <{}> has no namespace", child.label(), parent.label());
                self.raise(NAMESPACE_NONE, child, message);
            }
            (Ns::Known("xhtml"), _) => html::inline(child, false, self.lint),
            (Ns::Other, _) if self.own != Ns::Other => {}
            (_, Some(rule)) => {
                let message = format!("<{}> is not allowed in <{}>", child.label(), parent.label());
                self.raise(rule, child, message);
            }
            (_, None) => {}
        }
        doubtful_below(child, self.lint);
    }

    /// A blank attribute is as useless as a missing one.
    pub(super) fn not_blank(&mut self, node: &Node<'_>, name: &str) {
        if node.attribute(name).is_some_and(|value| value.trim().is_empty()) {
            self.raise(BLANK, node, format!("{name} of <{}> is blank", node.label()));
        }
    }
}

/// Reports the first sign of a wrong encoding in the texts of `node` itself.
fn doubtful(node: &Node<'_>, lint: &mut Lint<'_>) {
    let values = node.attributes.iter().map(|attribute| attribute.value.as_ref());
    let found = std::iter::once(node.text.as_ref()).chain(values).find_map(doubtful_in);
    if let Some(what) = found {
        lint.raise(CHARACTER_DOUBTFUL, node.line, format!("{what} in <{}>", node.label()));
    }
}

fn doubtful_below(node: &Node<'_>, lint: &mut Lint<'_>) {
    doubtful(node, lint);
    node.children.iter().for_each(|child| doubtful_below(child, lint));
}

fn doubtful_in(text: &str) -> Option<String> {
    if text.is_ascii() {
        return None;
    }
    if let Some(c) = text.chars().find(|c| matches!(c, '\u{80}'..='\u{9F}' | '\u{FFFD}')) {
        return Some(format!("the character U+{:04X}", u32::from(c)));
    }
    // Two bytes of UTF-8, each decoded as a Latin-1 character.
    let mut before = ' ';
    let twice = text.chars().any(|c| {
        let pair = matches!(before, 'Â' | 'Ã') && matches!(c, '\u{80}'..='\u{BF}');
        before = c;
        pair
    });
    let bytes: Option<Vec<u8>> =
        if twice { text.chars().map(|c| u8::try_from(u32::from(c)).ok()).collect() } else { None };
    bytes
        .filter(|bytes| std::str::from_utf8(bytes).is_ok())
        .map(|_| "UTF-8 that was read as Latin-1".to_owned())
}
