//! Every string exists in every language, with the same placeholders, and is used.

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;

use serde_json::Value;

use super::*;

/// The strings of one language by their paths, such as `web.home_title`.
fn flat(strings: &Strings) -> BTreeMap<String, String> {
    let mut found = BTreeMap::new();
    collect("", &serde_json::to_value(strings).unwrap(), &mut found);
    found
}

fn collect(path: &str, value: &Value, found: &mut BTreeMap<String, String>) {
    match value {
        Value::Object(fields) => {
            for (key, value) in fields {
                collect(&format!("{path}.{key}"), value, found);
            }
        }
        Value::Array(pairs) => {
            for pair in pairs {
                collect(&format!("{path}.[{}]", pair[0].as_str().unwrap()), &pair[1], found);
            }
        }
        Value::String(text) => {
            let old = found.insert(path.trim_start_matches('.').to_owned(), text.clone());
            assert!(old.is_none(), "{path} is there twice");
        }
        other => panic!("{path} is {other}"),
    }
}

/// The placeholders of a text, such as `{site}`, in alphabetical order.
fn placeholders(text: &str) -> Vec<&str> {
    let mut found: Vec<_> =
        text.split('{').skip(1).map(|rest| rest.split_once('}').expect("a closing brace").0).collect();
    found.sort_unstable();
    found
}

#[test]
fn every_language_has_every_string_with_the_same_placeholders() {
    let english = flat(Strings::of("en"));
    for strings in Strings::ALL {
        let translated = flat(strings);
        assert!(translated.keys().eq(english.keys()), "{}", strings.tag);
        for (path, text) in &translated {
            assert!(!text.trim().is_empty() && text.trim() == text, "{}: {path}", strings.tag);
            assert_eq!(placeholders(text), placeholders(&english[path]), "{}: {path}", strings.tag);
        }
    }
}

#[test]
fn placeholders_are_only_where_the_code_replaces_them() {
    for (path, text) in flat(Strings::of("en")) {
        let expected: &[&str] = match path.as_str() {
            "issue.and_more" => &["count", "title"],
            "issue.greeting" => &["name"],
            "issue.why"
            | "web.confirm_text"
            | "web.confirmed_text"
            | "web.home_title"
            | "web.unsubscribe_title"
            | "web.unsubscribed_text" => &["site"],
            path if path.ends_with(".subject") || path.contains(".intro") => &["site"],
            _ => &[],
        };
        assert_eq!(placeholders(&text), expected, "{path}");
    }
}

#[test]
fn every_string_is_used() {
    let mut sources = String::new();
    read(Path::new("src"), &mut sources);
    for path in flat(Strings::of("en")).keys().filter(|path| !path.contains('[')) {
        let key = path.rsplit('.').next().unwrap();
        let is_read = |before: &str, sources: &str| {
            sources
                .split(&format!("{before}.{key}"))
                .skip(1)
                .any(|rest| !rest.starts_with(|next: char| next.is_ascii_alphanumeric() || next == '_'))
        };
        let is_used = ["strings", "words", "web", "issue", "one"].iter().any(|name| is_read(name, &sources))
            || is_read("self", include_str!("mod.rs"));
        assert!(is_used, "{path} is not used");
    }
}

/// Reads all sources and templates outside this folder.
fn read(folder: &Path, sources: &mut String) {
    for entry in fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() && !path.ends_with("i18n") {
            read(&path, sources);
        } else if path
            .extension()
            .is_some_and(|extension| ["rs", "html", "txt"].iter().any(|e| extension == *e))
        {
            sources.push_str(&fs::read_to_string(&path).unwrap());
        }
    }
}

#[test]
fn no_korean_particle_that_depends_on_the_word_before_follows_a_placeholder() {
    for (path, text) in flat(Strings::of("ko")) {
        for rest in text.split('}').skip(1) {
            let particles =
                ["을", "를", "이 ", "가 ", "은 ", "는 ", "과 ", "와 ", "로 ", "으로", "이라", "라는"];
            assert!(!particles.iter().any(|particle| rest.starts_with(particle)), "{path}: {text}");
        }
    }
}

#[test]
fn strings_for_css_contain_no_quote_and_no_backslash() {
    for strings in Strings::ALL {
        assert!(!strings.feed_page.raw_feed.contains(['"', '\\', '\n']), "{}", strings.tag);
    }
}

#[test]
fn dates_are_written_as_in_each_language() {
    let day = DateTime::parse_from_rfc3339("2026-11-02T23:30:00+09:00").unwrap();
    let written = |tag| (Strings::of(tag).date(&day), Strings::of(tag).month_day(&day));
    assert_eq!(written("en-GB"), ("2 November 2026".to_owned(), "2 November".to_owned()));
    assert_eq!(written("ko-KR"), ("2026년 11월 2일".to_owned(), "11월 2일".to_owned()));
    assert_eq!(written("ja"), ("2026年11月2日".to_owned(), "11月2日".to_owned()));
}

#[test]
fn a_language_is_found_by_its_primary_subtag_and_english_replaces_a_missing_one() {
    assert_eq!(Strings::of("KO-kr").tag, "ko");
    assert_eq!(Strings::of("pt-BR").tag, "en");
    assert!(Strings::find("pt-BR").is_none() && Strings::find("").is_none());
    assert_eq!((direction("ar-EG"), direction("ko")), ("rtl", "ltr"));
}

#[test]
fn a_title_is_inserted_unchanged() {
    let issue = &Strings::of("en").issue;
    assert_eq!(issue.and_more("{count} ways", 2), "{count} ways and 2 more");
    assert_eq!(issue.greeting_parts(), ("Hello ", ","));
    assert_eq!(Strings::of("ja").issue.greeting_parts(), ("", "さん、こんにちは。"));
}
