//! Parses front matter in TOML, YAML, JSON or Pelican's `Key: value` lines into the same entries. [`fields`] knows what
//! they mean; nothing here opens a file.

pub mod doubts;
mod enclosure;
mod entry;
pub mod fields;
pub mod flags;
pub mod generator_habits;
mod json;
mod known;
mod markup;
pub mod mistakes;
mod nikola;
mod pelican;
mod people;
mod segment;
mod toml;
mod via;
mod yaml;
mod yaml_mistakes;

use self::entry::{MAX_BYTES, line_end};
use crate::config::Generator;
use crate::config::toml_mistakes::Mistake;
use crate::finding::Finding;
use crate::text::line_at;

pub use self::via::Via;
pub use enclosure::{DeclaredEnclosure, EpisodeKind};
pub use entry::{Entry, Spanned, Value};
pub use fields::Fields;
pub use segment::{Segment, SegmentLanguage};

/// A file, split into front matter and body.
#[derive(Debug, Clone, PartialEq)]
pub struct Parts<'t> {
    /// The front matter; empty if there is none.
    pub entries: Vec<Entry>,
    /// The text below it.
    pub body: &'t str,
    /// The line of the file, from 1, on which `body` begins.
    pub body_line: usize,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Syntax {
    Toml,
    Yaml,
    Json,
}

/// What the first line of a file says about its front matter.
enum Fence {
    /// The syntax, and the lines that can end it.
    Of(Syntax, &'static [&'static str]),
    /// A programming language, which would have to be run.
    Code(String),
}

impl Fence {
    fn read(line: &str) -> Option<Self> {
        let line = line.trim_end();
        let language = match (line, line.strip_prefix("---")) {
            ("+++", _) => return Some(Self::Of(Syntax::Toml, &["+++"])),
            (";;;", _) => return Some(Self::Of(Syntax::Json, &[";;;"])),
            (_, Some(language)) => language.trim().to_ascii_lowercase(),
            _ => return None,
        };
        Some(match language.as_str() {
            "" | "yaml" | "yml" => Self::Of(Syntax::Yaml, &["---", "..."]),
            "toml" => Self::Of(Syntax::Toml, &["---"]),
            "json" => Self::Of(Syntax::Json, &["---"]),
            word if word.len() <= 12 && word.bytes().all(|byte| byte.is_ascii_alphanumeric()) => {
                Self::Code(language)
            }
            _ => return None,
        })
    }
}

/// Splits `text`; `file` is its name in messages.
pub fn split<'t>(text: &'t str, file: &str) -> Result<Parts<'t>, Finding> {
    split_for(text, file, Generator::Plain)
}

/// The same for a text in another format than Markdown, which may have a head of its own instead.
pub fn split_markup<'t>(
    text: &'t str,
    file: &str,
    extension: &str,
    generator: Generator,
) -> Result<Parts<'t>, Finding> {
    let parts = split_for(text, file, generator)?;
    if parts.body_line > 1 || !is_markup(extension) {
        return Ok(parts);
    }
    Ok(Parts { entries: markup::entries(text, extension), body: text, body_line: 1 })
}

/// Whether only a generator can read the text of such a file.
pub fn is_markup(extension: &str) -> bool {
    matches!(extension, "adoc" | "asciidoc" | "ad" | "org" | "rst")
}

/// Splits a file in the way `generator` does.
pub fn split_for<'t>(text: &'t str, file: &str, generator: Generator) -> Result<Parts<'t>, Finding> {
    let is_lenient = generator == Generator::Jekyll;
    let lead = if generator == Generator::Jekyll { 0 } else { blank_lead(text) };
    let first = text[lead..].lines().next().unwrap_or_default();
    match Fence::read(first) {
        Some(Fence::Of(syntax, ends)) => fenced(text, lead, (syntax, ends), (file, is_lenient)),
        Some(Fence::Code(language)) if end_of(text, line_end(text, lead), &["---"]).is_some() => {
            let message = format!("the front matter is {language:?} code, and Letterpress does not run code");
            let finding = wrong(file, line_at(text, lead), message);
            Err(finding.hint("write it in YAML between two lines of ---; until then the post is left out"))
        }
        _ if generator == Generator::Nikola => Ok(nikola::split(text)),
        _ if first.starts_with('{') => json(text, file),
        _ => unfenced(text, file, is_lenient),
    }
}

/// The length of the blank lines above a fence that is followed by keys: most generators skip them.
fn blank_lead(text: &str) -> usize {
    let lead = text.len() - text.trim_start_matches([' ', '\t', '\n', '\u{FEFF}']).len();
    let lead = text[..lead].rfind('\n').map_or(0, |at| at + 1);
    let mut lines = text[lead..].lines();
    let has_fence = lines.next().and_then(Fence::read).is_some();
    let is_key = |line: &str| {
        let end = line.find([':', '=']).unwrap_or(0);
        end > 0 && line[..end].trim().chars().all(|char| char.is_alphanumeric() || "\"'_-".contains(char))
    };
    let next = lines.find(|line| !line.trim().is_empty() && !line.starts_with('#'));
    if has_fence && next.is_some_and(|line| is_key(line) || line.starts_with('{')) { lead } else { 0 }
}

/// The start of the first line after `from` that is one of `ends`, and the start of the line after it.
fn end_of(text: &str, from: usize, ends: &[&str]) -> Option<(usize, usize)> {
    let mut end = from;
    while end < text.len() {
        let next = line_end(text, end);
        if ends.contains(&text[end..next].trim_end()) {
            return Some((end, next));
        }
        end = next;
    }
    None
}

/// Front matter between two fences; the first begins at `lead`.
fn fenced<'t>(
    text: &'t str,
    lead: usize,
    (syntax, ends): (Syntax, &[&str]),
    (file, is_lenient): (&str, bool),
) -> Result<Parts<'t>, Finding> {
    let start = line_end(text, lead);
    let Some((end, next)) = end_of(text, start, ends) else {
        let fence = ends[0];
        let hint = format!(
            "close it with a line that contains only {fence}; to begin a post with a rule, write ***"
        );
        let line = line_at(text, lead);
        return Err(wrong(file, line, "the front matter that begins here has no end").hint(hint));
    };
    let entries = entries(syntax, &text[start..end], (file, line_at(text, start)), is_lenient)?;
    Ok(Parts { entries, body: &text[next..], body_line: line_at(text, next) })
}

/// The entries of `text`, which begins on `line` of the file.
fn entries(
    syntax: Syntax,
    text: &str,
    (file, line): (&str, usize),
    is_lenient: bool,
) -> Result<Vec<Entry>, Finding> {
    check_size(text, file)?;
    let before = line - 1;
    match syntax {
        Syntax::Toml => toml::entries(text),
        Syntax::Yaml => yaml::entries(text, is_lenient),
        Syntax::Json => json::whole(text),
    }
    .map_err(|mistake| refused(file, Mistake { line: mistake.line + before, ..mistake }))
    .map(|mut entries| {
        for entry in &mut entries {
            entry.line += before;
        }
        entries
    })
}

/// The entries of a settings file; `None` if its extension is not that of a known syntax.
pub fn document(text: &str, file: &str) -> Option<Result<Vec<Entry>, Finding>> {
    let entries = match file.rsplit('.').next()?.to_ascii_lowercase().as_str() {
        "toml" => toml::entries(text),
        "yaml" | "yml" => yaml::entries(text, true),
        "json" => json::whole(text),
        _ => return None,
    };
    Some(entries.map_err(|mistake| refused(file, mistake)))
}

/// The front matter of Pelican, and of Hexo, which has a fence only at its end.
fn unfenced<'t>(text: &'t str, file: &str, is_lenient: bool) -> Result<Parts<'t>, Finding> {
    let is_json = text.starts_with('"');
    let length = if is_json { text.len().min(MAX_BYTES) } else { pelican::length(text) };
    let fence = if is_json { ";;;" } else { "---" };
    let end = text.is_char_boundary(length).then(|| end_of(&text[..length], 0, &[fence])).flatten();
    if let Some((end, next)) = end {
        let syntax = if is_json { Syntax::Json } else { Syntax::Yaml };
        let entries = entries(syntax, &text[..end], (file, 1), is_lenient)?;
        return Ok(Parts { entries, body: &text[next..], body_line: line_at(text, next) });
    }
    pelican(text, file)
}

fn pelican<'t>(text: &'t str, file: &str) -> Result<Parts<'t>, Finding> {
    let length = pelican::length(text);
    check_size(&text[..length], file)?;
    let entries = pelican::entries(&text[..length]).map_err(|mistake| refused(file, mistake))?;
    Ok(Parts { entries, body: &text[length..], body_line: line_at(text, length) })
}

fn json<'t>(text: &'t str, file: &str) -> Result<Parts<'t>, Finding> {
    let Some((entries, length)) = json::entries(text) else {
        let first = text.lines().next().unwrap_or_default().trim_end();
        if first == "{" || first.starts_with("{\"") || first.starts_with("{ \"") {
            let (line, message) = json::why_not(text);
            let finding = wrong(file, line, format!("the front matter in JSON cannot be read: {message}"));
            return Err(finding
                .hint("put every key and every text in double quotes; the last } ends the front matter"));
        }
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

fn refused(file: &str, mistake: Mistake) -> Finding {
    Finding { hint: mistake.hint, ..wrong(file, mistake.line, mistake.message) }
}

fn wrong(file: &str, line: usize, message: impl Into<String>) -> Finding {
    Finding::error("post-front-matter", file, message).at(line)
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
    fn every_syntax_gives_the_same_entries_with_their_lines() {
        for (text, title) in [
            ("+++\n\ntitle = \"글\"\n+++\nbody\n", 3),
            ("---toml\ntitle = \"글\"\n---\nbody\n", 2),
            ("---\n# a comment\ntitle: 글\n---\nbody\n", 3),
            ("---\ntitle: 글\n...\nbody\n", 2),
            ("---yml\ntitle: 글\n---\nbody\n", 2),
            ("---json\n{\n  \"title\": \"글\"\n}\n---\nbody\n", 3),
            (";;;\n\"title\": \"글\",\n\"z\": 1\n;;;\nbody\n", 2),
            ("\"title\": \"글\"\n;;;\nbody\n", 1),
            ("title: 글\ntags: [a]\n---\nbody\n", 1),
            ("\n \n---\ntitle: 글\n---\nbody\n", 4),
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
    fn a_post_without_front_matter_is_only_body() {
        for text in [
            "",
            "# 제목\n",
            "Note: this is a sentence.\n",
            "----\na\n",
            "--- a rule\n\n---\n",
            "---word\nwithout an end\n",
            "\n---\na rule, and no key\n---\n",
            "\"Words\", she said\n",
            "{{< figure >}}\n",
        ] {
            let parts = split(text, "a.md").unwrap();
            assert_eq!((parts.body, parts.body_line, parts.entries.len()), (text, 1, 0));
        }
        assert!(keys("---\n---\nbody").is_empty());
    }

    #[test]
    fn errors_have_their_line() {
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

    /// If front matter were taken for text, a post with `draft: true` would be mailed.
    #[test]
    fn code_or_broken_front_matter_is_never_taken_for_text() {
        for (text, line) in [
            ("---js\n{ title: \"a\", draft: true }\n---\nsecret\n", 1),
            ("---coffee\ntitle: \"a\"\n---\nsecret\n", 1),
            ("---json\n{ \"title\": a }\n---\nsecret\n", 2),
            (";;;\n\"title\": a\n;;;\nsecret\n", 2),
            ("{\n  \"title\": \"a\",\n  draft: true\n}\nsecret\n", 3),
            ("{\"title\": \"a\",}\nsecret\n", 1),
            ("\n\n---\ndraft: [\n---\nsecret\n", 4),
        ] {
            let refusal = refusal(text);
            assert!(refusal.starts_with(&format!("a.md:{line}: error: ")), "{refusal}");
        }
    }

    #[test]
    fn an_alias_bomb_is_rejected_at_once() {
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
