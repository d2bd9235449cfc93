//! `[podcast]`: the channel fields that podcast directories require (PSP-1). Episode fields are in the posts.

use serde::{Deserialize, Deserializer};
use url::Url;

use crate::address::EmailAddress;
use crate::text::HeaderText;

/// The `[podcast]` section.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Podcast {
    /// The title; `None` means that of the site.
    pub title: Option<HeaderText>,
    /// The description; `None` means that of the site.
    pub description: Option<HeaderText>,
    /// The artwork, a square of 1400 to 3000 pixels.
    pub image: Url,
    /// Apple's categories, such as `Society & Culture` or `Society & Culture / Documentary`.
    #[serde(deserialize_with = "categories")]
    pub categories: Vec<Category>,
    /// Whether it has explicit content.
    #[serde(default)]
    pub explicit: bool,
    /// The author; `None` means that of the site.
    pub author: Option<HeaderText>,
    /// The address with which directories verify the owner of the feed. It is public.
    pub email: Option<EmailAddress>,
    /// The order of the episodes.
    #[serde(default, rename = "type")]
    pub order: Order,
    /// Whether other platforms must not import the feed.
    #[serde(default)]
    pub locked: bool,
    /// The id of the podcast, a UUID; `None` means that it is derived from the URL of the feed.
    #[serde(default, deserialize_with = "uuid")]
    pub guid: Option<String>,
    /// The page where listeners can donate.
    pub funding: Option<Url>,
    /// Whether no more episodes will follow.
    #[serde(default)]
    pub complete: bool,
    /// Who usually speaks.
    #[serde(default)]
    pub people: Vec<PodcastPerson>,
}

/// Somebody who speaks in a podcast or in an episode, or works on it.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct PodcastPerson {
    /// The name.
    pub name: HeaderText,
    /// A role of the Podcast Taxonomy, such as `guest`; without it `host` is meant.
    pub role: Option<HeaderText>,
    /// A group of the Podcast Taxonomy, such as `writing`; without it `cast` is meant.
    pub group: Option<HeaderText>,
    /// The person's page.
    pub url: Option<Url>,
    /// A picture of the person.
    pub avatar: Option<Url>,
}

/// A category, with an optional subcategory.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Category {
    /// One of Apple's, such as `Technology`.
    pub name: HeaderText,
    /// One of Apple's subcategories of it.
    pub within: Option<HeaderText>,
}

/// The order of the episodes.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Order {
    /// Newest first.
    #[default]
    Episodic,
    /// Oldest first.
    Serial,
}

impl Order {
    /// The word in the configuration and in feeds.
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
            HeaderText::parse(raw).map_err(|error| {
                serde::de::Error::custom(format!("unknown podcast category {raw:?}: {error}"))
            })
        };
        Ok(Category { name: text(name)?, within: within.map(text).transpose()? })
    };
    if raw.is_empty() {
        return Err(serde::de::Error::custom("a podcast needs a category, such as [\"Technology\"]"));
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
    fn an_image_and_a_category_are_enough() {
        let read = podcast(&format!("{LEAST}categories = [\"Society & Culture / Documentary\", \"Arts\"]\n"))
            .unwrap();
        assert_eq!(read.categories[0].name.as_str(), "Society & Culture");
        assert_eq!(read.categories[0].within.as_ref().unwrap().as_str(), "Documentary");
        assert!(!read.explicit && !read.locked && read.categories[1].within.is_none());
    }

    #[test]
    fn missing_and_wrong_fields_are_reported_with_their_line() {
        assert!(podcast(LEAST).unwrap_err().contains("`podcast.categories` is missing"));
        let wrong = |line: &str| podcast(&format!("{LEAST}{line}\n")).unwrap_err();
        assert!(
            wrong("categories = []").contains("config.toml:6: error: `podcast.categories`: a podcast needs")
        );
        assert!(
            wrong("categories = [\"Arts\"]\nguid = \"x\"").contains("config.toml:7: error: `podcast.guid`")
        );
    }
}
