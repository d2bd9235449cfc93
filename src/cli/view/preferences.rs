//! The preferences of a subscriber in words.

use crate::subscribers::{Frequency, Preferences, Topics};
use crate::text::HeaderText;

/// `the weekly digest, only 기술, 생각`.
pub(in crate::cli) fn sentence(preferences: &Preferences) -> String {
    let often = match preferences.frequency {
        Frequency::Immediate => "every post",
        Frequency::Weekly => "the weekly digest",
    };
    match topics(preferences) {
        None => often.to_owned(),
        Some(topics) => format!("{often}, only {}", topics.join(", ")),
    }
}

/// How the preferences differ from the defaults: `weekly, only 기술`.
pub(in crate::cli) fn remark(preferences: &Preferences) -> Option<String> {
    let weekly = (preferences.frequency == Frequency::Weekly).then(|| "weekly".to_owned());
    let topics = topics(preferences).map(|topics| format!("only {}", topics.join(", ")));
    let words: Vec<String> = weekly.into_iter().chain(topics).collect();
    (!words.is_empty()).then(|| words.join(", "))
}

/// The chosen categories; `None` means all.
pub(in crate::cli) fn topics(preferences: &Preferences) -> Option<Vec<&str>> {
    match &preferences.topics {
        Topics::Everything => None,
        Topics::Only(topics) => Some(topics.iter().map(HeaderText::as_str).collect()),
    }
}
