//! Files that survive a power cut: written under a temporary name, synced, renamed, and then their folder is synced.
//!
//! A reader sees the old file or the new one, never half of one. Without the sync of the folder a new name may be lost
//! together with the file, although its bytes are on the disk.

use std::fs::{File, Permissions};
use std::io::{self, Write as _};
use std::os::unix::fs::PermissionsExt as _;
use std::path::Path;

use camino::Utf8Path;
use tempfile::{NamedTempFile, TempPath};

/// How the name of a temporary file begins. Programs that list a folder pass over names with a leading dot.
const PREFIX: &str = ".partial-";

/// Who may read a file.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Mode {
    /// Its owner alone: keys, and files that name subscribers.
    Private,
    /// Whoever the umask of the process allows, as with every file that a person edits.
    Umask,
    /// Everybody: a web server runs as another user.
    Public,
}

/// Replaces the file at `path`, or makes it. A failure leaves the old file as it was.
pub(crate) fn replace(path: &Utf8Path, bytes: &[u8], mode: Mode) -> io::Result<()> {
    stage(path, bytes, mode)?.replace(path)
}

/// Makes the file at `path` and never overwrites one: that is [`io::ErrorKind::AlreadyExists`].
pub(crate) fn create_new(path: &Utf8Path, bytes: &[u8], mode: Mode) -> io::Result<()> {
    stage(path, bytes, mode)?.create_new(path)
}

/// Writes and syncs a file that has everything but its name.
pub(crate) fn stage(path: &Utf8Path, bytes: &[u8], mode: Mode) -> io::Result<Staged> {
    let mut partial = Partial::new_in(folder_of(path), mode)?;
    partial.file().write_all(bytes)?;
    partial.sync()
}

/// A temporary file that is being written. It is removed when it is dropped.
#[derive(Debug)]
pub(crate) struct Partial {
    file: NamedTempFile,
    mode: Mode,
}

impl Partial {
    pub(crate) fn new_in(folder: &Utf8Path, mode: Mode) -> io::Result<Self> {
        Self::named(folder, (PREFIX, ""), mode)
    }

    /// With a prefix and a suffix by which a later run knows what a killed one left behind.
    pub(crate) fn named(folder: &Utf8Path, (prefix, suffix): (&str, &str), mode: Mode) -> io::Result<Self> {
        let permissions = if mode == Mode::Umask { 0o666 } else { 0o600 };
        let file = tempfile::Builder::new()
            .prefix(prefix)
            .suffix(suffix)
            .permissions(Permissions::from_mode(permissions))
            .tempfile_in(folder)?;
        Ok(Self { file, mode })
    }

    pub(crate) fn file(&mut self) -> &mut File {
        self.file.as_file_mut()
    }

    pub(crate) fn path(&self) -> &Path {
        self.file.path()
    }

    /// Brings the bytes to the disk.
    pub(crate) fn sync(self) -> io::Result<Staged> {
        self.set_mode()?;
        self.file.as_file().sync_all()?;
        seam::note(seam::Step::File);
        Ok(Staged(self.file.into_temp_path()))
    }

    /// Leaves the sync to [`sync_file_system`]. The handle is closed: a run that stages thousands of files would run
    /// out of them.
    fn close(self) -> io::Result<Staged> {
        self.set_mode()?;
        Ok(Staged(self.file.into_temp_path()))
    }

    /// The umask must not narrow a public mode, so it is set after the file is made.
    fn set_mode(&self) -> io::Result<()> {
        match self.mode {
            Mode::Public => self.file.as_file().set_permissions(Permissions::from_mode(0o644)),
            Mode::Private | Mode::Umask => Ok(()),
        }
    }
}

/// A finished file under its temporary name. It is removed when it is dropped.
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

    /// Takes the name `path` unless it is taken, and gives itself back if it is; the caller syncs the folder.
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
    /// The whole file system at once: ten thousand pages need two calls instead of twenty thousand.
    FileSystem,
}

impl Batch {
    /// More files than this are synced together. For fewer, no other program on the machine should have to wait for
    /// its own writes.
    const FEW: usize = 64;

    pub(crate) const fn of(files: usize) -> Self {
        if cfg!(target_os = "linux") && files > Self::FEW { Self::FileSystem } else { Self::EachFile }
    }

    /// Ends the writing of a file.
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

/// [`Batch::of`] never asks for it on other systems.
#[cfg(not(target_os = "linux"))]
pub(crate) fn sync_file_system(folder: &Utf8Path) -> io::Result<()> {
    sync_folder(folder)
}

/// Makes the names in `folder` last.
pub(crate) fn sync_folder(folder: &Utf8Path) -> io::Result<()> {
    File::open(folder)?.sync_all()?;
    seam::note(seam::Step::Folder);
    Ok(())
}

/// The folder in which `path` stands; a bare name stands in the working directory.
pub(crate) fn folder_of(path: &Utf8Path) -> &Utf8Path {
    path.parent().filter(|folder| !folder.as_str().is_empty()).unwrap_or(Utf8Path::new("."))
}

/// Lets tests see which steps were taken, and in which order.
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
        // A folder cannot be replaced with a file.
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
    fn the_mode_says_who_may_read() {
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
    fn a_bare_name_stands_in_the_working_directory() {
        assert_eq!(folder_of(Utf8Path::new("a")), ".");
        assert_eq!(folder_of(Utf8Path::new("/x/a")), "/x");
    }
}
