//! Copies images and other files of posts into the public folder: only linked files, and only if they changed.

use std::collections::{BTreeMap, HashMap};
use std::fs::File;
use std::io::{BufRead as _, BufReader};

use camino::{Utf8Path, Utf8PathBuf};
use rayon::prelude::*;

use super::public_folder::{PublicFolder, not_ours};
use super::record::{CopyRecord, FileStamp, Record, stamp};
use crate::config::Config;
use crate::feeds::output::{self, OutputError};
use crate::finding::Finding;
use crate::pages::LocalLink;
use crate::pipeline::site_build::file_stat::FileStat;

/// The files of a site to copy.
pub(super) struct Copies<'c> {
    config: &'c Config,
    /// Targets in the public folder, their sources, and whether they must be copied.
    files: BTreeMap<Utf8PathBuf, Copy>,
    findings: Vec<Finding>,
    absent: Vec<Utf8PathBuf>,
    /// Needed, but their sources are gone.
    orphans: Vec<Utf8PathBuf>,
    /// Needed, but a file of another program is at the target.
    foreign: Vec<Utf8PathBuf>,
}

struct Copy {
    source: Utf8PathBuf,
    /// From before it is copied, so that a change in the meantime is noticed later.
    from: FileStamp,
    state: State,
}

#[derive(PartialEq, Eq)]
enum State {
    /// Copied before and unchanged.
    Unchanged,
    /// Another program put the same content there.
    Same,
    /// Must be copied.
    Due,
}

impl<'c> Copies<'c> {
    pub(super) fn plan(
        config: &'c Config,
        public: &PublicFolder,
        record: &Record,
        needs: Vec<(&Utf8Path, &LocalLink)>,
    ) -> Self {
        let mut copies = Self {
            config,
            files: BTreeMap::new(),
            findings: Vec::new(),
            absent: Vec::new(),
            orphans: Vec::new(),
            foreign: Vec::new(),
        };
        let mut named: HashMap<Utf8PathBuf, &Utf8Path> = HashMap::new();
        let sources: Vec<_> = needs.par_iter().map(|(_, want)| public.source(config, want)).collect();
        for ((post, want), source) in needs.into_iter().zip(sources) {
            if public.is_feed(&want.target) || record.pages.contains_key(want.target.as_str()) {
                continue;
            }
            let Some(source) = source else {
                copies.note_absent(post, want, public, record);
                continue;
            };
            match copies.files.get(&want.target) {
                Some(known) if known.source != source => {
                    let first = named.get(&want.target).map_or("", |post| post.as_str());
                    copies.findings.push(target_conflict(post, want, (&known.source, &source), first));
                }
                Some(_) => {}
                None => {
                    named.insert(want.target.clone(), post);
                    copies.add(want.target.clone(), source, public, record);
                }
            }
        }
        copies
    }

    fn add(&mut self, target: Utf8PathBuf, source: Utf8PathBuf, public: &PublicFolder, record: &Record) {
        let (from, to) = (self.config.resolve(&source), public.directory.join(&target));
        let known = record.copies.get(target.as_str()).filter(|known| Some(known.to) == stamp(&to));
        let real = from.canonicalize_utf8().unwrap_or_else(|_| from.clone());
        let Some(stamp) = stamp(&real) else { return };
        let state = match known {
            Some(known) if known.source == source && known.from == stamp => State::Unchanged,
            Some(_) => State::Due,
            None if !to.exists() && public.is_open(&target) => State::Due,
            None if to.is_file() && is_same(&from, &to) => State::Same,
            None => {
                self.findings.push(not_ours(&self.config.output.directory.join(&target)));
                self.foreign.push(target);
                return;
            }
        };
        self.files.insert(target, Copy { source, from: stamp, state });
    }

    /// Reports a missing source, unless another program put the file at the target.
    fn note_absent(&mut self, post: &Utf8Path, want: &LocalLink, public: &PublicFolder, record: &Record) {
        let is_absent = |path: &&Utf8PathBuf| !self.config.resolve(path).exists();
        self.absent.extend(want.sources.iter().filter(is_absent).cloned());
        let is_orphan = record.copies.contains_key(want.target.as_str());
        if is_orphan {
            self.orphans.push(want.target.clone());
        }
        if want.is_shown && !want.is_absolute && (is_orphan || !public.has(&want.target)) {
            let message = format!("{} does not exist, so it is missing on the page", want.raw);
            let finding = Finding::warning("file-missing", post.as_str(), message).at(want.line);
            let place = want.sources.first().map_or("", |place| place.as_str());
            self.findings.push(finding.hint(format!("put it at {place}")));
        }
    }

    /// Copies the changed files; returns their number.
    pub(super) fn make(&self, public: &PublicFolder) -> Result<usize, OutputError> {
        let due: Vec<(Utf8PathBuf, Utf8PathBuf)> = self
            .files
            .iter()
            .filter(|(_, copy)| copy.state == State::Due)
            .map(|(target, copy)| (target.clone(), self.config.resolve(&copy.source)))
            .collect();
        if !due.is_empty() {
            output::copy(&public.directory, &due)?;
        }
        Ok(due.len())
    }

    pub(super) fn findings(&self) -> Vec<Finding> {
        self.findings.clone()
    }

    /// Needed files with the right content that another program put there: the site is not complete without them.
    pub(super) fn same(&self) -> impl Iterator<Item = Utf8PathBuf> {
        let same = self.files.iter().filter(|(_, copy)| copy.state == State::Same);
        same.map(|(target, _)| target.clone())
    }

    pub(super) fn foreign(&self) -> Vec<Utf8PathBuf> {
        self.foreign.clone()
    }

    pub(super) fn sources(&self) -> Vec<FileStat> {
        self.files.values().map(|copy| (copy.source.clone(), copy.from.0, copy.from.1)).collect()
    }

    pub(super) fn absent(&self) -> Vec<Utf8PathBuf> {
        self.absent.clone()
    }

    /// Whether a page needs this file of the public folder.
    pub(super) fn needs(&self, path: &Utf8Path) -> bool {
        self.files.contains_key(path) || self.orphans.iter().any(|orphan| orphan == path)
    }

    /// The files that were copied by Letterpress.
    pub(super) fn copy_records(
        &self,
        public: &PublicFolder,
        record: &Record,
    ) -> BTreeMap<String, CopyRecord> {
        let ours = self.files.iter().filter(|(_, copy)| copy.state != State::Same);
        let stamped = |(target, copy): (&Utf8PathBuf, &Copy)| {
            let to = stamp(&public.directory.join(target))?;
            Some((target.to_string(), CopyRecord { source: copy.source.clone(), from: copy.from, to }))
        };
        let orphans = self.orphans.iter().filter_map(|path| record.copies.get_key_value(path.as_str()));
        ours.filter_map(stamped).chain(orphans.map(|(path, copied)| (path.clone(), copied.clone()))).collect()
    }
}

/// Two source files with the same target.
fn target_conflict(
    post: &Utf8Path,
    want: &LocalLink,
    (known, other): (&Utf8Path, &Utf8Path),
    first: &str,
) -> Finding {
    let message = format!(
        "{} refers to {other} here and to {known} in {first}, but both have the same URL; {known} is published",
        want.raw
    );
    Finding::warning("file-twin", post.as_str(), message).at(want.line).hint("rename one of the files")
}

fn is_same(one: &Utf8Path, other: &Utf8Path) -> bool {
    let compare = || -> std::io::Result<bool> {
        let (one, other) = (File::open(one)?, File::open(other)?);
        if one.metadata()?.len() != other.metadata()?.len() {
            return Ok(false);
        }
        let (mut one, mut other) = (BufReader::new(one), BufReader::new(other));
        loop {
            let (a, b) = (one.fill_buf()?, other.fill_buf()?);
            let length = a.len().min(b.len());
            if a[..length] != b[..length] {
                return Ok(false);
            }
            if length == 0 {
                return Ok(a.is_empty() && b.is_empty());
            }
            one.consume(length);
            other.consume(length);
        }
    };
    compare().unwrap_or(false)
}
