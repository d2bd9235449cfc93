//! `[site]`: who publishes, and where.

use chrono_tz::Tz;
use serde::{Deserialize, Deserializer};
use url::Url;

use crate::address::EmailAddress;
use crate::text::HeaderText;

/// The `[site]` section.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Site {
    /// The name of the feeds and of the newsletter.
    pub title: HeaderText,
    /// Where the site lives.
    pub url: SiteUrl,
    /// One sentence; empty means that the title stands in.
    pub description: String,
    /// BCP 47 tag of the posts that do not name their own.
    #[serde(deserialize_with = "language")]
    pub language: String,
    /// The zone in which dates without a zone are read and dates are shown.
    #[serde(deserialize_with = "timezone")]
    pub timezone: Tz,
    /// The author of posts that do not name their own.
    pub author: Option<Author>,
    /// A square picture.
    pub icon: Option<Url>,
    /// A wide picture.
    pub logo: Option<Url>,
    /// Copyright or licence, in words.
    pub rights: Option<HeaderText>,
}

impl Site {
    /// The description, or the title in its place: a feed must have one.
    pub fn tagline(&self) -> &str {
        if self.description.trim().is_empty() { self.title.as_str() } else { self.description.trim() }
    }
}

/// Somebody who writes.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Author {
    /// As it shall be shown.
    pub name: HeaderText,
    /// For RSS's `author` and Atom's `email`.
    pub email: Option<EmailAddress>,
    /// The author's page.
    pub url: Option<Url>,
}

/// An absolute `http` or `https` URL without query or fragment that ends in a slash, so that everything can be
/// joined to it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SiteUrl(Url);

impl SiteUrl {
    /// Normalises `https://example.com/blog` to `https://example.com/blog/`; the message says what to write instead.
    pub fn parse(raw: &str) -> Result<Self, String> {
        let mut url = Url::parse(raw.trim()).map_err(|_| {
            format!("{raw:?} is not a URL; write it in full, such as \"https://example.com/\"")
        })?;
        if !matches!(url.scheme(), "http" | "https") || url.host_str().is_none_or(str::is_empty) {
            return Err(format!(
                "{raw:?} is not a web address; write it in full, such as \"https://example.com/\""
            ));
        }
        if url.query().is_some() || url.fragment().is_some() {
            return Err(format!(
                "{raw:?} has a query or a fragment; write the address of the home page alone"
            ));
        }
        if !url.username().is_empty() || url.password().is_some() {
            return Err("the address holds a user name or a password, and readers would see it".to_owned());
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

/// The shape of a BCP 47 tag: two or three letters, then letters and digits, at most eight between hyphens. No language is
/// registered with a longer first part.
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
    fn addresses_that_are_no_home_page_are_refused_with_a_hint() {
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
    fn language_tags_have_a_shape() {
        assert!(["ko", "en-GB", "zh-Hant-TW"].into_iter().all(is_language_tag));
        assert!(!["", "k", "korean language", "korean", "ko_KR", "-ko"].into_iter().any(is_language_tag));
    }
}
