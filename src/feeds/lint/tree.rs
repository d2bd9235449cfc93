//! Any XML to a light tree with line numbers.
//!
//! Nothing is fetched, no entity is expanded, and the depth and number of everything is capped: the tree's walkers
//! may recurse. Comments and processing instructions are left out.

use quick_xml::Reader;
use quick_xml::escape::resolve_predefined_entity;
use quick_xml::events::{BytesRef, BytesStart, Event};

use super::findings::Lint;
use super::lines::Lines;
use super::namespaces::{self, Ns};
use super::rule::{
    NAMESPACE_UNKNOWN, NAMESPACE_WRONG, PREFIX_TAKEN, PREFIX_UNUSUAL, Rule, XML_DOCTYPE, XML_DTD_GONE,
    XML_ENTITY, XML_LIMIT, XML_SYNTAX, XML_VERSION,
};
use super::value::uri;
use crate::text::{XmlText, is_xml_char};

const DEEPEST: usize = 64;
const MOST_NODES: usize = 1_000_000;
const MOST_ATTRIBUTES: usize = 128;
const MOST_NAMESPACES: usize = 256;

/// An element.
#[derive(Debug, Default)]
pub(super) struct Node {
    pub(super) ns: Ns,
    /// As written, without its colon.
    pub(super) prefix: String,
    pub(super) name: String,
    pub(super) attributes: Vec<Attribute>,
    pub(super) children: Vec<Node>,
    /// The text directly inside, all pieces of it.
    pub(super) text: String,
    /// Whether some of it was written as `&#x26;`, which the RSS profile asks for.
    pub(super) hexadecimal: bool,
    pub(super) line: usize,
}

/// An attribute; `xmlns` and `xmlns:…` are none.
#[derive(Debug)]
pub(super) struct Attribute {
    pub(super) ns: Ns,
    pub(super) name: String,
    pub(super) value: String,
}

impl Node {
    /// The name as everybody writes it: `dc:creator`, `title`.
    pub(super) fn label(&self) -> String {
        match self.ns {
            Ns::Known(prefix @ ("atom" | "rss1" | "rss090")) if self.prefix != prefix => self.name.clone(),
            Ns::Known(prefix) => format!("{prefix}:{}", self.name),
            _ if self.prefix.is_empty() => self.name.clone(),
            _ => format!("{}:{}", self.prefix, self.name),
        }
    }

    pub(super) fn is(&self, ns: Ns, name: &str) -> bool {
        self.ns == ns && self.name == name
    }

    /// The attribute `name` that has no namespace.
    pub(super) fn attribute(&self, name: &str) -> Option<&str> {
        self.attribute_ns(Ns::None, name)
    }

    pub(super) fn attribute_ns(&self, ns: Ns, name: &str) -> Option<&str> {
        let found = self.attributes.iter().find(|attribute| attribute.ns == ns && attribute.name == name);
        found.map(|attribute| attribute.value.as_str())
    }

    pub(super) fn child(&self, ns: Ns, name: &str) -> Option<&Self> {
        self.children.iter().find(|child| child.is(ns, name))
    }

    pub(super) fn children<'n>(&'n self, ns: Ns, name: &'n str) -> impl Iterator<Item = &'n Self> {
        self.children.iter().filter(move |child| child.is(ns, name))
    }

    /// The text without white space around it.
    pub(super) fn value(&self) -> &str {
        self.text.trim()
    }
}

/// The root of `text`; `None`, with a finding, if it is not well-formed.
pub(super) fn read(text: &str, lint: &mut Lint<'_>) -> Option<Node> {
    let mut builder = Builder {
        lines: Lines::new(text),
        open: Vec::new(),
        root: None,
        scope: vec![("xml".to_owned(), namespaces::XML)],
        marks: Vec::new(),
        nodes: 0,
        doctype: false,
    };
    let mut events = Reader::from_str(text);
    loop {
        let at = usize::try_from(events.buffer_position()).unwrap_or(text.len());
        let outcome = match events.read_event() {
            Ok(Event::Eof) => break,
            Ok(event) => {
                let end = usize::try_from(events.buffer_position()).unwrap_or(text.len());
                builder.event(&event, at, text.get(at..end).unwrap_or_default(), lint)
            }
            Err(error) => Err((XML_SYNTAX, error.to_string())),
        };
        if let Err((rule, message)) = outcome {
            let line = builder.lines.line_at(at);
            lint.raise(rule, line, format!("the document is not well-formed XML: {message}"));
            return None;
        }
    }
    if builder.root.is_none() || !builder.open.is_empty() {
        let line = builder.lines.line_at(text.len());
        lint.raise(XML_SYNTAX, line, "the document is not well-formed XML: it ends too early");
        return None;
    }
    builder.root
}

type Wrong = (Rule, String);

fn syntax(message: impl std::fmt::Display) -> Wrong {
    (XML_SYNTAX, format!("{message}"))
}

struct Builder<'t> {
    lines: Lines<'t>,
    open: Vec<Node>,
    root: Option<Node>,
    /// Prefixes in scope, the innermost last.
    scope: Vec<(String, Ns)>,
    /// How many there were before each open element.
    marks: Vec<usize>,
    nodes: usize,
    doctype: bool,
}

impl Builder<'_> {
    /// `raw` is where the event stands.
    fn event(&mut self, event: &Event<'_>, at: usize, raw: &str, lint: &mut Lint<'_>) -> Result<(), Wrong> {
        match event {
            Event::Start(start) => self.start(start, at, lint),
            Event::Empty(start) => {
                self.start(start, at, lint)?;
                self.end()
            }
            Event::End(_) => self.end(),
            Event::Text(_) if raw.contains("]]>") => Err(syntax("`]]>` outside a CDATA section")),
            Event::Text(_) => self.characters(raw),
            Event::CData(_) => {
                let inner = raw.strip_prefix("<![CDATA[").and_then(|raw| raw.strip_suffix("]]>"));
                let inner = inner.unwrap_or_default();
                if let Some(node) = self.open.last_mut() {
                    node.hexadecimal |= inner.contains("&#x");
                }
                self.characters(inner)
            }
            Event::GeneralRef(reference) => self.reference(reference, raw, at, lint),
            Event::Decl(declaration) => {
                if at > 0 {
                    return Err(syntax("something stands before the XML declaration"));
                }
                let version = declaration.version().map_err(syntax)?;
                if version.as_ref() != b"1.0" {
                    let version = String::from_utf8_lossy(&version).into_owned();
                    lint.raise(XML_VERSION, 1, format!("XML {version} is not read by feed readers"));
                }
                Ok(())
            }
            Event::DocType(_) => self.doctype(raw, at, lint),
            Event::PI(_) | Event::Comment(_) | Event::Eof => Ok(()),
        }
    }

    fn doctype(&mut self, raw: &str, at: usize, lint: &mut Lint<'_>) -> Result<(), Wrong> {
        if self.doctype || self.root.is_some() || !self.open.is_empty() {
            return Err(syntax("a DOCTYPE stands before the root, and once"));
        }
        self.doctype = true;
        let line = self.lines.line_at(at);
        if raw.contains("http://my.netscape.com/publish/formats/rss-0.91.dtd") {
            lint.raise(XML_DTD_GONE, line, "the DOCTYPE names a DTD that is no longer there");
        } else {
            lint.raise(XML_DOCTYPE, line, "a DOCTYPE");
        }
        Ok(())
    }

    fn characters(&mut self, text: &str) -> Result<(), Wrong> {
        if let Some(c) = forbidden(text) {
            return Err(syntax(format!("the character U+{:04X} may not stand in XML", u32::from(c))));
        }
        match self.open.last_mut() {
            Some(node) => node.text.push_str(text),
            None if text.trim().is_empty() => {}
            None => return Err(syntax("text outside the root element")),
        }
        Ok(())
    }

    fn reference(
        &mut self,
        reference: &BytesRef<'_>,
        raw: &str,
        at: usize,
        lint: &mut Lint<'_>,
    ) -> Result<(), Wrong> {
        let name = std::str::from_utf8(reference).map_err(syntax)?;
        let line = self.lines.line_at(at);
        let Some(node) = self.open.last_mut() else { return Err(syntax("a reference outside the root")) };
        if let Some(text) = resolve_predefined_entity(name) {
            node.text.push_str(text);
        } else if name.starts_with('#') {
            node.text.push(character(reference)?);
            node.hexadecimal |= raw.starts_with("&#x");
        } else if self.doctype {
            // The DTD may declare it; no reader looks there.
            node.text.push(' ');
            lint.raise(XML_DOCTYPE, line, format!("&{name}; means nothing without its DTD"));
        } else {
            return Err((XML_ENTITY, format!("the entity &{name}; is not declared")));
        }
        Ok(())
    }

    fn start(&mut self, start: &BytesStart<'_>, at: usize, lint: &mut Lint<'_>) -> Result<(), Wrong> {
        if self.root.is_some() {
            return Err(syntax("a second root element"));
        }
        self.nodes += 1;
        if self.open.len() == DEEPEST || self.nodes > MOST_NODES {
            return Err((XML_LIMIT, format!("more than {DEEPEST} levels or {MOST_NODES} elements")));
        }
        let line = self.lines.line_at(at);
        self.marks.push(self.scope.len());
        let attributes = self.attributes(start, line, lint)?;
        let qualified = start.name();
        let (prefix, name) = split(std::str::from_utf8(qualified.as_ref()).map_err(syntax)?)?;
        let ns = self.resolve(prefix, true).ok_or_else(|| undeclared(prefix))?;
        let mut node = Node { ns, prefix: prefix.to_owned(), name: name.to_owned(), line, ..Node::default() };
        for (prefix, name, value) in attributes {
            let ns = self.resolve(&prefix, false).ok_or_else(|| undeclared(&prefix))?;
            node.attributes.push(Attribute { ns, name, value });
        }
        self.open.push(node);
        Ok(())
    }

    /// The attributes, prefix, name and value; declarations go into scope.
    fn attributes(
        &mut self,
        start: &BytesStart<'_>,
        line: usize,
        lint: &mut Lint<'_>,
    ) -> Result<Vec<(String, String, String)>, Wrong> {
        let mut found = Vec::new();
        for attribute in start.attributes() {
            let attribute = attribute.map_err(syntax)?;
            self.nodes += 1;
            if found.len() == MOST_ATTRIBUTES || self.scope.len() == MOST_NAMESPACES {
                return Err((XML_LIMIT, "too many attributes or namespaces".to_owned()));
            }
            let value = std::str::from_utf8(&attribute.value).map_err(syntax)?;
            if value.contains('<') {
                return Err(syntax("`<` in the value of an attribute"));
            }
            let value = self.unescape(value)?;
            let (prefix, name) = split(std::str::from_utf8(attribute.key.as_ref()).map_err(syntax)?)?;
            match (prefix, name) {
                ("", "xmlns") => self.declare("", &value, line, lint)?,
                ("xmlns", _) => self.declare(name, &value, line, lint)?,
                _ => found.push((prefix.to_owned(), name.to_owned(), value)),
            }
        }
        Ok(found)
    }

    fn unescape(&self, value: &str) -> Result<String, Wrong> {
        let resolve = |name: &str| match resolve_predefined_entity(name) {
            None if self.doctype => Some(" "),
            known => known,
        };
        let value = quick_xml::escape::unescape_with(value, resolve)
            .map_err(|error| (XML_ENTITY, error.to_string()))?;
        if let Some(c) = forbidden(&value) {
            return Err(syntax(format!("the character U+{:04X} may not stand in XML", u32::from(c))));
        }
        Ok(value.replace(['\n', '\t', '\r'], " "))
    }

    fn declare(
        &mut self,
        prefix: &str,
        address: &str,
        line: usize,
        lint: &mut Lint<'_>,
    ) -> Result<(), Wrong> {
        if address.contains(char::is_whitespace) || (address.is_empty() && !prefix.is_empty()) {
            return Err(syntax(format!("{address:?} is no namespace")));
        }
        let ns = namespaces::of(address);
        self.scope.push((prefix.to_owned(), ns));
        let usual = namespaces::address(prefix);
        match ns {
            Ns::Known(known) if known != prefix && !prefix.is_empty() => {
                lint.raise(PREFIX_UNUSUAL, line, format!("the prefix {prefix} instead of {known}"));
            }
            Ns::Known(_) | Ns::None => {}
            Ns::Other if namespaces::OBSOLETE.contains(&address) => {}
            Ns::Other => {
                if let Some(meant) = namespaces::meant(address) {
                    lint.raise(NAMESPACE_WRONG, line, format!("{address:?} instead of {meant:?}"));
                } else if let Some((rule, why)) = uri::reference(address) {
                    lint.raise(rule, line, format!("the namespace {address:?}: {why}"));
                } else {
                    lint.raise(
                        NAMESPACE_UNKNOWN,
                        line,
                        format!("the namespace {address:?} is not known here"),
                    );
                }
            }
        }
        if let Some(usual) = usual
            && usual != address
        {
            let message = format!("the prefix {prefix} belongs to {usual}");
            lint.raise(PREFIX_TAKEN, line, message);
        }
        Ok(())
    }

    fn resolve(&self, prefix: &str, element: bool) -> Option<Ns> {
        if prefix.is_empty() && !element {
            return Some(Ns::None);
        }
        let found = self.scope.iter().rev().find(|(known, _)| known == prefix).map(|(_, ns)| *ns);
        found.or_else(|| prefix.is_empty().then_some(Ns::None))
    }

    fn end(&mut self) -> Result<(), Wrong> {
        let node = self.open.pop().ok_or_else(|| syntax("an end tag too many"))?;
        self.scope.truncate(self.marks.pop().unwrap_or_default());
        match self.open.last_mut() {
            Some(parent) => parent.children.push(node),
            None => self.root = Some(node),
        }
        Ok(())
    }
}

/// The first character that XML does not allow.
fn forbidden(text: &str) -> Option<char> {
    if XmlText::is_clean(text) { None } else { text.chars().find(|&c| !is_xml_char(c)) }
}

fn character(reference: &BytesRef<'_>) -> Result<char, Wrong> {
    match reference.resolve_char_ref().map_err(syntax)? {
        Some(c) if is_xml_char(c) => Ok(c),
        Some(c) => Err(syntax(format!("a reference to the character U+{:04X}", u32::from(c)))),
        None => Err(syntax("a broken character reference")),
    }
}

fn undeclared(prefix: &str) -> Wrong {
    syntax(format!("the prefix {prefix} is not declared"))
}

/// A qualified name, taken apart.
fn split(name: &str) -> Result<(&str, &str), Wrong> {
    let (prefix, local) = name.split_once(':').unwrap_or(("", name));
    let starts = |part: &str| part.starts_with(|c: char| c.is_alphabetic() || c == '_');
    let holds = |part: &str| part.chars().all(|c| c.is_alphanumeric() || matches!(c, '_' | '-' | '.' | '·'));
    if starts(local) && holds(local) && (name.len() == local.len() || (starts(prefix) && holds(prefix))) {
        Ok((prefix, local))
    } else {
        Err(syntax(format!("{name:?} is no name")))
    }
}
