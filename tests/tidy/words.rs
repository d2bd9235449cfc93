//! Retired words: the private names that the standard terms of mail and feeds have replaced.
//!
//! Checked are the identifiers of all Rust sources, and the text that users see: string literals of `src`, the docs and
//! the transcripts. SQL names keep their old words until a migration renames them, and so do the keys and values that
//! are contracts: [`CONTRACTS`].

use std::collections::BTreeSet;
use std::path::Path;

/// Not in an identifier, and not in text for users.
const RETIRED: [&str; 33] = [
    "addressee",
    "buried",
    "bury",
    "cadence",
    "clerk",
    "courier",
    "custody",
    "dossier",
    "enrol",
    "enrolled",
    "enrolment",
    "enrolments",
    "errand",
    "errands",
    "farewell",
    "farewells",
    "house_rules",
    "manuscript",
    "newcomer",
    "office",
    "ration",
    "rations",
    "specimen",
    "specimens",
    "standstill",
    "toll",
    "turnout",
    "twins",
    "way_out",
    "wish",
    "wisher",
    "wishes",
    "tidings",
];

/// Not in an identifier; in text they are names of others: a mail program, a legal notice.
const RETIRED_NAMES: [&str; 3] = ["imprint", "outlook", "slips"];

/// Not in text for users.
const RETIRED_PHRASES: [&str; 11] = [
    "small letter",
    "asks for patience",
    "in doubt",
    "reads from now on",
    "gets no more letters",
    "take back a farewell",
    "the relay is left alone",
    "all is well",
    "is no post that",
    "lookalike letter",
    "are kept out",
];

/// Keys and values of `--json`, metrics, stored values and configuration that scripts and older ledgers rely on.
pub(crate) const CONTRACTS: [&str; 9] = [
    "cadence",
    "farewells",
    "letterpress_errands",
    "in_doubt",
    "standing",
    "errands",
    "errand",
    "errand {}",
    "https://outlook.office.com/SMTP.Send https://outlook.office.com/IMAP.AccessAsUser.All offline_access",
];

/// The words of `text` as identifiers: `UpdateWishes` has `update` and `wishes`.
fn identifiers(text: &str) -> BTreeSet<String> {
    let mut words = BTreeSet::new();
    for name in text.split(|c: char| !(c.is_alphanumeric() || c == '_')).filter(|name| !name.is_empty()) {
        let lower: String = name
            .chars()
            .enumerate()
            .flat_map(|(at, c)| {
                (at > 0 && c.is_uppercase()).then_some('_').into_iter().chain(c.to_lowercase())
            })
            .collect();
        words.extend(lower.split('_').map(str::to_owned));
        words.insert(lower);
    }
    words
}

/// Splits Rust source into its code and its string literals; comments are left out.
pub(crate) fn code_and_strings(source: &str) -> (String, Vec<String>) {
    let (mut code, mut strings) = (String::new(), Vec::new());
    let mut rest = source;
    while let Some(c) = rest.chars().next() {
        if rest.starts_with("//") {
            rest = rest.find('\n').map_or("", |end| &rest[end..]);
        } else if let Some((text, after)) = string_literal(rest) {
            strings.push(text.to_owned());
            code.push(' ');
            rest = after;
        } else if let Some(after) = char_literal(rest) {
            code.push(' ');
            rest = after;
        } else {
            code.push(c);
            rest = &rest[c.len_utf8()..];
        }
    }
    (code, strings)
}

fn string_literal(rest: &str) -> Option<(&str, &str)> {
    let raw = rest.trim_start_matches('b');
    if let Some(hashes) = raw.strip_prefix('r').map(|raw| raw.len() - raw.trim_start_matches('#').len())
        && raw[1 + hashes..].starts_with('"')
    {
        let (start, end) = (2 + hashes, format!("\"{}", "#".repeat(hashes)));
        let length = raw[start..].find(&end)?;
        return Some((&raw[start..start + length], &raw[start + length + end.len()..]));
    }
    let text = rest.strip_prefix("b\"").or_else(|| rest.strip_prefix('"'))?;
    let mut escaped = false;
    let end = text.find(|c| {
        let ends = c == '"' && !escaped;
        escaped = c == '\\' && !escaped;
        ends
    })?;
    Some((&text[..end], &text[end + 1..]))
}

fn char_literal(rest: &str) -> Option<&str> {
    let text = rest.strip_prefix('\'')?;
    let end =
        if text.starts_with('\\') { text[2..].find('\'')? + 2 } else { text.chars().next()?.len_utf8() };
    text[end..].strip_prefix('\'')
}

/// The retired words in the identifiers of a Rust source.
pub(crate) fn in_identifiers(source: &str) -> Vec<&'static str> {
    let words = identifiers(&code_and_strings(source).0);
    RETIRED.into_iter().chain(RETIRED_NAMES).filter(|word| words.contains(*word)).collect()
}

/// The retired words and phrases in text for users.
pub(crate) fn in_text(text: &str) -> Vec<&'static str> {
    let mut lower = text.to_lowercase();
    for contract in CONTRACTS {
        for quoted in [format!("`{contract}`"), format!("\"{contract}\""), format!("\\\"{contract}\\\"")] {
            lower = lower.replace(&quoted, " ");
        }
    }
    let words: BTreeSet<&str> = lower.split(|c: char| !(c.is_alphanumeric() || c == '_')).collect();
    let found = RETIRED.into_iter().filter(|word| words.contains(word));
    found.chain(RETIRED_PHRASES.into_iter().filter(|phrase| lower.contains(phrase))).collect()
}

/// Whether the strings of a source file are for users: SQL is not.
pub(crate) fn has_text_for_users(path: &Path) -> bool {
    path.starts_with("src") && !path.starts_with("src/store") && !path.ends_with("tests.rs")
}

#[test]
fn the_scanner_tells_code_from_strings_and_comments() {
    let (code, strings) = code_and_strings("let a = 'x'; // office\nf(\"a \\\" b\", r#\"c\"#, b'\\'');");
    assert_eq!(strings, ["a \\\" b", "c"]);
    assert!(!code.contains("office") && code.contains("let a"));
    assert_eq!(
        in_identifiers("struct WishesOf { old_errand: u8 } // farewell\n\"office\""),
        ["errand", "wishes"]
    );
    assert_eq!(in_text("2 copies are in doubt"), ["in doubt"]);
    assert_eq!(in_text("the key `cadence`"), Vec::<&str>::new());
}
