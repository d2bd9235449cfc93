//! Front matter: what stands above a post in TOML, YAML, JSON or Pelican's `Key: value` lines, as one shape. Which
//! fields mean what is said in [`fields`]; nothing here opens a file.

pub mod customs;
pub mod dates;
mod enclosure;
pub mod fields;
mod json;
mod known;
mod pelican;
pub mod slips;
mod toml;
mod yaml;
mod yaml_slips;

use crate::config::Generator;
use crate::config::toml_slips::Slip;
use crate::finding::Finding;

pub use enclosure::Stated;
pub use fields::Fields;

/// More than this is a mistake, or an attempt to keep the parser busy.
const MAX_BYTES: usize = 64 * 1024;

/// A key, its value, and where it stands.
#[derive(Debug, Clone, PartialEq)]
pub struct Entry {
    /// The key as written; Pelican's in lower case.
    pub key: String,
    /// The line of the file, from 1.
    pub line: usize,
    /// The value.
    pub value: Value,
}

/// A value, whichever syntax it was written in.
#[derive(Debug, Clone, PartialEq)]
pub enum Value {
    /// A key without a value.
    Nothing,
    /// Text, and dates wherever the syntax has no dates of its own.
    Text(String),
    /// A number, as text.
    Number(String),
    /// Yes or no.
    Bool(bool),
    /// A date of TOML's own, as text.
    Date(String),
    /// Several values.
    List(Vec<Value>),
    /// Keys and values.
    Table(Vec<(String, Value)>),
}

/// A file, taken apart.
#[derive(Debug, Clone, PartialEq)]
pub struct Parts<'t> {
    /// What the front matter says; empty if there is none.
    pub entries: Vec<Entry>,
    /// What stands below it.
    pub body: &'t str,
    /// The line of the file, from 1, on which `body` begins.
    pub body_line: usize,
}

#[derive(Clone, Copy)]
enum Syntax {
    Toml,
    Yaml,
}

/// Takes `text` apart; `file` is its name in messages.
pub fn split<'t>(text: &'t str, file: &str) -> Result<Parts<'t>, Finding> {
    split_for(text, file, Generator::Plain)
}

/// Takes a file of `generator`'s apart: what it understands is understood.
pub fn split_for<'t>(text: &'t str, file: &str, generator: Generator) -> Result<Parts<'t>, Finding> {
    let is_lenient = generator == Generator::Jekyll;
    let first = text.lines().next().unwrap_or_default().trim_end();
    let (syntax, ends): (_, &[&str]) = match first {
        "+++" => (Syntax::Toml, &["+++"]),
        "---toml" => (Syntax::Toml, &["---"]),
        "---" | "---yaml" => (Syntax::Yaml, &["---", "..."]),
        _ if first.starts_with('{') => return json(text, file),
        _ => return pelican(text, file),
    };
    let start = line_end(text, 0);
    let mut end = start;
    while end < text.len() {
        let next = line_end(text, end);
        if ends.contains(&text[end..next].trim_end()) {
            return entries(syntax, &text[start..end], file, is_lenient).map(|entries| Parts {
                entries,
                body: &text[next..],
                body_line: line_at(text, next),
            });
        }
        end = next;
    }
    let fence = ends[0];
    let hint =
        format!("close it with a line that says only {fence}; a rule at the top of a post is written as ***");
    Err(wrong(file, 1, "the front matter that begins here has no end").hint(hint))
}

fn entries(syntax: Syntax, text: &str, file: &str, is_lenient: bool) -> Result<Vec<Entry>, Finding> {
    check_size(text, file)?;
    match syntax {
        Syntax::Toml => toml::entries(text),
        Syntax::Yaml => yaml::entries(text, is_lenient),
    }
    // The fence is line 1.
    .map_err(|slip| refused(file, Slip { line: slip.line + 1, ..slip }))
    .map(|mut entries| {
        for entry in &mut entries {
            entry.line += 1;
        }
        entries
    })
}

fn pelican<'t>(text: &'t str, file: &str) -> Result<Parts<'t>, Finding> {
    let length = pelican::length(text);
    check_size(&text[..length], file)?;
    let entries = pelican::entries(&text[..length]).map_err(|slip| refused(file, slip))?;
    Ok(Parts { entries, body: &text[length..], body_line: line_at(text, length) })
}

fn json<'t>(text: &'t str, file: &str) -> Result<Parts<'t>, Finding> {
    let Some((entries, length)) = json::entries(text) else {
        // `{{< figure >}}` at the top of a post is text.
        return Ok(Parts { entries: Vec::new(), body: text, body_line: 1 });
    };
    check_size(&text[..length], file)?;
    Ok(Parts { entries, body: &text[length..], body_line: line_at(text, length) })
}

fn check_size(text: &str, file: &str) -> Result<(), Finding> {
    if text.len() <= MAX_BYTES {
        return Ok(());
    }
    let message = format!("the front matter is {} KiB long; 64 KiB is the limit", text.len() / 1024);
    Err(wrong(file, 1, message).hint("move the text below the front matter"))
}

fn refused(file: &str, slip: Slip) -> Finding {
    Finding { hint: slip.hint, ..wrong(file, slip.line, slip.message) }
}

fn wrong(file: &str, line: usize, message: impl Into<String>) -> Finding {
    Finding::error("post-front-matter", file, message).at(line)
}

/// The beginning of the line after the one that begins at `from`.
fn line_end(text: &str, from: usize) -> usize {
    memchr::memchr(b'\n', &text.as_bytes()[from..]).map_or(text.len(), |at| from + at + 1)
}

/// The line, from 1, on which the byte at `offset` stands.
fn line_at(text: &str, offset: usize) -> usize {
    memchr::memchr_iter(b'\n', &text.as_bytes()[..offset.min(text.len())]).count() + 1
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn keys(text: &str) -> Vec<(String, usize)> {
        split(text, "a.md").unwrap().entries.into_iter().map(|entry| (entry.key, entry.line)).collect()
    }

    fn refusal(text: &str) -> String {
        split(text, "a.md").unwrap_err().to_string()
    }

    #[test]
    fn every_syntax_says_the_same_with_its_lines() {
        for (text, title) in [
            ("+++\n\ntitle = \"글\"\n+++\nbody\n", 3),
            ("---toml\ntitle = \"글\"\n---\nbody\n", 2),
            ("---\n# a comment\ntitle: 글\n---\nbody\n", 3),
            ("---\ntitle: 글\n...\nbody\n", 2),
            ("Title: 글\n\nbody\n", 1),
        ] {
            let parts = split(text, "a.md").unwrap();
            assert_eq!(parts.entries[0].key, "title", "{text}");
            assert_eq!(parts.entries[0].value, Value::Text("글".to_owned()), "{text}");
            assert_eq!(parts.entries[0].line, title, "{text}");
            assert_eq!(parts.body.trim(), "body", "{text}");
            assert_eq!(text.lines().nth(parts.body_line - 1), parts.body.lines().next(), "{text}");
        }
    }

    #[test]
    fn a_post_without_front_matter_is_all_body() {
        for text in ["", "# 제목\n", "Note: this is a sentence.\n", "----\na\n"] {
            let parts = split(text, "a.md").unwrap();
            assert_eq!((parts.body, parts.body_line, parts.entries.len()), (text, 1, 0));
        }
        assert!(keys("---\n---\nbody").is_empty());
    }

    #[test]
    fn what_is_wrong_is_named_with_its_line() {
        assert!(
            refusal("+++\ntitle = \"a\"\n\nbody")
                .contains("a.md:1: error: the front matter that begins here has no end")
        );
        assert!(
            refusal("+++\ntitle = 1\ntitle = 2\n+++\n").contains("a.md:3"),
            "{}",
            refusal("+++\ntitle = 1\ntitle = 2\n+++\n")
        );
        assert!(
            refusal("---\ntitle: a\ntitle: b\n---\n").contains("a.md:3"),
            "{}",
            refusal("---\ntitle: a\ntitle: b\n---\n")
        );
        assert!(refusal("+++\ntitle = \n+++\n").contains("a.md:2"));
        assert!(refusal("---\ntitle: [a\n---\n").contains("a.md:"));
        assert!(refusal("---\n- a\n- b\n---\n").contains("a.md:2"), "{}", refusal("---\n- a\n- b\n---\n"));
        assert!(refusal("Title: a\nTitle: b\n\nbody").contains("a.md:2"));
        assert!(refusal(&format!("---\na: \"{}\"\n---\n", "x".repeat(MAX_BYTES))).contains("64 KiB"));
        assert!(refusal("+++\ndate = 2024-02-30\n+++\n").contains("a.md:2"));
    }

    #[test]
    fn an_alias_bomb_is_refused_at_once() {
        let mut bomb = "---\na0: &a0 [x,x,x,x,x,x,x,x,x]\n".to_owned();
        for level in 1..12 {
            let before = format!("*a{}", level - 1);
            bomb = [bomb, format!("a{level}: &a{level} [{}]\n", [before.as_str(); 9].join(","))].concat();
        }
        bomb.push_str("---\n");
        assert!(split(&bomb, "a.md").is_err());
        assert!(split(&format!("---\na: {}\n---\n", "[".repeat(50_000)), "a.md").is_err());
        assert!(split(&format!("+++\na = {}\n+++\n", "[".repeat(50_000)), "a.md").is_err());
    }

    proptest! {
        #[test]
        fn no_text_breaks_the_splitter(text in "(\\+\\+\\+|---|title|Title|: ?|= ?|[\"\\[\\]{}&*a가0-9 ]|\n){0,40}") {
            if let Ok(parts) = split(&text, "a.md") {
                prop_assert!(text.ends_with(parts.body));
                // Without a line break at its end the last entry shares its line with the empty body.
                let before = |line| line < parts.body_line || parts.body.is_empty();
                prop_assert!(parts.entries.iter().all(|entry| before(entry.line)), "{:?}", parts);
            }
        }
    }
}
