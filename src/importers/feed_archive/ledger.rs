//! What is known of the entries of a feed: a text that lives beside the posts, one line for each. It says which file is
//! whose, and in which order the feed had its entries the last time.

use std::collections::BTreeMap;
use std::fmt::Write as _;

use chrono::{DateTime, FixedOffset};
use serde::{Deserialize, Serialize};

use super::super::feed::Entry;
use crate::finding::Finding;

/// The name of the ledger inside the folder of posts.
pub const FILE: &str = "source.json";

/// What is known of a feed.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Ledger {
    /// The keys of the entries that the feed had, in its order.
    pub window: Vec<String>,
    /// Every entry that was ever seen, by its key: the id that it has in the feed.
    pub entries: BTreeMap<String, Known>,
}

/// An entry that was seen.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Known {
    /// Its file in the folder of posts.
    pub file: String,
    /// The id under which readers have it, where it brought one along.
    pub id: Option<String>,
    /// The last part of its page's address, or what stands for it.
    pub slug: String,
    /// Its page.
    pub url: String,
    /// Its title.
    pub title: String,
    /// The date that it has for good.
    pub published: DateTime<FixedOffset>,
    /// Changes when anything of the entry does; a new version of Letterpress rewrites nothing by itself.
    pub print: String,
    /// It was taken out of the feed, and has no file any more.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub taken_back: bool,
}

impl Known {
    /// As much of the entry as is known.
    pub(super) fn as_entry(&self) -> Entry {
        Entry {
            link: Some(self.url.clone()),
            title: self.title.clone(),
            published: Some(self.published),
            ..Entry::default()
        }
    }
}

impl Ledger {
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

    /// The text, with one line for each entry; the same ledger gives the same bytes.
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

    /// The files that must be there.
    pub fn files(&self) -> impl Iterator<Item = &str> {
        self.entries.values().filter(|known| !known.taken_back).map(|known| known.file.as_str())
    }
}

fn json(value: &impl Serialize) -> String {
    // Text, dates and lists of them can always be written.
    serde_json::to_string(value).unwrap_or_default()
}
