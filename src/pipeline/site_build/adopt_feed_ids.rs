//! Adopts the entry ids of an old feed, so that its subscribers do not see old posts as new.
//!
//! Writes only the id file. Posts already published here keep their ids, unless `replace` is set.

use std::collections::BTreeMap;

use camino::Utf8PathBuf;

use crate::archive::ids::{self, IdRegistry};
use crate::archive::{Post, folder, front_matter};
use crate::finding::Finding;
use crate::importers::feed::{Entry, Feed};
use crate::importers::matching::{MatchKey, candidate_hosts, match_entries};
use crate::pipeline::session::context::RunContext;
use crate::pipeline::session::run_error::RunError;

/// What was adopted, or would be.
#[derive(Debug, Default)]
pub struct AdoptedIds {
    /// Posts and their new ids.
    pub adopted: Vec<(Utf8PathBuf, String)>,
    /// How many posts had the id already.
    pub known: usize,
    /// Why a matching post does not get the id of its entry.
    pub refused: Vec<Finding>,
    /// What else differs from the old feed: URLs and dates.
    pub notes: Vec<Finding>,
    /// Entries without a matching post.
    pub unmatched: Vec<Entry>,
    /// Posts that are not in the feed.
    pub unseen: usize,
}

/// Adopts the ids of `feed`; `file` is its name. `replace`: also for posts already published here under another id.
pub fn adopt_feed_ids(
    context: &RunContext,
    feed: &Feed,
    file: &str,
    replace: bool,
    dry_run: bool,
) -> Result<AdoptedIds, RunError> {
    let config = &context.config;
    let reading = folder::read(config, context.clock.now()).map_err(RunError::Findings)?;
    let ids = config.archive.ids_file();
    let on_disk = std::fs::read_to_string(config.resolve(&ids)).unwrap_or_default();
    let parse = |text: &str| IdRegistry::parse(text, ids.as_str()).map_err(RunError::Findings);
    let before = parse(&on_disk)?;
    let mut ledger = parse(reading.ids.as_deref().unwrap_or(&on_disk))?;
    let posts = &reading.archive.posts;
    let mut old_home = None;
    let hosts = candidate_hosts(&feed.about, config.site.url.as_url(), &mut old_home);
    let wanted: Vec<MatchKey> = feed.entries.iter().map(|entry| MatchKey::of_entry(entry, &hosts)).collect();
    let known: Vec<MatchKey> =
        posts.iter().map(|post| MatchKey::of_post(post, config.site.url.as_url())).collect();
    let mut report = AdoptedIds::default();
    let found = match_entries(&wanted, &known);
    report.unseen = posts.len() - found.iter().flatten().count();
    let owners: BTreeMap<String, Utf8PathBuf> =
        posts.iter().map(|post| (post.id.clone(), post.source.clone())).collect();
    for (entry, at) in feed.entries.iter().zip(found) {
        let (Some(at), Some(id)) = (at, &entry.id) else {
            report.unmatched.push(entry.clone());
            continue;
        };
        let post = &posts[at];
        report.notes.extend(differences(post, entry));
        let id = &if ids::is_uri(id) {
            id.clone()
        } else {
            ids::of_old(id, config.site.url.host(), post.published)
        };
        if ids::shown(&post.id) == ids::shown(id) {
            report.known += 1;
            continue;
        }
        let published = before.get(&post.id).is_some();
        if let Some((what, help)) = conflict(context, post, id, &owners, published && !replace) {
            report.refused.push(Finding::error("adopt", post.source.as_str(), what).hint(help));
        } else {
            ledger.rename(&post.id, id.clone(), published, entry.updated);
            report.adopted.push((post.source.clone(), id.clone()));
        }
    }
    let text = ledger.to_text();
    if !dry_run && text != on_disk && !report.adopted.is_empty() {
        folder::write_ids(config, &text)
            .map_err(|error| RunError::io(format!("writing the ids of {file}"), error))?;
    }
    Ok(report)
}

/// Why a post cannot get `id`, and what to do.
fn conflict(
    context: &RunContext,
    post: &Post,
    id: &str,
    owners: &BTreeMap<String, Utf8PathBuf>,
    is_published: bool,
) -> Option<(String, String)> {
    if let Some(owner) = owners.get(id) {
        return Some((
            format!("{owner} already has the id {id}"),
            "check which of the two posts is in the old feed".to_owned(),
        ));
    }
    if names_its_id(context, post) {
        let help =
            format!("set id = {id:?} in its front matter, or remove `id` there and run this command again");
        return Some((format!("its front matter sets another id: {}", post.id), help));
    }
    is_published.then(|| {
        (
            format!("it is already published as {}; feed readers would show it again as {id}", post.id),
            "if the subscribers of the old feed matter more, run this command with --replace".to_owned(),
        )
    })
}

/// Whether the front matter sets an id, which takes precedence over the id file.
fn names_its_id(context: &RunContext, post: &Post) -> bool {
    let text = std::fs::read_to_string(context.config.resolve(&post.source)).unwrap_or_default();
    let text = text.trim_start_matches('\u{FEFF}').replace("\r\n", "\n");
    let generator = folder::generator(&context.config);
    front_matter::split_for(&text, post.source.as_str(), generator).is_ok_and(|parts| {
        let entries = front_matter::generator_habits::normalise(parts.entries, generator);
        let (fields, _) = front_matter::fields::read(&entries, "", &context.config.site);
        fields.id.is_some()
    })
}

fn differences(post: &Post, entry: &Entry) -> Vec<Finding> {
    let mut remarks = Vec::new();
    let source = post.source.as_str();
    if let Some(link) = entry
        .link
        .as_deref()
        .filter(|link| link.trim_end_matches('/') != post.url.as_str().trim_end_matches('/'))
    {
        let is_same = url::Url::parse(link).is_ok_and(|link| {
            crate::archive::links::canonical(&link).trim_end_matches('/')
                == post.url.as_str().trim_end_matches('/')
        });
        if !is_same {
            let message = format!("its URL was {link}, now it is {}", post.url);
            remarks.push(
                Finding::note("adopt-link", source, message).hint("redirect the old URL to the new one"),
            );
        }
    }
    if let Some(published) = entry.published.filter(|published| *published != post.published) {
        let message = format!("its date in the old feed is {published}, here it is {}", post.published);
        remarks.push(
            Finding::note("adopt-date", source, message)
                .hint(format!("set date = {} to keep its place in the feed", published.to_rfc3339())),
        );
    }
    remarks
}
