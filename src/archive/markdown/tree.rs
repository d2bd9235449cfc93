//! Parses Markdown: a tree whose depth is limited so that recursion is safe.

use std::borrow::Cow;

use comrak::Arena;
use comrak::nodes::{AstNode, NodeValue};

use super::{corrections, formulas};
use crate::archive::{Formulas, MarkdownDialect};

/// Deeper blocks and spans are reduced to their text. Real posts stay below ten.
const MAX_DEPTH: usize = 60;

/// A parsed body.
pub(super) struct Tree<'a> {
    /// The document node.
    pub(super) root: &'a AstNode<'a>,
    /// The first line of the body, from 1, that was nested too deep.
    pub(super) cut: Option<usize>,
}

/// How often a body is parsed to find out what is a formula. The first time nearly always suffices.
const MAX_ATTEMPTS: usize = 3;

/// Parses `body`.
pub(super) fn parse<'a>(arena: &'a Arena<'a>, body: &str, dialect: MarkdownDialect) -> Tree<'a> {
    let root = match dialect.formulas {
        Formulas::Off => corrections::parse(arena, &tamed(body), dialect),
        Formulas::On | Formulas::Kramdown => with_formulas(arena, body, dialect),
    };
    if dialect.hard_breaks {
        break_lines(root);
    }
    let cut = limit_depth(arena, root);
    if body.contains("__") {
        super::underscores::embolden(arena, root);
    }
    Tree { root, cut }
}

/// Makes the end of each line in a paragraph a line break.
fn break_lines<'a>(root: &'a AstNode<'a>) {
    for node in root.descendants() {
        let mut data = node.data_mut();
        if matches!(data.value, NodeValue::SoftBreak) {
            data.value = NodeValue::LineBreak;
        }
    }
}

fn with_formulas<'a>(arena: &'a Arena<'a>, body: &str, dialect: MarkdownDialect) -> &'a AstNode<'a> {
    let mut found = formulas::find(body);
    for _ in 0..MAX_ATTEMPTS {
        let lifted = formulas::lifted(body, &found);
        let root = corrections::parse(arena, &tamed(&lifted), dialect);
        let missing = formulas::put_back(root, &found, dialect.formulas);
        if missing.is_empty() {
            return root;
        }
        let mut number = 0..;
        found.retain(|_| number.next().is_some_and(|number| !missing.contains(&number)));
    }
    corrections::parse(arena, &tamed(body), dialect)
}

/// The most quotes and lists that one line may open, and the most containers (`:::`) of a body. The parser takes time quadratic
/// in their number, so the rest of them are escaped and become text.
const MAX_MARKERS: usize = 500;

fn tamed(body: &str) -> Cow<'_, str> {
    let is_marker = |byte: &u8| b">-+* \t".contains(byte);
    let may_have_many =
        |line: &[u8]| line.get(2 * MAX_MARKERS).is_some_and(is_marker) && line.first().is_some_and(is_marker);
    let mut line_starts =
        std::iter::once(0).chain(memchr::memchr_iter(b'\n', body.as_bytes()).map(|end| end + 1));
    if memchr::memmem::find(body.as_bytes(), b":::").is_none()
        && !line_starts.any(|start| may_have_many(&body.as_bytes()[start..]))
    {
        return Cow::Borrowed(body);
    }
    let mut tame = String::new();
    let mut from = 0;
    let mut line_start = 0;
    let mut fences = 0;
    for line in body.split_inclusive('\n') {
        let markers = line.bytes().take_while(is_marker).count();
        // A long run of one marker alone is a thematic break; quotes never are.
        let is_break = !line[..markers].contains('>') && line[markers..].trim().is_empty();
        let is_fence = line[markers..].starts_with(":::");
        fences += usize::from(is_fence);
        if markers > 2 * MAX_MARKERS && !is_break {
            let at = line_start + 2 * MAX_MARKERS;
            tame.push_str(&body[from..at]);
            tame.push('\\');
            from = at + usize::from(body.as_bytes()[at].is_ascii_whitespace());
        } else if is_fence && fences > MAX_MARKERS {
            let at = line_start + markers;
            tame.push_str(&body[from..at]);
            tame.push('\\');
            from = at;
        }
        line_start += line.len();
    }
    if from == 0 {
        return Cow::Borrowed(body);
    }
    tame.push_str(&body[from..]);
    Cow::Owned(tame)
}

/// Replaces nodes that are nested too deep by their text; returns the first line where that happened.
fn limit_depth<'a>(arena: &'a Arena<'a>, root: &'a AstNode<'a>) -> Option<usize> {
    let (mut deep, mut stack) = (Vec::new(), vec![(root, 0)]);
    while let Some((node, depth)) = stack.pop() {
        if depth == MAX_DEPTH && node.first_child().is_some() {
            deep.push(node);
        } else {
            stack.extend(node.children().map(|child| (child, depth + 1)));
        }
    }
    let line = deep.iter().map(|node| node.data().sourcepos.start.line).min();
    for node in deep {
        let text = node.collect_text();
        let is_block = node.data().value.block();
        // The children go; the text of the whole subtree has been collected.
        while let Some(child) = node.first_child() {
            child.detach();
        }
        let flat = arena.alloc(NodeValue::Text(text.into()).into());
        if is_block && !node.data().value.contains_inlines() {
            node.data_mut().value = NodeValue::Paragraph;
        }
        node.append(flat);
    }
    line
}

/// Whether a footnote is at the end of the document, where comrak puts each one that is referred to. Any other, in a quote
/// or in another footnote, is part of the text around it.
pub(super) fn is_at_top(node: &AstNode<'_>) -> bool {
    node.parent().is_some_and(|parent| matches!(parent.data().value, NodeValue::Document))
}

/// Whether the node is the comment that ends the excerpt, `<!-- more -->`.
pub(super) fn is_more(node: &AstNode<'_>) -> bool {
    match &node.data().value {
        NodeValue::HtmlBlock(block) => block
            .literal
            .trim_start()
            .strip_prefix("<!--")
            .and_then(|rest| rest.split_once("-->"))
            .is_some_and(|(inside, _)| inside.trim().eq_ignore_ascii_case("more")),
        _ => false,
    }
}
/// Behind a link it makes a button of it: `[Sign up](https://example.com/){.button}`.
const BUTTON: &str = "{.button}";

/// Whether a link is to be shown as a button.
pub(super) fn is_button<'a>(link: &'a AstNode<'a>) -> bool {
    let next = link.next_sibling();
    next.is_some_and(|next| matches!(&next.data().value, NodeValue::Text(text) if text.starts_with(BUTTON)))
}

/// Whether a link is followed by what was meant as the mark of a button: `{ .Button }`, or the mark after a space.
pub(super) fn is_meant_as_button<'a>(link: &'a AstNode<'a>) -> bool {
    let is_mark = |text: &str| {
        let inside = text.trim_start().strip_prefix('{').and_then(|rest| rest.split_once('}'));
        inside.is_some_and(|(mark, _)| mark.trim().trim_start_matches('.').eq_ignore_ascii_case("button"))
    };
    !is_button(link)
        && link
            .next_sibling()
            .is_some_and(|next| matches!(&next.data().value, NodeValue::Text(text) if is_mark(text)))
}

/// Behind a picture, its variant for dark backgrounds: `![Chart](chart.png){dark=chart-dark.png}`.
const DARK: &str = "{dark=";

/// The address of a picture's variant for dark backgrounds, and the text behind it.
fn split_dark(text: &str) -> Option<(&str, &str)> {
    let (address, rest) = text.strip_prefix(DARK)?.split_once('}')?;
    (!address.trim().is_empty()).then_some((address.trim(), rest))
}

/// The variant of a picture for dark backgrounds.
pub(super) fn dark_variant<'a>(picture: &'a AstNode<'a>) -> Option<String> {
    match &picture.next_sibling()?.data().value {
        NodeValue::Text(text) => split_dark(text).map(|(address, _)| address.to_owned()),
        _ => None,
    }
}

/// The text of a node without the mark that belongs to the link or picture before it.
pub(super) fn without_mark<'a, 't>(node: &'a AstNode<'a>, text: &'t str) -> &'t str {
    let Some(before) = node.previous_sibling() else { return text };
    let rest = match &before.data().value {
        NodeValue::Link(_) => text.strip_prefix(BUTTON),
        NodeValue::Image(_) => split_dark(text).map(|(_, rest)| rest),
        _ => None,
    };
    rest.unwrap_or(text)
}
