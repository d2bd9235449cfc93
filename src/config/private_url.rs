//! An address that may contain a user name and a password.

use std::fmt;

use serde::{Deserialize, Deserializer, Serialize, Serializer};
use url::Url;

use crate::text::without_user_info;

/// A URL, or the path of a file. A message, a log or a file that is written gets it without user name and password.
#[derive(Clone, PartialEq, Eq, Deserialize)]
#[serde(transparent)]
pub struct PrivateUrl(String);

impl PrivateUrl {
    /// All of it, to connect to.
    pub fn expose(&self) -> &str {
        &self.0
    }
}

impl From<Url> for PrivateUrl {
    fn from(url: Url) -> Self {
        Self(url.into())
    }
}

impl fmt::Display for PrivateUrl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&without_user_info(&self.0))
    }
}

impl fmt::Debug for PrivateUrl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:?}", without_user_info(&self.0))
    }
}

impl Serialize for PrivateUrl {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

/// A list of URLs, which are normalised.
pub(super) fn list<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Vec<PrivateUrl>, D::Error> {
    Ok(Vec::<Url>::deserialize(deserializer)?.into_iter().map(PrivateUrl::from).collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_a_connection_gets_the_password() {
        let url = PrivateUrl::from(Url::parse("https://kim:hunter2@hub.example").unwrap());
        assert_eq!(url.expose(), "https://kim:hunter2@hub.example/");
        let printed = format!("{url} {url:?} {}", serde_json::to_string(&url).unwrap());
        assert_eq!(printed, r#"https://hub.example/ "https://hub.example/" "https://hub.example/""#);
    }
}
