//! The posts in memory. A change of one file reads that file; everything is read again only if other posts may depend on the change.

use std::collections::HashMap;
use std::sync::{Mutex, PoisonError};

use camino::{Utf8Path, Utf8PathBuf};
use chrono::{DateTime, NaiveTime, Utc};

use crate::archive::folder::{self, PostReader, Series};
use crate::archive::{Archive, Post, SkipReason, SkippedFile};
use crate::config::Config;
use crate::finding::Finding;

/// How many unpublished posts are read for their titles.
const TITLED: usize = 100;

/// The posts of a site, and what is wrong with some of them.
pub(super) struct PostArchive {
    pub(super) archive: Archive,
    pub(super) series: Vec<Series>,
    /// Errors that concern all posts; the archive is the one before them.
    pub(super) errors: Vec<Finding>,
    /// The titles of unpublished posts by their files.
    pub(super) titles: HashMap<Utf8PathBuf, String>,
    reader: PostReader,
    /// The errors of published posts whose files were broken since.
    broken: HashMap<Utf8PathBuf, Vec<Finding>>,
    /// The warnings about posts that were read again.
    warnings: HashMap<Utf8PathBuf, Vec<Finding>>,
    /// The last version without errors of posts that are not in the archive.
    last_good: Mutex<HashMap<Utf8PathBuf, Post>>,
}

/// A post to show.
#[derive(Debug, Default)]
pub(super) struct FoundPost {
    /// With errors, the last version without them, if there is one.
    pub(super) post: Option<Post>,
    pub(super) errors: Vec<Finding>,
    pub(super) warnings: Vec<Finding>,
    /// Why it is not published.
    pub(super) held: Option<SkipReason>,
}

/// What a change of one file means for the others.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Extent {
    /// Nothing.
    OnePost,
    /// Its address, its date or whether it is published changed, so links of others and the order may change.
    Others,
}

impl PostArchive {
    /// Reads everything. Errors in single posts leave those out.
    pub(super) fn read(config: &Config, now: DateTime<Utc>) -> Result<Self, Vec<Finding>> {
        let archive = folder::read(&config.lenient(), now)?.archive;
        let reader = PostReader::of(config, &archive);
        let (series, errors) = match folder::read_series(config, now) {
            Ok(series) => (series, Vec::new()),
            Err(errors) => (Vec::new(), errors),
        };
        let mut read = Self {
            archive,
            series,
            errors,
            titles: HashMap::new(),
            reader,
            broken: HashMap::new(),
            warnings: HashMap::new(),
            last_good: Mutex::default(),
        };
        let drafts: Vec<_> = read.unpublished().rev().take(TITLED).map(|left| left.source.clone()).collect();
        for source in drafts {
            read.learn_title(config, &source, now);
        }
        Ok(read)
    }

    /// Nothing, because of `errors`.
    pub(super) fn unreadable(config: &Config, errors: Vec<Finding>) -> Self {
        let archive = Archive::default();
        Self {
            series: Vec::new(),
            errors,
            titles: HashMap::new(),
            reader: PostReader::of(config, &archive),
            broken: HashMap::new(),
            warnings: HashMap::new(),
            last_good: Mutex::default(),
            archive,
        }
    }

    /// Takes over the last good versions of an earlier reading.
    pub(super) fn after(self, earlier: Self) -> Self {
        let mut good = earlier.last_good.into_inner().unwrap_or_else(PoisonError::into_inner);
        let broken: std::collections::HashSet<&Utf8Path> =
            self.unpublished().map(|left| left.source.as_path()).collect();
        let posts = earlier.archive.posts.into_iter().filter(|post| broken.contains(post.source.as_path()));
        good.extend(posts.map(|post| (post.source.clone(), post)));
        Self { last_good: Mutex::new(good), ..self }
    }

    /// Files of posts that are not published, by path.
    pub(super) fn unpublished(&self) -> impl DoubleEndedIterator<Item = &SkippedFile> {
        self.archive.skipped.iter().filter(|left| left.reason.is_of_a_post())
    }

    /// What the file at `source` is for.
    pub(super) fn role(&self, source: &Utf8Path) -> folder::FileRole {
        self.reader.role(source)
    }

    /// Reads one file again.
    pub(super) fn update(&mut self, config: &Config, source: &Utf8Path, now: DateTime<Utc>) -> Extent {
        self.warnings.remove(source);
        let known = self.archive.posts.iter().position(|post| post.source == source);
        if !config.resolve(source).exists() {
            self.archive.skipped.retain(|left| left.source != source);
            self.forget(known);
            return Extent::Others;
        }
        match self.reader.read(config, source, now) {
            Err(errors) => {
                if known.is_some() {
                    self.broken.insert(source.to_owned(), errors);
                } else {
                    self.hold(source, SkipReason::Broken);
                }
                Extent::OnePost
            }
            Ok(Err(why)) => {
                let is_held_already = known.is_none() && self.held(source).is_some();
                self.forget(known);
                self.hold(source, why);
                self.learn_title(config, source, now);
                if is_held_already { Extent::OnePost } else { Extent::Others }
            }
            Ok(Ok((post, warnings))) => {
                self.broken.remove(source);
                self.warnings.insert(source.to_owned(), warnings);
                self.archive.skipped.retain(|left| left.source != source);
                self.put(known, post)
            }
        }
    }

    /// Puts a post that was read again in the place of the known one.
    fn put(&mut self, known: Option<usize>, post: Post) -> Extent {
        let Some(known) = known.and_then(|at| self.archive.posts.get_mut(at)) else {
            let at = self.archive.posts.partition_point(|other| other.published > post.published);
            self.archive.posts.insert(at, post);
            return Extent::Others;
        };
        // A date without a time has the time of the run that published it.
        let is_day_only = chrono::DateTime::time(&post.published) == NaiveTime::MIN;
        let is_same_day = is_day_only && post.published.date_naive() == known.published.date_naive();
        let published = if is_same_day { known.published } else { post.published };
        let is_same = post.url == known.url && published == known.published && post.id == known.id;
        let updated = known.updated.max(published);
        *known = Post { published, updated, ..post };
        if is_same { Extent::OnePost } else { Extent::Others }
    }

    fn forget(&mut self, known: Option<usize>) {
        if let Some(at) = known {
            let post = self.archive.posts.remove(at);
            self.broken.remove(&post.source);
        }
    }

    fn held(&self, source: &Utf8Path) -> Option<&SkipReason> {
        self.archive.skipped.iter().find(|left| left.source == source).map(|left| &left.reason)
    }

    fn hold(&mut self, source: &Utf8Path, reason: SkipReason) {
        if let Some(left) = self.archive.skipped.iter_mut().find(|left| left.source == source) {
            left.reason = reason;
            return;
        }
        let at = self.archive.skipped.partition_point(|left| left.source.as_path() < source);
        self.archive.skipped.insert(at, SkippedFile { source: source.to_owned(), reason });
    }

    fn learn_title(&mut self, config: &Config, source: &Utf8Path, now: DateTime<Utc>) {
        if let Ok((post, _)) = self.reader.read_unpublished(config, source, now) {
            self.titles.insert(source.to_owned(), post.shown_title().to_owned());
        }
    }

    /// The post in this file; `None` if no post is.
    pub(super) fn find(&self, config: &Config, source: &Utf8Path, now: DateTime<Utc>) -> Option<FoundPost> {
        if let Some(post) = self.archive.posts.iter().find(|post| post.source == source) {
            let about = |finding: &&Finding| finding.file == source.as_str();
            let warnings = self.warnings.get(source).cloned();
            return Some(FoundPost {
                post: Some(post.clone()),
                errors: self.broken.get(source).cloned().unwrap_or_default(),
                warnings: warnings
                    .unwrap_or_else(|| self.archive.findings.iter().filter(about).cloned().collect()),
                held: None,
            });
        }
        let held = self.held(source).filter(|reason| reason.is_of_a_post())?.clone();
        let mut last_good = self.last_good.lock().unwrap_or_else(PoisonError::into_inner);
        let (post, errors, warnings) = match self.reader.read_unpublished(config, source, now) {
            Ok((post, warnings)) => {
                last_good.insert(source.to_owned(), post.clone());
                (Some(post), Vec::new(), warnings)
            }
            Err(errors) => (last_good.get(source).cloned(), errors, Vec::new()),
        };
        // `read_unpublished` is more patient than a run.
        let errors = match &held {
            SkipReason::Broken if errors.is_empty() => {
                self.reader.read(config, source, now).err().unwrap_or_default()
            }
            _ => errors,
        };
        Some(FoundPost { post, errors, warnings, held: Some(held) })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    struct Site {
        folder: tempfile::TempDir,
        config: Config,
    }

    impl Site {
        fn new(posts: &[(&str, &str)]) -> Self {
            let folder = tempfile::tempdir().unwrap();
            let root = Utf8Path::from_path(folder.path()).unwrap();
            let text = "[site]\ntitle = \"느린 편지\"\nurl = \"https://a.example/\"\n";
            let site = Self { config: crate::config::parse(text, "config.toml", root).unwrap(), folder };
            std::fs::create_dir(site.folder.path().join("posts")).unwrap();
            for (name, text) in posts {
                site.write(name, text);
            }
            site
        }

        fn write(&self, name: &str, text: &str) {
            std::fs::write(self.folder.path().join("posts").join(name), text).unwrap();
        }

        fn read(&self) -> PostArchive {
            PostArchive::read(&self.config, now()).unwrap()
        }

        fn update(&self, archive: &mut PostArchive, name: &str, text: &str) -> Extent {
            self.write(name, text);
            archive.update(&self.config, &Utf8Path::new("posts").join(name), now())
        }

        fn find(&self, archive: &PostArchive, name: &str) -> FoundPost {
            archive.find(&self.config, &Utf8Path::new("posts").join(name), now()).unwrap()
        }
    }

    fn now() -> DateTime<Utc> {
        DateTime::parse_from_rfc3339("2026-11-30T09:00:00Z").unwrap().to_utc()
    }

    fn titles(archive: &PostArchive) -> Vec<&str> {
        archive.archive.posts.iter().map(|post| post.title.as_str()).collect()
    }

    const POSTS: [(&str, &str); 3] = [
        ("2026-11-01-a.md", "+++\ntitle = \"하나\"\n+++\n글"),
        ("2026-11-02-b.md", "+++\ntitle = \"둘\"\n+++\n글"),
        ("c.md", "+++\ntitle = \"초고\"\ndraft = true\n+++\n글"),
    ];

    #[test]
    fn a_new_text_concerns_one_post_and_a_new_address_all() {
        let site = Site::new(&POSTS);
        let mut archive = site.read();
        let change = |archive: &mut PostArchive, text| site.update(archive, "2026-11-01-a.md", text);
        assert_eq!(change(&mut archive, "+++\ntitle = \"하나!\"\n+++\n다른 글"), Extent::OnePost);
        assert_eq!(titles(&archive), ["둘", "하나!"]);
        assert_eq!(change(&mut archive, "+++\ntitle = \"하나\"\nslug = \"other\"\n+++\n글"), Extent::Others);
        assert_eq!(
            change(&mut archive, "+++\ntitle = \"하나\"\nslug = \"other\"\ndraft = true\n+++\n"),
            Extent::Others
        );
        assert_eq!(titles(&archive), ["둘"]);
        assert_eq!(
            site.update(&mut archive, "2026-11-03-d.md", "+++\ntitle = \"셋\"\n+++\n글"),
            Extent::Others
        );
        assert_eq!(titles(&archive), ["셋", "둘"], "a new post is shown before everything is read again");
    }

    #[test]
    fn an_update_gives_what_reading_everything_gives() {
        let site = Site::new(&POSTS);
        let mut archive = site.read();
        site.update(
            &mut archive,
            "2026-11-02-b.md",
            "+++\ntitle = \"둘 다\"\ntags = [\"a\"]\n+++\n[a](2026-11-01-a.md)",
        );
        let whole = site.read();
        let shown = |archive: &PostArchive| format!("{:?}", site.find(archive, "2026-11-02-b.md").post);
        let without_time = |text: String| text.split("updated:").next().unwrap().to_owned();
        assert_eq!(without_time(shown(&archive)), without_time(shown(&whole)));
        assert_eq!(site.find(&archive, "2026-11-02-b.md").warnings, Vec::new());
    }

    #[test]
    fn a_broken_post_is_reported_with_its_line_and_keeps_its_last_version() {
        let site = Site::new(&POSTS);
        let mut archive = site.read();
        let is_kept = |archive: &PostArchive, name: &str| {
            let found = site.find(archive, name);
            assert_eq!(
                found.errors.first().and_then(|error| error.line),
                Some(2),
                "{name}: {:?}",
                found.errors
            );
            assert!(found.post.is_some(), "{name}");
        };
        for name in ["2026-11-01-a.md", "c.md"] {
            assert!(site.find(&archive, name).errors.is_empty());
            assert_eq!(site.update(&mut archive, name, "+++\ntitle = \"\n+++\n"), Extent::OnePost, "{name}");
            is_kept(&archive, name);
            archive = site.read().after(archive);
            is_kept(&archive, name);
        }
    }

    #[test]
    fn a_deleted_post_is_gone() {
        let site = Site::new(&POSTS);
        let mut archive = site.read();
        let source = Utf8Path::new("posts/2026-11-01-a.md");
        std::fs::remove_file(site.config.resolve(source)).unwrap();
        assert_eq!(archive.update(&site.config, source, now()), Extent::Others);
        assert!(archive.find(&site.config, source, now()).is_none());
        assert_eq!(archive.titles[Utf8Path::new("posts/c.md")], "초고");
    }
}
