//! The public folder on disk: which files may be written, which were written by Letterpress, and which are obsolete. A file that
//! Letterpress did not write is never changed.

use std::collections::HashSet;
use std::fs::{self, File};
use std::io::{Read as _, Seek as _, SeekFrom};

use camino::{Utf8Path, Utf8PathBuf};

use super::record::{Record, stamp};
use crate::config::Config;
use crate::finding::Finding;
use crate::pages::{LocalLink, MARK, PlannedPage, STYLE_MARK};

pub(super) struct PublicFolder {
    pub(super) directory: Utf8PathBuf,
    feeds: HashSet<Utf8PathBuf>,
    /// The folders whose files may be shown, without symbolic links.
    open: Vec<Utf8PathBuf>,
    secrets: Vec<Utf8PathBuf>,
}

impl PublicFolder {
    pub(super) fn open(config: &Config, feeds: &[Utf8PathBuf]) -> Self {
        let directory = config.resolve(&config.output.directory);
        let folders = [&config.archive.posts, &config.archive.static_files].into_iter();
        let open = folders.filter_map(|folder| config.resolve(folder).canonicalize_utf8().ok()).collect();
        Self { directory, feeds: feeds.iter().cloned().collect(), open, secrets: secrets(config) }
    }

    pub(super) fn is_feed(&self, path: &Utf8Path) -> bool {
        self.feeds.contains(path)
    }

    /// Whether a file exists there.
    pub(super) fn has(&self, path: &Utf8Path) -> bool {
        self.directory.join(path).is_file()
    }

    /// Whether a page may be written there: the path is free, or contains a page of ours.
    pub(super) fn may_write_page(&self, path: &Utf8Path) -> bool {
        self.is_open(path)
            && match fs::symlink_metadata(self.directory.join(path)) {
                Ok(meta) => meta.is_file() && self.is_ours(path),
                Err(_) => true,
            }
    }

    /// Whether every parent folder exists or can be created.
    pub(super) fn is_open(&self, path: &Utf8Path) -> bool {
        let mut folders: Vec<&Utf8Path> = path.ancestors().skip(1).filter(|folder| *folder != "").collect();
        folders.reverse();
        for folder in folders {
            match fs::symlink_metadata(self.directory.join(folder)) {
                Ok(meta) if meta.is_dir() => {}
                Ok(meta) if meta.is_symlink() => return self.stays_inside(folder),
                Ok(_) => return false,
                Err(_) => return true,
            }
        }
        true
    }

    fn stays_inside(&self, folder: &Utf8Path) -> bool {
        let root = self.directory.canonicalize_utf8();
        let real = self.directory.join(folder).canonicalize_utf8();
        real.is_ok_and(|real| real.is_dir() && root.is_ok_and(|root| real.starts_with(root)))
    }

    /// Whether a file ends with the mark of our pages.
    pub(super) fn is_ours(&self, path: &Utf8Path) -> bool {
        let tail = || -> std::io::Result<String> {
            let mut file = File::open(self.directory.join(path))?;
            let length = MARK.len().max(STYLE_MARK.len()) as u64;
            let size = file.metadata()?.len();
            file.seek(SeekFrom::Start(size.saturating_sub(length)))?;
            let mut tail = Vec::new();
            file.read_to_end(&mut tail)?;
            Ok(String::from_utf8_lossy(&tail).into_owned())
        };
        tail().is_ok_and(|tail| tail.ends_with(MARK) || tail.ends_with(STYLE_MARK))
    }

    /// The source file, relative to the configuration. It must be in the folder of posts or of static files, also after
    /// resolving symbolic links, and must not be a secret of Letterpress.
    pub(super) fn source(&self, config: &Config, want: &LocalLink) -> Option<Utf8PathBuf> {
        want.sources.iter().find(|source| self.may_be_shown(&config.resolve(source))).cloned()
    }

    fn may_be_shown(&self, file: &Utf8Path) -> bool {
        let Ok(real) = file.canonicalize_utf8() else { return false };
        let is_inside = |folder: &Utf8PathBuf| real.strip_prefix(folder).is_ok_and(|rest| !is_hidden(rest));
        let is_secret = |secret: &Utf8PathBuf| real.as_str().starts_with(secret.as_str());
        self.open.iter().any(is_inside) && real.is_file() && !self.secrets.iter().any(is_secret)
    }

    /// Removes obsolete files of earlier runs, unless a page needs them; returns their number.
    pub(super) fn clear(
        &self,
        record: &Record,
        sheets: &[PlannedPage],
        is_needed: impl Fn(&Utf8Path) -> bool,
    ) -> usize {
        let kept: HashSet<&Utf8Path> = sheets.iter().map(|sheet| sheet.path.as_path()).collect();
        let is_free = |path: &Utf8Path| !kept.contains(path) && !self.is_feed(path) && !is_needed(path);
        let pages = record.pages.keys().map(Utf8Path::new);
        let pages = pages.filter(|path| is_free(path) && self.is_open(path) && self.is_ours(path));
        let copies = record.copies.iter().map(|(path, copied)| (Utf8Path::new(path), copied));
        let copies = copies.filter(|(path, copied)| {
            is_free(path) && self.is_open(path) && stamp(&self.directory.join(path)) == Some(copied.to)
        });
        let gone: Vec<&Utf8Path> = pages.chain(copies.map(|(path, _)| path)).collect();
        gone.into_iter().filter(|path| self.remove(path)).count()
    }

    fn remove(&self, path: &Utf8Path) -> bool {
        let file = self.directory.join(path);
        let is_gone = fs::remove_file(&file).is_ok();
        for end in ["gz", "br"] {
            let _ = fs::remove_file(format!("{file}.{end}"));
        }
        // A folder that is not empty stays.
        for folder in path.ancestors().skip(1).filter(|folder| *folder != "") {
            if fs::remove_dir(self.directory.join(folder)).is_err() {
                break;
            }
        }
        is_gone
    }
}

/// The finding for a file of another program.
pub(super) fn not_ours(file: &Utf8Path) -> Finding {
    let message = "Letterpress did not write this file, so it is not replaced, and the page is not written";
    Finding::warning("page-foreign", file.as_str(), message)
        .hint("move it away; or set `pages = false` in [output] if another program makes your pages")
}

fn is_hidden(path: &Utf8Path) -> bool {
    path.components().any(|part| part.as_str().starts_with('.'))
}

/// Files in the folder of posts that a post must not publish. Compared as prefixes, to include the journals of a database.
fn secrets(config: &Config) -> Vec<Utf8PathBuf> {
    let own: Utf8PathBuf = "config.toml".into();
    let smtp = config.smtp.as_ref().and_then(|smtp| smtp.password_file.clone());
    let inbox = config.inbox.as_ref().and_then(|inbox| inbox.password_file.clone());
    let keys = config.dkim.iter().map(|dkim| dkim.key_file.clone());
    let applications = config.oauth.values().filter_map(|client| client.client_secret_file.clone());
    let store =
        [config.store.sqlite_path(), config.store.password_file.clone(), Some(config.store.tokens.clone())];
    let named = [Some(own), Some(config.store.keys.clone()), Some(config.store.fence.clone())];
    let all = named.into_iter().chain(store).chain([smtp, inbox, config.newsletter.list.clone()]).flatten();
    let folder = [config.output.outbox.clone()].into_iter().chain(config.output.credentials_file.clone());
    all.chain(keys)
        .chain(applications)
        .chain(folder)
        .filter_map(|file| config.resolve(file).canonicalize_utf8().ok())
        .collect()
}
