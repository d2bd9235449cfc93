//! Walks the folder of posts: finds the files that may be posts, and those that their names rule out. Opens no file.

use std::collections::BTreeSet;
use std::fs::{self, FileType};
use std::io;

use camino::{Utf8Path, Utf8PathBuf};

use crate::archive::front_matter::is_markup;
use crate::archive::inherited::{Glob, Style, data_stem, is_setting};
use crate::archive::naming::{self, Kind};
use crate::archive::site::{Site, collection};
use crate::archive::{SkipReason, SkippedFile};
use crate::config::{Config, Generator};
use crate::finding::Finding;
use crate::platform::slashed;
use crate::text;

/// Deeper nesting is a mistake.
const MAX_DEPTH: usize = 32;

/// The contents of the folder, each list sorted by path.
#[derive(Default)]
pub(super) struct Walk {
    /// The archive's folder as the user wrote it.
    posts: Utf8PathBuf,
    /// Folders still to be read, relative to it, with their depth.
    folders: Vec<(Utf8PathBuf, usize)>,
    /// The generator of the site, and the path of the folder in it.
    generator: Option<Generator>,
    prefix: Utf8PathBuf,
    /// Whether the generator has built its pages (`archive.html`).
    has_pages: bool,
    /// Possible posts, relative to the folder.
    pub(super) files: Vec<Utf8PathBuf>,
    /// Files with settings for other files, relative to the folder.
    pub(super) settings: Vec<Utf8PathBuf>,
    /// Files that are left out because of their names.
    pub(super) left_out: Vec<SkippedFile>,
    pub(super) errors: Vec<Finding>,
    pub(super) findings: Vec<Finding>,
}

impl Walk {
    pub(super) fn of(config: &Config, site: &Site) -> Self {
        let posts = config.archive.posts.clone();
        let folders = vec![(Utf8PathBuf::new(), 0)];
        let (generator, prefix) = (Some(site.generator), site.prefix.clone());
        let mut walk = Self {
            posts,
            folders,
            generator,
            prefix,
            has_pages: config.archive.html.is_some(),
            ..Self::default()
        };
        let root = config.resolve(&config.archive.posts);
        while let Some((folder, depth)) = walk.folders.pop() {
            let source = config.archive.posts.join(&folder);
            let entries = fs::read_dir(root.join(&folder)).and_then(Iterator::collect::<io::Result<Vec<_>>>);
            let entries = match entries {
                Ok(entries) => entries,
                Err(error) => {
                    let finding = Finding::error(
                        "post-folder",
                        source.as_str(),
                        format!("cannot read the folder: {error}"),
                    );
                    let hint = "set `posts` in [archive] of config.toml to the folder of your posts";
                    walk.errors.push(if depth == 0 { finding.hint(hint) } else { finding });
                    continue;
                }
            };
            for entry in entries {
                let name = entry.file_name();
                if name.as_encoded_bytes().starts_with(b".") {
                    continue;
                }
                match (name.to_str(), entry.file_type()) {
                    (Some(name), Ok(kind)) => walk.visit(&folder, name, kind, depth),
                    (Some(name), Err(error)) => {
                        let finding = Finding::error(
                            "post-file",
                            source.join(name).as_str(),
                            format!("cannot examine it: {error}"),
                        );
                        walk.errors.push(finding);
                    }
                    (None, _) => walk.note_strange_name(&source, &name.to_string_lossy()),
                }
            }
        }
        sort_paths(&mut walk.files);
        sort_paths(&mut walk.settings);
        walk.drop_other_data(&root);
        walk.leave_out_excluded(config);
        if site.generator == Generator::Hugo {
            walk.leave_out_resources();
        }
        walk.errors.sort_by(|a, b| a.file.cmp(&b.file));
        walk.findings.sort_by(|a, b| a.file.cmp(&b.file));
        walk
    }

    fn visit(&mut self, folder: &Utf8Path, name: &str, kind: FileType, depth: usize) {
        let relative = slashed(folder.join(name));
        let source = self.posts.join(&relative);
        let wrong = |message: &str| Finding::error("post-file", source.as_str(), message);
        let generator = self.generator.unwrap_or(Generator::Plain);
        let post = match naming::kind(name, generator) {
            // The page that the generator made has its text.
            Kind::Foreign(_) if self.has_pages && is_markup(extension_of(name)) => Kind::Post,
            kind => kind,
        };
        if !kind.is_dir() && is_setting(name, generator) {
            self.settings.push(relative.clone());
        }
        if kind.is_dir() {
            if post == Kind::Post && generator == Generator::Plain {
                self.errors.push(wrong("it is a folder with the name of a post").hint("rename it"));
            } else if depth == MAX_DEPTH {
                self.errors.push(wrong("the folders are nested more than 32 deep"));
            } else if !naming::is_passed_over(name, generator) {
                self.folders.push((relative, depth + 1));
            }
        } else if post == Kind::Other || !self.is_for_posts(folder) {
        } else if let Kind::Foreign(format) = post {
            self.left_out.push(SkippedFile { source, reason: SkipReason::Format(format) });
        } else if name.chars().any(char::is_control) {
            self.note_strange_name(source.parent().unwrap_or(&source), name);
        } else if kind.is_symlink() {
            let finding = Finding::warning(
                "post-file",
                source.as_str(),
                "it is a symbolic link, and symbolic links are not followed",
            );
            self.findings.push(finding.hint("copy the post into the folder"));
        } else if !kind.is_file() {
            self.errors
                .push(wrong("it is a pipe, a socket or a device, not a file").hint("remove or rename it"));
        } else if naming::is_section_page(name) {
            self.left_out.push(SkippedFile { source, reason: SkipReason::SectionPage });
        } else {
            self.files.push(relative);
        }
    }

    /// Keeps only the data files of Eleventy that are named after their folder or a post beside them.
    fn drop_other_data(&mut self, root: &Utf8Path) {
        if !matches!(self.generator, Some(Generator::Plain | Generator::Eleventy)) {
            return;
        }
        let posts: BTreeSet<Utf8PathBuf> = self.files.iter().map(|file| file.with_extension("")).collect();
        self.settings.retain(|file| {
            let folder = file.parent().unwrap_or(Utf8Path::new(""));
            let stem = file.file_name().map_or("", data_stem);
            naming::is_section_page(file.file_name().unwrap_or_default())
                || root.join(folder).file_name() == Some(stem)
                || posts.contains(&folder.join(stem))
        });
    }

    fn note_strange_name(&mut self, folder: &Utf8Path, name: &str) {
        if naming::kind(name, Generator::Plain) == Kind::Post {
            let file = format!("{folder}/{}", text::for_terminal(name).replace('\n', "\\n"));
            let finding =
                Finding::error("post-file", file, "its name contains control characters or is not UTF-8");
            self.errors.push(finding.hint("rename it"));
        }
    }

    /// Whether a file in `folder` can be a post: in Jekyll, posts are only below `_posts`, or in the folder of a collection
    /// that the user names.
    fn is_for_posts(&self, folder: &Utf8Path) -> bool {
        let mut parts = self.prefix.components().chain(folder.components());
        self.generator != Some(Generator::Jekyll)
            || collection(&self.prefix).is_some()
            || parts.any(|part| matches!(part.as_str(), "_posts" | "_drafts"))
    }

    /// `include` and `exclude`: patterns of files, or of folders with everything below.
    fn leave_out_excluded(&mut self, config: &Config) {
        let (include, exclude) = (self.globs("include", config), self.globs("exclude", config));
        let is_in = |globs: &[Glob], file: &Utf8Path| {
            file.ancestors().any(|path| path != "" && globs.iter().any(|glob| glob.matches(path.as_str())))
        };
        let has_include = !config.archive.include.is_empty();
        let (files, others): (Vec<_>, Vec<_>) = std::mem::take(&mut self.files)
            .into_iter()
            .partition(|file| (!has_include || is_in(&include, file)) && !is_in(&exclude, file));
        self.files = files;
        let skipped = |file| SkippedFile { source: self.posts.join(file), reason: SkipReason::Excluded };
        self.left_out.extend(others.into_iter().map(skipped));
    }

    /// The patterns of a key; reports those that cannot be read.
    fn globs(&mut self, key: &str, config: &Config) -> Vec<Glob> {
        let patterns = if key == "include" { &config.archive.include } else { &config.archive.exclude };
        let mut globs = Vec::with_capacity(patterns.len());
        for pattern in patterns {
            let plain = pattern.trim_start_matches("./").trim_end_matches("/**").trim_matches('/');
            if let Some(glob) = Glob::parse(plain, Style::Folders) {
                globs.push(glob);
                continue;
            }
            let message = format!("the pattern {pattern:?} in `{key}` of [archive] cannot be read");
            let finding = Finding::error("config", config.file.as_str(), message);
            let line = config.line_of(&format!("archive.{key}")).unwrap_or(1);
            self.errors.push(finding.at(line).hint("write it like \"blog\" or \"notes/*.md\""));
        }
        globs
    }

    /// In Hugo, a folder with an `index.md` is one post, and the other files in it are its resources.
    fn leave_out_resources(&mut self) {
        let is_index = |file: &Utf8Path| {
            file.file_stem().is_some_and(|stem| stem == "index" || stem.starts_with("index."))
        };
        let bundles: BTreeSet<Utf8PathBuf> = self
            .files
            .iter()
            .filter(|file| is_index(file))
            .filter_map(|file| file.parent().filter(|folder| *folder != "").map(Utf8Path::to_owned))
            .collect();
        let is_part = |file: &Utf8Path| {
            let outer = file.ancestors().skip(1).filter(|folder| bundles.contains(*folder)).last();
            outer.is_some_and(|bundle| !(is_index(file) && file.parent() == Some(bundle)))
        };
        let (parts, posts) = std::mem::take(&mut self.files).into_iter().partition(|file| is_part(file));
        self.files = posts;
        let parts: Vec<Utf8PathBuf> = parts;
        self.left_out.extend(
            parts
                .into_iter()
                .map(|part| SkippedFile { source: self.posts.join(part), reason: SkipReason::Resource }),
        );
    }
}

/// Sorts as `sort` would, part by part, but does not parse both paths for each comparison: with a zero byte for the slash, a
/// folder comes before every name that only begins like it.
pub(super) fn sort_paths(paths: &mut [Utf8PathBuf]) {
    let part = |byte| if byte == b'/' { 0 } else { byte };
    paths.sort_by(|one, other| one.as_str().bytes().map(part).cmp(other.as_str().bytes().map(part)));
}

fn extension_of(name: &str) -> &str {
    Utf8Path::new(name).extension().unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn paths_are_sorted_as_their_own_order_sorts_them(
            mut paths in proptest::collection::vec("[-.0a글]{1,3}(/[-.0a글 ]{1,3}){0,2}", 0..20)
        ) {
            let is_plain = |path: &String| path.split('/').all(|part| part != "." && part != "..");
            paths.retain(is_plain);
            let mut paths: Vec<Utf8PathBuf> = paths.into_iter().map(Utf8PathBuf::from).collect();
            let mut expected = paths.clone();
            expected.sort();
            sort_paths(&mut paths);
            prop_assert_eq!(paths, expected);
        }
    }
}
