//! Files that survive a power cut: a file is written under a temporary name, synced and renamed, and then its
//! folder is synced.
//!
//! Another process sees the old file or the new one, never half of one. Without the sync of the folder the new name
//! may be lost, and the file with it, although its bytes are on the disk.

use std::fs::File;
use std::io::{self, Write as _};
use std::path::Path;

use camino::Utf8Path;
use tempfile::{NamedTempFile, TempPath};

use crate::platform;

/// The prefix of a temporary file's name. Programs that list a folder skip names with a leading dot.
const PREFIX: &str = ".partial-";

/// Who can read a file.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Mode {
    /// Only its owner: keys, and files with personal data.
    Private,
    /// As the umask of the process allows, as for every file that a person edits.
    Umask,
    /// Everyone: a web server runs as another user.
    Public,
}

/// Replaces or creates the file at `path`. If it fails, the old file is unchanged.
pub(crate) fn replace(path: &Utf8Path, bytes: &[u8], mode: Mode) -> io::Result<()> {
    stage(path, bytes, mode)?.replace(path)
}

/// Creates the file at `path` and never overwrites one: that is [`io::ErrorKind::AlreadyExists`].
pub(crate) fn create_new(path: &Utf8Path, bytes: &[u8], mode: Mode) -> io::Result<()> {
    stage(path, bytes, mode)?.create_new(path)
}

/// Writes and syncs a complete file that does not have its final name yet.
pub(crate) fn stage(path: &Utf8Path, bytes: &[u8], mode: Mode) -> io::Result<Staged> {
    let mut partial = Partial::new_in(folder_of(path), mode)?;
    partial.file().write_all(bytes)?;
    partial.sync()
}

/// A temporary file that is being written. Dropping it removes the file.
#[derive(Debug)]
pub(crate) struct Partial {
    file: NamedTempFile,
    mode: Mode,
}

impl Partial {
    pub(crate) fn new_in(folder: &Utf8Path, mode: Mode) -> io::Result<Self> {
        Self::named(folder, (PREFIX, ""), mode)
    }

    /// With a prefix and a suffix by which a later run recognises the leftovers of a killed one.
    pub(crate) fn named(folder: &Utf8Path, (prefix, suffix): (&str, &str), mode: Mode) -> io::Result<Self> {
        let permissions = if mode == Mode::Umask { 0o666 } else { 0o600 };
        let mut builder = tempfile::Builder::new();
        let builder = platform::with_mode(builder.prefix(prefix).suffix(suffix), permissions);
        Ok(Self { file: builder.tempfile_in(folder)?, mode })
    }

    pub(crate) fn file(&mut self) -> &mut File {
        self.file.as_file_mut()
    }

    pub(crate) fn path(&self) -> &Path {
        self.file.path()
    }

    /// Syncs the bytes to the disk.
    pub(crate) fn sync(self) -> io::Result<Staged> {
        self.set_mode()?;
        self.file.as_file().sync_all()?;
        seam::note(seam::Step::File);
        Ok(Staged(self.file.into_temp_path()))
    }

    /// Leaves the sync to [`sync_file_system`] and closes the handle: a run that stages thousands of files would
    /// otherwise run out of handles.
    fn close(self) -> io::Result<Staged> {
        self.set_mode()?;
        Ok(Staged(self.file.into_temp_path()))
    }

    /// The umask must not narrow a public mode, so the mode is set after the file is created.
    fn set_mode(&self) -> io::Result<()> {
        match self.mode {
            Mode::Public => platform::set_mode(self.file.as_file(), 0o644),
            Mode::Private | Mode::Umask => Ok(()),
        }
    }
}

/// A finished file under its temporary name. Dropping it removes the file.
#[derive(Debug)]
pub(crate) struct Staged(TempPath);

impl Staged {
    pub(crate) fn path(&self) -> &Path {
        &self.0
    }

    pub(crate) fn replace(self, path: &Utf8Path) -> io::Result<()> {
        self.rename(path)?;
        sync_folder(folder_of(path))
    }

    pub(crate) fn create_new(self, path: &Utf8Path) -> io::Result<()> {
        self.rename_new(path).map_err(|(error, _)| error)?;
        sync_folder(folder_of(path))
    }

    /// Replaces `path`; the caller syncs its folder.
    pub(crate) fn rename(self, path: &Utf8Path) -> io::Result<()> {
        self.0.persist(path).map_err(|error| error.error)?;
        seam::note(seam::Step::Name);
        Ok(())
    }

    /// Renames the file to `path` unless that exists; then it is returned. The caller syncs the folder.
    pub(crate) fn rename_new(self, path: &Utf8Path) -> Result<(), (io::Error, Self)> {
        self.0.persist_noclobber(path).map_err(|error| (error.error, Self(error.path)))?;
        seam::note(seam::Step::Name);
        Ok(())
    }
}

/// How the files of one run are synced.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Batch {
    /// One after the other, and then each folder.
    EachFile,
    /// The whole file system at once: two calls instead of twenty thousand for ten thousand pages.
    FileSystem,
}

impl Batch {
    /// More files than this are synced together. For fewer, other programs on the machine should not have to wait
    /// for the sync of all their writes.
    const FEW: usize = 64;

    pub(crate) const fn of(files: usize) -> Self {
        if cfg!(target_os = "linux") && files > Self::FEW { Self::FileSystem } else { Self::EachFile }
    }

    /// Finishes a file.
    pub(crate) fn finish(self, partial: Partial) -> io::Result<Staged> {
        match self {
            Self::EachFile => partial.sync(),
            Self::FileSystem => partial.close(),
        }
    }
}

/// Syncs the file system that holds `folder`. Since Linux 5.8 it also reports errors of writing back (syncfs(2)).
#[cfg(target_os = "linux")]
pub(crate) fn sync_file_system(folder: &Utf8Path) -> io::Result<()> {
    rustix::fs::syncfs(File::open(folder)?).map_err(io::Error::from)
}

/// [`Batch::of`] never chooses it on other systems.
#[cfg(not(target_os = "linux"))]
pub(crate) fn sync_file_system(folder: &Utf8Path) -> io::Result<()> {
    sync_folder(folder)
}

/// Syncs the names in `folder`.
pub(crate) fn sync_folder(folder: &Utf8Path) -> io::Result<()> {
    platform::sync_folder(folder)?;
    seam::note(seam::Step::Folder);
    Ok(())
}

/// The folder that contains `path`; for a bare name the working directory.
pub(crate) fn folder_of(path: &Utf8Path) -> &Utf8Path {
    path.parent().filter(|folder| !folder.as_str().is_empty()).unwrap_or(Utf8Path::new("."))
}

/// Lets tests see the steps and their order.
mod seam {
    #[derive(Debug, Clone, Copy, PartialEq, Eq)]
    pub(super) enum Step {
        File,
        Name,
        Folder,
    }

    #[cfg(not(test))]
    pub(super) const fn note(_: Step) {}

    #[cfg(test)]
    pub(super) fn note(step: Step) {
        STEPS.with_borrow_mut(|steps| steps.push(step));
    }

    #[cfg(test)]
    thread_local! {
        static STEPS: std::cell::RefCell<Vec<Step>> = const { std::cell::RefCell::new(Vec::new()) };
    }

    #[cfg(test)]
    pub(super) fn take() -> Vec<Step> {
        STEPS.take()
    }
}

#[cfg(test)]
mod tests {
    use std::fs;
    use std::os::unix::fs::PermissionsExt as _;

    use camino::Utf8PathBuf;

    use super::seam::Step;
    use super::*;

    fn folder() -> (tempfile::TempDir, Utf8PathBuf) {
        let folder = tempfile::tempdir().unwrap();
        let path = Utf8PathBuf::from_path_buf(folder.path().to_owned()).unwrap();
        (folder, path)
    }

    fn names(folder: &Utf8Path) -> Vec<String> {
        let mut names: Vec<String> =
            folder.read_dir_utf8().unwrap().map(|entry| entry.unwrap().file_name().to_owned()).collect();
        names.sort();
        names
    }

    #[test]
    fn the_file_is_synced_before_it_is_renamed_and_its_folder_after() {
        let (_guard, folder) = folder();
        seam::take();
        replace(&folder.join("a"), b"one", Mode::Private).unwrap();
        assert_eq!(seam::take(), [Step::File, Step::Name, Step::Folder]);
        create_new(&folder.join("b"), b"one", Mode::Private).unwrap();
        assert_eq!(seam::take(), [Step::File, Step::Name, Step::Folder]);
    }

    #[test]
    fn a_file_of_a_large_batch_is_left_to_the_sync_of_the_file_system() {
        let (_guard, folder) = folder();
        seam::take();
        let finish = |files: usize| {
            let partial = Partial::new_in(&folder, Mode::Public).unwrap();
            Batch::of(files).finish(partial).unwrap().rename(&folder.join("a")).unwrap();
            seam::take()
        };
        assert_eq!(finish(64), [Step::File, Step::Name]);
        assert_eq!(finish(65).contains(&Step::File), !cfg!(target_os = "linux"));
        sync_file_system(&folder).unwrap();
    }

    #[test]
    fn a_write_that_fails_leaves_the_old_file_and_no_temporary_file() {
        let (_guard, folder) = folder();
        let path = folder.join("a");
        replace(&path, b"old", Mode::Private).unwrap();
        let mut partial = Partial::new_in(&folder, Mode::Private).unwrap();
        partial.file().write_all(b"half").unwrap();
        drop(partial);
        assert_eq!(
            (fs::read(&path).unwrap().as_slice(), names(&folder)),
            (&b"old"[..], vec!["a".to_owned()])
        );
        // A folder cannot be replaced by a file.
        fs::create_dir(folder.join("b")).unwrap();
        replace(&folder.join("b"), b"new", Mode::Private).unwrap_err();
        assert_eq!(names(&folder), ["a", "b"]);
    }

    #[test]
    fn a_new_file_never_overwrites_another() {
        let (_guard, folder) = folder();
        let path = folder.join("a");
        create_new(&path, b"old", Mode::Private).unwrap();
        let error = create_new(&path, b"new", Mode::Private).unwrap_err();
        assert_eq!(error.kind(), io::ErrorKind::AlreadyExists);
        assert_eq!(
            (fs::read(&path).unwrap().as_slice(), names(&folder)),
            (&b"old"[..], vec!["a".to_owned()])
        );
    }

    #[test]
    fn the_mode_limits_who_may_read() {
        let (_guard, folder) = folder();
        let mode = |name: &str, mode| {
            let path = folder.join(name);
            replace(&path, b"", mode).unwrap();
            fs::metadata(path).unwrap().permissions().mode() & 0o777
        };
        assert_eq!((mode("a", Mode::Private), mode("b", Mode::Public)), (0o600, 0o644));
        let plain = folder.join("plain");
        fs::write(&plain, "").unwrap();
        assert_eq!(mode("c", Mode::Umask), fs::metadata(plain).unwrap().permissions().mode() & 0o777);
    }

    #[test]
    fn a_bare_name_is_in_the_working_directory() {
        assert_eq!(folder_of(Utf8Path::new("a")), ".");
        assert_eq!(folder_of(Utf8Path::new("/x/a")), "/x");
    }
}
