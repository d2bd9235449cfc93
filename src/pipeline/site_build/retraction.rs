//! Retracting one post on purpose: it is removed from the feeds, whether its file exists or not, and no check objects. Writes
//! only the id file; sent emails cannot be recalled.

use std::collections::BTreeMap;

use camino::{Utf8Path, Utf8PathBuf};
use chrono::Timelike as _;

use crate::archive::folder::{self, ArchiveReader};
use crate::archive::ids::{self, IdRegistry};
use crate::archive::links;
use crate::feeds::plan_feeds;
use crate::importers::feed_diff::Lost;
use crate::pipeline::session::context::RunContext;
use crate::pipeline::session::run_error::RunError;
use crate::pipeline::site_build::feed_diff::diff_feeds;
use crate::text::shell_quoted;

/// A post that was retracted, or is no longer retracted.
#[derive(Debug, PartialEq, Eq)]
pub struct Retraction {
    /// Its id.
    pub id: String,
    /// Its title, if known.
    pub title: Option<String>,
    /// Its file, if it exists.
    pub file: Option<Utf8PathBuf>,
    /// Whether this changed anything.
    pub is_new: bool,
}

/// Retracts the post `wanted` (its file, its slug or its id); with `undo`, allows publishing it again.
pub fn retract(context: &RunContext, wanted: &str, undo: bool) -> Result<Retraction, RunError> {
    let config = &context.config;
    let reading = folder::read(config, context.clock.now()).map_err(RunError::Findings)?;
    let file = config.archive.ids_file();
    let on_disk = std::fs::read_to_string(config.resolve(&file)).unwrap_or_default();
    let text = reading.ids.as_deref().unwrap_or(&on_disk);
    let mut ledger = IdRegistry::parse(text, file.as_str()).map_err(RunError::Findings)?;
    let now = context.clock.now().with_timezone(&config.site.timezone).fixed_offset();
    let now = now.with_nanosecond(0).unwrap_or(now);
    let mut title = None;
    let id = if let Some(id) = find(context, &reading, &ledger, wanted)? {
        id
    } else {
        let mut lost = find_in_feeds(context, &reading, wanted)?;
        if !ids::is_uri(&lost.id) {
            lost.id = ids::of_old(&lost.id, config.site.url.host(), now);
        }
        ledger.record_gone(&lost.id, &lost.title, now);
        title = Some(lost.title);
        lost.id
    };
    let is_new = if undo { ledger.reinstate(&id) } else { ledger.retract(&id, now) };
    let text = ledger.to_text();
    if is_new && text != on_disk {
        folder::write_ids(config, &text)
            .map_err(|error| RunError::io("writing the ids of the posts", error))?;
    }
    let post = reading.archive.posts.iter().find(|post| post.id == id);
    let path = ledger.get(&id).map(|line| config.archive.posts.join(&line.path));
    Ok(Retraction {
        title: post.map(|post| post.title.to_string()).or(title),
        file: path.filter(|path| config.resolve(path).is_file()),
        id,
        is_new,
    })
}

/// The id of the post `wanted`, from the posts and the id file.
fn find(
    context: &RunContext,
    reading: &ArchiveReader,
    ledger: &IdRegistry,
    wanted: &str,
) -> Result<Option<String>, RunError> {
    if ledger.get(wanted).is_some() {
        return Ok(Some(wanted.to_owned()));
    }
    let folder = &context.config.archive.posts;
    let typed = Utf8Path::new(wanted);
    let typed = typed.strip_prefix(".").unwrap_or(typed);
    let path = typed.strip_prefix(folder).unwrap_or(typed);
    if let Some((id, _)) = ledger.iter().find(|(_, line)| line.path == path.as_str()) {
        return Ok(Some(id.to_owned()));
    }
    let mut matching: BTreeMap<&str, &str> = BTreeMap::new();
    let slug = links::segment(wanted);
    let of_id = ledger.iter().filter(|(id, _)| id.rsplit_once(':').is_some_and(|(_, end)| end == slug));
    matching.extend(of_id.map(|(id, line)| (id, line.path.as_str())));
    let posts = reading.archive.posts.iter().filter(|post| post.slug == wanted);
    matching.extend(posts.map(|post| (post.id.as_str(), post.source.as_str())));
    let mut ids = matching.keys().map(|id| shell_quoted(id));
    match (ids.next(), ids.next()) {
        (Some(_), Some(_)) => {
            let all: Vec<String> = matching.keys().map(|id| shell_quoted(id)).collect();
            let what = format!("{wanted:?} matches {} posts", all.len());
            Err(RunError::user(what, format!("give one of their ids: {}", all.join(", "))))
        }
        _ => Ok(matching.into_keys().next().map(str::to_owned)),
    }
}

/// The entry `wanted` of the published feeds that has no post here.
fn find_in_feeds(context: &RunContext, reading: &ArchiveReader, wanted: &str) -> Result<Lost, RunError> {
    let layout = plan_feeds(&reading.archive, &context.config, &|_| None);
    let mut lost =
        layout.current().flat_map(|feeds| diff_feeds(&context.config, &reading.archive, &feeds).lost);
    let is_wanted = |lost: &Lost| lost.id == wanted || lost.link.as_deref() == Some(wanted);
    lost.find(is_wanted).ok_or_else(|| {
        RunError::user(
            format!("there is no post {wanted:?}, neither in the posts nor in the published feeds"),
            "give its file, its slug or its id, as in the message of `letterpress publish`",
        )
    })
}
