//! Compares the new feeds with the published ones before they are written. A post that feed readers would show again, or that
//! would be gone, stops the build unless it is allowed.

use std::borrow::Cow;
use std::collections::{BTreeMap, BTreeSet, HashMap};

use camino::Utf8Path;

use crate::archive::{Archive, ids};
use crate::config::Config;
use crate::feeds::Document;
use crate::finding::Finding;
use crate::importers::feed::{self, Feed};
use crate::importers::feed_diff::{Diff, Lost, compare};
use crate::pipeline::site_build::feed_source;
use crate::text::shell_quoted;

/// Changes that the user has allowed.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Waivers {
    /// Published posts may get new ids, so that feed readers show them again.
    pub redelivery: bool,
    /// Published posts may be removed.
    pub loss: bool,
    /// Objects in the bucket that another program wrote may be replaced.
    pub remote: bool,
}

/// The differences of all feeds.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct FeedDiff {
    /// Entries of the main feed: new, updated, redelivered, lost.
    pub counts: Option<[usize; 4]>,
    /// The path of that feed.
    pub feed: String,
    /// One error for each post that would be shown again or be gone, in any feed.
    pub findings: Vec<Finding>,
    /// The posts that would be gone.
    pub lost: Vec<Lost>,
}

impl FeedDiff {
    /// A summary such as `1 new, 2 updated, 0 redelivered, 0 lost`; `None` if nothing is published or nothing changes.
    pub fn line(&self) -> Option<String> {
        let [new, updated, redelivered, lost] =
            self.counts.filter(|counts| counts.iter().sum::<usize>() > 0)?;
        Some(format!(
            "feed readers would see {new} new, {updated} updated, {redelivered} redelivered, {lost} lost"
        ))
    }

    /// The errors that are not allowed.
    pub(crate) fn refusals(self, allowed: Waivers) -> Vec<Finding> {
        let is_allowed = |rule| match rule {
            REDELIVERY => allowed.redelivery,
            _ => allowed.loss,
        };
        self.findings.into_iter().filter(|finding| !is_allowed(finding.rule)).collect()
    }
}

const REDELIVERY: &str = "feed-redelivery";
const LOSS: &str = "feed-loss";

/// Compares the documents with the files in the public folder. One format of each feed is enough; a file that is not a valid
/// feed is ignored.
pub fn diff_feeds(config: &Config, archive: &Archive, documents: &[Document]) -> FeedDiff {
    let directory = config.resolve(&config.output.directory);
    // Expired posts, and unreadable posts that do not stop the build, are not accidental removals.
    let published = archive.posts.iter().map(|post| post.id.as_str());
    let known: BTreeSet<&str> = published.chain(archive.accounted_for.iter().map(String::as_str)).collect();
    let gone = archive.tombstones.iter().map(|post| post.id.as_str());
    let permanent = known.iter().copied().chain(gone).map(|id| (ids::shown(id), id)).collect();
    let withdrawn = feed_source::withdrawn(config);
    let mut all = FeedDiff::default();
    let mut seen = BTreeSet::new();
    let mut findings: BTreeMap<String, Finding> = BTreeMap::new();
    let mut lost: BTreeMap<String, Lost> = BTreeMap::new();
    for document in documents {
        let folder = document.path.parent().unwrap_or(Utf8Path::new(""));
        let Ok(old) = std::fs::read(directory.join(&document.path)) else { continue };
        let file = config.output.directory.join(&document.path);
        let is_first = seen.is_empty();
        if !seen.insert(folder) {
            continue;
        }
        let diff = if old == document.bytes {
            Diff::default()
        } else {
            let read = |bytes| read_with_permanent_ids(bytes, file.as_str(), &permanent);
            let (Some(old), Some(new)) = (read(&old), read(&document.bytes)) else { continue };
            compare(&old, &new, &known, config.site.url.as_url())
        };
        let is_gone = |known: &Lost| archive.tombstones.iter().any(|post| post.id == known.id);
        if is_first {
            let replaced = diff.redelivered.iter().filter(|(known, _)| is_gone(known)).count();
            let counts = [
                diff.new.len() + replaced,
                diff.updated.len(),
                diff.redelivered.len() - replaced,
                diff.lost.len() + replaced,
            ];
            (all.counts, all.feed) = (Some(counts), file.to_string());
        }
        for (known, id) in diff.redelivered {
            let is_gone = is_gone(&known);
            let finding = if is_gone {
                replaced(archive, &known, &id)
            } else {
                redelivered(archive, file.as_str(), &known.id, &id)
            };
            findings.entry(known.id.clone()).or_insert(finding);
            if is_gone {
                lost.insert(known.id.clone(), known);
            }
        }
        let is_withdrawn = |lost: &Lost| {
            withdrawn.contains(&lost.id) || lost.link.as_ref().is_some_and(|link| withdrawn.contains(link))
        };
        for gone in diff.lost.into_iter().filter(|lost| !is_withdrawn(lost)) {
            findings.entry(gone.id.clone()).or_insert_with(|| {
                let page = gone.link.as_ref().map(|link| format!(" ({link})")).unwrap_or_default();
                let message = format!("{:?}{page} is in the published feed, but no post has its id {} any more", gone.title, gone.id);
                Finding::error(LOSS, file.as_str(), message).hint(format!(
                    "restore the post or its line in {}; to remove the post on purpose, run `letterpress retract {}`, \
                     or use --allow-loss once for all such posts",
                    config.archive.ids_file(), shell_quoted(&gone.id)
                ))
            });
            lost.insert(gone.id.clone(), gone);
        }
    }
    all.findings = findings.into_values().collect();
    all.lost = lost.into_values().collect();
    all
}

/// Reads a feed, if it is one. RSS and JSON Feed show ids that are no URI as another program made them.
fn read_with_permanent_ids(
    bytes: &[u8],
    file: &str,
    permanent: &HashMap<Cow<'_, str>, &str>,
) -> Option<Feed> {
    let mut feed = feed::read(bytes, file).ok()?;
    for id in feed.entries.iter_mut().filter_map(|entry| entry.id.as_mut()) {
        if let Some(known) = permanent.get(id.as_str()) {
            (*known).clone_into(id);
        }
    }
    Some(feed)
}

/// Another post with different content took the place of a published post.
fn replaced(archive: &Archive, known: &Lost, id: &str) -> Finding {
    let post = archive.posts.iter().find(|post| post.id == id);
    let source = post.map_or("", |post| post.source.as_str());
    let message = format!(
        "the published feed has {:?} here ({}), but this post is a different one",
        known.title, known.id
    );
    Finding::error(LOSS, source, message).hint(format!(
        "if it is the same post, set id = {:?} in its front matter; to remove the old one on purpose, run `letterpress retract {}`",
        known.id, shell_quoted(&known.id)
    ))
}

fn redelivered(archive: &Archive, file: &str, known: &str, id: &str) -> Finding {
    let post = archive.posts.iter().find(|post| post.id == id);
    let source = post.map_or(file, |post| post.source.as_str());
    let message = format!("this post is published as {known}; feed readers would show it again as {id}");
    Finding::error(REDELIVERY, source, message).hint(format!(
        "`letterpress adopt {}` restores the published id; or use --allow-redelivery once to accept the new one",
        shell_quoted(file)
    ))
}
