//! Replaces the generator's own syntax in Markdown: shortcodes, Liquid, attribute lists, links by file name. Tags become
//! plain Markdown where possible; the others are left out and reported. Code and line numbers do not change. Nothing is
//! run: a tag is a name and some text.

mod arguments;
mod dialect;
mod html_block;
mod interpretation;
mod liquid;
mod scan;
mod shapes;
mod site_context;
mod tag;

use self::dialect::Dialect;
use self::html_block::HtmlBlock;
use self::interpretation::Interpretation;
use self::tag::{BodyPiece, Kind, PieceKind, Tag};
use crate::config::Generator;

pub(super) use self::site_context::SiteContext;

/// Takes the place of a tag in a block of HTML.
const EMPTY_COMMENT: &str = "<!-- -->";

/// A body without tags.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct Expanded {
    /// Markdown with the same number of lines.
    pub text: String,
    /// The tags that were left out: the line, from 1, and the start of the tag.
    pub left_out: Vec<(usize, String)>,
}

/// What [`Expander::text`] and [`Expander::code`] look for.
const MARKS_IN_TEXT: [&str; 3] = ["[TOC]", ":::", "#!"];
const MARKS_IN_CODE: [&str; 6] = ["</*", "%/*", "{/*", "*/}", "*/%", "raw %}"];

/// `body` without the tags of its generator; `None` if nothing changes.
pub(super) fn expand_shortcodes(body: &str, around: SiteContext<'_>) -> Option<Expanded> {
    let has = |mark: &str| memchr::memmem::find(body.as_bytes(), mark.as_bytes()).is_some();
    let has_brace = has("{");
    if !has_brace && !has("@") && !has("](") && around.generator != Generator::Pelican {
        return None;
    }
    let has_marks = MARKS_IN_TEXT.into_iter().any(has);
    // Most posts have nothing to replace, and need no scan to know that. The name of a file that is linked to has `.m`.
    if !has_brace && !has_marks && !has("}") && !has("@/") && !has(".m") {
        return None;
    }
    let dialect = Dialect::of(around.generator);
    let pieces = scan::pieces(body, dialect);
    if !has_marks && pieces.iter().all(|piece| is_copied(&piece.what, &body[piece.start..piece.end])) {
        return None;
    }
    let partners = partners(&pieces);
    let mut writer = Expander {
        body,
        around,
        dialect,
        out: String::with_capacity(body.len()),
        line: 1,
        left_out: Vec::new(),
        html_block: HtmlBlock::default(),
    };
    let mut at = 0;
    while let Some(piece) = pieces.get(at) {
        let partner = partners[at].map(|partner| (partner, &pieces[partner]));
        at = writer
            .piece(piece, partner.map(|(_, close)| close))
            .and(partner)
            .map_or(at, |(partner, _)| partner)
            + 1;
    }
    Some(Expanded { text: writer.out, left_out: writer.left_out })
}

/// Whether a piece of a body without marks in its text stays as it is in every dialect.
fn is_copied(what: &PieceKind<'_>, source: &str) -> bool {
    match what {
        PieceKind::Text => true,
        PieceKind::Code => !MARKS_IN_CODE.iter().any(|mark| source.contains(mark)),
        PieceKind::Raw | PieceKind::Tag(_) => false,
    }
}

/// For each tag that opens a block, the tag that closes it.
fn partners(pieces: &[BodyPiece<'_>]) -> Vec<Option<usize>> {
    let mut partners = vec![None; pieces.len()];
    let mut open: std::collections::BTreeMap<(u8, &str), Vec<usize>> = std::collections::BTreeMap::new();
    for (at, piece) in pieces.iter().enumerate() {
        let PieceKind::Tag(tag) = &piece.what else { continue };
        let key = match tag.kind {
            Kind::Hugo => (0, tag.name),
            Kind::Liquid => (1, tag.name),
            Kind::ZolaBlock => (2, ""),
            Kind::Attributes if !tag.name.is_empty() || tag.closing => (3, ""),
            _ => continue,
        };
        let stack = open.entry(key).or_default();
        if !tag.closing {
            stack.push(at);
        } else if let Some(first) = stack.pop() {
            partners[first] = Some(at);
        }
    }
    partners
}

/// A tag was written together with its block and its closing tag.
struct Whole;

struct Expander<'w> {
    body: &'w str,
    around: SiteContext<'w>,
    dialect: Dialect,
    out: String,
    line: usize,
    left_out: Vec<(usize, String)>,
    html_block: HtmlBlock,
}

impl Expander<'_> {
    /// Writes a piece; returns `Some` if that included everything up to the closing tag.
    fn piece(&mut self, piece: &BodyPiece<'_>, close: Option<&BodyPiece<'_>>) -> Option<Whole> {
        let source = &self.body[piece.start..piece.end];
        match &piece.what {
            PieceKind::Text => self.text(source),
            PieceKind::Code => self.code(source),
            PieceKind::Raw => self.put(source, source),
            PieceKind::Tag(tag) => {
                let meaning = interpretation::of(tag, close.is_some(), self.around);
                return self.tag(tag, &meaning, piece, close);
            }
        }
        None
    }

    fn tag(
        &mut self,
        tag: &Tag<'_>,
        meaning: &Interpretation,
        piece: &BodyPiece<'_>,
        close: Option<&BodyPiece<'_>>,
    ) -> Option<Whole> {
        let source = &self.body[piece.start..piece.end];
        let whole = close.map(|close| &self.body[piece.start..close.end]);
        match (meaning, close, whole) {
            (Interpretation::Text(text), ..) => self.put(text, source),
            (Interpretation::Nothing, ..) => {
                if tag.kind == Kind::Attributes && tag.arguments.split([' ', ':']).any(|word| word == "toc") {
                    self.drop_list_item();
                }
                self.remove(piece.start, piece.end);
            }
            (Interpretation::LeftOutWithContent { quietly }, _, Some(whole)) => {
                if !quietly {
                    self.note(source);
                }
                self.remove(piece.start, piece.start + whole.len());
                return Some(Whole);
            }
            (Interpretation::Code(language), Some(close), Some(whole)) => {
                let code = code_block(language, &self.body[piece.end..close.start], &self.out);
                self.put(&code, whole);
                return Some(Whole);
            }
            (
                Interpretation::LeftOut | Interpretation::LeftOutWithContent { .. } | Interpretation::Code(_),
                ..,
            ) => {
                self.note(source);
                self.remove(piece.start, piece.end);
            }
        }
        None
    }

    fn note(&mut self, source: &str) {
        let line = source.lines().next().unwrap_or_default();
        let mut shown: String = line.chars().take(60).collect();
        if shown.len() < source.trim_end().len() {
            shown.push('…');
        }
        self.left_out.push((self.line, shown));
    }

    /// Writes `text` in place of `source`, with the same number of line ends.
    fn put(&mut self, text: &str, source: &str) {
        let ends = |text: &str| memchr::memchr_iter(b'\n', text.as_bytes()).count();
        let (written, due) = (ends(text), ends(source));
        self.out.push_str(text);
        self.out.extend(std::iter::repeat_n('\n', due.saturating_sub(written)));
        self.line += due;
    }

    /// Writes nothing in place of a part of the body, or an empty comment, if the line would be blank and end a block of HTML.
    fn remove(&mut self, start: usize, end: usize) {
        let source = &self.body[start..end];
        let is_blank = |c: char| c == ' ' || c == '\t';
        let before = self.out.trim_end_matches(is_blank);
        let is_first = before.is_empty() || before.ends_with('\n');
        let below = self.body[end..].trim_start_matches(is_blank).strip_prefix('\n');
        let goes_on =
            below.is_some_and(|below| !below.trim_start_matches(is_blank).starts_with(['\n', '\r']));
        if is_first && goes_on && self.html_block.is_open(&self.out) {
            let lines = vec![EMPTY_COMMENT; source.split('\n').count()];
            self.put(&lines.join("\n"), source);
        } else {
            self.put("", source);
        }
    }

    fn text(&mut self, source: &str) {
        if !self.dialect.pelican {
            return self.put(source, source);
        }
        // Python-Markdown's markers for a table of contents and for the language of indented code.
        let is_mark = |line: &str| {
            let text = line.trim();
            text == "[TOC]"
                || line.starts_with("    ")
                    && (text.starts_with(":::") || text.starts_with("#!"))
                    && !text.contains([' ', '/'])
        };
        let kept: String =
            source.split_inclusive('\n').map(|line| if is_mark(line) { "\n" } else { line }).collect();
        self.put(&kept, source);
    }

    /// In code, only the marks that hide a tag from the generator are removed.
    fn code(&mut self, source: &str) {
        let mut text = source.to_owned();
        if self.dialect.hugo {
            for (open, close) in [("{{</*", "*/>}}"), ("{{%/*", "*/%}}")] {
                if text.contains(open) {
                    text = text.replace(open, &open[..3]).replace(close, &close[2..]);
                }
            }
        }
        if self.dialect.zola {
            text =
                text.replace("{{/*", "{{").replace("*/}}", "}}").replace("{%/*", "{%").replace("*/%}", "%}");
        }
        if self.dialect.liquid && text.contains("raw %}") {
            for mark in ["{% raw %}", "{% endraw %}", "{%- raw -%}", "{%- endraw -%}"] {
                text = text.replace(mark, "");
            }
        }
        self.put(&text, source);
    }

    /// Removes the list that kramdown replaces with a table of contents.
    fn drop_list_item(&mut self) {
        let kept = self.out.trim_end();
        let start = kept.rfind('\n').map_or(0, |at| at + 1);
        if ["* ", "- ", "+ ", "1. "].iter().any(|mark| kept[start..].trim_start().starts_with(mark)) {
            let ends = memchr::memchr_iter(b'\n', &self.out.as_bytes()[start..]).count();
            self.out.truncate(start);
            self.out.extend(std::iter::repeat_n('\n', ends));
        }
    }
}

/// A Markdown code block, or a code span if the code has no line end.
fn code_block(language: &str, inside: &str, before: &str) -> String {
    let longest = inside.split(|c| c != '`').map(str::len).max().unwrap_or(0);
    if !inside.contains('\n') {
        let marks = "`".repeat(longest + 1);
        return format!("{marks} {} {marks}", inside.trim());
    }
    let fence = "`".repeat(longest.max(2) + 1);
    let first = if inside.starts_with('\n') { "" } else { "\n" };
    let last = if inside.trim_end_matches([' ', '\t']).ends_with('\n') { "" } else { "\n" };
    let indented = before.rsplit('\n').next().unwrap_or_default();
    // A fence must be on a separate line.
    let start = if indented.trim().is_empty() { "" } else { "\n" };
    format!("{start}{fence}{language}{first}{}{last}{fence}", inside.trim_end_matches([' ', '\t']))
}

#[cfg(test)]
mod tests;
