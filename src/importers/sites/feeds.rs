//! The feeds that a site has now, by the settings of its generator: their formats and where they are. Readers are subscribed
//! to these addresses.

use std::collections::BTreeMap;
use std::fmt::Write as _;

use serde_json::Value;

use super::tree::{at, text};
use crate::config::Generator;

/// The feeds of a site: the kind (empty for the site itself) and the format of each, with its path.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct SiteFeeds {
    paths: BTreeMap<(&'static str, &'static str), String>,
    /// Further addresses of the site's own feed, with the one that stays.
    moved: BTreeMap<String, String>,
}

impl SiteFeeds {
    fn add(&mut self, kind: &'static str, format: &'static str, path: &str) {
        let path = path.trim_start_matches("./").trim_matches('/');
        if !path.is_empty() && !path.contains("..") && !path.contains('{') {
            let before = self.paths.insert((kind, format), path.to_owned());
            if let Some(before) = before.filter(|before| before != path && kind.is_empty()) {
                self.moved.insert(before, path.to_owned());
            }
        }
    }

    /// The path of the site's own feed, in the format that most readers know.
    pub(super) fn of_site(&self) -> Option<&str> {
        let path = |format| self.paths.get(&("", format));
        ["rss", "atom", "json"].into_iter().find_map(path).map(String::as_str)
    }

    /// The same feeds in the folder of another language.
    pub(super) fn below(mut self, language: Option<&str>) -> Self {
        if let Some(language) = language.map(str::to_lowercase) {
            for path in self.paths.values_mut() {
                *path = format!("{language}/{path}");
            }
            self.moved.clear();
        }
        self
    }

    /// The section `[feeds.paths]`; empty without feeds.
    pub(super) fn to_toml(&self) -> String {
        if self.paths.is_empty() {
            return String::new();
        }
        let quoted = |path: &str| toml::Value::String(path.to_owned()).to_string();
        let mut toml =
            "\n# The addresses of the site's feeds, to which readers are subscribed.\n[feeds.paths]\n"
                .to_owned();
        let mut kinds: BTreeMap<&str, Vec<String>> = BTreeMap::new();
        for ((kind, format), path) in &self.paths {
            kinds.entry(kind).or_default().push(format!("{format} = {}", quoted(path)));
        }
        for (kind, paths) in kinds {
            // Writing to a `String` cannot fail.
            let _ = if kind.is_empty() {
                writeln!(toml, "{}", paths.join("\n"))
            } else {
                writeln!(toml, "{kind} = {{ {} }}", paths.join(", "))
            };
        }
        if !self.moved.is_empty() {
            toml.push_str(
                "\n# `letterpress headers SERVER --redirects` prints redirects for these.\n[feeds.moved]\n",
            );
            for (from, to) in &self.moved {
                let _ = writeln!(toml, "{} = {}", quoted(from), quoted(to));
            }
        }
        toml
    }
}

/// Hugo: `outputs`, `outputFormats`, `taxonomies` and `disableKinds`. By default, the site, its sections and its terms have RSS.
pub(super) fn hugo(site: &Value) -> SiteFeeds {
    let mut feeds = SiteFeeds::default();
    let list = |path: &[&str]| -> Option<Vec<String>> {
        let items = at(site, path)?.as_array()?;
        Some(items.iter().filter_map(|item| Some(item.as_str()?.to_lowercase())).collect())
    };
    let disabled = list(&["disableKinds"]).unwrap_or_default();
    let is_off = |kind: &str| disabled.iter().any(|name| name == kind);
    let taxonomies = at(site, &["taxonomies"]).and_then(Value::as_object).map_or_else(
        || vec!["categories".to_owned(), "tags".to_owned()],
        |table| table.values().filter_map(|name| Some(name.as_str()?.to_lowercase())).collect(),
    );
    let has = |name: &str| !is_off("taxonomy") && taxonomies.iter().any(|taxonomy| taxonomy == name);
    let kinds = [
        ("", "home", "", !is_off("home")),
        ("section", "section", ":name/", !is_off("section")),
        ("category", "term", "categories/:name/", has("categories") && !is_off("term")),
        ("tag", "term", "tags/:name/", has("tags") && !is_off("term")),
    ];
    for (kind, page, folder, _) in kinds.into_iter().filter(|(.., exists)| *exists) {
        let outputs = list(&["outputs", page]).unwrap_or_else(|| vec!["html".to_owned(), "rss".to_owned()]);
        for output in outputs {
            let own = |key: &str| text(site, &["outputFormats", &output, key]);
            let media = own("mediaType").unwrap_or_default();
            let format = match output.as_str() {
                "rss" if is_off("rss") => continue,
                "rss" => "rss",
                _ if media.contains("rss") => "rss",
                _ if media.contains("atom") || output == "atom" => "atom",
                _ if media.contains("feed+json") || output.contains("jsonfeed") => "json",
                _ => continue,
            };
            let suffix = if format == "json" { "json" } else { "xml" };
            let name = own("baseName").unwrap_or_else(|| "index".to_owned());
            feeds.add(kind, format, &format!("{folder}{name}.{suffix}"));
        }
    }
    feeds
}

/// Jekyll with the plugin jekyll-feed: Atom in `feed.xml`, and for categories and tags if they are set.
pub(super) fn jekyll(site: &Value) -> SiteFeeds {
    let mut feeds = SiteFeeds::default();
    let plugins = ["plugins", "gems"].into_iter().filter_map(|key| at(site, &[key])?.as_array());
    if !plugins.flatten().any(|plugin| plugin.as_str() == Some("jekyll-feed")) {
        return feeds;
    }
    let path = text(site, &["feed", "path"]).unwrap_or_else(|| "feed.xml".to_owned());
    feeds.add("", "atom", &path);
    let is_set = |key: &str| at(site, &["feed", key]).is_some_and(|value| *value != Value::Bool(false));
    if is_set("categories") {
        feeds.add("category", "atom", "feed/:name.xml");
    }
    if is_set("tags") {
        let folder = text(site, &["feed", "tags", "path"]).unwrap_or_else(|| "feed/by_tag/".to_owned());
        feeds.add("tag", "atom", &format!("{}/:name.xml", folder.trim_matches('/')));
    }
    feeds
}

/// Pelican: `FEED_…`, `CATEGORY_FEED_…`, `TAG_FEED_…` and `AUTHOR_FEED_…`.
pub(super) fn pelican(settings: &BTreeMap<String, String>) -> SiteFeeds {
    const SETTINGS: [(&str, &str, &str, Option<&str>); 10] = [
        ("FEED_RSS", "", "rss", None),
        ("FEED_ATOM", "", "atom", None),
        ("FEED_ALL_RSS", "", "rss", None),
        ("FEED_ALL_ATOM", "", "atom", Some("feeds/all.atom.xml")),
        ("CATEGORY_FEED_RSS", "category", "rss", None),
        ("CATEGORY_FEED_ATOM", "category", "atom", Some("feeds/{slug}.atom.xml")),
        ("TAG_FEED_RSS", "tag", "rss", None),
        ("TAG_FEED_ATOM", "tag", "atom", None),
        ("AUTHOR_FEED_RSS", "author", "rss", Some("feeds/{slug}.rss.xml")),
        ("AUTHOR_FEED_ATOM", "author", "atom", Some("feeds/{slug}.atom.xml")),
    ];
    let mut feeds = SiteFeeds::default();
    for (setting, kind, format, default) in SETTINGS {
        match settings.get(setting).map(String::as_str).or(default) {
            None | Some("None") => {}
            Some(path) => feeds.add(kind, format, &path.replace("{slug}", ":name").replace("%s", ":name")),
        }
    }
    feeds
}

/// Zola: `generate_feeds` and `feed_filenames`, or their older names, and taxonomies with a feed.
pub(super) fn zola(site: &Value) -> SiteFeeds {
    let mut feeds = SiteFeeds::default();
    let is_on =
        |value: &Value, keys: [&str; 2]| keys.iter().any(|key| at(value, &[key]) == Some(&Value::Bool(true)));
    let names = at(site, &["feed_filenames"]).and_then(Value::as_array).map_or_else(
        || vec![text(site, &["feed_filename"]).unwrap_or_else(|| "atom.xml".to_owned())],
        |names| names.iter().filter_map(|name| Some(name.as_str()?.to_owned())).collect(),
    );
    let mut add = |kind, folder: &str| {
        for name in &names {
            let format = if name.contains("rss") { "rss" } else { "atom" };
            feeds.add(kind, format, &format!("{folder}{name}"));
        }
    };
    if is_on(site, ["generate_feeds", "generate_feed"]) {
        add("", "");
    }
    for taxonomy in at(site, &["taxonomies"]).and_then(Value::as_array).into_iter().flatten() {
        match text(taxonomy, &["name"]).as_deref() {
            Some("tags") if is_on(taxonomy, ["feed", "rss"]) => add("tag", "tags/:name/"),
            Some("categories") if is_on(taxonomy, ["feed", "rss"]) => add("category", "categories/:name/"),
            _ => {}
        }
    }
    feeds
}

/// Generators with few settings of feeds, which `setting` finds by their keys. `is_there` looks for a file of the site.
pub(super) fn of_table(
    generator: Generator,
    setting: &dyn Fn(&str) -> Option<String>,
    is_there: &dyn Fn(&str) -> bool,
) -> SiteFeeds {
    let mut feeds = SiteFeeds::default();
    let format = |kind: Option<String>| match kind.as_deref() {
        Some("rss" | "rss2") => "rss",
        Some("json") => "json",
        _ => "atom",
    };
    match generator {
        // A page that a program writes; the template for blogs has it.
        Generator::Astro if ["js", "ts"].iter().any(|end| is_there(&format!("src/pages/rss.xml.{end}"))) => {
            feeds.add("", "rss", "rss.xml");
        }
        Generator::Docusaurus => {
            let blog = setting("blog.routeBasePath").unwrap_or_else(|| "blog".to_owned());
            let blog = blog.trim_matches('/');
            feeds.add("", "rss", &format!("{blog}/rss.xml"));
            feeds.add("", "atom", &format!("{blog}/atom.xml"));
        }
        Generator::Eleventy => {
            if let Some(path) = setting("outputPath") {
                feeds.add("", format(setting("type")), &path);
            }
        }
        Generator::Hexo => {
            if let Some(path) = setting("feed.path") {
                feeds.add("", format(setting("feed.type")), &path);
            }
        }
        Generator::Nikola if setting("GENERATE_RSS").as_deref() != Some("False") => {
            feeds.add("", "rss", "rss.xml");
        }
        _ => {}
    }
    feeds
}
