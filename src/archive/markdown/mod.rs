//! Markdown to HTML that is safe everywhere, and to a small tree for plain text. The only place that knows comrak.

mod escape;
mod html;
mod outline;
mod sanitise;
mod tags;
mod tree;
mod underscores;

use std::collections::BTreeMap;

use comrak::Arena;
use comrak::nodes::{AstNode, NodeValue};
use url::Url;

use self::html::Fragment;
use super::Post;
use super::links::{self, LinkError, Purpose};
use crate::finding::Finding;

/// A post's body as HTML: sanitised, every URL absolute, no script, form, frame, inline SVG or heading anchors.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Rendered {
    /// The whole body.
    pub html: String,
    /// What stands before `<!-- more -->`, if that mark is there.
    pub excerpt: Option<String>,
    /// The addresses in it that lead to the post's own site, links to posts by the names of their files left out.
    pub own: Vec<OwnAddress>,
}

/// An address in a body that leads to the site on which the post stands.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct OwnAddress {
    /// The line in the post's file.
    pub line: usize,
    /// As it is written.
    pub raw: String,
    /// As a canonical absolute URL.
    pub url: String,
    /// Whether it is followed or loaded.
    pub purpose: Purpose,
}

/// A block of the body, for renderings that are not HTML.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Block {
    /// A heading of level 1 to 6.
    Heading(u8, Vec<Inline>),
    /// A paragraph.
    Paragraph(Vec<Inline>),
    /// A list: the number of its first item if it is ordered, and its items.
    List(Option<usize>, Vec<Item>),
    /// A block quote or an alert.
    Quote(Vec<Block>),
    /// Code: the language, if it is named, and the text as it stands.
    Code(Option<String>, String),
    /// A table: the header row and the other rows.
    Table(Vec<Vec<Inline>>, Vec<Vec<Vec<Inline>>>),
    /// Terms and what they mean.
    Definitions(Vec<(Vec<Inline>, Vec<Block>)>),
    /// A thematic break.
    Rule,
    /// The footnotes, in the order in which they are first referred to; numbered from 1.
    Footnotes(Vec<Vec<Block>>),
}

/// A list item.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Item {
    /// Done or not, if it is a task.
    pub task: Option<bool>,
    /// What stands in it.
    pub blocks: Vec<Block>,
}

/// A stretch of a line.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Inline {
    /// Text.
    Text(String),
    /// `code`.
    Code(String),
    /// Emphasis.
    Emphasis(Vec<Inline>),
    /// Strong emphasis.
    Strong(Vec<Inline>),
    /// Struck through.
    Strike(Vec<Inline>),
    /// A link: its text and its absolute URL.
    Link(Vec<Inline>, String),
    /// A picture: its alternative text and its absolute URL.
    Image(String, String),
    /// A reference to the footnote with this number.
    Footnote(usize),
    /// A hard line break.
    Break,
}

/// Where the body stands: its page, and its place in the folder.
#[derive(Clone, Copy)]
struct Place<'s> {
    page: &'s Url,
    source: &'s str,
    body_line: usize,
    /// What links to the files of other posts mean.
    links: &'s BTreeMap<String, Url>,
}

static NO_LINKS: BTreeMap<String, Url> = BTreeMap::new();

impl<'s> Place<'s> {
    fn of(post: &'s Post) -> Self {
        Self {
            page: &post.url,
            source: post.source.as_str(),
            body_line: post.body_line,
            links: &post.page.links,
        }
    }

    fn absolute(self, raw: &str, purpose: Purpose) -> Result<String, LinkError> {
        match self.links.get(raw) {
            Some(page) if purpose == Purpose::Link => Ok(links::canonical(page)),
            _ => links::absolute(self.page, raw, purpose),
        }
    }

    /// `line` counts from 1 in the body.
    fn warning(self, line: usize, rule: &'static str, message: impl Into<String>) -> Finding {
        Finding::warning(rule, self.source, message).at(self.body_line + line.max(1) - 1)
    }
}

/// Renders the body of `post`; the findings name `file:line`.
pub fn render(post: &Post) -> (Rendered, Vec<Finding>) {
    let place = Place::of(post);
    let arena = Arena::new();
    let tree = tree::parse(&arena, post.body.as_str());
    let Fragment { html, mut findings, own, .. } = fragment(tree.root, place, post.body.as_str().len());
    if let Some(line) = tree.cut {
        let message =
            "quotes, lists or emphasis are nested more than 60 deep; what lies deeper is shown as plain text";
        findings.push(place.warning(line, "post-depth", message));
    }
    // The excerpt is a fragment of its own: what is left open before the mark is closed there.
    let excerpt = cut_at_more(tree.root).then(|| fragment(tree.root, place, 0).html);
    (Rendered { html, excerpt, own }, findings)
}

/// The HTML of a text that is no post yet, as if it stood on `page`.
pub fn preview(body: &str, page: &Url) -> String {
    let arena = Arena::new();
    let place = Place { page, source: "", body_line: 1, links: &NO_LINKS };
    fragment(tree::parse(&arena, body).root, place, body.len()).html
}

fn fragment<'a>(root: &'a AstNode<'a>, place: Place<'_>, length: usize) -> Fragment {
    let fragment = html::Writer::new(place, length + length / 4).write(root);
    let mut html = if fragment.holds_raw { sanitise::clean(&fragment.html, place) } else { fragment.html };
    html.truncate(html.trim_end().len());
    // Letters mark the places for a reader's own words with this name; a post may speak of it, not be taken for it.
    if html.contains("lp-slot") {
        html = html.replace("lp-slot", "lp&#45;slot");
    }
    Fragment { html, ..fragment }
}

/// The links of a body that name a file of Markdown, each with its line in the body.
pub(super) fn links_to_files(body: &str) -> Vec<(usize, String)> {
    if !body.contains(".md") && !body.contains(".markdown") {
        return Vec::new();
    }
    let arena = Arena::new();
    let mut found = Vec::new();
    for node in tree::parse(&arena, body).root.descendants() {
        let line = node.data().sourcepos.start.line.max(1);
        match &node.data().value {
            NodeValue::Link(link) => found.push((line, link.url.clone())),
            NodeValue::HtmlInline(html) => push_hrefs(&mut found, line, html),
            NodeValue::HtmlBlock(html) => push_hrefs(&mut found, line, &html.literal),
            _ => {}
        }
    }
    found.retain(|(_, raw)| links::names_markdown(raw));
    found
}

fn push_hrefs(found: &mut Vec<(usize, String)>, line: usize, html: &str) {
    for tag in tags::tags(html).filter(|tag| tag.name == "a") {
        found.extend(tag.attribute("href").map(|href| (line + lines_before(html, tag.span.0), href)));
    }
}

fn lines_before(html: &str, at: usize) -> usize {
    memchr::memchr_iter(b'\n', &html.as_bytes()[..at]).count()
}

/// Takes off the tree what follows the mark, but for the footnotes that are referred to before it; `false` if
/// there is no mark.
fn cut_at_more<'a>(root: &'a AstNode<'a>) -> bool {
    let Some(mark) = root.children().find(|node| tree::is_more(node)) else { return false };
    let after: Vec<_> = mark.following_siblings().collect();
    let mut notes = Vec::new();
    for node in after {
        if matches!(node.data().value, NodeValue::FootnoteDefinition(_)) {
            notes.push(node);
        } else {
            node.detach();
        }
    }
    let referred = root
        .descendants()
        .filter_map(|node| match &node.data().value {
            NodeValue::FootnoteReference(note) => Some(note.ix as usize),
            _ => None,
        })
        .max()
        .unwrap_or(0);
    // Notes are numbered by their first reference, so the needed ones are the first ones.
    for note in notes.into_iter().skip(referred) {
        note.detach();
    }
    true
}

/// The body of `post` as a tree, URLs absolute, raw HTML reduced to its text.
pub fn outline(post: &Post) -> Vec<Block> {
    let arena = Arena::new();
    outline::blocks(tree::parse(&arena, post.body.as_str()).root, Place::of(post))
}

/// At most `limit` characters of plain text from the beginning of the body, cut at a word, with an ellipsis if
/// cut. What follows `<!-- more -->`, headings, code and tables do not count.
pub fn excerpt(post: &Post, limit: usize) -> String {
    let arena = Arena::new();
    let root = tree::parse(&arena, post.body.as_str()).root;
    cut_at_more(root);
    let text = outline::plain(&outline::blocks(root, Place::of(post)), limit);
    shorten(&text.split_whitespace().collect::<Vec<_>>().join(" "), limit)
}

/// At most `limit` characters of a text, with an ellipsis if it is cut: at the last space of the final third, else
/// between two letters, since Chinese and Japanese have no spaces.
pub fn shorten(text: &str, limit: usize) -> String {
    if text.chars().count() <= limit {
        return text.to_owned();
    }
    let room = limit.saturating_sub(1);
    let end = text.char_indices().nth(room).map_or(text.len(), |(at, _)| at);
    let kept = &text[..end];
    let last_space = kept.rfind(' ').filter(|at| kept[..*at].chars().count() >= room * 2 / 3);
    let end = match last_space {
        Some(at) if !text[end..].starts_with(' ') => at,
        _ => before_a_letter(text, end),
    };
    if limit == 0 { String::new() } else { format!("{}…", text[..end].trim_end()) }
}

/// The last place up to `end` where no letter is torn from its marks, joiners or skin tone.
fn before_a_letter(text: &str, mut end: usize) -> usize {
    loop {
        let torn = text[end..].starts_with(joins) || text[..end].ends_with('\u{200D}');
        match text[..end].chars().next_back() {
            Some(last) if torn => end -= last.len_utf8(),
            _ => return end,
        }
    }
}

fn joins(c: char) -> bool {
    unicode_normalization::char::is_combining_mark(c)
        || matches!(c, '\u{200D}' | '\u{FE00}'..='\u{FE0F}' | '\u{1F3FB}'..='\u{1F3FF}')
}

/// The first heading of a body.
pub(super) struct FirstHeading {
    /// Its text.
    pub(super) text: String,
    /// Its first and its last line, from 1.
    pub(super) lines: (usize, usize),
}

/// Finds the first heading that stands in no quote or list.
pub(super) fn first_heading(body: &str) -> Option<FirstHeading> {
    let arena = Arena::new();
    let root = tree::parse(&arena, body).root;
    let node = root.children().find(|node| matches!(node.data().value, NodeValue::Heading(_)))?;
    let place = node.data().sourcepos;
    Some(FirstHeading { text: node.collect_text(), lines: (place.start.line, place.end.line) })
}

#[cfg(test)]
mod tests;
