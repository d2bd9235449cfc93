//! Where a site keeps settings for many posts: the files outside the folder of posts, and the names of settings files in
//! it. Pure; the caller lists folders.

use camino::{Utf8Path, Utf8PathBuf};

use crate::archive::site::Site;
use crate::archive::{generators, naming};
use crate::config::Generator;
use crate::platform::slashed;

/// The place of the folder of posts in its site.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(in crate::archive) struct SiteFolders {
    /// The absolute path of the folder of posts.
    pub posts: Utf8PathBuf,
    /// The root of the content: the folder of posts, or a folder above it.
    pub content: Utf8PathBuf,
    /// The folder of the site's configuration, if it was found.
    pub root: Option<Utf8PathBuf>,
    /// The folders between `content` and `posts`.
    pub prefix: Utf8PathBuf,
}

impl SiteFolders {
    /// The surroundings of `posts`, an absolute path.
    pub(in crate::archive) fn of(site: &Site, posts: &Utf8Path) -> Self {
        let up = site.prefix.components().count();
        let content = posts.ancestors().nth(up).unwrap_or(posts).to_owned();
        Self { posts: posts.to_owned(), content, root: site.root.clone(), prefix: site.prefix.clone() }
    }

    /// The folder of a file below the root of the content.
    pub(super) fn folder_of(&self, file: &Utf8Path) -> Utf8PathBuf {
        let folder = file.parent().unwrap_or(file);
        if let Ok(inside) = folder.strip_prefix(&self.posts) {
            return slashed(self.prefix.join(inside));
        }
        // A file above the folder of posts covers all posts.
        slashed(folder.strip_prefix(&self.content).unwrap_or(Utf8Path::new("")).to_owned())
    }

    /// The folders above that of the posts, up to the root of the content.
    fn above(&self) -> impl Iterator<Item = &Utf8Path> {
        self.posts.ancestors().skip(1).take(self.prefix.components().count())
    }
}

/// How many folders above the posts are searched for data.
const MAX_CLIMB: usize = 6;
/// The suffixes of Eleventy's data files.
const DATA: [&str; 6] =
    [".json", ".11tydata.json", ".11tydata.js", ".11tydata.cjs", ".11tydata.mjs", ".11tydata.ts"];
/// The file names of Eleventy's global data that may hold posts back.
const GLOBAL: [&str; 4] = ["eleventyComputed", "eleventyExcludeFromCollections", "permalink", "draft"];

/// Possible settings files outside the folder of posts; `names_in` lists a folder. Some of them may not exist.
pub(in crate::archive) fn outside(
    site: &Site,
    around: &SiteFolders,
    names_in: &dyn Fn(&Utf8Path) -> Vec<String>,
) -> Vec<Utf8PathBuf> {
    let mut found = Vec::new();
    let mut add = |folder: &Utf8Path, is_wanted: &dyn Fn(&str) -> bool| {
        let names = names_in(folder).into_iter().filter(|name| is_wanted(name));
        let before = found.len();
        found.extend(names.map(|name| folder.join(name)));
        found.len() > before
    };
    if matches!(site.generator, Generator::Hugo | Generator::Zola) {
        for folder in around.above() {
            add(folder, &naming::is_section_page);
        }
    }
    match (site.generator, &around.root) {
        (Generator::Hugo, Some(root)) => {
            let is_data = |name: &str| {
                let end = name.rsplit_once('.').map_or("", |(_, end)| end);
                ["toml", "yaml", "yml", "json"].contains(&end)
            };
            // If there is a `hugo.toml`, `config.toml` may belong to Letterpress.
            let _ = add(root, &|name| is_data(name) && name.starts_with("hugo."))
                || add(root, &|name| is_data(name) && name.starts_with("config."));
            for environment in ["config/_default", "config/production"] {
                add(&root.join(environment), &is_data);
            }
        }
        (Generator::Zola, Some(root)) => {
            let _ = add(root, &|name| name == "zola.toml") || add(root, &|name| name == "config.toml");
        }
        (Generator::Jekyll, Some(root)) => {
            let names = ["_config.yml", "_config.yaml", "_config.toml"];
            let _ = names.iter().any(|wanted| add(root, &|name| name == *wanted));
        }
        (Generator::Pelican, Some(root)) => {
            add(root, &|name| matches!(name, "pelicanconf.py" | "publishconf.py"));
        }
        (Generator::Plain | Generator::Eleventy, root) => {
            // Eleventy merges data from its root down to the folder of the post.
            for folder in around.posts.ancestors().skip(1).take(MAX_CLIMB) {
                let is_ours = root.as_ref().is_some_and(|root| folder.starts_with(root));
                let own = folder.file_name().unwrap_or_default();
                let ends = DATA.iter().filter(|end| is_ours || **end != ".json");
                found.extend(ends.map(|end| folder.join(format!("{own}{end}"))));
            }
            if let Some(root) = root {
                for data in [root.join("_data"), around.posts.with_file_name("_data")] {
                    for stem in GLOBAL {
                        let ends = [".json", ".js", ".cjs", ".mjs"];
                        found.extend(ends.map(|end| data.join(format!("{stem}{end}"))));
                    }
                }
            }
        }
        (generator, _) => {
            let authors = generators::rules(generator).and_then(|rules| rules.authors);
            let folders = std::iter::once(around.posts.as_path()).chain(around.above());
            found.extend(folders.filter_map(|folder| Some(folder.join(authors?))));
        }
    }
    found.sort();
    found.dedup();
    found
}

/// Whether a file with this name in the folder of posts contains settings for others.
pub(in crate::archive) fn is_setting(name: &str, generator: Generator) -> bool {
    match generator {
        Generator::Hugo | Generator::Zola => naming::is_section_page(name),
        // A copy of a Hugo content folder has section pages even without the configuration.
        Generator::Plain => is_data(name) || naming::is_section_page(name),
        Generator::Eleventy => is_data(name),
        Generator::Quarto => matches!(name, "_metadata.yml" | "_metadata.yaml"),
        _ => false,
    }
}

fn is_data(name: &str) -> bool {
    name.contains(".11tydata.") || name.strip_suffix(".json").is_some()
}

/// The folder or post of a data file of Eleventy: `posts` for `posts.json` and `posts.11tydata.js`.
pub(in crate::archive) fn data_stem(name: &str) -> &str {
    let json = name.strip_suffix(".json").unwrap_or(name);
    name.split_once(".11tydata.").map_or(json, |(stem, _)| stem)
}
