//! `[archive]`: where the posts are, which generator they follow, and the URLs of their pages.

use std::collections::BTreeMap;

use camino::{Utf8Path, Utf8PathBuf};
use serde::de::Error as _;
use serde::{Deserialize, Deserializer};

use super::{Pattern, Permalink, PrivateUrl};

/// The `[archive]` section.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Archive {
    /// The folder of Markdown posts.
    pub posts: Utf8PathBuf,
    /// The generator of the site; `None` means that it is detected.
    #[serde(default, deserialize_with = "generator")]
    pub generator: Option<Generator>,
    /// The URL pattern of a post below the site; `auto` is the rule of the generator.
    pub permalink: Permalink,
    /// URL patterns for the posts in one section (a top-level folder), as in Hugo.
    #[serde(default)]
    pub permalinks: BTreeMap<String, Pattern>,
    /// The language of the posts to read, if file names have a language (`index.ko.md`); `None` means that of the site.
    pub language: Option<String>,
    /// Whether an unreadable post stops the run; `None` means only if the site has no generator.
    pub strict: Option<bool>,
    /// Settings files that cannot be read and, according to the user, hold no post back.
    #[serde(default)]
    pub passed_over: Vec<Utf8PathBuf>,
    /// The folder of files that the site serves unchanged.
    #[serde(rename = "static")]
    pub static_files: Utf8PathBuf,
    /// The feed that the posts come from, a URL or a file; its posts are stored in `posts`.
    #[serde(default)]
    pub feed: Option<PrivateUrl>,
    /// Whether `feed` may be on a host with a private address.
    pub feed_private: bool,
    /// The time of day of a post with only a day.
    pub date_only: DateOnly,
    /// Whether formulas in the posts become MathML.
    pub math: bool,
    /// Whether straight quotes, hyphens and full stops become curly quotes, dashes and ellipses; `None` means as the generator
    /// does.
    pub smart_punctuation: Option<bool>,
    /// Whether the end of a line in a paragraph is a line break; `None` means as the generator does.
    pub hard_breaks: Option<bool>,
    /// Custom keys in the front matter of the posts.
    pub front_matter: Vec<String>,
    /// Patterns of the only posts to read; empty means all.
    pub include: Vec<String>,
    /// Patterns of posts not to read.
    pub exclude: Vec<String>,
    /// The site that the generator built: the texts of the posts are taken from its pages.
    pub html: Option<Utf8PathBuf>,
    /// The id ledger; `None` means `ids.txt` in the folder of posts.
    pub ids: Option<Utf8PathBuf>,
}

impl Archive {
    /// The id ledger, as the user would type it.
    pub fn ids_file(&self) -> Utf8PathBuf {
        self.ids.clone().unwrap_or_else(|| self.posts.join(Self::LEDGER))
    }

    /// The page ledger, beside the id ledger: `pages.txt` beside `ids.txt`, `pages-ko.txt` beside `ids-ko.txt`.
    pub fn pages_file(&self) -> Utf8PathBuf {
        let ids = self.ids_file();
        let name = ids.file_name().unwrap_or(Self::LEDGER);
        // Two configurations that share a folder must not share a ledger.
        let name =
            name.strip_prefix("ids").map_or_else(|| format!("pages-{name}"), |rest| format!("pages{rest}"));
        ids.with_file_name(name)
    }

    /// The configured pattern for the posts in `folder`.
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

/// When a post with only a day was published.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum DateOnly {
    /// At 00:00 in the zone of the site.
    Midnight,
    /// At the time of day of the first run that sees it on its day; the id ledger remembers it.
    FirstSeen,
}

/// A static site generator.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Generator {
    /// No generator, only Markdown files.
    Plain,
    /// Hugo.
    Hugo,
    /// Zola.
    Zola,
    /// Jekyll, and programs based on it: Octopress, GitHub Pages.
    Jekyll,
    /// Pelican.
    Pelican,
    /// Astro.
    Astro,
    /// Eleventy.
    Eleventy,
    /// Hexo.
    Hexo,
    /// The blog of Docusaurus.
    Docusaurus,
    /// The blog plugin of Material for `MkDocs`.
    MkdocsMaterial,
    /// Nikola.
    Nikola,
    /// `VuePress` 2.
    Vuepress,
    /// Quarto.
    Quarto,
}

impl Generator {
    /// All of them.
    pub const ALL: [Self; 13] = [
        Self::Plain,
        Self::Hugo,
        Self::Zola,
        Self::Jekyll,
        Self::Pelican,
        Self::Astro,
        Self::Eleventy,
        Self::Hexo,
        Self::Docusaurus,
        Self::MkdocsMaterial,
        Self::Nikola,
        Self::Vuepress,
        Self::Quarto,
    ];

    /// Its name in configurations and on the command line.
    pub const fn key(self) -> &'static str {
        match self {
            Self::Plain => "plain",
            Self::Hugo => "hugo",
            Self::Zola => "zola",
            Self::Jekyll => "jekyll",
            Self::Pelican => "pelican",
            Self::Astro => "astro",
            Self::Eleventy => "eleventy",
            Self::Hexo => "hexo",
            Self::Docusaurus => "docusaurus",
            Self::MkdocsMaterial => "mkdocs-material",
            Self::Nikola => "nikola",
            Self::Vuepress => "vuepress",
            Self::Quarto => "quarto",
        }
    }
}

impl std::fmt::Display for Generator {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(match self {
            Self::Plain => "plain Markdown",
            Self::Hugo => "Hugo",
            Self::Zola => "Zola",
            Self::Jekyll => "Jekyll",
            Self::Pelican => "Pelican",
            Self::Astro => "Astro",
            Self::Eleventy => "Eleventy",
            Self::Hexo => "Hexo",
            Self::Docusaurus => "Docusaurus",
            Self::MkdocsMaterial => "Material for MkDocs",
            Self::Nikola => "Nikola",
            Self::Vuepress => "VuePress",
            Self::Quarto => "Quarto",
        })
    }
}

fn generator<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<Generator>, D::Error> {
    const KEYS: [&str; Generator::ALL.len() + 1] = {
        let mut keys = ["auto"; Generator::ALL.len() + 1];
        let mut at = 0;
        while at < Generator::ALL.len() {
            keys[at + 1] = Generator::ALL[at].key();
            at += 1;
        }
        keys
    };
    let key = String::deserialize(deserializer)?;
    let stated = Generator::ALL.into_iter().find(|generator| generator.key() == key);
    if stated.is_none() && key != "auto" {
        return Err(D::Error::unknown_variant(&key, &KEYS));
    }
    Ok(stated)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_page_ledger_is_beside_the_id_ledger_under_a_different_name() {
        for (ids, pages) in [
            ("", "posts/pages.txt"),
            ("ids = \"ids.txt\"", "pages.txt"),
            ("ids = \"a/ids-ko.txt\"", "a/pages-ko.txt"),
            ("ids = \"../pages.txt\"", "../pages-pages.txt"),
        ] {
            let text = format!("[site]\ntitle = \"t\"\nurl = \"https://example.com\"\n[archive]\n{ids}\n");
            let config = crate::config::parse(&text, "config.toml", Utf8Path::new(".")).unwrap();
            assert_eq!(config.archive.pages_file(), pages);
        }
    }
}
