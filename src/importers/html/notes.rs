//! Footnotes: marks that link to an element of the same text, which links back to them.

use std::collections::{HashMap, HashSet};

use crate::html::{At, Data, Tree};

/// Each link is compared with every other one.
const MAX_LINKS: usize = 2000;

/// The footnotes of a text.
#[derive(Debug, Default)]
pub(super) struct Notes {
    /// Mark (the link, or the `sup` around it) to number.
    marks: HashMap<At, usize>,
    /// The elements with the notes, in the order of their numbers.
    pub(super) bodies: Vec<At>,
    /// Links back, and the elements with the notes.
    hidden: HashSet<At>,
}

impl Notes {
    /// The number of the note of a mark.
    pub(super) fn number(&self, at: At) -> Option<usize> {
        self.marks.get(&at).copied()
    }

    /// Whether the element is a mark, a note or a link back, whose text is not written in place.
    pub(super) fn hides(&self, at: At) -> bool {
        self.hidden.contains(&at) || self.marks.contains_key(&at)
    }
}

/// Finds the footnotes. A link within the text is the mark of a footnote if its target links back to it.
pub(super) fn find(tree: &Tree) -> Notes {
    let mut by_id: HashMap<&str, At> = HashMap::new();
    let mut links: Vec<(At, &str)> = Vec::new();
    for at in tree.below(Tree::ROOT) {
        let Data::Element(element) = tree.data(at) else { continue };
        for key in ["id", "name"] {
            if let Some(id) = element.attribute(key).filter(|id| !id.is_empty()) {
                by_id.entry(id).or_insert(at);
            }
        }
        if element.name == "a"
            && let Some(target) = element.attribute("href").and_then(|href| href.strip_prefix('#'))
        {
            links.push((at, target));
        }
    }
    let mut notes = Notes::default();
    let mut numbers: HashMap<At, usize> = HashMap::new();
    links.truncate(MAX_LINKS);
    for (link, target) in &links {
        let Some(body) = by_id.get(target).and_then(|at| body(tree, *at)) else { continue };
        let sign = mark(tree, *link);
        // A link back is not a mark.
        let leads_back = notes.hidden.contains(&sign);
        if leads_back || !is_mark(tree, sign) || is_inside(tree, *link, body) {
            continue;
        }
        let back = links.iter().filter(|(back, to)| {
            is_inside(tree, *back, body) && by_id.get(to).is_some_and(|at| is_beside(tree, *at, sign))
        });
        let back: Vec<At> = back.map(|(back, _)| mark(tree, *back)).collect();
        if back.is_empty() && !numbers.contains_key(&body) {
            continue;
        }
        let next = notes.bodies.len() + 1;
        let number = *numbers.entry(body).or_insert(next);
        if number == next {
            notes.bodies.push(body);
        }
        notes.marks.insert(sign, number);
        notes.hidden.insert(body);
        notes.hidden.extend(back);
    }
    notes
}

/// The list item or paragraph that a mark links to.
fn body(tree: &Tree, target: At) -> Option<At> {
    let mut at = target;
    while matches!(tree.name(at), "a" | "span" | "sup" | "b" | "strong") {
        at = tree.parent(at)?;
    }
    matches!(tree.name(at), "li" | "p" | "div" | "dd" | "aside").then_some(at)
}

/// The `sup` or `span` that contains only the link, or the link itself.
fn mark(tree: &Tree, link: At) -> At {
    match tree.parent(link) {
        Some(parent)
            if matches!(tree.name(parent), "sup" | "span")
                && tree.text(parent).trim() == tree.text(link).trim() =>
        {
            parent
        }
        _ => link,
    }
}

/// Whether the text is a number, a star or a letter, maybe in brackets.
fn is_mark(tree: &Tree, mark: At) -> bool {
    let text = tree.text(mark);
    let text = text.trim().trim_matches(['[', ']', '(', ')']);
    !text.is_empty() && text.chars().count() <= 4 && !text.contains(char::is_whitespace)
}

fn is_inside(tree: &Tree, at: At, outer: At) -> bool {
    let mut here = Some(at);
    while let Some(at) = here {
        if at == outer {
            return true;
        }
        here = tree.parent(at);
    }
    false
}

/// Whether a link to `target` leads to the mark: `target` is the mark, is inside it, or is its parent.
fn is_beside(tree: &Tree, target: At, mark: At) -> bool {
    is_inside(tree, target, mark) || tree.parent(mark) == Some(target)
}
