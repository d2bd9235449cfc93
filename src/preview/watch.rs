//! Notices changed files, and brings the posts in memory up to date.
//!
//! The system reports changes inside the watched folders. It does not report that a watched folder itself was replaced, as a checkout of
//! another branch does, nor, for a moment, files in a new folder; so folders are compared with what was watched twice a second.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;

use camino::{Utf8Path, Utf8PathBuf};
use notify::{Event, EventKind, RecursiveMode, Watcher};
use tokio::sync::mpsc;

use super::changes::{Batch, Changes, Layout};
use super::desk::Desk;
use crate::config::Config;
use crate::platform::FileIdentity;

/// An editor that replaces a file makes several changes; the last of them counts.
const QUIET: Duration = Duration::from_millis(15);
/// The longest wait for quiet.
const LONGEST_WAIT: Duration = Duration::from_millis(120);
/// How often the watched folders are compared.
const CHECK: Duration = Duration::from_millis(500);
/// How often files are compared in a folder that the system cannot watch.
const POLL: Duration = Duration::from_secs(1);
/// How many changes wait to be read; with more, everything is read again.
const MOST: usize = 4_096;

/// Changes that were noticed and not handled yet.
pub(super) struct Watching {
    folders: Folders,
    events: mpsc::Receiver<Event>,
}

impl Watching {
    /// Begins to watch. This comes before the first reading, so that no change falls between them. `log` gets a line if the system
    /// cannot watch a folder.
    pub(super) fn begin(config: &Config, log: Log) -> Self {
        let (sender, events) = mpsc::channel(MOST);
        let mut folders = Folders::new(sender, log);
        folders.follow(&Layout::of(config));
        Self { folders, events }
    }
}

/// Handles changes until it is dropped.
pub(super) async fn watch(desk: Arc<Desk>, watching: Watching) {
    let Watching { mut folders, mut events } = watching;
    let mut layout = desk.layout().await;
    let mut ticks = tokio::time::interval(CHECK);
    ticks.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
    loop {
        let mut changes = Changes::default();
        tokio::select! {
            event = events.recv() => {
                let Some(event) = event else { return };
                let batch = batch(event, &mut events).await;
                desk.note(&batch, &layout, &mut changes).await;
            }
            _ = ticks.tick() => changes.archive = folders.follow(&layout),
        }
        if changes.is_empty() {
            continue;
        }
        desk.apply(changes).await;
        layout = desk.layout().await;
        folders.follow(&layout);
    }
}

/// The paths of an event and of those that follow at once.
async fn batch(first: Event, events: &mut mpsc::Receiver<Event>) -> Batch {
    let mut paths = Some(Vec::new());
    add(first, &mut paths);
    let until = tokio::time::Instant::now() + LONGEST_WAIT;
    while let Ok(Some(event)) =
        tokio::time::timeout_at(until.min(tokio::time::Instant::now() + QUIET), events.recv()).await
    {
        add(event, &mut paths);
    }
    paths
}

fn add(event: Event, batch: &mut Batch) {
    if event.need_rescan() {
        *batch = None;
    }
    if let Some(paths) = batch {
        paths.extend(event.paths.into_iter().filter_map(|path| Utf8PathBuf::from_path_buf(path).ok()));
    }
}

/// Takes a line for the writer.
pub(super) type Log = Box<dyn Fn(&str) + Send + Sync>;

/// The watched folders.
struct Folders {
    watchers: [Option<Box<dyn Watcher + Send + Sync>>; 2],
    watched: HashMap<Utf8PathBuf, Option<FileIdentity>>,
    log: Log,
}

impl Folders {
    fn new(sender: mpsc::Sender<Event>, log: Log) -> Self {
        let handler = move |event: notify::Result<Event>| {
            let mut event =
                event.unwrap_or_else(|_| Event::new(EventKind::Other).set_flag(notify::event::Flag::Rescan));
            // Reading a file is reported too.
            if matches!(event.kind, EventKind::Access(_)) {
                return;
            }
            // A full channel is emptied by a task that reads everything again.
            while let Err(mpsc::error::TrySendError::Full(_)) = sender.try_send(event) {
                event = Event::new(EventKind::Other).set_flag(notify::event::Flag::Rescan);
                std::thread::sleep(QUIET);
            }
        };
        let polled = notify::Config::default().with_poll_interval(POLL);
        let system = notify::recommended_watcher(handler.clone());
        let polling = notify::PollWatcher::new(handler, polled);
        Self {
            watchers: [
                system.ok().map(|watcher| Box::new(watcher) as Box<dyn Watcher + Send + Sync>),
                polling.ok().map(|watcher| Box::new(watcher) as Box<dyn Watcher + Send + Sync>),
            ],
            watched: HashMap::new(),
            log,
        }
    }

    /// Watches the folders of `layout`; whether one of them is not the folder that was watched before.
    fn follow(&mut self, layout: &Layout) -> bool {
        let mut is_replaced = false;
        for (folder, is_deep) in layout.folders() {
            let identity = identity(&folder);
            let before = self.watched.get(&folder).copied();
            if before == Some(identity) {
                continue;
            }
            is_replaced |= before.is_some();
            self.unwatch(&folder);
            if identity.is_some() {
                self.begin(&folder, is_deep);
            }
            self.watched.insert(folder, identity);
        }
        is_replaced
    }

    fn begin(&mut self, folder: &Utf8Path, is_deep: bool) {
        let mode = if is_deep { RecursiveMode::Recursive } else { RecursiveMode::NonRecursive };
        let (mut refusal, mut is_watched) = (None, false);
        for watcher in self.watchers.iter_mut().flatten() {
            match watcher.watch(folder.as_std_path(), mode) {
                Ok(()) => is_watched = true,
                Err(error) => refusal = Some(error),
            }
            if is_watched {
                break;
            }
            // What was watched before the limit would be reported twice.
            let _ = watcher.unwatch(folder.as_std_path());
        }
        if let Some(error) = refusal {
            let instead =
                if is_watched { "is compared once a second" } else { "is not watched; reload the page" };
            (self.log)(&format!("{folder} {instead}, because the system cannot watch it: {error}"));
        }
    }

    fn unwatch(&mut self, folder: &Utf8Path) {
        for watcher in self.watchers.iter_mut().flatten() {
            // Not watched by this one, or gone with its folder.
            let _ = watcher.unwatch(folder.as_std_path());
        }
    }
}

fn identity(folder: &Utf8Path) -> Option<FileIdentity> {
    folder.metadata().ok().filter(std::fs::Metadata::is_dir).map(|meta| FileIdentity::of(&meta))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn layout(root: &Utf8Path) -> Layout {
        let text = "[site]\ntitle = \"a\"\nurl = \"https://a.example/\"\n";
        Layout::of(&crate::config::parse(text, "config.toml", root).unwrap())
    }

    async fn next(events: &mut mpsc::Receiver<Event>) -> Vec<Utf8PathBuf> {
        let first = tokio::time::timeout(Duration::from_secs(10), events.recv()).await.unwrap().unwrap();
        batch(first, events).await.unwrap()
    }

    #[tokio::test]
    async fn a_file_replaced_by_a_rename_and_a_folder_made_again_are_noticed() {
        let folder = tempfile::tempdir().unwrap();
        let root = Utf8Path::from_path(folder.path()).unwrap();
        let posts = root.join("posts");
        std::fs::create_dir(&posts).unwrap();
        std::fs::write(posts.join("a.md"), "one").unwrap();
        let (sender, mut events) = mpsc::channel(MOST);
        let mut folders = Folders::new(sender, Box::new(|_: &str| {}));
        assert!(!folders.follow(&layout(root)) && !folders.follow(&layout(root)));

        std::fs::write(posts.join(".a.tmp"), "two").unwrap();
        std::fs::rename(posts.join(".a.tmp"), posts.join("a.md")).unwrap();
        assert!(next(&mut events).await.contains(&posts.join("a.md")));

        std::fs::rename(&posts, root.join("old")).unwrap();
        std::fs::create_dir(&posts).unwrap();
        assert!(folders.follow(&layout(root)), "it is another folder");
        while events.try_recv().is_ok() {}
        std::fs::write(posts.join("b.md"), "new").unwrap();
        assert!(next(&mut events).await.contains(&posts.join("b.md")));
    }

    #[tokio::test]
    async fn reading_a_file_is_no_change() {
        let folder = tempfile::tempdir().unwrap();
        let root = Utf8Path::from_path(folder.path()).unwrap();
        std::fs::create_dir(root.join("posts")).unwrap();
        std::fs::write(root.join("posts/a.md"), "one").unwrap();
        let (sender, mut events) = mpsc::channel(MOST);
        let mut folders = Folders::new(sender, Box::new(|_: &str| {}));
        folders.follow(&layout(root));
        std::fs::read(root.join("posts/a.md")).unwrap();
        let waited = tokio::time::timeout(Duration::from_millis(100), events.recv()).await;
        assert!(waited.is_err(), "{waited:?}");
    }
}
