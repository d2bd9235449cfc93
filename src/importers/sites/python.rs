//! The literal assignments of a Python file: `NAME = 'text'`. No Python code runs, and nothing else is read.

use std::collections::BTreeMap;

/// The last literal that is assigned to each name at the left margin.
pub(super) fn assignments(text: &str) -> BTreeMap<String, String> {
    let mut found = BTreeMap::new();
    // `"""` and `'''` may contain lines that look like assignments.
    let mut in_long_text: Option<&str> = None;
    for line in text.lines() {
        if let Some(marks) = in_long_text {
            in_long_text = (!line.contains(marks)).then_some(marks);
            continue;
        }
        in_long_text = ["\"\"\"", "'''"].into_iter().find(|marks| line.matches(marks).count() == 1);
        let Some((name, value)) = line.split_once('=') else { continue };
        let name = name.trim_end();
        let is_name = name.starts_with(|c: char| c.is_ascii_uppercase())
            && name.chars().all(|c| c.is_ascii_uppercase() || c.is_ascii_digit() || c == '_');
        if !is_name || in_long_text.is_some() {
            continue;
        }
        match literal(value.trim()) {
            Some(value) => found.insert(name.to_owned(), value),
            None => found.remove(name),
        };
    }
    found
}

/// A string, a number, `True`, `False` or `None`, with a comment after it.
fn literal(text: &str) -> Option<String> {
    let (is_raw, body) = match text.split_at_checked(1) {
        Some(("u" | "U" | "b", rest)) if rest.starts_with(['"', '\'']) => (false, rest),
        Some(("r" | "R", rest)) if rest.starts_with(['"', '\'']) => (true, rest),
        _ => (false, text),
    };
    if let Some(quote) = body.chars().next().filter(|c| matches!(c, '"' | '\'')) {
        let mut value = String::new();
        let mut chars = body[1..].chars();
        loop {
            match chars.next()? {
                c if c == quote => break,
                '\\' if !is_raw => match chars.next()? {
                    'n' => value.push('\n'),
                    't' => value.push('\t'),
                    c @ ('\\' | '"' | '\'') => value.push(c),
                    // Escapes such as `\u00e9` are rare in a UTF-8 file.
                    _ => return None,
                },
                c => value.push(c),
            }
        }
        let rest = chars.as_str().trim();
        // Of `'a' if TESTING else 'b'` the first text is taken; anything else would have to be computed.
        let is_whole = rest.is_empty() || rest.starts_with('#') || rest.starts_with("if not ");
        return is_whole.then_some(value);
    }
    let literal = text.split('#').next().unwrap_or_default().trim();
    let is_plain = matches!(literal, "True" | "False" | "None")
        || !literal.is_empty() && literal.bytes().all(|byte| byte.is_ascii_digit());
    is_plain.then(|| literal.to_owned())
}
