//! A feed as the source of the posts (`archive.feed`). A run downloads it first if it changed, and stores its entries as files
//! in the folder of posts. The later steps read that folder as usual.
//!
//! Downloads use the guarded downloader only, and not before the time that the server asked for. A feed that cannot be downloaded, or not be read within a minute, removes no post.
//! All of it is done before a run locks the ledger.

mod state;

use std::collections::BTreeSet;
use std::fs::{self, File};
use std::io;
use std::sync::Arc;
use std::time::Duration;

use camino::{Utf8Path, Utf8PathBuf};

use crate::archive::folder;
use crate::config::Config;
use crate::durable::{self, Mode};
use crate::finding::Finding;
use crate::importers::feed;
use crate::importers::feed_archive::{self, ArchiveUpdate, PageRegistry};
use crate::net::budget;
use crate::net::http::{Download, Fetched, Validators};
use crate::pipeline::session::context::RunContext;
use crate::pipeline::session::run_error::RunError;
use crate::schedule::identity::SourceGuids;
use state::{FeedState, Unavailable, Version};

/// Limit for a feed that contains every post ever published.
const MAX_FEED: usize = 64 << 20;

/// What a run does whose feed is not available.
pub(crate) const USES_STORED: &str = "this run uses the stored entries; no post is removed";

/// Time limit for the whole download: DNS lookup, connection, body.
const TIMEOUT: Duration = Duration::from_secs(60);

/// The result of a download.
#[derive(Debug, Default)]
pub struct FetchReport {
    /// Problems to report.
    pub findings: Vec<Finding>,
    /// The feed could not be downloaded; its stored entries are used.
    pub is_stale: bool,
    /// Number of new entries.
    pub new: usize,
    /// Number of entries with another text or title than before.
    pub edited: usize,
    /// Number of entries that were retracted.
    pub retracted: usize,
}

impl FetchReport {
    /// What changed, if anything did.
    pub fn changes(&self) -> Option<String> {
        let parts = [(self.new, "new"), (self.edited, "edited"), (self.retracted, "retracted")];
        let parts: Vec<String> = parts
            .into_iter()
            .filter(|(number, _)| *number > 0)
            .map(|(number, what)| format!("{number} {what}"))
            .collect();
        (!parts.is_empty()).then(|| format!("source: {}", parts.join(", ")))
    }
}

/// Downloads the source feed, if one is configured, and stores its new entries. The first download must succeed; later
/// runs can use the stored entries.
pub async fn fetch_posts(context: &RunContext) -> Result<FetchReport, RunError> {
    let config = &context.config;
    let Some(feed) = &config.archive.feed else { return Ok(FetchReport::default()) };
    // What is printed and written; the whole address is used to download only.
    let source = &feed.to_string();
    let _lock = lock(config).await?;
    let ledger = read_ledger(config)?;
    refuse_other_posts(config, source, &ledger)?;
    let missing = missing(config, &ledger);
    let mut state = FeedState::read(config, source);
    if let Some(why) = state.paused(config, context.clock.now()) {
        return stale(config, &ledger, source, why);
    }
    // If a stored file is missing, the feed must be downloaded even if it has not changed.
    let known = state.version.clone().filter(|_| !ledger.window.is_empty() && missing.is_empty());
    let Response { document, moved } = match fetch(context, feed.expose(), known.as_ref(), &mut state).await {
        Ok(response) => response,
        Err(why) => return stale(config, &ledger, source, why),
    };
    state.pause = None;
    let mut findings: Vec<Finding> = state.record_move(moved).into_iter().collect();
    if let Some(document) = &document {
        state.version = Some(document.version.clone());
    }
    let is_new = |document: &Document| known.is_none_or(|known| known.digest != document.version.digest);
    let Some(document) = document.filter(is_new) else {
        state.write(config);
        return Ok(FetchReport { findings, ..FetchReport::default() });
    };
    let ledger = Arc::new(ledger);
    let merged = match merge(context, source, &ledger, missing.clone(), document).await {
        Ok(merged) => merged,
        Err(why) => return stale(config, &ledger, source, why.into()),
    };
    FeedState::clear(config);
    store_entries(config, &ledger, &merged)
        .map_err(|error| RunError::io("storing the entries of the feed", error))?;
    state.write(config);
    let known: BTreeSet<&str> = ledger.files().collect();
    let (old, new): (Vec<&String>, Vec<&String>) =
        merged.write.keys().partition(|file| known.contains(file.as_str()));
    let edited = old.into_iter().filter(|file| !missing.contains(*file)).count();
    let (new, retracted) = (new.len(), merged.remove.len());
    findings.extend(merged.findings);
    Ok(FetchReport { findings, is_stale: false, new, edited, retracted })
}

/// Reads the feed and merges its entries; as error the reason why it cannot be used.
async fn merge(
    context: &RunContext,
    source: &str,
    ledger: &Arc<PageRegistry>,
    missing: BTreeSet<String>,
    document: Document,
) -> Result<ArchiveUpdate, String> {
    let (config, ledger, source) = (Arc::clone(&context.config), Arc::clone(ledger), source.to_owned());
    let now = context.clock.now();
    let work = move || {
        let Document { bytes, media_type, .. } = document;
        let feed =
            feed::read_served(&bytes, media_type.as_deref(), &source).map_err(|finding| finding.message)?;
        if feed.entries.is_empty() {
            return Err("the feed has no entries".to_owned());
        }
        Ok(feed_archive::merge(&ledger, feed, &missing, (&config, &source), now))
    };
    budget::within(budget::LONGEST, work).await.unwrap_or_else(|slow| Err(slow.to_string()))
}

/// The new address of a feed that moved permanently, for commands that do not download it.
pub fn moved(config: &Config) -> Option<Finding> {
    FeedState::read(config, &config.archive.feed.as_ref()?.to_string()).moved()
}

/// A note if the source feed was never downloaded, for commands that do not download it.
pub fn never_fetched(config: &Config) -> Option<Finding> {
    let source = config.archive.feed.as_ref()?;
    let ledger = config.resolve(&config.archive.posts).join(feed_archive::FILE);
    let hint = "`letterpress build` downloads it; then its posts can be checked";
    (!ledger.exists()).then(|| {
        Finding::note("feed-archive", source.to_string(), "the feed was not downloaded yet").hint(hint)
    })
}

/// The ids and URLs of entries that were removed from the source feed. The removal needs no confirmation: the author of
/// the feed decided it.
pub(crate) fn withdrawn(config: &Config) -> BTreeSet<String> {
    let ledger = config.archive.feed.as_ref().and_then(|_| read_ledger(config).ok()).unwrap_or_default();
    let gone = ledger.entries.into_values().filter(|known| known.taken_back);
    gone.flat_map(|known| known.id.into_iter().chain([known.url])).collect()
}

/// Which entries have a guid of their own, and which of these the feed contained when it was last read.
pub(crate) fn source_guids(config: &Config) -> SourceGuids {
    let ledger = config.archive.feed.as_ref().and_then(|_| read_ledger(config).ok()).unwrap_or_default();
    let in_feed = ledger.window.iter().filter_map(|key| ledger.entries.get(key)?.id.clone());
    SourceGuids {
        present: in_feed.collect(),
        all: ledger.entries.values().filter_map(|known| known.id.clone()).collect(),
        ..SourceGuids::default()
    }
}

/// Only one run at a time downloads the feed; the others wait, because a download is short.
async fn lock(config: &Config) -> Result<File, RunError> {
    let path = config.resolve(".letterpress/feed.lock");
    let locked = tokio::task::spawn_blocking(move || {
        fs::create_dir_all(path.parent().unwrap_or(&path))?;
        let file = File::options().create(true).append(true).open(&path)?;
        file.lock()?;
        Ok(file)
    });
    let locked = locked.await.unwrap_or_else(|error| Err(io::Error::other(error)));
    locked.map_err(|error| RunError::io("locking .letterpress/feed.lock", error))
}

fn ledger_file(config: &Config) -> Utf8PathBuf {
    config.archive.posts.join(feed_archive::FILE)
}

fn read_ledger(config: &Config) -> Result<PageRegistry, RunError> {
    let file = ledger_file(config);
    match fs::read_to_string(config.resolve(&file)) {
        Ok(text) => {
            PageRegistry::parse(&text, file.as_str()).map_err(|finding| RunError::Findings(vec![finding]))
        }
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(PageRegistry::default()),
        Err(error) => Err(RunError::io(format!("reading {file}"), error)),
    }
}

/// Refuses a folder with other posts: with two sources, names could collide and removals would be ambiguous.
fn refuse_other_posts(config: &Config, source: &str, ledger: &PageRegistry) -> Result<(), RunError> {
    let own: BTreeSet<&str> = ledger.files().collect();
    let others = folder::paths(config);
    let Some(other) = others.iter().find(|path| !own.contains(path.as_str())) else { return Ok(()) };
    let posts = &config.archive.posts;
    let message = format!("this file is not an entry of {source}, the source of the posts (archive.feed)");
    let hint = format!(
        "move it out of {posts}/, or configure another folder: `posts = \"kept\"` in [archive] of config.toml"
    );
    let finding = Finding::error("feed-archive", posts.join(other).as_str(), message).hint(hint);
    Err(RunError::Findings(vec![finding]))
}

fn missing(config: &Config, ledger: &PageRegistry) -> BTreeSet<String> {
    let folder = config.resolve(&config.archive.posts);
    ledger.files().filter(|file| !folder.join(file).exists()).map(str::to_owned).collect()
}

/// The answer to a request.
struct Response {
    /// `None` if the feed has not changed.
    document: Option<Document>,
    /// The new address, after a permanent redirect.
    moved: Option<String>,
}

/// A feed as it was sent.
struct Document {
    bytes: Vec<u8>,
    media_type: Option<String>,
    version: Version,
}

impl Document {
    fn new(bytes: Vec<u8>, media_type: Option<String>, validators: Validators) -> Self {
        let version = Version::new(&bytes, media_type.as_deref(), validators);
        Self { bytes, media_type, version }
    }
}

/// Reads or downloads the feed. If the server refuses, `state` records how long it must be left alone.
async fn fetch(
    context: &RunContext,
    source: &str,
    known: Option<&Version>,
    state: &mut FeedState,
) -> Result<Response, Unavailable> {
    let config = &context.config;
    if !source.starts_with("http://") && !source.starts_with("https://") {
        let bytes = read_file(&config.resolve(source)).map_err(|error| format!("cannot be read: {error}"))?;
        let document = Some(Document::new(bytes, None, Validators::default()));
        return Ok(Response { document, moved: None });
    }
    let mut download = Download::default();
    (download.max_bytes, download.timeout) = (MAX_FEED, TIMEOUT);
    (download.allow_private_host, download.site) = (config.archive.feed_private, config.public_site());
    match download.fetch(source, known.map(|known| &known.validators)).await {
        Ok(Fetched::NotModified { moved }) => Ok(Response { document: None, moved: moved.map(String::from) }),
        Ok(Fetched::Document(body)) => {
            let document = Some(Document::new(body.bytes, body.media_type, body.validators));
            Ok(Response { document, moved: body.moved.map(String::from) })
        }
        Err(error) => Err(state.record_refusal(config, &error, context.clock.now())),
    }
}

fn read_file(path: &Utf8Path) -> io::Result<Vec<u8>> {
    if path.metadata()?.len() > MAX_FEED as u64 {
        return Err(io::Error::other("the feed is larger than 64 MB"));
    }
    fs::read(path)
}

/// Continues with the stored entries, or fails if there are none.
fn stale(
    config: &Config,
    ledger: &PageRegistry,
    source: &str,
    unavailable: Unavailable,
) -> Result<FetchReport, RunError> {
    let Unavailable { why, advice } = unavailable;
    if ledger.entries.is_empty() {
        let help = if config.archive.feed_private {
            "check that archive.feed is the address of the feed, and that this machine can open it"
        } else {
            "check that it opens in a browser; an address in your own network needs `feed_private = true` in [archive]"
        };
        return Err(RunError::user(
            format!("cannot use the source feed {source}: {why}"),
            advice.unwrap_or(help),
        ));
    }
    let hint = advice.map_or_else(|| USES_STORED.to_owned(), |advice| format!("{advice}; {USES_STORED}"));
    let findings = vec![Finding::warning("feed-archive", source, why).hint(hint)];
    Ok(FetchReport { findings, is_stale: true, ..FetchReport::default() })
}

/// Removes and edits files before the ledger records it, and creates files afterwards, so that every file has a line in the
/// ledger. After a crash the next run completes the rest.
fn store_entries(config: &Config, before: &PageRegistry, merged: &ArchiveUpdate) -> io::Result<()> {
    let folder = config.resolve(&config.archive.posts);
    fs::create_dir_all(&folder)?;
    for file in &merged.remove {
        remove(&folder.join(file))?;
    }
    let known: BTreeSet<&str> = before.files().collect();
    let (edited, fresh): (Vec<_>, Vec<_>) =
        merged.write.iter().partition(|(name, _)| known.contains(name.as_str()));
    for (name, contents) in edited {
        write(&folder, name, contents.as_bytes())?;
    }
    if *before != merged.ledger {
        write(&folder, feed_archive::FILE, merged.ledger.to_text().as_bytes())?;
    }
    for (name, contents) in fresh {
        write(&folder, name, contents.as_bytes())?;
    }
    durable::sync_folder(&folder)
}

fn remove(path: &Utf8Path) -> io::Result<()> {
    match fs::remove_file(path) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => Err(error),
        _ => Ok(()),
    }
}

/// Replaces a file atomically; a file with the same content is not touched.
fn write(folder: &Utf8Path, name: &str, bytes: &[u8]) -> io::Result<()> {
    let path = folder.join(name);
    if fs::read(&path).is_ok_and(|there| there == bytes) {
        return Ok(());
    }
    // One sync of the folder at the end serves all the posts of a feed.
    durable::stage(&path, bytes, Mode::Umask)?.rename(&path)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn merged(before: &PageRegistry, items: &str, config: &Config) -> ArchiveUpdate {
        let text = format!("<rss version=\"2.0\"><channel><title>t</title>{items}</channel></rss>");
        let feed = feed::read(text.as_bytes(), "feed").unwrap();
        let now = chrono::DateTime::from_timestamp(1_800_000_000, 0).unwrap();
        feed_archive::merge(before, feed, &BTreeSet::new(), (config, "feed"), now)
    }

    fn item(id: &str, text: &str) -> String {
        format!("<item><guid>urn:x:{id}</guid><title>{id}</title><description>{text}</description></item>")
    }

    #[test]
    fn a_crash_at_the_ledger_loses_no_edit_and_leaves_no_file_without_a_line() {
        let root = tempfile::tempdir().unwrap();
        let root = Utf8Path::from_path(root.path()).unwrap();
        let text = "[site]\ntitle = \"t\"\nurl = \"https://example.com\"\n";
        let config = crate::config::parse(text, "config.toml", root).unwrap();
        let first = merged(&PageRegistry::default(), &item("a", "one"), &config);
        store_entries(&config, &PageRegistry::default(), &first).unwrap();
        let second = merged(&first.ledger, &[item("b", "new"), item("a", "two")].concat(), &config);
        assert_eq!(second.write.len(), 2);
        // A folder with the name of the ledger makes writing it fail.
        let ledger = root.join("posts").join(feed_archive::FILE);
        fs::remove_file(&ledger).unwrap();
        fs::create_dir(&ledger).unwrap();
        store_entries(&config, &first.ledger, &second).unwrap_err();
        let paths = folder::paths(&config);
        assert_eq!(
            paths.iter().map(|path| path.as_str()).collect::<Vec<_>>(),
            first.ledger.files().collect::<Vec<_>>()
        );
        assert!(fs::read_to_string(root.join("posts").join(&paths[0])).unwrap().contains("two"));
        fs::remove_dir(&ledger).unwrap();
        store_entries(&config, &first.ledger, &second).unwrap();
        assert_eq!(folder::paths(&config).len(), 2);
    }
}
