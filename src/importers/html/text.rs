//! The visible words of HTML, to compare a conversion with its original.

use url::Url;

use super::blocks::is_kept;
use super::card_classes::{self, Card};
use super::code;
use super::links::embed_page;
use super::notes;
use crate::html::{At, Data, Tree, is_block, parse};

/// Elements that are dropped with their content.
pub(super) const DROPPED: [&str; 21] = [
    "script", "style", "template", "noscript", "head", "title", "textarea", "select", "button", "input",
    "applet", "canvas", "datalist", "meter", "progress", "map", "noembed", "noframes", ":svg", ":math",
    "xmp",
];

/// Embedded content. A link to it remains.
pub(super) const EMBEDS: [&str; 5] = ["iframe", "embed", "object", "video", "audio"];

/// Whether the element shows something of another page. A gist is a script.
pub(super) fn is_embed(tree: &Tree, at: At) -> bool {
    let name = tree.name(at);
    let is_gist = || tree.attribute(at, "src").is_some_and(|src| src.starts_with("https://gist.github.com/"));
    EMBEDS.contains(&name) || (name == "script" && is_gist())
}

/// The page of an embedded player, or the file that it plays.
pub(super) fn embed_target(tree: &Tree, at: At, page: Option<&Url>) -> Option<String> {
    let inner = || tree.below(at).filter(|below| tree.name(*below) == "source");
    let inner = || inner().find_map(|below| tree.attribute(below, "src"));
    let own = ["src", "data-src", "data"].iter().find_map(|key| tree.attribute(at, key));
    embed_page(own.or_else(inner)?, page)
}

/// A step of [`walk`].
pub(super) enum Step<'t> {
    Text(&'t str),
    /// A line break.
    Break,
    /// A block begins or ends.
    Edge,
    /// An embedded player.
    Embed(At),
}

/// Visits the visible content below `from`, except the nodes for which `hides` is true.
pub(super) fn walk<'t>(tree: &'t Tree, from: At, hides: &dyn Fn(At) -> bool, each: &mut dyn FnMut(Step<'t>)) {
    let children = |at: At| tree.children(at).iter().rev().map(|child| (*child, false));
    let mut stack: Vec<(At, bool)> = children(from).collect();
    while let Some((at, ends)) = stack.pop() {
        match tree.data(at) {
            Data::Text(run) => each(Step::Text(run)),
            Data::Element(element) => {
                let name = element.name.as_str();
                if ends {
                    each(Step::Edge);
                } else if hides(at) || card_classes::is_control(tree, at) || is_titled(tree, at) {
                } else if let Some(Card::Rating) = card_classes::card(tree, at) {
                    each(Step::Edge);
                    each(Step::Text(card_classes::rating(tree, at)));
                    each(Step::Edge);
                } else if is_embed(tree, at) {
                    each(Step::Embed(at));
                } else if DROPPED.contains(&name) {
                } else if name == "br" {
                    each(Step::Break);
                } else {
                    if is_block(name) {
                        each(Step::Edge);
                        stack.push((at, true));
                    }
                    stack.extend(children(at));
                }
            }
            Data::Comment(_) | Data::Nothing => {}
        }
    }
}

/// Whether it is a recording, and the title of its card is the link to it.
fn is_titled(tree: &Tree, at: At) -> bool {
    if tree.name(at) != "audio" {
        return false;
    }
    let card = |at: &At| card_classes::card(tree, *at) == Some(Card::Audio);
    let around = std::iter::successors(tree.parent(at), |at| tree.parent(*at)).find(card);
    around.is_some_and(|card| card_classes::audio(tree, card).is_some())
}

/// The visible words of `html`, separated by one space. Footnotes and their marks are left out, because each renderer
/// writes other numbers and arrows.
pub fn visible(html: &str) -> String {
    let tree = parse(&code::escaped(html));
    let notes = notes::find(&tree);
    let mut text = String::new();
    let hides = |at| notes.hides(at) || tree.has_class(at, "footnotes");
    walk(&tree, Tree::ROOT, &hides, &mut |step| match step {
        Step::Text(run) => text.extend(run.chars().filter(|c| *c == '\n' || is_kept(*c))),
        Step::Break | Step::Edge => text.push(' '),
        Step::Embed(at) => text.extend([" ", &embed_target(&tree, at, None).unwrap_or_default(), " "]),
    });
    text.split_whitespace().collect::<Vec<_>>().join(" ")
}
