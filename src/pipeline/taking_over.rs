//! Taking over the ids of an old feed: what its readers have had, they shall not get again.
//!
//! Only the ledger of ids is written. An id under which a post was published here stays, unless somebody says otherwise.

use std::collections::BTreeMap;

use camino::Utf8PathBuf;

use super::{RunError, World};
use crate::archive::ids::{self, Ledger};
use crate::archive::{Post, folder, front_matter};
use crate::finding::Finding;
use crate::importers::feed::{Entry, Feed};
use crate::importers::recognition::{Sight, homes, pair};

/// What was taken over, or would be.
#[derive(Debug, Default)]
pub struct TakenOver {
    /// Posts and the ids that they get.
    pub taken: Vec<(Utf8PathBuf, String)>,
    /// How many had theirs already.
    pub known: usize,
    /// Why a post that was recognised does not get its id.
    pub refused: Vec<Finding>,
    /// What else readers will notice: another address, another date.
    pub remarks: Vec<Finding>,
    /// Entries that are no post here.
    pub unmatched: Vec<Entry>,
    /// Posts that the feed does not have.
    pub unseen: usize,
}

/// Takes the ids of `feed` over; `file` is its name. `replace`: also for posts that were published here under another id.
pub fn take_over(
    world: &World,
    feed: &Feed,
    file: &str,
    replace: bool,
    dry_run: bool,
) -> Result<TakenOver, RunError> {
    let config = &world.config;
    let reading = folder::read(config, world.clock.now()).map_err(RunError::Findings)?;
    let ids = config.archive.ledger();
    let on_disk = std::fs::read_to_string(config.resolve(&ids)).unwrap_or_default();
    let parse = |text: &str| Ledger::parse(text, ids.as_str()).map_err(RunError::Findings);
    let before = parse(&on_disk)?;
    let mut ledger = parse(reading.ids.as_deref().unwrap_or(&on_disk))?;
    let posts = &reading.archive.posts;
    let mut old_home = None;
    let homes = homes(&feed.about, config.site.url.as_url(), &mut old_home);
    let wanted: Vec<Sight> = feed.entries.iter().map(|entry| Sight::of_entry(entry, &homes)).collect();
    let known: Vec<Sight> = posts.iter().map(|post| Sight::of_post(post, config.site.url.as_url())).collect();
    let mut over = TakenOver::default();
    let found = pair(&wanted, &known);
    over.unseen = posts.len() - found.iter().flatten().count();
    let owners: BTreeMap<String, Utf8PathBuf> =
        posts.iter().map(|post| (post.id.clone(), post.source.clone())).collect();
    for (entry, at) in feed.entries.iter().zip(found) {
        let (Some(at), Some(id)) = (at, &entry.id) else {
            over.unmatched.push(entry.clone());
            continue;
        };
        let post = &posts[at];
        over.remarks.extend(differences(post, entry));
        if post.id == *id {
            over.known += 1;
            continue;
        }
        let published = before.get(&post.id).is_some();
        if let Some((what, help)) = objection(world, post, id, &owners, published && !replace) {
            over.refused.push(Finding::error("adopt", post.source.as_str(), what).hint(help));
        } else {
            ledger.rename(&post.id, id.clone(), published, entry.updated);
            over.taken.push((post.source.clone(), id.clone()));
        }
    }
    let text = ledger.to_text();
    if !dry_run && text != on_disk && !over.taken.is_empty() {
        folder::write_ids(config, &text)
            .map_err(|error| RunError::io(format!("writing the ids that {file} has"), error))?;
    }
    Ok(over)
}

/// Why a post must not get `id`, and what to do.
fn objection(
    world: &World,
    post: &Post,
    id: &str,
    owners: &BTreeMap<String, Utf8PathBuf>,
    is_published: bool,
) -> Option<(String, String)> {
    if !ids::is_uri(id) {
        let help = "nothing can be done: readers of the old feed will see the post once more".to_owned();
        return Some((
            format!("its id in the old feed, {id:?}, is no URI, and feeds here have none other"),
            help,
        ));
    }
    if let Some(owner) = owners.get(id) {
        return Some((
            format!("{owner} has the id {id} already"),
            "see which of the two readers know".to_owned(),
        ));
    }
    if names_its_id(world, post) {
        let help = format!("write id = {id:?} into the post, or take `id` out of it and run this again");
        return Some((format!("the post itself says that its id is {}", post.id), help));
    }
    is_published.then(|| {
        (
            format!("it was published as {}, and readers of that would get it again as {id}", post.id),
            "if the readers of the old feed matter more, run this with --replace".to_owned(),
        )
    })
}

/// Whether the front matter holds an id, which wins over the ledger.
fn names_its_id(world: &World, post: &Post) -> bool {
    let text = std::fs::read_to_string(world.config.resolve(&post.source)).unwrap_or_default();
    let text = text.trim_start_matches('\u{FEFF}').replace("\r\n", "\n");
    let generator = folder::generator(&world.config);
    front_matter::split_for(&text, post.source.as_str(), generator).is_ok_and(|parts| {
        let entries = front_matter::customs::undo(parts.entries, generator);
        let (fields, _) = front_matter::fields::read(&entries, "", world.config.site.timezone);
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
            let message = format!("its page was {link} and is {}", post.url);
            remarks.push(
                Finding::note("adopt-link", source, message).hint("let the old address lead to the new one"),
            );
        }
    }
    if let Some(published) = entry.published.filter(|published| *published != post.published) {
        let message = format!("the old feed dates it {published}, the post {}", post.published);
        remarks.push(
            Finding::note("adopt-date", source, message)
                .hint(format!("write date = {} to keep its place in the feed", published.to_rfc3339())),
        );
    }
    remarks
}
