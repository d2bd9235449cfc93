//! Which feeds exist, and which posts each contains. A feed here has a title, a folder and posts, but no format yet.

use std::collections::{HashMap, HashSet};

use camino::{Utf8Component, Utf8Path, Utf8PathBuf};
use unicode_normalization::UnicodeNormalization;

use super::folder_name::{FolderNames, of_path};
use super::formats::file_name;
use crate::archive::{Enclosure, Post, permalink};
use crate::config::{Config, Format, Generator, GroupBy};
use crate::platform::slashed;

/// The folder, below the public one, of the category feeds.
pub(super) const CATEGORIES: &str = "categories/";

/// The folder of the tag feeds.
pub(super) const TAGS: &str = "tags/";

/// The folder of the podcast.
const PODCAST: &str = "podcast";

/// A feed before it has a format.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Feed {
    pub(super) title: String,
    /// Below the public folder; empty for the site's own feed.
    pub(super) folder: Utf8PathBuf,
    /// The files of the formats that are not at their usual place in the folder.
    pub(super) files: Vec<(Format, Utf8PathBuf)>,
    /// The language, if all posts share one.
    pub(super) language: Option<String>,
    pub(super) kind: FeedScope,
    /// Indices of all its posts in the archive, newest first.
    pub(super) posts: Vec<usize>,
}

/// What a feed is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum FeedScope {
    /// The whole site.
    Site,
    /// The posts with a recording.
    Podcast,
    /// The posts of one category, tag, author or language.
    By(GroupBy),
}

/// The main feed, the podcast, then the other feeds by kind, in the order of the first use of their names.
pub(super) fn feeds(posts: &[Post], config: &Config) -> Vec<Feed> {
    let title = config.site.title.as_str();
    let site = Feed {
        title: title.to_owned(),
        folder: Utf8PathBuf::new(),
        files: files(|format| config.feeds.paths.site(format).map(str::to_owned)),
        language: None,
        kind: FeedScope::Site,
        posts: (0..posts.len()).collect(),
    };
    let mut feeds = vec![site];
    feeds.extend(podcast(posts, config));
    for by in config.feeds.kinds() {
        let mut names = FolderNames::default();
        feeds.extend(groups(posts, by, config).into_iter().map(|(name, mut indices)| {
            indices.reverse();
            let (folder, shown) = match by {
                GroupBy::Section => (of_path(&name), title_of_section(&name, &indices, posts)),
                by => (format!("{}{}", kind_folder(by), names.name(&name)), name.clone()),
            };
            let address = match by {
                GroupBy::Section => name.clone(),
                _ => permalink::term_name(config.archive.generator.unwrap_or(Generator::Plain), &name),
            };
            Feed {
                title: format!("{title}: {shown}"),
                folder: folder.into(),
                files: files(|format| config.feeds.paths.named(by, format, &address)),
                language: (by == GroupBy::Language).then_some(name),
                kind: FeedScope::By(by),
                posts: indices,
            }
        }));
    }
    keep_apart(&mut feeds);
    feeds
}

/// The files of a feed that are not at their usual place.
fn files(path: impl Fn(Format) -> Option<String>) -> Vec<(Format, Utf8PathBuf)> {
    let formats = [Format::Rss, Format::Atom, Format::Json];
    formats.into_iter().filter_map(|format| Some((format, path(format)?.into()))).collect()
}

/// Two feeds must not have one file, also where case does not count: a later feed has its usual place, or does not exist.
fn keep_apart(feeds: &mut Vec<Feed>) {
    let mut taken: HashSet<String> = HashSet::new();
    feeds.retain_mut(|feed| {
        let is_safe =
            |path: &Utf8Path| path.components().all(|part| matches!(part, Utf8Component::Normal(_)));
        feed.files.retain(|(_, file)| is_safe(file) && taken.insert(file.as_str().to_lowercase()));
        let is_elsewhere = |format| feed.files.iter().any(|(own, _)| *own == format);
        let usual: Vec<String> = [Format::Rss, Format::Atom, Format::Json]
            .into_iter()
            .filter(|format| !is_elsewhere(*format))
            .map(|format| slashed(feed.folder.join(file_name(format))).as_str().to_lowercase())
            .collect();
        let is_free = usual.iter().all(|file| !taken.contains(file));
        if is_free {
            taken.extend(usual);
        }
        is_free
    });
}

fn title_of_section(path: &str, indices: &[usize], posts: &[Post]) -> String {
    let mut sections = indices.iter().filter_map(|at| posts.get(*at)).flat_map(|post| &post.sections);
    sections.find(|section| section.path == path).map_or(path, |section| section.title.as_str()).to_owned()
}

/// The posts of one category.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Group {
    /// The category.
    pub name: String,
    /// Its folder in the public folder, which also contains its feeds.
    pub folder: Utf8PathBuf,
    /// Places in the archive, newest first.
    pub posts: Vec<usize>,
}

/// Every category, in the order of the oldest posts.
pub fn categories(posts: &[Post], config: &Config) -> Vec<Group> {
    let mut names = FolderNames::default();
    let groups = groups(posts, GroupBy::Category, config).into_iter();
    let group = |(name, mut posts): (String, Vec<usize>)| {
        posts.reverse();
        let folder = Utf8PathBuf::from(format!("{CATEGORIES}{}", names.name(&name)));
        Group { name, folder, posts }
    };
    groups.map(group).collect()
}

fn podcast(posts: &[Post], config: &Config) -> Option<Feed> {
    let podcast = config.podcast.as_ref()?;
    let is_episode = |post: &Post| post.enclosures.first().is_some_and(Enclosure::is_episode);
    Some(Feed {
        title: podcast.title.as_ref().unwrap_or(&config.site.title).as_str().to_owned(),
        folder: PODCAST.into(),
        files: Vec::new(),
        language: None,
        kind: FeedScope::Podcast,
        posts: (0..posts.len()).filter(|at| is_episode(&posts[*at])).collect(),
    })
}

/// The folder of all feeds of a kind.
fn kind_folder(by: GroupBy) -> &'static str {
    match by {
        GroupBy::Category => CATEGORIES,
        GroupBy::Tag => TAGS,
        GroupBy::Author => "authors/",
        GroupBy::Language => "languages/",
        GroupBy::Section => "",
    }
}

/// The names of a kind that a post has.
fn names<'p>(post: &'p Post, by: GroupBy, config: &'p Config) -> Vec<&'p str> {
    match by {
        GroupBy::Category => post.categories.iter().map(crate::text::HeaderText::as_str).collect(),
        GroupBy::Tag => post.tags.iter().map(crate::text::HeaderText::as_str).collect(),
        GroupBy::Author if post.authors.is_empty() => {
            config.site.author.iter().map(|author| author.name.as_str()).collect()
        }
        GroupBy::Author => post.authors.iter().map(|author| author.name.as_str()).collect(),
        GroupBy::Section => post.sections.iter().map(|section| section.path.as_str()).collect(),
        GroupBy::Language => vec![post.language.as_deref().unwrap_or(&config.site.language)],
    }
}

/// Each name with its posts, oldest first, in the order of their oldest posts.
///
/// New posts do not change that order, so a folder name is never reassigned.
fn groups(posts: &[Post], by: GroupBy, config: &Config) -> Vec<(String, Vec<usize>)> {
    let mut groups: Vec<(String, Vec<usize>)> = Vec::new();
    let mut known: HashMap<String, usize> = HashMap::new();
    for (at, post) in posts.iter().enumerate().rev() {
        for name in names(post, by, config) {
            let name: String = name.nfc().collect();
            let group = *known.entry(name.clone()).or_insert_with(|| {
                groups.push((name, Vec::new()));
                groups.len() - 1
            });
            // The composed and the decomposed form of a name are the same name.
            if groups[group].1.last() != Some(&at) {
                groups[group].1.push(at);
            }
        }
    }
    groups
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::archive::PostSection;
    use crate::feeds::fixtures;
    use crate::feeds::page::path;

    #[test]
    fn the_main_feed_comes_first_and_each_feed_has_its_posts_newest_first() {
        let (archive, config) = (fixtures::archive(), fixtures::config(""));
        let feeds = feeds(&archive.posts, &config);
        assert_eq!((feeds[0].folder.as_str(), feeds[0].posts.len()), ("", archive.posts.len()));
        let technology = feeds.iter().find(|feed| feed.title.ends_with(": 기술")).unwrap();
        assert_eq!(technology.posts, [0, 1]);
        assert!(feeds.iter().all(|feed| feed.posts.is_sorted()));
    }

    #[test]
    fn a_name_composed_and_decomposed_is_one_category() {
        let mut post = fixtures::post(1, "글");
        post.categories = fixtures::names(&["기술", &"기술".nfd().collect::<String>()]);
        let config = fixtures::config("");
        assert_eq!(groups(&[post], GroupBy::Category, &config), [("기술".to_owned(), vec![0])]);
    }

    #[test]
    fn tags_authors_and_languages_have_feeds_too() {
        let mut config = fixtures::full_config();
        config.feeds.by = vec![GroupBy::Tag, GroupBy::Author, GroupBy::Language, GroupBy::Tag];
        let feeds = feeds(&fixtures::archive().posts, &config);
        let folders: Vec<_> = feeds.iter().map(|feed| feed.folder.as_str()).collect();
        assert_eq!(
            folders,
            [
                "",
                "tags/~3C태그~3E_&_표",
                "tags/C++",
                "authors/김하늘",
                "authors/이바다",
                "authors/R._&_D._~3C팀~3E",
                "languages/ko",
                "languages/ja",
            ]
        );
        assert_eq!(feeds[7].language.as_deref(), Some("ja"));
        assert_eq!(feeds[7].posts, [3]);
        assert_eq!(
            feeds[3].posts,
            [0, 1, 2, 3, 4, 5],
            "a post without an author belongs to the site's author"
        );
    }

    #[test]
    fn a_new_post_never_moves_existing_feeds() {
        let mut old = fixtures::post(1, "old");
        old.categories = fixtures::names(&["Rust", "웹"]);
        let mut new = fixtures::post(2, "new");
        new.categories = fixtures::names(&["rust", "a b"]);
        let config = fixtures::config("");
        let folders = |posts: &[Post]| -> Vec<(String, Utf8PathBuf)> {
            feeds(posts, &config).into_iter().map(|feed| (feed.title, feed.folder)).collect()
        };
        let before = folders(&[old.clone()]);
        let after = folders(&[new, old]);
        assert_eq!(after[..before.len()], before);
        assert_ne!(after[1].1.as_str().to_lowercase(), after[3].1.as_str().to_lowercase());
    }

    #[test]
    fn a_section_has_a_feed_at_the_path_of_its_folder() {
        let mut config =
            fixtures::config("[feeds.paths]\nrss = \"feed.xml\"\nsection = { rss = \":name/index.xml\" }\n");
        config.feeds.by = vec![GroupBy::Section];
        let section =
            |path: &str, title: &str| PostSection { path: path.to_owned(), title: title.to_owned() };
        let mut post = fixtures::post(1, "one");
        post.sections = vec![section("blog", "My blog"), section("blog/rust", "Rust")];
        let mut other = fixtures::post(2, "two");
        other.sections = vec![section("blog", "My blog")];
        let feeds = feeds(&[other, post], &config);
        let found: Vec<_> = feeds
            .iter()
            .map(|feed| {
                (feed.title.rsplit(": ").next().unwrap(), path(feed, None, Format::Rss), feed.posts.len())
            })
            .collect();
        assert_eq!(found[0].1, "feed.xml");
        assert_eq!(found[1], ("My blog", "blog/index.xml".into(), 2));
        assert_eq!(found[2], ("Rust", "blog/rust/index.xml".into(), 1));
        assert_eq!(path(&feeds[1], None, Format::Atom), "blog/atom.xml");
    }

    #[test]
    fn a_feed_may_be_named_at_its_usual_place() {
        let paths = "[feeds.paths]\natom = \"atom.xml\"\nsection = { rss = \":name/rss.xml\" }\n";
        let mut config = fixtures::config(paths);
        config.feeds.by = vec![GroupBy::Section];
        let mut post = fixtures::post(1, "one");
        post.sections = vec![PostSection { path: "blog".to_owned(), title: "My blog".to_owned() }];
        let feeds = feeds(&[post], &config);
        assert_eq!(path(&feeds[0], None, Format::Atom), "atom.xml");
        assert_eq!(path(&feeds[1], None, Format::Rss), "blog/rss.xml");
    }

    #[test]
    fn without_by_there_is_only_the_main_feed() {
        let mut config = fixtures::config("");
        config.feeds.by.clear();
        assert_eq!(feeds(&fixtures::archive().posts, &config).len(), 1);
    }
}
