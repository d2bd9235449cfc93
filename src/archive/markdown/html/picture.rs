//! Pictures of Markdown, with their variants for dark backgrounds.

use comrak::nodes::{AstNode, NodeLink};

use super::Writer;
use crate::archive::links::LinkKind;
use crate::archive::markdown::sanitise::DARK;
use crate::archive::markdown::tree;
use crate::html::push_text;

impl Writer<'_> {
    pub(super) fn image<'a>(&mut self, node: &'a AstNode<'a>, link: &NodeLink) {
        let alternative = node.collect_text();
        if alternative.trim().is_empty() {
            self.note_missing_alternative(node);
        }
        let Some(url) = self.resource(node, &link.url) else {
            return push_text(&mut self.out, &alternative);
        };
        let dark = tree::dark_variant(node).and_then(|raw| self.resource(node, &raw));
        if let Some(dark) = &dark {
            self.out.push_str("<picture><source");
            self.attribute("srcset", dark);
            self.attribute("media", DARK);
            self.out.push('>');
        }
        self.out.push_str("<img");
        self.attribute("src", &url);
        self.attribute("alt", &alternative);
        if !link.title.is_empty() {
            self.attribute("title", &link.title);
        }
        self.out.push_str(if dark.is_some() { "></picture>" } else { ">" });
    }

    /// The absolute address of a picture; one that is left out is reported.
    fn resource<'a>(&mut self, node: &'a AstNode<'a>, raw: &str) -> Option<String> {
        match self.place.absolute(raw, LinkKind::Resource) {
            Ok(url) => {
                self.note_user_info(&url, node);
                self.note_own((raw, &url), LinkKind::Resource, node.data().sourcepos.start.line);
                Some(url)
            }
            Err(error) => {
                self.note_refusal(&error, node);
                None
            }
        }
    }
}
