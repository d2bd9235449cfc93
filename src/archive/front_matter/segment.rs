//! Reads `audience`: which subscribers get a post. A mistake here is always an error, because the post would go to people
//! who must not get it.

use chrono::{DateTime, FixedOffset, Utc};
use chrono_tz::Tz;

use super::entry::{Entry, Value};
use crate::config::is_language_tag;
use crate::dates;
use crate::finding::Finding;
use crate::text::HeaderText;

/// The keys of the table.
const KEYS: [&str; 4] = ["topics", "language", "joined_after", "joined_before"];

/// A part of the subscribers; the default is everybody. Every condition must hold.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Segment {
    /// They want one of these topics. Empty means no condition.
    pub topics: Vec<HeaderText>,
    /// The language they chose.
    pub language: Option<SegmentLanguage>,
    /// They joined at this time or later.
    pub joined_after: Option<DateTime<Utc>>,
    /// They joined before this time.
    pub joined_before: Option<DateTime<Utc>>,
}

/// A language as a condition.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SegmentLanguage {
    /// The tag in lower case; `zh` includes `zh-tw`.
    pub tag: String,
    /// Whether it includes the language of the site, and so the subscribers who chose none.
    pub includes_default: bool,
}

impl SegmentLanguage {
    fn new(tag: &str, site: &str) -> Self {
        let tag = tag.to_ascii_lowercase();
        let includes_default = is_within(site, &tag);
        Self { tag, includes_default }
    }

    /// Whether somebody who chose `language` belongs to it.
    pub fn includes(&self, language: Option<&str>) -> bool {
        language.map_or(self.includes_default, |language| is_within(language, &self.tag))
    }
}

/// Whether `tag` is `range` or a variant of it (RFC 4647, section 3.3.1).
fn is_within(tag: &str, range: &str) -> bool {
    let tag = tag.to_ascii_lowercase();
    tag.strip_prefix(range).is_some_and(|rest| rest.is_empty() || rest.starts_with('-'))
}

/// Reads the segment of a post on a site in `site_language`.
pub(super) fn read(
    entries: &[Entry],
    file: &str,
    (zone, site_language): (Tz, &str),
) -> (Segment, Vec<Finding>) {
    let mut segment = Segment::default();
    let Some(entry) = entries.iter().find(|entry| entry.key.eq_ignore_ascii_case("audience")) else {
        return (segment, Vec::new());
    };
    let wrong = |rule, message: String, hint: &str| {
        Finding::error(rule, file, format!("`audience`: {message}")).at(entry.line).hint(hint)
    };
    let Value::Table(table) = &entry.value else {
        // Site generators ignore it, and may use it for something else.
        let finding =
            wrong("post-field", "it is not a table".to_owned(), "audience = { topics = [\"news\"] }");
        return (segment, if entry.value == Value::Nothing { Vec::new() } else { vec![finding] });
    };
    let mut findings = Vec::new();
    for (key, value) in table {
        if let Err((message, hint)) = segment.set(key, value, (zone, site_language)) {
            findings.push(wrong("post-audience", message, &hint));
        }
    }
    (segment, findings)
}

impl Segment {
    /// Sets one condition; an error is a message and a hint.
    fn set(
        &mut self,
        key: &str,
        value: &Value,
        (zone, site_language): (Tz, &str),
    ) -> Result<(), (String, String)> {
        match key {
            "topics" | "topic" => self.topics = topics(value)?,
            "language" => {
                let tag = text(value).map(|tag| tag.trim().replace('_', "-"));
                let tag = tag.filter(|tag| is_language_tag(tag)).ok_or_else(|| {
                    ("`language` is not a language tag".to_owned(), "language = \"ko\"".to_owned())
                })?;
                self.language = Some(SegmentLanguage::new(&tag, site_language));
            }
            "joined_after" => self.joined_after = Some(moment(key, value, zone)?),
            "joined_before" => self.joined_before = Some(moment(key, value, zone)?),
            _ => return Err((format!("unknown condition `{key}`"), format!("it knows {}", KEYS.join(", ")))),
        }
        Ok(())
    }

    /// Whether it is everybody who wants the post.
    pub fn is_everybody(&self) -> bool {
        *self == Self::default()
    }

    /// Whether somebody with this language who joined then belongs to it. Topics are asked separately.
    pub fn includes(&self, language: Option<&str>, joined: DateTime<Utc>) -> bool {
        self.language.as_ref().is_none_or(|wanted| wanted.includes(language))
            && self.joined_after.is_none_or(|after| joined >= after)
            && self.joined_before.is_none_or(|before| joined < before)
    }
}

fn topics(value: &Value) -> Result<Vec<HeaderText>, (String, String)> {
    let items = match value {
        Value::List(items) => items.as_slice(),
        one => std::slice::from_ref(one),
    };
    let topics: Option<Vec<_>> =
        items.iter().map(|item| text(item).and_then(|topic| HeaderText::parse(topic).ok())).collect();
    topics
        .filter(|topics| !topics.is_empty())
        .ok_or_else(|| ("`topics` is not a list of topics".to_owned(), "topics = [\"news\"]".to_owned()))
}

fn moment(key: &str, value: &Value, zone: Tz) -> Result<DateTime<Utc>, (String, String)> {
    let date = text(value).ok_or_else(|| (format!("`{key}` is not a date"), dates::HINT.to_owned()))?;
    let date: DateTime<FixedOffset> =
        dates::parse(date, zone).map_err(|error| (format!("`{key}`: {error}"), dates::HINT.to_owned()))?;
    Ok(date.to_utc())
}

fn text(value: &Value) -> Option<&str> {
    match value {
        Value::Text(text) | Value::Number(text) | Value::Date(text) => Some(text),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::archive::front_matter::split;

    fn segment(text: &str) -> (Segment, Vec<String>) {
        let entries = split(text, "a.md").unwrap().entries;
        let (segment, findings) = read(&entries, "a.md", (Tz::Asia__Seoul, "ko"));
        (segment, findings.iter().map(ToString::to_string).collect())
    }

    #[test]
    fn a_segment_is_the_same_in_toml_and_yaml() {
        let toml =
            "+++\naudience = { topics = [\"기술\"], language = \"en\", joined_before = 2026-01-01 }\n+++\n";
        let yaml = "---\naudience:\n  topics: [기술]\n  language: en\n  joined_before: 2026-01-01\n---\n";
        assert_eq!(segment(toml), segment(yaml));
        let (segment, findings) = segment(toml);
        assert_eq!(findings, Vec::<String>::new());
        assert_eq!(segment.joined_before.unwrap().to_rfc3339(), "2025-12-31T15:00:00+00:00");
        assert_eq!(segment.topics.len(), 1);
    }

    #[test]
    fn every_mistake_is_an_error_because_the_post_would_go_to_everybody() {
        for (table, message) in [
            ("{ langauge = \"ko\" }", "unknown condition `langauge`"),
            ("{ language = \"korean!\" }", "`language` is not a language tag"),
            ("{ topics = [] }", "`topics` is not a list of topics"),
            ("{ joined_after = \"soon\" }", "`joined_after`"),
            ("\"developers\"", "it is not a table"),
        ] {
            let (_, findings) = segment(&format!("+++\ntitle = \"a\"\naudience = {table}\n+++\n"));
            assert_eq!(findings.len(), 1, "{table}");
            assert!(findings[0].starts_with("a.md:3: error: `audience`: "), "{findings:?}");
            assert!(findings[0].contains(message), "{findings:?}");
        }
    }

    #[test]
    fn a_language_includes_its_variants_and_that_of_the_site_those_who_chose_none() {
        let ko = SegmentLanguage::new("KO", "ko-KR");
        assert!(ko.includes(Some("ko")) && ko.includes(Some("ko-kr")) && ko.includes(None));
        let zh = SegmentLanguage::new("zh-Hant", "ko");
        assert!(zh.includes(Some("zh-Hant-TW")) && !zh.includes(Some("zh")) && !zh.includes(None));
        assert!(!SegmentLanguage::new("k", "ko").includes(Some("ko")));
    }
}
