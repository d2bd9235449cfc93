//! The feed that the posts come from (`archive.feed`): fetched at the beginning of a run, if it changed, and kept as files
//! in the folder of posts. Everything after it reads that folder, as it does where a person writes the posts.
//!
//! Nothing here reaches the network but through the guarded downloader. A feed that cannot be had takes nothing back.

use std::collections::BTreeSet;
use std::fs::{self, File, Permissions};
use std::io::{self, Write as _};
use std::os::unix::fs::PermissionsExt as _;
use std::time::Duration;

use aws_lc_rs::digest::{SHA256, digest};
use camino::{Utf8Path, Utf8PathBuf};
use serde::{Deserialize, Serialize};

use super::{RunError, World};
use crate::archive::folder;
use crate::config::Config;
use crate::finding::Finding;
use crate::importers::download::{Download, Fetched, Validators};
use crate::importers::feed;
use crate::importers::feed_archive::{self, Ledger, Merged};
use crate::text::hex;

/// A feed with everything that was ever written.
const MAX_FEED: usize = 64 << 20;

/// For everything: looking up, connecting, the body.
const PATIENCE: Duration = Duration::from_secs(60);

/// What a look at the feed came to.
#[derive(Debug, Default)]
pub struct Refreshed {
    /// What should be looked at.
    pub findings: Vec<Finding>,
    /// The feed could not be had; what was kept of it stands.
    pub is_stale: bool,
}

/// Fetches the feed that the posts come from, if there is one, and keeps what is new in it. The first time it must be
/// there; later a run goes on with what was kept.
pub async fn refresh(world: &World) -> Result<Refreshed, RunError> {
    let config = &world.config;
    let Some(source) = &config.archive.feed else { return Ok(Refreshed::default()) };
    let _lock = lock(config).await?;
    let ledger = read_ledger(config)?;
    refuse_other_posts(config, source, &ledger)?;
    let missing = missing(config, &ledger);
    let note = Note::read(config).filter(|note| note.source == *source && !ledger.window.is_empty());
    // What is not there any more must be fetched again, whatever the server has seen of us.
    let note = note.filter(|_| missing.is_empty());
    let (bytes, validators) = match fetch(config, source, note.as_ref()).await {
        Ok(None) => return Ok(Refreshed::default()),
        Ok(Some(fetched)) => fetched,
        Err(why) => return stale(&ledger, source, why),
    };
    let next = Note { source: source.clone(), validators, digest: hex(digest(&SHA256, &bytes).as_ref()) };
    if note.as_ref().is_some_and(|note| note.digest == next.digest) {
        if note.as_ref() != Some(&next) {
            next.write(config);
        }
        return Ok(Refreshed::default());
    }
    let feed = match feed::read(&bytes, source) {
        Ok(feed) if feed.entries.is_empty() => return stale(&ledger, source, "it has no entries".to_owned()),
        Ok(feed) => feed,
        Err(finding) => return stale(&ledger, source, finding.message),
    };
    let merged = feed_archive::merge(&ledger, feed, &missing, (config, source), world.clock.now());
    Note::forget(config);
    keep(config, &ledger, &merged).map_err(|error| RunError::io("keeping the entries of the feed", error))?;
    next.write(config);
    Ok(Refreshed { findings: merged.findings, is_stale: false })
}

/// Says that the posts are still to be fetched, where a command reads them and fetches nothing.
pub fn unfetched(config: &Config) -> Option<Finding> {
    let source = config.archive.feed.as_ref()?;
    let ledger = config.resolve(&config.archive.posts).join(feed_archive::FILE);
    let hint = "`letterpress build` fetches it";
    (!ledger.exists()).then(|| Finding::error("feed-archive", source, "nothing was fetched yet").hint(hint))
}

/// The ids and the pages of entries that were taken out of the feed. Their author has decided that already, and nobody is
/// there to say it once more.
pub(super) fn withdrawn(config: &Config) -> BTreeSet<String> {
    let ledger = config.archive.feed.as_ref().and_then(|_| read_ledger(config).ok()).unwrap_or_default();
    let gone = ledger.entries.into_values().filter(|known| known.taken_back);
    gone.flat_map(|known| known.id.into_iter().chain([known.url])).collect()
}

/// One run after the other; a fetch does not last.
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

fn read_ledger(config: &Config) -> Result<Ledger, RunError> {
    let file = ledger_file(config);
    match fs::read_to_string(config.resolve(&file)) {
        Ok(text) => Ledger::parse(&text, file.as_str()).map_err(|finding| RunError::Findings(vec![finding])),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(Ledger::default()),
        Err(error) => Err(RunError::io(format!("reading {file}"), error)),
    }
}

/// Posts have one source. Two would quarrel about names, and nobody could say which of them took a post back.
fn refuse_other_posts(config: &Config, source: &str, ledger: &Ledger) -> Result<(), RunError> {
    let own: BTreeSet<&str> = ledger.files().collect();
    let others = folder::paths(config);
    let Some(other) = others.iter().find(|path| !own.contains(path.as_str())) else { return Ok(()) };
    let posts = &config.archive.posts;
    let message = format!("it is no entry of {source}, from which the posts come (archive.feed)");
    let hint = format!(
        "move it out of {posts}/, or name another folder: `posts = \"kept\"` in [archive] of config.toml"
    );
    let finding = Finding::error("feed-archive", posts.join(other).as_str(), message).hint(hint);
    Err(RunError::Findings(vec![finding]))
}

fn missing(config: &Config, ledger: &Ledger) -> BTreeSet<String> {
    let folder = config.resolve(&config.archive.posts);
    ledger.files().filter(|file| !folder.join(file).exists()).map(str::to_owned).collect()
}

/// Nothing new, or the bytes; else why they cannot be had.
async fn fetch(
    config: &Config,
    source: &str,
    note: Option<&Note>,
) -> Result<Option<(Vec<u8>, Validators)>, String> {
    if !source.starts_with("http://") && !source.starts_with("https://") {
        let bytes =
            read_file(&config.resolve(source)).map_err(|error| format!("it cannot be read: {error}"))?;
        return Ok(Some((bytes, Validators::default())));
    }
    let mut download = Download::default();
    (download.max_bytes, download.timeout) = (MAX_FEED, PATIENCE);
    download.allow_private_host = config.archive.feed_private;
    match download.fetch(source, note.map(|note| &note.validators)).await {
        Ok(Fetched::NotModified) => Ok(None),
        Ok(Fetched::Document(body)) => Ok(Some((body.bytes, body.validators))),
        Err(error) => Err(error.to_string()),
    }
}

fn read_file(path: &Utf8Path) -> io::Result<Vec<u8>> {
    if path.metadata()?.len() > MAX_FEED as u64 {
        return Err(io::Error::other("it is longer than 64 MB"));
    }
    fs::read(path)
}

/// Without anything that was kept there is nothing to go on with.
fn stale(ledger: &Ledger, source: &str, why: String) -> Result<Refreshed, RunError> {
    if ledger.entries.is_empty() {
        return Err(RunError::user(
            format!("the feed that the posts come from cannot be used: {source}: {why}"),
            "see whether it opens in a browser; an address in your own network needs `feed_private = true` in [archive]",
        ));
    }
    let hint = "this run goes on with what was kept of it; nothing counts as taken back";
    let findings = vec![Finding::warning("feed-archive", source, why).hint(hint)];
    Ok(Refreshed { findings, is_stale: true })
}

/// What is gone goes, and an edit is made, before the ledger says so; a new file comes after its line, so that none is ever
/// without one. What a crash leaves undone is found by the next run.
fn keep(config: &Config, before: &Ledger, merged: &Merged) -> io::Result<()> {
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
    File::open(&folder)?.sync_all()
}

fn remove(path: &Utf8Path) -> io::Result<()> {
    match fs::remove_file(path) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => Err(error),
        _ => Ok(()),
    }
}

/// The old file or the new one, never half; what is the same stays untouched.
fn write(folder: &Utf8Path, name: &str, bytes: &[u8]) -> io::Result<()> {
    let path = folder.join(name);
    if fs::read(&path).is_ok_and(|there| there == bytes) {
        return Ok(());
    }
    let mut file = tempfile::Builder::new()
        .prefix(".feed-")
        .permissions(Permissions::from_mode(0o666))
        .tempfile_in(folder)?;
    file.write_all(bytes)?;
    file.as_file().sync_all()?;
    file.persist(path).map_err(|error| error.error)?;
    Ok(())
}

/// What the server said of the version that was kept. Without it the feed is fetched whole, and nothing else is lost.
#[derive(Debug, PartialEq, Eq, Serialize, Deserialize)]
struct Note {
    source: String,
    validators: Validators,
    /// Of the bytes, for servers that send the same again and again.
    digest: String,
}

impl Note {
    fn path(config: &Config) -> Utf8PathBuf {
        config.resolve(".letterpress/feed.json")
    }

    fn read(config: &Config) -> Option<Self> {
        serde_json::from_slice(&fs::read(Self::path(config)).ok()?).ok()
    }

    fn write(&self, config: &Config) {
        let path = Self::path(config);
        if let (Some(folder), Ok(json)) = (path.parent(), serde_json::to_vec(self)) {
            let _ = write(folder, path.file_name().unwrap_or_default(), &json);
        }
    }

    /// While files are written, no note may say that they are there.
    fn forget(config: &Config) {
        let _ = fs::remove_file(Self::path(config));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn merged(before: &Ledger, items: &str, config: &Config) -> Merged {
        let text = format!("<rss version=\"2.0\"><channel><title>t</title>{items}</channel></rss>");
        let feed = feed::read(text.as_bytes(), "feed").unwrap();
        let now = chrono::DateTime::from_timestamp(1_800_000_000, 0).unwrap();
        feed_archive::merge(before, feed, &BTreeSet::new(), (config, "feed"), now)
    }

    fn item(id: &str, text: &str) -> String {
        format!("<item><guid>urn:x:{id}</guid><title>{id}</title><description>{text}</description></item>")
    }

    #[test]
    fn a_run_that_dies_at_the_ledger_has_lost_no_edit_and_left_no_file_without_a_line() {
        let root = tempfile::tempdir().unwrap();
        let root = Utf8Path::from_path(root.path()).unwrap();
        let text = "[site]\ntitle = \"t\"\nurl = \"https://example.com\"\n";
        let config = crate::config::parse(text, "config.toml", root).unwrap();
        let first = merged(&Ledger::default(), &item("a", "one"), &config);
        keep(&config, &Ledger::default(), &first).unwrap();
        let second = merged(&first.ledger, &[item("b", "new"), item("a", "two")].concat(), &config);
        assert_eq!(second.write.len(), 2);
        // A folder in its place is a ledger that cannot be written.
        let ledger = root.join("posts").join(feed_archive::FILE);
        fs::remove_file(&ledger).unwrap();
        fs::create_dir(&ledger).unwrap();
        keep(&config, &first.ledger, &second).unwrap_err();
        let paths = folder::paths(&config);
        assert_eq!(
            paths.iter().map(|path| path.as_str()).collect::<Vec<_>>(),
            first.ledger.files().collect::<Vec<_>>()
        );
        assert!(fs::read_to_string(root.join("posts").join(&paths[0])).unwrap().contains("two"));
        fs::remove_dir(&ledger).unwrap();
        keep(&config, &first.ledger, &second).unwrap();
        assert_eq!(folder::paths(&config).len(), 2);
    }
}
