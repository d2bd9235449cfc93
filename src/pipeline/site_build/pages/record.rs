//! Records what the last run wrote into the public folder, so that the next run knows which files are up to date and which it
//! may remove. Without the record the next run takes longer, and pages of deleted posts stay.

use std::collections::BTreeMap;

use camino::{Utf8Path, Utf8PathBuf};
use serde::{Deserialize, Serialize};

use crate::config::{Compression, Config};
use crate::feeds::output;
use crate::pages::{LocalLink, PlannedPage};

/// Size and modification time.
pub(super) type FileStamp = (u64, u128);

#[derive(Debug, Default, Serialize, Deserialize)]
pub(super) struct Record {
    /// Pages, by their paths below the public folder. As strings, which are compared faster than paths.
    pub(super) pages: BTreeMap<String, PageRecord>,
    /// Copies of the user's files, likewise.
    pub(super) copies: BTreeMap<String, CopyRecord>,
    /// What the pages of issues were made from.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub(super) inputs: String,
}

/// The file of the record of the pages of posts, and of that of issues: only a run that reads the ledger changes the second.
pub(super) const OF_POSTS: &str = ".letterpress/pages.json";
pub(super) const OF_ISSUES: &str = ".letterpress/issues.json";

#[derive(Debug, Clone, Serialize, Deserialize)]
pub(super) struct PageRecord {
    /// Fingerprint of what the page was made from.
    pub(super) key: String,
    pub(super) stamp: FileStamp,
    /// The files that it needs.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub(super) wants: Vec<LocalLink>,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct CopyRecord {
    /// Relative to the configuration.
    pub(super) source: Utf8PathBuf,
    pub(super) from: FileStamp,
    pub(super) to: FileStamp,
}

impl Record {
    pub(super) fn read(config: &Config, file: &str) -> Self {
        let bytes = std::fs::read(config.resolve(file)).unwrap_or_default();
        serde_json::from_slice(&bytes).unwrap_or_default()
    }

    pub(super) fn is_empty(&self) -> bool {
        self.pages.is_empty() && self.copies.is_empty()
    }

    /// Errors are ignored: without a record the next run only takes longer.
    pub(super) fn write(&self, config: &Config, file: &str) {
        let path = config.resolve(file);
        if let (Some(folder), Ok(json)) = (path.parent(), serde_json::to_vec(self))
            && std::fs::create_dir_all(folder).is_ok()
        {
            let _ = std::fs::write(&path, json);
        }
    }

    /// Whether a page and its compressed copies exist unchanged, and would be made from the same inputs now.
    pub(super) fn is_unchanged(
        &self,
        directory: &Utf8Path,
        sheet: &PlannedPage,
        compress: &[Compression],
    ) -> bool {
        let known = self.pages.get(sheet.path.as_str()).filter(|made| made.key == sheet.key);
        known.is_some_and(|made| is_there(directory, &sheet.path, made, compress))
    }

    /// Whether all pages and their compressed copies exist unchanged.
    pub(super) fn is_complete(&self, directory: &Utf8Path, compress: &[Compression]) -> bool {
        self.pages.iter().all(|(path, made)| is_there(directory, path.as_ref(), made, compress))
    }
}

fn is_there(directory: &Utf8Path, path: &Utf8Path, made: &PageRecord, compress: &[Compression]) -> bool {
    stamp(&directory.join(path)) == Some(made.stamp)
        && output::compressed(path, compress).iter().all(|copy| directory.join(copy).exists())
}

/// Size and modification time of a regular file; `None` for anything else.
pub(super) fn stamp(file: &Utf8Path) -> Option<FileStamp> {
    let meta = std::fs::symlink_metadata(file).ok().filter(std::fs::Metadata::is_file)?;
    let modified = meta.modified().ok()?.duration_since(std::time::UNIX_EPOCH).ok()?;
    Some((meta.len(), modified.as_nanos()))
}
