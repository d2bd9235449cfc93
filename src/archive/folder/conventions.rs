//! Finds the naming and front matter style of the existing posts, for a new one.

use camino::Utf8Path;

use super::files::{read_file, site};
use crate::archive::new_post::{Conventions, Syntax};
use crate::archive::{Archive, Post};
use crate::config::{Config, Generator};
use crate::dates;

/// The conventions of the generator, adjusted to the newest post.
pub fn conventions(config: &Config, archive: Option<&Archive>) -> Conventions {
    let site = site(config);
    let generator = site.generator;
    let posts = &config.archive.posts;
    let relative = |post: &Post| post.source.strip_prefix(posts).unwrap_or(&post.source).to_owned();
    let all = archive.map_or(&[][..], |archive| archive.posts.as_slice());
    // If a post is directly in the folder, a new one may be too.
    let newest = all.first().map(relative);
    let folders = || all.iter().map(|post| folder_of(&relative(post)));
    let has_own = newest.is_none() || folders().any(|folder| folder == "");
    let folder = match newest.as_deref() {
        Some(newest) if !has_own => folder_of(newest),
        _ if generator == Generator::Jekyll && !contains_jekyll_posts(&site.prefix) => "_posts".into(),
        _ => "".into(),
    };
    let text = all.first().and_then(|post| read_file(&config.resolve(&post.source)).ok());
    let shown = text.and_then(|bytes| Syntax::of(&String::from_utf8_lossy(&bytes)));
    let own = match generator {
        Generator::Plain | Generator::Hugo | Generator::Zola => Syntax::Toml,
        Generator::Pelican => Syntax::Lines,
        _ => Syntax::Yaml,
    };
    let is_dated = |path: &Utf8Path| dates::in_name(path.file_stem().unwrap_or_default()).is_some();
    let dated = match generator {
        Generator::Plain | Generator::Jekyll => true,
        _ => newest.as_deref().is_some_and(is_dated),
    };
    let language = config.archive.language.clone();
    let language = language.filter(|_| matches!(generator, Generator::Hugo | Generator::Zola));
    Conventions { generator, folder, syntax: shown.unwrap_or(own), dated, language }
}

/// The folder of a post; the folder of a bundle is part of its name.
fn folder_of(relative: &Utf8Path) -> camino::Utf8PathBuf {
    let folder = relative.parent().unwrap_or(Utf8Path::new(""));
    let is_bundle = relative.file_stem().is_some_and(|stem| stem.split('.').next() == Some("index"));
    let folder = if is_bundle { folder.parent().unwrap_or(folder) } else { folder };
    folder.to_owned()
}

fn contains_jekyll_posts(prefix: &Utf8Path) -> bool {
    prefix.components().any(|part| part.as_str() == "_posts")
}
