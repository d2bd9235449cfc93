//! Checks a post before an importer writes it, so that imported text can never stop a later run. Pure: the files of the
//! post are not looked for.

use std::collections::HashMap;

use camino::{Utf8Path, Utf8PathBuf};
use chrono::{DateTime, Utc};
use url::Url;

use super::enclosure::Measure;
use super::generator_rules::ReadContext;
use super::inherited::Inherited;
use super::post_file::{PostFile, PostFileName};
use super::site::Site;
use crate::config::{Config, Generator};
use crate::finding::Finding;

/// The files of a post are not looked for.
struct NoFiles;

impl Measure for NoFiles {
    fn length(&self, _: &Utf8Path) -> Option<u64> {
        None
    }

    fn size(&self, _: &Utf8Path) -> Option<(u32, u32)> {
        None
    }
}

/// Reads `contents` as the post `relative`, whatever its date, and returns the URL of its page.
pub fn validate(relative: &Utf8Path, contents: &str, config: &Config) -> Result<Url, Vec<Finding>> {
    let source = config.archive.posts.join(relative);
    let name = PostFileName { relative, source: &source };
    let site = Site::bare(Generator::Plain, Utf8PathBuf::new());
    let inherited = Inherited::default();
    let fingerprints = HashMap::new();
    let setting = ReadContext {
        config,
        site: &site,
        inherited: &inherited,
        now: DateTime::<Utc>::MAX_UTC,
        fingerprints: &fingerprints,
    };
    let read = PostFile::read(contents.as_bytes(), name, setting)?;
    let mut post_file = read.map_err(|why| {
        vec![Finding::error("post", source.as_str(), format!("it would not be published: {why:?}"))]
    })?;
    post_file.attach_files(setting, &NoFiles).map_err(|finding| vec![finding])?;
    Ok(post_file.url().clone())
}
