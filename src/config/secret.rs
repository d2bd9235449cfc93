//! Secrets: read from a file or the environment, never printed.

use std::fmt;

/// A secret string. It has no `Display`, and its `Debug` does not show it.
#[derive(Clone, PartialEq, Eq)]
pub struct Secret(String);

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
    /// It is empty or an example.
    #[error("the password in {0} is empty or still the example")]
    Example(String),
}

impl Secret {
    /// Takes a secret that was read from `origin`, less the line end that editors add.
    pub fn new(raw: &str, origin: &str) -> Result<Self, SecretError> {
        let secret = raw.trim_end_matches(['\r', '\n']);
        if secret.is_empty() || ["changeme", "password", "secret", "example"].contains(&secret) {
            return Err(SecretError::Example(origin.to_owned()));
        }
        Ok(Self(secret.to_owned()))
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
    fn a_secret_does_not_show_itself_and_examples_are_refused() {
        assert_eq!(format!("{:?}", Secret::new("hunter2\n", "f").unwrap()), "Secret(…)");
        assert!(Secret::new("\n", "f").is_err() && Secret::new("changeme", "f").is_err());
    }
}
