//! Reads the emails of series: `welcome.md`, and the files of `series/NAME/`. They are posts that are only mailed: they have no
//! page and are in no feed.

use std::io;

use camino::{Utf8Path, Utf8PathBuf};
use chrono::{DateTime, TimeDelta, Utc};

use super::files::read_file;
use super::preview::PostReader;
use crate::archive::front_matter::mistakes::{FrontMatterText, find_mistakes};
use crate::archive::front_matter::{self, Entry, Value};
use crate::archive::{Archive, Post, PostPage, encoding};
use crate::config::{Config, SeriesStart, Span};
use crate::finding::{Finding, Severity};

/// The folder with a folder for each series.
const FOLDER: &str = "series";

/// The series of the welcome email, and the name of its step.
pub const WELCOME: &str = "welcome";

/// The ids of these posts begin with this.
pub const PREFIX: &str = "series:";

/// Keys that only these files have.
const KEYS: [&str; 2] = ["after", "latest"];

/// A series, with its emails in the order of their times; there is at least one.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Series {
    /// Its name.
    pub name: String,
    /// What begins it.
    pub start: SeriesStart,
    /// Its emails.
    pub steps: Vec<SeriesStep>,
}

/// An email of a series.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SeriesStep {
    /// The file, as the user would type it.
    pub source: Utf8PathBuf,
    /// The permanent name: `welcome`, or `course/01-hello`.
    pub name: String,
    /// The time since the start of the series.
    pub after: TimeDelta,
    /// What it shows of the latest issue.
    pub latest: Latest,
}

/// What an email shows of the latest issue.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Latest {
    /// Nothing.
    Nothing,
    /// Its title, as a link.
    Link,
    /// All of it.
    Whole,
}

/// Reads the front matter of all series. Drafts are left out, and a series without another email is left out too.
pub fn read_series(config: &Config, now: DateTime<Utc>) -> Result<Vec<Series>, Vec<Finding>> {
    let (mut all, mut errors) = (Vec::new(), Vec::new());
    let newsletter = &config.newsletter;
    let welcome = newsletter.welcome.iter().map(|file| {
        let start = SeriesStart::SignUp;
        (WELCOME.to_owned(), start, Ok(vec![(file.clone(), WELCOME.to_owned())]))
    });
    let others = newsletter.series.iter().map(|(name, start)| {
        (name.clone(), start.clone(), files_of(config, name).map_err(|error| error.to_string()))
    });
    for (name, start, files) in welcome.chain(others) {
        match files
            .map_err(|error| vec![unreadable(&folder_of(&name), &error)])
            .and_then(|files| steps(config, files, now))
        {
            Ok(steps) if steps.is_empty() => {}
            Ok(steps) => all.push(Series { name, start, steps }),
            Err(wrong) => errors.extend(wrong),
        }
    }
    if errors.is_empty() { Ok(all) } else { Err(errors) }
}

/// Reads an email of a series whole; `archive` has the posts that it may link to.
pub fn read_step(
    config: &Config,
    archive: &Archive,
    step: &SeriesStep,
    now: DateTime<Utc>,
) -> Result<Post, Vec<Finding>> {
    let (post, _) =
        PostReader::without_settings(config, archive).read_unpublished(config, &step.source, now)?;
    let page = PostPage { is_mail_only: true, file: None, ..post.page };
    // Nothing of it may depend on the time: the same text must always make the same email.
    let undated = DateTime::UNIX_EPOCH.fixed_offset();
    let url = config.site.url.as_url().clone();
    let id = format!("{PREFIX}{}", step.name);
    Ok(Post { id, url, published: undated, updated: undated, newsletter: true, page, ..post })
}

fn folder_of(series: &str) -> Utf8PathBuf {
    Utf8Path::new(FOLDER).join(series)
}

/// The Markdown files of a series with their names, sorted.
fn files_of(config: &Config, series: &str) -> io::Result<Vec<(Utf8PathBuf, String)>> {
    let folder = folder_of(series);
    let mut files = Vec::new();
    for entry in config.resolve(&folder).read_dir_utf8()? {
        let path = Utf8PathBuf::from(entry?.file_name());
        if path.extension() == Some("md") && !path.as_str().starts_with('.') {
            let name = format!("{series}/{}", path.file_stem().unwrap_or_default());
            files.push((folder.join(&path), name));
        }
    }
    files.sort();
    Ok(files)
}

fn unreadable(file: &Utf8Path, error: &str) -> Finding {
    Finding::error("series-file", file.as_str(), format!("cannot read it: {error}")).hint(
        "newsletter.welcome in config.toml is a file; the emails of newsletter.series are series/NAME/*.md",
    )
}

/// The steps in these files that are no drafts, by time.
fn steps(
    config: &Config,
    files: Vec<(Utf8PathBuf, String)>,
    now: DateTime<Utc>,
) -> Result<Vec<SeriesStep>, Vec<Finding>> {
    let (mut steps, mut errors) = (Vec::new(), Vec::new());
    for (source, name) in files {
        match step(config, source, name, now) {
            Ok(step) => steps.extend(step),
            Err(wrong) => errors.extend(wrong),
        }
    }
    steps.sort_by(|one: &SeriesStep, other| (one.after, &one.name).cmp(&(other.after, &other.name)));
    for pair in steps.windows(2) {
        if let [one, other] = pair
            && one.after == other.after
        {
            let message = format!("it comes at the same time as {}", one.source);
            errors.push(
                Finding::error("series-after", other.source.as_str(), message)
                    .hint("give it another `after`"),
            );
        }
    }
    if errors.is_empty() { Ok(steps) } else { Err(errors) }
}

/// One step; `None` for a draft.
fn step(
    config: &Config,
    source: Utf8PathBuf,
    name: String,
    now: DateTime<Utc>,
) -> Result<Option<SeriesStep>, Vec<Finding>> {
    let file = source.as_str();
    let bytes =
        read_file(&config.resolve(&source)).map_err(|error| vec![unreadable(&source, &error.to_string())])?;
    let text = encoding::decode(&bytes, file).map_err(|finding| vec![finding])?;
    let parts = front_matter::split(&text, file).map_err(|finding| vec![finding])?;
    let own: Vec<String> =
        config.archive.front_matter.iter().cloned().chain(KEYS.map(str::to_owned)).collect();
    let page = FrontMatterText { file, text: &text, own: &own, zone: config.site.timezone, now };
    let mut errors = find_mistakes(&parts, page);
    errors.retain(|finding| finding.severity == Severity::Error);
    let (fields, wrong) = front_matter::fields::read(&parts.entries, file, &config.site);
    if fields.draft {
        return Ok(None);
    }
    errors.extend(wrong);
    let after = after(&parts.entries, &source, &name).map_err(|finding| errors.push(finding));
    let latest = latest(&parts.entries, file).map_err(|finding| errors.push(finding));
    match (after, latest) {
        (Ok(after), Ok(latest)) if errors.is_empty() => Ok(Some(SeriesStep { source, name, after, latest })),
        _ => Err(errors),
    }
}

fn find<'e>(entries: &'e [Entry], key: &str) -> Option<&'e Entry> {
    entries.iter().find(|entry| entry.key.eq_ignore_ascii_case(key))
}

fn after(entries: &[Entry], source: &Utf8Path, name: &str) -> Result<TimeDelta, Finding> {
    let wrong =
        |message: String| Finding::error("series-after", source.as_str(), message).hint("after = \"3d\"");
    match find(entries, "after").map(|entry| (entry.line, &entry.value)) {
        None if name == WELCOME => Ok(TimeDelta::zero()),
        None => Err(wrong("it does not say how long `after` the start of the series it comes".to_owned())),
        Some((line, Value::Text(text) | Value::Number(text))) => Span::parse(text)
            .map(Span::delta)
            .map_err(|message| wrong(format!("`after`: {message}")).at(line)),
        Some((line, _)) => Err(wrong("`after` is not a duration".to_owned()).at(line)),
    }
}

fn latest(entries: &[Entry], file: &str) -> Result<Latest, Finding> {
    let Some(entry) = find(entries, "latest") else { return Ok(Latest::Nothing) };
    match &entry.value {
        Value::Bool(false) => Ok(Latest::Nothing),
        Value::Bool(true) => Ok(Latest::Link),
        Value::Text(text) if text == "link" => Ok(Latest::Link),
        Value::Text(text) if text == "whole" => Ok(Latest::Whole),
        _ => {
            let message =
                "`latest` says what to show of the latest issue, and is neither \"link\" nor \"whole\"";
            Err(Finding::error("series-latest", file, message).at(entry.line).hint("latest = \"link\""))
        }
    }
}
