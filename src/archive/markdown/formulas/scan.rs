//! Where the formulas of a body are. Takes time linear in its length.

use super::{Formula, MARK, is_no_price, prefix, quotes};

/// How far the end of a code span, a tag or an address is looked for.
const WINDOW: usize = 2_000;

/// The formulas of `body` that are not in code, in order.
pub(in crate::archive::markdown) fn find(body: &str) -> Vec<Formula> {
    if !body.contains(['$', '\\']) || body.contains(MARK) {
        return Vec::new();
    }
    let mut scanner = Scanner { body, at: 0, found: Vec::new() };
    while scanner.at < body.len() {
        scanner.step();
    }
    scanner.found
}

struct Scanner<'b> {
    body: &'b str,
    at: usize,
    found: Vec<Formula>,
}

impl<'b> Scanner<'b> {
    fn rest(&self) -> &'b str {
        self.body.get(self.at..).unwrap_or_default()
    }

    fn step(&mut self) {
        let rest = self.rest();
        if (self.at == 0 || self.body[..self.at].ends_with('\n')) && self.skip_fence() {
            return;
        }
        let skipped = match rest.as_bytes().first() {
            Some(b'`') => code_span(rest),
            Some(b'\\') => return self.backslash(),
            Some(b'$') => return self.dollars(),
            Some(b'<') if rest[1..].starts_with(|c: char| c.is_ascii_alphabetic() || "/!?".contains(c)) => {
                end_of(rest, ">")
            }
            Some(b']') if rest.starts_with("](") => end_of(rest, ")"),
            Some(b':') if rest.starts_with("://") => rest.find(char::is_whitespace).unwrap_or(rest.len()),
            _ => 1,
        };
        self.at += skipped;
        while !self.body.is_char_boundary(self.at) {
            self.at += 1;
        }
    }

    /// Skips a fenced block of code that begins in this line.
    fn skip_fence(&mut self) -> bool {
        let rest = self.rest();
        let line = rest.split('\n').next().unwrap_or_default();
        let start = line.trim_start_matches([' ', '\t', '>', '-', '*', '+']);
        let Some(fence) =
            ['`', '~'].into_iter().find(|fence| start.starts_with(&fence.to_string().repeat(3)))
        else {
            return false;
        };
        let length = start.len() - start.trim_start_matches(fence).len();
        if fence == '`' && start[length..].contains('`') {
            return false;
        }
        self.at += line.len() + 1;
        for line in rest.split('\n').skip(1) {
            self.at += line.len() + 1;
            let line = line.trim_start_matches([' ', '\t', '>']).trim_end();
            if line.len() >= length && line.trim_start_matches(fence).is_empty() {
                break;
            }
        }
        self.at = self.at.min(self.body.len());
        true
    }

    /// `\(…\)`, `\[…\]`, and both with two backslashes, as they are written where Markdown takes one away.
    fn backslash(&mut self) {
        let rest = self.rest();
        for (open, close, is_display) in
            [("\\(", "\\)", false), ("\\[", "\\]", true), ("\\\\(", "\\\\)", false), ("\\\\[", "\\\\]", true)]
        {
            let Some(inside) = rest.strip_prefix(open) else { continue };
            let is_doubled = open.len() == 3;
            let end = until(inside, open, close, is_doubled).filter(|end| !has_blank_line(&inside[..*end]));
            if let Some(end) = end {
                let length = open.len() + end + close.len();
                let escapes = [("\\\\", "\\"), ("\\_", "_"), ("\\*", "*")];
                let tex = self.tex(&inside[..end]);
                let tex = if is_doubled { unescaped(&tex, escapes) } else { tex };
                return self.push(tex, is_display, length);
            }
        }
        self.at += 1 + rest[1..].chars().next().map_or(0, char::len_utf8);
    }

    fn dollars(&mut self) {
        let rest = self.rest();
        let run = rest.len() - rest.trim_start_matches('$').len();
        let inside = &rest[run..];
        let end = match run {
            1 => inline_end(inside).filter(|end| is_no_price(&inside[..*end])),
            2 => until(inside, "$$", "$$", false).filter(|end| self.is_block(inside, *end)),
            _ => None,
        };
        match end {
            Some(end) => {
                let tex = self.tex(&inside[..end]);
                self.push(tex, run == 2, 2 * run + end);
            }
            None => self.at += run,
        }
    }

    /// Whether `$$…$$` may be a formula: with an empty line in it only if nothing else is in its first and last line.
    fn is_block(&self, inside: &str, end: usize) -> bool {
        let before = self.body[..self.at].rsplit('\n').next().unwrap_or_default();
        let after = inside[end + 2..].split('\n').next().unwrap_or_default();
        let is_apart = before.trim_matches([' ', '\t', '>']).is_empty() && after.trim().is_empty();
        !inside[..end].trim().is_empty() && (is_apart || !has_blank_line(&inside[..end]))
    }

    /// The TeX without the marks of the quotes that it is in.
    fn tex(&self, inside: &str) -> String {
        let quotes = quotes(self.body[..self.at].rsplit('\n').next().unwrap_or_default());
        let mut lines = inside.split('\n');
        let mut tex = lines.next().unwrap_or_default().to_owned();
        for line in lines {
            tex.push('\n');
            tex.push_str(&line[prefix(line, quotes)..]);
        }
        tex.trim().to_owned()
    }

    fn push(&mut self, tex: String, is_display: bool, length: usize) {
        let at = self.at..self.at + length;
        self.at = at.end;
        if !tex.is_empty() {
            self.found.push(Formula { tex, is_display, at });
        }
    }
}

/// The length of the code span that `rest` begins with, or of its backticks if it has no end.
fn code_span(rest: &str) -> usize {
    let run = rest.len() - rest.trim_start_matches('`').len();
    let mut at = run;
    while let Some(next) = rest.get(at..).and_then(|rest| rest.find('`')).filter(|_| at < WINDOW) {
        let close = &rest[at + next..];
        let length = close.len() - close.trim_start_matches('`').len();
        if length == run && !has_blank_line(&rest[run..at + next]) {
            return at + next + length;
        }
        at += next + length;
    }
    run
}

/// The end of a tag or an address in the same paragraph; 1 if there is none.
fn end_of(rest: &str, close: &str) -> usize {
    let near = &rest[..crate::text::floor_char_boundary(rest, WINDOW.min(rest.len()))];
    near.find(close).filter(|end| !has_blank_line(&near[..*end])).map_or(1, |end| end + close.len())
}

/// Where `close` is, before another `open`; what a backslash escapes is passed over.
fn until(inside: &str, open: &str, close: &str, is_doubled: bool) -> Option<usize> {
    let mut at = 0;
    loop {
        let rest = inside.get(at..)?;
        if rest.starts_with(close) {
            return Some(at);
        }
        if rest.starts_with(open) {
            return None;
        }
        let next = rest.chars().next()?;
        at += next.len_utf8();
        if next == '\\' && !is_doubled {
            at += inside[at..].chars().next().map_or(0, char::len_utf8);
        }
    }
}

/// The end of `$…$`: the next dollar, if it does not follow white space and no digit follows it.
fn inline_end(inside: &str) -> Option<usize> {
    if inside.starts_with(char::is_whitespace) {
        return None;
    }
    let end = until(inside, "\n\n", "$", false)?;
    let (tex, after) = (&inside[..end], &inside[end + 1..]);
    let is_end = !tex.is_empty()
        && !tex.ends_with(char::is_whitespace)
        && !after.starts_with(|c: char| c.is_ascii_digit() || c == '$')
        && !has_blank_line(tex);
    is_end.then_some(end)
}

fn has_blank_line(text: &str) -> bool {
    let inner = text.split_once('\n').and_then(|(_, rest)| rest.rsplit_once('\n'));
    let is_blank = |line: &str| line.trim_matches([' ', '\t', '\r', '>']).is_empty();
    inner.is_some_and(|(lines, _)| lines.split('\n').any(is_blank))
}

fn unescaped(tex: &str, escapes: [(&str, &str); 3]) -> String {
    let mut out = String::with_capacity(tex.len());
    let mut rest = tex;
    while let Some(c) = rest.chars().next() {
        let escape = escapes.iter().find(|(escape, _)| rest.starts_with(escape));
        let (taken, text) =
            escape.map_or((&rest[..c.len_utf8()], &rest[..c.len_utf8()]), |(escape, text)| (*escape, *text));
        out.push_str(text);
        rest = &rest[taken.len()..];
    }
    out
}
