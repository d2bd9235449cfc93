//! The feed half of a run, and the shortcut for a run that has nothing to do.
//!
//! The shortcut looks at names, sizes and times of files, but only to conclude that nothing changed; what is published
//! never depends on them.

use std::collections::BTreeMap;

use aws_lc_rs::digest::{SHA256, digest};
use camino::{Utf8Path, Utf8PathBuf};
use chrono::{DateTime, Utc};
use rayon::prelude::*;
use serde::{Deserialize, Serialize};

use super::gate::{self, Allowed};
use super::pages::{self, PagesDone};
use super::{RunError, World};
use crate::archive::{Archive, WhyLeftOut, folder};
use crate::config::Config;
use crate::crash;
use crate::delivery::watch::Tick;
use crate::feeds::output::{self, Written};
use crate::feeds::{self, Document, Layout};
use crate::finding::{Finding, Severity};
use crate::text::{HeaderText, hex};

/// What the feed half did.
#[derive(Debug, Default)]
pub struct Built {
    /// The archive; `None` if nothing had changed and it was not read.
    pub archive: Option<Archive>,
    /// Documents that were written, relative to the public folder.
    pub written: Vec<Utf8PathBuf>,
    /// Documents that were the same already.
    pub unchanged: usize,
    /// The id ledger was written: it belongs into version control.
    pub ids_changed: bool,
    /// The page ledger was written: it, too.
    pub pages_changed: bool,
    /// The live feeds, relative to the public folder; none of them if nothing had changed.
    pub feeds: Vec<Utf8PathBuf>,
    /// What became of the pages.
    pub pages: PagesDone,
    /// The feeds that the budget shortened.
    pub shortened: Shortened,
    /// Digest of everything that the feeds were made from.
    pub inputs: String,
    /// What somebody said is meant.
    pub allowed: Allowed,
}

impl Built {
    /// Whether posts were left out because something else than a post is wrong.
    pub fn has_errors(&self) -> bool {
        self.archive.as_ref().is_some_and(|archive| errors_of(archive).next().is_some())
    }
}

/// What is wrong with the settings that posts wait for.
pub(super) fn errors_of(archive: &Archive) -> impl Iterator<Item = &Finding> {
    archive.findings.iter().filter(|finding| finding.severity == Severity::Error)
}

/// The feeds that would take more than the budget with their newest entries.
#[derive(Debug, Default, Clone, PartialEq, Eq)]
pub struct Shortened {
    /// How many entries the site's own feed carries, and how many it would, if it is one of them.
    pub site: Option<(usize, usize)>,
    /// How many others there are.
    pub others: usize,
}

impl Shortened {
    /// Of a layout.
    pub fn of(layout: &Layout<'_>) -> Self {
        let mut shortened = Self::default();
        for (folder, carried, left_out) in layout.shortened() {
            if folder == "" {
                shortened.site = Some((carried, carried + left_out));
            } else {
                shortened.others += 1;
            }
        }
        shortened
    }

    /// What there is to say; nothing where no feed is one of them.
    pub fn in_words(&self, config: &Config) -> Option<String> {
        let others = match self.others {
            0 => None,
            1 => Some("1 other feed is shorter too".to_owned()),
            others => Some(format!("{others} other feeds are shorter too")),
        };
        let site =
            self.site.map(|(carried, of)| format!("the feed has {carried} of its {of} newest entries"));
        let feeds: Vec<String> = site.into_iter().chain(others).collect();
        if feeds.is_empty() {
            return None;
        }
        let kb = config.feeds.budget.get().div_ceil(1000);
        let has_archive = config.feeds.archive && config.feeds.entries > 0;
        let rest = if has_archive { "; the older ones are in the archive pages" } else { "" };
        Some(format!("feeds.budget ({kb} KB): {}{rest}", feeds.join(", ")))
    }
}

/// Builds the feeds, or finds that they are as they must be. What readers would get again or lose stops it before anything
/// is written, unless that is `allowed`.
pub fn build(world: &World, allowed: Allowed) -> Result<Built, RunError> {
    let config = &world.config;
    let now = world.clock.now();
    let inputs = Stamp::inputs(world)?;
    let stamp = Stamp::read(world).filter(|stamp| stamp.inputs == inputs && stamp.holds(world, now));
    if let Some(stamp) = stamp {
        tracing::info!(unchanged = stamp.outputs.len(), "feeds are up to date");
        return Ok(Built { unchanged: stamp.outputs.len(), inputs, allowed, ..Built::default() });
    }
    begin(world, "reading the posts", None);
    let reading = folder::read(config, now).map_err(RunError::Findings)?;
    let layout = lay_out(&reading.archive, config);
    let first = layout.current().next().unwrap_or_default();
    ask_gate(config, &reading.archive, (&layout, &first), allowed)?;
    // An id that readers have seen must be on record, so the ledgers are written first.
    put_on_record(config, reading.ids.as_deref())?;
    if let Some(pages) = layout.pages() {
        folder::write_pages(config, &pages)
            .map_err(|error| RunError::io("writing the pages of the archives", error))?;
        crash::point("pages-written");
    }
    begin(world, "writing the feeds", Some(layout.index().count() as u64));
    let done = write(world, &layout, std::iter::once(first).chain(layout.current().skip(1)))?;
    (world.watch)(Tick::End);
    tracing::info!(written = done.written.len(), unchanged = done.unchanged, "feeds written");
    crash::point("feeds-in-place");
    let pages = pages::write(world, &reading.archive, &done.files)?;
    // Writing the ledgers changed files of the archive's folder, so the inputs are looked at once more.
    let inputs = Stamp::inputs(world)?;
    let pages_changed = layout.pages().is_some();
    // What is wrong is said by each run until it is put right.
    if errors_of(&reading.archive).next().is_none() {
        Stamp::write(world, &inputs, &done.files, &reading.archive, &pages);
    }
    Ok(Built {
        written: done.written,
        unchanged: done.unchanged,
        ids_changed: reading.ids.is_some(),
        pages_changed,
        feeds: live_feeds(&layout),
        pages,
        shortened: Shortened::of(&layout),
        inputs,
        allowed,
        archive: Some(reading.archive),
    })
}

/// Reads the archive for a command that may mail from it and writes no feeds. A post that is mailed has its id on record
/// first; and while ids change, what subscribers to the feeds would see of that is asked as [`build`] asks it. Also
/// returns whether ids were written.
pub(super) fn on_record(world: &World, allowed: Allowed) -> Result<(Archive, bool), RunError> {
    let config = &world.config;
    let reading = folder::read(config, world.clock.now()).map_err(RunError::Findings)?;
    if reading.ids.is_some() {
        let layout = lay_out(&reading.archive, config);
        let first = layout.current().next().unwrap_or_default();
        ask_gate(config, &reading.archive, (&layout, &first), allowed)?;
        drop(layout);
        put_on_record(config, reading.ids.as_deref())?;
    }
    Ok((reading.archive, reading.ids.is_some()))
}

/// What the feeds are made of: the archive, and the feeds that are published now.
pub fn lay_out<'a>(archive: &'a Archive, config: &'a Config) -> Layout<'a> {
    let directory = config.resolve(&config.output.directory);
    feeds::lay_out(archive, config, &|file| std::fs::read(directory.join(file)).ok())
}

/// All of it is looked at before any of it is written; where there is more than fits into memory, that costs a second
/// rendering.
fn ask_gate(
    config: &Config,
    archive: &Archive,
    (layout, first): (&Layout<'_>, &[Document]),
    allowed: Allowed,
) -> Result<(), RunError> {
    refuse_errors(first)?;
    let mut refused = gate::look(config, archive, first).refused(allowed);
    let rest = layout.current().skip(1);
    refused.extend(rest.flat_map(|more| gate::look(config, archive, &more).refused(allowed)));
    if refused.is_empty() { Ok(()) } else { Err(RunError::Findings(refused)) }
}

fn put_on_record(config: &Config, ids: Option<&str>) -> Result<(), RunError> {
    if let Some(ids) = ids {
        folder::write_ids(config, ids)
            .map_err(|error| RunError::io("writing the ids of the posts", error))?;
        crash::point("ids-written");
    }
    Ok(())
}

fn begin(world: &World, what: &str, total: Option<u64>) {
    (world.watch)(Tick::Begin { what: what.to_owned(), unit: "file", total });
}

/// What hubs are told of: a page of an archive never changes, and a list of feeds is none.
fn live_feeds(layout: &Layout<'_>) -> Vec<Utf8PathBuf> {
    let live = layout.index().filter(|(_, kind, archived)| !archived && !kind.starts_with("text/"));
    live.map(|(path, ..)| path).collect()
}

fn refuse_errors(documents: &[Document]) -> Result<(), RunError> {
    let found = feeds::lint::check(documents).into_iter();
    let errors: Vec<Finding> = found.filter(|finding| finding.severity == Severity::Error).collect();
    if errors.is_empty() { Ok(()) } else { Err(RunError::Findings(errors)) }
}

/// The pages of the archives first, in portions, and what is there already stays; then the feeds, which lead to them.
fn write(
    world: &World,
    layout: &Layout<'_>,
    current: impl Iterator<Item = Vec<Document>>,
) -> Result<Written, RunError> {
    let config = &world.config;
    let directory = config.resolve(&config.output.directory);
    let compress = &config.output.compress;
    let put = |documents: &[Document]| {
        (world.watch)(Tick::Done(documents.len() as u64));
        output::write(&directory, documents, compress).map_err(|error| {
            RunError::user(
                error.to_string(),
                "the feeds that were there before are still whole; put it right and run the same command again",
            )
        })
    };
    let standing = output::standing(&directory, &layout.frozen(), compress);
    let mut done = Written::default();
    for page in &standing.without_copies {
        let page = output::reread(&directory, page)
            .map_err(|error| RunError::user(error.to_string(), "run it again"))?;
        let written = put(&[page])?.written;
        done.written.extend(written);
    }
    for portion in layout.archived(&standing.paths) {
        refuse_errors(&portion)?;
        done = done.and(put(&portion)?);
    }
    done.unchanged += standing.paths.len();
    done.files.extend(standing.paths);
    done.files.sort();
    for portion in current {
        refuse_errors(&portion)?;
        done = done.and(put(&portion)?);
    }
    Ok(done)
}

/// Reads the archive without writing anything.
pub(super) fn read(world: &World) -> Result<Archive, RunError> {
    Ok(folder::read(&world.config, world.clock.now()).map_err(RunError::Findings)?.archive)
}

/// The categories of the archive, those with the most posts first.
pub fn categories(world: &World) -> Result<Vec<HeaderText>, RunError> {
    let archive = read(world)?;
    let mut counts: BTreeMap<&str, (usize, &HeaderText)> = BTreeMap::new();
    for category in archive.posts.iter().flat_map(|post| &post.categories) {
        counts.entry(category.as_str()).or_insert((0, category)).0 += 1;
    }
    let mut counted: Vec<_> = counts.into_values().collect();
    counted.sort_by_key(|(count, _)| std::cmp::Reverse(*count));
    Ok(counted.into_iter().map(|(_, category)| category.clone()).collect())
}

/// What the last build saw and made.
#[derive(Debug, Serialize, Deserialize)]
struct Stamp {
    /// Digest of everything that the feeds are made from.
    inputs: String,
    /// Path, size and modification time of each document.
    outputs: Vec<(Utf8PathBuf, u64, u128)>,
    /// The same of each file that was measured.
    #[serde(default)]
    measured: Vec<(Utf8PathBuf, u64, u128)>,
    /// The same of each page, and of each file that was copied into the public folder.
    #[serde(default)]
    pages: Vec<(Utf8PathBuf, u64, u128)>,
    /// Files that would be copied if they were there.
    #[serde(default)]
    absent: Vec<Utf8PathBuf>,
    /// When the feeds change although no file does: the next post dated in the future.
    until: Option<DateTime<Utc>>,
}

impl Stamp {
    fn path(world: &World) -> Utf8PathBuf {
        world.config.resolve(".letterpress/built.json")
    }

    fn inputs(world: &World) -> Result<String, RunError> {
        let posts = folder::signature(&world.config)
            .map_err(|error| RunError::io(format!("looking at {}", world.config.archive.posts), error))?;
        let templates = pages::signature(&world.config);
        let all = [
            env!("CARGO_PKG_VERSION").as_bytes(),
            &posts,
            world.config.text.as_bytes(),
            templates.as_bytes(),
        ]
        .concat();
        Ok(hex(digest(&SHA256, &all).as_ref()))
    }

    fn read(world: &World) -> Option<Self> {
        serde_json::from_slice(&std::fs::read(Self::path(world)).ok()?).ok()
    }

    /// Whether the documents are still there as they were written, and no future post has come of age.
    fn holds(&self, world: &World, now: DateTime<Utc>) -> bool {
        let directory = world.config.resolve(&world.config.output.directory);
        self.until.is_none_or(|until| now < until)
            && self.outputs.par_iter().all(|output| Some(output) == seen(&directory, &output.0).as_ref())
            && self.pages.par_iter().all(|page| Some(page) == seen(&directory, &page.0).as_ref())
            && self.measured.iter().all(|file| Some(file) == seen(&world.config.root, &file.0).as_ref())
            && self.absent.iter().all(|file| !world.config.resolve(file).exists())
    }

    /// A stamp that cannot be written costs the next run some time and nothing else.
    fn write(world: &World, inputs: &str, paths: &[Utf8PathBuf], archive: &Archive, pages: &PagesDone) {
        let directory = world.config.resolve(&world.config.output.directory);
        let future = archive.left_out.iter().filter_map(|left| match left.why {
            WhyLeftOut::Future(date) => Some(date.to_utc()),
            _ => None,
        });
        let measured = archive.posts.iter().filter_map(|post| post.enclosure.as_ref()?.file.as_deref());
        let measured = measured.chain(pages.sources.iter().map(Utf8PathBuf::as_path));
        let stamp = Self {
            inputs: inputs.to_owned(),
            outputs: paths.iter().filter_map(|path| seen(&directory, path)).collect(),
            measured: measured.filter_map(|file| seen(&world.config.root, file)).collect(),
            pages: pages.files.par_iter().filter_map(|path| seen(&directory, path)).collect(),
            absent: pages.absent.clone(),
            until: future.chain(archive.expires.map(|date| date.to_utc())).min(),
        };
        let path = Self::path(world);
        if let (Some(folder), Ok(json)) = (path.parent(), serde_json::to_vec(&stamp))
            && std::fs::create_dir_all(folder).is_ok()
        {
            let _ = std::fs::write(&path, json);
        }
    }
}

fn seen(directory: &Utf8Path, path: &Utf8Path) -> Option<(Utf8PathBuf, u64, u128)> {
    let meta = directory.join(path).metadata().ok()?;
    let modified = meta.modified().ok()?.duration_since(std::time::UNIX_EPOCH).ok()?;
    Some((path.to_owned(), meta.len(), modified.as_nanos()))
}
