//! Every string that a subscriber or a visitor sees, in English, Korean and Japanese: one file for each language.
//!
//! Templates contain no text of their own, so a translator reads only this folder. A new language needs one more file
//! and one more entry in [`Strings::ALL`]; [`strings`] lists and explains the strings.

mod english;
mod japanese;
mod korean;
mod strings;

use chrono::{DateTime, FixedOffset};

pub(crate) use strings::{FeedPageStrings, IssueStrings, Strings, TransactionalStrings};

impl Strings {
    /// All languages, English first.
    pub(crate) const ALL: [&'static Self; 3] = [&english::STRINGS, &korean::STRINGS, &japanese::STRINGS];

    /// The strings for a BCP 47 tag, matched by its primary subtag.
    pub(crate) fn find(tag: &str) -> Option<&'static Self> {
        let primary = primary(tag);
        Self::ALL.into_iter().find(|strings| strings.tag == primary)
    }

    /// The same, in English if the language has no translation.
    pub(crate) fn of(tag: &str) -> &'static Self {
        Self::find(tag).unwrap_or(&english::STRINGS)
    }

    /// A day with its year: `20 November 2026`.
    pub(crate) fn date(&self, day: &DateTime<FixedOffset>) -> String {
        day.format(self.date).to_string()
    }

    /// A day without its year: `20 November`.
    pub(crate) fn month_day(&self, day: &DateTime<FixedOffset>) -> String {
        day.format(self.month_day).to_string()
    }
}

impl IssueStrings {
    /// `A and 2 more`.
    pub(crate) fn and_more(&self, title: &str, count: usize) -> String {
        // The count first: a title may contain the text "{count}".
        self.and_more.replace("{count}", &count.to_string()).replace("{title}", title)
    }

    /// The greeting before and after the subscriber's name.
    pub(crate) fn greeting_parts(&self) -> (&'static str, &'static str) {
        self.greeting.split_once("{name}").unwrap_or((self.greeting, ""))
    }
}

/// Puts the site's title in place of `{site}`.
pub(crate) fn with_site(text: &str, title: &str) -> String {
    text.replace("{site}", title)
}

/// `rtl` or `ltr`, for an HTML `dir` attribute.
pub(crate) fn direction(language: &str) -> &'static str {
    match primary(language).as_str() {
        "ar" | "fa" | "he" | "ps" | "sd" | "ug" | "ur" | "yi" => "rtl",
        _ => "ltr",
    }
}

/// The primary subtag in lower case: `ko` for `ko-KR`.
pub(crate) fn primary(language: &str) -> String {
    language.split('-').next().unwrap_or_default().to_ascii_lowercase()
}

#[cfg(test)]
mod tests;
