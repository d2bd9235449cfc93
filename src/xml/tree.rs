//! A whole document as a light tree with line numbers, read strictly. Comments and processing instructions are left
//! out.

use std::borrow::Cow;
use std::cell::OnceCell;
use std::collections::HashMap;

use super::XmlError;
use super::namespaces::{self, Ns};
use super::reader::{Tag, Token, split};
use super::slice::SliceReader;

/// The most elements and attributes in a document of another author.
pub(crate) const MAX_NODES: usize = 1_000_000;

/// An element with more children than this has an index of them.
const FEW: usize = 16;

/// An element.
#[derive(Debug, Default)]
pub(crate) struct Node<'t> {
    pub(crate) ns: Ns,
    /// As written, without its colon.
    pub(crate) prefix: Cow<'t, str>,
    pub(crate) name: Cow<'t, str>,
    pub(crate) attributes: Vec<Attribute<'t>>,
    pub(crate) children: Vec<Node<'t>>,
    index: OnceCell<Box<Index>>,
    /// The text directly inside, all parts of it.
    pub(crate) text: Cow<'t, str>,
    /// Whether some of it was written as `&#x26;`, as the RSS profile recommends.
    pub(crate) hexadecimal: bool,
    pub(crate) line: usize,
}

/// The children of an element by name. It is made by the first search, because each item of a channel looks for the same
/// elements of the channel.
#[derive(Debug, Default)]
struct Index {
    /// For each name the first child in each namespace; there are few namespaces.
    firsts: HashMap<String, Vec<(Ns, usize)>>,
    namespaces: Vec<Ns>,
}

impl Index {
    fn new(children: &[Node<'_>]) -> Self {
        let mut index = Self::default();
        for (at, child) in children.iter().enumerate() {
            let firsts = index.firsts.entry(child.name.to_string()).or_default();
            if !firsts.iter().any(|(ns, _)| *ns == child.ns) {
                firsts.push((child.ns, at));
            }
            if !index.namespaces.contains(&child.ns) {
                index.namespaces.push(child.ns);
            }
        }
        index
    }
}

/// An attribute that declares no namespace.
#[derive(Debug)]
pub(crate) struct Attribute<'t> {
    pub(crate) ns: Ns,
    pub(crate) name: String,
    pub(crate) value: Cow<'t, str>,
}

impl Node<'_> {
    fn index(&self) -> &Index {
        self.index.get_or_init(|| Box::new(Index::new(&self.children)))
    }

    /// The name with its usual prefix: `dc:creator`, `title`.
    pub(crate) fn label(&self) -> String {
        match self.ns {
            Ns::Known(prefix @ ("atom" | "rss1" | "rss090")) if self.prefix != prefix => {
                self.name.to_string()
            }
            Ns::Known(prefix) => format!("{prefix}:{}", self.name),
            _ if self.prefix.is_empty() => self.name.to_string(),
            _ => format!("{}:{}", self.prefix, self.name),
        }
    }

    pub(crate) fn is(&self, ns: Ns, name: &str) -> bool {
        self.ns == ns && self.name == name
    }

    /// The attribute `name` without a namespace.
    pub(crate) fn attribute(&self, name: &str) -> Option<&str> {
        self.attribute_ns(Ns::None, name)
    }

    pub(crate) fn attribute_ns(&self, ns: Ns, name: &str) -> Option<&str> {
        let found = self.attributes.iter().find(|attribute| attribute.ns == ns && attribute.name == name);
        found.map(|attribute| attribute.value.as_ref())
    }

    pub(crate) fn child(&self, ns: Ns, name: &str) -> Option<&Self> {
        if self.children.len() <= FEW {
            return self.children.iter().find(|child| child.is(ns, name));
        }
        let (_, at) = self.index().firsts.get(name)?.iter().find(|(known, _)| *known == ns)?;
        self.children.get(*at)
    }

    /// Whether a child is in the namespace.
    pub(crate) fn has_child_in(&self, ns: Ns) -> bool {
        if self.children.len() <= FEW {
            return self.children.iter().any(|child| child.ns == ns);
        }
        self.index().namespaces.contains(&ns)
    }

    pub(crate) fn children<'n>(&'n self, ns: Ns, name: &'n str) -> impl Iterator<Item = &'n Self> {
        self.children.iter().filter(move |child| child.is(ns, name))
    }

    /// The text, trimmed.
    pub(crate) fn value(&self) -> &str {
        self.text.trim()
    }
}

/// Facts about a document that are not in its tree.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Remark<'r> {
    /// The version in the XML declaration.
    Version(&'r str),
    /// The content of the DOCTYPE.
    Doctype(&'r str),
    /// An entity that only the DTD may define. It was read as a space.
    Undeclared(&'r str),
    /// A declared namespace: its prefix and its address.
    Namespace(&'r str, &'r str),
}

/// The root of `text`, or the line of the error. No character of a clean text is wrong in XML, so none is looked at again.
/// `remark` receives each remark with its line, and `ended` each element when it is complete.
pub(crate) fn read<'t>(
    text: &'t str,
    is_clean: bool,
    max_nodes: usize,
    remark: &mut dyn FnMut(usize, Remark<'_>),
    ended: fn(&mut Node<'_>),
) -> Result<Node<'t>, (usize, XmlError)> {
    let mut reader = SliceReader::new(text, is_clean, namespaces::of);
    build(&mut reader, max_nodes, remark, ended).map_err(|error| (reader.line(), error))
}

fn build<'t>(
    reader: &mut SliceReader<'t, Ns>,
    max_nodes: usize,
    remark: &mut dyn FnMut(usize, Remark<'_>),
    ended: fn(&mut Node<'_>),
) -> Result<Node<'t>, XmlError> {
    let mut open: Vec<Node<'_>> = Vec::new();
    let mut root = None;
    let mut nodes = 0;
    loop {
        match reader.next()? {
            Token::Start(tag) => {
                nodes += 1 + tag.attributes.len();
                if nodes > max_nodes {
                    return Err(XmlError::Many("elements and attributes"));
                }
                open.push(node(tag, reader, remark)?);
            }
            Token::End => {
                let mut node = open.pop();
                node.iter_mut().for_each(ended);
                match open.last_mut() {
                    Some(parent) => parent.children.extend(node),
                    None => root = node,
                }
            }
            Token::Text(text) => append(&mut open, text, false),
            Token::CData(text) => {
                let is_hexadecimal = text.contains("&#x");
                append(&mut open, text, is_hexadecimal);
            }
            Token::Reference(text, is_hexadecimal) => append(&mut open, text, is_hexadecimal),
            Token::Undeclared(name) => {
                append(&mut open, " ".into(), false);
                remark(reader.line(), Remark::Undeclared(&name));
            }
            Token::Declaration(version) => remark(reader.line(), Remark::Version(&version)),
            Token::Doctype(content) => {
                remark(reader.line(), Remark::Doctype(&content));
            }
            Token::Other => {}
            Token::Eof => return root.ok_or_else(|| XmlError::malformed("it ends too early")),
        }
    }
}

fn append<'t>(open: &mut [Node<'t>], text: Cow<'t, str>, is_hexadecimal: bool) {
    if let Some(node) = open.last_mut() {
        node.text += text;
        node.hexadecimal |= is_hexadecimal;
    }
}

fn node<'t>(
    tag: Tag<'t, Ns>,
    reader: &SliceReader<'t, Ns>,
    remark: &mut dyn FnMut(usize, Remark<'_>),
) -> Result<Node<'t>, XmlError> {
    let line = reader.line();
    let mut attributes = Vec::new();
    for (written, value) in tag.attributes {
        let (prefix, name) = split(&written);
        if prefix == "xmlns" || written == "xmlns" {
            let prefix = if prefix.is_empty() { "" } else { name };
            if value.contains(char::is_whitespace) || (value.is_empty() && !prefix.is_empty()) {
                return Err(XmlError::malformed(format!("{value:?} is not a namespace")));
            }
            remark(line, Remark::Namespace(prefix, &value));
            continue;
        }
        check_name(prefix, name)?;
        let ns = if prefix.is_empty() { Some(Ns::None) } else { reader.namespace(prefix) };
        let ns = ns.ok_or_else(|| undeclared(prefix))?;
        attributes.push(Attribute { ns, name: name.to_owned(), value });
    }
    check_name(&tag.prefix, &tag.name)?;
    let ns = tag.namespace.ok_or_else(|| undeclared(&tag.prefix))?;
    Ok(Node { ns, prefix: tag.prefix, name: tag.name, attributes, line, ..Node::default() })
}

fn undeclared(prefix: &str) -> XmlError {
    XmlError::malformed(format!("the prefix {prefix} is not declared"))
}

/// A prefix may be empty; a local name may not.
fn check_name(prefix: &str, name: &str) -> Result<(), XmlError> {
    let starts = |part: &str| part.starts_with(|c: char| c.is_alphabetic() || c == '_');
    let holds = |part: &str| part.chars().all(|c| c.is_alphanumeric() || matches!(c, '_' | '-' | '.' | '·'));
    if starts(name) && holds(name) && (prefix.is_empty() || starts(prefix) && holds(prefix)) {
        Ok(())
    } else {
        Err(XmlError::malformed(format!("{name:?} is not a name")))
    }
}
