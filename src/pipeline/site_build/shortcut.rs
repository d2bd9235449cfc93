//! The shortcut for a run that has nothing to do: names, sizes and times of all files that the last build read and wrote.
//! They only show that nothing changed; published content never depends on them.
//!
//! What a build reads is examined before it is read. A file that changes during a build is therefore noticed by the next one.

use aws_lc_rs::digest::{SHA256, digest};
use camino::{Utf8Path, Utf8PathBuf};
use chrono::{DateTime, Utc};
use rayon::prelude::*;
use serde::{Deserialize, Serialize};

use crate::archive::folder;
use crate::config::Config;
use crate::pipeline::session::run_error::RunError;
use crate::pipeline::site_build::file_stat::{FileStat, stat, stat_all};
use crate::pipeline::site_build::pages::{self, PagesReport};
use crate::pipeline::site_build::site_files::SiteFiles;
use crate::text::hex;

/// A digest of everything that the feeds are built from and that a build does not write.
pub(super) struct Inputs([u8; 32]);

impl Inputs {
    pub(super) fn of(config: &Config) -> Result<Self, RunError> {
        let posts = folder::signature(config)
            .map_err(|error| RunError::io(format!("reading {}", config.archive.posts), error))?;
        let templates = pages::signature(config);
        let all = [
            env!("CARGO_PKG_VERSION").as_bytes(),
            &posts,
            config.text.as_bytes(),
            config.words.text().as_bytes(),
            templates.as_bytes(),
        ]
        .concat();
        let mut inputs = [0; 32];
        inputs.copy_from_slice(digest(&SHA256, &all).as_ref());
        Ok(Self(inputs))
    }

    /// The digest together with the ledgers of ids and pages as they are now.
    pub(super) fn with_registries(&self, config: &Config) -> Result<String, RunError> {
        let registries = folder::registry_signature(config)
            .map_err(|error| RunError::io(format!("reading {}", config.archive.ids_file()), error))?;
        Ok(hex(digest(&SHA256, &[self.0, registries].concat()).as_ref()))
    }
}

/// Inputs and outputs of the last build.
#[derive(Debug, Serialize, Deserialize)]
pub(super) struct BuildStamp {
    /// Fingerprint of everything that the feeds are built from.
    inputs: String,
    /// Each document.
    pub(super) outputs: Vec<FileStat>,
    /// Each file whose size is in a feed, and each that is copied into the public folder.
    #[serde(default)]
    measured: Vec<FileStat>,
    /// Each page and each copy.
    #[serde(default)]
    pages: Vec<FileStat>,
    /// Missing files that would be copied if they existed.
    #[serde(default)]
    absent: Vec<Utf8PathBuf>,
    /// When the feeds change although no file does.
    until: Option<DateTime<Utc>>,
    /// The files of the site.
    pub(super) site: SiteFiles,
}

impl BuildStamp {
    /// The stamp of a build. `inputs` and `measured` are from before it read them.
    pub(super) fn of(
        config: &Config,
        (inputs, mut measured): (&str, Vec<FileStat>),
        (documents, pages): (&[Utf8PathBuf], &PagesReport),
        until: Option<DateTime<Utc>>,
        site: &SiteFiles,
    ) -> Self {
        let directory = config.resolve(&config.output.directory);
        measured.extend(pages.sources.iter().cloned());
        Self {
            inputs: inputs.to_owned(),
            outputs: stat_all(&directory, documents.iter().map(Utf8PathBuf::as_path)),
            measured,
            pages: stat_all(&directory, pages.files.iter().map(Utf8PathBuf::as_path)),
            absent: pages.absent.clone(),
            until,
            site: site.clone(),
        }
    }

    fn path(config: &Config) -> Utf8PathBuf {
        config.resolve(".letterpress/built.json")
    }

    pub(super) fn read(config: &Config) -> Option<Self> {
        serde_json::from_slice(&std::fs::read(Self::path(config)).ok()?).ok()
    }

    /// Errors are ignored: without a stamp the next run only takes longer.
    pub(super) fn write(&self, config: &Config) {
        let path = Self::path(config);
        if let (Some(folder), Ok(json)) = (path.parent(), serde_json::to_vec(self))
            && std::fs::create_dir_all(folder).is_ok()
        {
            let _ = std::fs::write(&path, json);
        }
    }

    /// Whether inputs and outputs are unchanged, and no scheduled post is due.
    pub(super) fn is_current(&self, config: &Config, inputs: &str, now: DateTime<Utc>) -> bool {
        let directory = config.resolve(&config.output.directory);
        let are_unchanged = |folder: &Utf8Path, files: &[FileStat]| {
            files.par_iter().all(|file| Some(file) == stat(folder, &file.0).as_ref())
        };
        self.inputs == inputs
            && self.until.is_none_or(|until| now < until)
            && are_unchanged(&directory, &self.outputs)
            && are_unchanged(&directory, &self.pages)
            && are_unchanged(&config.root, &self.measured)
            && self.absent.iter().all(|file| !config.resolve(file).exists())
    }
}
