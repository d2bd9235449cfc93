//! Detects the generator of the site around the folder of posts, and the place of the folder in that site. Pure: the
//! caller reads the files.

use camino::{Utf8Component, Utf8Path, Utf8PathBuf};

use super::front_matter::{self, Entry, Value};
use super::{generators, javascript};
use crate::config::Generator;
use crate::platform::slashed;

/// How many folders above the posts are searched for the configuration of a site.
const MAX_CLIMB: usize = 6;

/// What the posts need to know about their site.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Site {
    /// The generator whose rules apply.
    pub generator: Generator,
    /// The folders between the root of the site's content and the folder of posts.
    pub prefix: Utf8PathBuf,
    /// The folder of the site's configuration, if it was found; for a plain folder, that of Eleventy or Astro.
    pub root: Option<Utf8PathBuf>,
    /// Whether names that begin with an underscore are skipped.
    pub skips_underscores: bool,
    /// The language of the folder, if a site has a folder for each language.
    pub language: Option<String>,
    /// The generator that the user may want to name: of those that earlier versions did not know, none is detected, because
    /// the addresses of existing archives would change.
    pub resembles: Option<Generator>,
}

impl Site {
    /// The site around `posts`, an absolute path; `stated` is the generator that the user named. `text_of` reads a small
    /// file.
    pub(super) fn around(
        posts: &Utf8Path,
        stated: Option<Generator>,
        text_of: &dyn Fn(&Utf8Path) -> Option<String>,
    ) -> Self {
        let ancestors = posts.ancestors().take(MAX_CLIMB);
        let found = match stated {
            Some(Generator::Plain) => None,
            _ => ancestors
                .filter_map(|root| Self::rooted_at(root, posts, stated, text_of))
                .find(|site| stated.is_none_or(|stated| stated == site.generator)),
        };
        let mut site = found.unwrap_or_else(|| Self::by_path(posts, stated));
        if site.generator == Generator::Plain {
            let beside = |generator| {
                let mut roots = posts.ancestors().take(MAX_CLIMB);
                let names = generators::rules(generator)?.files;
                roots.find(|root| names.iter().any(|name| text_of(&root.join(name)).is_some()))
            };
            let astro = beside(Generator::Astro);
            site.skips_underscores = astro.is_some();
            site.root = beside(Generator::Eleventy).or(astro).map(Utf8Path::to_owned);
        }
        if stated.is_none() && matches!(site.generator, Generator::Plain | Generator::Jekyll) {
            let mut roots = posts.ancestors().take(MAX_CLIMB);
            let unnamed = roots.find_map(|root| Self::of_table(root, posts, &|_| true, text_of));
            site.resembles = unnamed.map(|site| site.generator);
        }
        site
    }

    /// A site of which only the generator is known.
    pub(super) fn bare(generator: Generator, prefix: Utf8PathBuf) -> Self {
        let prefix = slashed(prefix);
        Self { generator, prefix, root: None, skips_underscores: false, language: None, resembles: None }
    }

    /// The path of a file of the folder of posts in the site.
    pub(super) fn path_of(&self, relative: &Utf8Path) -> Utf8PathBuf {
        slashed(self.prefix.join(relative))
    }

    /// The site whose configuration is in `root`.
    fn found(generator: Generator, prefix: Utf8PathBuf, root: &Utf8Path) -> Self {
        Self { root: Some(root.to_owned()), ..Self::bare(generator, prefix) }
    }

    /// The site whose configuration is in `root`, if `posts` is part of its content.
    fn rooted_at(
        root: &Utf8Path,
        posts: &Utf8Path,
        stated: Option<Generator>,
        text_of: &dyn Fn(&Utf8Path) -> Option<String>,
    ) -> Option<Self> {
        let inside = posts.strip_prefix(root).ok()?;
        let has = |names: &[&str]| names.iter().any(|name| text_of(&root.join(name)).is_some());
        let says = |names: &[&str], key: &str| {
            names.iter().filter_map(|name| text_of(&root.join(name))).any(|text| has_key(&text, key))
        };
        if let Some(site) = Self::of_table(root, posts, &|generator| stated == Some(generator), text_of) {
            return Some(site);
        }
        let in_posts = inside.components().any(|part| matches!(part.as_str(), "_posts" | "_drafts"));
        let is_collection = || {
            let name = collection(inside).filter(|_| stated == Some(Generator::Jekyll));
            name.is_some_and(|name| {
                says(&["_config.yml", "_config.yaml"], "collections")
                    && says(&["_config.yml", "_config.yaml"], name)
            })
        };
        if (inside == "" || in_posts || is_collection())
            && has(&["_config.yml", "_config.yaml", "_config.toml"])
        {
            return Some(Self::found(Generator::Jekyll, inside.to_owned(), root));
        }
        if has(&["pelicanconf.py"]) {
            let prefix = inside.strip_prefix("content").unwrap_or(inside).to_owned();
            return Some(Self::found(Generator::Pelican, prefix, root));
        }
        let content = inside.strip_prefix("content").ok();
        if let Some(content) = content
            && says(&["config.toml", "zola.toml"], "base_url")
        {
            return Some(Self::found(Generator::Zola, content.to_owned(), root));
        }
        let is_hugo = has(&["hugo.toml", "hugo.yaml", "hugo.yml", "hugo.json"])
            || has(&HUGO_DEFAULT)
            || says(&["config.toml", "config.yaml", "config.yml", "config.json"], "baseurl");
        if !is_hugo {
            return None;
        }
        let mut folders = content_folders(root, text_of);
        folders.sort_by_key(|(folder, _)| std::cmp::Reverse(folder.components().count()));
        let own = folders
            .into_iter()
            .find_map(|(folder, language)| Some((inside.strip_prefix(folder).ok()?.to_owned(), language)));
        let (prefix, language) = own.or_else(|| Some(without_language(content?)))?;
        Some(Self { language, ..Self::found(Generator::Hugo, prefix, root) })
    }

    /// The site of one of the generators in the table.
    fn of_table(
        root: &Utf8Path,
        posts: &Utf8Path,
        is_wanted: &dyn Fn(Generator) -> bool,
        text_of: &dyn Fn(&Utf8Path) -> Option<String>,
    ) -> Option<Self> {
        let inside = posts.strip_prefix(root).ok()?;
        Generator::ALL.into_iter().filter(|generator| is_wanted(*generator)).find_map(|generator| {
            let rules = generators::rules(generator)?;
            let text = rules.files.iter().find_map(|name| text_of(&root.join(name)))?;
            if let Some((files, is_sign)) = rules.sign
                && !files.iter().filter_map(|name| text_of(&root.join(name))).any(|text| is_sign(&text))
            {
                return None;
            }
            let stated = javascript::find(&javascript::literals(&text), rules.content_keys);
            let stated = stated.as_deref().map(|root| root.trim_start_matches("./").trim_matches('/'));
            let mut roots = stated.into_iter().chain(rules.content.iter().copied());
            let prefix = roots.find_map(|content| inside.strip_prefix(content).ok())?.to_owned();
            let skips_underscores = rules.skips_underscores;
            Some(Self { skips_underscores, ..Self::found(generator, prefix, root) })
        })
    }

    /// Without a configuration, detects the generator by folder names that only it uses.
    fn by_path(posts: &Utf8Path, stated: Option<Generator>) -> Self {
        let below = |name: &str, with: bool| {
            let parts: Vec<_> = posts.components().collect();
            let at = parts.iter().rposition(|part| *part == Utf8Component::Normal(name))?;
            Some(parts[at + usize::from(!with)..].iter().collect::<Utf8PathBuf>())
        };
        let drafts_or_posts = || below("_posts", true).or_else(|| below("_drafts", true));
        let generator = stated.unwrap_or_else(|| {
            if drafts_or_posts().is_some() { Generator::Jekyll } else { Generator::Plain }
        });
        let (prefix, language) = match generator {
            Generator::Plain => (None, None),
            Generator::Jekyll => (drafts_or_posts(), None),
            Generator::Hugo => below("content", false).map(|inside| without_language(&inside)).unzip(),
            Generator::Zola | Generator::Pelican => (below("content", false), None),
            // The folder of the posts is part of their addresses.
            _ => (posts.file_name().map(Utf8PathBuf::from), None),
        };
        Self { language: language.flatten(), ..Self::bare(generator, prefix.unwrap_or_default()) }
    }
}

const HUGO: [&str; 8] = [
    "hugo.toml",
    "hugo.yaml",
    "hugo.yml",
    "hugo.json",
    "config.toml",
    "config.yaml",
    "config.yml",
    "config.json",
];

const LANGUAGES: [&str; 4] = [
    "config/_default/languages.toml",
    "config/_default/languages.yaml",
    "config/_default/languages.yml",
    "config/_default/languages.json",
];

const HUGO_DEFAULT: [&str; 8] = [
    "config/_default/hugo.toml",
    "config/_default/hugo.yaml",
    "config/_default/hugo.yml",
    "config/_default/hugo.json",
    "config/_default/config.toml",
    "config/_default/config.yaml",
    "config/_default/config.yml",
    "config/_default/config.json",
];

/// The collection of Jekyll that contains the file or folder `path`: `recipes` of `_recipes/a`.
pub(super) fn collection(path: &Utf8Path) -> Option<&str> {
    let names = path.components().filter_map(|part| part.as_str().strip_prefix('_'));
    let mut names = names.filter(|name| !matches!(*name, "drafts" | "i18n"));
    names.next().filter(|name| *name != "posts")
}

/// `content/ko/posts` contains the posts of one language; their pages are below `posts`.
fn without_language(content: &Utf8Path) -> (Utf8PathBuf, Option<String>) {
    let mut parts = content.components();
    match parts.next() {
        Some(first) if super::language::is_suffix(first.as_str()) => {
            (parts.collect(), Some(first.as_str().to_owned()))
        }
        _ => (content.to_owned(), None),
    }
}

/// The folders that Hugo's configuration names (`contentDir`), each with its language if it is that of one language.
fn content_folders(
    root: &Utf8Path,
    text_of: &dyn Fn(&Utf8Path) -> Option<String>,
) -> Vec<(Utf8PathBuf, Option<String>)> {
    let files = HUGO
        .iter()
        .chain(&HUGO_DEFAULT)
        .chain(&LANGUAGES)
        .filter_map(|file| Some((*file, text_of(&root.join(file))?)));
    let mut found = Vec::new();
    for (file, text) in files {
        let Some(Ok(entries)) = front_matter::document(&text, file) else { continue };
        let is_languages = file.contains("/languages.");
        for Entry { key, value, .. } in entries {
            let (key, table) = match &value {
                Value::Table(table) => (key.to_lowercase(), table.as_slice()),
                Value::Text(folder) if key.eq_ignore_ascii_case("contentDir") => {
                    found.push((Utf8PathBuf::from(folder.trim_end_matches('/')), None));
                    continue;
                }
                _ => continue,
            };
            if is_languages {
                found.extend(folder_of(table).map(|folder| (folder, Some(key))));
            } else if key == "languages" {
                found.extend(table.iter().filter_map(|(language, value)| match value {
                    Value::Table(own) => Some((folder_of(own)?, Some(language.clone()))),
                    _ => None,
                }));
            }
        }
    }
    found
}

/// `contentDir` in the table of a language.
fn folder_of(table: &[(String, Value)]) -> Option<Utf8PathBuf> {
    table.iter().find_map(|(key, value)| match value {
        Value::Text(folder) if key.eq_ignore_ascii_case("contentDir") => {
            Some(folder.trim_end_matches('/').into())
        }
        _ => None,
    })
}

/// Whether a line sets `key` in TOML, YAML or JSON, in any case.
fn has_key(text: &str, key: &str) -> bool {
    text.lines().any(|line| {
        let line = line.trim_start().trim_start_matches(['"', '\'']);
        line.get(..key.len()).is_some_and(|start| start.eq_ignore_ascii_case(key))
            && line[key.len()..].trim_start_matches(['"', '\'']).trim_start().starts_with(['=', ':'])
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn site(posts: &str, files: &[(&str, &str)], stated: Option<Generator>) -> (Generator, String) {
        let text_of = |path: &Utf8Path| {
            files.iter().find(|(name, _)| path == *name).map(|(_, text)| (*text).to_owned())
        };
        let site = Site::around(Utf8Path::new(posts), stated, &text_of);
        (site.generator, site.prefix.to_string())
    }

    #[test]
    fn the_configuration_beside_the_content_identifies_the_generator() {
        let toml = "title = \"a\"\nBaseURL = \"https://a.example\"\n";
        for (posts, file, text, generator, prefix) in [
            ("/s/content/posts", "/s/config.toml", toml, Generator::Hugo, "posts"),
            ("/s/content/ko/posts", "/s/hugo.yaml", "", Generator::Hugo, "posts"),
            ("/s/content", "/s/config/_default/hugo.toml", "", Generator::Hugo, ""),
            ("/s/content/blog", "/s/config.toml", "base_url = \"\"", Generator::Zola, "blog"),
            ("/s/_posts", "/s/_config.yml", "", Generator::Jekyll, "_posts"),
            ("/s/en/news/_posts", "/s/_config.yml", "", Generator::Jekyll, "en/news/_posts"),
            ("/s", "/s/_config.yml", "", Generator::Jekyll, ""),
            ("/s/content/news", "/s/pelicanconf.py", "", Generator::Pelican, "news"),
        ] {
            assert_eq!(site(posts, &[(file, text)], None), (generator, prefix.to_owned()), "{posts}");
        }
    }

    #[test]
    fn generators_of_the_table_are_named_and_recognised_where_the_signs_are_clear() {
        let hexo = "# Hexo Configuration\ntitle: a\n";
        let mkdocs = "site_name: a\nplugins:\n  - search\n  - blog:\n      blog_dir: b\n";
        let nikola = "BLOG_TITLE = 'a'\nPOSTS = ()\n";
        let input = "module.exports = () => ({ dir: { input: './views' } });";
        for (posts, file, text, generator, prefix) in [
            ("/s/src/content/blog", "/s/astro.config.mjs", "", Generator::Astro, "blog"),
            ("/s/posts", "/s/astro.config.ts", "", Generator::Astro, "posts"),
            ("/s/content/blog", "/s/.eleventy.js", "", Generator::Eleventy, "content/blog"),
            ("/s/views/blog", "/s/eleventy.config.js", input, Generator::Eleventy, "blog"),
            ("/s/source/_posts", "/s/_config.yml", hexo, Generator::Hexo, "_posts"),
            ("/s/source/_posts", "/s/_config.yml", "title: Octopress\n", Generator::Jekyll, "source/_posts"),
            ("/s/_posts", "/s/_config.yml", hexo, Generator::Jekyll, "_posts"),
            ("/s/blog", "/s/docusaurus.config.ts", "", Generator::Docusaurus, "blog"),
            ("/s/docs/blog/posts", "/s/mkdocs.yml", mkdocs, Generator::MkdocsMaterial, "blog/posts"),
            (
                "/s/docs/blog/posts",
                "/s/mkdocs.yml",
                "site_url: https://blog.a.example\n",
                Generator::Plain,
                "",
            ),
            ("/s/posts", "/s/conf.py", nikola, Generator::Nikola, "posts"),
            ("/s/posts", "/s/conf.py", "project = 'Sphinx'\n", Generator::Plain, ""),
            ("/s/docs/posts", "/s/docs/.vuepress/config.ts", "", Generator::Vuepress, "posts"),
            ("/s/posts", "/s/_quarto.yml", "", Generator::Quarto, "posts"),
        ] {
            let text_of = |path: &Utf8Path| (path == file).then(|| text.to_owned());
            let unnamed = Site::around(Utf8Path::new(posts), None, &text_of);
            let in_posts = posts.contains("/_posts");
            let as_before = if in_posts { Generator::Jekyll } else { Generator::Plain };
            assert_eq!(unnamed.generator, as_before, "{posts} {text}");
            let is_known = generators::rules(generator).is_some();
            assert_eq!(unnamed.resembles, is_known.then_some(generator), "{posts} {text}");
            let named = is_known.then_some(generator);
            assert_eq!(site(posts, &[(file, text)], named), (generator, prefix.to_owned()), "{posts} {text}");
        }
    }

    #[test]
    fn hugo_has_a_folder_for_each_language_under_any_name() {
        let toml = "baseURL = \"https://a.example\"\n[languages.ko]\ncontentDir = \"korean/\"\n";
        let text_of = |path: &Utf8Path| (path == "/s/hugo.toml").then(|| toml.to_owned());
        for (posts, prefix, language) in [
            ("/s/korean/posts", "posts", Some("ko")),
            ("/s/content/ko/posts", "posts", Some("ko")),
            ("/s/content/posts", "posts", None),
        ] {
            let site = Site::around(Utf8Path::new(posts), None, &text_of);
            assert_eq!((site.prefix.as_str(), site.language.as_deref()), (prefix, language), "{posts}");
            assert_eq!(site.root.as_deref(), Some(Utf8Path::new("/s")));
        }
    }

    #[test]
    fn a_folder_beside_another_site_is_not_part_of_it() {
        let hugo = [("/s/hugo.toml", ""), ("/s/_config.yml", "")];
        assert_eq!(site("/s/posts", &hugo, None), (Generator::Plain, String::new()));
        let own = [("/s/config.toml", "[site]\nurl = \"https://a.example\"\n")];
        assert_eq!(site("/s/content", &own, None), (Generator::Plain, String::new()));
        assert_eq!(site("/s/content", &[("/s/hugo.toml", "")], Some(Generator::Plain)).0, Generator::Plain);
    }

    #[test]
    fn without_a_configuration_folder_names_identify_the_generator() {
        assert_eq!(site("/a/_posts", &[], None), (Generator::Jekyll, "_posts".to_owned()));
        assert_eq!(site("/a/content/en/x", &[], Some(Generator::Hugo)), (Generator::Hugo, "x".to_owned()));
        assert_eq!(site("/a/posts", &[], None), (Generator::Plain, String::new()));
    }
}
