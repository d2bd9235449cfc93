//! The index of the public folder: names, sizes and times, refreshed at most once a second. Contents are read on their first
//! request.

use std::collections::HashMap;
use std::fs::{self, File, Metadata};
use std::io::Read as _;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::{Duration, SystemTime};

use aws_lc_rs::digest::{Context, SHA256};
use bytes::Bytes;
use camino::Utf8PathBuf;
use tokio::sync::{Mutex, OnceCell};
use tokio::time::Instant;

use super::encoding::Coding;
use super::topic;
use crate::feeds::media_type;
use crate::platform::{self, FileIdentity, FileTime};
use crate::text::hex;

/// How long the index is used before the folder is read again. A slow folder is read less often.
const FRESH_FOR: Duration = Duration::from_secs(1);
/// Reading the folder may take one part in this many of the time.
const SHARE: u32 = 20;
/// Limits of depth and of the number of files.
const DEEPEST: usize = 16;
const MOST: usize = 200_000;
/// Files up to this size are cached, up to `MEMORY` in total.
const SMALL: u64 = 256 * 1024;
const MEMORY: u64 = 64 * 1024 * 1024;
/// Feeds up to this size are parsed for their `Link` headers.
const PARSED: u64 = 16 * 1024 * 1024;
/// A compressed copy may be this much older than its file, because they are written one after the other.
const SKEW: Duration = Duration::from_secs(2);

/// The public folder.
pub(in crate::web) struct Files {
    root: PathBuf,
    cached: Mutex<Option<CachedIndex>>,
}

struct CachedIndex {
    index: Arc<Index>,
    at: Instant,
    took: Duration,
}

/// All files that may be requested, by their path below the folder.
#[derive(Default)]
pub(super) struct Index {
    files: HashMap<String, Arc<Entry>>,
    caches_bytes: bool,
}

/// A regular file.
pub(super) struct Entry {
    path: PathBuf,
    stamp: FileVersion,
    modified: SystemTime,
    caches_bytes: bool,
    metadata: OnceCell<FileMetadata>,
}

/// Equal stamps mean the same file with the same content.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct FileVersion {
    size: u64,
    times: (FileTime, FileTime),
    file: FileIdentity,
}

/// Values derived from a file's content.
pub(super) struct FileMetadata {
    /// The strong entity tag.
    pub(super) tag: String,
    pub(super) media_type: &'static str,
    pub(super) is_feed: bool,
    /// `Link` headers: the feed's own URL and its hub.
    pub(super) links: Vec<String>,
    /// The content, if it is small.
    pub(super) bytes: Option<Bytes>,
}

/// The file has changed since it was indexed.
#[derive(Debug)]
pub(super) struct FileChanged;

/// A file with its compressed copies.
pub(super) struct ListedFile<'a> {
    pub(super) file: &'a Arc<Entry>,
    br: Option<&'a Arc<Entry>>,
    gzip: Option<&'a Arc<Entry>>,
}

impl<'a> ListedFile<'a> {
    pub(super) fn encodings(&self) -> Vec<Coding> {
        [Coding::Brotli, Coding::Gzip].into_iter().filter(|coding| self.encoded(*coding).is_some()).collect()
    }

    pub(super) fn encoded(&self, coding: Coding) -> Option<&'a Arc<Entry>> {
        match coding {
            Coding::Brotli => self.br,
            Coding::Gzip => self.gzip,
        }
    }
}

impl Files {
    pub(in crate::web) fn below(root: Utf8PathBuf) -> Self {
        Self { root: root.into_std_path_buf(), cached: Mutex::new(None) }
    }

    /// The index, at most a second old; `refresh` reads the folder now.
    pub(super) async fn index(&self, refresh: bool) -> Arc<Index> {
        let mut cached = self.cached.lock().await;
        if let Some(cached) = &*cached
            && !refresh
            && cached.at.elapsed() < FRESH_FOR.max(cached.took * SHARE)
        {
            return Arc::clone(&cached.index);
        }
        let before = cached.as_ref().map(|cached| Arc::clone(&cached.index)).unwrap_or_default();
        let (root, known, began) = (self.root.clone(), Arc::clone(&before), Instant::now());
        let refreshed = tokio::task::spawn_blocking(move || Index::of(&root, &known)).await;
        let index = refreshed.map_or(before, Arc::new);
        *cached = Some(CachedIndex { index: Arc::clone(&index), at: Instant::now(), took: began.elapsed() });
        index
    }

    /// Whether a file exists.
    pub(in crate::web) async fn has(&self, path: &str) -> bool {
        self.index(false).await.find(path).is_some()
    }

    /// The values derived from a file's content, read once.
    pub(super) async fn metadata<'a>(&self, entry: &'a Arc<Entry>) -> Result<&'a FileMetadata, FileChanged> {
        entry
            .metadata
            .get_or_try_init(|| async {
                let entry = Arc::clone(entry);
                tokio::task::spawn_blocking(move || entry.read()).await.map_err(|_| FileChanged)?
            })
            .await
    }

    /// Opens the file. Replacing it later does not affect the open file.
    pub(super) async fn open(&self, entry: &Arc<Entry>) -> Result<File, FileChanged> {
        let entry = Arc::clone(entry);
        tokio::task::spawn_blocking(move || entry.open()).await.map_err(|_| FileChanged)?
    }
}

impl Index {
    fn of(root: &Path, before: &Self) -> Self {
        let mut files = HashMap::new();
        if let Ok(root) = root.canonicalize() {
            walk(&root, &root, "", 0, &mut files);
        }
        let small: u64 = files.values().map(|(_, meta)| meta.len()).filter(|size| *size <= SMALL).sum();
        let caches_bytes = small <= MEMORY;
        let entry = |name: &String, (path, meta): (PathBuf, Metadata)| {
            let stamp = FileVersion::of(&meta);
            let known = before.files.get(name).filter(|known| known.stamp == stamp && known.path == path);
            match known {
                Some(known) if before.caches_bytes == caches_bytes => Arc::clone(known),
                _ => Arc::new(Entry {
                    path,
                    stamp,
                    modified: meta.modified().unwrap_or(SystemTime::UNIX_EPOCH),
                    caches_bytes,
                    metadata: OnceCell::new(),
                }),
            }
        };
        let files = files.into_iter().map(|(name, found)| (name.clone(), entry(&name, found))).collect();
        Self { files, caches_bytes }
    }

    /// A file, unless it is the compressed copy of another.
    pub(super) fn find(&self, path: &str) -> Option<ListedFile<'_>> {
        let file = self.files.get(path)?;
        let is_copy = [".br", ".gz"]
            .iter()
            .any(|end| path.strip_suffix(end).is_some_and(|of| self.files.contains_key(of)));
        let copy = |end| self.files.get(&format!("{path}{end}")).filter(|copy| copy.is_of(file));
        (!is_copy).then(|| ListedFile { file, br: copy(".br"), gzip: copy(".gz") })
    }
}

/// Regular files whose name does not start with a dot. A symbolic link is followed only to a file below the folder.
fn walk(
    root: &Path,
    folder: &Path,
    below: &str,
    depth: usize,
    files: &mut HashMap<String, (PathBuf, Metadata)>,
) {
    let Ok(entries) = fs::read_dir(folder) else { return };
    for entry in entries.flatten() {
        let Ok(name) = entry.file_name().into_string() else { continue };
        let Ok(kind) = entry.file_type() else { continue };
        if name.starts_with('.') || files.len() >= MOST {
            continue;
        }
        let named = format!("{below}{name}");
        if kind.is_dir() && depth < DEEPEST {
            walk(root, &entry.path(), &format!("{named}/"), depth + 1, files);
            continue;
        }
        let path = if kind.is_symlink() {
            let Ok(target) = entry.path().canonicalize() else { continue };
            let Ok(inside) = target.strip_prefix(root) else { continue };
            let is_hidden = inside.iter().any(|part| part.as_encoded_bytes().starts_with(b"."));
            if is_hidden {
                continue;
            }
            target
        } else {
            entry.path()
        };
        if let Ok(meta) = fs::symlink_metadata(&path)
            && meta.is_file()
        {
            files.insert(named, (path, meta));
        }
    }
}

impl FileVersion {
    fn of(meta: &Metadata) -> Self {
        Self { size: meta.len(), times: platform::times(meta), file: FileIdentity::of(meta) }
    }
}

impl Entry {
    pub(super) fn size(&self) -> u64 {
        self.stamp.size
    }

    pub(super) fn modified(&self) -> SystemTime {
        self.modified
    }

    /// Whether this compressed copy is up to date.
    fn is_of(&self, file: &Self) -> bool {
        self.modified + SKEW >= file.modified
    }

    fn open(&self) -> Result<File, FileChanged> {
        let file = File::open(&self.path).map_err(|_| FileChanged)?;
        let meta = file.metadata().map_err(|_| FileChanged)?;
        if meta.is_file() && FileVersion::of(&meta) == self.stamp { Ok(file) } else { Err(FileChanged) }
    }

    fn read(&self) -> Result<FileMetadata, FileChanged> {
        let mut file = self.open()?;
        let name = self.path.file_name().and_then(|name| name.to_str()).unwrap_or_default();
        let may_be_feed = matches!(media_type::extension(name), "xml" | "json" | "rss" | "atom" | "opml");
        let whole = self.size() <= SMALL || (may_be_feed && self.size() <= PARSED);
        let mut context = Context::new(&SHA256);
        let mut bytes = Vec::new();
        let mut chunk = vec![0; 64 * 1024];
        let mut read = 0_u64;
        loop {
            let length = file.read(&mut chunk).map_err(|_| FileChanged)?;
            if length == 0 {
                break;
            }
            read += length as u64;
            context.update(&chunk[..length]);
            if whole {
                bytes.extend_from_slice(&chunk[..length]);
            }
        }
        if read != self.size() {
            return Err(FileChanged);
        }
        let about = if may_be_feed && whole { topic::read(&bytes) } else { None };
        let hash = hex(&context.finish().as_ref()[..16]);
        Ok(FileMetadata {
            tag: format!("\"{hash}\""),
            media_type: about.as_ref().map_or_else(|| media_type::of(name), |about| about.media_type),
            is_feed: about.as_ref().is_some_and(|about| about.is_feed),
            links: about.map(|about| about.links).unwrap_or_default(),
            bytes: (self.caches_bytes && self.size() <= SMALL).then(|| bytes.into()),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn index(root: &Path) -> Index {
        Index::of(root, &Index::default())
    }

    #[test]
    fn only_regular_files_below_the_folder_are_listed() {
        let folder = tempfile::tempdir().unwrap();
        let root = folder.path().join("public");
        fs::create_dir_all(root.join("feeds/.hidden")).unwrap();
        for name in
            ["public/rss.xml", "public/feeds/a.xml", "public/.dot", "public/feeds/.hidden/b", "secret"]
        {
            fs::write(folder.path().join(name), name).unwrap();
        }
        std::os::unix::fs::symlink("../secret", root.join("out")).unwrap();
        std::os::unix::fs::symlink("..", root.join("up")).unwrap();
        std::os::unix::fs::symlink("rss.xml", root.join("in.xml")).unwrap();
        std::os::unix::fs::symlink(".dot", root.join("undotted")).unwrap();
        let mut names: Vec<_> = index(&root).files.into_keys().collect();
        names.sort();
        assert_eq!(names, ["feeds/a.xml", "in.xml", "rss.xml"]);
        assert!(index(&root.join("missing")).files.is_empty());
    }

    #[test]
    fn a_replaced_file_is_read_again_and_the_others_are_not() {
        let folder = tempfile::tempdir().unwrap();
        let (a, b) = (folder.path().join("a.xml"), folder.path().join("b.xml"));
        fs::write(&a, "one").unwrap();
        fs::write(&b, "two").unwrap();
        let before = index(folder.path());
        let [old_a, old_b] = ["a.xml", "b.xml"].map(|name| Arc::clone(before.find(name).unwrap().file));
        fs::write(folder.path().join("c"), "ONE").unwrap();
        fs::rename(folder.path().join("c"), &a).unwrap();
        assert!(old_a.read().is_err(), "the old entry does not describe the new file");
        let after = Index::of(folder.path(), &before);
        assert!(!Arc::ptr_eq(after.find("a.xml").unwrap().file, &old_a));
        assert!(Arc::ptr_eq(after.find("b.xml").unwrap().file, &old_b));
    }

    #[test]
    fn an_up_to_date_compressed_copy_is_used_and_an_old_one_is_not() {
        let folder = tempfile::tempdir().unwrap();
        let write = |name: &str, age: u64| {
            fs::write(folder.path().join(name), name).unwrap();
            let time = SystemTime::UNIX_EPOCH + Duration::from_secs(1_800_000_000 - age);
            File::options().write(true).open(folder.path().join(name)).unwrap().set_modified(time).unwrap();
        };
        write("rss.xml", 0);
        write("rss.xml.br", 1);
        write("rss.xml.gz", 60);
        write("alone.gz", 0);
        let index = index(folder.path());
        assert_eq!(index.find("rss.xml").unwrap().encodings(), [Coding::Brotli]);
        assert!(index.find("rss.xml.br").is_none(), "its bytes have no meaning without the coding");
        assert!(index.find("alone.gz").is_some());
    }
}
