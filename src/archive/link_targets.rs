//! Finds the page that a file name in a link refers to: `{% post_url 2024-05-01-a %}`, `{{< ref "a.md" >}}`,
//! `{filename}../a.md`. Only published posts have a page.

use std::collections::BTreeMap;

use camino::{Utf8Component, Utf8Path};
use url::Url;

use super::language;

/// The pages of all posts, by the names that refer to them.
#[derive(Debug, Default)]
pub(super) struct LinkTargets {
    by_path: BTreeMap<String, Url>,
    /// By the last part alone; `None` if two posts share it.
    by_name: BTreeMap<String, Option<Url>>,
}

impl LinkTargets {
    /// Adds the page of the file at `relative`; `prefix` is the path of the folder of posts in the site.
    pub(super) fn add(&mut self, prefix: &Utf8Path, relative: &Utf8Path, url: &Url) {
        let path = prefix.join(relative);
        let key = key(path.as_str());
        let name = key.rsplit('/').next().unwrap_or_default().to_owned();
        self.by_name.entry(name).and_modify(|page| *page = None).or_insert_with(|| Some(url.clone()));
        self.by_path.insert(key, url.clone());
    }

    /// The page that `target` refers to in a file in `folder`, relative to the folder of posts.
    pub(super) fn find(&self, folder: &Utf8Path, target: &str) -> Option<&Url> {
        let target = target.trim();
        if target.is_empty() {
            return None;
        }
        let rooted = key(target.trim_start_matches('/'));
        let beside = || self.by_path.get(&key(folder.join(target).as_str()));
        // Jekyll refers to posts relative to `_posts` or by their categories.
        let last = || self.by_name.get(rooted.rsplit('/').next()?)?.as_ref();
        if target.starts_with('/') {
            return self.by_path.get(&rooted).or_else(last);
        }
        beside().or_else(|| self.by_path.get(&rooted)).or_else(last)
    }
}

/// The path of a file in lower case, without the optional parts: extension, language, `index` and dots.
fn key(path: &str) -> String {
    let mut parts: Vec<&str> = Vec::new();
    for part in Utf8Path::new(path).components() {
        match part {
            Utf8Component::ParentDir => {
                parts.pop();
            }
            Utf8Component::Normal(part) => parts.push(part),
            _ => {}
        }
    }
    if let Some(last) = parts.pop() {
        let stem = [".md", ".markdown", ".mkd", ".html"]
            .iter()
            .find_map(|end| last.strip_suffix(end))
            .unwrap_or(last);
        let stem = language::split(stem).0;
        if stem != "index" || parts.is_empty() {
            parts.push(stem);
        }
    }
    parts.join("/").to_lowercase()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_post_is_found_by_each_of_its_names() {
        let mut pages = LinkTargets::default();
        let url = |path: &str| Url::parse("https://example.com/").unwrap().join(path).unwrap();
        pages.add(Utf8Path::new("posts"), Utf8Path::new("a/글.ko.md"), &url("/1/"));
        pages.add(Utf8Path::new("posts"), Utf8Path::new("b/index.md"), &url("/2/"));
        pages.add(Utf8Path::new("posts"), Utf8Path::new("a/twin.md"), &url("/3/"));
        pages.add(Utf8Path::new("posts"), Utf8Path::new("b/twin.md"), &url("/4/"));
        for (folder, target, path) in [
            ("", "/posts/a/글.md", "/1/"),
            ("b", "글.md", "/1/"),
            ("posts/b", "../a/글", "/1/"),
            ("", "posts/b", "/2/"),
            ("posts/a", "twin.md", "/3/"),
        ] {
            assert_eq!(pages.find(Utf8Path::new(folder), target), Some(&url(path)), "{target}");
        }
        for target in ["twin", "", "none.md", "../../../x"] {
            assert_eq!(pages.find(Utf8Path::new(""), target), None, "{target}");
        }
    }
}
