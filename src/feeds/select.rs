//! Which feeds exist, and which posts stand in each.
//!
//! Knows no format: a feed here is a title, a folder and a choice of posts.

use std::collections::HashMap;

use camino::Utf8PathBuf;
use unicode_normalization::UnicodeNormalization;

use super::folder_name::FolderNames;
use crate::archive::{Archive, Post};
use crate::config::{By, Config};

/// The folder, below the public one, of the category feeds.
pub(super) const CATEGORIES: &str = "categories/";

/// A feed before it has a format.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Feed {
    pub(super) title: String,
    /// Below the public folder; empty for the site's own feed.
    pub(super) folder: Utf8PathBuf,
    /// Indices into the archive's posts, newest first.
    pub(super) posts: Vec<usize>,
}

/// The site's feed, then the category feeds in the order in which the archive first used their names.
pub(super) fn feeds(archive: &Archive, config: &Config) -> Vec<Feed> {
    let limit = match config.feeds.entries {
        0 => usize::MAX,
        entries => entries,
    };
    let title = config.site.title.as_str();
    let posts = (0..archive.posts.len()).take(limit).collect();
    let mut feeds = vec![Feed { title: title.to_owned(), folder: Utf8PathBuf::new(), posts }];
    if config.feeds.by.contains(&By::Category) {
        let mut names = FolderNames::default();
        feeds.extend(by_category(&archive.posts).into_iter().map(|(category, mut posts)| {
            posts.reverse();
            posts.truncate(limit);
            let folder = Utf8PathBuf::from(format!("{CATEGORIES}{}", names.name(&category)));
            Feed { title: format!("{title}: {category}"), folder, posts }
        }));
    }
    feeds
}

/// Each category with its posts, oldest first, in the order of their oldest posts.
///
/// That order never changes as an archive grows, so a folder name that was once given is never given away.
fn by_category(posts: &[Post]) -> Vec<(String, Vec<usize>)> {
    let mut groups: Vec<(String, Vec<usize>)> = Vec::new();
    let mut known: HashMap<String, usize> = HashMap::new();
    for (at, post) in posts.iter().enumerate().rev() {
        for category in &post.categories {
            let name: String = category.as_str().nfc().collect();
            let group = *known.entry(name.clone()).or_insert_with(|| {
                groups.push((name, Vec::new()));
                groups.len() - 1
            });
            // Two spellings of one name, composed and decomposed, are one category and one entry.
            if groups[group].1.last() != Some(&at) {
                groups[group].1.push(at);
            }
        }
    }
    groups
}

/// For each of `count` posts, whether some feed carries it.
pub(super) fn wanted(feeds: &[Feed], count: usize) -> Vec<bool> {
    let mut wanted = vec![false; count];
    for &at in feeds.iter().flat_map(|feed| &feed.posts) {
        wanted[at] = true;
    }
    wanted
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::feeds::specimen;

    #[test]
    fn each_feed_holds_its_newest_posts_and_the_site_comes_first() {
        let (archive, mut config) = (specimen::archive(), specimen::config(""));
        config.feeds.entries = 1;
        let feeds = feeds(&archive, &config);
        assert_eq!(feeds[0].folder, "");
        assert!(feeds.iter().all(|feed| feed.posts.len() == 1));
        let technology = feeds.iter().find(|feed| feed.title.ends_with(": 기술")).unwrap();
        let newest =
            archive.posts.iter().position(|post| post.categories.iter().any(|name| name.as_str() == "기술"));
        assert_eq!(technology.posts, [newest.unwrap()]);
    }

    #[test]
    fn a_name_composed_and_decomposed_is_one_category() {
        let mut post = specimen::post(1, "글");
        post.categories = specimen::names(&["기술", &"기술".nfd().collect::<String>()]);
        assert_eq!(by_category(&[post]), [("기술".to_owned(), vec![0])]);
    }

    #[test]
    fn a_new_post_never_moves_the_feeds_that_are_there() {
        let mut old = specimen::post(1, "old");
        old.categories = specimen::names(&["Rust", "웹"]);
        let mut new = specimen::post(2, "new");
        new.categories = specimen::names(&["rust", "a b"]);
        let config = specimen::config("");
        let folders = |posts: Vec<Post>| -> Vec<(String, Utf8PathBuf)> {
            let archive = Archive { posts, ..Archive::default() };
            feeds(&archive, &config).into_iter().map(|feed| (feed.title, feed.folder)).collect()
        };
        let before = folders(vec![old.clone()]);
        let after = folders(vec![new, old]);
        assert_eq!(after[..before.len()], before);
        assert_ne!(after[1].1.as_str().to_lowercase(), after[3].1.as_str().to_lowercase());
    }

    #[test]
    fn without_by_there_is_the_site_feed_alone() {
        let mut config = specimen::config("");
        config.feeds.by.clear();
        assert_eq!(feeds(&specimen::archive(), &config).len(), 1);
    }
}
