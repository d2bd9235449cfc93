//! The feed part of a run.

use std::borrow::Cow;
use std::collections::BTreeMap;

use camino::Utf8PathBuf;
use chrono::{DateTime, Utc};

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
use crate::pipeline::site_build::file_stat::stat_all;
use crate::pipeline::site_build::pages::{self, PagesReport};
use crate::pipeline::site_build::plan::plan_site;
use crate::pipeline::site_build::shortcut::{BuildStamp, Inputs};
use crate::pipeline::site_build::site_files::SiteFiles;
use crate::text::HeaderText;

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
    let read = Inputs::of(config)?;
    let inputs = read.with_registries(config)?;
    if let Some(stamp) = BuildStamp::read(config).filter(|stamp| stamp.is_current(config, &inputs, now)) {
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
    let measured = reading.archive.posts.iter().flat_map(Post::measured_files);
    let measured = stat_all(&config.root, measured);
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
    let inputs = read.with_registries(config)?;
    begin(context, "writing the feeds", Some(layout.index().count() as u64));
    let done = write(context, &layout, first)?;
    (context.on_progress)(ProgressEvent::End);
    tracing::info!(written = done.written.len(), unchanged = done.unchanged, "feeds written");
    crash::point("feeds-in-place");
    let pages = pages::write(context, &reading.archive, &done.files)?;
    let pages_changed = layout.pages().is_some();
    let site = SiteFiles::of(&layout, &done.files, (&pages.files, &pages.foreign));
    // With errors there is no shortcut: each run reports them until they are fixed.
    if errors_of(&reading.archive).next().is_none() {
        let until = next_change(&reading.archive);
        BuildStamp::of(config, (&inputs, measured), (&done.files, &pages), until, &site).write(config);
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

/// When the feeds change although no file does: the date of the next scheduled post, or when the next one expires.
fn next_change(archive: &Archive) -> Option<DateTime<Utc>> {
    let future = archive.skipped.iter().filter_map(|skipped| match skipped.reason {
        SkipReason::Future(date) => Some(date.to_utc()),
        _ => None,
    });
    future.chain(archive.expires.map(|date| date.to_utc())).min()
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

#[cfg(test)]
mod tests {
    use std::fs;
    use std::sync::Arc;

    use camino::Utf8Path;

    use super::*;
    use crate::clock::FrozenClock;
    use crate::config;

    fn context(file: &Utf8Path, on_writing: impl Fn() + Send + Sync + 'static) -> RunContext {
        let now = DateTime::parse_from_rfc3339("2024-06-01T00:00:00Z").unwrap().to_utc();
        let on_progress = move |event| match event {
            ProgressEvent::Begin { what, .. } if what == "writing the feeds" => on_writing(),
            _ => {}
        };
        RunContext {
            config: Arc::new(config::load(file).unwrap()),
            clock: Arc::new(FrozenClock::at(now, 1)),
            on_progress: Arc::new(on_progress),
            breaker: Arc::default(),
        }
    }

    #[test]
    fn a_post_that_is_edited_during_a_build_is_in_the_next_one() {
        let folder = tempfile::tempdir().unwrap();
        let root = Utf8Path::from_path(folder.path()).unwrap().to_owned();
        let file = root.join("config.toml");
        fs::write(&file, "[site]\ntitle = \"글\"\nurl = \"https://example.com/\"\n").unwrap();
        fs::create_dir(root.join("posts")).unwrap();
        let post = root.join("posts/2024-05-01-a.md");
        fs::write(&post, "# 제목\n\n처음\n").unwrap();
        let edit = move || fs::write(&post, "# 제목\n\n나중\n").unwrap();
        let feed = || fs::read_to_string(root.join("public/atom.xml")).unwrap();
        build(&context(&file, edit), Waivers::default()).unwrap();
        assert!(feed().contains("처음"));
        build(&context(&file, || ()), Waivers::default()).unwrap();
        assert!(feed().contains("나중"));
        let third = build(&context(&file, || ()), Waivers::default()).unwrap();
        assert!(third.archive.is_none(), "nothing is left to do");
    }
}
