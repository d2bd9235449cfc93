//! `[archive]`: where the posts are, whose rules they follow, and where their pages stand.

use std::collections::BTreeMap;

use camino::{Utf8Path, Utf8PathBuf};
use serde::{Deserialize, Deserializer};

use super::{Pattern, Permalink};

/// The `[archive]` section.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Archive {
    /// The folder of Markdown posts.
    pub posts: Utf8PathBuf,
    /// The generator whose site it is; `None` means that it is looked for.
    #[serde(default, deserialize_with = "generator")]
    pub generator: Option<Generator>,
    /// A post's address below the site; `auto` is the generator's own rule.
    pub permalink: Permalink,
    /// Addresses of the posts in one section (a folder at the top), as Hugo has them.
    #[serde(default)]
    pub permalinks: BTreeMap<String, Pattern>,
    /// The language whose posts are taken, where file names tell (`index.ko.md`); `None` means the site's.
    pub language: Option<String>,
    /// Whether a post that cannot be read stops everything; `None` means: where no generator is at work.
    pub strict: Option<bool>,
    /// Files of a generator that cannot be understood, of which the user says that they hold no post back.
    #[serde(default)]
    pub passed_over: Vec<Utf8PathBuf>,
    /// The folder whose files the site serves as they are.
    #[serde(rename = "static")]
    pub static_files: Utf8PathBuf,
    /// The feed that the posts come from, an address or a file; what it holds is kept in `posts`.
    #[serde(default)]
    pub feed: Option<String>,
    /// Whether `feed` may lead to a machine that is not in the open internet.
    pub feed_private: bool,
    /// Keys of the posts' front matter that are the user's own.
    pub front_matter: Vec<String>,
    /// The id ledger; `None` means `ids.txt` in the folder of posts.
    pub ids: Option<Utf8PathBuf>,
}

impl Archive {
    /// The id ledger, as the user would type it.
    pub fn ledger(&self) -> Utf8PathBuf {
        self.ids.clone().unwrap_or_else(|| self.posts.join(Self::LEDGER))
    }

    /// The page ledger, beside the id ledger: `pages.txt` beside `ids.txt`, `pages-ko.txt` beside `ids-ko.txt`.
    pub fn page_ledger(&self) -> Utf8PathBuf {
        let ids = self.ledger();
        let name = ids.file_name().unwrap_or(Self::LEDGER);
        // Two configurations that share a folder share neither ledger.
        let name =
            name.strip_prefix("ids").map_or_else(|| format!("pages-{name}"), |rest| format!("pages{rest}"));
        ids.with_file_name(name)
    }

    /// The pattern of the posts in `folder`, if there is one but the generator's.
    pub fn pattern(&self, folder: &Utf8Path) -> Option<&Pattern> {
        let section = folder.components().next().map_or("", |first| first.as_str());
        self.permalinks.get(section).or(match &self.permalink {
            Permalink::Auto => None,
            Permalink::Pattern(pattern) => Some(pattern),
        })
    }

    /// The name of the id ledger inside the folder of posts.
    const LEDGER: &str = "ids.txt";
}

/// A program that makes a site from files.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Generator {
    /// None: Markdown files.
    Plain,
    /// Hugo.
    Hugo,
    /// Zola.
    Zola,
    /// Jekyll, and what is built on it: Octopress, GitHub Pages.
    Jekyll,
    /// Pelican.
    Pelican,
}

impl std::fmt::Display for Generator {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(match self {
            Self::Plain => "plain Markdown",
            Self::Hugo => "Hugo",
            Self::Zola => "Zola",
            Self::Jekyll => "Jekyll",
            Self::Pelican => "Pelican",
        })
    }
}

fn generator<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<Generator>, D::Error> {
    #[derive(Deserialize)]
    #[serde(rename_all = "lowercase")]
    enum Answer {
        Auto,
        Plain,
        Hugo,
        Zola,
        Jekyll,
        Pelican,
    }
    Answer::deserialize(deserializer).map(|answer| match answer {
        Answer::Auto => None,
        Answer::Plain => Some(Generator::Plain),
        Answer::Hugo => Some(Generator::Hugo),
        Answer::Zola => Some(Generator::Zola),
        Answer::Jekyll => Some(Generator::Jekyll),
        Answer::Pelican => Some(Generator::Pelican),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_page_ledger_lies_beside_the_ids_under_a_name_of_its_own() {
        for (ids, pages) in [
            ("", "posts/pages.txt"),
            ("ids = \"ids.txt\"", "pages.txt"),
            ("ids = \"a/ids-ko.txt\"", "a/pages-ko.txt"),
            ("ids = \"../pages.txt\"", "../pages-pages.txt"),
        ] {
            let text = format!("[site]\ntitle = \"t\"\nurl = \"https://example.com\"\n[archive]\n{ids}\n");
            let config = crate::config::parse(&text, "config.toml", Utf8Path::new(".")).unwrap();
            assert_eq!(config.archive.page_ledger(), pages);
        }
    }
}
