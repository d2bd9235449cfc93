//! Finds tags in Markdown: shortcodes of Hugo and Zola, Liquid, kramdown's attribute lists, links by file name. Code is not
//! searched. Runs in linear time.

use std::collections::{BTreeMap, BTreeSet};

use super::dialect::{Dialect, Outputs};
use super::shapes::{self, address_length, closers, fence, is_call, is_known_output, split_name};
use super::tag::{BodyPiece, Kind, PieceKind, Tag};

/// Where a line or a piece may begin.
const MARKS: [[u8; 3]; 2] = [*b"\n`\\", *b"{@]"];

/// A longer tag is an unclosed brace.
const MAX_TAG: usize = 16 * 1024;

/// The pieces of `body`, in order and without gaps.
pub(super) fn pieces(body: &str, dialect: Dialect) -> Vec<BodyPiece<'_>> {
    let mut scanner = Scanner {
        body,
        dialect,
        at: 0,
        text: 0,
        pieces: Vec::new(),
        closers: closers(body),
        is_line_start: true,
        marks: MARKS.map(|marks| (marks, 0)),
        endless: BTreeSet::new(),
    };
    scanner.run();
    scanner.pieces
}

struct Scanner<'t> {
    body: &'t str,
    dialect: Dialect,
    /// The position of the scan.
    at: usize,
    /// The start of the text that is not yet in a piece.
    text: usize,
    pieces: Vec<BodyPiece<'t>>,
    /// For each run of backticks, the end of the code that it opens.
    closers: BTreeMap<usize, usize>,
    is_line_start: bool,
    /// What the scan stops at, and where the next one is if it is not before `at`.
    marks: [([u8; 3], usize); 2],
    /// Names of verbatim blocks that are not closed below.
    endless: BTreeSet<&'t str>,
}

impl<'t> Scanner<'t> {
    fn run(&mut self) {
        while self.at < self.body.len() {
            if std::mem::take(&mut self.is_line_start)
                && let Some(end) = self.fenced()
            {
                self.push(self.at, end, PieceKind::Code);
                self.is_line_start = true;
                continue;
            }
            let rest = &self.body[self.at..];
            match rest.as_bytes()[0] {
                b'\n' => {
                    self.at += 1;
                    self.is_line_start = true;
                }
                b'`' => match self.closers.get(&self.at) {
                    Some(&end) => self.push(self.at, end, PieceKind::Code),
                    None => self.at += rest.bytes().take_while(|byte| *byte == b'`').count(),
                },
                b'\\' => {
                    let next = rest[1..].chars().next().filter(|c| *c != '\n');
                    self.at += 1 + next.map_or(0, char::len_utf8);
                }
                b'{' => self.brace(),
                b'@' if self.dialect.zola && rest.starts_with("@/") => self.link_by_name(0),
                b']' if rest.starts_with("](") => self.link_to_file(),
                _ => self.at = self.next_mark(self.at + 1),
            }
        }
        self.push(self.body.len(), self.body.len(), PieceKind::Text);
    }

    /// The position of the first mark from `from` on.
    fn next_mark(&mut self, from: usize) -> usize {
        let end = self.body.len();
        let rest = self.body.as_bytes().get(from..).unwrap_or_default();
        for ([a, b, c], next) in self.marks.iter_mut().filter(|(_, next)| *next < from) {
            *next = memchr::memchr3(*a, *b, *c, rest).map_or(end, |found| from + found);
        }
        self.marks.iter().map(|(_, next)| *next).min().unwrap_or(end)
    }

    fn push(&mut self, start: usize, end: usize, what: PieceKind<'t>) {
        if self.text < start {
            self.pieces.push(BodyPiece { start: self.text, end: start, what: PieceKind::Text });
        }
        if start < end {
            self.pieces.push(BodyPiece { start, end, what });
        }
        (self.at, self.text) = (end, end);
    }

    fn push_tag(&mut self, end: usize, tag: Tag<'t>) {
        self.push(self.at, end, PieceKind::Tag(tag));
    }

    /// The end of the fenced block that begins on this line.
    fn fenced(&self) -> Option<usize> {
        let line = |from: usize| {
            let end = memchr::memchr(b'\n', &self.body.as_bytes()[from..])
                .map_or(self.body.len(), |at| from + at + 1);
            (&self.body[from..end], end)
        };
        let (first, mut at) = line(self.at);
        let (mark, length, info) = fence(first)?;
        if mark == '`' && info.contains('`') {
            return None;
        }
        while at < self.body.len() {
            let (text, end) = line(at);
            if let Some((other, other_length, rest)) = fence(text)
                && other == mark
                && other_length >= length
                && rest.trim().is_empty()
            {
                return Some(end);
            }
            at = end;
        }
        Some(self.body.len())
    }

    /// Handles a brace.
    fn brace(&mut self) {
        let rest = &self.body[self.at..];
        let dialect = self.dialect;
        let is_tag = if rest.starts_with("{{<") || rest.starts_with("{{%") {
            dialect.hugo && self.hugo()
        } else if rest.starts_with("{{") {
            self.output()
        } else if rest.starts_with("{%") {
            self.block()
        } else if rest.starts_with("{:") {
            dialect.attributes && self.attributes()
        } else if rest.starts_with("{#") || rest.starts_with("{.") {
            self.heading_attributes()
        } else if dialect.pelican && PELICAN.iter().any(|name| rest.starts_with(name)) {
            let end = rest.find('}').map_or(1, |end| end + 1);
            self.link_by_name(end);
            true
        } else {
            false
        };
        if !is_tag {
            self.at += 1;
        }
    }

    /// The text between the opening mark at the scan, `length` bytes long, and `close`, without another opening mark.
    fn inside(&self, length: usize, close: &str) -> Option<(&'t str, usize)> {
        let from = self.at + length;
        let open = &self.body[self.at..self.at + 2];
        let limit = self.body.len().min(from + MAX_TAG);
        let mut at = from;
        loop {
            at += self
                .body
                .as_bytes()
                .get(at..limit)?
                .iter()
                .position(|byte| matches!(byte, b'{' | b'}' | b'%' | b'>'))?;
            let rest = self.body.get(at..).unwrap_or_default();
            if rest.starts_with(close) {
                return Some((&self.body[from..at], at + close.len()));
            }
            if rest.starts_with(open) {
                return None;
            }
            at += 1;
        }
    }

    fn hugo(&mut self) -> bool {
        let close = if self.body[self.at..].starts_with("{{<") { ">}}" } else { "%}}" };
        let Some((inside, end)) = self.inside(3, close) else { return false };
        let inside = inside.trim();
        if let Some(example) = inside.strip_prefix("/*").and_then(|inside| inside.strip_suffix("*/")) {
            self.push_tag(
                end,
                Tag {
                    kind: Kind::HugoExample,
                    name: example,
                    arguments: &self.body[self.at + 2..self.at + 3],
                    closing: false,
                },
            );
            return true;
        }
        let (inside, closing) = match inside.strip_prefix('/') {
            Some(inside) => (inside.trim_start(), true),
            None => (inside.strip_suffix('/').unwrap_or(inside), false),
        };
        let (name, arguments) = split_name(inside);
        if name.is_empty() {
            return false;
        }
        if !closing && VERBATIM.contains(&name) && self.verbatim(end, Kind::Hugo, name, arguments) {
            return true;
        }
        self.push_tag(end, Tag { kind: Kind::Hugo, name, arguments, closing });
        true
    }

    /// `{{ … }}`.
    fn output(&mut self) -> bool {
        let Some((inside, end)) = self.inside(2, "}}") else { return false };
        let inside = inside.trim_matches('-').trim();
        let kind = if self.dialect.zola && is_call(inside) {
            Kind::ZolaCall
        } else if self.dialect.outputs == Outputs::All
            || (self.dialect.outputs == Outputs::Known && is_known_output(inside))
        {
            Kind::Output
        } else {
            return false;
        };
        let (name, arguments) = if kind == Kind::ZolaCall { split_name(inside) } else { (inside, "") };
        self.push_tag(end, Tag { kind, name, arguments, closing: false });
        true
    }

    /// `{% … %}`.
    fn block(&mut self) -> bool {
        if !self.dialect.zola && !self.dialect.liquid {
            return false;
        }
        let Some((inside, end)) = self.inside(2, "%}") else { return false };
        let inside = inside.trim_matches('-').trim();
        let (name, arguments) = split_name(inside);
        if self.dialect.zola && (is_call(inside) || inside == "end") {
            self.push_tag(end, Tag { kind: Kind::ZolaBlock, name, arguments, closing: inside == "end" });
            return true;
        }
        if !self.dialect.liquid || name.is_empty() {
            return false;
        }
        if VERBATIM.contains(&name) && self.verbatim(end, Kind::Liquid, name, arguments) {
            return true;
        }
        let (name, closing) = match name.strip_prefix("end") {
            Some(name) if !name.is_empty() => (name, true),
            _ => (name, false),
        };
        self.push_tag(end, Tag { kind: Kind::Liquid, name, arguments, closing });
        true
    }

    /// The content of `{% raw %}` or `{{< highlight >}}` contains no tags or fences; it is copied up to the closing tag.
    fn verbatim(&mut self, open_end: usize, kind: Kind, name: &'t str, arguments: &'t str) -> bool {
        if self.endless.contains(name) {
            return false;
        }
        let tag = |closing| PieceKind::Tag(Tag { kind, name, arguments, closing });
        let open = if kind == Kind::Hugo { "{{" } else { "{%" };
        let mut from = open_end;
        while let Some(found) = memchr::memmem::find(&self.body.as_bytes()[from..], open.as_bytes()) {
            let start = from + found;
            if let Some(rest) = shapes::behind_close(&self.body[start + 2..], kind, name) {
                self.push(self.at, open_end, tag(false));
                self.push(open_end, start, PieceKind::Raw);
                self.push(start, self.body.len() - rest.len(), tag(true));
                return true;
            }
            from = start + 2;
        }
        self.endless.insert(name);
        false
    }

    /// `{: .class}` and `{::options /}`.
    fn attributes(&mut self) -> bool {
        let rest = &self.body[self.at + 2..];
        let end = rest.bytes().take(500).position(|byte| matches!(byte, b'}' | b'{'));
        let Some(end) = end.filter(|end| rest.as_bytes()[*end] == b'}') else { return false };
        let inside = &rest[..end];
        // A list may continue on the next line, but not in the next paragraph.
        if memchr::memmem::find(inside.as_bytes(), b"\n\n").is_some() {
            return false;
        }
        let is_list = inside.is_empty()
            || inside.starts_with(|c: char| c.is_ascii_alphabetic() || ".#:/ \t\n".contains(c));
        if !is_list {
            return false;
        }
        let end = self.at + 2 + end + 1;
        let inside = inside.trim();
        let (name, closing) = match (inside.strip_prefix(':'), inside.strip_prefix('/')) {
            (Some(name), _) if !name.trim_end().ends_with('/') => (split_name(name).0, false),
            (_, Some(name)) => (split_name(name).0, true),
            _ => ("", false),
        };
        let arguments = if name.is_empty() { inside } else { "" };
        self.push_tag(end, Tag { kind: Kind::Attributes, name, arguments, closing });
        true
    }

    /// `## Heading {#id}`.
    fn heading_attributes(&mut self) -> bool {
        let before = &self.body[..self.at];
        let line_start = before.len().saturating_sub(400);
        let line_start =
            memchr::memrchr(b'\n', &before.as_bytes()[line_start..]).map(|at| line_start + at + 1);
        let is_heading = match line_start {
            Some(start) => before[start..].starts_with('#'),
            None => before.len() <= 400 && before.starts_with('#'),
        };
        let rest = &self.body[self.at..];
        let ends = |end: usize| {
            rest[end + 1..].trim_start_matches([' ', '\t', '#']).chars().next().is_none_or(|c| c == '\n')
        };
        let end = rest
            .bytes()
            .take(200)
            .position(|byte| matches!(byte, b'}' | b'\n'))
            .filter(|end| rest.as_bytes()[*end] == b'}');
        match end {
            Some(end) if is_heading && ends(end) => {
                let end = self.at + end + 1;
                self.push_tag(end, Tag { kind: Kind::Attributes, name: "", arguments: "", closing: false });
                true
            }
            _ => false,
        }
    }

    /// `{filename}a.md` or `@/a.md` in the place of a URL; `length` is the length of the part in braces.
    fn link_by_name(&mut self, length: usize) {
        let is_place = self.body[..self.at].ends_with(['(', '"', '\'', '<', '=', ' ']);
        let address = if is_place { address_length(&self.body[self.at + length..]) } else { 0 };
        if address > 0 || is_place && self.body[self.at..].starts_with("{index}") {
            let end = self.at + length + address;
            let name = &self.body[self.at..end];
            self.push_tag(end, Tag { kind: Kind::Link, name, arguments: "", closing: false });
        } else {
            self.at += length.max(1);
        }
    }

    /// `](a.md)`: only the URL is the tag.
    fn link_to_file(&mut self) {
        self.at += 2;
        let rest = &self.body[self.at..];
        let length = address_length(rest);
        let path = rest[..length].split(['#', '?']).next().unwrap_or_default();
        let is_file = [".md", ".markdown", ".mkd"].iter().any(|end| path.ends_with(end));
        if is_file && !path.contains("://") && !path.contains(['{', '@']) {
            let tag = Tag { kind: Kind::Link, name: &rest[..length], arguments: "", closing: false };
            self.push_tag(self.at + length, tag);
        }
    }
}

/// Blocks without tags inside.
const VERBATIM: [&str; 5] = ["raw", "highlight", "codeblock", "verbatim", "rawhtml"];

const PELICAN: [&str; 8] =
    ["{filename}", "{static}", "{attach}", "{author}", "{category}", "{tag}", "{index}", "{photo}"];
