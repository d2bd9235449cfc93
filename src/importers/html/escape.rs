//! Escapes text, code and addresses for Markdown, in our dialect and GitHub's.

use super::inline::Link;

/// Text without line breaks. `line_start`: it begins a line. `in_link`: it is inside the brackets of a link.
pub(super) fn text(text: &str, line_start: bool, in_link: bool) -> String {
    let mut out = String::with_capacity(text.len() + 8);
    let mut rest = text;
    if line_start {
        let marker = marker(text);
        out.push_str(&text[..marker]);
        rest = &text[marker..];
        if marker > 0 || rest.starts_with(['#', '>', '-', '+', '=', ':']) {
            out.push('\\');
        }
        if let Some(c) = rest.chars().next().filter(|_| out.ends_with('\\')) {
            out.push(c);
            rest = &rest[c.len_utf8()..];
        }
    }
    let mut before = out.chars().next_back();
    while let Some(c) = rest.chars().next() {
        if c == 'h'
            && !in_link
            && let Some(url) = url(rest)
        {
            out.extend(["<", url, ">"]);
            rest = &rest[url.len()..];
            before = Some('>');
            continue;
        }
        rest = &rest[c.len_utf8()..];
        let next = rest.chars().next();
        if before == Some('_') && c == '_' && rest.contains("__") {
            // `__` before a Korean letter would be bold even if escaped; a comment separates the two.
            out.push_str("<!-- -->");
        }
        if is_special(c, before, next) || (c == '.' && ends_in_www(&out)) {
            out.push('\\');
        }
        out.push(c);
        before = Some(c);
    }
    out
}

fn is_special(c: char, before: Option<char>, next: Option<char>) -> bool {
    match c {
        '\\' | '`' | '*' | '[' | ']' | '<' | '~' | '|' => true,
        // Inside a word it is not markup.
        '_' => {
            let is_word = |c: Option<char>| c.is_some_and(char::is_alphanumeric);
            !(is_word(before) && is_word(next))
        }
        '&' => next.is_some_and(|next| next.is_ascii_alphanumeric() || next == '#'),
        // A plain address would become a link, with the text that follows it.
        ':' => next == Some('/'),
        _ => false,
    }
}

fn ends_in_www(out: &str) -> bool {
    out.len().checked_sub(3).and_then(|at| out.get(at..)).is_some_and(|end| end.eq_ignore_ascii_case("www"))
}

/// The length of the digits that would begin a numbered list.
fn marker(text: &str) -> usize {
    let digits = text.bytes().take_while(u8::is_ascii_digit).count();
    if (1..=9).contains(&digits) && text[digits..].starts_with(['.', ')']) { digits } else { 0 }
}

/// The web address with which `text` begins, if `<…>` preserves it.
fn url(text: &str) -> Option<&str> {
    if !text.starts_with("https://") && !text.starts_with("http://") {
        return None;
    }
    let end = text.find(|c: char| !(c.is_ascii_alphanumeric() || "-._~:/?#@!$&'()*+,;=%".contains(c)));
    let url =
        text[..end.unwrap_or(text.len())].trim_end_matches(['.', ',', ';', ':', '!', '?', '\'', ')', '*']);
    let goes_on = text[url.len()..].starts_with(|c: char| !c.is_ascii() && c.is_alphanumeric());
    (can_stand_alone(url) && !(goes_on && url.ends_with(['/', '=', '-', '_', '%']))).then_some(url)
}

/// Whether `<address>` is a link whose text is the address.
pub(super) fn can_stand_alone(address: &str) -> bool {
    let rest = address.strip_prefix("https://").or_else(|| address.strip_prefix("http://"));
    let is_plain = |c: char| c.is_ascii_graphic() && !"<>\\`|\"^{}".contains(c);
    // Character references are decoded in an autolink too.
    rest.is_some_and(|rest| !rest.is_empty())
        && address.chars().all(is_plain)
        && !(address.contains('&') && address.contains(';'))
}

/// An address as an autolink, or as a link with its own text where that is impossible.
pub(super) fn address(address: &str) -> String {
    if can_stand_alone(address) {
        return format!("<{address}>");
    }
    let link = Link { address: address.to_owned(), title: None };
    format!("[{}{}", text(address, false, true), destination(&link))
}

/// `](address "title")`.
pub(super) fn destination(link: &Link) -> String {
    let mut out = "](".to_owned();
    for c in link.address.chars() {
        match c {
            '(' => out.push_str("%28"),
            ')' => out.push_str("%29"),
            '<' => out.push_str("%3C"),
            '>' => out.push_str("%3E"),
            '\\' => out.push_str("%5C"),
            '|' => out.push_str("%7C"),
            '"' => out.push_str("%22"),
            '`' => out.push_str("%60"),
            '&' => out.push_str("&amp;"),
            c if c.is_whitespace() || c.is_control() => out.push_str("%20"),
            c => out.push(c),
        }
    }
    if let Some(title) = &link.title {
        let words = title.split_whitespace().collect::<Vec<_>>().join(" ");
        let mut escaped = String::with_capacity(words.len());
        for c in words.chars() {
            if c.is_ascii_punctuation() && !",.-/:;()?! '".contains(c) {
                escaped.push('\\');
            }
            escaped.push(c);
        }
        if !escaped.is_empty() {
            out.extend([" \"", &escaped, "\""]);
        }
    }
    out.push(')');
    out
}

/// Inline code, between enough backticks.
pub(super) fn code(code: &str, in_cell: bool) -> String {
    let code = code.split_whitespace().collect::<Vec<_>>().join(" ");
    if code.is_empty() {
        return String::new();
    }
    if in_cell && code.contains("\\|") {
        return code_element(&code);
    }
    let fence = "`".repeat(longest_run(&code) + 1);
    let pad = if code.starts_with('`') || code.ends_with('`') { " " } else { "" };
    let code = if in_cell { code.replace('|', "\\|") } else { code };
    format!("{fence}{pad}{code}{pad}{fence}")
}

/// Code that no code span in a cell can contain: a backslash before a pipe escapes it there.
fn code_element(code: &str) -> String {
    let mut out = "<code>".to_owned();
    for c in code.chars() {
        if c.is_ascii_punctuation() {
            out.extend(["&#", &u32::from(c).to_string(), ";"]);
        } else {
            out.push(c);
        }
    }
    out + "</code>"
}

/// The longest run of backticks.
pub(super) fn longest_run(code: &str) -> usize {
    code.split(|c| c != '`').map(str::len).max().unwrap_or(0)
}
