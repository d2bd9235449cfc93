//! Reads an unpublished post as if it were published. Nothing is written, and its id is provisional.

use camino::Utf8Path;
use chrono::{DateTime, Utc};

use super::files::{length_of, read_file, site};
use super::ledgers::read_ids;
use super::settings;
use super::walk::Walk;

use crate::archive::house_rules::Setting;
use crate::archive::ids::{self, Given};
use crate::archive::manuscript::{Manuscript, Name};
use crate::archive::page_names::PageNames;
use crate::archive::{Archive, Post};
use crate::config::Config;
use crate::finding::Finding;

/// Reads a file that [`super::read`] leaves out; `archive` has the other posts. Reports all errors.
pub fn preview(
    config: &Config,
    archive: &Archive,
    source: &Utf8Path,
    now: DateTime<Utc>,
) -> Result<Post, Vec<Finding>> {
    let unreadable = |message: String| vec![Finding::error("post-file", source.as_str(), message)];
    let site = site(config);
    let inherited = settings::read(config, &site, &Walk::of(config, &site));
    let setting = Setting { config, site: &site, inherited: &inherited, now };
    let relative = source.strip_prefix(&config.archive.posts).unwrap_or(source);
    let bytes =
        read_file(&config.resolve(source)).map_err(|error| unreadable(format!("cannot read it: {error}")))?;
    let mut manuscript = Manuscript::preview(bytes, Name { relative, source }, setting)?;
    manuscript.enclose(setting, |file| length_of(config, file)).map_err(|finding| vec![finding])?;
    let mut names = PageNames::default();
    for post in &archive.posts {
        let relative = post.source.strip_prefix(&config.archive.posts).unwrap_or(&post.source);
        names.add(&site.prefix, relative, &post.url);
    }
    manuscript.settle(&names, setting);
    let updated = manuscript.published();
    let sighting = manuscript.sighting();
    let known = || {
        let ledger = read_ids(config).ok()?.1;
        ledger.iter().find(|(_, line)| line.path == sighting.path).map(|(id, _)| id.to_owned())
    };
    let minted = || ids::tag(config.site.url.host(), updated, &sighting.slug);
    let id = sighting.id.clone().map(|id| id.value).or_else(known).unwrap_or_else(minted);
    Ok(manuscript.publish(Given { id, updated, retracted: None }))
}
