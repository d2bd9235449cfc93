//! A document one record at a time: the children of the root, or of its channel, each as a small tree. Only one
//! record is in memory, however long the file is.

use std::io::{BufReader, Read};

use encoding_rs::Encoding;

use super::encoded::Encoded;
use super::node::{Child, Node};
use super::reader::{Tag, Token};
use super::stream::StreamReader;
use super::{MAX_EVENT, MAX_RECORD, XmlError};

/// Elements that contain records but are not records.
const CONTAINERS: [&str; 4] = ["rss", "rdf:RDF", "channel", "atom:feed"];

/// The records of a file.
pub(crate) struct Records<R: Read> {
    reader: StreamReader<BufReader<Encoded<R>>, &'static str>,
    /// The container elements that are open.
    open: Vec<Node>,
    root: Option<String>,
    /// The `xml:base` and `xml:lang` of the containers.
    pub(crate) inherited: NamespaceScope,
}

/// The values that the containers set for everything in them.
#[derive(Debug, Clone, Default)]
pub(crate) struct NamespaceScope {
    /// `xml:base`, as written.
    pub(crate) base: Option<String>,
    /// `xml:lang`.
    pub(crate) language: Option<String>,
}

impl<R: Read> Records<R> {
    /// Begins to read. `encoding` is one that is known from elsewhere, such as from the server.
    pub(crate) fn new(input: R, encoding: Option<&'static Encoding>) -> Result<Self, XmlError> {
        let input = BufReader::with_capacity(1 << 16, Encoded::new(input, encoding)?);
        let reader = StreamReader::new(input, MAX_EVENT, prefix);
        Ok(Self { reader, open: Vec::new(), root: None, inherited: NamespaceScope::default() })
    }

    /// The current line, from 1.
    pub(crate) fn line(&self) -> usize {
        self.reader.line()
    }

    /// Whether bytes were not in the encoding of the document, and became U+FFFD.
    pub(crate) fn has_invalid_bytes(&self) -> bool {
        self.reader.input().get_ref().has_invalid
    }

    /// The name of the root element, once it was read.
    pub(crate) fn root(&self) -> Option<&str> {
        self.root.as_deref()
    }

    /// The next record; `None` at the end.
    pub(crate) fn next(&mut self) -> Result<Option<Node>, XmlError> {
        // The open elements of the record, the outermost first.
        let mut stack: Vec<Node> = Vec::new();
        let mut size = 0;
        loop {
            match self.reader.next()? {
                Token::Start(tag) => {
                    let node = node(tag);
                    size += node.size();
                    self.root.get_or_insert_with(|| node.name.clone());
                    if stack.is_empty() && self.open.len() < 2 && CONTAINERS.contains(&node.name.as_str()) {
                        self.inherited.take_from(&node);
                        self.open.push(node);
                    } else {
                        stack.push(node);
                    }
                }
                Token::End => match (stack.pop(), stack.last_mut()) {
                    (Some(node), Some(parent)) => parent.children.push(Child::Node(node)),
                    (Some(node), None) => return Ok(Some(node)),
                    (None, _) => drop(self.open.pop()),
                },
                Token::Text(text) | Token::CData(text) | Token::Reference(text, _) => {
                    size += push(&mut stack, &text);
                }
                Token::Undeclared(_) | Token::Declaration(_) | Token::Doctype(_) | Token::Other => {}
                Token::Eof => return Ok(None),
            }
            if size > MAX_RECORD {
                return Err(XmlError::Long);
            }
        }
    }
}

impl NamespaceScope {
    fn take_from(&mut self, node: &Node) {
        self.base = node.attribute("xml:base").map(str::to_owned).or(self.base.take());
        self.language = node.attribute("xml:lang").map(str::to_owned).or(self.language.take());
    }
}

/// Adds text to the innermost element and returns its weight; text between records is ignored.
fn push(stack: &mut [Node], text: &str) -> usize {
    let Some(node) = stack.last_mut() else { return 0 };
    match node.children.last_mut() {
        Some(Child::Text(before)) => before.push_str(text),
        _ => node.children.push(Child::Text(text.to_owned())),
    }
    text.len() + size_of::<Child>()
}

fn node(tag: Tag<'_, &'static str>) -> Node {
    let name = match (tag.namespace, tag.prefix.as_ref()) {
        // Exports are recognised by their vocabulary, however its namespace is spelt.
        (Some("other"), prefix) if EXPORTS.contains(&prefix) => format!("{prefix}:{}", tag.name),
        (Some(""), _) | (None, "") => tag.name.into_owned(),
        // Some feeds use well-known prefixes without declaring them.
        (Some(prefix), _) | (None, prefix) => format!("{prefix}:{}", tag.name),
    };
    let attributes =
        tag.attributes.into_iter().map(|(key, value)| (key.into_owned(), value.into_owned())).collect();
    Node { name, attributes, children: Vec::new() }
}

/// The prefix that the importers use for a namespace; "" for the vocabularies of RSS itself.
fn prefix(space: &str) -> &'static str {
    match space {
        "" => "",
        "http://www.w3.org/2005/Atom" | "http://purl.org/atom/ns#" => "atom",
        "http://www.w3.org/1999/02/22-rdf-syntax-ns#" => "rdf",
        "http://purl.org/dc/elements/1.1/" => "dc",
        "http://purl.org/dc/terms/" => "dcterms",
        "http://purl.org/rss/1.0/modules/content/" => "content",
        "http://www.w3.org/1999/xhtml" => "xhtml",
        "http://search.yahoo.com/mrss/" | "http://search.yahoo.com/mrss" => "media",
        "http://www.itunes.com/dtds/podcast-1.0.dtd" => "itunes",
        "http://purl.org/atom/app#" | "http://www.w3.org/2007/app" => "app",
        space if space.starts_with("http://schemas.google.com/blogger/") => "blogger",
        space if is_export(space) && space.trim_end_matches('/').ends_with("/excerpt") => "excerpt",
        space if is_export(space) => "wp",
        space if RSS.iter().any(|known| space.starts_with(known)) => "",
        _ => "other",
    }
}

/// The prefixes of `WordPress` exports.
const EXPORTS: [&str; 4] = ["wp", "excerpt", "content", "dc"];

/// The namespace of `WordPress`, which some hosts write with `https`.
fn is_export(space: &str) -> bool {
    let address = space.strip_prefix("http://").or_else(|| space.strip_prefix("https://"));
    address.is_some_and(|address| address.trim_start_matches("www.").starts_with("wordpress.org/export"))
}

/// The namespaces of RSS elements: 1.0, 0.90, and the ones that 2.0 had for a few weeks.
const RSS: [&str; 4] = [
    "http://purl.org/rss/1.0/",
    "http://my.netscape.com/rdf/simple/0.9/",
    "http://channel.netscape.com/rdf/simple/0.9/",
    "http://backend.userland.com/",
];
