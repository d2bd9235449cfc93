//! Videos: a paragraph that is nothing but the address of one becomes a player with a link below, for readers that show no frames.

use comrak::nodes::{AstNode, NodeValue};

use super::Writer;
use crate::archive::embeds::{self, Embed};
use crate::archive::markdown::sanitise::push_frame;
use crate::html::push_text;

/// A video and its title.
pub(super) struct Video {
    embed: Embed,
    title: Option<String>,
}

impl Writer<'_> {
    /// The video that a paragraph consists of: an address, a link, or the same written as a picture.
    pub(super) fn video<'a>(&self, paragraph: &'a AstNode<'a>) -> Option<Video> {
        let only = paragraph.first_child().filter(|only| only.next_sibling().is_none())?;
        let (NodeValue::Link(link) | NodeValue::Image(link)) = &only.data().value else { return None };
        let embed = embeds::of_page(&link.url, self.place.embeds)?;
        let words = only.collect_text();
        let is_address = words.contains("://") || words.starts_with("www.");
        let title = if link.title.is_empty() { words } else { link.title.clone() };
        Some(Video { embed, title: Some(title).filter(|title| !is_address && !title.trim().is_empty()) })
    }

    pub(super) fn player(&mut self, video: &Video) {
        let title = video.title.as_deref().unwrap_or(self.place.video);
        self.out.push_str("<figure class=\"embed\">\n");
        push_frame(&mut self.out, &video.embed.frame, title, ("560", "315"));
        self.out.push_str("\n<figcaption><a");
        self.attribute("href", &video.embed.page);
        self.out.push_str(">▶ ");
        push_text(&mut self.out, title);
        self.out.push_str("</a></figcaption>\n</figure>\n");
    }
}
