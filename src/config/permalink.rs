//! Patterns for page URLs, in the syntax of Letterpress, Hugo and Jekyll: `/:year/:month/:slug/`. Does not know the values
//! of placeholders.

use serde::{Deserialize, Deserializer};

/// The URLs of pages below the site.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Permalink {
    /// The default rule of the generator.
    Auto,
    /// This pattern.
    Pattern(Pattern),
}

/// A parsed pattern.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Pattern {
    pieces: Vec<PatternPart>,
}

/// A part of a pattern.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum PatternPart {
    /// Literal text.
    Text(String),
    /// A placeholder.
    Placeholder(Placeholder),
}

/// A value to fill in.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Placeholder {
    /// A part of the date, in `strftime` format.
    Date(&'static str),
    /// The `slug` of the post, else the default of the generator.
    Slug,
    /// Its title; in Jekyll, the name of its file.
    Title,
    /// Its `slug`, else the name of its file.
    SlugOrFilename,
    /// The name of its file, or of its bundle.
    Filename,
    /// The name of its file with its day, as a slug (Jekyll).
    Name,
    /// The path of its file below the folder of its collection, with its day (Jekyll).
    Path,
    /// `posts` (Jekyll).
    Collection,
    /// The top-level folder.
    Section,
    /// All folders, or a range of them.
    Sections(usize, Option<usize>),
    /// Its first category.
    Category,
    /// All its categories.
    Categories,
    /// All its categories as slugs.
    SlugifiedCategories,
    /// Its first author.
    Author,
    /// Its language.
    Language,
    /// `.html`.
    Extension,
}

/// Every placeholder; a longer name comes before its prefixes.
const NAMES: [(&str, Placeholder); 51] = [
    ("slugorcontentbasename", Placeholder::SlugOrFilename),
    ("slugified_categories", Placeholder::SlugifiedCategories),
    ("slugorfilename", Placeholder::SlugOrFilename),
    ("contentbasename", Placeholder::Filename),
    ("weekdayname", Placeholder::Date("%A")),
    ("short_month", Placeholder::Date("%b")),
    ("output_ext", Placeholder::Extension),
    ("short_year", Placeholder::Date("%y")),
    ("collection", Placeholder::Collection),
    ("long_month", Placeholder::Date("%B")),
    ("categories", Placeholder::Categories),
    ("short_day", Placeholder::Date("%a")),
    ("monthname", Placeholder::Date("%B")),
    ("long_day", Placeholder::Date("%A")),
    ("filename", Placeholder::Filename),
    ("sections", Placeholder::Sections(0, None)),
    ("category", Placeholder::Category),
    ("section", Placeholder::Section),
    ("weekday", Placeholder::Date("%w")),
    ("yearday", Placeholder::Date("%-j")),
    ("i_month", Placeholder::Date("%-m")),
    ("minute", Placeholder::Date("%M")),
    ("author", Placeholder::Author),
    ("second", Placeholder::Date("%S")),
    ("w_year", Placeholder::Date("%G")),
    ("month", Placeholder::Date("%m")),
    ("y_day", Placeholder::Date("%j")),
    ("i_day", Placeholder::Date("%-d")),
    ("title", Placeholder::Title),
    ("w_day", Placeholder::Date("%u")),
    ("hour", Placeholder::Date("%H")),
    ("lang", Placeholder::Language),
    ("name", Placeholder::Name),
    ("path", Placeholder::Path),
    ("slug", Placeholder::Slug),
    ("week", Placeholder::Date("%V")),
    ("year", Placeholder::Date("%Y")),
    // Layouts of dates in Go.
    ("20060102", Placeholder::Date("%Y%m%d")),
    ("January", Placeholder::Date("%B")),
    ("200601", Placeholder::Date("%Y%m")),
    ("2006", Placeholder::Date("%Y")),
    ("0102", Placeholder::Date("%m%d")),
    ("day", Placeholder::Date("%d")),
    ("Jan", Placeholder::Date("%b")),
    ("01", Placeholder::Date("%m")),
    ("02", Placeholder::Date("%d")),
    ("06", Placeholder::Date("%y")),
    ("15", Placeholder::Date("%H")),
    ("04", Placeholder::Date("%M")),
    ("1", Placeholder::Date("%-m")),
    ("2", Placeholder::Date("%-d")),
];

impl Pattern {
    /// Parses a pattern; a colon without a known name is literal text.
    pub fn lenient(text: &str) -> Self {
        Self::read(text).0
    }

    /// Parses a pattern in `config.toml`; the error is a message for the user.
    pub fn parse(text: &str) -> Result<Self, String> {
        let (pattern, unknown) = Self::read(text);
        if !text.starts_with('/') {
            return Err("it must begin with a slash; write it like \"/posts/:slug/\"".to_owned());
        }
        if let Some(unknown) = unknown {
            return Err(format!("unknown placeholder {unknown}; docs/sites.md lists all placeholders"));
        }
        Ok(pattern)
    }

    /// Its parts in order.
    pub fn pieces(&self) -> &[PatternPart] {
        &self.pieces
    }

    /// The pattern, and the first unknown name in it.
    fn read(text: &str) -> (Self, Option<String>) {
        let (mut pieces, mut literal, mut unknown) = (Vec::new(), String::new(), None);
        let mut rest = text;
        while let Some(colon) = rest.find(':') {
            let (before, after) = (&rest[..colon], &rest[colon + 1..]);
            literal.push_str(before);
            if let Some((placeholder, length)) = placeholder(after) {
                if !literal.is_empty() {
                    pieces.push(PatternPart::Text(std::mem::take(&mut literal)));
                }
                pieces.push(PatternPart::Placeholder(placeholder));
                rest = &after[length..];
            } else {
                let end =
                    after.find(|c: char| !(c.is_ascii_alphanumeric() || c == '_')).unwrap_or(after.len());
                unknown.get_or_insert_with(|| format!(":{}", &after[..end]));
                literal.push(':');
                rest = after;
            }
        }
        literal.push_str(rest);
        if !literal.is_empty() {
            pieces.push(PatternPart::Text(literal));
        }
        (Self { pieces }, unknown)
    }
}

/// The placeholder at the start of `text`, and its length.
fn placeholder(text: &str) -> Option<(Placeholder, usize)> {
    // Hugo's names of sections are not known here.
    if text.starts_with("sectionslug") {
        return None;
    }
    let (name, placeholder) = NAMES.iter().find(|(name, _)| text.starts_with(name))?;
    if !matches!(placeholder, Placeholder::Sections(..)) {
        return Some((*placeholder, name.len()));
    }
    // `:sections[1:]`, `:sections[:2]`, `:sections[0]`, `:sections[last]`.
    let slice = text[name.len()..].strip_prefix('[').and_then(|rest| rest.split_once(']'));
    let Some((slice, _)) = slice else { return Some((*placeholder, name.len())) };
    let length = name.len() + slice.len() + 2;
    let number = |raw: &str, other| if raw.is_empty() { Some(other) } else { raw.parse().ok() };
    let range = match slice.split_once(':') {
        Some((from, "" | "last")) => (number(from, 0)?, None),
        Some((from, to)) => (number(from, 0)?, Some(number(to, 0)?)),
        None if slice == "last" => (usize::MAX, None),
        None => {
            let at: usize = slice.parse().ok()?;
            (at, Some(at.saturating_add(1)))
        }
    };
    Some((Placeholder::Sections(range.0, range.1), length))
}

impl<'de> Deserialize<'de> for Pattern {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        Self::parse(&String::deserialize(deserializer)?).map_err(serde::de::Error::custom)
    }
}

impl<'de> Deserialize<'de> for Permalink {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = String::deserialize(deserializer)?;
        if text == "auto" {
            return Ok(Self::Auto);
        }
        Pattern::parse(&text).map(Self::Pattern).map_err(serde::de::Error::custom)
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn the_placeholders_of_all_generators_are_known() {
        for text in [
            "/:year/:month/:day/:slug/",
            "/:categories/:year/:y_day/:title:output_ext",
            "/:sections[1:]/:slugorcontentbasename",
            "/:2006/:01/:02/:filename",
            "/:year/:year:month:day",
            "/:collection/:path:output_ext",
            "/:20060102/:name",
            "/:section/:sections[last]/:short_year:i_month-:slug",
        ] {
            Pattern::parse(text).unwrap();
        }
    }

    #[test]
    fn invalid_patterns_are_rejected_with_a_message() {
        for (text, word) in [
            (":slug/", "must begin with a slash"),
            ("/:yaer/:slug/", ":yaer"),
            ("/:sectionslug/:slug/", ":sectionslug"),
            ("/a:/:slug", "unknown placeholder :"),
        ] {
            assert!(Pattern::parse(text).unwrap_err().contains(word), "{text}");
        }
    }

    #[test]
    fn no_name_comes_after_its_prefix() {
        for (at, (name, _)) in NAMES.iter().enumerate() {
            assert!(!NAMES[..at].iter().any(|(before, _)| name.starts_with(before)), "{name}");
        }
    }

    proptest! {
        #[test]
        fn text_without_colons_is_literal(text in "[^:]{0,20}") {
            let pieces = Pattern::lenient(&text).pieces;
            prop_assert_eq!(pieces, if text.is_empty() { vec![] } else { vec![PatternPart::Text(text)] });
        }

        #[test]
        fn no_text_panics(text in "(:|sections|\\[|\\]|slug|[0-9]|가){0,12}") {
            let _ = Pattern::parse(&text);
        }
    }
}
