//! Plural forms: which form of a text a number needs, by the rules of CLDR for whole numbers.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

/// The plural categories of CLDR. A language uses some of them, and always [`PluralCategory::Other`].
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub(super) enum PluralCategory {
    Zero,
    One,
    Two,
    Few,
    Many,
    Other,
}

impl PluralCategory {
    /// The category of `number` in a language, by its primary subtag. In a language without a rule here, one is
    /// [`PluralCategory::One`].
    pub(super) fn of(number: usize, language: &str) -> Self {
        let is_million = number > 0 && number.is_multiple_of(1_000_000);
        match (language, number) {
            ("ja" | "ko" | "zh", _) => Self::Other,
            ("ar", 0) => Self::Zero,
            ("ar" | "he", 2) => Self::Two,
            ("fr" | "pt", 0) | (_, 1) => Self::One,
            ("ar", _) if (3..=10).contains(&(number % 100)) => Self::Few,
            ("ar", _) if number % 100 >= 11 => Self::Many,
            ("es" | "fr" | "pt", _) if is_million => Self::Many,
            _ => Self::Other,
        }
    }
}

/// A text with a number in it.
#[derive(Debug, Serialize, Deserialize)]
#[serde(untagged)]
pub(super) enum Plural {
    /// The same for every number.
    Same(String),
    /// A form for each category; `other` replaces those that are not there.
    Forms(BTreeMap<PluralCategory, String>),
}

impl Plural {
    /// The form for `number`.
    pub(super) fn form(&self, number: usize, language: &str) -> &str {
        match self {
            Self::Same(text) => text,
            Self::Forms(forms) => forms
                .get(&PluralCategory::of(number, language))
                .or_else(|| forms.get(&PluralCategory::Other))
                .map_or("", String::as_str),
        }
    }
}

impl Default for Plural {
    fn default() -> Self {
        Self::Same(String::new())
    }
}

#[cfg(test)]
mod tests {
    use super::PluralCategory::{Few, Many, One, Other, Two, Zero};
    use super::*;

    /// The whole numbers among the samples of CLDR 47 (`supplemental/plurals.xml`); a range is its two ends.
    #[test]
    fn the_categories_are_those_of_the_samples_in_cldr() {
        let one_and_other: &[(PluralCategory, &[usize])] =
            &[(One, &[1]), (Other, &[0, 2, 16, 100, 1000, 10_000, 100_000, 1_000_000])];
        let with_millions = |one: &'static [usize], other: &'static [usize]| {
            vec![(One, one), (Many, &[1_000_000][..]), (Other, other)]
        };
        let samples = [
            ("en", one_and_other.to_vec()),
            ("de", one_and_other.to_vec()),
            ("es", with_millions(&[1], &[0, 2, 16, 100, 1000, 10_000, 100_000])),
            ("fr", with_millions(&[0, 1], &[2, 17, 100, 1000, 10_000, 100_000])),
            ("pt", with_millions(&[0, 1], &[2, 17, 100, 1000, 10_000, 100_000])),
            (
                "he",
                vec![(One, &[1]), (Two, &[2]), (Other, &[0, 3, 17, 100, 1000, 10_000, 100_000, 1_000_000])],
            ),
            (
                "ar",
                vec![
                    (Zero, &[0]),
                    (One, &[1]),
                    (Two, &[2]),
                    (Few, &[3, 10, 103, 110, 1003]),
                    (Many, &[11, 26, 111, 1011]),
                    (
                        Other,
                        &[100, 102, 200, 202, 300, 302, 400, 402, 500, 502, 600, 1000, 10_000, 1_000_000],
                    ),
                ],
            ),
            ("ja", vec![(Other, &[0, 1, 15, 100, 1000, 1_000_000])]),
            ("ko", vec![(Other, &[0, 1, 15, 100, 1000, 1_000_000])]),
            ("zh", vec![(Other, &[0, 1, 15, 100, 1000, 1_000_000])]),
        ];
        for (language, categories) in samples {
            for (category, numbers) in categories {
                for number in numbers {
                    assert_eq!(PluralCategory::of(*number, language), category, "{language}: {number}");
                }
            }
        }
    }

    #[test]
    fn a_missing_form_is_replaced_by_other() {
        let forms = Plural::Forms(BTreeMap::from([(One, "one".to_owned()), (Other, "other".to_owned())]));
        assert_eq!(
            (forms.form(1, "ar"), forms.form(2, "ar"), forms.form(1, "ko")),
            ("one", "other", "other")
        );
        assert_eq!(Plural::Same("x".to_owned()).form(1, "en"), "x");
    }
}
