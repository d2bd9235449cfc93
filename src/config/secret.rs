//! Secrets: read from a file or the environment, never printed.

use std::fmt;

/// A secret string. It has no `Display`, and its `Debug` does not show it.
#[derive(Clone, PartialEq, Eq)]
pub struct Secret(String);

/// What is odd about a secret, and seldom meant.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Blemish {
    /// A space or a tab before or behind it.
    OuterSpace,
    /// More than one line.
    Lines,
    /// Quotation marks around it.
    Quotes,
    /// A byte order mark before it.
    Mark,
    /// A character in it that nobody sees.
    Invisible,
}

/// Why a secret could not be had.
#[derive(Debug, thiserror::Error)]
pub enum SecretError {
    /// The file could not be read.
    #[error("cannot read the password file {path}: {source}")]
    File {
        /// The file.
        path: String,
        /// What the system said.
        source: std::io::Error,
    },
    /// The environment variable is not set.
    #[error("the environment variable {0} is not set")]
    Unset(String),
    /// There is nothing in it.
    #[error("the password in {0} is empty")]
    Empty(String),
    /// It is an example.
    #[error("the password in {0} is still the example")]
    Example(String),
}

impl Secret {
    /// Takes a secret that was read from `origin`, less the line end that editors add.
    pub fn new(raw: &str, origin: &str) -> Result<Self, SecretError> {
        let secret = raw.trim_end_matches(['\r', '\n']);
        if secret.trim().is_empty() {
            return Err(SecretError::Empty(origin.to_owned()));
        }
        if ["changeme", "password", "secret", "example"].contains(&secret) {
            return Err(SecretError::Example(origin.to_owned()));
        }
        Ok(Self(secret.to_owned()))
    }

    /// What is odd about it. It is sent as it stands, for it may be meant so; but if it is refused, this is why.
    pub fn blemish(&self) -> Option<Blemish> {
        let secret = self.0.as_str();
        let is_quoted = |mark: char| secret.len() > 1 && secret.starts_with(mark) && secret.ends_with(mark);
        if secret.starts_with('\u{FEFF}') {
            Some(Blemish::Mark)
        } else if secret.contains(['\n', '\r']) {
            Some(Blemish::Lines)
        } else if secret.trim() != secret {
            Some(Blemish::OuterSpace)
        } else if is_quoted('"') || is_quoted('\'') {
            Some(Blemish::Quotes)
        } else {
            let is_invisible =
                |c: char| c.is_control() || matches!(c, '\u{A0}' | '\u{200B}'..='\u{200F}' | '\u{2060}');
            secret.contains(is_invisible).then_some(Blemish::Invisible)
        }
    }

    /// The secret itself: for the AUTH command and nothing else.
    pub fn expose(&self) -> &str {
        &self.0
    }
}

impl fmt::Debug for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Secret(…)")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_an_editor_or_a_shell_leaves_in_a_secret_is_found() {
        for (raw, blemish) in [
            ("hunter2\n", None),
            ("two words", None),
            ("hunter2 \n", Some(Blemish::OuterSpace)),
            ("\thunter2", Some(Blemish::OuterSpace)),
            ("hunter2\nkim@example.com\n", Some(Blemish::Lines)),
            ("\"hunter2\"\n", Some(Blemish::Quotes)),
            ("\u{FEFF}hunter2", Some(Blemish::Mark)),
            ("hun\u{200B}ter2", Some(Blemish::Invisible)),
        ] {
            assert_eq!(Secret::new(raw, "f").unwrap().blemish(), blemish, "{raw:?}");
        }
        assert!(matches!(Secret::new(" \n", "f"), Err(SecretError::Empty(_))));
    }

    #[test]
    fn a_secret_does_not_show_itself_and_examples_are_refused() {
        assert_eq!(format!("{:?}", Secret::new("hunter2\n", "f").unwrap()), "Secret(…)");
        assert!(Secret::new("\n", "f").is_err() && Secret::new("changeme", "f").is_err());
    }
}
