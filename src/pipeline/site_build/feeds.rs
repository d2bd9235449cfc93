//! The feed part of a run, and the shortcut for a run that has nothing to do.
//!
//! The shortcut compares names, sizes and times of files, but only to detect that nothing changed; published content never
//! depends on them.

use std::borrow::Cow;
use std::collections::BTreeMap;

use aws_lc_rs::digest::{SHA256, digest};
use camino::{Utf8Path, Utf8PathBuf};
use chrono::{DateTime, Utc};
use rayon::prelude::*;
use serde::{Deserialize, Serialize};

use crate::archive::{Archive, Post, SkipReason, folder};
use crate::config::Config;
use crate::crash;
use crate::delivery::progress::ProgressEvent;
use crate::feeds::output::{self, WriteReport};
use crate::feeds::{self, Document, FeedPlan};
use crate::finding::{Finding, Severity};
use crate::pipeline::session::context::RunContext;
use crate::pipeline::session::run_error::RunError;
use crate::pipeline::site_build::feed_diff::{self, Waivers};
use crate::pipeline::site_build::pages::{self, PagesReport};
use crate::pipeline::site_build::site_files::SiteFiles;
use crate::text::{HeaderText, hex};

/// What the feed part did.
#[derive(Debug, Default)]
pub struct BuildReport {
    /// The archive; `None` if nothing changed and it was not read.
    pub archive: Option<Archive>,
    /// Documents that were written, relative to the public folder.
    pub written: Vec<Utf8PathBuf>,
    /// Number of unchanged documents.
    pub unchanged: usize,
    /// Whether the id file was written, which the user should commit.
    pub ids_changed: bool,
    /// Whether the page file was written, which the user should commit too.
    pub pages_changed: bool,
    /// The feeds without archive pages, relative to the public folder; empty if nothing changed.
    pub feeds: Vec<Utf8PathBuf>,
    /// The result for the pages.
    pub pages: PagesReport,
    /// The result for the pages of issues; a build alone makes none.
    pub issues: PagesReport,
    /// The feeds shortened by `feeds.budget`.
    pub shortened: ShortenedFeed,
    /// Fingerprint of everything that the feeds are built from.
    pub inputs: String,
    /// Changes that the user has allowed.
    pub waivers: Waivers,
    /// The files of the site.
    pub(crate) site: SiteFiles,
}

impl BuildReport {
    /// The archive, which is read now if nothing had changed.
    pub(crate) fn archive_or_read(&self, context: &RunContext) -> Result<Cow<'_, Archive>, RunError> {
        match &self.archive {
            Some(archive) => Ok(Cow::Borrowed(archive)),
            None => Ok(Cow::Owned(read_with_ids(context, self.waivers)?.0)),
        }
    }

    /// Whether posts were skipped because of an error in the settings.
    pub fn has_errors(&self) -> bool {
        self.archive.as_ref().is_some_and(|archive| errors_of(archive).next().is_some())
    }
}

/// Errors in settings that affect posts.
pub(crate) fn errors_of(archive: &Archive) -> impl Iterator<Item = &Finding> {
    archive.findings.iter().filter(|finding| finding.severity == Severity::Error)
}

/// The feeds that exceed `feeds.budget` with their newest entries.
#[derive(Debug, Default, Clone, PartialEq, Eq)]
pub struct ShortenedFeed {
    /// If the main feed is shortened: its entries, and the entries without the budget.
    pub site: Option<(usize, usize)>,
    /// Number of other shortened feeds.
    pub others: usize,
}

impl ShortenedFeed {
    /// The shortened feeds of a layout.
    pub fn of(layout: &FeedPlan<'_>) -> Self {
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

    /// A message; `None` if no feed is shortened.
    pub fn describe(&self, config: &Config) -> Option<String> {
        let others = match self.others {
            0 => None,
            1 => Some("1 other feed is shortened too".to_owned()),
            others => Some(format!("{others} other feeds are shortened too")),
        };
        let site = self
            .site
            .map(|(carried, of)| format!("the feed contains only {carried} of its {of} newest entries"));
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

/// Builds the feeds, unless they are up to date. Fails before anything is written if feed readers would show posts again or
/// lose them, unless that is `allowed`.
pub fn build(context: &RunContext, allowed: Waivers) -> Result<BuildReport, RunError> {
    let config = &context.config;
    let now = context.clock.now();
    let inputs = InputFingerprint::inputs(context)?;
    let stamp = InputFingerprint::read(context)
        .filter(|stamp| stamp.inputs == inputs && stamp.is_current(context, now));
    if let Some(stamp) = stamp {
        tracing::info!(unchanged = stamp.outputs.len(), "feeds are up to date");
        return Ok(BuildReport {
            unchanged: stamp.outputs.len(),
            inputs,
            waivers: allowed,
            site: stamp.site,
            ..BuildReport::default()
        });
    }
    begin(context, "reading the posts", None);
    let reading = folder::read(config, now).map_err(RunError::Findings)?;
    let layout = plan_site(&reading.archive, config);
    let first = layout.current().next().unwrap_or_default();
    check_feed_diff(config, &reading.archive, (&layout, &first), allowed)?;
    // The id of a published entry must be recorded, so the id files are written first.
    write_ids(config, reading.ids.as_deref())?;
    if let Some(pages) = layout.pages() {
        folder::write_pages(config, &pages)
            .map_err(|error| RunError::io("writing the list of archive pages", error))?;
        crash::point("pages-written");
    }
    begin(context, "writing the feeds", Some(layout.index().count() as u64));
    let done = write(context, &layout, first)?;
    (context.on_progress)(ProgressEvent::End);
    tracing::info!(written = done.written.len(), unchanged = done.unchanged, "feeds written");
    crash::point("feeds-in-place");
    let pages = pages::write(context, &reading.archive, &done.files)?;
    // Writing the id files changed the folder of posts, so the fingerprint is computed again.
    let inputs = InputFingerprint::inputs(context)?;
    let pages_changed = layout.pages().is_some();
    let site = SiteFiles::of(&layout, &done.files, (&pages.files, &pages.foreign));
    // With errors there is no shortcut: each run reports them until they are fixed.
    if errors_of(&reading.archive).next().is_none() {
        InputFingerprint::write(context, (&inputs, &site), &done.files, &reading.archive, &pages);
    }
    Ok(BuildReport {
        written: done.written,
        unchanged: done.unchanged,
        ids_changed: reading.ids.is_some(),
        pages_changed,
        feeds: live_feeds(&layout),
        pages,
        issues: PagesReport::default(),
        shortened: ShortenedFeed::of(&layout),
        inputs,
        waivers: allowed,
        site,
        archive: Some(reading.archive),
    })
}

/// Reads the archive for a command that mails but builds no feeds. The id of a mailed post is recorded first, so changed ids
/// are checked against the published feeds as in [`build`]. Also returns whether ids were written.
pub(crate) fn read_with_ids(context: &RunContext, allowed: Waivers) -> Result<(Archive, bool), RunError> {
    let config = &context.config;
    let reading = folder::read(config, context.clock.now()).map_err(RunError::Findings)?;
    if reading.ids.is_some() {
        let layout = plan_site(&reading.archive, config);
        let first = layout.current().next().unwrap_or_default();
        check_feed_diff(config, &reading.archive, (&layout, &first), allowed)?;
        drop(layout);
        write_ids(config, reading.ids.as_deref())?;
    }
    Ok((reading.archive, reading.ids.is_some()))
}

/// Plans the feeds from the archive and the published feeds.
pub fn plan_site<'a>(archive: &'a Archive, config: &'a Config) -> FeedPlan<'a> {
    let directory = config.resolve(&config.output.directory);
    feeds::plan_feeds(archive, config, &|file| std::fs::read(directory.join(file)).ok())
}

/// Checks all documents before any is written. Documents that do not fit into memory are rendered twice for that.
fn check_feed_diff(
    config: &Config,
    archive: &Archive,
    (layout, first): (&FeedPlan<'_>, &[Document]),
    allowed: Waivers,
) -> Result<(), RunError> {
    refuse_errors(first)?;
    let mut refused = feed_diff::diff_feeds(config, archive, first).refusals(allowed);
    let rest = layout.current_after(1);
    refused.extend(rest.flat_map(|more| feed_diff::diff_feeds(config, archive, &more).refusals(allowed)));
    refused.extend(archive.vanished.refusal(config).filter(|_| !allowed.loss));
    if refused.is_empty() { Ok(()) } else { Err(RunError::Findings(refused)) }
}

fn write_ids(config: &Config, ids: Option<&str>) -> Result<(), RunError> {
    if let Some(ids) = ids {
        folder::write_ids(config, ids)
            .map_err(|error| RunError::io("writing the ids of the posts", error))?;
        crash::point("ids-written");
    }
    Ok(())
}

fn begin(context: &RunContext, what: &str, total: Option<u64>) {
    (context.on_progress)(ProgressEvent::Begin { what: what.to_owned(), unit: "file", total });
}

/// The feeds that hubs are notified of. Archive pages never change, and a list of feeds is not a feed.
fn live_feeds(layout: &FeedPlan<'_>) -> Vec<Utf8PathBuf> {
    let live = layout.index().filter(|(_, kind, archived)| !archived && !kind.starts_with("text/"));
    live.map(|(path, ..)| path).collect()
}

fn refuse_errors(documents: &[Document]) -> Result<(), RunError> {
    let found = feeds::lint::check(documents).into_iter();
    let errors: Vec<Finding> = found.filter(|finding| finding.severity == Severity::Error).collect();
    if errors.is_empty() { Ok(()) } else { Err(RunError::Findings(errors)) }
}

/// Writes the archive pages first, in portions and without changing existing ones; then the feeds, which link to them. Of
/// these, the `first` portion was checked before.
fn write(context: &RunContext, layout: &FeedPlan<'_>, first: Vec<Document>) -> Result<WriteReport, RunError> {
    let config = &context.config;
    let directory = config.resolve(&config.output.directory);
    let compress = &config.output.compress;
    let put = |documents: &[Document]| {
        (context.on_progress)(ProgressEvent::Done(documents.len() as u64));
        output::write(&directory, documents, compress).map_err(|error| {
            RunError::user(
                error.to_string(),
                "the published feeds are still intact; fix the problem and run the command again",
            )
        })
    };
    let existing = output::existing_pages(&directory, &layout.frozen(), compress);
    let mut done = WriteReport::default();
    for page in &existing.without_copies {
        let page = output::reread(&directory, page)
            .map_err(|error| RunError::user(error.to_string(), "run the command again"))?;
        let written = put(&[page])?.written;
        done.written.extend(written);
    }
    for portion in layout.archived(&existing.paths) {
        refuse_errors(&portion)?;
        done = done.and(put(&portion)?);
    }
    done.unchanged += existing.paths.len();
    done.files.extend(existing.paths);
    done.files.sort();
    done = done.and(put(&first)?);
    drop(first);
    for portion in layout.current_after(1) {
        refuse_errors(&portion)?;
        done = done.and(put(&portion)?);
    }
    Ok(done)
}

/// Reads the archive; writes nothing.
pub(crate) fn read(context: &RunContext) -> Result<Archive, RunError> {
    Ok(folder::read(&context.config, context.clock.now()).map_err(RunError::Findings)?.archive)
}

/// The categories of the archive, sorted by number of posts.
pub fn categories(context: &RunContext) -> Result<Vec<HeaderText>, RunError> {
    let archive = read(context)?;
    let mut counts: BTreeMap<&str, (usize, &HeaderText)> = BTreeMap::new();
    for category in archive.posts.iter().flat_map(|post| &post.categories) {
        counts.entry(category.as_str()).or_insert((0, category)).0 += 1;
    }
    let mut counted: Vec<_> = counts.into_values().collect();
    counted.sort_by_key(|(count, _)| std::cmp::Reverse(*count));
    Ok(counted.into_iter().map(|(_, category)| category.clone()).collect())
}

/// Inputs and outputs of the last build.
#[derive(Debug, Serialize, Deserialize)]
struct InputFingerprint {
    /// Fingerprint of everything that the feeds are built from.
    inputs: String,
    /// Path, size and modification time of each document.
    outputs: Vec<(Utf8PathBuf, u64, u128)>,
    /// The same for each file whose size is in a feed.
    #[serde(default)]
    measured: Vec<(Utf8PathBuf, u64, u128)>,
    /// The same for each page, and for each file copied into the public folder.
    #[serde(default)]
    pages: Vec<(Utf8PathBuf, u64, u128)>,
    /// Missing files that would be copied if they existed.
    #[serde(default)]
    absent: Vec<Utf8PathBuf>,
    /// When the feeds change although no file does: the date of the next scheduled post.
    until: Option<DateTime<Utc>>,
    /// The files of the site.
    site: SiteFiles,
}

impl InputFingerprint {
    fn path(context: &RunContext) -> Utf8PathBuf {
        context.config.resolve(".letterpress/built.json")
    }

    fn inputs(context: &RunContext) -> Result<String, RunError> {
        let posts = folder::signature(&context.config)
            .map_err(|error| RunError::io(format!("reading {}", context.config.archive.posts), error))?;
        let templates = pages::signature(&context.config);
        let all = [
            env!("CARGO_PKG_VERSION").as_bytes(),
            &posts,
            context.config.text.as_bytes(),
            context.config.words.text().as_bytes(),
            templates.as_bytes(),
        ]
        .concat();
        Ok(hex(digest(&SHA256, &all).as_ref()))
    }

    fn read(context: &RunContext) -> Option<Self> {
        serde_json::from_slice(&std::fs::read(Self::path(context)).ok()?).ok()
    }

    /// Whether the documents are unchanged on disk, and no scheduled post is due.
    fn is_current(&self, context: &RunContext, now: DateTime<Utc>) -> bool {
        let directory = context.config.resolve(&context.config.output.directory);
        self.until.is_none_or(|until| now < until)
            && self
                .outputs
                .par_iter()
                .all(|output| Some(output) == load_fingerprint(&directory, &output.0).as_ref())
            && self.pages.par_iter().all(|page| Some(page) == load_fingerprint(&directory, &page.0).as_ref())
            && self
                .measured
                .iter()
                .all(|file| Some(file) == load_fingerprint(&context.config.root, &file.0).as_ref())
            && self.absent.iter().all(|file| !context.config.resolve(file).exists())
    }

    /// Errors are ignored: without a stamp the next run only takes longer.
    fn write(
        context: &RunContext,
        (inputs, site): (&str, &SiteFiles),
        paths: &[Utf8PathBuf],
        archive: &Archive,
        pages: &PagesReport,
    ) {
        let directory = context.config.resolve(&context.config.output.directory);
        let future = archive.skipped.iter().filter_map(|skipped| match skipped.reason {
            SkipReason::Future(date) => Some(date.to_utc()),
            _ => None,
        });
        let measured = archive.posts.iter().flat_map(Post::measured_files);
        let measured = measured.chain(pages.sources.iter().map(Utf8PathBuf::as_path));
        let stamp = Self {
            inputs: inputs.to_owned(),
            outputs: paths.iter().filter_map(|path| load_fingerprint(&directory, path)).collect(),
            measured: measured.filter_map(|file| load_fingerprint(&context.config.root, file)).collect(),
            pages: pages.files.par_iter().filter_map(|path| load_fingerprint(&directory, path)).collect(),
            absent: pages.absent.clone(),
            until: future.chain(archive.expires.map(|date| date.to_utc())).min(),
            site: site.clone(),
        };
        let path = Self::path(context);
        if let (Some(folder), Ok(json)) = (path.parent(), serde_json::to_vec(&stamp))
            && std::fs::create_dir_all(folder).is_ok()
        {
            let _ = std::fs::write(&path, json);
        }
    }
}

fn load_fingerprint(directory: &Utf8Path, path: &Utf8Path) -> Option<(Utf8PathBuf, u64, u128)> {
    let meta = directory.join(path).metadata().ok()?;
    let modified = meta.modified().ok()?.duration_since(std::time::UNIX_EPOCH).ok()?;
    Some((path.to_owned(), meta.len(), modified.as_nanos()))
}
