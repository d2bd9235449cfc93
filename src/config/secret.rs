//! Secrets from a file or the environment. They are never printed.

use std::fmt;

/// A secret string. It has no `Display`, and its `Debug` does not show it.
#[derive(Clone, PartialEq, Eq)]
pub struct Secret(String);

/// Something in a secret that is probably a mistake.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum SuspectCharacter {
    /// A space or a tab at its start or end.
    OuterSpace,
    /// More than one line.
    Lines,
    /// Quotation marks around it.
    Quotes,
    /// A byte order mark at its start.
    Mark,
    /// An invisible character.
    Invisible,
}

/// Why a secret cannot be read.
#[derive(Debug, thiserror::Error)]
pub enum SecretError {
    /// The file could not be read.
    #[error("cannot read the password file {path}: {source}")]
    File {
        /// The file.
        path: String,
        /// The error of the system.
        source: std::io::Error,
    },
    /// The environment variable is not set.
    #[error("the environment variable {0} is not set")]
    Unset(String),
    /// It is empty.
    #[error("the password in {0} is empty")]
    Empty(String),
    /// It is a value from an example.
    #[error("the password in {0} is still the example value")]
    Example(String),
}

impl Secret {
    /// Takes a secret from `origin`, without the line end that editors add.
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

    /// A probable mistake in it. It is still sent unchanged, because it may be intended; if the server rejects it, this is
    /// the likely reason.
    pub fn suspect_character(&self) -> Option<SuspectCharacter> {
        let secret = self.0.as_str();
        let is_quoted = |mark: char| secret.len() > 1 && secret.starts_with(mark) && secret.ends_with(mark);
        if secret.starts_with('\u{FEFF}') {
            Some(SuspectCharacter::Mark)
        } else if secret.contains(['\n', '\r']) {
            Some(SuspectCharacter::Lines)
        } else if secret.trim() != secret {
            Some(SuspectCharacter::OuterSpace)
        } else if is_quoted('"') || is_quoted('\'') {
            Some(SuspectCharacter::Quotes)
        } else {
            let is_invisible =
                |c: char| c.is_control() || matches!(c, '\u{A0}' | '\u{200B}'..='\u{200F}' | '\u{2060}');
            secret.contains(is_invisible).then_some(SuspectCharacter::Invisible)
        }
    }

    /// The secret itself, for authentication only.
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
    fn mistakes_from_editors_and_shells_are_found() {
        for (raw, blemish) in [
            ("hunter2\n", None),
            ("two words", None),
            ("hunter2 \n", Some(SuspectCharacter::OuterSpace)),
            ("\thunter2", Some(SuspectCharacter::OuterSpace)),
            ("hunter2\nkim@example.com\n", Some(SuspectCharacter::Lines)),
            ("\"hunter2\"\n", Some(SuspectCharacter::Quotes)),
            ("\u{FEFF}hunter2", Some(SuspectCharacter::Mark)),
            ("hun\u{200B}ter2", Some(SuspectCharacter::Invisible)),
        ] {
            assert_eq!(Secret::new(raw, "f").unwrap().suspect_character(), blemish, "{raw:?}");
        }
        assert!(matches!(Secret::new(" \n", "f"), Err(SecretError::Empty(_))));
    }

    #[test]
    fn a_secret_is_not_printed_and_examples_are_rejected() {
        assert_eq!(format!("{:?}", Secret::new("hunter2\n", "f").unwrap()), "Secret(…)");
        assert!(Secret::new("\n", "f").is_err() && Secret::new("changeme", "f").is_err());
    }
}
