//! Reads single posts without reading the others: unpublished ones as if they were published, and published ones again after
//! an edit. Nothing is written, and an id that is not recorded is provisional.

use std::collections::HashMap;

use camino::Utf8Path;
use chrono::{DateTime, Utc};

use super::built_site;
use super::files::{FilesOf, read_file, site};
use super::registries::read_ids;
use super::settings;
use super::walk::Walk;
use crate::archive::generator_rules::ReadContext;
use crate::archive::ids::{self, AssignedId};
use crate::archive::inherited::{Inherited, is_setting};
use crate::archive::link_targets::LinkTargets;
use crate::archive::naming::{self, Kind};
use crate::archive::post_file::{PostFile, PostFileName};
use crate::archive::site::Site;
use crate::archive::{Archive, Post, SkipReason};
use crate::config::{Config, Generator};
use crate::finding::Finding;

/// What all posts share, kept so that one of them can be read alone.
#[derive(Debug)]
pub struct PostReader {
    site: Site,
    inherited: Inherited,
    names: LinkTargets,
    /// The recorded ids by the paths of their files.
    ids: HashMap<String, String>,
}

/// A post, and the warnings about it.
pub type PostWithWarnings = (Post, Vec<Finding>);

/// What a file below the folder of posts is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum FileRole {
    /// A post.
    Post,
    /// Settings of many posts.
    Setting,
    /// Anything else, such as a picture.
    Other,
}

impl PostReader {
    /// A reader for posts beside those of `archive`.
    pub fn of(config: &Config, archive: &Archive) -> Self {
        let site = site(config);
        let inherited = settings::read(config, &site, &Walk::of(config, &site));
        let registry = read_ids(config).map(|(_, registry)| registry).unwrap_or_default();
        let ids = registry.iter().map(|(id, line)| (line.path.clone(), id.to_owned())).collect();
        Self { names: names(config, &site, archive), site, inherited, ids }
    }

    /// A reader for posts to which no settings of the site apply.
    pub(super) fn without_settings(config: &Config, archive: &Archive) -> Self {
        let site = site(config);
        let names = names(config, &site, archive);
        Self { site, inherited: Inherited::default(), names, ids: HashMap::new() }
    }

    /// What the file at `source` is for, by its name.
    pub fn role(&self, source: &Utf8Path) -> FileRole {
        let name = source.file_name().unwrap_or_default();
        if is_setting(name, self.site.generator) || naming::is_section_page(name) {
            FileRole::Setting
        } else if naming::kind(name, self.site.generator) == Kind::Post {
            FileRole::Post
        } else {
            FileRole::Other
        }
    }

    /// Reads a post as [`super::read`] does, with its warnings. Reports all errors.
    pub fn read(
        &self,
        config: &Config,
        source: &Utf8Path,
        now: DateTime<Utc>,
    ) -> Result<Result<PostWithWarnings, SkipReason>, Vec<Finding>> {
        let bytes = bytes_of(config, source)?;
        let fingerprints = HashMap::new();
        let setting = self.setting(config, now, &fingerprints);
        Ok(match PostFile::read(&bytes, named(config, source), setting)? {
            Ok(post_file) => Ok(self.complete(post_file, setting)?),
            Err(why) => Err(why),
        })
    }

    /// Reads a post whatever holds it back, with its warnings. Reports all errors.
    pub fn read_unpublished(
        &self,
        config: &Config,
        source: &Utf8Path,
        now: DateTime<Utc>,
    ) -> Result<PostWithWarnings, Vec<Finding>> {
        self.read_text(&bytes_of(config, source)?, config, source, now)
    }

    fn read_text(
        &self,
        bytes: &[u8],
        config: &Config,
        source: &Utf8Path,
        now: DateTime<Utc>,
    ) -> Result<PostWithWarnings, Vec<Finding>> {
        let fingerprints = HashMap::new();
        let setting = self.setting(config, now, &fingerprints);
        self.complete(PostFile::preview(bytes, named(config, source), setting)?, setting)
    }

    fn setting<'s>(
        &'s self,
        config: &'s Config,
        now: DateTime<Utc>,
        fingerprints: &'s HashMap<&'s str, ids::Fingerprint>,
    ) -> ReadContext<'s> {
        ReadContext { config, site: &self.site, inherited: &self.inherited, now, fingerprints }
    }

    fn complete(
        &self,
        mut post_file: PostFile,
        setting: ReadContext<'_>,
    ) -> Result<PostWithWarnings, Vec<Finding>> {
        let config = setting.config;
        post_file.attach_files(setting, &FilesOf(config)).map_err(|finding| vec![finding])?;
        post_file.resolve(&self.names, setting);
        if let Some((_, finding)) =
            built_site::take_texts(std::slice::from_mut(&mut post_file), setting).pop()
        {
            return Err(vec![finding]);
        }
        let updated = post_file.published();
        let identity = post_file.identity();
        let minted = || ids::tag(config.site.url.host(), updated, &identity.slug);
        let known = || self.ids.get(&identity.path).cloned();
        let id = identity.id.clone().map(|id| id.value).or_else(known).unwrap_or_else(minted);
        let findings = std::mem::take(&mut post_file.findings);
        Ok((post_file.publish(AssignedId { id, published: updated, updated, retracted: None }), findings))
    }
}

/// Reads a file that [`super::read`] leaves out; `archive` has the other posts. Reports all errors.
pub fn preview(
    config: &Config,
    archive: &Archive,
    source: &Utf8Path,
    now: DateTime<Utc>,
) -> Result<Post, Vec<Finding>> {
    Ok(PostReader::of(config, archive).read_unpublished(config, source, now)?.0)
}

/// A post with this text that is in no folder, for checks.
pub fn sample(
    config: &Config,
    source: &Utf8Path,
    text: &str,
    now: DateTime<Utc>,
) -> Result<Post, Vec<Finding>> {
    let reader = PostReader {
        site: Site::bare(Generator::Plain, config.resolve(&config.archive.posts)),
        inherited: Inherited::default(),
        names: LinkTargets::default(),
        ids: HashMap::new(),
    };
    Ok(reader.read_text(text.as_bytes(), config, source, now)?.0)
}

fn names(config: &Config, site: &Site, archive: &Archive) -> LinkTargets {
    let mut names = LinkTargets::default();
    for post in &archive.posts {
        names.add(&site.prefix, named(config, &post.source).relative, &post.url);
    }
    names
}

fn named<'n>(config: &Config, source: &'n Utf8Path) -> PostFileName<'n> {
    PostFileName { relative: source.strip_prefix(&config.archive.posts).unwrap_or(source), source }
}

fn bytes_of(config: &Config, source: &Utf8Path) -> Result<Vec<u8>, Vec<Finding>> {
    let unreadable =
        |error| vec![Finding::error("post-file", source.as_str(), format!("cannot read it: {error}"))];
    read_file(&config.resolve(source)).map_err(unreadable)
}
