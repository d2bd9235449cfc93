//! Reads an unpublished post as if it were published. Nothing is written, and its id is provisional.

use std::collections::HashMap;

use camino::Utf8Path;
use chrono::{DateTime, Utc};

use super::files::{FilesOf, read_file, site};
use super::registries::read_ids;
use super::settings;
use super::walk::Walk;
use crate::archive::generator_rules::ReadContext;
use crate::archive::ids::{self, AssignedId};
use crate::archive::inherited::Inherited;
use crate::archive::link_targets::LinkTargets;
use crate::archive::post_file::{PostFile, PostFileName};
use crate::archive::site::Site;
use crate::archive::{Archive, Post};
use crate::config::{Config, Generator};
use crate::finding::Finding;

/// Reads a file that [`super::read`] leaves out; `archive` has the other posts. Reports all errors.
pub fn preview(
    config: &Config,
    archive: &Archive,
    source: &Utf8Path,
    now: DateTime<Utc>,
) -> Result<Post, Vec<Finding>> {
    let site = site(config);
    let inherited = settings::read(config, &site, &Walk::of(config, &site));
    read_alone((config, &site, &inherited), archive, source, now)
}

/// Reads a file whatever holds it back.
pub(super) fn read_alone(
    (config, site, inherited): (&Config, &Site, &Inherited),
    archive: &Archive,
    source: &Utf8Path,
    now: DateTime<Utc>,
) -> Result<Post, Vec<Finding>> {
    let unreadable = |message: String| vec![Finding::error("post-file", source.as_str(), message)];
    let bytes =
        read_file(&config.resolve(source)).map_err(|error| unreadable(format!("cannot read it: {error}")))?;
    post_of(&bytes, (config, site, inherited), archive, source, now)
}

/// A post with this text that is in no folder, for checks.
pub fn sample(
    config: &Config,
    source: &Utf8Path,
    text: &str,
    now: DateTime<Utc>,
) -> Result<Post, Vec<Finding>> {
    let site = Site::bare(Generator::Plain, config.resolve(&config.archive.posts));
    let place = (config, &site, &Inherited::default());
    post_of(text.as_bytes(), place, &Archive::default(), source, now)
}

fn post_of(
    bytes: &[u8],
    (config, site, inherited): (&Config, &Site, &Inherited),
    archive: &Archive,
    source: &Utf8Path,
    now: DateTime<Utc>,
) -> Result<Post, Vec<Finding>> {
    let fingerprints = HashMap::new();
    let setting = ReadContext { config, site, inherited, now, fingerprints: &fingerprints };
    let relative = source.strip_prefix(&config.archive.posts).unwrap_or(source);
    let mut post_file = PostFile::preview(bytes, PostFileName { relative, source }, setting)?;
    post_file.attach_files(setting, &FilesOf(config)).map_err(|finding| vec![finding])?;
    let mut names = LinkTargets::default();
    for post in &archive.posts {
        let relative = post.source.strip_prefix(&config.archive.posts).unwrap_or(&post.source);
        names.add(&site.prefix, relative, &post.url);
    }
    post_file.resolve(&names, setting);
    let updated = post_file.published();
    let identity = post_file.identity();
    let known = || {
        let registry = read_ids(config).ok()?.1;
        registry.iter().find(|(_, line)| line.path == identity.path).map(|(id, _)| id.to_owned())
    };
    let minted = || ids::tag(config.site.url.host(), updated, &identity.slug);
    let id = identity.id.clone().map(|id| id.value).or_else(known).unwrap_or_else(minted);
    Ok(post_file.publish(AssignedId { id, published: updated, updated, retracted: None }))
}
