//! Cards: the elements with which editors show files, links and recordings. They become what a person would write.

use super::blocks::{Block, Flow, Reading};
use super::card_classes::{self, Card, TITLES};
use super::inline::{Mark, Piece, Run, Style};
use super::links::address;
use super::text::embed_target;
use crate::html::At;

impl Reading<'_> {
    /// Writes a card.
    pub(super) fn card(&mut self, card: Card, at: At, style: &Style, flow: &mut Flow) {
        let tree = self.tree;
        match card {
            Card::Quote => self.callout(at, flow),
            Card::Strong => self.separate(at, &style.with(Mark::Strong), flow),
            Card::Paragraph => self.separate(at, style, flow),
            Card::Link => self.link_card(at, style, flow),
            Card::Button => {
                flow.flush();
                let linked = self.link(at, style);
                let mut runs = self.line(at, &linked);
                if linked != *style && !runs.is_empty() {
                    runs.push(Run { piece: Piece::Button, style: style.clone() });
                }
                flow.push_paragraph(runs);
            }
            Card::Rating => {
                let stars = Piece::Text(card_classes::rating(tree, at).to_owned());
                flow.flush();
                flow.push_paragraph(vec![Run { piece: stars, style: style.clone() }]);
            }
            Card::Pictures => {
                for item in tree.children(at) {
                    self.separate(*item, style, flow);
                }
            }
            Card::Audio => match card_classes::audio(tree, at) {
                Some((title, player)) => {
                    flow.flush();
                    let address = embed_target(tree, player, self.options.page);
                    let linked = address.map_or_else(|| style.clone(), |address| self.linked(address, style));
                    let runs = self.line(title, &linked);
                    flow.push_paragraph(runs);
                }
                None => self.separate(at, style, flow),
            },
        }
    }

    /// The emoji of a callout stands before its first words.
    fn callout(&mut self, at: At, flow: &mut Flow) {
        let mut inside = self.below(at);
        if let [Block::Paragraph(emoji), Block::Paragraph(words), ..] = inside.as_mut_slice()
            && let [Run { piece: Piece::Text(sign), .. }] = emoji.as_slice()
            && !sign.chars().any(char::is_alphanumeric)
        {
            words.insert(0, Run { piece: Piece::Text(format!("{} ", sign.trim())), style: Style::default() });
            inside.remove(0);
        }
        flow.flush();
        if !inside.is_empty() {
            flow.push(Block::Quote(inside));
        }
    }

    fn link_card(&mut self, at: At, style: &Style, flow: &mut Flow) {
        flow.flush();
        let tree = self.tree;
        let address = tree.attribute(at, "href").and_then(|href| address(href, self.options.page));
        let linked = address.map_or_else(|| style.clone(), |address| self.linked(address, style));
        let title = tree.below(at).find(|below| card_classes::has_any(tree, *below, &TITLES));
        match title {
            Some(title) if !tree.text(title).trim().is_empty() => {
                let runs = self.line(title, &linked);
                flow.push_paragraph(runs);
                self.card_title = Some(title);
                self.separate(at, style, flow);
                self.card_title = None;
            }
            _ => self.separate(at, &linked, flow),
        }
    }
}
