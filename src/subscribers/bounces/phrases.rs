//! What the text of a refusal or of a returned message means, by the phrases in `phrases.tsv`.
//!
//! Pure. Codes are not read here. The meanings are in the order of precedence: where a text allows several, the one counts
//! that costs nobody a subscription.

use std::collections::BTreeSet;
use std::sync::LazyLock;

use aho_corasick::AhoCorasick;

use crate::text::floor_char_boundary;

/// The longest text between two parts of a phrase, in bytes.
const GAP: usize = 80;

/// The meaning of a text.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Meaning {
    /// The sender has sent as much as this server allows for now.
    SenderLimit,
    /// The recipient takes no more for now.
    Later,
    /// The mailbox is full.
    Full,
    /// The mailbox exists, but is closed, perhaps for a while.
    Inactive,
    /// The sender, the message or its route was refused.
    Policy,
    /// There is no such mailbox.
    NoMailbox,
    /// There is no such domain, or it takes no mail.
    NoDomain,
    /// The recipient's server was not reached.
    Unreachable,
    /// The server goes on trying.
    Delayed,
}

impl Meaning {
    /// The names in the file.
    const NAMES: [(&'static str, Self); 9] = [
        ("limit", Self::SenderLimit),
        ("later", Self::Later),
        ("full", Self::Full),
        ("inactive", Self::Inactive),
        ("policy", Self::Policy),
        ("mailbox", Self::NoMailbox),
        ("domain", Self::NoDomain),
        ("unreachable", Self::Unreachable),
        ("delayed", Self::Delayed),
    ];
}

/// A phrase, in the parts between its stars.
struct Phrase {
    meaning: Meaning,
    parts: Vec<&'static str>,
}

/// The phrases, and a search for the first parts of all of them at once.
struct Phrases {
    phrases: Vec<Phrase>,
    first_parts: Option<AhoCorasick>,
}

static PHRASES: LazyLock<Phrases> = LazyLock::new(|| {
    let phrases: Vec<Phrase> = include_str!("phrases.tsv").lines().filter_map(parse).collect();
    let first_parts = AhoCorasick::new(phrases.iter().map(|phrase| phrase.parts[0])).ok();
    Phrases { phrases, first_parts }
});

/// `None` for a comment and an empty line.
fn parse(line: &'static str) -> Option<Phrase> {
    let mut columns = line.split('\t');
    let (name, _language, phrase) = (columns.next()?, columns.next()?, columns.next()?);
    let (_, meaning) = Meaning::NAMES.into_iter().find(|(known, _)| *known == name)?;
    Some(Phrase { meaning, parts: phrase.split(" * ").collect() })
}

/// The meanings of a text, in the order of precedence.
pub fn meanings(text: &str) -> BTreeSet<Meaning> {
    let text = simplified(text);
    let Phrases { phrases, first_parts } = &*PHRASES;
    let found = first_parts.iter().flat_map(|search| search.find_overlapping_iter(&text));
    let found = found.filter_map(|found| {
        let phrase = &phrases[found.pattern().as_usize()];
        let is_there = begins_word(&text, found.start()) && follow(&text[found.end()..], &phrase.parts[1..]);
        is_there.then_some(phrase.meaning)
    });
    found.collect()
}

/// The first of them; `None` if the text contains no known phrase.
pub fn meaning(text: &str) -> Option<Meaning> {
    meanings(text).first().copied()
}

/// In lower case, with plain apostrophes and single spaces.
fn simplified(text: &str) -> String {
    let lower = text.to_lowercase().replace('’', "'");
    lower.split_whitespace().collect::<Vec<_>>().join(" ")
}

/// Whether the parts follow one another in the text, each near the one before.
fn follow(mut text: &str, parts: &[&str]) -> bool {
    for part in parts {
        let near = floor_char_boundary(text, GAP + part.len());
        match text[..near].find(part) {
            Some(at) => text = &text[at + part.len()..],
            None => return false,
        }
    }
    true
}

/// "spf" is not in "q8spf3".
fn begins_word(text: &str, at: usize) -> bool {
    let is_word = |c: char| c.is_ascii_alphanumeric();
    !text[at..].starts_with(is_word) || !text[..at].ends_with(is_word)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn every_line_of_the_file_has_a_known_meaning_a_language_and_a_source_and_none_is_there_twice() {
        let mut seen = BTreeSet::new();
        for line in
            include_str!("phrases.tsv").lines().filter(|line| !line.is_empty() && !line.starts_with('#'))
        {
            let columns: Vec<&str> = line.split('\t').collect();
            let [name, language, phrase, source] = columns[..] else { panic!("{line}") };
            assert!(Meaning::NAMES.iter().any(|(known, _)| *known == name), "{line}");
            assert!(["en", "de", "fr", "es", "ja", "ko", "zh", "ru"].contains(&language), "{line}");
            assert_eq!(simplified(phrase), phrase, "{line}");
            assert!(!source.is_empty() && phrase.split(" * ").all(|part| !part.contains('*')), "{line}");
            assert!(seen.insert(phrase), "twice: {line}");
        }
        assert_eq!(PHRASES.phrases.len(), seen.len());
    }

    #[test]
    fn the_mildest_meaning_of_a_text_counts() {
        for (text, expected) in [
            ("550 5.1.1 <kim@example.com>: User unknown in local recipient table", Some(Meaning::NoMailbox)),
            ("550 No such user here", Some(Meaning::NoMailbox)),
            ("user unknown; your host is on a blacklist", Some(Meaning::Policy)),
            ("The user is receiving mail at a rate that prevents more", Some(Meaning::Later)),
            ("mailbox for kim@example.com is full", Some(Meaning::Full)),
            ("the recipient’s account is\r\n  disabled", Some(Meaning::Inactive)),
            ("이메일 주소를 찾을 수 없거나", Some(Meaning::NoMailbox)),
            ("250 2.0.0 ok q8spf3", None),
            ("", None),
        ] {
            assert_eq!(meaning(text), expected, "{text}");
        }
    }

    #[test]
    fn the_parts_of_a_phrase_must_be_near_one_another() {
        let far = format!("user {} does not exist", "x".repeat(200));
        assert_eq!(meaning("user kim@example.com does not exist"), Some(Meaning::NoMailbox));
        assert_eq!(meaning(&far), None);
    }

    proptest! {
        #[test]
        fn no_text_panics(text in "(user |mailbox |does not exist|é|가|’|İ|\\PC){0,40}") {
            let _ = meanings(&text);
        }
    }
}
