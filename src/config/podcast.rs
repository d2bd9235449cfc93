//! `[podcast]`: what a podcast directory wants to know of the channel (PSP-1). Episodes speak for themselves, in their
//! posts.

use serde::{Deserialize, Deserializer};
use url::Url;

use crate::address::EmailAddress;
use crate::text::HeaderText;

/// The `[podcast]` section.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Podcast {
    /// The name; without it the site's.
    pub title: Option<HeaderText>,
    /// What it is about; without it the site's description.
    pub description: Option<HeaderText>,
    /// The artwork, a square of 1400 to 3000 pixels.
    pub image: Url,
    /// Apple's categories, as `Society & Culture` or `Society & Culture / Documentary`.
    #[serde(deserialize_with = "categories")]
    pub categories: Vec<Category>,
    /// Whether it is not for children.
    #[serde(default)]
    pub explicit: bool,
    /// Who speaks; without it the site's author.
    pub author: Option<HeaderText>,
    /// Where directories write to prove who owns the feed. Everybody can read it there.
    pub email: Option<EmailAddress>,
    /// The order in which episodes are heard.
    #[serde(default, rename = "type")]
    pub order: Order,
    /// Whether other platforms may not take the feed over.
    #[serde(default)]
    pub locked: bool,
    /// The podcast's own id, a UUID; without it, it is made of the feed's address.
    #[serde(default, deserialize_with = "uuid")]
    pub guid: Option<String>,
    /// Where listeners can pay.
    pub funding: Option<Url>,
    /// No episode will follow.
    #[serde(default)]
    pub complete: bool,
}

/// A category, and the one within it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Category {
    /// One of Apple's, such as `Technology`.
    pub name: HeaderText,
    /// One of Apple's within that.
    pub within: Option<HeaderText>,
}

/// The order in which episodes are heard.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Order {
    /// The newest first.
    #[default]
    Episodic,
    /// From the first on.
    Serial,
}

impl Order {
    /// The word for it.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Episodic => "episodic",
            Self::Serial => "serial",
        }
    }
}

fn categories<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Vec<Category>, D::Error> {
    let raw = Vec::<String>::deserialize(deserializer)?;
    let category = |raw: &String| {
        let (name, within) = raw.split_once(" / ").map_or((raw.as_str(), None), |(a, b)| (a, Some(b)));
        let text = |raw: &str| {
            HeaderText::parse(raw)
                .map_err(|error| serde::de::Error::custom(format!("{raw:?} is no category: {error}")))
        };
        Ok(Category { name: text(name)?, within: within.map(text).transpose()? })
    };
    if raw.is_empty() {
        return Err(serde::de::Error::custom("a podcast has a category, such as [\"Technology\"]"));
    }
    raw.iter().map(category).collect()
}

fn uuid<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<String>, D::Error> {
    let raw = String::deserialize(deserializer)?.to_ascii_lowercase();
    let groups: Vec<&str> = raw.split('-').collect();
    let is_uuid = groups.iter().map(|group| group.len()).eq([8, 4, 4, 4, 12])
        && groups.iter().all(|group| group.bytes().all(|b| b.is_ascii_hexdigit()));
    if is_uuid {
        return Ok(Some(raw));
    }
    Err(serde::de::Error::custom(format!(
        "{raw:?} is not a UUID; write it like \"917393e3-1b1e-5cef-ace4-edaa54e1f810\""
    )))
}

#[cfg(test)]
mod tests {
    use camino::Utf8Path;

    fn podcast(text: &str) -> Result<super::Podcast, String> {
        let text = format!("[site]\ntitle = \"t\"\nurl = \"https://example.com\"\n[podcast]\n{text}");
        let config = crate::config::parse(&text, "config.toml", Utf8Path::new("."));
        config.map(|config| config.podcast.unwrap()).map_err(|error| error.to_string())
    }

    const LEAST: &str = "image = \"https://example.com/a.jpg\"\n";

    #[test]
    fn a_picture_and_a_category_are_enough() {
        let read = podcast(&format!("{LEAST}categories = [\"Society & Culture / Documentary\", \"Arts\"]\n"))
            .unwrap();
        assert_eq!(read.categories[0].name.as_str(), "Society & Culture");
        assert_eq!(read.categories[0].within.as_ref().unwrap().as_str(), "Documentary");
        assert!(!read.explicit && !read.locked && read.categories[1].within.is_none());
    }

    #[test]
    fn what_is_missing_or_wrong_is_named_with_its_line() {
        assert!(podcast(LEAST).unwrap_err().contains("`podcast.categories` is missing"));
        let wrong = |line: &str| podcast(&format!("{LEAST}{line}\n")).unwrap_err();
        assert!(
            wrong("categories = []").contains("config.toml:6: error: `podcast.categories`: a podcast has")
        );
        assert!(
            wrong("categories = [\"Arts\"]\nguid = \"x\"").contains("config.toml:7: error: `podcast.guid`")
        );
    }
}
