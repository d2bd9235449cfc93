//! Everything that the pages say, in English, Korean and Japanese: one file for each language.
//!
//! No template holds words of its own. `{site}` stands for the site's title.

mod english;
mod japanese;
mod korean;

use serde::Serialize;

use super::quality;

/// The words of one language.
#[derive(Debug, Serialize)]
pub(super) struct Words {
    // About the language itself.
    pub(super) tag: &'static str,
    pub(super) own_name: &'static str,
    // On every page.
    pub(super) around: &'static str,
    pub(super) languages: &'static str,
    pub(super) home: &'static str,
    pub(super) issues: &'static str,
    pub(super) data: &'static str,
    pub(super) privacy: &'static str,
    pub(super) by_mail: &'static str,
    // The form.
    pub(super) home_title: &'static str,
    pub(super) home_lead: &'static str,
    pub(super) closed: &'static str,
    pub(super) email: &'static str,
    pub(super) name: &'static str,
    pub(super) language: &'static str,
    pub(super) cadence: &'static str,
    pub(super) each: &'static str,
    pub(super) weekly: &'static str,
    pub(super) topics: &'static str,
    pub(super) everything: &'static str,
    pub(super) some: &'static str,
    pub(super) trap: &'static str,
    pub(super) consent: &'static str,
    pub(super) sign_up: &'static str,
    pub(super) bad_email: &'static str,
    pub(super) bad_name: &'static str,
    pub(super) expired: &'static str,
    pub(super) sent_title: &'static str,
    pub(super) sent_text: &'static str,
    // Confirmation.
    pub(super) confirm_title: &'static str,
    pub(super) confirm_text: &'static str,
    pub(super) confirm_button: &'static str,
    pub(super) confirmed_title: &'static str,
    pub(super) confirmed_text: &'static str,
    // Farewell.
    pub(super) leave_title: &'static str,
    pub(super) leave_text: &'static str,
    pub(super) leave_button: &'static str,
    pub(super) less_title: &'static str,
    pub(super) less_button: &'static str,
    pub(super) left_title: &'static str,
    pub(super) left_text: &'static str,
    pub(super) approve_title: &'static str,
    pub(super) approve_text: &'static str,
    pub(super) approve_button: &'static str,
    pub(super) approved_title: &'static str,
    pub(super) approved_text: &'static str,
    pub(super) undo_title: &'static str,
    pub(super) undo_text: &'static str,
    pub(super) undo_button: &'static str,
    pub(super) undone_title: &'static str,
    pub(super) late_title: &'static str,
    pub(super) late_text: &'static str,
    // Choices.
    pub(super) choose_title: &'static str,
    pub(super) choose_button: &'static str,
    pub(super) chose_title: &'static str,
    pub(super) chose_text: &'static str,
    pub(super) no_reader_title: &'static str,
    pub(super) no_reader_text: &'static str,
    // Data.
    pub(super) ask_title: &'static str,
    pub(super) ask_text: &'static str,
    pub(super) ask_button: &'static str,
    pub(super) asked_text: &'static str,
    pub(super) data_title: &'static str,
    pub(super) data_none: &'static str,
    pub(super) download: &'static str,
    pub(super) erase_button: &'static str,
    pub(super) erase_title: &'static str,
    pub(super) erase_text: &'static str,
    pub(super) erase_sure: &'static str,
    pub(super) erased_title: &'static str,
    pub(super) erased_text: &'static str,
    // Issues.
    pub(super) issues_none: &'static str,
    pub(super) newer: &'static str,
    pub(super) older: &'static str,
    // What goes wrong.
    pub(super) dead_title: &'static str,
    pub(super) dead_text: &'static str,
    pub(super) missing_title: &'static str,
    pub(super) missing_text: &'static str,
    pub(super) failure_title: &'static str,
    pub(super) failure_text: &'static str,
    pub(super) still_on: &'static str,
    pub(super) refused_title: &'static str,
    pub(super) refused_text: &'static str,
}

impl Words {
    /// Every language that the pages speak.
    pub(super) const ALL: [&'static Self; 3] = [&english::WORDS, &korean::WORDS, &japanese::WORDS];

    /// The words for a BCP 47 tag, by its primary subtag.
    pub(super) fn of(tag: &str) -> Option<&'static Self> {
        let primary = tag.split('-').next().unwrap_or_default();
        Self::ALL.into_iter().find(|words| words.tag.eq_ignore_ascii_case(primary))
    }

    /// The words for a reader: what they asked for in the address, else what their browser prefers, else the site's.
    pub(super) fn choose(asked: Option<&str>, accepted: Option<&str>, site: &str) -> &'static Self {
        let preferred = || {
            let mut known: Vec<_> = quality::members(accepted?)
                .filter(|(_, weight)| *weight > 0)
                .filter_map(|(tag, weight)| Some((weight, Self::of(tag)?)))
                .collect();
            // Stable: of two that weigh the same the first one counts.
            known.sort_by_key(|(weight, _)| std::cmp::Reverse(*weight));
            known.first().map(|(_, words)| *words)
        };
        asked.and_then(Self::of).or_else(preferred).or_else(|| Self::of(site)).unwrap_or(&english::WORDS)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_address_decides_then_the_browser_then_the_site() {
        let chosen = |asked, accepted, site| Words::choose(asked, accepted, site).tag;
        assert_eq!(chosen(Some("ja"), Some("ko"), "en"), "ja");
        assert_eq!(chosen(Some("xx"), Some("fr, ko-KR;q=0.8, en;q=0.9"), "ja"), "en");
        assert_eq!(chosen(None, Some("ko;q=0, ja;q=0.1"), "en"), "ja");
        assert_eq!(chosen(None, Some("fr"), "ko-KR"), "ko");
        assert_eq!(chosen(None, None, "fr"), "en");
    }

    #[test]
    fn every_language_says_everything_and_names_the_site_in_the_same_places() {
        let all = Words::ALL.map(|words| serde_json::to_value(words).unwrap());
        for (key, english) in all[0].as_object().unwrap() {
            let english = english.as_str().unwrap();
            for words in &all {
                let said = words[key].as_str().unwrap();
                assert!(!said.trim().is_empty(), "{key}");
                assert_eq!(said.contains("{site}"), english.contains("{site}"), "{key}: {said}");
            }
        }
    }
}
