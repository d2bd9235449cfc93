//! A record: an element with everything in it, never deeper than its reader allows.

use crate::html::{is_void, push_escaped};

/// An element.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(in crate::importers) struct Node {
    /// With the prefix that the vocabulary has here, whatever the document called it; RSS has none.
    pub(in crate::importers) name: String,
    /// As written, references resolved.
    pub(in crate::importers) attributes: Vec<(String, String)>,
    /// In their order.
    pub(in crate::importers) children: Vec<Child>,
}

/// What stands in an element.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(in crate::importers) enum Child {
    /// Text, references resolved.
    Text(String),
    /// An element.
    Node(Node),
}

impl Node {
    /// An attribute, by the name as it is written.
    pub(in crate::importers) fn attribute(&self, name: &str) -> Option<&str> {
        self.attributes.iter().find(|(key, _)| key == name).map(|(_, value)| value.as_str())
    }

    /// The text of the element itself, without white space around it.
    pub(in crate::importers) fn text(&self) -> String {
        let texts: String = self.children.iter().filter_map(Child::as_text).collect();
        texts.trim().to_owned()
    }

    /// The first child of this name.
    pub(in crate::importers) fn child(&self, name: &str) -> Option<&Self> {
        self.nodes().find(|node| node.name == name)
    }

    /// Every child of this name.
    pub(in crate::importers) fn all<'n>(&'n self, name: &'n str) -> impl Iterator<Item = &'n Self> {
        self.nodes().filter(move |node| node.name == name)
    }

    /// The text of the first of these children that says something.
    pub(in crate::importers) fn say(&self, names: &[&str]) -> Option<String> {
        names
            .iter()
            .flat_map(|name| self.nodes().filter(move |node| node.name == *name))
            .map(Self::text)
            .find(|text| !text.is_empty())
    }

    /// The elements in it.
    pub(in crate::importers) fn nodes(&self) -> impl Iterator<Item = &Self> {
        self.children.iter().filter_map(|child| match child {
            Child::Node(node) => Some(node),
            Child::Text(_) => None,
        })
    }

    /// What it weighs by itself.
    pub(super) fn size(&self) -> usize {
        let attributes = self.attributes.iter().map(|(key, value)| key.len() + value.len() + 48);
        self.name.len() + size_of::<Self>() + attributes.sum::<usize>()
    }

    /// What stands in it as HTML: for XHTML that was put into a feed as it is. No deeper than a record can be.
    pub(in crate::importers) fn inner_html(&self) -> String {
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
