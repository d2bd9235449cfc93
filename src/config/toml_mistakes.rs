//! Explains TOML errors to people who do not know TOML: what is wrong with the line, and the corrected line. Also used for
//! the front matter of posts.

use std::ops::Range;

use crate::text::line_at;

/// A mistake on a line, and its correction.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Mistake {
    /// The line of the text, from 1.
    pub line: usize,
    /// The mistake.
    pub message: String,
    /// What to write instead.
    pub hint: Option<String>,
}

impl Mistake {
    /// A mistake on `line`, with a hint.
    pub fn new(line: usize, message: impl Into<String>, corrected: Option<String>) -> Self {
        Self { line, message: message.into(), hint: corrected }
    }

    fn written(line: usize, message: impl Into<String>, corrected: &str) -> Self {
        Self::new(line, message, Some(format!("write {corrected}")))
    }
}

/// More errors than this probably come from one mistake.
const MOST: usize = 10;

/// The mistakes behind the parser's errors, one for each line.
pub fn explain_all(text: &str, errors: &[toml::de::Error]) -> Vec<Mistake> {
    let mut mistakes: Vec<Mistake> =
        if errors.is_empty() { None } else { unclosed(text) }.into_iter().collect();
    let end = mistakes.first().map_or(usize::MAX, |mistake| mistake.line);
    for error in errors {
        let mistake = explain(text, error);
        if mistake.line >= end {
            continue;
        }
        if mistakes.iter().all(|known| known.line != mistake.line) && mistakes.len() < MOST {
            mistakes.push(mistake);
        }
    }
    mistakes.sort_by_key(|mistake| mistake.line);
    mistakes
}

/// An unclosed list or multi-line text; the parser takes the following lines for a part of it.
pub(super) fn unclosed(text: &str) -> Option<Mistake> {
    let (mut depth, mut began, mut long) = (0_usize, 0, None);
    for (number, line) in text.lines().enumerate().map(|(at, line)| (at + 1, line.trim())) {
        if let Some(mark) = long {
            if line.contains(mark) {
                long = None;
            }
            continue;
        }
        let is_new = line.starts_with('[') && line.ends_with(']') && !line.contains([',', '"', '\''])
            || line.split_once('=').is_some_and(|(key, _)| is_bare_key(key.trim()) && !key.trim().is_empty());
        if depth > 0 && is_new {
            let hint = "a list ends with ], and its items are separated by commas: [\"one\", \"two\"]";
            return Some(Mistake::new(
                began,
                "the list that begins here is not closed",
                Some(hint.to_owned()),
            ));
        }
        if depth == 0 {
            began = number;
        }
        long = ["\"\"\"", "\'\'\'"].into_iter().find(|mark| line.matches(mark).count() == 1);
        let outside = outside_of_quotes(line);
        // Brackets of a section header do not span lines.
        if depth > 0 || line.contains('=') {
            depth = (depth + outside.matches('[').count()).saturating_sub(outside.matches(']').count());
        }
    }
    let mark = long?;
    let hint = format!("close it with {mark} on a line of its own");
    Some(Mistake::new(began, "the text that begins here is not closed", Some(hint)))
}

/// The mistake behind one error of the parser.
pub fn explain(text: &str, error: &toml::de::Error) -> Mistake {
    let span = error.span().unwrap_or(0..0);
    let mut at = span.start.min(text.len());
    // The parser notices a missing end after the line on which it is missing.
    if text[at..].trim().is_empty() || text[..at].ends_with('\n') && error.message().starts_with("unclosed") {
        at = text[..at].trim_end().len();
    }
    let line = line_at(text, at);
    let content = text.lines().nth(line - 1).unwrap_or_default();
    if error.message().starts_with("duplicate key") {
        return duplicate(text, line, content, &span);
    }
    if names_a_secret(content) {
        let hint = "put the value in straight quotes; it is not shown here because it may be a secret";
        return Mistake::new(line, "this line cannot be read", Some(hint.to_owned()));
    }
    diagnose(line, content)
        .unwrap_or_else(|| Mistake::new(line, "this cannot be read", Some(GENERAL.to_owned())))
}

/// Whether a line may contain a password, which must not end up in an email from cron.
pub(super) fn names_a_secret(line: &str) -> bool {
    let key = line.split(['=', ':']).next().unwrap_or_default().to_lowercase();
    ["pass", "secret", "pwd", "token"].iter().any(|word| key.contains(word))
        || line.split_once("://").is_some_and(|(_, rest)| rest.contains('@'))
}

const GENERAL: &str = "write each setting as key = value, with text in straight quotes: title = \"My notes\"";

fn duplicate(text: &str, line: usize, content: &str, span: &Range<usize>) -> Mistake {
    let is_header = content.trim_start().starts_with('[');
    let name = |line: &str| {
        let line = if is_header { line.split('#').next() } else { line.split('=').next() };
        line.unwrap_or_default().trim().to_owned()
    };
    let wanted = name(content);
    let above: Vec<&str> = text.lines().take(line - 1).collect();
    let first = above
        .iter()
        .enumerate()
        .rev()
        .take_while(|(_, line)| is_header || !line.trim_start().starts_with('['))
        .find(|(_, line)| name(line) == wanted);
    let first = first.map_or_else(String::new, |(at, _)| format!(" (the other is on line {})", at + 1));
    if is_header {
        let hint = format!("put all its keys below one {wanted}{first}");
        return Mistake::new(line, format!("the section {wanted} appears twice"), Some(hint));
    }
    let key = text.get(span.clone()).map_or(wanted.as_str(), str::trim);
    Mistake::new(line, format!("`{key}` is set twice"), Some(format!("keep one of the two lines{first}")))
}

/// The mistake in one line, if it can be found.
fn diagnose(number: usize, content: &str) -> Option<Mistake> {
    let line = content.trim();
    if let Some(mistake) = characters(number, line) {
        return Some(mistake);
    }
    if line.starts_with('[') && !line.contains('=') {
        let name = line.split('#').next().unwrap_or_default().trim_matches(['[', ']', ' ', '\t', '"', '\'']);
        let name = name.replace(' ', "_");
        return Some(Mistake::written(number, "a section is its name in brackets", &format!("[{name}]")));
    }
    let is_remark = ["//", ";", "--", "/*"].iter().any(|mark| line.starts_with(mark));
    let Some((key, value)) = line.split_once('=').filter(|_| !is_remark) else {
        return Some(without_equals(number, line));
    };
    let (key, value) = (key.trim(), value.trim());
    let bare = key.trim_matches(['"', '\'']);
    if bare != key && is_bare_key(bare) && key.matches(['"', '\'']).count() == 1 {
        let corrected = format!("{bare} = {}", corrected_value(value));
        return Some(Mistake::written(number, "a key needs no quotation marks", &corrected));
    }
    if key.is_empty() {
        return Some(Mistake::new(number, "there is no key before the =", Some(GENERAL.to_owned())));
    }
    if !is_bare_key(key) && !key.starts_with(['"', '\'']) {
        let message = format!("{key:?} is not a valid key");
        let hint = "a key has letters from a to z, digits, - and _, and no spaces";
        return Some(Mistake::new(number, message, Some(hint.to_owned())));
    }
    self::value(number, key, value)
}

/// Characters that look like ASCII characters.
fn characters(number: usize, line: &str) -> Option<Mistake> {
    const QUOTES: [char; 12] = ['“', '”', '„', '‟', '‘', '’', '‚', '＂', '«', '»', '「', '」'];
    let outside = outside_of_quotes(line);
    if let Some(found) = outside.chars().find(|c| QUOTES.contains(c)) {
        let straight: String = line.chars().map(|c| if QUOTES.contains(&c) { '"' } else { c }).collect();
        let message =
            format!("{found} is a typographic quotation mark; only the straight \" is allowed here");
        return Some(Mistake::written(number, message, &straight));
    }
    if outside.contains('＝') {
        return Some(Mistake::written(number, "＝ is a full-width sign", &line.replace('＝', "=")));
    }
    let unseen =
        |c: &char| matches!(c, '\u{A0}' | '\u{3000}' | '\u{200B}'..='\u{200F}' | '\u{2060}' | '\u{FEFF}');
    let found = outside.chars().find(unseen)?;
    let message = format!("the line contains the invisible character U+{:04X}", u32::from(found));
    let clean: String = line.chars().map(|c| if unseen(&c) { ' ' } else { c }).collect();
    let clean = clean.split_whitespace().collect::<Vec<_>>().join(" ");
    Some(Mistake::new(number, message, Some(format!("type the line again: {clean}"))))
}

/// The line without quoted text and comments.
fn outside_of_quotes(line: &str) -> String {
    let (mut outside, mut quote) = (String::new(), None);
    for c in line.chars() {
        match quote {
            Some(open) if c == open => quote = None,
            Some(_) => {}
            None if c == '"' || c == '\'' => quote = Some(c),
            None if c == '#' => break,
            None => outside.push(c),
        }
    }
    outside
}

fn is_bare_key(key: &str) -> bool {
    key.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"-_.".contains(&byte))
}

fn without_equals(number: usize, line: &str) -> Mistake {
    for mark in ["//", ";", "--", "/*"] {
        if let Some(comment) = line.strip_prefix(mark) {
            let comment = comment.trim().trim_end_matches("*/").trim_end();
            return Mistake::written(number, "a comment begins with #", &format!("# {comment}"));
        }
    }
    match line.split_once(':') {
        Some((key, "")) if is_bare_key(key.trim()) && !key.trim().is_empty() => {
            Mistake::written(number, "a section is its name in brackets", &format!("[{}]", key.trim()))
        }
        Some((key, value)) if is_bare_key(key.trim()) && !key.trim().is_empty() => {
            let corrected = format!("{} = {}", key.trim(), corrected_value(value.trim()));
            Mistake::written(number, "a key and its value are separated by =", &corrected)
        }
        _ => {
            let hint = "delete the line, or begin it with # to make it a comment";
            Mistake::new(number, "this line is neither key = value nor a [section]", Some(hint.to_owned()))
        }
    }
}

/// The mistake in the value of `key`.
fn value(number: usize, key: &str, value: &str) -> Option<Mistake> {
    let mistake =
        |message: &str, value: &str| Some(Mistake::written(number, message, &format!("{key} = {value}")));
    match value.chars().next() {
        None | Some('#') => {
            let hint = format!("write {key} = \"…\", or delete the line");
            Some(Mistake::new(number, format!("`{key}` has no value"), Some(hint)))
        }
        Some('=') => mistake("there is an extra =", &corrected_value(value.trim_start_matches(['=', ' ']))),
        Some(quote @ ('"' | '\'')) => quoted(number, key, value, quote),
        Some('[') if value.trim_end_matches(',').ends_with(']') => {
            mistake("the items of a list are quoted and separated by commas", &corrected_value(value))
        }
        Some('[') => {
            let hint = "a list ends with ], and its items are separated by commas: [\"one\", \"two\"]";
            Some(Mistake::new(number, format!("the list of `{key}` cannot be read"), Some(hint.to_owned())))
        }
        Some('{') => {
            let message = "a table in { } has pairs like name = \"Kim\", separated by commas";
            mistake(message, &corrected_value(value))
        }
        _ => {
            let bare = value.split(" #").next().unwrap_or(value).trim().trim_end_matches([',', ';']);
            let corrected = corrected_value(bare);
            let is_day =
                bare.len() > 4 && bare.as_bytes()[..4].iter().all(u8::is_ascii_digit) && bare.contains('-');
            if corrected == bare && !["true", "false"].contains(&bare)
                || is_day && corrected.starts_with('"')
                || bare.len() >= 10 && bare.bytes().all(|byte| byte.is_ascii_digit())
            {
                let hint = "a number has only digits, at most nineteen; a date is written like 2026-11-29"
                    .to_owned();
                let message = format!("`{key}`: {bare} is neither a number nor an existing date");
                return Some(Mistake::new(number, message, Some(hint)));
            }
            let message = match corrected.as_str() {
                "true" | "false" if bare != corrected => {
                    "yes and no are written as true and false, in lower case"
                }
                text if text.starts_with(['"', '\'']) => "text must be in quotes",
                text if text.contains('-') => {
                    "a date has four digits for the year, and two each for month and day"
                }
                _ if value.len() > bare.len() && corrected == bare => {
                    "there is an extra character after the value"
                }
                _ => "a number has only digits",
            };
            if ["none", "null", "nil", "~"].contains(&bare.to_lowercase().as_str()) {
                let hint = format!("to leave `{key}` unset, delete the line");
                return Some(Mistake::new(number, format!("TOML has no {bare}"), Some(hint)));
            }
            mistake(message, &corrected)
        }
    }
}

/// A value that begins with a quotation mark.
fn quoted(number: usize, key: &str, value: &str, quote: char) -> Option<Mistake> {
    let mistake =
        |message: &str, value: &str| Some(Mistake::written(number, message, &format!("{key} = {value}")));
    if value.starts_with("\"\"\"") || value.starts_with("'''") {
        let hint = format!("close it with {quote}{quote}{quote} on a line of its own");
        return Some(Mistake::new(number, "the text that begins here is not closed", Some(hint)));
    }
    let inner = &value[1..];
    let Some(end) = closing(inner, quote) else {
        let text = inner.split(" #").next().unwrap_or(inner).trim_end().trim_end_matches(['"', '\'']);
        return mistake("the quotation mark is not closed", &literal(text));
    };
    let rest = inner[end + 1..].trim();
    if let Some(remark) = ["//", ";", "--"].iter().find_map(|mark| rest.strip_prefix(mark)) {
        let corrected = format!("{}  # {}", &value[..end + 2], remark.trim());
        return mistake("a comment begins with #", &corrected);
    }
    if rest.is_empty() || rest.starts_with('#') {
        if inner[..end].contains('\\') {
            return mistake("\\ has a special meaning between \" and \"", &literal(&inner[..end]));
        }
        return None;
    }
    let whole = inner.split(" #").next().unwrap_or(inner).trim_end();
    if let Some(text) = whole.strip_suffix(quote) {
        return mistake("a quotation mark inside the text ends it", &literal(text));
    }
    mistake("there is text after the closing quotation mark", &literal(&value.replace(quote, "")))
}

/// The end of a text that began with `quote`.
fn closing(text: &str, quote: char) -> Option<usize> {
    let mut chars = text.char_indices();
    while let Some((at, c)) = chars.next() {
        match c {
            '\\' if quote == '"' => {
                chars.next();
            }
            _ if c == quote => return Some(at),
            _ => {}
        }
    }
    None
}

/// The text as a TOML string.
pub fn literal(text: &str) -> String {
    if !text.contains(['"', '\\']) {
        format!("\"{text}\"")
    } else if text.contains('\'') {
        format!("\"{}\"", text.replace('\\', "\\\\").replace('"', "\\\""))
    } else {
        format!("'{text}'")
    }
}

/// The probable correction of an invalid value.
fn corrected_value(raw: &str) -> String {
    let raw = raw.trim();
    if raw.len() >= 2 && raw.starts_with(['"', '\'']) && raw.ends_with(['"', '\'']) {
        return literal(&raw[1..raw.len() - 1]);
    }
    if let Some(inner) = raw.strip_prefix('[').map(|inner| inner.trim_end_matches([']', ',', ' '])) {
        let inner = inner.replace("\" \"", "\", \"");
        let items: Vec<_> = inner.split(',').map(str::trim).filter(|item| !item.is_empty()).collect();
        return format!("[{}]", items.into_iter().map(corrected_value).collect::<Vec<_>>().join(", "));
    }
    if let Some(inner) = raw.strip_prefix('{').map(|inner| inner.trim_end_matches(['}', ',', ' '])) {
        let pair = |pair: &str| {
            let (key, value) = pair.split_once(['=', ':'])?;
            Some(format!("{} = {}", key.trim().trim_matches(['"', '\'']), corrected_value(value)))
        };
        return format!("{{ {} }}", inner.split(',').filter_map(pair).collect::<Vec<_>>().join(", "));
    }
    let digits = raw.replace(['_', ','], "");
    if !digits.is_empty() && digits.len() < 10 && digits.bytes().all(|byte| byte.is_ascii_digit()) {
        let digits = digits.trim_start_matches('0');
        return if digits.is_empty() { "0".to_owned() } else { digits.to_owned() };
    }
    match raw.to_lowercase().as_str() {
        "true" | "yes" | "on" | "ture" | "treu" | "tru" => "true".to_owned(),
        "false" | "no" | "off" | "flase" | "fasle" | "fals" => "false".to_owned(),
        _ => day(raw).unwrap_or_else(|| literal(raw)),
    }
}

/// `2026. 11. 9.`, `2026/11/9` and `2026-11-9` as a TOML date.
fn day(raw: &str) -> Option<String> {
    let parts: Option<Vec<u32>> = raw
        .split(['-', '/', '.'])
        .map(str::trim)
        .filter(|part| !part.is_empty())
        .map(|part| part.parse().ok())
        .collect();
    match parts?.as_slice() {
        [year @ 1000..=9999, month @ 1..=12, day @ 1..=31] => Some(format!("{year}-{month:02}-{day:02}")),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn mistake(line: &str) -> String {
        let text = format!("a = 1\n{line}\nz = 2\n");
        let (_, errors) = toml::de::DeTable::parse_recoverable(&text);
        let mistakes = explain_all(&text, &errors);
        let [mistake] = mistakes.as_slice() else { panic!("{line}: {mistakes:?}") };
        assert_eq!(mistake.line, 2, "{line}: {mistake:?}");
        format!("{}: {}", mistake.message, mistake.hint.clone().unwrap_or_default())
    }

    #[test]
    fn every_mistake_is_reported_with_the_corrected_line() {
        for (line, corrected) in [
            ("title = My letters", "write title = \"My letters\""),
            ("title = My letters # the name", "write title = \"My letters\""),
            ("title = \"My letters", "write title = \"My letters\""),
            ("title = 'My letters\"", "write title = \"My letters\""),
            ("title = “My letters”", "write title = \"My letters\""),
            ("title = \"He said \"no\"\"", "write title = 'He said \"no\"'"),
            ("title = \"It's \"no\"\"", "write title = \"It's \\\"no\\\"\""),
            ("title = \"a\" // mine", "write title = \"a\"  # mine"),
            ("title: My letters", "write title = \"My letters\""),
            ("title ＝ \"a\"", "write title = \"a\""),
            ("title = = \"a\"", "write title = \"a\""),
            ("title =", "write title = \"…\", or delete the line"),
            ("file = \"C:\\mail\\pass\"", "write file = 'C:\\mail\\pass'"),
            ("draft = True", "write draft = true"),
            ("draft = no", "write draft = false"),
            ("draft = null", "delete the line"),
            ("delay = 10m", "write delay = \"10m\""),
            ("port = 0465", "write port = 465"),
            ("budget = 1,000", "write budget = 1000"),
            ("date = 2026-2-3", "write date = 2026-02-03"),
            ("date = 2026. 2. 3.", "write date = 2026-02-03"),
            ("formats = [rss, atom]", "write formats = [\"rss\", \"atom\"]"),
            ("formats = [\"rss\" \"atom\"]", "write formats = [\"rss\", \"atom\"]"),
            ("author = { name: \"Kim\" }", "write author = { name = \"Kim\" }"),
            ("author = { name = Kim, email = \"a@b.kr\" }", "{ name = \"Kim\", email = \"a@b.kr\" }"),
            ("// a remark", "write # a remark"),
            ("// draft = true", "write # draft = true"),
            ("\"title = \"a\"", "write title = \"a\""),
            ("draft = ture", "write draft = true"),
            ("draft = true,", "write draft = true"),
            ("date = 2026-13-01", "nor an existing date"),
            ("date = 2026-02-30", "nor an existing date"),
            ("just words", "begin it with #"),
            ("my title = \"a\"", "no spaces"),
            ("제목 = \"a\"", "letters from a to z"),
            ("[site", "write [site]"),
            ("a = 2", "keep one of the two lines (the other is on line 1)"),
        ] {
            let found = mistake(line);
            assert!(found.contains(corrected), "{line}: {found}");
            for jargon in ["expected", "invalid", "literal"] {
                assert!(!found.contains(jargon), "{line}: {found}");
            }
        }
    }

    #[test]
    fn a_line_that_may_contain_a_secret_is_not_shown() {
        for line in [
            "password = hunter2",
            "smtp_pass: hunter2",
            "url = \"postgres://kim:hunter2@db.letters.kr/l",
            "secret hunter2",
        ] {
            assert!(!mistake(line).contains("hunter2"), "{line}");
        }
    }

    #[test]
    fn a_duplicate_section_is_reported_with_both_lines() {
        let text = "[site]\na = 1\n[smtp]\n[site]\n";
        let (_, errors) = toml::de::DeTable::parse_recoverable(text);
        let mistakes = explain_all(text, &errors);
        assert_eq!(mistakes[0].line, 4);
        assert_eq!(
            mistakes[0].hint.as_deref(),
            Some("put all its keys below one [site] (the other is on line 1)")
        );
    }
}
