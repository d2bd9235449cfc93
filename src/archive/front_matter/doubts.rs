//! Keys in the site of a generator that are probably misspelled: `darft: true`. The generator shows such a post, so feeds
//! contain it too; but an email cannot be taken back, so the post is not mailed. Other unknown keys belong to the theme and
//! are not judged. Pure.

use super::known::{DATES, WITHHOLDING};
use super::mistakes::{FrontMatterText, corrected, date, is_known};
use super::{Entry, Value, flags};
use crate::archive::generators;
use crate::config::{Generator, is_misspelled, plain};
use crate::finding::Finding;

/// A warning for each key of a post that would hold it back now if it were spelled right.
pub fn find_doubts(entries: &[Entry], page: FrontMatterText<'_>, generator: Generator) -> Vec<Finding> {
    let own_names = generators::rules(generator).map_or(&[][..], |rules| rules.keys);
    let is_of_site = |entry: &&Entry| {
        let is_name = |name: &str| plain(name) == plain(&entry.key);
        is_known(&entry.key)
            || flags::may_hold_back(entry)
            || page.own.iter().any(|own| is_name(own))
            || own_names.iter().any(|(name, _)| is_name(name))
    };
    let unknown = entries.iter().filter(|entry| !is_of_site(entry));
    unknown.filter_map(|entry| Some(doubt(entry, meant(entry, entries, page)?, page))).collect()
}

/// The key that `entry` seems to mean, if that would hold the post back.
fn meant(entry: &Entry, entries: &[Entry], page: FrontMatterText<'_>) -> Option<&'static str> {
    let is_there = |name: &str| entries.iter().any(|entry| plain(&entry.key) == plain(name));
    let near = WITHHOLDING.into_iter().filter(|name| is_misspelled(&entry.key, name) && !is_there(name));
    near.into_iter().find(|name| match *name {
        "newsletter" => flags::truth_of(&entry.value) == Some(false),
        "expires" | "expiryDate" | "unpublishDate" => date(entry, page).is_some(),
        name if DATES.contains(&name) => date(entry, page).is_some_and(|date| date > page.now),
        name => is_held_back(name, &entry.value, page.file),
    })
}

/// Whether a flag with this value holds a post back, or is unclear: `darft: treu`.
fn is_held_back(name: &str, value: &Value, file: &str) -> bool {
    if matches!(value, Value::Nothing | Value::Table(_) | Value::List(_)) {
        return false;
    }
    let entry = Entry { key: name.to_owned(), line: 1, value: value.clone() };
    !matches!(flags::held_back(&[entry], file, Generator::Plain), Ok(None))
}

fn doubt(entry: &Entry, held: &str, page: FrontMatterText<'_>) -> Finding {
    let key = &entry.key;
    let message = format!("`{key}`: unknown key; `{held}` would hold the post back, so it is not mailed");
    let hint = format!(
        "did you mean `{held}`? Write {}; if the key is right, write front_matter = [\"{key}\"] below [archive] in config.toml",
        corrected(entry, held, page)
    );
    Finding::warning("post-key", page.file, message).at(entry.line).hint(hint)
}

#[cfg(test)]
mod tests {
    use chrono::DateTime;
    use chrono_tz::Tz;

    use super::*;
    use crate::archive::front_matter::split;

    fn doubts(lines: &str, generator: Generator) -> Vec<String> {
        let text = format!("---\ntitle: a\n{lines}\n---\ntext\n");
        let parts = split(&text, "a.md").unwrap();
        let now = DateTime::parse_from_rfc3339("2026-11-29T09:00:00Z").unwrap().to_utc();
        let own = ["craft".to_owned()];
        let page = FrontMatterText { file: "a.md", text: &text, own: &own, zone: Tz::UTC, now };
        find_doubts(&parts.entries, page, generator).iter().map(ToString::to_string).collect()
    }

    #[test]
    fn a_misspelled_key_that_would_hold_the_post_back_is_reported_with_the_corrected_line() {
        for (line, corrected) in [
            ("darft: true", "draft: true"),
            ("Drfat: yes", "draft: yes"),
            ("dratf: treu", "draft: treu"),
            ("isDarft: true", "isDraft: true"),
            ("publised: false", "published: false"),
            ("newsleter: false", "newsletter: false"),
            ("unlistd: true", "unlisted: true"),
            ("dtae: 2027-01-01", "date: 2027-01-01"),
            ("publishDtae: 2027-01-01", "publishDate: 2027-01-01"),
            ("expriyDate: 2026-01-01", "expiryDate: 2026-01-01"),
        ] {
            let found = doubts(line, Generator::Hugo);
            assert_eq!(found.len(), 1, "{line}: {found:?}");
            assert!(found[0].starts_with("a.md:3: warning: `"), "{found:?}");
            assert!(found[0].contains(&format!("? Write {corrected};")), "{line}: {found:?}");
        }
    }

    #[test]
    fn keys_of_themes_and_values_that_hold_nothing_back_are_not_judged() {
        for lines in [
            "darft: false",
            "draft: true",
            "craft: true",
            "drama: true",
            "graft:",
            "shaft: {a: 1}",
            "rate: 5",
            "rate: true",
            "privacy: true",
            "dueDate: 2027-01-01",
            "news: true",
            "email: false",
            "entwurf: true",
            "hide: false",
            "publised: true",
            "newsleter: true",
            "dtae: 2026-01-01",
            "date: 2026-01-01\ndates: 2027-01-01",
            "weather: rain",
        ] {
            assert_eq!(doubts(lines, Generator::Hugo), Vec::<String>::new(), "{lines}");
        }
        assert!(doubts("pubDatetime: 2027-01-01", Generator::Astro).is_empty());
    }
}
