//! The parts of tags: names, calls, URLs, fences and code spans. Text in, positions out.

use std::collections::BTreeMap;

use super::tag::Kind;

/// The length of the URL at the start of `text`.
pub(super) fn address_length(text: &str) -> usize {
    let end = |byte: u8| byte.is_ascii_whitespace() || b")\"'<>[]{".contains(&byte);
    text.bytes().take(2_000).position(end).unwrap_or(if text.len() > 2_000 { 0 } else { text.len() })
}

/// A fence: its mark, its length, and the rest of the line.
pub(super) fn fence(line: &str) -> Option<(char, usize, &str)> {
    let text = line.trim_start_matches([' ', '\t', '>']);
    let mark = text.chars().next().filter(|c| matches!(c, '`' | '~'))?;
    let length = text.chars().take_while(|c| *c == mark).count();
    (length >= 3).then(|| (mark, length, &text[length..]))
}

/// The name at the start of `text`, and the rest.
pub(super) fn split_name(text: &str) -> (&str, &str) {
    let text = text.trim_start();
    let end = text.find(|c: char| !(c.is_alphanumeric() || "_-./".contains(c))).unwrap_or(text.len());
    let (name, rest) = text.split_at(end);
    (name, rest.trim())
}

/// `name(…)`.
pub(super) fn is_call(text: &str) -> bool {
    let (name, rest) = split_name(text);
    name.starts_with(|c: char| c.is_ascii_alphabetic() || c == '_')
        && !name.contains(['.', '/', '-'])
        && rest.starts_with('(')
        && rest.ends_with(')')
}

/// Whether an output can only be from a Jekyll template.
pub(super) fn is_known_output(text: &str) -> bool {
    ["site.", "page.", "include.", "post.", "layout."].iter().any(|name| text.starts_with(name))
        || text.starts_with(['"', '\'']) && text.contains('|')
}

/// For each run of backticks that opens a code span, the end of the span, which is in the same paragraph.
pub(super) fn closers(body: &str) -> BTreeMap<usize, usize> {
    let mut runs: Vec<(usize, usize, usize)> = Vec::new();
    let (mut paragraph, mut at) = (0, 0);
    let bytes = body.as_bytes();
    while let Some(found) = memchr::memchr2(b'`', b'\n', &bytes[at..]) {
        at += found;
        if bytes[at] == b'\n' {
            at += 1;
            let blank = bytes[at..].iter().take_while(|byte| matches!(byte, b' ' | b'\t')).count();
            if bytes.get(at + blank) == Some(&b'\n') {
                paragraph += 1;
            }
            at += blank;
            continue;
        }
        let length = bytes[at..].iter().take_while(|byte| **byte == b'`').count();
        runs.push((at, length, paragraph));
        at += length;
    }
    let mut next: BTreeMap<usize, (usize, usize)> = BTreeMap::new();
    let mut closers = BTreeMap::new();
    for (start, length, paragraph) in runs.into_iter().rev() {
        if let Some((close, place)) = next.get(&length)
            && *place == paragraph
        {
            closers.insert(start, close + length);
        }
        next.insert(length, (start, paragraph));
    }
    closers
}

/// The text after the tag that closes the block `name`, if `text` (without its first two braces) is that tag.
pub(super) fn behind_close<'t>(text: &'t str, kind: Kind, name: &str) -> Option<&'t str> {
    if kind == Kind::Hugo {
        let inside = text.trim_start_matches(['<', '%']).trim_start().strip_prefix('/')?;
        let rest = inside.trim_start().strip_prefix(name)?.trim_start();
        return rest.strip_prefix(['>', '%'])?.strip_prefix("}}");
    }
    let inside = text.trim_start_matches('-').trim_start().strip_prefix("end")?;
    inside.strip_prefix(name)?.trim_start().trim_start_matches('-').strip_prefix("%}")
}
