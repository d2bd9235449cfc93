//! `[site]`: the publisher and the address of the site.

use chrono_tz::Tz;
use serde::{Deserialize, Deserializer};
use url::Url;

use super::accounts::{self, FediverseHandle, RecordUri};
use crate::address::EmailAddress;
use crate::text::{HeaderText, without_user_info};

/// The `[site]` section.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Site {
    /// The name of the feeds and of the newsletter.
    pub title: HeaderText,
    /// The URL of the site.
    pub url: SiteUrl,
    /// One sentence; if empty, the title is used.
    pub description: String,
    /// The BCP 47 language tag of posts without their own.
    #[serde(deserialize_with = "language")]
    pub language: String,
    /// The zone of dates without a zone, and of dates in messages.
    #[serde(deserialize_with = "timezone")]
    pub timezone: Tz,
    /// The author of posts without their own.
    pub author: Option<Author>,
    /// A square image.
    pub icon: Option<Url>,
    /// A wide image.
    pub logo: Option<Url>,
    /// A copyright or licence notice.
    pub rights: Option<HeaderText>,
    /// The site as an actor of `ActivityPub`.
    pub activitypub: Option<Url>,
    /// The record of the site in the AT protocol.
    #[serde(default, deserialize_with = "accounts::publication")]
    pub standard_site: Option<RecordUri>,
}

impl Site {
    /// The description, or the title instead: a feed requires one.
    pub fn tagline(&self) -> &str {
        if self.description.trim().is_empty() { self.title.as_str() } else { self.description.trim() }
    }
}

/// An author.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Author {
    /// The name to show.
    pub name: HeaderText,
    /// For RSS's `author` and Atom's `email`.
    pub email: Option<EmailAddress>,
    /// The author's page.
    pub url: Option<Url>,
    /// A square picture of the author.
    pub avatar: Option<Url>,
    /// The author's account in the Fediverse.
    #[serde(default, deserialize_with = "accounts::handle")]
    pub fediverse: Option<FediverseHandle>,
    /// Other pages of the same person, which link back.
    #[serde(default)]
    pub me: Vec<Url>,
}

/// An absolute `http` or `https` URL without query or fragment. It ends in a slash, so that paths can be joined to it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SiteUrl(Url);

impl SiteUrl {
    /// Normalises `https://example.com/blog` to `https://example.com/blog/`; the error is a message for the user.
    pub fn parse(raw: &str) -> Result<Self, String> {
        let shown = without_user_info(raw);
        let mut url = Url::parse(raw.trim()).map_err(|_| {
            format!("{shown:?} is not a URL; write it in full, such as \"https://example.com/\"")
        })?;
        if !matches!(url.scheme(), "http" | "https") || url.host_str().is_none_or(str::is_empty) {
            return Err(format!(
                "{shown:?} is not a web address; write it in full, such as \"https://example.com/\""
            ));
        }
        if url.query().is_some() || url.fragment().is_some() {
            return Err(format!(
                "{shown:?} has a query or a fragment; write only the address of the home page"
            ));
        }
        if !url.username().is_empty() || url.password().is_some() {
            return Err("the address contains a user name or a password, which would be public".to_owned());
        }
        if !url.path().ends_with('/') {
            let path = format!("{}/", url.path());
            url.set_path(&path);
        }
        Ok(Self(url))
    }

    /// The URL.
    pub fn as_url(&self) -> &Url {
        &self.0
    }

    /// The canonical form, with its final slash.
    pub fn as_str(&self) -> &str {
        self.0.as_str()
    }

    /// The host in ASCII, as a tag URI needs it.
    pub fn host(&self) -> &str {
        self.0.host_str().unwrap_or_default()
    }

    /// The canonical absolute URL of a path below the site, such as `feed.json` or `/2024/글/`.
    pub fn join(&self, path: &str) -> String {
        let mut url = self.0.clone();
        let joined = format!("{}{}", url.path(), path.trim_start_matches('/'));
        url.set_path(&joined);
        url.into()
    }
}

impl<'de> Deserialize<'de> for SiteUrl {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        Self::parse(&String::deserialize(deserializer)?).map_err(serde::de::Error::custom)
    }
}

fn timezone<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Tz, D::Error> {
    let raw = String::deserialize(deserializer)?;
    raw.parse().map_err(|_| {
        serde::de::Error::custom(format!(
            "{raw:?} is not a time zone; write its IANA name, such as \"Asia/Seoul\""
        ))
    })
}

fn language<'de, D: Deserializer<'de>>(deserializer: D) -> Result<String, D::Error> {
    let raw = String::deserialize(deserializer)?;
    if is_language_tag(&raw) {
        return Ok(raw);
    }
    Err(serde::de::Error::custom(format!("{raw:?} is not a language tag; write \"ko\", \"ja\" or \"en-GB\"")))
}

/// Whether `raw` has the form of a BCP 47 tag: two or three letters, then groups of up to eight letters and digits. No
/// language is registered with a longer first part.
pub fn is_language_tag(raw: &str) -> bool {
    let mut parts = raw.split('-');
    let primary = parts.next().unwrap_or_default();
    (2..=3).contains(&primary.len())
        && primary.bytes().all(|b| b.is_ascii_alphabetic())
        && parts.all(|part| (1..=8).contains(&part.len()) && part.bytes().all(|b| b.is_ascii_alphanumeric()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_site_url_is_normalised_so_that_paths_can_be_joined() {
        let site = SiteUrl::parse("https://EXAMPLE.com/blog").unwrap();
        assert_eq!(site.as_str(), "https://example.com/blog/");
        assert_eq!(site.join("/글/"), "https://example.com/blog/%EA%B8%80/");
    }

    #[test]
    fn addresses_that_are_not_a_home_page_are_rejected() {
        for raw in [
            "example.com",
            "ftp://example.com",
            "https://example.com/?a=1",
            "https://a:b@example.com/",
            "https:///",
        ] {
            let message = SiteUrl::parse(raw);
            assert!(message.is_err(), "{raw} became {message:?}");
        }
    }

    #[test]
    fn language_tags_are_checked_by_their_form() {
        assert!(["ko", "en-GB", "zh-Hant-TW"].into_iter().all(is_language_tag));
        assert!(!["", "k", "korean language", "korean", "ko_KR", "-ko"].into_iter().any(is_language_tag));
    }
}
