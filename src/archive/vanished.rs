//! Known posts whose files are gone since the last run. Feeds report them as removed, which is right for a deleted file and
//! wrong for an incomplete checkout. Pure.

use std::collections::BTreeSet;

use camino::{Utf8Path, Utf8PathBuf};

use super::ids::IdRegistry;
use crate::config::Config;
use crate::finding::Finding;

/// If at least this many files disappear at once, and they are most of the posts, that is probably not intended.
const MANY: usize = 5;

/// How many files are named.
const NAMED: usize = 5;

/// The posts whose files disappeared. The next run does not report them again.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Vanished {
    /// The files, as the user would type them.
    pub files: Vec<Utf8PathBuf>,
    /// How many posts there were.
    of: usize,
}

impl Vanished {
    /// The posts that `after` has as gone and `before` has not. `there` are the files of the folder, and `kept` is the number
    /// of posts that both have.
    pub(super) fn find(
        before: &IdRegistry,
        after: &IdRegistry,
        (there, kept): (&BTreeSet<&Utf8Path>, usize),
        config: &Config,
    ) -> Self {
        // The posts of a feed are removed because the feed withdrew them.
        if config.archive.feed.is_some() {
            return Self::default();
        }
        let earlier: BTreeSet<&str> = before.tombstones().map(|(id, _)| id).collect();
        let new = after.tombstones().map(|(id, _)| id).filter(|id| !earlier.contains(id));
        let files = new.filter_map(|id| Some(config.archive.posts.join(&before.get(id)?.path)));
        let mut files: Vec<Utf8PathBuf> = files.filter(|file| !there.contains(file.as_path())).collect();
        files.sort();
        Self { of: kept + files.len(), files }
    }

    /// Whether so many are gone that a run asks.
    fn is_sudden(&self) -> bool {
        self.files.len() >= MANY && self.files.len() * 2 > self.of
    }

    /// The warning of a run that takes them out of the feeds.
    pub fn warning(&self, config: &Config) -> Option<Finding> {
        let number = self.files.len();
        if number == 0 {
            return None;
        }
        let mut names: Vec<&str> = self.files.iter().take(NAMED).map(|file| file.as_str()).collect();
        let more = format!("{} more", number.saturating_sub(NAMED));
        if number > NAMED {
            names.push(&more);
        }
        let posts = if number == 1 { "1 post is".to_owned() } else { format!("{number} posts are") };
        let message = format!("{posts} gone, and removed from the feeds: {}", names.join(", "));
        let finding = Finding::warning("post-gone", config.archive.ids_file().as_str(), message);
        Some(finding.hint("if that is not intended, restore the files; with them the posts come back"))
    }

    /// The error of a run that finds most posts gone.
    pub fn refusal(&self, config: &Config) -> Option<Finding> {
        if !self.is_sudden() {
            return None;
        }
        let (gone, of) = (self.files.len(), self.of);
        let first = &self.files[0];
        let message = format!("{gone} of its {of} posts are gone at once, such as {first}");
        let finding = Finding::error("post-gone", config.archive.ids_file().as_str(), message);
        Some(finding.hint(
            "restore the files, for example with a complete checkout; if you deleted them on purpose, run \
             `letterpress publish --allow-loss` once",
        ))
    }
}
