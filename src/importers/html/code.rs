//! Code that its author did not escape: `<?php` and `vector<int>` in a `pre` element are text, not tags.

use std::borrow::Cow;

/// Elements that editors and highlighters write into code.
const TAGS: &str = "a abbr b big br center cite code del div em font i img ins kbd li mark ol p pre q s samp small span \
    strike strong sub sup table tbody td tr tt u ul var wbr";

/// The text, with every `<` in code escaped that begins no usual tag.
pub(super) fn escaped(html: &str) -> Cow<'_, str> {
    let mut out = String::new();
    let mut done = 0;
    let mut at = 0;
    // Elements that are not closed below are searched to the end once.
    let mut endless: Vec<&str> = Vec::new();
    while let Some(found) = memchr::memchr(b'<', &html.as_bytes()[at..]) {
        let start = at + found;
        at = start + 1;
        let Some((name, inside)) = begins(&html[start..]).filter(|(name, _)| !endless.contains(name)) else {
            continue;
        };
        let from = start + inside;
        let Some(length) = html[from..].find(&format!("</{name}")) else {
            endless.push(name);
            continue;
        };
        let code = &html[from..from + length];
        at = from + length;
        if let Cow::Owned(code) = without_tags(code) {
            out.push_str(&html[done..from]);
            out.push_str(&code);
            done = at;
        }
    }
    if done == 0 {
        return Cow::Borrowed(html);
    }
    out.push_str(&html[done..]);
    Cow::Owned(out)
}

/// The element of code with which `html` begins, and the length of its tag.
fn begins(html: &str) -> Option<(&'static str, usize)> {
    let is_here = |name: &&str| {
        let tag = html.get(1..=name.len());
        let behind = html.as_bytes().get(1 + name.len());
        tag.is_some_and(|tag| tag.eq_ignore_ascii_case(name))
            && behind.is_some_and(|c| *c == b'>' || c.is_ascii_whitespace())
    };
    let name = ["pre", "code"].into_iter().find(is_here)?;
    Some((name, memchr::memchr(b'>', html.as_bytes())? + 1))
}

fn without_tags(code: &str) -> Cow<'_, str> {
    let is_tag = |rest: &str| {
        let name = rest.strip_prefix('/').unwrap_or(rest);
        let end = name.find(|c: char| !c.is_ascii_alphanumeric()).unwrap_or(name.len());
        let is_known = TAGS.split(' ').any(|tag| tag.eq_ignore_ascii_case(&name[..end]));
        is_known && name[end..].starts_with(['>', '/', ' ', '\n', '\t'])
    };
    let mut out = String::new();
    let mut done = 0;
    for at in memchr::memchr_iter(b'<', code.as_bytes()) {
        if !is_tag(&code[at + 1..]) {
            out.push_str(&code[done..at]);
            out.push_str("&lt;");
            done = at + 1;
        }
    }
    if done == 0 {
        return Cow::Borrowed(code);
    }
    out.push_str(&code[done..]);
    Cow::Owned(out)
}
