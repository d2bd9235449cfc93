//! Reads the enclosure fields of the front matter: the recordings, films and documents of a post, and the podcast fields of
//! an episode. Nothing here looks for the files.

use super::entry::{Entry, Spanned, Value, bool_of};
use super::people;
use crate::config::PodcastPerson;
use crate::finding::Finding;

/// The top-level keys that name the first file; the first key that is set counts.
const KEYS: [&str; 4] = ["enclosure", "audio", "video", "podcast_file"];

/// The top-level key that names more files.
const MORE: &str = "attachments";

/// The fields of an episode, which may be at the top level. There `length`, `size` and `type` have other meanings.
const AT_TOP: [&str; 10] = [
    "duration",
    "episode",
    "episode_label",
    "season",
    "season_name",
    "episode_type",
    "explicit",
    "transcript",
    "chapters",
    "people",
];

/// A recording longer than a week is a mistake.
const LONGEST: u64 = 7 * 86_400;

/// The kinds of podcast episodes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum EpisodeKind {
    /// A whole episode.
    Full,
    /// A preview.
    Trailer,
    /// Extra material.
    Bonus,
}

impl EpisodeKind {
    /// Reads the word used in front matter and `itunes:episodeType`.
    pub fn parse(raw: &str) -> Option<Self> {
        match raw.trim().to_ascii_lowercase().as_str() {
            "full" => Some(Self::Full),
            "trailer" => Some(Self::Trailer),
            "bonus" => Some(Self::Bonus),
            _ => None,
        }
    }

    /// The word in front matter and feeds.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Full => "full",
            Self::Trailer => "trailer",
            Self::Bonus => "bonus",
        }
    }
}

/// The enclosure as the front matter states it.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct DeclaredEnclosure {
    /// Its URL, as written.
    pub url: String,
    /// `length`, in bytes.
    pub length: Option<u64>,
    /// `type`.
    pub media_type: Option<String>,
    /// `duration`: `31:05`, `1:02:03` or seconds.
    pub duration: Option<u32>,
    /// `episode`.
    pub number: Option<u32>,
    /// `season`.
    pub season: Option<u32>,
    /// `episode_type`.
    pub kind: Option<EpisodeKind>,
    /// `explicit`.
    pub explicit: Option<bool>,
    /// `transcript`, as written.
    pub transcript: Option<String>,
    /// `chapters`, as written.
    pub chapters: Option<String>,
    /// `episode_label`: what players show instead of the number.
    pub label: Option<String>,
    /// `season_name`: what they show instead of the number of the season.
    pub season_name: Option<String>,
    /// `people`.
    pub people: Vec<PodcastPerson>,
}

/// Reads the enclosures. Each field may be in the table of its file; those of an episode may be at the top level, and are then
/// those of the first file.
pub(super) fn read(entries: &[Entry], file: &str) -> (Vec<Spanned<DeclaredEnclosure>>, Vec<Finding>) {
    let first = KEYS.iter().find_map(|key| find(entries, key));
    let named = first.into_iter().chain(find(entries, MORE));
    let named = named.flat_map(|entry| entry.value.items().iter().map(move |value| (entry, value)));
    let (mut stated, mut findings) = (Vec::new(), Vec::new());
    for (entry, value) in named {
        let top = if stated.is_empty() { entries } else { &[] };
        let mut reader = Reader { top, entry, value, file, findings: Vec::new() };
        stated.extend(reader.read().map(|value| Spanned { line: entry.line, value }));
        findings.append(&mut reader.findings);
    }
    (stated, findings)
}

/// The pages that a post replies to: `in_reply_to`, one URL or several.
pub(super) fn in_reply_to(entries: &[Entry], file: &str) -> (Vec<Spanned<String>>, Vec<Finding>) {
    let Some(entry) = ["in_reply_to", "in-reply-to"].iter().find_map(|key| find(entries, key)) else {
        return (Vec::new(), Vec::new());
    };
    let items = entry.value.items();
    let texts: Vec<_> = items
        .iter()
        .filter_map(Value::text)
        .map(|text| Spanned { line: entry.line, value: text.trim().to_owned() })
        .collect();
    let mut findings = Vec::new();
    if texts.len() < items.len() {
        let finding = wrong(file, entry, "it is not the address of a page");
        findings.push(finding.hint("write it like in_reply_to = \"https://example.org/their-post/\""));
    }
    (texts, findings)
}

fn find<'e>(entries: &'e [Entry], key: &str) -> Option<&'e Entry> {
    entries.iter().find(|entry| {
        let is_empty = matches!(&entry.value, Value::Nothing)
            || matches!(&entry.value, Value::Text(text) if text.trim().is_empty());
        entry.key.eq_ignore_ascii_case(key) && !is_empty
    })
}

fn wrong(file: &str, entry: &Entry, message: &str) -> Finding {
    Finding::error("post-enclosure", file, format!("`{}`: {message}", entry.key)).at(entry.line)
}

struct Reader<'e> {
    /// The entries at the top level, if the fields of an episode there belong to this file.
    top: &'e [Entry],
    entry: &'e Entry,
    value: &'e Value,
    file: &'e str,
    findings: Vec<Finding>,
}

impl<'e> Reader<'e> {
    fn read(&mut self) -> Option<DeclaredEnclosure> {
        let url = match self.value {
            Value::Text(url) => Some(url.as_str()),
            _ => ["url", "src", "file", "href"]
                .iter()
                .find_map(|key| self.value.field(key))
                .and_then(Value::text),
        };
        let Some(url) = url.map(str::trim).filter(|url| !url.is_empty()) else {
            let finding = wrong(self.file, self.entry, "it names no file");
            self.findings.push(finding.hint("write it like audio = \"episode-1.mp3\""));
            return None;
        };
        Some(DeclaredEnclosure {
            url: url.to_owned(),
            length: self.number(&["length", "size", "bytes"]),
            media_type: self.text(&["type", "media_type", "mime_type"]),
            duration: self.duration(),
            number: self.number(&["episode"]),
            season: self.number(&["season"]),
            kind: self.kind(),
            explicit: self.explicit(),
            transcript: self.text(&["transcript"]),
            chapters: self.text(&["chapters"]),
            label: self.text(&["episode_label"]),
            season_name: self.text(&["season_name"]),
            people: self.people(),
        })
    }

    /// A field in the table or at the top level.
    fn field(&self, keys: &[&'static str]) -> Option<(&'static str, &'e Entry, &'e Value)> {
        keys.iter().find_map(|key| {
            let inside = self.value.field(key).map(|value| (*key, self.entry, value));
            let above = || {
                let entry = AT_TOP.contains(key).then(|| find(self.top, key)).flatten()?;
                Some((*key, entry, &entry.value))
            };
            inside.or_else(above)
        })
    }

    fn refuse(&mut self, key: &str, entry: &Entry, message: &str, hint: &str) {
        let message = format!("`{key}`: {message}");
        self.findings.push(Finding::error("post-enclosure", self.file, message).at(entry.line).hint(hint));
    }

    fn number<T: std::str::FromStr>(&mut self, keys: &[&'static str]) -> Option<T> {
        let (key, entry, value) = self.field(keys)?;
        let number = value.text().and_then(|text| text.trim().parse().ok());
        if number.is_none() {
            self.refuse(key, entry, "it is not a whole number", "write digits alone, such as 12345678");
        }
        number
    }

    fn text(&mut self, keys: &[&'static str]) -> Option<String> {
        let (key, entry, value) = self.field(keys)?;
        let text = value.text().map(|text| text.trim().to_owned()).filter(|text| !text.is_empty());
        if text.is_none() {
            self.refuse(key, entry, "it is not text", "put the value in quotes");
        }
        text
    }

    fn duration(&mut self) -> Option<u32> {
        let (key, entry, value) = self.field(&["duration"])?;
        let seconds = value.text().and_then(seconds);
        if seconds.is_none() {
            self.refuse(key, entry, "it is not a length of time", "write it like \"31:05\", or in seconds");
        }
        seconds
    }

    fn kind(&mut self) -> Option<EpisodeKind> {
        let (key, entry, value) = self.field(&["episode_type"])?;
        let kind = value.text().and_then(EpisodeKind::parse);
        if kind.is_none() {
            self.refuse(key, entry, "unknown kind of episode", "write \"full\", \"trailer\" or \"bonus\"");
        }
        kind
    }

    fn people(&mut self) -> Vec<PodcastPerson> {
        let Some((key, entry, value)) = self.field(&["people"]) else { return Vec::new() };
        let people: Vec<_> = value.items().iter().filter_map(people::read).collect();
        if people.len() < value.items().len() {
            let hint =
                "write names, or tables such as { name = \"Kim\", role = \"guest\", url = \"https://…\" }";
            self.refuse(key, entry, "an item is not a person", hint);
        }
        people
    }

    fn explicit(&mut self) -> Option<bool> {
        let (key, entry, value) = self.field(&["explicit"])?;
        let is_clean = value.text().is_some_and(|text| text.trim().eq_ignore_ascii_case("clean"));
        let answer = if is_clean { Some(false) } else { bool_of(value) };
        if answer.is_none() {
            self.refuse(key, entry, "it is neither true nor false", "write true or false");
        }
        answer
    }
}

/// `1:02:03`, `31:05` or `1865`. YAML 1.1 would read `31:05` as a base-60 number; our parser keeps the text.
fn seconds(text: &str) -> Option<u32> {
    let parts: Vec<&str> = text.trim().split(':').collect();
    if parts.len() > 3 || !parts.iter().all(|part| part.bytes().all(|b| b.is_ascii_digit())) {
        return None;
    }
    let numbers: Vec<u64> = parts.iter().map(|part| part.parse().ok()).collect::<Option<_>>()?;
    if numbers.iter().skip(1).any(|number| *number > 59) {
        return None;
    }
    let total = numbers.iter().try_fold(0u64, |sum, number| sum.checked_mul(60)?.checked_add(*number))?;
    u32::try_from(total).ok().filter(|total| (1..=LONGEST).contains(&u64::from(*total)))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::archive::front_matter::split;

    fn all(text: &str) -> (Vec<DeclaredEnclosure>, Vec<String>) {
        let (stated, findings) = read(&split(text, "a.md").unwrap().entries, "a.md");
        let stated = stated.into_iter().map(|stated| stated.value).collect();
        (stated, findings.iter().map(ToString::to_string).collect())
    }

    fn stated(text: &str) -> (Option<DeclaredEnclosure>, Vec<String>) {
        let (stated, findings) = all(text);
        (stated.into_iter().next(), findings)
    }

    #[test]
    fn a_file_name_is_enough_and_other_fields_may_be_in_a_table_or_at_the_top() {
        let expected = DeclaredEnclosure {
            url: "1.mp3".into(),
            duration: Some(1865),
            number: Some(3),
            kind: Some(EpisodeKind::Bonus),
            explicit: Some(false),
            ..DeclaredEnclosure::default()
        };
        for text in [
            "+++\naudio = \"1.mp3\"\nduration = \"31:05\"\nepisode = 3\nepisode_type = \"bonus\"\nexplicit = false\nlength = 5\n+++\n",
            "---\nenclosure:\n  url: 1.mp3\n  duration: 1865\n  episode: 3\n  episode_type: Bonus\n  explicit: no\n---\n",
        ] {
            assert_eq!(stated(text), (Some(expected.clone()), Vec::new()), "{text}");
        }
        let table =
            "+++\nenclosure = { url = \"https://a.example/1\", length = 12, type = \"audio/mpeg\" }\n+++\n";
        let stated = stated(table).0.unwrap();
        assert_eq!((stated.length, stated.media_type.as_deref()), (Some(12), Some("audio/mpeg")));
    }

    #[test]
    fn a_list_and_attachments_are_all_files_and_the_fields_at_the_top_are_those_of_the_first() {
        let text = "+++\naudio = [\"1.mp3\", \"2.mp3\"]\nduration = 60\nattachments = [\"a.pdf\", { url = \"b.pdf\", length = 5 }]\n+++\n";
        let (files, findings) = all(text);
        let named: Vec<_> =
            files.iter().map(|file| (file.url.as_str(), file.duration, file.length)).collect();
        let expected = [
            ("1.mp3", Some(60), None),
            ("2.mp3", None, None),
            ("a.pdf", None, None),
            ("b.pdf", None, Some(5)),
        ];
        assert_eq!((named.as_slice(), findings), (expected.as_slice(), Vec::new()));
        assert_eq!(all("---\nattachments: a.pdf\n---\n").0[0].url, "a.pdf");
        assert_eq!(all("---\naudio: []\n---\n"), (Vec::new(), Vec::new()));
    }

    #[test]
    fn an_episode_has_people_chapters_and_names() {
        let text = "+++\naudio = \"1.mp3\"\nseason = 2\nseason_name = \"겨울\"\nepisode_label = \"1장\"\nchapters = \"1.json\"\n\
                    people = [\"이바다\", { name = \"김하늘\", role = \"host\", url = \"https://a.example/\", avatar = 7 }]\n+++\n";
        let (stated, findings) = stated(text);
        let stated = stated.unwrap();
        assert_eq!(findings, Vec::<String>::new());
        assert_eq!((stated.season_name.as_deref(), stated.label.as_deref()), (Some("겨울"), Some("1장")));
        assert_eq!(stated.chapters.as_deref(), Some("1.json"));
        let names: Vec<_> = stated.people.iter().map(|person| person.name.as_str()).collect();
        assert_eq!(names, ["이바다", "김하늘"]);
        assert!(stated.people[1].url.is_some() && stated.people[1].avatar.is_none());
        let wrong = all("+++\naudio = \"1.mp3\"\npeople = [true, \"Kim\"]\n+++\n").1;
        assert!(wrong[0].starts_with("a.md:3: error: `people`: an item is not a person"), "{wrong:?}");
    }

    #[test]
    fn every_wrong_field_is_reported_with_its_line() {
        let text = "+++\naudio = \"1.mp3\"\nduration = \"1:99\"\nepisode = \"three\"\nepisode_type = \"x\"\nexplicit = \"perhaps\"\n+++\n";
        let found = stated(text).1;
        for line in 3..=6 {
            assert!(
                found.iter().any(|finding| finding.starts_with(&format!("a.md:{line}: error"))),
                "{line}: {found:?}"
            );
        }
        assert!(stated("+++\naudio = [1]\n+++\n").1[0].contains("names no file"));
    }

    #[test]
    fn durations_are_read_in_the_usual_forms() {
        assert_eq!(seconds("1:02:03"), Some(3723));
        assert_eq!(seconds(" 90 "), Some(90));
        for wrong in ["", ":", "0", "1:60", "-1", "1:2:3:4", "99999999999999999999", "1h"] {
            assert_eq!(seconds(wrong), None, "{wrong}");
        }
    }

    #[test]
    fn a_post_replies_to_one_page_or_several() {
        let of = |text: &str| {
            let (replies, findings) = in_reply_to(&split(text, "a.md").unwrap().entries, "a.md");
            (replies.into_iter().map(|reply| reply.value).collect::<Vec<_>>(), findings.len())
        };
        assert_eq!(of("---\nin_reply_to: https://a.example/\n---\n"), (vec!["https://a.example/".into()], 0));
        assert_eq!(of("+++\nin_reply_to = [\"../a/\", true]\n+++\n"), (vec!["../a/".into()], 1));
    }

    proptest! {
        #[test]
        fn no_duration_panics(text in "[0-9:]{0,24}") {
            let _ = seconds(&text);
        }
    }
}
