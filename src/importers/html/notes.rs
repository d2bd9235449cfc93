//! Footnotes: marks that link to an element of the same text, which links back to them.

use std::collections::{HashMap, HashSet};
use std::iter;

use crate::html::{At, Data, Tree};

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

/// A link to an element of the same text.
struct Link {
    at: At,
    target: At,
    /// The link, or the `sup` or `span` that contains only the link.
    sign: At,
}

/// Finds the footnotes. A link within the text is the mark of a footnote if its target links back to it.
pub(super) fn find(tree: &Tree) -> Notes {
    let links = links(tree);
    let mut back = links_back(tree, &links);
    let mut notes = Notes::default();
    let mut numbers: HashMap<At, usize> = HashMap::new();
    // Marks and their parents that a link of a note leads to.
    let mut led_to: HashSet<(At, At)> = HashSet::new();
    for link in &links {
        let Some(body) = body(tree, link.target) else { continue };
        // A link back is not a mark.
        let leads_back = notes.hidden.contains(&link.sign);
        if leads_back || !is_mark(tree, link.sign) || is_inside(tree, link.at, body) {
            continue;
        }
        let beside = iter::once(link.sign).chain(tree.below(link.sign)).chain(tree.parent(link.sign));
        let mut has_back = false;
        for target in beside {
            if let Some(signs) = back.remove(&(body, target)) {
                notes.hidden.extend(signs);
                led_to.insert((body, target));
            }
            has_back |= led_to.contains(&(body, target));
        }
        if !has_back && !numbers.contains_key(&body) {
            continue;
        }
        let next = notes.bodies.len() + 1;
        let number = *numbers.entry(body).or_insert(next);
        if number == next {
            notes.bodies.push(body);
        }
        notes.marks.insert(link.sign, number);
        notes.hidden.insert(body);
    }
    notes
}

/// The links within the text, in its order.
fn links(tree: &Tree) -> Vec<Link> {
    let mut by_id: HashMap<&str, At> = HashMap::new();
    let mut found: Vec<(At, &str)> = Vec::new();
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
            found.push((at, target));
        }
    }
    let mut texts = HashMap::new();
    let found = found.into_iter().filter_map(|(at, target)| Some((at, *by_id.get(target)?)));
    found.map(|(at, target)| Link { at, target, sign: sign(tree, at, &mut texts) }).collect()
}

/// The signs of the links that lead from a note to an element: (note, element) to signs.
fn links_back(tree: &Tree, links: &[Link]) -> HashMap<(At, At), Vec<At>> {
    let bodies: HashSet<At> = links.iter().filter_map(|link| body(tree, link.target)).collect();
    let mut back: HashMap<(At, At), Vec<At>> = HashMap::new();
    for link in links {
        for outer in with_parents(tree, link.at).filter(|outer| bodies.contains(outer)) {
            back.entry((outer, link.target)).or_default().push(link.sign);
        }
    }
    back
}

/// The list item or paragraph that a mark links to.
fn body(tree: &Tree, target: At) -> Option<At> {
    let mut at = target;
    while matches!(tree.name(at), "a" | "span" | "sup" | "b" | "strong") {
        at = tree.parent(at)?;
    }
    matches!(tree.name(at), "li" | "p" | "div" | "dd" | "aside").then_some(at)
}

/// The `sup` or `span` that contains only the link, or the link itself. `texts` keeps the texts of parents.
fn sign(tree: &Tree, link: At, texts: &mut HashMap<At, String>) -> At {
    match tree.parent(link) {
        Some(parent)
            if matches!(tree.name(parent), "sup" | "span")
                && texts.entry(parent).or_insert_with(|| tree.text(parent)).trim()
                    == tree.text(link).trim() =>
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
    with_parents(tree, at).any(|at| at == outer)
}

/// The element and everything around it. The depth of a tree is limited.
fn with_parents(tree: &Tree, at: At) -> impl Iterator<Item = At> {
    iter::successors(Some(at), |at| tree.parent(*at))
}
