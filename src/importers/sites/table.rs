//! The generators whose settings have other names, but no other meaning: a table of the keys, and the settings that addresses
//! depend on. Configurations in JavaScript are not run: only literal texts are found.

use serde_json::Value;

use super::tree::{at, parse};
use super::{Found, feeds, python};
use crate::archive::generators::rules;
use crate::archive::javascript;
use crate::config::Generator;

/// The files beside the configuration that often have a title or an address, and the keys of all files.
struct Keys {
    files: &'static [&'static str],
    title: &'static [&'static str],
    url: &'static [&'static str],
    base: &'static [&'static str],
    description: &'static [&'static str],
    language: &'static [&'static str],
    author: &'static [&'static str],
}

const ASTRO: Keys = Keys {
    files: &["src/site.config.ts", "src/config.ts", "src/consts.ts"],
    title: &["SITE_TITLE", "SITE.title", "siteConfig.title"],
    url: &["site", "SITE.website"],
    base: &["base"],
    description: &["SITE_DESCRIPTION", "SITE.desc", "SITE.description", "siteConfig.description"],
    language: &["i18n.defaultLocale", "SITE.lang"],
    author: &["SITE.author"],
};

const ELEVENTY: Keys = Keys {
    files: &[
        "_data/site.js",
        "_data/metadata.js",
        "_data/site.json",
        "_data/metadata.json",
        "src/_data/site.js",
        "src/_data/metadata.js",
        "src/_data/site.json",
        "src/_data/metadata.json",
        "content/_data/metadata.js",
        "content/_data/metadata.json",
    ],
    title: &["title", "name"],
    url: &["url", "metadata.base"],
    base: &["pathPrefix"],
    description: &["description", "subtitle"],
    language: &["language", "lang"],
    author: &["author.name", "author"],
};

const HEXO: Keys = Keys {
    files: &[],
    title: &["title"],
    url: &["url"],
    base: &[],
    description: &["description", "subtitle"],
    language: &["language"],
    author: &["author"],
};

const DOCUSAURUS: Keys = Keys {
    files: &[],
    title: &["blog.blogTitle", "title"],
    url: &["url"],
    base: &["baseUrl"],
    description: &["blog.blogDescription", "tagline"],
    language: &["i18n.defaultLocale"],
    author: &[],
};

const MKDOCS_MATERIAL: Keys = Keys {
    files: &[],
    title: &["site_name"],
    url: &["site_url"],
    base: &[],
    description: &["site_description"],
    language: &["theme.language"],
    author: &["site_author"],
};

const NIKOLA: Keys = Keys {
    files: &[],
    title: &["BLOG_TITLE"],
    url: &["SITE_URL"],
    base: &[],
    description: &["BLOG_DESCRIPTION"],
    language: &["DEFAULT_LANG"],
    author: &["BLOG_AUTHOR"],
};

const VUEPRESS: Keys = Keys {
    files: &[
        "src/.vuepress/config.js",
        "src/.vuepress/config.ts",
        "docs/.vuepress/config.js",
        "docs/.vuepress/config.ts",
    ],
    title: &["title"],
    url: &["hostname"],
    base: &["base"],
    description: &["description"],
    language: &["lang"],
    author: &["author.name", "author"],
};

const QUARTO: Keys = Keys {
    files: &[],
    title: &["website.title"],
    url: &["website.site-url"],
    base: &["website.site-path"],
    description: &["website.description"],
    language: &["lang"],
    author: &["author"],
};

fn keys(generator: Generator) -> Option<&'static Keys> {
    match generator {
        Generator::Astro => Some(&ASTRO),
        Generator::Eleventy => Some(&ELEVENTY),
        Generator::Hexo => Some(&HEXO),
        Generator::Docusaurus => Some(&DOCUSAURUS),
        Generator::MkdocsMaterial => Some(&MKDOCS_MATERIAL),
        Generator::Nikola => Some(&NIKOLA),
        Generator::Vuepress => Some(&VUEPRESS),
        Generator::Quarto => Some(&QUARTO),
        _ => None,
    }
}

/// The files that contain a site's configuration, in increasing precedence.
pub(super) fn files(generator: Generator) -> Vec<&'static str> {
    let others = keys(generator).map_or(&[][..], |keys| keys.files);
    others.iter().chain(rules(generator).map_or(&[][..], |rules| rules.files)).copied().collect()
}

/// The settings of a site, whatever the syntax of its files.
struct Settings {
    /// In decreasing precedence.
    files: Vec<Settled>,
}

enum Settled {
    Literals(Vec<javascript::Literal>),
    Tree(Value),
}

impl Settings {
    fn of(files: &[(String, String)]) -> Result<Self, String> {
        let read = |(name, text): &(String, String)| {
            Ok(match name.rsplit('.').next() {
                Some("yml" | "yaml") => Settled::Tree(parse(name, &without_tags(text))?),
                Some("json") => Settled::Tree(parse(name, text)?),
                Some("py") => Settled::Tree(python::assignments(text).into_iter().collect()),
                _ => Settled::Literals(javascript::literals(text)),
            })
        };
        Ok(Self { files: files.iter().rev().map(read).collect::<Result<_, String>>()? })
    }

    /// The first of `keys` that a file sets: in the first file that sets one.
    fn get(&self, keys: &[&str]) -> Option<String> {
        let of = |file: &Settled| match file {
            Settled::Literals(literals) => javascript::find(literals, keys),
            Settled::Tree(tree) => keys.iter().find_map(|key| value(tree, key)),
        };
        self.files.iter().find_map(of).map(|text| text.trim().to_owned()).filter(|text| !text.is_empty())
    }

    fn is(&self, key: &str, value: &str) -> bool {
        self.get(&[key]).as_deref() == Some(value)
    }
}

/// The value of `a.b`, where a list of single keys counts as a table.
fn value(tree: &Value, key: &str) -> Option<String> {
    let found = key.split('.').try_fold(tree, |tree, part| match tree {
        Value::Array(items) => items.iter().find_map(|item| at(item, &[part])),
        tree => at(tree, &[part]),
    })?;
    match found {
        Value::Bool(yes) => Some(yes.to_string()),
        Value::Array(items) => items.first()?.as_str().map(str::to_owned),
        found => found.as_str().map(str::to_owned),
    }
}

/// YAML without the tags of Python (`!!python/name:…`, `!ENV`), which only a program can resolve.
fn without_tags(text: &str) -> String {
    let plain = |line: &str| match line.find([':', '-']).and_then(|at| Some(at + line[at..].find(" !")?)) {
        Some(at) if !line[..at].contains(['"', '\'', '#']) => {
            let rest = line[at..].trim_start().split_once(' ').map_or("", |(_, rest)| rest);
            format!("{} {rest}\n", &line[..at])
        }
        _ => format!("{line}\n"),
    };
    text.lines().map(plain).collect()
}

pub(super) fn read(
    generator: Generator,
    files: &[(String, String)],
    is_there: &dyn Fn(&str) -> bool,
) -> Result<Found, String> {
    let settings = Settings::of(files)?;
    let Some((keys, rules)) = keys(generator).zip(rules(generator)) else { return Ok(Found::default()) };
    let mut notes = Vec::new();
    let base = settings.get(keys.base).map(|base| base.trim_matches('/').to_owned());
    let url = settings.get(keys.url);
    if let (None, Some(base)) = (&url, base.as_ref().filter(|base| !base.is_empty())) {
        notes.push(format!("the site is below /{base}/: `url` ends with it"));
    }
    let url = url.map(|url| match base {
        Some(base) => format!("{}/{base}", url.trim_end_matches('/')),
        None => url,
    });
    let posts = folder_of_posts(generator, &settings).filter(|folder| is_there(folder)).or_else(|| {
        let mut usual = rules.posts.iter().copied();
        usual.find(|folder| is_there(folder)).map(str::to_owned)
    });
    if let Some(posts) = &posts {
        notes.push(format!("the posts seem to be in {posts}: correct `posts` if they are not"));
    }
    notes.extend(advice(generator).map(str::to_owned));
    Ok(Found {
        title: settings.get(keys.title),
        url,
        description: settings.get(keys.description),
        language: settings.get(keys.language),
        timezone: settings.get(&["timezone", "TIMEZONE"]),
        author: settings.get(keys.author).map(|name| (name, None)),
        permalink: permalink(generator, &settings),
        feeds: feeds::of_table(generator, &|key| settings.get(&[key]), is_there),
        posts: posts.unwrap_or_else(|| rules.posts.first().copied().unwrap_or(".").to_owned()),
        notes,
        ..Found::default()
    })
}

/// The folder of posts that the settings name.
fn folder_of_posts(generator: Generator, settings: &Settings) -> Option<String> {
    let plain = |path: String| path.trim_start_matches("./").trim_matches('/').to_owned();
    match generator {
        Generator::Hexo => Some(format!("{}/_posts", plain(settings.get(&["source_dir"])?))),
        Generator::Docusaurus => settings.get(&["blog.path"]).map(plain),
        Generator::MkdocsMaterial => {
            let docs = settings.get(&["docs_dir"]).map_or_else(|| "docs".to_owned(), plain);
            let blog = blog_of_mkdocs(settings);
            let posts = settings.get(&["plugins.blog.post_dir"]).unwrap_or_else(|| "{blog}/posts".to_owned());
            Some(plain(format!("{docs}/{}", posts.replace("{blog}", &blog).trim_start_matches("./"))))
        }
        _ => None,
    }
}

fn blog_of_mkdocs(settings: &Settings) -> String {
    settings.get(&["plugins.blog.blog_dir"]).unwrap_or_else(|| "blog".to_owned())
}

/// The pattern of addresses, if it is not the rule of the generator.
fn permalink(generator: Generator, settings: &Settings) -> Option<String> {
    match generator {
        Generator::Astro if settings.is("build.format", "file") => Some("/:section/:path.html".to_owned()),
        Generator::Astro if settings.is("trailingSlash", "never") => Some("/:section/:path".to_owned()),
        Generator::Nikola if settings.is("PRETTY_URLS", "False") => Some("/:section/:path.html".to_owned()),
        // `:raw` is the address that the file has without a pattern.
        Generator::Vuepress => {
            let pattern = settings.get(&["permalinkPattern"])?;
            Some(format!("/{}", pattern.trim_start_matches('/').replace(":raw", ":path.html")))
        }
        Generator::Hexo => {
            let pattern = settings.get(&["permalink"])?;
            Some(format!("/{}", pattern.trim_start_matches('/')))
        }
        Generator::Docusaurus => {
            let base = settings.get(&["blog.routeBasePath"]);
            let end = if settings.is("trailingSlash", "true") { "/" } else { "" };
            let base = base.or_else(|| (!end.is_empty()).then(|| "blog".to_owned()))?;
            Some(format!("/{}/:path{end}", base.trim_matches('/')).replace("//", "/"))
        }
        Generator::MkdocsMaterial => {
            let own = |key: &str| settings.get(&[&format!("plugins.blog.{key}")]);
            let format = own("post_url_format").unwrap_or_else(|| "{date}/{slug}".to_owned());
            let date = own("post_url_date_format").unwrap_or_else(|| "yyyy/MM/dd".to_owned());
            let path = format
                .replace("{date}", &date_of_babel(&date))
                .replace("{slug}", ":slug")
                .replace("{file}", ":name")
                .replace("{categories}", ":category");
            let end = if settings.is("use_directory_urls", "false") { ".html" } else { "/" };
            let blog = blog_of_mkdocs(settings);
            let path = format!("/{}/{}{end}", blog.trim_matches(['.', '/']), path.trim_matches('/'));
            Some(path.replace("//", "/"))
        }
        _ => None,
    }
}

/// A date format of Babel as placeholders: `yyyy/MM/dd` is `:year/:month/:day`.
fn date_of_babel(format: &str) -> String {
    [("yyyy", ":year"), ("MM", ":month"), ("dd", ":day")]
        .iter()
        .fold(format.to_owned(), |pattern, (from, to)| pattern.replace(from, to))
}

/// What the posts of a generator usually need.
fn advice(generator: Generator) -> Option<&'static str> {
    match generator {
        Generator::Astro => Some(
            "the addresses are those of a page src/pages/blog/[...slug].astro for the collection `blog`; if yours are others, set `permalink`",
        ),
        Generator::Eleventy => Some(
            "addresses that a template makes (`permalink: \"/{{ … }}/\"`) are not known: set `permalink` to a pattern for all posts, such as \"/blog/:slug/\"",
        ),
        Generator::Docusaurus | Generator::MkdocsMaterial | Generator::Quarto => Some(
            "what only the generator can render (components, admonitions, results of code) is taken from its pages if you set `html` to the folder of the built site",
        ),
        Generator::Nikola => Some(
            "the addresses are those of POSTS = ((\"posts/*.md\", \"posts\", …),); if the second text is another, set `permalink`, for example to \"/blog/:path/\"",
        ),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn found(generator: Generator, file: &str, text: &str) -> Found {
        read(generator, &[(file.to_owned(), text.to_owned())], &|folder| folder != "blog").unwrap()
    }

    #[test]
    fn only_literal_texts_of_a_configuration_in_javascript_are_found() {
        let text = "export default { title: `My ${x}`, url: 'https://a.example', baseUrl: '/b/',\n\
                    presets: [['classic', { blog: { routeBasePath: '/', path: './notes' } }]] };";
        let site = found(Generator::Docusaurus, "docusaurus.config.ts", text);
        assert_eq!((site.title, site.url.as_deref()), (None, Some("https://a.example/b")));
        assert_eq!((site.permalink.as_deref(), site.posts.as_str()), (Some("/:path"), "notes"));
        let computed =
            found(Generator::Astro, "astro.config.mjs", "export default { site: url(), base: 'x' };");
        assert_eq!((computed.url, computed.posts.as_str()), (None, "src/content/blog"));
        assert!(computed.notes.iter().any(|note| note.contains("/x/")), "{:?}", computed.notes);
    }

    #[test]
    fn the_pattern_of_addresses_is_that_of_the_configuration() {
        let mkdocs =
            "plugins:\n  - blog:\n      blog_dir: .\n      post_url_format: \"{categories}/{slug}\"\n";
        let flat = "plugins: {blog: {post_url_date_format: yyyy}}\nuse_directory_urls: false\n";
        for (generator, file, text, pattern) in [
            (Generator::Astro, "astro.config.mjs", "x({ trailingSlash: 'never' })", "/:section/:path"),
            (
                Generator::Astro,
                "astro.config.mjs",
                "x({ build: { format: 'file' } })",
                "/:section/:path.html",
            ),
            (Generator::Hexo, "_config.yml", "permalink: :category/:title.html", "/:category/:title.html"),
            (Generator::Docusaurus, "docusaurus.config.js", "x = { trailingSlash: true }", "/blog/:path/"),
            (Generator::MkdocsMaterial, "mkdocs.yml", mkdocs, "/:category/:slug/"),
            (Generator::MkdocsMaterial, "mkdocs.yml", flat, "/blog/:year/:slug.html"),
            (Generator::Nikola, "conf.py", "PRETTY_URLS = False\n", "/:section/:path.html"),
            (
                Generator::Vuepress,
                ".vuepress/config.js",
                "x({ permalinkPattern: ':year/:slug.html' })",
                "/:year/:slug.html",
            ),
        ] {
            assert_eq!(found(generator, file, text).permalink.as_deref(), Some(pattern), "{text}");
        }
    }

    #[test]
    fn the_addresses_of_feeds_stay() {
        let eleventy = "x.addPlugin(feedPlugin, { type: 'rss', outputPath: '/feed/rss.xml', collection: { name: 'posts' } });";
        let hexo = "feed:\n  type: [atom, rss2]\n  path: [atom.xml, rss2.xml]\n";
        for (generator, file, text, paths) in [
            (Generator::Astro, "astro.config.mjs", "", "rss = \"rss.xml\"\n"),
            (
                Generator::Docusaurus,
                "docusaurus.config.js",
                "",
                "atom = \"blog/atom.xml\"\nrss = \"blog/rss.xml\"\n",
            ),
            (Generator::Eleventy, "eleventy.config.js", eleventy, "rss = \"feed/rss.xml\"\n"),
            (Generator::Hexo, "_config.yml", hexo, "atom = \"atom.xml\"\n"),
            (Generator::Hexo, "_config.yml", "title: a", ""),
            (Generator::Nikola, "conf.py", "", "rss = \"rss.xml\"\n"),
            (Generator::Nikola, "conf.py", "GENERATE_RSS = False", ""),
        ] {
            let toml = found(generator, file, text).feeds.to_toml();
            assert_eq!(toml.split("[feeds.paths]\n").nth(1).unwrap_or_default(), paths, "{text}");
        }
    }

    #[test]
    fn tags_of_python_are_removed_from_yaml() {
        let text = "a:\n  b: !!python/name:x.y\n  c: !ENV [A, b]\n  - !x\n  d: \"x !y\"\n  e: wow !\n";
        let plain = "a:\n  b: \n  c: [A, b]\n  - \n  d: \"x !y\"\n  e: wow \n";
        assert_eq!(without_tags(text), plain);
    }
}
