//! The only writer of the public folder: a client sees the old document or the new one, never a part. It neither changes nor
//! removes files that it did not write in this run.

mod frozen;

use std::collections::{BTreeMap, BTreeSet};
use std::fs::{self, File};
use std::io::{self, BufRead, BufReader, Write};

use camino::{Utf8Component, Utf8Path, Utf8PathBuf};
use rayon::prelude::*;

use super::{Document, compression};
use crate::config::Compression;
use crate::crash;
use crate::durable::{self, Batch, Mode, Partial, Staged};
use crate::platform;

pub use frozen::{ExistingPages, existing_pages};

/// The name of temporary files, by which a later run recognises them.
const PREFIX: &str = ".letterpress-";
const SUFFIX: &str = ".tmp";

/// The changes of a run in the public folder.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct WriteReport {
    /// The files that are new or have new bytes, as [`Document::path`] names them, in the order given.
    pub written: Vec<Utf8PathBuf>,
    /// Every file: the documents and their compressed copies.
    pub files: Vec<Utf8PathBuf>,
    /// How many files already had the same bytes and were not touched.
    pub unchanged: usize,
}

/// Why the public folder could not be updated. Documents are unchanged unless the error says otherwise.
#[derive(Debug, thiserror::Error)]
pub enum OutputError {
    /// The operating system reported an error.
    #[error("cannot {action} {path}: {source}{}", hint(.source))]
    Refused {
        /// What was tried.
        action: &'static str,
        /// On what.
        path: Utf8PathBuf,
        /// The error of the operating system.
        source: io::Error,
    },
    /// The path or a symbolic link on it leads out of the public folder.
    #[error(
        "{path} leads out of {directory}, and nothing is written there\n    \
         help: remove the symbolic link, or let `output.directory` name the folder it leads to"
    )]
    Outside {
        /// The path of the document, up to the link.
        path: Utf8PathBuf,
        /// The public folder.
        directory: Utf8PathBuf,
    },
    /// The system has no such file names.
    #[error(
        "{0} cannot be written: Windows has no file of this name\n    help: give the post another slug, or build on another system"
    )]
    Unnameable(Utf8PathBuf),
    /// Another kind of file is in the place of a folder or a document.
    #[error("{path} is {found}, and {wanted} must be there\n    help: move it away")]
    InTheWay {
        /// The path.
        path: Utf8PathBuf,
        /// What exists.
        found: &'static str,
        /// What is expected.
        wanted: &'static str,
    },
}

fn hint(error: &io::Error) -> &'static str {
    match error.kind() {
        io::ErrorKind::StorageFull => {
            "\n    help: the disk is full; `df` shows how full. Free some space and run again"
        }
        io::ErrorKind::QuotaExceeded => "\n    help: your quota is used up. Free some space and run again",
        io::ErrorKind::PermissionDenied => {
            "\n    help: let the user that runs Letterpress write there, or change `output.directory`"
        }
        io::ErrorKind::ReadOnlyFilesystem => {
            "\n    help: the file system is mounted read-only; change `output.directory`"
        }
        _ => "",
    }
}

fn refused(action: &'static str, path: &Utf8Path) -> impl FnOnce(io::Error) -> OutputError {
    move |source| OutputError::Refused { action, path: path.to_owned(), source }
}

impl WriteReport {
    /// The sum of both.
    #[must_use]
    pub fn and(mut self, more: Self) -> Self {
        self.written.extend(more.written);
        self.files.extend(more.files);
        self.unchanged += more.unchanged;
        self
    }
}

/// A file to write: a document or a compressed copy.
struct WriteTask<'d> {
    path: Utf8PathBuf,
    target: Utf8PathBuf,
    document: &'d [u8],
    compression: Option<Compression>,
}

impl WriteTask<'_> {
    fn is_done(&self) -> Result<bool, OutputError> {
        match self.compression {
            None => has_bytes(&self.target, self.document),
            Some(compression) => match File::open(&self.target) {
                Ok(file) => Ok(compression::is_copy(compression, file, self.document)),
                Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(false),
                Err(error) => Err(refused("read", &self.target)(error)),
            },
        }
    }

    fn stage(&self, batch: Batch) -> Result<(Staged, Utf8PathBuf), OutputError> {
        let staged = match self.compression {
            None => stage(&self.target, self.document, batch),
            Some(compression) => {
                stage(&self.target, &compression::compress(compression, self.document), batch)
            }
        };
        Ok((staged?, self.target.clone()))
    }
}

/// Updates `directory` with `documents` and their compressed copies. Copies that are not configured are removed, because a web
/// server would prefer them to the document.
///
/// Every changed document is first written whole and synced under a temporary name, and only then is each renamed
/// into place: a disk that fills up half-way leaves every old file as it was. Many files are synced together.
pub fn write(
    directory: &Utf8Path,
    documents: &[Document],
    compress: &[Compression],
) -> Result<WriteReport, OutputError> {
    let mut folders = Folders::open(directory)?;
    let alone = alone_in(&folders.root);
    let (mut tasks, mut stale) = (Vec::new(), Vec::new());
    for document in documents {
        let (path, bytes) = (&document.path, document.bytes.as_slice());
        let target = folders.target(path)?;
        for compression in compression::ALL {
            let path = copy_of(path, compression);
            if compress.contains(&compression) {
                let target = folders.target(&path)?;
                tasks.push(WriteTask { path, target, document: bytes, compression: Some(compression) });
            } else {
                stale.push(copy_of(&target, compression));
            }
        }
        tasks.push(WriteTask { path: path.clone(), target, document: bytes, compression: None });
    }
    let done: Vec<bool> = tasks.par_iter().map(WriteTask::is_done).collect::<Result<_, _>>()?;
    let files: Vec<Utf8PathBuf> = tasks.iter().map(|task| task.path.clone()).collect();
    let changed: Vec<WriteTask<'_>> =
        tasks.into_iter().zip(done).filter(|(_, done)| !done).map(|(task, _)| task).collect();
    if alone.is_some() {
        folders.sweep()?;
    }
    let batch = Batch::of(changed.len());
    let staged: Vec<(Staged, Utf8PathBuf)> =
        changed.par_iter().map(|task| task.stage(batch)).collect::<Result<_, OutputError>>()?;
    if batch == Batch::FileSystem {
        folders.sync_file_system()?;
    }
    let renamed = staged.into_iter().try_for_each(|(temporary, target)| {
        folders.touch(&target);
        let renamed = temporary.rename(&target);
        crash::point("feed-renamed");
        renamed.map_err(refused("put the new document in the place of", &target))
    });
    let removed = renamed.and_then(|()| stale.iter().try_for_each(|copy| folders.remove(copy)));
    // Also after a failure, so that the completed renames are durable.
    match batch {
        Batch::FileSystem => folders.sync_file_system()?,
        Batch::EachFile => folders.sync()?,
    }
    removed?;
    Ok(WriteReport {
        unchanged: files.len() - changed.len(),
        written: changed.into_iter().map(|task| task.path).collect(),
        files,
    })
}

/// Copies files into `directory`: paths below it, each with the file that is copied. Each is written whole under a temporary
/// name before it takes its place.
pub fn copy(directory: &Utf8Path, files: &[(Utf8PathBuf, Utf8PathBuf)]) -> Result<(), OutputError> {
    let mut folders = Folders::open(directory)?;
    let _alone = alone_in(&folders.root);
    for (path, source) in files {
        let target = folders.target(path)?;
        let staged = stage_from(&target, Batch::EachFile, |staged| {
            let mut source = File::open(source)?;
            io::copy(&mut source, staged).map(|_| ())
        })?;
        folders.touch(&target);
        staged.rename(&target).map_err(refused("put the copy in the place of", &target))?;
    }
    folders.sync()
}

/// The compressed copies of the document at `path`.
pub fn compressed(path: &Utf8Path, compress: &[Compression]) -> Vec<Utf8PathBuf> {
    compression::ALL.into_iter().filter(|way| compress.contains(way)).map(|way| copy_of(path, way)).collect()
}

/// The name of a compressed copy of the document at `path`.
fn copy_of(path: &Utf8Path, compression: Compression) -> Utf8PathBuf {
    Utf8PathBuf::from(format!("{path}.{}", compression::ending(compression)))
}

/// An existing page as a document that can be written again.
pub fn reread(directory: &Utf8Path, path: &Utf8Path) -> Result<Document, OutputError> {
    let file = directory.join(path);
    let bytes = fs::read(&file).map_err(refused("read", &file))?;
    Ok(Document { path: path.to_owned(), media_type: "application/octet-stream", bytes })
}

/// The folders on the paths of the documents, each examined once.
struct Folders {
    directory: Utf8PathBuf,
    /// The public folder with symbolic links resolved.
    root: Utf8PathBuf,
    /// Relative path to real path.
    known: BTreeMap<Utf8PathBuf, Utf8PathBuf>,
    /// Folders whose entries changed.
    touched: BTreeSet<Utf8PathBuf>,
}

impl Folders {
    fn open(directory: &Utf8Path) -> Result<Self, OutputError> {
        fs::create_dir_all(directory).map_err(refused("make the folder", directory))?;
        let root = directory.canonicalize_utf8().map_err(refused("find", directory))?;
        let known = BTreeMap::from([(Utf8PathBuf::new(), root.clone())]);
        Ok(Self { directory: directory.to_owned(), root, known, touched: BTreeSet::new() })
    }

    /// The real path of the document at `path`; creates its folders.
    fn target(&mut self, path: &Utf8Path) -> Result<Utf8PathBuf, OutputError> {
        let is_below = path.components().all(|part| matches!(part, Utf8Component::Normal(_)));
        let (Some(name), Some(parent), true) = (path.file_name(), path.parent(), is_below) else {
            return Err(self.outside(path));
        };
        if !path.components().all(|part| platform::can_be_a_name(part.as_str())) {
            return Err(OutputError::Unnameable(path.to_owned()));
        }
        let target = self.folder(parent)?.join(name);
        match fs::symlink_metadata(&target) {
            Ok(found) if found.is_symlink() => self.follow(path, &target),
            Ok(found) if found.is_dir() => {
                Err(OutputError::InTheWay { path: target, found: "a folder", wanted: "a document" })
            }
            Ok(_) => Ok(target),
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(target),
            Err(error) => Err(refused("look at", &target)(error)),
        }
    }

    fn folder(&mut self, path: &Utf8Path) -> Result<Utf8PathBuf, OutputError> {
        if let Some(real) = self.known.get(path) {
            return Ok(real.clone());
        }
        let (Some(name), Some(parent)) = (path.file_name(), path.parent()) else {
            return Err(self.outside(path));
        };
        let parent = self.folder(parent)?;
        let mut real = parent.join(name);
        match fs::symlink_metadata(&real) {
            Ok(found) if found.is_symlink() => real = self.follow(path, &real)?,
            Ok(_) => {}
            Err(error) if error.kind() == io::ErrorKind::NotFound => {
                fs::create_dir(&real).map_err(refused("make the folder", &real))?;
                self.touched.insert(parent);
            }
            Err(error) => return Err(refused("look at", &real)(error)),
        }
        if !real.is_dir() {
            return Err(OutputError::InTheWay { path: real, found: "a file", wanted: "a folder" });
        }
        self.known.insert(path.to_owned(), real.clone());
        Ok(real)
    }

    /// The target of a symbolic link, if it is inside the folder.
    fn follow(&self, path: &Utf8Path, link: &Utf8Path) -> Result<Utf8PathBuf, OutputError> {
        let real = link.canonicalize_utf8().map_err(refused("follow the symbolic link", link))?;
        if real.starts_with(&self.root) { Ok(real) } else { Err(self.outside(path)) }
    }

    fn outside(&self, path: &Utf8Path) -> OutputError {
        OutputError::Outside { path: path.to_owned(), directory: self.directory.clone() }
    }

    fn touch(&mut self, target: &Utf8Path) {
        if let Some(parent) = target.parent() {
            self.touched.insert(parent.to_owned());
        }
    }

    /// Removes a compressed copy, if there is one.
    fn remove(&mut self, copy: &Utf8Path) -> Result<(), OutputError> {
        match fs::remove_file(copy) {
            Ok(()) => {
                self.touch(copy);
                Ok(())
            }
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(()),
            Err(error) => Err(refused("remove the old copy", copy)(error)),
        }
    }

    /// Removes the temporary files of a run that was killed.
    fn sweep(&self) -> Result<(), OutputError> {
        for folder in self.known.values() {
            for entry in folder.read_dir_utf8().map_err(refused("look into", folder))? {
                let entry = entry.map_err(refused("look into", folder))?;
                let name = entry.file_name();
                if name.starts_with(PREFIX) && name.ends_with(SUFFIX) {
                    fs::remove_file(entry.path()).map_err(refused("remove", entry.path()))?;
                }
            }
        }
        Ok(())
    }

    /// A rename is durable when its folder is synced; one sync covers all renames in it.
    fn sync(&self) -> Result<(), OutputError> {
        for folder in &self.touched {
            durable::sync_folder(folder).map_err(refused("sync the folder", folder))?;
        }
        Ok(())
    }

    fn sync_file_system(&self) -> Result<(), OutputError> {
        durable::sync_file_system(&self.root).map_err(refused("sync the file system of", &self.root))
    }
}

/// Whether the file at `target` has exactly these bytes. Stops at the first difference.
fn has_bytes(target: &Utf8Path, bytes: &[u8]) -> Result<bool, OutputError> {
    let same = || -> io::Result<bool> {
        let file = File::open(target)?;
        if file.metadata()?.len() != bytes.len() as u64 {
            return Ok(false);
        }
        let (mut reader, mut rest) = (BufReader::with_capacity(1 << 16, file), bytes);
        loop {
            let chunk = reader.fill_buf()?;
            if chunk.is_empty() {
                return Ok(rest.is_empty());
            }
            let Some(behind) = rest.strip_prefix(chunk) else { return Ok(false) };
            rest = behind;
            let length = chunk.len();
            reader.consume(length);
        }
    };
    match same() {
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(false),
        outcome => outcome.map_err(refused("read", target)),
    }
}

/// Writes `bytes` to disk under a name beside `target`; the file is removed when the value is dropped.
fn stage(target: &Utf8Path, bytes: &[u8], batch: Batch) -> Result<Staged, OutputError> {
    stage_from(target, batch, |file| file.write_all(bytes))
}

/// Like [`stage`], with the bytes that `write` produces.
fn stage_from(
    target: &Utf8Path,
    batch: Batch,
    write: impl FnOnce(&mut File) -> io::Result<()>,
) -> Result<Staged, OutputError> {
    let folder = target.parent().unwrap_or(Utf8Path::new("."));
    let mut file =
        Partial::named(folder, (PREFIX, SUFFIX), Mode::Public).map_err(refused("make a file in", folder))?;
    let staged = write(file.file()).and_then(|()| batch.finish(file)).map_err(refused("write", target))?;
    crash::point("feed-staged");
    Ok(staged)
}

/// Held while the public folder is written: one run waits for the other, and the lock ends with its process. `None`
/// where folders cannot be locked; then leftovers stay, because they may belong to another run.
fn alone_in(root: &Utf8Path) -> Option<File> {
    let folder = File::open(root).ok()?;
    folder.lock().ok()?;
    Some(folder)
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::{PermissionsExt, symlink};

    use super::*;
    use crate::feeds::ArchivedPage;

    fn write(directory: &Utf8Path, documents: &[Document]) -> Result<WriteReport, OutputError> {
        super::write(directory, documents, &[])
    }

    struct Public {
        _guard: tempfile::TempDir,
        path: Utf8PathBuf,
    }

    fn public() -> Public {
        let guard = tempfile::tempdir().unwrap();
        let path = Utf8PathBuf::try_from(guard.path().join("public")).unwrap();
        Public { _guard: guard, path }
    }

    fn document(path: &str, text: &str) -> Document {
        Document { path: path.into(), media_type: "application/xml", bytes: text.into() }
    }

    /// Every file below `folder` and its content.
    fn files(folder: &Utf8Path) -> BTreeMap<String, String> {
        let mut found = BTreeMap::new();
        for entry in folder.read_dir_utf8().unwrap().map(Result::unwrap) {
            if entry.file_type().unwrap().is_dir() {
                found.extend(files(entry.path()));
            } else {
                found.insert(entry.path().to_string(), fs::read_to_string(entry.path()).unwrap());
            }
        }
        found
    }

    #[test]
    fn an_unchanged_document_is_not_touched_and_a_changed_one_is_replaced() {
        let public = public();
        let mut documents = [document("rss.xml", "one"), document("categories/기술/rss.xml", "둘")];
        assert_eq!(write(&public.path, &documents).unwrap().written.len(), 2);
        let old = fs::metadata(public.path.join("rss.xml")).unwrap().modified().unwrap();
        documents[1] = document("categories/기술/rss.xml", "셋");
        let written = write(&public.path, &documents).unwrap();
        assert_eq!((written.written, written.unchanged), (vec!["categories/기술/rss.xml".into()], 1));
        assert_eq!(fs::metadata(public.path.join("rss.xml")).unwrap().modified().unwrap(), old);
        assert_eq!(files(&public.path).into_values().collect::<Vec<_>>(), ["셋", "one"]);
    }

    #[test]
    fn copies_follow_their_document_and_are_removed_when_not_configured() {
        let (public, long) = (public(), "가나다 ".repeat(1000));
        let all = [Compression::Gzip, Compression::Brotli];
        let mut documents = [document("rss.xml", &long)];
        let first = super::write(&public.path, &documents, &all).unwrap();
        assert_eq!(first.written, ["rss.xml.gz", "rss.xml.br", "rss.xml"]);
        assert_eq!(super::write(&public.path, &documents, &all).unwrap().unchanged, 3);
        fs::write(public.path.join("rss.xml.gz"), "not gzip").unwrap();
        assert_eq!(super::write(&public.path, &documents, &all).unwrap().written, ["rss.xml.gz"]);
        documents[0].bytes.push(b'x');
        assert_eq!(super::write(&public.path, &documents, &all).unwrap().written.len(), 3);
        fs::write(public.path.join("mine.gz"), "kept").unwrap();
        let only = super::write(&public.path, &documents, &[Compression::Brotli]).unwrap();
        assert!(only.written.is_empty() && !public.path.join("rss.xml.gz").exists());
        assert_eq!(only.files, ["rss.xml.br", "rss.xml"]);
        write(&public.path, &documents).unwrap();
        assert_eq!(
            files(&public.path).into_values().collect::<Vec<_>>(),
            ["kept".to_owned(), format!("{long}x")]
        );
    }

    #[test]
    fn a_page_stays_if_it_is_complete_has_its_own_address_and_no_retracted_post() {
        let public = public();
        let text = "<feed><link href=\"https://a.example/1\"/><id>urn:x:ab</id></feed>\n";
        write(&public.path, &[document("1.xml", text)]).unwrap();
        let page = |own: &str, without: &[&str]| ArchivedPage {
            path: "1.xml".into(),
            own: format!("\"{own}\""),
            end: "</feed>\n",
            without: without.iter().map(|id| format!(">{id}<")).collect(),
        };
        let is_kept = |page: ArchivedPage| super::existing_pages(&public.path, &[page], &[]).paths.len() == 1;
        assert!(
            is_kept(page("https://a.example/1", &[])) && is_kept(page("https://a.example/1", &["urn:x:a"]))
        );
        assert!(
            !is_kept(page("https://b.example/1", &[]))
                && !is_kept(page("https://a.example/1", &["urn:x:ab"]))
        );
        fs::write(public.path.join("1.xml"), &text[..20]).unwrap();
        assert!(!is_kept(page("https://a.example/1", &[])), "half a page");
        fs::write(public.path.join("1.xml"), "").unwrap();
        assert!(!is_kept(page("https://a.example/1", &[])), "nothing");
    }

    #[test]
    fn documents_are_readable_by_all_users() {
        let public = public();
        write(&public.path, &[document("rss.xml", "one")]).unwrap();
        let mode = fs::metadata(public.path.join("rss.xml")).unwrap().permissions().mode();
        assert_eq!(mode & 0o777, 0o644);
    }

    #[test]
    fn a_file_of_the_same_length_with_other_bytes_is_replaced() {
        let (public, long) = (public(), "가".repeat(100_000));
        let other = format!("{}나", "가".repeat(99_999));
        write(&public.path, &[document("rss.xml", &long)]).unwrap();
        assert_eq!(write(&public.path, &[document("rss.xml", &other)]).unwrap().written.len(), 1);
        assert_eq!(write(&public.path, &[document("rss.xml", &other)]).unwrap().unchanged, 1);
    }

    #[test]
    fn the_next_run_removes_only_the_temporary_files_of_a_killed_run() {
        let public = public();
        let documents = [document("rss.xml", "one"), document("categories/기술/rss.xml", "둘")];
        write(&public.path, &documents).unwrap();
        for name in
            [".letterpress-Ab12.tmp", "categories/기술/.letterpress-x.tmp", ".htaccess", "letterpress.tmp"]
        {
            fs::write(public.path.join(name), "half").unwrap();
        }
        assert_eq!(write(&public.path, &documents).unwrap().unchanged, 2);
        let after: Vec<_> = files(&public.path).into_values().collect();
        assert_eq!(after, ["half", "둘", "half", "one"]);
    }

    #[test]
    fn f01_a_failure_keeps_every_old_document_and_leaves_no_temporary_file() {
        let public = public();
        write(&public.path, &[document("rss.xml", "old"), document("atom.xml", "old")]).unwrap();
        let before = files(&public.path);
        fs::create_dir(public.path.join("feed.json")).unwrap();
        let documents =
            [document("rss.xml", "new"), document("atom.xml", "new"), document("feed.json", "new")];
        let message = write(&public.path, &documents).unwrap_err().to_string();
        assert!(message.contains("feed.json is a folder"), "{message}");
        assert_eq!(files(&public.path), before);
    }

    #[test]
    fn a_rename_that_fails_leaves_no_temporary_file() {
        let public = public();
        let documents = [document("feed", "one"), document("feed/rss.xml", "two")];
        // The second document needs a folder in the place of the first.
        let message = write(&public.path, &documents).unwrap_err().to_string();
        assert!(message.contains("/feed: "), "{message}");
        assert_eq!(files(&public.path), BTreeMap::new());
    }

    #[test]
    fn no_path_and_no_symbolic_link_leads_outside() {
        let public = public();
        let outside = public.path.with_file_name("outside");
        fs::create_dir_all(&outside).unwrap();
        fs::create_dir_all(&public.path).unwrap();
        fs::write(outside.join("secret"), "old").unwrap();
        symlink(&outside, public.path.join("categories")).unwrap();
        symlink(outside.join("secret"), public.path.join("rss.xml")).unwrap();
        for path in [
            "../rss.xml",
            "/rss.xml",
            "a/../../rss.xml",
            "categories/rss.xml",
            "categories/a/rss.xml",
            "rss.xml",
            "",
        ] {
            let error = write(&public.path, &[document(path, "new")]).unwrap_err();
            assert!(matches!(error, OutputError::Outside { .. }), "{path}: {error}");
        }
        assert_eq!(files(&outside).into_values().collect::<Vec<_>>(), ["old"]);
    }

    #[test]
    fn a_symbolic_link_that_stays_inside_is_followed_and_kept() {
        let public = public();
        write(&public.path, &[document("rss.xml", "old")]).unwrap();
        symlink("rss.xml", public.path.join("index.xml")).unwrap();
        write(&public.path, &[document("index.xml", "new")]).unwrap();
        assert!(public.path.join("index.xml").is_symlink());
        assert_eq!(fs::read_to_string(public.path.join("rss.xml")).unwrap(), "new");
    }

    #[test]
    fn a_file_in_the_place_of_the_folder_is_reported() {
        let public = public();
        fs::write(&public.path, "").unwrap();
        let message = write(&public.path, &[document("rss.xml", "new")]).unwrap_err().to_string();
        assert!(
            message.contains(public.path.as_str()) && message.contains("cannot make the folder"),
            "{message}"
        );
    }

    #[test]
    fn a_read_only_folder_is_reported_with_a_hint() {
        let public = public();
        write(&public.path, &[document("rss.xml", "old")]).unwrap();
        let before = files(&public.path);
        fs::set_permissions(&public.path, fs::Permissions::from_mode(0o555)).unwrap();
        let may_write_everywhere = File::create(public.path.join("probe")).is_ok();
        let outcome = write(&public.path, &[document("rss.xml", "new")]);
        fs::set_permissions(&public.path, fs::Permissions::from_mode(0o755)).unwrap();
        if may_write_everywhere {
            // File modes do not restrict the superuser.
            assert!(outcome.is_ok());
            return;
        }
        let message = outcome.unwrap_err().to_string();
        assert!(
            message.contains(public.path.as_str()) && message.contains("help: let the user"),
            "{message}"
        );
        assert_eq!(files(&public.path), before);
    }

    #[test]
    fn a_full_disk_is_reported_as_such() {
        let error = refused("write", Utf8Path::new("public/rss.xml"))(io::ErrorKind::StorageFull.into());
        let message = error.to_string();
        assert!(
            message.starts_with("cannot write public/rss.xml: ") && message.contains("`df`"),
            "{message}"
        );
    }
}
