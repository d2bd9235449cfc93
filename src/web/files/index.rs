//! The index of the public folder: what there is, with its validators. It is looked over at most once a second, and only
//! when somebody asks; a file is read again only if its size, time or place on the disk changed.

use std::collections::HashMap;
use std::fs::{self, Metadata};
use std::io::Read as _;
use std::os::unix::fs::MetadataExt as _;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use aws_lc_rs::digest::{Context, SHA256};
use camino::{Utf8Path, Utf8PathBuf};
use chrono::{DateTime, Utc};
use tokio::fs::File;

use super::negotiate::{Encoding, media_type};
use crate::text::hex;

/// How long a look over the folder is good for.
const FRESH: Duration = Duration::from_secs(1);
/// So much of a file tells what it is.
const BEGINNING: usize = 1024;
/// Deeper folders are not served.
const DEEPEST: usize = 32;

/// What is known of the folder.
#[derive(Debug)]
pub(super) struct Index {
    folder: Utf8PathBuf,
    known: Mutex<Known>,
    /// Held by whoever looks over the folder; the others wait for what they find.
    looking: tokio::sync::Mutex<()>,
}

#[derive(Debug, Default)]
struct Known {
    looked_at: Option<Instant>,
    files: Arc<HashMap<String, Arc<Indexed>>>,
}

/// A file, and the forms in which it can be sent.
#[derive(Debug)]
pub(super) struct Indexed {
    pub(super) media_type: &'static str,
    pub(super) modified: DateTime<Utc>,
    /// The file itself first; there is always that.
    forms: Vec<Form>,
}

/// One form of a file: itself, or compressed beside itself.
#[derive(Debug)]
pub(super) struct Form {
    pub(super) encoding: Encoding,
    pub(super) etag: String,
    pub(super) size: u64,
    path: Utf8PathBuf,
    seen: Seen,
}

/// By what a file is known again without reading it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Seen {
    inode: u64,
    size: u64,
    seconds: i64,
    nanoseconds: i64,
}

impl Seen {
    fn of(meta: &Metadata) -> Self {
        Self { inode: meta.ino(), size: meta.len(), seconds: meta.mtime(), nanoseconds: meta.mtime_nsec() }
    }
}

impl Indexed {
    pub(super) fn encodings(&self) -> Vec<Encoding> {
        self.forms.iter().map(|form| form.encoding).collect()
    }

    /// The form in `encoding`, or the file itself.
    pub(super) fn form(&self, encoding: Encoding) -> &Form {
        self.forms.iter().find(|form| form.encoding == encoding).unwrap_or(&self.forms[0])
    }
}

impl Index {
    pub(super) fn new(folder: Utf8PathBuf) -> Self {
        Self { folder, known: Mutex::default(), looking: tokio::sync::Mutex::new(()) }
    }

    /// The file at `path`, relative to the folder; a folder is its `index.html`.
    pub(super) async fn find(&self, path: &str) -> Option<Arc<Indexed>> {
        let files = self.files().await;
        let found = files.get(path);
        if found.is_some() || !(path.is_empty() || path.ends_with('/')) {
            return found.cloned();
        }
        files.get(&format!("{path}index.html")).cloned()
    }

    /// The next look is not put off.
    pub(super) async fn expire(&self) {
        let _alone = self.looking.lock().await;
        self.lock().looked_at = None;
    }

    /// Opens a form, if it is still the one that is known.
    pub(super) async fn open(&self, form: &Form) -> Option<File> {
        let file = File::open(&form.path).await.ok()?;
        let meta = file.metadata().await.ok()?;
        (Seen::of(&meta) == form.seen).then_some(file)
    }

    async fn files(&self) -> Arc<HashMap<String, Arc<Indexed>>> {
        if let Some(files) = self.fresh() {
            return files;
        }
        let _alone = self.looking.lock().await;
        // Whoever waited for the lock finds what the one before has found.
        if let Some(files) = self.fresh() {
            return files;
        }
        let (folder, before) = (self.folder.clone(), Arc::clone(&self.lock().files));
        let began = Instant::now();
        let looked = tokio::task::spawn_blocking(move || look_over(&folder, &before)).await;
        let files = Arc::new(looked.unwrap_or_default());
        *self.lock() = Known { looked_at: Some(began), files: Arc::clone(&files) };
        files
    }

    fn fresh(&self) -> Option<Arc<HashMap<String, Arc<Indexed>>>> {
        let known = self.lock();
        known.looked_at.filter(|at| at.elapsed() < FRESH).map(|_| Arc::clone(&known.files))
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, Known> {
        self.known.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Every file of the folder; those that are as they were are not read.
fn look_over(folder: &Utf8Path, before: &HashMap<String, Arc<Indexed>>) -> HashMap<String, Arc<Indexed>> {
    let mut paths = HashMap::new();
    let mut folders = vec![(folder.to_owned(), 0)];
    while let Some((here, depth)) = folders.pop() {
        let Ok(entries) = here.read_dir_utf8() else { continue };
        for entry in entries.flatten().filter(|entry| !entry.file_name().starts_with('.')) {
            // Not followed: a link could lead to the ledger.
            let Ok(meta) = fs::symlink_metadata(entry.path()) else { continue };
            if meta.is_dir() && depth < DEEPEST {
                folders.push((entry.into_path(), depth + 1));
            } else if meta.is_file()
                && let Ok(name) = entry.path().strip_prefix(folder)
            {
                paths.insert(name.to_string(), Seen::of(&meta));
            }
        }
    }
    let siblings = [Encoding::Gzip, Encoding::Brotli];
    let is_sibling = |name: &str| {
        siblings
            .iter()
            .any(|encoding| name.strip_suffix(encoding.suffix()).is_some_and(|base| paths.contains_key(base)))
    };
    let mut files = HashMap::with_capacity(paths.len());
    for (name, seen) in paths.iter().filter(|(name, _)| !is_sibling(name)) {
        let mut wanted = vec![(Encoding::Identity, name.clone(), *seen)];
        wanted.extend(siblings.iter().filter_map(|encoding| {
            let sibling = format!("{name}{}", encoding.suffix());
            // One that is older than its file was made from another.
            let of_it =
                |other: &&Seen| (other.seconds, other.nanoseconds) >= (seen.seconds, seen.nanoseconds);
            paths.get(&sibling).filter(of_it).map(|seen| (*encoding, sibling.clone(), *seen))
        }));
        let same = before.get(name).filter(|known| {
            known.forms.len() == wanted.len()
                && known.forms.iter().zip(&wanted).all(|(form, (_, _, seen))| form.seen == *seen)
        });
        let indexed = same.cloned().or_else(|| read(folder, name, *seen, wanted).map(Arc::new));
        files.extend(indexed.map(|indexed| (name.clone(), indexed)));
    }
    files
}

fn read(folder: &Utf8Path, name: &str, seen: Seen, wanted: Vec<(Encoding, String, Seen)>) -> Option<Indexed> {
    let mut beginning = Vec::new();
    let mut forms = Vec::with_capacity(wanted.len());
    for (encoding, file, seen) in wanted {
        let path = folder.join(file);
        let Some((hash, start)) = hash(&path) else {
            if encoding == Encoding::Identity {
                return None;
            }
            continue;
        };
        if encoding == Encoding::Identity {
            beginning = start;
        }
        let etag = format!("\"{}\"", hash.get(..32).unwrap_or(&hash));
        forms.push(Form { encoding, etag, size: seen.size, path, seen });
    }
    let modified = DateTime::from_timestamp(seen.seconds, 0).unwrap_or_default();
    Some(Indexed { media_type: media_type(name, &beginning), modified, forms })
}

/// SHA-256 of a file in hex, and how it begins.
fn hash(path: &Utf8Path) -> Option<(String, Vec<u8>)> {
    let mut file = fs::File::open(path).ok()?;
    let (mut context, mut buffer, mut beginning) = (Context::new(&SHA256), vec![0; 64 * 1024], Vec::new());
    loop {
        match file.read(&mut buffer) {
            Ok(0) => return Some((hex(context.finish().as_ref()), beginning)),
            Ok(count) => {
                let bytes = buffer.get(..count).unwrap_or_default();
                if beginning.len() < BEGINNING {
                    beginning.extend_from_slice(&bytes[..bytes.len().min(BEGINNING - beginning.len())]);
                }
                context.update(bytes);
            }
            Err(error) if error.kind() == std::io::ErrorKind::Interrupted => {}
            Err(_) => return None,
        }
    }
}
