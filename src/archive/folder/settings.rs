//! Finds and reads the settings files of a site that apply to many posts.

use std::fs::{self, File};
use std::io::{self, Read as _};

use camino::{Utf8Component, Utf8Path, Utf8PathBuf};

use super::files::{MAX_SITE, posts_folder};
use super::walk::Walk;
use crate::archive::inherited::{Inherited, SiteFolders, Source, outside};
use crate::archive::site::Site;
use crate::config::Config;

/// Reads the settings of the site.
pub(super) fn read(config: &Config, site: &Site, walk: &Walk) -> Inherited {
    let around = SiteFolders::of(site, &posts_folder(config));
    let sources: Vec<Source> = files_of(site, &around, walk)
        .into_iter()
        .filter_map(|path| {
            let shown = shown(&config.archive.posts, &around.posts, &path);
            let text = match text_of(&path) {
                Ok(text) => Ok(text?),
                Err(error) => Err(format!("cannot read it: {error}")),
            };
            Some(Source { path, shown, text })
        })
        .collect();
    let mut inherited = Inherited::of(site, &around, &sources, config);
    inherited.pass_over(&config.archive.passed_over);
    inherited
}

/// The settings files; a change of one of them may change what is published.
pub(super) fn files(config: &Config, site: &Site, walk: &Walk) -> Vec<Utf8PathBuf> {
    files_of(site, &SiteFolders::of(site, &posts_folder(config)), walk)
}

fn files_of(site: &Site, around: &SiteFolders, walk: &Walk) -> Vec<Utf8PathBuf> {
    let names_in = |folder: &Utf8Path| {
        let entries = fs::read_dir(folder).into_iter().flatten().flatten();
        entries.filter_map(|entry| entry.file_name().into_string().ok()).collect()
    };
    let mut files = outside(site, around, &names_in);
    files.extend(walk.settings.iter().map(|relative| around.posts.join(relative)));
    files
}

/// The text of a file; `None` if it does not exist or is not a file.
fn text_of(path: &Utf8Path) -> io::Result<Option<String>> {
    let file = match File::open(path) {
        Ok(file) => file,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
        Err(error) => return Err(error),
    };
    let meta = file.metadata()?;
    if !meta.is_file() {
        return Ok(None);
    }
    if meta.len() > MAX_SITE {
        return Err(io::Error::other(format!("it is longer than {} KiB", MAX_SITE / 1024)));
    }
    let mut bytes = Vec::new();
    file.take(MAX_SITE).read_to_end(&mut bytes)?;
    String::from_utf8(bytes).map(Some).map_err(|_| io::Error::other("it is not UTF-8"))
}

/// A file as the user would type it, who typed `typed` for the folder of posts at `posts`.
fn shown(typed: &Utf8Path, posts: &Utf8Path, file: &Utf8Path) -> String {
    let mut at = typed.to_owned();
    for above in posts.ancestors() {
        if let Ok(inside) = file.strip_prefix(above) {
            let shown = at.join(inside);
            return shown.strip_prefix(".").map_or(shown.as_str(), Utf8Path::as_str).to_owned();
        }
        if matches!(at.components().next_back(), Some(Utf8Component::Normal(_))) {
            at.pop();
        } else {
            at.push("..");
        }
    }
    file.to_string()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn paths_are_shown_relative_to_the_path_that_the_user_typed() {
        for (typed, file, name) in [
            (
                "../site/content/posts",
                "/s/site/content/posts/a/_index.md",
                "../site/content/posts/a/_index.md",
            ),
            ("../site/content/posts", "/s/site/hugo.toml", "../site/hugo.toml"),
            (".", "/s/site/content/posts/x.json", "x.json"),
            (".", "/s/site/hugo.toml", "../../hugo.toml"),
            ("content/posts", "/s/site/hugo.toml", "hugo.toml"),
        ] {
            assert_eq!(shown(typed.into(), "/s/site/content/posts".into(), file.into()), name);
        }
    }
}
