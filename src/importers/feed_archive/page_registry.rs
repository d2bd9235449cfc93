//! The known entries of a feed: a text file beside the posts with one line for each. It assigns files to entries, and
//! records their order in the last version of the feed.

use std::collections::BTreeMap;
use std::fmt::Write as _;

use chrono::{DateTime, FixedOffset};
use serde::{Deserialize, Serialize};

use super::super::feed::Entry;
use crate::finding::Finding;

/// The name of the ledger inside the folder of posts.
pub const FILE: &str = "source.json";

/// The known entries of a feed.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct PageRegistry {
    /// The keys of the entries in the last version of the feed, in its order.
    pub window: Vec<String>,
    /// Every entry ever seen, by its key in the feed.
    pub entries: BTreeMap<String, Known>,
}

/// A known entry.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Known {
    /// Its file in the folder of posts.
    pub file: String,
    /// The id in our feeds, if the entry had a usable one.
    pub id: Option<String>,
    /// The last part of the address of its page, or a replacement.
    pub slug: String,
    /// Its page.
    pub url: String,
    /// Its title.
    pub title: String,
    /// Its permanent date.
    pub published: DateTime<FixedOffset>,
    /// A hash of the entry, which changes with it.
    pub print: String,
    /// Whether it was retracted and has no file.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub taken_back: bool,
}

impl Known {
    /// The known parts of the entry.
    pub(super) fn as_entry(&self) -> Entry {
        Entry {
            link: Some(self.url.clone()),
            title: self.title.clone(),
            published: Some(self.published),
            ..Entry::default()
        }
    }
}

impl PageRegistry {
    /// Reads a ledger; `file` is its name in the finding.
    pub fn parse(text: &str, file: &str) -> Result<Self, Finding> {
        let ledger: Self = serde_json::from_str(text).map_err(|error| {
            Finding::error("feed-archive", file, error.to_string())
                .at(error.line())
                .hint("restore the file from version control")
        })?;
        let is_name = |name: &str| {
            name.strip_suffix(".md").is_some_and(|stem| !stem.is_empty())
                && !name.starts_with('.')
                && !name.contains(['/', '\\', '\0'])
        };
        match ledger.entries.values().find(|known| !is_name(&known.file)) {
            Some(known) => {
                let message = format!("{:?} is not the name of a post", known.file);
                Err(Finding::error("feed-archive", file, message)
                    .hint("restore the file from version control"))
            }
            None => Ok(ledger),
        }
    }

    /// The text with one line for each entry; the same ledger gives the same bytes.
    pub fn to_text(&self) -> String {
        let window: Vec<String> = self.window.iter().map(json).collect();
        let entries: Vec<String> =
            self.entries.iter().map(|(key, known)| format!("{}: {}", json(key), json(known))).collect();
        let mut text = String::new();
        // Writing to a `String` cannot fail.
        let _ = writeln!(
            text,
            "{{\n\"window\": [\n{}\n],\n\"entries\": {{\n{}\n}}\n}}",
            window.join(",\n"),
            entries.join(",\n")
        );
        text
    }

    /// The files that must exist.
    pub fn files(&self) -> impl Iterator<Item = &str> {
        self.entries.values().filter(|known| !known.taken_back).map(|known| known.file.as_str())
    }
}

fn json(value: &impl Serialize) -> String {
    // Serialising text, dates and lists of them cannot fail.
    serde_json::to_string(value).unwrap_or_default()
}
