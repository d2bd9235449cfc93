//! The generators that differ in names and patterns only, as a table: where their posts are, how they make addresses, and
//! what their keys are called. Hugo, Zola, Jekyll and Pelican have rules in code instead.

use camino::Utf8Path;

use super::{Formulas, MarkdownDialect, slugs};
use crate::config::Generator;

/// Whether the text of a file is that of a generator.
type Sign = fn(&str) -> bool;

/// The rules of a generator.
#[derive(Debug)]
#[expect(clippy::struct_excessive_bools, reason = "each habit is independent of the others")]
pub struct GeneratorRules {
    /// The names of its configuration file in the root of the site.
    pub files: &'static [&'static str],
    /// Files of which one has a sign of it, if others have a configuration with the same name.
    pub(super) sign: Option<(&'static [&'static str], Sign)>,
    /// The roots of its content below that of the site; the first that contains the posts is used.
    pub(super) content: &'static [&'static str],
    /// Keys of a configuration in JavaScript that name another root.
    pub content_keys: &'static [&'static str],
    /// The usual folders of posts below the root of the site.
    pub posts: &'static [&'static str],
    /// The pattern of addresses that it has without a setting.
    pub permalink: &'static str,
    /// Its names for keys of [`fields`](super::front_matter::fields).
    pub(super) keys: &'static [(&'static str, &'static str)],
    /// Keys that mean something only in other generators.
    pub(super) foreign: &'static [&'static str],
    /// How it makes a name in an address.
    pub(super) slug: fn(&str) -> String,
    /// Whether the day in the name of a file is no part of its slug.
    pub(super) strips_day: bool,
    /// Whether a YAML time without a zone is in UTC, as in js-yaml.
    pub(super) has_utc_times: bool,
    /// Whether it leaves out files whose names begin with an underscore.
    pub(super) skips_underscores: bool,
    /// Whether it reads `.md` as MDX.
    pub(super) is_mdx: bool,
    /// What its Markdown makes of quotes and line ends without a setting.
    pub(super) dialect: MarkdownDialect,
    /// Whether `{% … %}` and `{{ … }}` are tags.
    pub(super) has_tags: bool,
    /// The file with the names of authors: beside the posts, or in a folder above them.
    pub(super) authors: Option<&'static str>,
}

const PLAIN_MARKDOWN: MarkdownDialect =
    MarkdownDialect { formulas: Formulas::Off, smart_punctuation: false, hard_breaks: false };

const NO_RULES: GeneratorRules = GeneratorRules {
    files: &[],
    sign: None,
    content: &[""],
    content_keys: &[],
    posts: &[],
    permalink: "/:path/",
    keys: &[],
    foreign: &["permalink", "url", "path"],
    slug: str::to_owned,
    strips_day: false,
    has_utc_times: true,
    skips_underscores: false,
    is_mdx: false,
    dialect: PLAIN_MARKDOWN,
    has_tags: false,
    authors: None,
};

const ASTRO: GeneratorRules = GeneratorRules {
    files: &["astro.config.cjs", "astro.config.ts", "astro.config.js", "astro.config.mjs"],
    content: &["src/content", "src/pages", "src/data", "src", ""],
    posts: &["src/content/blog", "src/content/posts", "src/content/post", "src/data/blog", "src/pages/blog"],
    permalink: "/:section/:path/",
    keys: &[("pubDate", "date"), ("pubDatetime", "date"), ("modDatetime", "updated")],
    slug: slugs::github,
    dialect: MarkdownDialect { smart_punctuation: true, ..PLAIN_MARKDOWN },
    skips_underscores: true,
    ..NO_RULES
};

const ELEVENTY: GeneratorRules = GeneratorRules {
    files: &["eleventy.config.cjs", "eleventy.config.mjs", "eleventy.config.js", ".eleventy.js"],
    posts: &["content/blog", "src/blog", "src/posts", "content/posts", "blog", "posts"],
    content_keys: &["dir.input", "setInputDirectory"],
    foreign: &["slug", "url", "path"],
    strips_day: true,
    has_tags: true,
    ..NO_RULES
};

const HEXO: GeneratorRules = GeneratorRules {
    files: &["_config.yml"],
    // Octopress, which is Jekyll, has a `_config.yml` beside `source/_posts`, too.
    sign: Some((&["_config.yml", "package.json"], |text| text.to_lowercase().contains("hexo"))),
    content: &["source"],
    posts: &["source/_posts"],
    permalink: "/:year/:month/:day/:title/",
    dialect: MarkdownDialect { smart_punctuation: true, hard_breaks: true, ..PLAIN_MARKDOWN },
    foreign: &["slug", "url", "path"],
    has_utc_times: false,
    has_tags: true,
    ..NO_RULES
};

const DOCUSAURUS: GeneratorRules = GeneratorRules {
    files: &[
        "docusaurus.config.cjs",
        "docusaurus.config.mjs",
        "docusaurus.config.ts",
        "docusaurus.config.js",
    ],
    posts: &["blog"],
    permalink: "/:section/:path",
    skips_underscores: true,
    strips_day: true,
    is_mdx: true,
    authors: Some("authors.yml"),
    ..NO_RULES
};

const MKDOCS_MATERIAL: GeneratorRules = GeneratorRules {
    files: &["mkdocs.yml"],
    sign: Some((&["mkdocs.yml"], has_blog_plugin)),
    content: &["docs"],
    posts: &["docs/blog/posts", "docs/posts"],
    permalink: "/:section/:year/:month/:day/:slug/",
    slug: slugs::pymdown,
    authors: Some(".authors.yml"),
    ..NO_RULES
};

const NIKOLA: GeneratorRules = GeneratorRules {
    files: &["conf.py"],
    sign: Some((&["conf.py"], |text| text.contains("BLOG_TITLE") && text.contains("POSTS"))),
    posts: &["posts"],
    permalink: "/:section/:path/",
    slug: slugs::nikola,
    has_utc_times: false,
    ..NO_RULES
};

const VUEPRESS: GeneratorRules = GeneratorRules {
    files: &[".vuepress/config.mjs", ".vuepress/config.mts", ".vuepress/config.js", ".vuepress/config.ts"],
    posts: &["docs/posts", "docs/_posts", "docs/blog", "src/posts", "posts", "_posts", "blog"],
    permalink: "/:path.html",
    foreign: &["slug", "url", "path"],
    slug: slugs::vuepress,
    strips_day: true,
    has_tags: true,
    ..NO_RULES
};

const QUARTO: GeneratorRules = GeneratorRules {
    files: &["_quarto.yaml", "_quarto.yml"],
    posts: &["posts", "blog"],
    permalink: "/:path.html",
    keys: &[("date-modified", "updated")],
    foreign: &["slug", "permalink", "url", "path"],
    has_utc_times: false,
    skips_underscores: true,
    ..NO_RULES
};

/// The rules of `generator`, if it is in the table.
pub fn rules(generator: Generator) -> Option<&'static GeneratorRules> {
    match generator {
        Generator::Plain | Generator::Hugo | Generator::Zola | Generator::Jekyll | Generator::Pelican => None,
        Generator::Astro => Some(&ASTRO),
        Generator::Eleventy => Some(&ELEVENTY),
        Generator::Hexo => Some(&HEXO),
        Generator::Docusaurus => Some(&DOCUSAURUS),
        Generator::MkdocsMaterial => Some(&MKDOCS_MATERIAL),
        Generator::Nikola => Some(&NIKOLA),
        Generator::Vuepress => Some(&VUEPRESS),
        Generator::Quarto => Some(&QUARTO),
    }
}

/// The path that a generator of the table makes of a file with the slug `own`: the value of `:path`, not percent-encoded.
/// `file` is below the root of the content, without its ending.
pub(super) fn path(generator: Generator, own: Option<&str>, file: &Utf8Path) -> String {
    let parts: Vec<&str> = file.components().map(|part| part.as_str()).collect();
    // The folder of the posts is the section.
    let below = if parts.len() > 1 { &parts[1..] } else { &parts };
    match (generator, own) {
        (Generator::Astro | Generator::Docusaurus, Some(own)) => own.trim_matches('/').to_owned(),
        (Generator::Astro, None) => {
            let path = below.iter().map(|part| slugs::github(part)).collect::<Vec<_>>().join("/");
            path.strip_suffix("/index").map_or(path.clone(), str::to_owned)
        }
        (Generator::Docusaurus, None) => docusaurus(&below.join("/")),
        (Generator::Eleventy, _) => eleventy(&parts),
        (Generator::Nikola, own) => {
            let (name, folders) = below.split_last().unwrap_or((&"", &[]));
            let slug = own.map_or_else(|| slugs::nikola(name), str::to_owned);
            folders.iter().map(|part| (*part).to_owned()).chain([slug]).collect::<Vec<_>>().join("/")
        }
        (Generator::Vuepress, _) => {
            let name = |part: &&str| match *part {
                "README" | "readme" => "index".to_owned(),
                part => slugs::vuepress(part),
            };
            parts.iter().map(name).collect::<Vec<_>>().join("/")
        }
        (Generator::Hexo, _) => {
            let posts = parts.iter().position(|part| *part == "_posts").map_or(0, |at| at + 1);
            parts[posts..].join("/")
        }
        _ => file.to_string(),
    }
}

/// `- blog`, `- blog:` or `blog:` in the list of plugins of `MkDocs`.
fn has_blog_plugin(text: &str) -> bool {
    let name =
        |line: &str| line.trim().trim_start_matches("- ").split(':').next().unwrap_or_default().to_owned();
    text.lines()
        .any(|line| line.starts_with([' ', '-']) && ["blog", "material/blog"].contains(&name(line).trim()))
}

/// Eleventy makes no folder of a name that is that of its folder.
fn eleventy(parts: &[&str]) -> String {
    let Some((name, folders)) = parts.split_last() else { return String::new() };
    let is_folder = *name == "index" || folders.last() == Some(name);
    if is_folder { folders.join("/") } else { parts.join("/") }
}

/// Docusaurus puts the last day in a path first, as folders.
fn docusaurus(path: &str) -> String {
    let path = path.strip_suffix("/index").unwrap_or(path);
    let day = path.char_indices().rev().find_map(|(at, _)| Some((at, day_at(&path[at..])?)));
    let Some((at, length)) = day else { return path.to_owned() };
    let text = &path[at + length..];
    let text = text.strip_prefix(['-', '/']).unwrap_or(text);
    format!("{}/{}{text}", path[at..at + length].replace('-', "/"), &path[..at])
}

/// The length of the day with which a text begins: four digits, a sign, one or two digits, a sign, one or two digits.
fn day_at(text: &str) -> Option<usize> {
    let bytes = text.as_bytes();
    let digits = |from: usize, most: usize| {
        let rest = bytes.get(from..).unwrap_or_default();
        rest.iter().take(most).take_while(|byte| byte.is_ascii_digit()).count()
    };
    let is_sign = |at: usize| matches!(bytes.get(at), Some(b'-' | b'/'));
    let month = digits(5, 2);
    let day = digits(6 + month, 2);
    let is_day = digits(0, 4) == 4 && is_sign(4) && month > 0 && is_sign(5 + month) && day > 0;
    is_day.then_some(6 + month + day)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_generator_makes_its_own_path_of_a_file() {
        for (generator, own, file, expected) in [
            (Generator::Astro, None, "blog/Sub Dir/C++ & C#", "sub-dir/c--c"),
            (Generator::Astro, None, "blog/2024-05-01-a/index", "2024-05-01-a"),
            (Generator::Astro, Some("Own/x"), "blog/a", "Own/x"),
            (Generator::Eleventy, None, "posts/2024-05-01-a", "posts/2024-05-01-a"),
            (Generator::Eleventy, None, "posts/2024-05-01-a/index", "posts/2024-05-01-a"),
            (Generator::Eleventy, None, "posts/a/a", "posts/a"),
            (Generator::Hexo, None, "_posts/sub/2024-05-01-a", "sub/2024-05-01-a"),
            (Generator::Docusaurus, None, "blog/2019-08-28-first/index", "2019/08/28/first"),
            (Generator::Docusaurus, None, "blog/2019/8/28/first", "2019/8/28/first"),
            (Generator::Docusaurus, None, "blog/sub/2019-08-28-first", "2019/08/28/sub/first"),
            (Generator::Docusaurus, None, "blog/plain", "plain"),
            (Generator::Docusaurus, Some("/own"), "blog/plain", "own"),
            (Generator::Nikola, None, "posts/2024/C++ 글", "2024/c++-geul"),
            (Generator::Nikola, Some("Own"), "posts/2024/a", "2024/Own"),
            (Generator::Vuepress, None, "_posts/C#/README", "posts/C_/index"),
            (Generator::Quarto, None, "posts/a/index", "posts/a/index"),
        ] {
            assert_eq!(path(generator, own, Utf8Path::new(file)), expected, "{file}");
        }
    }
}
