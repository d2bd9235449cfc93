//! Preferences: frequency and topics.

use serde::Serialize;

use crate::text::HeaderText;

/// How often a subscriber gets emails.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Hash, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Frequency {
    /// An email for every post.
    #[default]
    #[serde(rename = "each")]
    Immediate,
    /// A weekly digest.
    Weekly,
}

impl Frequency {
    /// The name that is stored, exported and printed.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Immediate => "each",
            Self::Weekly => "weekly",
        }
    }

    /// The inverse of [`Frequency::as_str`].
    pub fn from_code(name: &str) -> Option<Self> {
        [Self::Immediate, Self::Weekly].into_iter().find(|frequency| frequency.as_str() == name)
    }
}

/// Which posts a subscriber gets.
#[derive(Debug, Clone, Default, PartialEq, Eq, Hash)]
pub enum Topics {
    /// Every post.
    #[default]
    Everything,
    /// Only posts of these categories; never empty, sorted, each once.
    Only(Vec<HeaderText>),
}

impl Topics {
    /// Only these categories. An empty list means everything: a subscriber who wants nothing can unsubscribe.
    pub fn only(categories: impl IntoIterator<Item = HeaderText>) -> Self {
        let mut categories: Vec<HeaderText> = categories.into_iter().collect();
        categories.sort_by(|a, b| a.as_str().cmp(b.as_str()));
        categories.dedup();
        if categories.is_empty() { Self::Everything } else { Self::Only(categories) }
    }

    /// Whether a post of these categories is wanted.
    pub fn want<'a>(&self, categories: impl IntoIterator<Item = &'a str>) -> bool {
        match self {
            Self::Everything => true,
            Self::Only(wanted) => {
                categories.into_iter().any(|category| wanted.iter().any(|topic| topic.as_str() == category))
            }
        }
    }

    /// The same with `new` in the place of `old`; `None` if `old` is not among them.
    pub fn renamed(&self, old: &HeaderText, new: &HeaderText) -> Option<Self> {
        let Self::Only(topics) = self else { return None };
        let renamed = |topic: &HeaderText| if topic == old { new.clone() } else { topic.clone() };
        topics.contains(old).then(|| Self::only(topics.iter().map(renamed)))
    }

    /// One line for each category, with a line break on both sides; no category contains a line break. `None` means
    /// everything.
    pub fn to_lines(&self) -> Option<String> {
        match self {
            Self::Everything => None,
            Self::Only(topics) => Some(
                topics.iter().fold("\n".to_owned(), |lines, topic| format!("{lines}{}\n", topic.as_str())),
            ),
        }
    }

    /// The inverse of [`Topics::to_lines`].
    pub fn from_lines(lines: Option<&str>) -> Self {
        Self::only(lines.unwrap_or_default().lines().filter_map(|line| HeaderText::parse(line).ok()))
    }
}

/// The preferences of a subscriber.
#[derive(Debug, Clone, Default, PartialEq, Eq, Hash)]
pub struct Preferences {
    /// The frequency.
    pub frequency: Frequency,
    /// The topics.
    pub topics: Topics,
}

#[cfg(test)]
mod tests {
    use super::*;

    fn topics(names: &[&str]) -> Topics {
        Topics::only(names.iter().map(|name| HeaderText::parse(name).unwrap()))
    }

    #[test]
    fn a_post_is_wanted_if_one_of_its_categories_is() {
        assert!(topics(&["기술", "생각"]).want(["편지", "생각"]));
        assert!(!topics(&["기술"]).want(["기", "생각"]));
        assert!(!topics(&["기술"]).want([]));
        assert!(Topics::Everything.want([]));
    }

    #[test]
    fn a_renamed_topic_joins_one_that_has_the_new_name_already() {
        let rename = |before: &[&str]| {
            topics(before).renamed(&HeaderText::parse("tech").unwrap(), &HeaderText::parse("기술").unwrap())
        };
        assert_eq!(rename(&["tech", "생각"]), Some(topics(&["기술", "생각"])));
        assert_eq!(rename(&["tech", "기술"]), Some(topics(&["기술"])));
        assert_eq!(rename(&["tech2"]), None);
        assert_eq!(rename(&[]), None);
    }

    #[test]
    fn topics_are_the_same_after_they_were_stored() {
        for topics in [Topics::Everything, topics(&["기술"]), topics(&["C++", "a/b c", "기술"])] {
            assert_eq!(Topics::from_lines(topics.to_lines().as_deref()), topics);
        }
        assert_eq!(topics(&["b", "a", "b"]).to_lines().as_deref(), Some("\na\nb\n"));
        assert_eq!(topics(&[]), Topics::Everything);
    }
}
