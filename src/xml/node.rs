//! A record: an element and everything in it, at most as deep as the reader allows.

use crate::html::{is_void, push_escaped};

/// An element.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Node {
    /// With the usual prefix of its vocabulary, whatever prefix the document uses; RSS has none.
    pub(crate) name: String,
    /// As written, with references resolved.
    pub(crate) attributes: Vec<(String, String)>,
    /// In document order.
    pub(crate) children: Vec<Child>,
}

/// A part of the content of an element.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Child {
    /// Text, references resolved.
    Text(String),
    /// An element.
    Node(Node),
}

impl Node {
    /// An attribute, by its name as written.
    pub(crate) fn attribute(&self, name: &str) -> Option<&str> {
        self.attributes.iter().find(|(key, _)| key == name).map(|(_, value)| value.as_str())
    }

    /// The text directly inside, trimmed.
    pub(crate) fn text(&self) -> String {
        let texts: String = self.children.iter().filter_map(Child::as_text).collect();
        texts.trim().to_owned()
    }

    /// The first child of this name.
    pub(crate) fn child(&self, name: &str) -> Option<&Self> {
        self.nodes().find(|node| node.name == name)
    }

    /// Every child of this name.
    pub(crate) fn all<'n>(&'n self, name: &'n str) -> impl Iterator<Item = &'n Self> {
        self.nodes().filter(move |node| node.name == name)
    }

    /// The text of the first of these children that is not empty.
    pub(crate) fn first_text(&self, names: &[&str]) -> Option<String> {
        names
            .iter()
            .flat_map(|name| self.nodes().filter(move |node| node.name == *name))
            .map(Self::text)
            .find(|text| !text.is_empty())
    }

    /// The elements in it.
    pub(crate) fn nodes(&self) -> impl Iterator<Item = &Self> {
        self.children.iter().filter_map(|child| match child {
            Child::Node(node) => Some(node),
            Child::Text(_) => None,
        })
    }

    /// Its size in memory without its children.
    pub(super) fn size(&self) -> usize {
        let attributes = self.attributes.iter().map(|(key, value)| key.len() + value.len() + 48);
        self.name.len() + size_of::<Self>() + attributes.sum::<usize>()
    }

    /// Its content as HTML, for XHTML that is not escaped in a feed. The recursion is bounded by the depth of a
    /// record.
    pub(crate) fn inner_html(&self) -> String {
        let mut html = String::new();
        self.write_children(&mut html);
        html
    }

    fn write_children(&self, html: &mut String) {
        for child in &self.children {
            match child {
                Child::Text(text) => push_escaped(html, text),
                Child::Node(node) => node.write(html),
            }
        }
    }

    fn write(&self, html: &mut String) {
        let name = self.name.rsplit(':').next().unwrap_or_default();
        html.push('<');
        html.push_str(name);
        for (key, value) in self.attributes.iter().filter(|(key, _)| !key.starts_with("xml")) {
            html.extend([" ", key, "=\""]);
            push_escaped(html, value);
            html.push('"');
        }
        html.push('>');
        if !is_void(name) {
            self.write_children(html);
            html.extend(["</", name, ">"]);
        }
    }
}

impl Child {
    fn as_text(&self) -> Option<&str> {
        match self {
            Self::Text(text) => Some(text),
            Self::Node(_) => None,
        }
    }
}
