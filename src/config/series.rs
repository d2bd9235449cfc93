//! `newsletter.series`: what begins each series of emails.

use std::fmt;

use serde::{Deserialize, Deserializer};

use crate::text::HeaderText;

/// What begins a series for a subscriber.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum SeriesStart {
    /// The confirmation of a sign-up.
    SignUp,
    /// The choice of this topic.
    Topic(HeaderText),
    /// The writer, with `letterpress series start`.
    Hand,
}

impl SeriesStart {
    /// Reads `sign-up`, `by hand` or `topic NAME`; the message says what to write instead.
    pub fn parse(raw: &str) -> Result<Self, String> {
        let raw = raw.trim();
        match (raw, raw.strip_prefix("topic ")) {
            ("sign-up", _) => Ok(Self::SignUp),
            ("by hand", _) => Ok(Self::Hand),
            (_, Some(topic)) => {
                HeaderText::parse(topic.trim()).map(Self::Topic).map_err(|error| error.to_string())
            }
            _ => Err(format!("{raw:?} begins no series; write \"sign-up\", \"by hand\" or \"topic NAME\"")),
        }
    }
}

impl fmt::Display for SeriesStart {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::SignUp => f.write_str("sign-up"),
            Self::Topic(topic) => write!(f, "topic {topic}"),
            Self::Hand => f.write_str("by hand"),
        }
    }
}

impl<'de> Deserialize<'de> for SeriesStart {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        Self::parse(&String::deserialize(deserializer)?).map_err(serde::de::Error::custom)
    }
}

/// Whether `name` can be that of a series: it is a folder, and part of the names of its issues.
pub(super) fn is_series_name(name: &str) -> bool {
    let is_plain = |char: char| char.is_alphanumeric() || char == '-' || char == '_';
    !name.is_empty() && name.len() <= 60 && name.chars().all(is_plain)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_begins_a_series_is_read_and_printed() {
        for raw in ["sign-up", "by hand", "topic 느린 편지"] {
            assert_eq!(SeriesStart::parse(raw).unwrap().to_string(), raw);
        }
        assert!(SeriesStart::parse("signup").unwrap_err().contains("\"topic NAME\""));
        assert!(is_series_name("강의-1") && !is_series_name("a/b") && !is_series_name(""));
    }
}
