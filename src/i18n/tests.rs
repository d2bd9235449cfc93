//! Every string exists in every language, with the same placeholders, and is used.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::Path;

use serde::Deserialize as _;
use toml::Value;

use super::plural::{Plural, PluralCategory};
use super::*;

/// The strings of a file by their paths, such as `web.home_title`. The forms of a plural are one string.
fn flat(table: &Table) -> BTreeMap<String, Value> {
    let mut found = BTreeMap::new();
    for (key, value) in table {
        match value {
            Value::Table(inner) if !inner.contains_key("other") => {
                found.extend(flat(inner).into_iter().map(|(path, value)| (format!("{key}.{path}"), value)));
            }
            value => {
                found.insert(key.clone(), value.clone());
            }
        }
    }
    found
}

/// All texts of a value.
fn texts(value: &Value) -> Vec<&str> {
    match value {
        Value::Table(forms) => forms.values().filter_map(Value::as_str).collect(),
        Value::Array(items) => items.iter().filter_map(Value::as_str).collect(),
        value => value.as_str().into_iter().collect(),
    }
}

fn strings_of(tag: &str) -> Arc<Strings> {
    Arc::clone(Languages::default().of(tag))
}

/// The file of a user's language over those of the program.
fn with(tag: &str, text: &str) -> Languages {
    let mut languages = Languages::default();
    languages.add(tag, DeTable::parse(text).unwrap().get_ref(), text).unwrap();
    languages
}

#[test]
fn every_language_has_every_string_with_the_same_placeholders() {
    let english = flat(&ENGLISH);
    for language in &BUILTIN {
        let document = DeTable::parse(language.source).unwrap().into_inner();
        assert_eq!(Languages::problems(&document), [], "{}", language.tag);
        assert!(flat(&language.table()).keys().eq(english.keys()), "{}", language.tag);
        assert!(file::strings(language.tag, language.table(), Table::new()).is_ok(), "{}", language.tag);
        for (path, value) in flat(&language.table()) {
            assert!(texts(&value).iter().all(|text| text.trim() == *text), "{}: {path}", language.tag);
        }
    }
}

#[test]
fn every_plural_has_the_forms_of_its_language() {
    for language in &BUILTIN {
        let primary = primary(language.tag);
        let needed: BTreeSet<_> = (0..1000).map(|n| PluralCategory::of(n, &primary)).collect();
        let Value::Table(issue) = &language.table()["issue"] else { panic!() };
        match Plural::deserialize(issue["and_more"].clone()).unwrap() {
            Plural::Same(_) => assert_eq!(needed.len(), 1, "{}", language.tag),
            Plural::Forms(forms) => assert!(forms.keys().eq(&needed), "{}", language.tag),
        }
    }
}

#[test]
fn placeholders_are_only_where_the_code_replaces_them() {
    for (path, value) in flat(&ENGLISH) {
        let expected: &[&str] = match path.as_str() {
            "date" => &["day", "month", "year"],
            "month_day" => &["day", "month"],
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
        for text in texts(&value) {
            assert!(file::placeholders(text).iter().eq(expected), "{path}");
        }
    }
}

#[test]
fn every_string_is_used() {
    let mut sources = String::new();
    read(Path::new("src"), &mut sources);
    for path in flat(&ENGLISH).keys().filter(|path| !path.contains("data_labels")) {
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
    let korean = flat(&exactly("ko").unwrap().table());
    for (path, text) in
        korean.iter().flat_map(|(path, value)| texts(value).into_iter().map(move |t| (path, t)))
    {
        for rest in text.split('}').skip(1).map(|rest| rest.trim_start_matches('’')) {
            let particles =
                ["을", "를", "이 ", "가 ", "은 ", "는 ", "과 ", "와 ", "로 ", "으로", "이라", "라는"];
            assert!(!particles.iter().any(|particle| rest.starts_with(particle)), "{path}: {text}");
        }
    }
}

#[test]
fn a_title_inside_a_sentence_is_in_the_quotation_marks_of_the_language() {
    for (tag, before, after) in [
        ("en", "“", "”"),
        ("ko", "‘", "’"),
        ("ja", "「", "」"),
        ("zh-Hans", "“", "”"),
        ("zh-Hant", "「", "」"),
        ("de", "„", "“"),
        ("fr", "«\u{a0}", "\u{a0}»"),
        ("es", "«", "»"),
        ("pt", "«", "»"),
        ("ar", "«", "»"),
        ("he", "״", "״"),
    ] {
        for (path, value) in flat(&exactly(tag).unwrap().table()) {
            for text in texts(&value) {
                let quoted = format!("{before}{{site}}{after}");
                assert_eq!(text.matches("{site}").count(), text.matches(&quoted).count(), "{tag}: {path}");
            }
        }
    }
    let korean = strings_of("ko");
    assert_eq!(with_site(&korean.web.home_title, "느린 편지"), "‘느린 편지’ 구독하기");
}

#[test]
fn dates_are_written_as_in_each_language() {
    let [first, day] = ["2026-11-01T23:30:00+09:00", "2026-11-20T23:30:00+09:00"]
        .map(|day| DateTime::parse_from_rfc3339(day).unwrap());
    for (tag, on_the_first, with_year, without_year) in [
        ("en-GB", "1 November 2026", "20 November 2026", "20 November"),
        ("ko-KR", "2026년 11월 1일", "2026년 11월 20일", "11월 20일"),
        ("ja", "2026年11月1日", "2026年11月20日", "11月20日"),
        ("zh-Hans", "2026年11月1日", "2026年11月20日", "11月20日"),
        ("zh-Hant", "2026年11月1日", "2026年11月20日", "11月20日"),
        ("de", "1. November 2026", "20. November 2026", "20. November"),
        ("fr", "1er novembre 2026", "20 novembre 2026", "20 novembre"),
        ("es", "1 de noviembre de 2026", "20 de noviembre de 2026", "20 de noviembre"),
        ("pt", "1 de novembro de 2026", "20 de novembro de 2026", "20 de novembro"),
        ("ar", "1 نوفمبر 2026", "20 نوفمبر 2026", "20 نوفمبر"),
        ("he", "1 בנובמבר 2026", "20 בנובמבר 2026", "20 בנובמבר"),
    ] {
        let strings = strings_of(tag);
        assert_eq!(strings.date(&first), on_the_first);
        assert_eq!((strings.date(&day), strings.month_day(&day)), (with_year.into(), without_year.into()));
    }
}

#[test]
fn a_language_is_found_by_its_tag_and_english_replaces_a_missing_one() {
    for (tag, found) in [
        ("KO-kr", "ko"),
        ("pt-BR", "pt"),
        ("pt-PT", "pt"),
        ("de-AT-1996", "de"),
        ("iw", "he"),
        ("iw-IL", "he"),
        ("zh", "zh-Hans"),
        ("zh-CN", "zh-Hans"),
        ("zh-Hans-HK", "zh-Hans"),
        ("zh-SG", "zh-Hans"),
        ("zh-TW", "zh-Hant"),
        ("zh-hk", "zh-Hant"),
        ("zh-MO", "zh-Hant"),
        ("ZH-HANT-TW", "zh-Hant"),
        ("nl-BE", "en"),
        ("iwx", "en"),
        ("", "en"),
    ] {
        assert_eq!(strings_of(tag).tag, found, "{tag}");
    }
    let languages = Languages::default();
    assert!(languages.find("nl").is_none() && languages.find("").is_none());
    assert!(languages.all().map(|strings| strings.tag.as_str()).eq(BUILTIN.iter().map(|one| one.tag)));
    assert_eq!((direction("ar-EG"), direction("iw"), direction("ko")), ("rtl", "rtl", "ltr"));
}

#[test]
fn a_users_file_replaces_some_words_of_a_language() {
    let languages = with("zh-hant", "[issue]\nread_online = \"看網頁\"\n");
    let strings = languages.of("zh-TW");
    assert_eq!((&*strings.tag, &*strings.issue.read_online), ("zh-Hant", "看網頁"));
    assert_eq!((&*strings.issue.links, languages.all().count()), ("連結", BUILTIN.len()));
    assert_eq!(languages.of("zh").issue.read_online, "在线阅读");
    let german = with("de", "issue.and_more = { other = \"{title} (+{count})\" }");
    assert_eq!(german.of("de-AT").and_more("A", 1), "A (+1)");
}

#[test]
fn a_users_file_adds_a_language_that_falls_back_to_english_or_to_the_language_of_its_tag() {
    let dutch = with("nl", "own_name = \"Nederlands\"\nissue.read_online = \"Lees online\"");
    let strings = dutch.of("nl-BE");
    assert_eq!((&*strings.tag, &*strings.own_name), ("nl", "Nederlands"));
    assert_eq!((&*strings.issue.read_online, &*strings.issue.links), ("Lees online", "Links"));
    assert_eq!(dutch.all().last().unwrap().tag, "nl");
    let brazilian = with("pt-BR", "issue.read_online = \"Ler no site\"");
    assert_eq!(brazilian.of("pt-br").issue.links, "Links");
    assert_eq!(brazilian.of("pt-BR").own_name, "pt-BR");
    assert_eq!(brazilian.of("pt-PT").issue.read_online, "Ler online");
}

#[test]
fn a_number_has_the_plural_form_of_the_language_and_a_title_is_inserted_unchanged() {
    let and_more = |tag: &str, count| strings_of(tag).and_more("A", count);
    assert_eq!(strings_of("en").and_more("{count} ways", 2), "{count} ways and 2 more");
    assert_eq!(and_more("de", 1), "A und 1 weiterer Beitrag");
    assert_eq!(and_more("de", 2), "A und 2 weitere Beiträge");
    assert_eq!(and_more("ko", 1), "A 외 1편");
    assert_eq!(and_more("he", 2), "A ועוד שני פוסטים");
    assert_eq!(and_more("ar", 2), "A ومقالان آخران");
    assert_eq!(and_more("ar", 3), "A و3 مقالات أخرى");
    assert_eq!(and_more("ar", 11), "A و11 مقالًا آخر");
    assert_eq!(and_more("ar", 102), "A و102 مقال آخر");
}

#[test]
fn a_greeting_has_the_name_at_its_place() {
    assert_eq!(strings_of("en").issue.greeting_parts(), ("Hello ", ","));
    assert_eq!(strings_of("ja").issue.greeting_parts(), ("", "さん、こんにちは。"));
}
