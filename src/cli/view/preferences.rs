//! The preferences of a subscriber in words.

use crate::subscribers::{Cadence, Topics, Wishes};
use crate::text::HeaderText;

/// `the weekly digest, only 기술, 생각`.
pub(in crate::cli) fn sentence(wishes: &Wishes) -> String {
    let often = match wishes.cadence {
        Cadence::Each => "every post",
        Cadence::Weekly => "the weekly digest",
    };
    match topics(wishes) {
        None => often.to_owned(),
        Some(topics) => format!("{often}, only {}", topics.join(", ")),
    }
}

/// How the preferences differ from the defaults: `weekly, only 기술`.
pub(in crate::cli) fn remark(wishes: &Wishes) -> Option<String> {
    let weekly = (wishes.cadence == Cadence::Weekly).then(|| "weekly".to_owned());
    let topics = topics(wishes).map(|topics| format!("only {}", topics.join(", ")));
    let words: Vec<String> = weekly.into_iter().chain(topics).collect();
    (!words.is_empty()).then(|| words.join(", "))
}

/// The chosen categories; `None` means all.
pub(in crate::cli) fn topics(wishes: &Wishes) -> Option<Vec<&str>> {
    match &wishes.topics {
        Topics::Everything => None,
        Topics::Only(topics) => Some(topics.iter().map(HeaderText::as_str).collect()),
    }
}
