//! What the last run took to one place: a bucket, or a program of the user. Without this record a bucket is compared with the
//! site object by object, and the program is run once more.

use std::collections::{BTreeMap, BTreeSet};
use std::io;

use camino::{Utf8Path, Utf8PathBuf};
use serde::{Deserialize, Serialize};

use super::site_file::{FileStamp, LocalFile};
use crate::crash;
use crate::durable::{self, Mode};

#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Record {
    /// The place. A record of another place says nothing.
    destination: String,
    /// What is there, by path.
    pub(crate) files: BTreeMap<Utf8PathBuf, FileRecord>,
    /// Hashes of what interrupted runs were about to write there, because they may have written it.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub(crate) pending: BTreeMap<Utf8PathBuf, BTreeSet<String>>,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct FileRecord {
    pub(crate) sha256: String,
    pub(crate) stamp: FileStamp,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) version: Option<ObjectVersion>,
}

/// By which a bucket knows whether an object is still the one that was written.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct ObjectVersion {
    /// As the header has it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) etag: Option<String>,
    /// The generation of an object in Google Cloud Storage.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) version: Option<String>,
}

impl Record {
    /// The record of `destination`; empty if there is none, or if it cannot be read.
    pub(crate) fn read(path: &Utf8Path, destination: &str) -> Self {
        let read: Option<Self> =
            std::fs::read(path).ok().and_then(|bytes| serde_json::from_slice(&bytes).ok());
        read.filter(|record| record.destination == destination)
            .unwrap_or_else(|| Self { destination: destination.to_owned(), ..Self::default() })
    }

    pub(crate) fn write(&self, path: &Utf8Path) -> io::Result<()> {
        if let Some(folder) = path.parent() {
            std::fs::create_dir_all(folder)?;
        }
        durable::replace(path, &serde_json::to_vec(self)?, Mode::Umask)?;
        crash::point("upload-recorded");
        Ok(())
    }

    /// Whether nothing is known of this place.
    #[cfg(any(test, feature = "object-store"))]
    pub(crate) fn is_empty(&self) -> bool {
        self.files.is_empty() && self.pending.is_empty()
    }

    /// Whether these files are there, and nothing else.
    pub(crate) fn is_current(&self, local: &[LocalFile<'_>]) -> bool {
        self.pending.is_empty()
            && self.files.len() == local.len()
            && local.iter().all(|file| self.has(&file.file.path, &file.sha256))
    }

    pub(crate) fn has(&self, path: &Utf8Path, sha256: &str) -> bool {
        self.files.get(path).is_some_and(|known| known.sha256 == sha256)
    }

    /// Records that `file` is there.
    pub(crate) fn insert(&mut self, file: &LocalFile<'_>, version: Option<ObjectVersion>) {
        self.pending.remove(&file.file.path);
        let known = FileRecord { sha256: file.sha256.clone(), stamp: file.stamp, version };
        self.files.insert(file.file.path.clone(), known);
    }

    /// Records that nothing of ours is there.
    #[cfg(feature = "object-store")]
    pub(crate) fn remove(&mut self, path: &Utf8Path) {
        self.pending.remove(path);
        self.files.remove(path);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_record_of_another_place_or_a_damaged_one_says_nothing() {
        let folder = tempfile::tempdir().unwrap();
        let path = Utf8Path::from_path(folder.path()).unwrap().join(".letterpress/uploaded.json");
        let mut record = Record::read(&path, "s3://one");
        assert!(record.is_empty());
        record.pending.entry("글.html".into()).or_default().insert("1".to_owned());
        record.write(&path).unwrap();
        assert_eq!(Record::read(&path, "s3://one"), record);
        assert!(Record::read(&path, "s3://two").is_empty());
        std::fs::write(&path, "{\"destination\": \"s3://one\", \"files\": 7}").unwrap();
        assert!(Record::read(&path, "s3://one").is_empty());
    }
}
