//! What a reader sees of HTML, as words: to hold a conversion against its original.

use url::Url;

use super::blocks::is_kept;
use super::links::behind_embed;
use super::notes;
use super::tree::{At, Data, Tree, parse};

/// Elements that go with everything in them.
pub(super) const GONE: [&str; 21] = [
    "script", "style", "template", "noscript", "head", "title", "textarea", "select", "button", "input",
    "applet", "canvas", "datalist", "meter", "progress", "map", "noembed", "noframes", ":svg", ":math",
    "xmp",
];

/// Elements that begin and end a line.
pub(super) const BLOCKS: [&str; 41] = [
    "address",
    "article",
    "aside",
    "blockquote",
    "body",
    "caption",
    "center",
    "dd",
    "details",
    "dialog",
    "dir",
    "div",
    "dl",
    "dt",
    "fieldset",
    "figcaption",
    "figure",
    "footer",
    "form",
    "h1",
    "h2",
    "h3",
    "h4",
    "h5",
    "h6",
    "header",
    "hgroup",
    "hr",
    "html",
    "legend",
    "li",
    "main",
    "menu",
    "nav",
    "ol",
    "p",
    "pre",
    "section",
    "summary",
    "table",
    "ul",
];

/// Parts of tables, which are blocks too.
pub(super) const PARTS: [&str; 8] = ["tbody", "td", "tfoot", "th", "thead", "tr", "colgroup", "col"];

/// Elements of which the page that they show remains.
pub(super) const EMBEDS: [&str; 5] = ["iframe", "embed", "object", "video", "audio"];

/// The page behind an embedded player, or the file that it plays.
pub(super) fn behind(tree: &Tree, at: At, page: Option<&Url>) -> Option<String> {
    let inner = || tree.below(at).filter(|below| tree.name(*below) == "source");
    let inner = || inner().find_map(|below| tree.attribute(below, "src"));
    let own = ["src", "data-src", "data"].iter().find_map(|key| tree.attribute(at, key));
    behind_embed(own.or_else(inner)?, page)
}

/// What is met on the way through a text.
pub(super) enum Step<'t> {
    Text(&'t str),
    /// A line break.
    Break,
    /// A block begins or ends.
    Edge,
    /// An embedded player.
    Embed(At),
}

/// Walks through what can be seen below `from`, but for what `hides` says.
pub(super) fn walk<'t>(tree: &'t Tree, from: At, hides: &dyn Fn(At) -> bool, each: &mut dyn FnMut(Step<'t>)) {
    let children = |at: At| tree.children(at).iter().rev().map(|child| (*child, false));
    let mut stack: Vec<(At, bool)> = children(from).collect();
    while let Some((at, ends)) = stack.pop() {
        match tree.data(at) {
            Data::Text(run) => each(Step::Text(run)),
            Data::Element(element) => {
                let name = element.name.as_str();
                let is_block = BLOCKS.contains(&name) || PARTS.contains(&name);
                if ends {
                    each(Step::Edge);
                } else if hides(at) || GONE.contains(&name) {
                } else if EMBEDS.contains(&name) {
                    each(Step::Embed(at));
                } else if name == "br" {
                    each(Step::Break);
                } else {
                    if is_block {
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

/// The words of `html` that a reader sees, one space between them; footnotes and their marks left out, since their
/// numbers and arrows are the renderer's.
pub fn visible(html: &str) -> String {
    let tree = parse(html);
    let notes = notes::find(&tree);
    let mut text = String::new();
    let hides = |at| notes.hides(at) || tree.has_class(at, "footnotes");
    walk(&tree, Tree::ROOT, &hides, &mut |step| match step {
        Step::Text(run) => text.extend(run.chars().filter(|c| *c == '\n' || is_kept(*c))),
        Step::Break | Step::Edge => text.push(' '),
        Step::Embed(at) => text.extend([" ", &behind(&tree, at, None).unwrap_or_default(), " "]),
    });
    text.split_whitespace().collect::<Vec<_>>().join(" ")
}
