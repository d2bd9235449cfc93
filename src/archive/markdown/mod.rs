//! Converts Markdown to safe HTML, and its beginning to plain text. No other module uses comrak.

mod corrections;
mod excerpt;
mod formulas;
mod hidden;
mod html;
mod lazy;
mod sanitise;
mod suggestion;
mod tables;
mod tree;
mod underscores;

use std::cell::OnceCell;
use std::collections::BTreeMap;

use aws_lc_rs::digest::{SHA256, digest};
use comrak::Arena;
use comrak::nodes::{AstNode, NodeValue};
use url::Url;

use self::html::Fragment;
use self::tree::Tree;
use super::links::{self, LinkError, LinkKind};
use super::{Formulas, MarkdownDialect, Post};
use crate::config::EmbedHost;
use crate::finding::Finding;
use crate::html::shown_tags;
use crate::i18n::CalloutStrings;
use crate::text::Lines;

pub use self::suggestion::formulas_off;

/// A post's body as HTML: sanitised, every URL absolute, no script, form, frame, inline SVG or heading anchors.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Rendered {
    /// The whole body.
    pub html: String,
    /// Addresses in it on the post's own site, except links to the Markdown files of other posts.
    pub own: Vec<OwnAddress>,
    /// Warnings for the author, with `file:line`.
    pub findings: Vec<Finding>,
}

/// An address in a body on the post's own site.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct OwnAddress {
    /// The line in the post's file.
    pub line: usize,
    /// As written.
    pub raw: String,
    /// As a canonical absolute URL.
    pub url: String,
    /// Whether it is followed or loaded.
    pub purpose: LinkKind,
}

/// The context of a body: its page, and its place in the folder.
#[derive(Clone, Copy)]
struct RenderContext<'s> {
    page: &'s Url,
    source: &'s str,
    body_line: usize,
    /// The pages of other posts by the names of their files, as links in the body write them.
    links: &'s BTreeMap<String, Url>,
    /// The Markdown of the body.
    dialect: MarkdownDialect,
    /// Whose players are shown.
    embeds: &'s [EmbedHost],
    /// The title of a video without one of its own.
    video: &'s str,
    /// The titles of callouts.
    callout: &'s CalloutStrings,
}

static NO_LINKS: BTreeMap<String, Url> = BTreeMap::new();

/// For HTML, which has no callouts.
static NO_CALLOUTS: CalloutStrings = CalloutStrings {
    note: String::new(),
    tip: String::new(),
    important: String::new(),
    warning: String::new(),
    caution: String::new(),
};

impl<'s> RenderContext<'s> {
    fn of(post: &'s Post) -> Self {
        Self {
            page: &post.url,
            source: post.source.as_str(),
            body_line: post.body_line,
            links: &post.page.links,
            dialect: post.dialect,
            embeds: &post.embeds,
            video: &post.strings.issue.video,
            callout: &post.strings.callout,
        }
    }

    fn absolute(self, raw: &str, purpose: LinkKind) -> Result<String, LinkError> {
        match self.links.get(raw) {
            Some(page) if purpose == LinkKind::Link => Ok(links::canonical(page)),
            _ => links::absolute(self.page, raw, purpose),
        }
    }

    /// What the ids of its footnotes begin with, after `fn` or `fnref`. Other entries may be on the same page.
    fn footnote_key(self) -> String {
        let hash = digest(&SHA256, self.page.as_str().as_bytes());
        hash.as_ref()
            .first_chunk()
            .map_or_else(String::new, |start| format!("{:08x}", u32::from_be_bytes(*start)))
    }

    /// Whether formulas are shown, so that MathML is kept.
    fn has_formulas(self) -> bool {
        self.dialect.formulas != Formulas::Off
    }

    /// `line` counts from 1 in the body.
    fn warning(self, line: usize, rule: &'static str, message: impl Into<String>) -> Finding {
        Finding::warning(rule, self.source, message).at(self.body_line + line.max(1) - 1)
    }
}

/// The body of a post. It is parsed when the first method is called, and once for all of them.
pub struct Body<'a> {
    post: &'a Post,
    arena: &'a Arena<'a>,
    tree: OnceCell<Tree<'a>>,
}

/// Calls `read` with the body of `post`.
pub fn read<T>(post: &Post, read: impl FnOnce(&Body<'_>) -> T) -> T {
    let arena = Arena::new();
    read(&Body { post, arena: &arena, tree: OnceCell::new() })
}

impl<'a> Body<'a> {
    fn tree(&self) -> &Tree<'a> {
        self.tree.get_or_init(|| tree::parse(self.arena, self.post.body.as_str(), self.post.dialect))
    }

    /// The body as HTML.
    pub fn render(&self) -> Rendered {
        let (tree, place) = (self.tree(), RenderContext::of(self.post));
        let mut rendered = rendered(tree.root, place, self.post.body.as_str().len());
        if let Some(line) = tree.cut {
            let message = "quotes, lists or emphasis are nested more than 60 deep; what lies deeper is shown as plain text";
            rendered.findings.push(place.warning(line, "post-depth", message));
        }
        rendered
    }

    /// At most `limit` characters of plain text from the beginning, cut at a word and with an ellipsis if cut. Headings,
    /// code, tables and everything after `<!-- more -->` are left out.
    pub fn excerpt(&self, limit: usize) -> String {
        let text = excerpt::beginning(self.tree().root, limit);
        shorten(&text.split_whitespace().collect::<Vec<_>>().join(" "), limit)
    }
}

/// [`Body::render`] for a caller that needs nothing else of the body.
#[expect(
    clippy::redundant_closure_for_method_calls,
    reason = "the method is not general enough over lifetimes"
)]
pub fn render(post: &Post) -> Rendered {
    read(post, |body| body.render())
}

/// [`Body::excerpt`] for a caller that needs nothing else of the body.
pub fn excerpt(post: &Post, limit: usize) -> String {
    read(post, |body| body.excerpt(limit))
}

/// The HTML of a text that is not a post yet, as if it were on `page`.
pub fn preview(body: &str, page: &Url) -> String {
    let arena = Arena::new();
    let place = RenderContext {
        page,
        source: "",
        body_line: 1,
        links: &NO_LINKS,
        dialect: MarkdownDialect::default(),
        embeds: &[],
        video: "",
        callout: &NO_CALLOUTS,
    };
    rendered(tree::parse(&arena, body, MarkdownDialect::default()).root, place, body.len()).html
}

fn rendered<'a>(root: &'a AstNode<'a>, place: RenderContext<'_>, length: usize) -> Rendered {
    let Fragment { mut html, has_raw, mut findings, own } =
        html::Writer::new(place, length + length / 2).write(root);
    if has_raw {
        if let Some(without) = tables::without_tables(&html) {
            let message = "more than 10,000 tags are in a table but not in its cells, so its rows and cells are left out";
            findings.push(
                place.warning(1, "html-tables", message).hint("put what is in a table into `<td>` or `<th>`"),
            );
            html = without;
        }
        html = sanitise::clean(&html, place);
    }
    html.truncate(html.trim_end().len());
    // The slots of an email are elements of this name. A post may mention it, but must not be taken for a slot.
    if memchr::memmem::find(html.as_bytes(), b"lp-slot").is_some() {
        html = html.replace("lp-slot", "lp&#45;slot");
    }
    Rendered { html, own, findings }
}

/// The links of a body that name a file of Markdown, each with its line in the body.
pub(super) fn links_to_files(body: &str) -> Vec<(usize, String)> {
    if ![".md", ".markdown"].iter().any(|end| may_end_an_address(body, end)) {
        return Vec::new();
    }
    let arena = Arena::new();
    let mut found = Vec::new();
    for node in tree::parse(&arena, body, MarkdownDialect::default()).root.descendants() {
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

/// Whether `end` is somewhere before what can follow the path of an address, so that other mentions of a file, such as
/// `*.md;` in code, need not be parsed.
fn may_end_an_address(body: &str, end: &str) -> bool {
    let follows = |at: usize| body.as_bytes().get(at + end.len());
    memchr::memmem::find_iter(body.as_bytes(), end)
        .any(|at| follows(at).is_none_or(|b| b.is_ascii_whitespace() || b")>\"'#?&\\]".contains(b)))
}

fn push_hrefs(found: &mut Vec<(usize, String)>, line: usize, html: &str) {
    let mut lines = Lines::new(html);
    for tag in shown_tags(html).iter().filter(|tag| tag.name() == "a") {
        let href = tag.attribute("href").map(str::to_owned);
        found.extend(href.map(|href| (line + lines.at(tag.at.start) - 1, href)));
    }
}

/// At most `limit` characters of a text, with an ellipsis if it is cut. It is cut at the last space of the final third, or
/// between two letters, because Chinese and Japanese have no spaces.
pub fn shorten(text: &str, limit: usize) -> String {
    if text.chars().count() <= limit {
        return text.to_owned();
    }
    let room = limit.saturating_sub(1);
    let end = text.char_indices().nth(room).map_or(text.len(), |(at, _)| at);
    let cut = &text[..end];
    let last_space = cut.rfind(' ').filter(|at| cut[..*at].chars().count() >= room * 2 / 3);
    let end = match last_space {
        Some(at) if !text[end..].starts_with(' ') => at,
        _ => before_a_letter(text, end),
    };
    if limit == 0 { String::new() } else { format!("{}…", text[..end].trim_end()) }
}

/// The last position up to `end` that does not separate a letter from its marks, joiners or skin tone.
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

/// Finds the first heading outside quotes and lists.
pub(super) fn first_heading(body: &str) -> Option<FirstHeading> {
    let arena = Arena::new();
    let root = tree::parse(&arena, body, MarkdownDialect::default()).root;
    let node = root.children().find(|node| matches!(node.data().value, NodeValue::Heading(_)))?;
    let place = node.data().sourcepos;
    Some(FirstHeading { text: node.collect_text(), lines: (place.start.line, place.end.line) })
}

#[cfg(test)]
mod tests;
