//! Every string that a subscriber or a visitor sees, one file for each language in `languages/`, and which of them a language
//! tag means. A user's own files replace some strings or add a language.
//!
//! Templates contain no text of their own, so a translator reads only `languages/en.toml`, which explains the strings. A new
//! language needs one more file and one more entry in [`BUILTIN`]. Nothing here reads files; `config` does.

mod file;
mod plural;
mod strings;

use std::sync::{Arc, LazyLock, OnceLock};

use chrono::{DateTime, Datelike as _, FixedOffset};
use toml::Table;
use toml::de::DeTable;

pub(crate) use file::Problem;
pub(crate) use strings::{CalloutStrings, FeedPageStrings, IssueStrings, Strings, TransactionalStrings};

/// A language of the program. It is read when it is first used.
struct Builtin {
    tag: &'static str,
    source: &'static str,
    strings: OnceLock<Arc<Strings>>,
}

macro_rules! languages {
    ($($tag:literal),*) => {
        [$(Builtin {
            tag: $tag,
            source: include_str!(concat!("languages/", $tag, ".toml")),
            strings: OnceLock::new(),
        }),*]
    };
}

/// All languages of the program, English first.
static BUILTIN: [Builtin; 11] =
    languages!["en", "ko", "ja", "zh-Hans", "zh-Hant", "de", "fr", "es", "pt", "ar", "he"];

/// The English file, which every other file is read over.
static ENGLISH: LazyLock<Table> = LazyLock::new(|| BUILTIN[0].table());

impl Builtin {
    /// The file. A test reads all of them; a damaged one would be empty, and its language English.
    fn table(&self) -> Table {
        self.source.parse().unwrap_or_default()
    }

    fn strings(&self) -> &Arc<Strings> {
        self.strings.get_or_init(|| {
            Arc::new(file::strings(self.tag, self.table(), ENGLISH.clone()).unwrap_or_default())
        })
    }
}

/// The languages of the program, and the user's files over them.
#[derive(Debug, Clone, Default)]
pub struct Languages {
    own: Vec<Arc<Strings>>,
    /// The text of the user's files, to detect changes.
    text: String,
}

impl Languages {
    /// What is wrong with a file of strings.
    pub(crate) fn problems(document: &DeTable<'_>) -> Vec<Problem> {
        file::problems(document, &ENGLISH)
    }

    /// Adds a user's file without [`Languages::problems`]. What it lacks is taken from the same language, else from the one
    /// that its tag falls back to.
    pub(crate) fn add(
        &mut self,
        tag: &str,
        document: &DeTable<'_>,
        text: &str,
    ) -> Result<(), toml::de::Error> {
        let (own, canonical) = (file::plain(document.clone())?, canonical(tag));
        let mut under = ENGLISH.clone();
        file::overlay(&mut under, builtin(&canonical).map(Builtin::table).unwrap_or_default());
        let tag = if let Some(language) = exactly(&canonical) {
            language.tag
        } else {
            under.insert("own_name".to_owned(), tag.into());
            tag
        };
        self.own.push(Arc::new(file::strings(tag, own, under)?));
        self.text += [tag, "\n", text, "\0"].concat().as_str();
        Ok(())
    }

    /// The text of the user's files, to detect changes.
    pub(crate) fn text(&self) -> &str {
        &self.text
    }

    /// All languages, English first and those of the user last.
    pub(crate) fn all(&self) -> impl Iterator<Item = &Arc<Strings>> {
        let own = |tag: &str| self.own.iter().find(|strings| strings.tag == tag);
        let is_new = |strings: &&Arc<Strings>| BUILTIN.iter().all(|language| language.tag != strings.tag);
        let builtin =
            BUILTIN.iter().map(move |language| own(language.tag).unwrap_or_else(|| language.strings()));
        builtin.chain(self.own.iter().filter(is_new))
    }

    /// The strings for a BCP 47 tag.
    pub(crate) fn find(&self, tag: &str) -> Option<&Arc<Strings>> {
        lookup(&canonical(tag), |tag| {
            let own = self.own.iter().find(|strings| strings.tag.eq_ignore_ascii_case(tag));
            own.or_else(|| exactly(tag).map(Builtin::strings))
        })
    }

    /// The same, in English if the language has no translation.
    pub(crate) fn of(&self, tag: &str) -> &Arc<Strings> {
        self.find(tag).or_else(|| self.find("en")).unwrap_or_else(|| BUILTIN[0].strings())
    }
}

fn exactly(tag: &str) -> Option<&'static Builtin> {
    BUILTIN.iter().find(|language| language.tag.eq_ignore_ascii_case(tag))
}

fn builtin(tag: &str) -> Option<&'static Builtin> {
    lookup(tag, exactly)
}

/// Finds the longest beginning of a tag that is known (RFC 4647, section 3.4). Chinese without a known script is in the
/// script of its region.
fn lookup<T>(tag: &str, known: impl Fn(&str) -> Option<T>) -> Option<T> {
    let ends = tag.match_indices('-').map(|(at, _)| at).chain([tag.len()]);
    let ends: Vec<usize> = ends.collect();
    let found = ends.into_iter().rev().find_map(|end| known(tag.get(..end)?));
    let mut subtags = tag.split('-');
    let is_chinese = subtags.next() == Some("zh");
    let script = if subtags.any(|subtag| ["hant", "tw", "hk", "mo"].contains(&subtag)) {
        "zh-hant"
    } else {
        "zh-hans"
    };
    found.or_else(|| known(script).filter(|_| is_chinese))
}

/// A tag in lower case, with today's code of Hebrew.
fn canonical(tag: &str) -> String {
    let tag = tag.to_ascii_lowercase();
    match tag.strip_prefix("iw") {
        Some(rest) if rest.is_empty() || rest.starts_with('-') => format!("he{rest}"),
        _ => tag,
    }
}

impl Strings {
    /// A day with its year: `20 November 2026`.
    pub(crate) fn date(&self, day: &DateTime<FixedOffset>) -> String {
        self.with_day(&self.date, day)
    }

    /// A day without its year: `20 November`.
    pub(crate) fn month_day(&self, day: &DateTime<FixedOffset>) -> String {
        self.with_day(&self.month_day, day)
    }

    fn with_day(&self, pattern: &str, day: &DateTime<FixedOffset>) -> String {
        let month = self.months.get(day.month0() as usize).map_or("", String::as_str);
        let number = if day.day() == 1 { self.first_day.clone() } else { day.day().to_string() };
        pattern.replace("{year}", &day.year().to_string()).replace("{day}", &number).replace("{month}", month)
    }

    /// `A and 2 more`.
    pub(crate) fn and_more(&self, title: &str, count: usize) -> String {
        let form = self.issue.and_more.form(count, &primary(&self.tag));
        // The count first: a title may contain the text "{count}".
        form.replace("{count}", &count.to_string()).replace("{title}", title)
    }
}

impl IssueStrings {
    /// The greeting before and after the subscriber's name.
    pub(crate) fn greeting_parts(&self) -> (&str, &str) {
        self.greeting.split_once("{name}").unwrap_or((&self.greeting, ""))
    }
}

/// Puts the site's title in place of `{site}`.
pub(crate) fn with_site(text: &str, title: &str) -> String {
    text.replace("{site}", title)
}

/// `rtl` or `ltr`, for an HTML `dir` attribute.
pub(crate) fn direction(language: &str) -> &'static str {
    match primary(language).as_str() {
        "ar" | "fa" | "he" | "iw" | "ps" | "sd" | "ug" | "ur" | "yi" => "rtl",
        _ => "ltr",
    }
}

/// The primary subtag in lower case: `ko` for `ko-KR`.
pub(crate) fn primary(language: &str) -> String {
    language.split('-').next().unwrap_or_default().to_ascii_lowercase()
}

#[cfg(test)]
mod tests;
