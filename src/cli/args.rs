//! Arguments that several commands share, and how they are read: waivers, preferences, addresses, issues, feeds.

use std::collections::BTreeSet;
use std::fmt::Display;
use std::fs::File;
use std::time::Duration;

use camino::Utf8Path;
use clap::Args;
use unicode_normalization::UnicodeNormalization as _;
use url::Url;

use super::completions;
use super::printer::Printer;
use crate::address::EmailAddress;
use crate::archive::{folder, links};
use crate::config::Config;
use crate::dates;
use crate::finding::Finding;
use crate::importers::feed::{self, Feed};
use crate::ledger::IssueSummary;
use crate::net::budget;
use crate::net::http::{Body, Download, Fetched};
use crate::pipeline::session::{LedgerSession, RunContext, RunError};
use crate::pipeline::site_build::Waivers;
use crate::store::digest::PREFIX;
use crate::subscribers::{Frequency, Preferences, Topics};
use crate::text::HeaderText;

/// Limit for a feed that contains every post ever published.
const MAX_FEED: usize = 64 << 20;

const ANOTHER_WAY: &str = "download it another way, for example with curl, and name the file";

/// Waivers of the check that compares new feeds with the published ones.
#[derive(Args, Clone)]
pub(super) struct WaiverArgs {
    /// Allow published posts to get new ids; feed readers show these posts again.
    #[arg(long)]
    allow_redelivery: bool,
    /// Allow removing posts that are already published.
    #[arg(long)]
    allow_loss: bool,
}

impl WaiverArgs {
    pub(super) fn allowed(&self) -> Waivers {
        Waivers { redelivery: self.allow_redelivery, loss: self.allow_loss, remote: false }
    }
}

/// The arguments of `build` and of `publish`.
#[derive(Args, Clone)]
pub(super) struct BuildArgs {
    #[command(flatten)]
    waivers: WaiverArgs,
    /// Replace files in the bucket of output.url that another program or another machine wrote.
    #[arg(long)]
    replace_remote: bool,
    /// Print one JSON object, also if the command fails.
    #[arg(long)]
    pub(super) json: bool,
}

impl BuildArgs {
    pub(super) fn allowed(&self) -> Waivers {
        Waivers { remote: self.replace_remote, ..self.waivers.allowed() }
    }
}

/// The preferences of a subscriber.
#[derive(Args)]
pub(super) struct PreferenceArgs {
    /// Send the weekly digest, at the time set by newsletter.digest.
    #[arg(long)]
    weekly: bool,
    /// Send an email for every post [default for new subscribers].
    #[arg(long, alias = "each", conflicts_with = "weekly")]
    every_post: bool,
    /// Send only posts of this category; can be repeated.
    #[arg(long, value_name = "CATEGORY", add = completions::topics())]
    topic: Vec<String>,
    /// Send posts of all categories [default for new subscribers].
    #[arg(long, alias = "everything", conflicts_with = "topic")]
    all_topics: bool,
}

impl PreferenceArgs {
    /// The preferences `before` with these arguments applied.
    pub(super) fn over(&self, before: Preferences) -> Result<Preferences, RunError> {
        let frequency = match (self.weekly, self.every_post) {
            (true, _) => Frequency::Weekly,
            (_, true) => Frequency::Immediate,
            _ => before.frequency,
        };
        let named = self.topic.iter().map(|topic| parse_topic(topic)).collect::<Result<Vec<_>, _>>()?;
        let topics = match (self.all_topics, named.is_empty()) {
            (true, _) => Topics::Everything,
            (false, true) => before.topics,
            (false, false) => Topics::only(named),
        };
        Ok(Preferences { frequency, topics })
    }

    /// Warns about topics that no post has.
    pub(super) fn warn_about_unused_topics(&self, context: &RunContext, printer: Printer) {
        warn_about_unused_topics(&self.topic, context, printer);
    }
}

/// Warns about topics that no post has: because of a typing error, the subscriber would get no emails.
pub(super) fn warn_about_unused_topics(topics: &[String], context: &RunContext, printer: Printer) {
    if topics.is_empty() {
        return;
    }
    // `check` reports an archive that cannot be read.
    let Ok(reading) = folder::read(&context.config, context.clock.now()) else { return };
    let is_used = |topic: &str| {
        let of_posts =
            reading.archive.posts.iter().flat_map(|post| post.categories.iter().chain(&post.segment.topics));
        let mut topics = of_posts.chain(context.config.newsletter.series_topics());
        topics.any(|category| category.as_str() == topic)
    };
    for topic in topics.iter().filter(|topic| !is_used(topic)) {
        printer.warn(format!("warning: no post is in the category \"{topic}\" yet"));
    }
}

/// A topic by its name.
pub(super) fn parse_topic(name: &str) -> Result<HeaderText, RunError> {
    HeaderText::parse(name).map_err(|error| {
        RunError::user(format!("invalid topic: {error}"), "use the name of a category of your posts")
    })
}

pub(super) fn parse(address: &str) -> Result<EmailAddress, RunError> {
    EmailAddress::parse(address).map_err(|error| {
        RunError::user(
            format!("invalid email address {address:?}: {error}"),
            "write it like reader@example.com",
        )
    })
}

/// The ids of the issues that an argument names: all issues of a week, or a single issue.
pub(super) async fn issue_ids(
    session: &LedgerSession,
    wanted: Option<&str>,
) -> Result<Vec<String>, RunError> {
    let of_the_week = match wanted {
        Some(week) => issues_of_week(week, &session.store.issues().await?),
        None => Vec::new(),
    };
    if of_the_week.is_empty() { Ok(vec![issue_id(session, wanted).await?]) } else { Ok(of_the_week) }
}

/// The issues of a week such as `2026-W47`.
fn issues_of_week(week: &str, issues: &[IssueSummary]) -> Vec<String> {
    let start = format!("{PREFIX}{}:", week.trim_start_matches(PREFIX));
    issues.iter().filter(|issue| issue.id.starts_with(&start)).map(|issue| issue.id.clone()).collect()
}

/// The id of the issue that an argument names by its id, or by the slug or file of its post; the newest issue without an
/// argument.
pub(super) async fn issue_id(session: &LedgerSession, wanted: Option<&str>) -> Result<String, RunError> {
    let issues = session.store.issues().await?;
    let Some(wanted) = wanted else {
        let newest = issues.first().map(|issue| issue.id.clone());
        return newest.ok_or_else(|| no_issue("no issue has been sent yet".to_owned()));
    };
    match issues_of_week(wanted, &issues).as_slice() {
        [] => {}
        [only] => return Ok(only.clone()),
        several => {
            return Err(RunError::user(
                format!("{wanted} has {} issues, each for different topics", several.len()),
                format!("name one of them: {}", several.join(", ")),
            ));
        }
    }
    // In an id the slug is percent-encoded; the user types it decoded.
    let slugs = [format!(":{wanted}"), format!(":{}", links::segment(wanted))];
    let named = |issue: &&IssueSummary| slugs.iter().any(|slug| issue.id.ends_with(slug));
    let found = issues.iter().find(|issue| issue.id == wanted).or_else(|| issues.iter().find(named));
    if let Some(issue) = found {
        return Ok(issue.id.clone());
    }
    // An id that another program made contains no slug.
    issue_of_post(session, wanted, &issues)
        .await?
        .ok_or_else(|| no_issue(format!("there is no issue {wanted:?}")))
}

fn no_issue(what: String) -> RunError {
    RunError::user(what, "`letterpress status` lists the issues with their ids")
}

/// The issue of the post with this slug, label or file, also if the post is not published any more.
async fn issue_of_post(
    session: &LedgerSession,
    wanted: &str,
    issues: &[IssueSummary],
) -> Result<Option<String>, RunError> {
    let is = |name: &str| name.nfc().eq(wanted.nfc());
    // The date at its beginning may be omitted.
    let is_label = |label: &str| is(label) || dates::in_name(label).is_some_and(|(_, rest)| is(rest));
    let is_file = |path: &str| is_label(path) || Utf8Path::new(path).file_name().is_some_and(is_label);
    let labelled = session.store.published().await?.into_iter().filter(|issue| is_label(&issue.label));
    let filed = session.store.identities().await?.into_iter().filter(|known| is_file(&known.path));
    let posts: BTreeSet<String> =
        labelled.map(|issue| issue.post).chain(filed.map(|known| known.post)).collect();
    Ok(issues.iter().map(|issue| &issue.id).find(|id| posts.contains(*id)).cloned())
}

/// Whether an argument is the URL of a feed, and not a file.
pub(super) fn is_url(source: &str) -> bool {
    source.starts_with("http://") || source.starts_with("https://")
}

/// Downloads and reads the feed at a URL.
pub(super) async fn remote_feed(url: &str, config: &Config) -> Result<Feed, RunError> {
    let failed = |why: &dyn Display, help| RunError::user(format!("cannot download the feed: {why}"), help);
    let mut download = Download::default();
    (download.max_bytes, download.timeout) = (MAX_FEED, Duration::from_secs(60));
    download.site = config.public_site();
    let Body { bytes, media_type, moved, .. } = match download.fetch(url, None).await {
        Ok(Fetched::Document(body)) => body,
        Ok(Fetched::NotModified { .. }) => return Err(failed(&"the server sends nothing", ANOTHER_WAY)),
        Err(error) => return Err(failed(&error, error.advice().unwrap_or(ANOTHER_WAY))),
    };
    let file = url.to_owned();
    let read = move || feed::read_served(&bytes, media_type.as_deref(), &file);
    let read = budget::within(budget::LONGEST, read).await;
    let read = read
        .map_err(|slow| RunError::user(format!("{url}: {slow}"), "download the feed, and name the file"))?;
    let mut feed = read.map_err(|finding| RunError::Findings(vec![finding]))?;
    feed.about.findings.extend(moved.map(|moved| has_moved(url, &moved)));
    Ok(feed)
}

/// A feed at another address than the one that was named.
pub(super) fn has_moved(url: &str, moved: &Url) -> Finding {
    Finding::warning("feed-moved", url, format!("it moved permanently to {moved}"))
        .hint("use the new address")
}

pub(super) fn open(file: &Utf8Path) -> Result<File, RunError> {
    File::open(file)
        .map_err(|error| RunError::user(format!("cannot read {file}: {error}"), "check that the file exists"))
}
