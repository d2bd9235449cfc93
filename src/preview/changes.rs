//! What changed files mean for what is shown. Pure.

use std::collections::BTreeSet;

use camino::{Utf8Path, Utf8PathBuf};

use crate::archive::folder::FileRole;
use crate::config::Config;

/// Paths that changed together; `None` if some are not known.
pub(super) type Batch = Option<Vec<Utf8PathBuf>>;

/// What has to be done after some files changed.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct Changes {
    /// Posts to read again.
    pub(super) posts: BTreeSet<Utf8PathBuf>,
    /// The configuration has to be read again, and everything with it.
    pub(super) config: bool,
    /// All posts have to be read again.
    pub(super) archive: bool,
    /// Emails have to be composed again: a template, a picture or an email of a series changed.
    pub(super) look: bool,
}

impl Changes {
    pub(super) fn is_empty(&self) -> bool {
        *self == Self::default()
    }
}

/// Where the files of a site are, as absolute paths.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Layout {
    /// The folder of posts, and its name as the user typed it.
    posts: (Utf8PathBuf, Utf8PathBuf),
    /// `ids.txt` and `pages.txt`.
    registries: [Utf8PathBuf; 2],
    config: Utf8PathBuf,
    words: Utf8PathBuf,
    /// The folder of pages that a generator built.
    built: Option<Utf8PathBuf>,
    /// Files and folders with templates, pictures and emails of series.
    look: Vec<Utf8PathBuf>,
}

/// Files beside the configuration with these ends may be the settings of a site generator.
const SETTINGS: [&str; 9] = ["toml", "yaml", "yml", "json", "js", "mjs", "cjs", "ts", "py"];

impl Layout {
    pub(super) fn of(config: &Config) -> Self {
        let absolute = |path: &Utf8Path| {
            let path = config.resolve(path);
            let absolute =
                std::path::absolute(&path).ok().and_then(|path| Utf8PathBuf::from_path_buf(path).ok());
            absolute.unwrap_or(path)
        };
        let file = Utf8Path::new(&config.file).file_name().unwrap_or("config.toml");
        let newsletter = &config.newsletter;
        let mut look = vec![
            absolute(&newsletter.templates),
            absolute(&config.archive.static_files),
            absolute("series".into()),
        ];
        look.extend(newsletter.welcome.iter().map(|file| absolute(file)));
        Self {
            posts: (absolute(&config.archive.posts), config.archive.posts.clone()),
            registries: [config.archive.ids_file(), config.archive.pages_file()].map(|file| absolute(&file)),
            config: absolute(file.into()),
            words: absolute(&newsletter.words),
            built: config.archive.html.as_deref().map(absolute),
            look,
        }
    }

    /// The folders to watch, and whether with everything below.
    pub(super) fn folders(&self) -> Vec<(Utf8PathBuf, bool)> {
        let mut folders: Vec<(Utf8PathBuf, bool)> =
            vec![(self.posts.0.clone(), true), (self.words.clone(), true)];
        folders.extend(self.built.iter().map(|built| (built.clone(), true)));
        for path in &self.look {
            match path.parent() {
                Some(parent) if path.extension().is_some() => folders.push((parent.to_owned(), false)),
                _ => folders.push((path.clone(), true)),
            }
        }
        folders.extend(self.config.parent().map(|parent| (parent.to_owned(), false)));
        folders.sort_by_key(|(_, is_deep)| !is_deep);
        let mut unique: Vec<(Utf8PathBuf, bool)> = Vec::new();
        for (folder, is_deep) in folders {
            let is_seen =
                |(known, deep): &(Utf8PathBuf, bool)| *known == folder || *deep && folder.starts_with(known);
            if !unique.iter().any(is_seen) {
                unique.push((folder, is_deep));
            }
        }
        unique
    }

    /// Adds what a change of `path` means. `role` says what a file below the folder of posts is for.
    pub(super) fn note(&self, path: &Utf8Path, role: impl Fn(&Utf8Path) -> FileRole, changes: &mut Changes) {
        if self.registries.iter().any(|file| file == path) {
            changes.archive = true;
        } else if path == self.config || path.starts_with(&self.words) {
            changes.config = true;
        } else if self.built.as_ref().is_some_and(|built| path.starts_with(built)) {
            changes.archive |= path.extension() == Some("html");
        } else if let Ok(relative) = path.strip_prefix(&self.posts.0) {
            if relative.components().any(|part| is_hidden(part.as_str())) {
                return;
            }
            let source = self.posts.1.join(relative);
            match role(&source) {
                FileRole::Post => drop(changes.posts.insert(source)),
                FileRole::Setting => changes.archive = true,
                // Without an extension it may be a folder.
                FileRole::Other if relative.extension().is_none() => changes.archive = true,
                FileRole::Other => changes.look = true,
            }
        } else if self.look.iter().any(|look| path.starts_with(look)) {
            changes.look = true;
        } else if path.parent() == self.config.parent() {
            let is_setting = path.extension().is_some_and(|end| SETTINGS.contains(&end));
            changes.archive |= is_setting && !is_hidden(path.file_name().unwrap_or_default());
        }
    }
}

/// Whether a file is of an editor, or of nobody: `.a.md.swp`, `a.md~`, `#a.md#`.
fn is_hidden(name: &str) -> bool {
    name.starts_with(['.', '#']) || name.ends_with('~')
}

#[cfg(test)]
mod tests {
    use super::*;

    fn layout() -> Layout {
        let text =
            "[site]\ntitle = \"a\"\nurl = \"https://a.example/\"\n[newsletter]\nwelcome = \"welcome.md\"\n";
        Layout::of(&crate::config::parse(text, "config.toml", Utf8Path::new("/site")).unwrap())
    }

    fn changes(paths: &[&str]) -> Changes {
        let role = |source: &Utf8Path| match source.extension() {
            Some("md") => FileRole::Post,
            Some("yaml") => FileRole::Setting,
            _ => FileRole::Other,
        };
        let mut changes = Changes::default();
        for path in paths {
            layout().note(Utf8Path::new(path), role, &mut changes);
        }
        changes
    }

    #[test]
    fn a_saved_post_is_read_alone_and_the_files_of_its_editor_are_ignored() {
        let saved = changes(&[
            "/site/posts/.a.md.swp",
            "/site/posts/a.md~",
            "/site/posts/.git/x.md",
            "/site/posts/2026/글.md",
        ]);
        assert_eq!(saved, Changes { posts: ["posts/2026/글.md".into()].into(), ..Changes::default() });
    }

    #[test]
    fn what_is_shared_reads_everything_again() {
        for path in ["/site/posts/ids.txt", "/site/posts/a.yaml", "/site/posts/folder", "/site/hugo.toml"] {
            assert_eq!(changes(&[path]), Changes { archive: true, ..Changes::default() }, "{path}");
        }
        for path in ["/site/config.toml", "/site/words/ko.toml"] {
            assert_eq!(changes(&[path]), Changes { config: true, ..Changes::default() }, "{path}");
        }
        for path in
            ["/site/templates/body.html", "/site/posts/a.png", "/site/welcome.md", "/site/series/a/1.md"]
        {
            assert_eq!(changes(&[path]), Changes { look: true, ..Changes::default() }, "{path}");
        }
        for path in
            ["/site/letterpress.db-wal", "/site/public/rss.xml", "/site/outbox/1.eml", "/elsewhere/a.md"]
        {
            assert!(changes(&[path]).is_empty(), "{path}");
        }
    }

    #[test]
    fn each_folder_is_watched_once() {
        let folders = layout().folders();
        assert!(
            folders.contains(&("/site/posts".into(), true)) && folders.contains(&("/site".into(), false))
        );
        let names: BTreeSet<_> = folders.iter().map(|(folder, _)| folder).collect();
        assert_eq!(names.len(), folders.len());
    }
}
