//! Slugs and page URLs. Pure; two posts with the same URL are found in `folder::duplicates`, where all posts are known.

use camino::Utf8Path;
use chrono::{DateTime, FixedOffset};
use url::Url;

use super::slugs::{self, PelicanSlugs};
use super::{generators, links, site};
use crate::config::{Generator, Pattern, PatternPart, Placeholder, SiteUrl};
use crate::text::HeaderText;

/// Longer slugs do not fit into a file name once they are percent-encoded.
const MAX_SLUG: usize = 200;

/// Why a slug or a URL cannot be used.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum PermalinkError {
    /// It has no characters.
    #[error("the slug is empty")]
    Empty,
    /// It would name a file in another folder.
    #[error("the slug {0:?} contains a slash or a backslash, or consists of dots only")]
    Path(String),
    /// It contains a control character.
    #[error("the slug contains the control character U+{0:04X}")]
    Control(u32),
    /// It is too long.
    #[error("the slug is {0} bytes long; {MAX_SLUG} is the limit")]
    Long(usize),
    /// The URL has another scheme, or is outside the site.
    #[error("{0:?} is not the address of a page below the site")]
    Outside(String),
    /// Only the generator can compute it.
    #[error("the address {0:?} is a template, and Letterpress runs no templates")]
    Template(String),
}

/// Checks and normalises a slug: percent-decoded (`WordPress` exports encode slugs) and in NFC.
pub fn slug(raw: &str) -> Result<String, PermalinkError> {
    let slug = links::readable(raw.trim());
    if let Some(control) = slug.chars().find(|c| c.is_control()) {
        return Err(PermalinkError::Control(u32::from(control)));
    }
    if slug.is_empty() {
        return Err(PermalinkError::Empty);
    }
    if slug.contains(['/', '\\']) || slug.chars().all(|c| c == '.') {
        return Err(PermalinkError::Path(slug));
    }
    if slug.len() > MAX_SLUG {
        return Err(PermalinkError::Long(slug.len()));
    }
    Ok(slug)
}

/// The values for the placeholders of a pattern.
#[derive(Debug, Clone, Copy)]
pub struct PermalinkParts<'p> {
    /// The generator whose rules apply.
    pub generator: Generator,
    /// How Pelican makes slugs.
    pub pelican: PelicanSlugs,
    /// `slug` in the front matter: checked in a plain folder, else as written.
    pub slug: Option<&'p str>,
    /// The name of the file, without its date and language.
    pub stem: &'p str,
    /// The path of the file in its site, without its ending.
    pub file: &'p Utf8Path,
    /// The title.
    pub title: &'p str,
    /// The folders below the root of the content.
    pub folder: &'p Utf8Path,
    /// When it was published, in the time zone that determines the day in the URL.
    pub published: DateTime<FixedOffset>,
    /// Its categories.
    pub categories: &'p [HeaderText],
    /// Its first author.
    pub author: Option<&'p str>,
    /// Its language.
    pub language: &'p str,
}

/// A name for the post in new ids, by the rule of each generator; `own` is its `slug`.
pub fn name(generator: Generator, own: Option<&str>, stem: &str, title: &str) -> String {
    let text = own.unwrap_or(if generator == Generator::Pelican { title } else { stem });
    let name = match generator {
        Generator::Plain => return text.to_owned(),
        Generator::Hugo => slugs::hugo(text),
        Generator::Zola => slugs::zola(text),
        Generator::Jekyll => slugs::jekyll_title(text),
        Generator::Pelican => slugs::pelican(text, PelicanSlugs::default()),
        _ => of_table(generator, text),
    };
    // For Hugo, a slash in a slug begins a folder.
    let name = name.replace(['/', '\\'], "-");
    if slug(&name).is_ok() { name } else { stem.to_owned() }
}

/// The name of a folder, a category or a tag in addresses that a generator makes.
pub fn term_name(generator: Generator, name: &str) -> String {
    match generator {
        Generator::Plain => name.to_owned(),
        Generator::Hugo => slugs::hugo_path(name),
        Generator::Zola => slugs::zola(name),
        Generator::Jekyll => slugs::jekyll_slug(name),
        Generator::Pelican => slugs::pelican(name, PelicanSlugs::default()),
        _ => of_table(generator, name),
    }
}

/// A name by the rules of a generator in the table.
fn of_table(generator: Generator, text: &str) -> String {
    generators::rules(generator).map_or_else(|| text.to_owned(), |rules| (rules.slug)(text))
}

/// The page of a post: `own` (its `permalink`, `url` or `path`) if set, else `pattern`, else the rule of the generator.
/// `language` is the folder of a language other than the default of the site.
pub fn page(
    site: &SiteUrl,
    pattern: Option<&Pattern>,
    own: Option<&str>,
    language: Option<&str>,
    parts: PermalinkParts<'_>,
) -> Result<Url, PermalinkError> {
    let in_language = |path: String| match language {
        Some(language) => format!("/{}/{}", links::segment(language), path.trim_start_matches('/')),
        None => path,
    };
    let is_template =
        |own: &&str| parts.generator == Generator::Eleventy && (own.contains("{{") || own.contains("{%"));
    if let (Some(own), None) = (own.filter(is_template), pattern) {
        return Err(PermalinkError::Template(own.to_owned()));
    }
    let Some(own) = own.filter(|own| !is_template(own)) else {
        let default = Pattern::lenient(default_pattern(parts.generator, parts.file));
        let path = expand(pattern.unwrap_or(&default), parts);
        return below(site, &in_language(path.clone()), &path);
    };
    let outside = || PermalinkError::Outside(own.to_owned());
    if own.contains('\\') || own.chars().any(char::is_control) {
        return Err(outside());
    }
    if let Ok(url) = Url::parse(own)
        && matches!(url.scheme(), "http" | "https")
    {
        return Url::parse(&links::canonical(&url)).map_err(|_| outside());
    }
    let path = stated(own, parts);
    // For Hugo, a path without a leading slash is below the folder of the language; for Zola, no path is.
    let is_whole = match parts.generator {
        Generator::Hugo => own.starts_with('/'),
        Generator::Zola => true,
        _ => false,
    };
    below(site, &if is_whole { path } else { in_language(path) }, own)
}

fn default_pattern(generator: Generator, file: &Utf8Path) -> &'static str {
    match generator {
        Generator::Plain => "/:slug/",
        Generator::Hugo | Generator::Zola => "/:sections/:slugorfilename/",
        Generator::Jekyll if site::collection(file).is_some() => "/:collection/:path:output_ext",
        Generator::Jekyll => "/:categories/:year/:month/:day/:title:output_ext",
        Generator::Pelican => "/:slug.html",
        _ => generators::rules(generator).map_or("/:slug/", |rules| rules.permalink),
    }
}

/// The path that a post states. Only in Hugo, Jekyll and a plain folder it may have placeholders.
fn stated(own: &str, parts: PermalinkParts<'_>) -> String {
    let path = match parts.generator {
        Generator::Hugo => fill(&Pattern::lenient(own), parts, hugo_value),
        Generator::Plain | Generator::Jekyll => expand(&Pattern::lenient(own), parts),
        Generator::Zola | Generator::Pelican => own.to_owned(),
        _ => without_index(own.to_owned()),
    };
    let path = path.replace('#', "%23");
    // Hugo and Zola make a folder from a path that does not name a file.
    let is_folder = match parts.generator {
        Generator::Zola => true,
        Generator::Hugo => !path.contains('.'),
        _ => false,
    };
    if is_folder && !path.ends_with('/') { format!("{path}/") } else { path }
}

fn below(site: &SiteUrl, path: &str, shown: &str) -> Result<Url, PermalinkError> {
    links::below(site, path).ok_or_else(|| PermalinkError::Outside(shown.to_owned()))
}

/// The pattern, filled in. Empty segments are removed.
fn expand(pattern: &Pattern, parts: PermalinkParts<'_>) -> String {
    match parts.generator {
        Generator::Hugo if is_default_of_hugo(pattern) => encoded(&fill(pattern, parts, hugo_part)),
        Generator::Hugo => {
            let path = fill(pattern, parts, hugo_value);
            let end = if path.ends_with('/') { "/" } else { "" };
            encoded(&format!("{}{end}", slugs::hugo(path.trim_end_matches('/'))))
        }
        // Jekyll makes a path safe in this way (`URL#sanitize_url`).
        Generator::Jekyll => single_slashes(fill(pattern, parts, value).replace("..", "/").replace("./", "")),
        Generator::Plain | Generator::Zola | Generator::Pelican => fill(pattern, parts, value),
        _ => without_index(fill(pattern, parts, value)),
    }
}

/// `/a/index.html` is the page of the folder `/a/`.
fn without_index(path: String) -> String {
    let folder = path.strip_suffix("index.html").filter(|folder| folder.ends_with('/'));
    folder.map(str::to_owned).unwrap_or(path)
}

/// Whether a pattern is what Hugo does without `permalinks`, perhaps with `uglyURLs`.
fn is_default_of_hugo(pattern: &Pattern) -> bool {
    let placeholders = pattern.pieces().iter().filter_map(|piece| match piece {
        PatternPart::Placeholder(placeholder) => Some(*placeholder),
        PatternPart::Text(_) => None,
    });
    placeholders.eq([Placeholder::Sections(0, None), Placeholder::SlugOrFilename])
}

fn fill(
    pattern: &Pattern,
    parts: PermalinkParts<'_>,
    value: impl Fn(Placeholder, PermalinkParts<'_>) -> String,
) -> String {
    let pieces = pattern.pieces().iter().map(|piece| match piece {
        PatternPart::Text(text) => text.clone(),
        PatternPart::Placeholder(placeholder) => value(*placeholder, parts),
    });
    single_slashes(pieces.collect())
}

fn single_slashes(mut path: String) -> String {
    while path.contains("//") {
        path = path.replace("//", "/");
    }
    path
}

/// Percent-encodes the segments of a path.
fn encoded(path: &str) -> String {
    path.split('/').map(links::segment).collect::<Vec<_>>().join("/")
}

/// The folders from index `from` up to `to`, or only the last one.
fn slice(folders: Vec<String>, from: usize, to: Option<usize>) -> Vec<String> {
    let from = if from == usize::MAX { folders.len().saturating_sub(1) } else { from };
    let to = to.unwrap_or(usize::MAX);
    folders.into_iter().enumerate().filter(|(at, _)| (from..to).contains(at)).map(|(_, name)| name).collect()
}

fn joined(texts: impl IntoIterator<Item = String>) -> String {
    texts.into_iter().filter(|text| !text.is_empty()).collect::<Vec<_>>().join("/")
}

/// The value of a placeholder in a permalink pattern of Hugo, not percent-encoded.
fn hugo_value(placeholder: Placeholder, parts: PermalinkParts<'_>) -> String {
    let own = || parts.slug.map(|slug| slugs::hugo_value(slug.trim_matches('-')));
    // A slash in a title begins no folder.
    let title = || slugs::hugo_value(&parts.title.replace(['/', '\\'], "-"));
    let stem = || slugs::hugo_value(parts.stem);
    match placeholder {
        Placeholder::Title => title(),
        Placeholder::Slug => own().unwrap_or_else(title),
        Placeholder::SlugOrFilename => own().unwrap_or_else(stem),
        Placeholder::Filename => stem(),
        placeholder => hugo_part(placeholder, parts),
    }
}

/// The value of a placeholder in Hugo's own rule, not percent-encoded.
fn hugo_part(placeholder: Placeholder, parts: PermalinkParts<'_>) -> String {
    match placeholder {
        Placeholder::Date(format) => parts.published.format(format).to_string().to_lowercase(),
        Placeholder::SlugOrFilename => match parts.slug {
            Some(slug) => slugs::hugo(slug.trim_matches('-')),
            None => slugs::hugo_path(parts.stem),
        },
        Placeholder::Section => hugo_part(Placeholder::Sections(0, Some(1)), parts),
        Placeholder::Sections(from, to) => {
            let folders = parts.folder.components().map(|part| slugs::hugo_path(part.as_str())).collect();
            joined(slice(folders, from, to))
        }
        placeholder => links::readable(&value(placeholder, parts)),
    }
}

/// A name in a path, percent-encoded.
fn named(text: &str, parts: PermalinkParts<'_>) -> String {
    links::segment(&match parts.generator {
        Generator::Plain => text.to_owned(),
        Generator::Hugo => slugs::hugo_path(text),
        Generator::Zola => slugs::zola(text),
        Generator::Jekyll => slugs::lower_case(text),
        Generator::Pelican => slugs::pelican(text, parts.pelican),
        generator => of_table(generator, text),
    })
}

/// The last part of the address: the `slug`, else a slug that is made by the rule of the generator.
fn slug_of(parts: PermalinkParts<'_>) -> String {
    match (parts.generator, parts.slug) {
        (Generator::Pelican, None) => links::segment(&slugs::pelican(parts.title, parts.pelican)),
        // Pelican uses a slug as it is.
        (Generator::Pelican, Some(slug)) => encoded(slug),
        (Generator::Jekyll, slug) => {
            links::segment(&slugs::jekyll_title(slug.unwrap_or(parts.stem.trim_end_matches('.'))))
        }
        // Hexo calls the path of a file its title.
        (Generator::Hexo, _) => encoded(&generators::path(parts.generator, None, parts.file)),
        (Generator::MkdocsMaterial, None) => named(parts.title, parts),
        // The generators of the table use a slug as it is.
        (generator, Some(slug)) if generators::rules(generator).is_some() => encoded(slug),
        (_, slug) => named(slug.unwrap_or(parts.stem), parts),
    }
}

/// The value of a placeholder, percent-encoded.
fn value(placeholder: Placeholder, parts: PermalinkParts<'_>) -> String {
    let name = |text: &str| named(text, parts);
    let is = |generator| parts.generator == generator;
    let file_name = || parts.file.file_name().unwrap_or(parts.stem);
    match placeholder {
        Placeholder::Date(format) => parts.published.format(format).to_string(),
        Placeholder::Slug if is(Generator::Jekyll) => {
            links::segment(&slugs::jekyll_slug(parts.slug.unwrap_or(parts.stem)))
        }
        // Pelican makes a slug of the whole name (`SLUGIFY_SOURCE`).
        Placeholder::SlugOrFilename if is(Generator::Pelican) => {
            parts.slug.map_or_else(|| name(file_name()), encoded)
        }
        Placeholder::Slug | Placeholder::Title | Placeholder::SlugOrFilename => slug_of(parts),
        // Zola's `slugify.paths = "safe"` keeps names as they are.
        Placeholder::Filename if is(Generator::Zola) => links::segment(parts.slug.unwrap_or(parts.stem)),
        // Pelican and Jekyll use the name as it is, without making a slug of it.
        Placeholder::Filename if is(Generator::Pelican) || is(Generator::Jekyll) => {
            links::segment(parts.stem)
        }
        Placeholder::Name if is(Generator::Jekyll) => links::segment(&slugs::jekyll_slug(file_name())),
        Placeholder::Filename | Placeholder::Name => name(parts.stem),
        Placeholder::Path if generators::rules(parts.generator).is_some() => {
            encoded(&generators::path(parts.generator, parts.slug, parts.file))
        }
        // The folder of the collection is no part of the path.
        Placeholder::Path => {
            let folder = format!("_{}", site::collection(parts.file).unwrap_or("posts"));
            let names = parts.file.components().map(|part| part.as_str().to_owned());
            encoded(&joined(names.filter(|part| *part != folder)))
        }
        Placeholder::Collection => links::segment(site::collection(parts.file).unwrap_or("posts")),
        Placeholder::Section => value(Placeholder::Sections(0, Some(1)), parts),
        Placeholder::Sections(from, to) => {
            joined(slice(parts.folder.components().map(|part| name(part.as_str())).collect(), from, to))
        }
        Placeholder::Category => {
            parts.categories.first().map(|category| name(category.as_str())).unwrap_or_default()
        }
        Placeholder::Categories => {
            // A category that contains a slash becomes two folders.
            let path = |category: &HeaderText| joined(category.as_str().split('/').map(name));
            let mut seen = std::collections::BTreeSet::new();
            joined(parts.categories.iter().map(path).filter(|name| seen.insert(name.clone())))
        }
        Placeholder::SlugifiedCategories => {
            let slug = |category: &HeaderText| links::segment(&slugs::jekyll_slug(category.as_str()));
            joined(parts.categories.iter().map(slug))
        }
        Placeholder::Author => parts.author.map(name).unwrap_or_default(),
        Placeholder::Language => links::segment(parts.language),
        Placeholder::Extension => ".html".to_owned(),
    }
}

/// URLs with the same key are one file on a case-insensitive file system.
pub fn case_folded(url: &Url) -> String {
    links::readable(url.as_str()).trim_end_matches('/').to_lowercase()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(generator: Generator, pattern: Option<&str>, own: Option<&str>) -> String {
        let site = SiteUrl::parse("https://example.com/blog").unwrap();
        let published = DateTime::parse_from_rfc3339("2024-05-01T00:30:00+09:00").unwrap();
        let categories = [HeaderText::parse("Dev Ops").unwrap(), HeaderText::parse("기술").unwrap()];
        let parts = PermalinkParts {
            generator,
            pelican: PelicanSlugs::default(),
            slug: None,
            stem: "안녕 :year",
            file: Utf8Path::new("posts/_posts/2024-05-01-a b"),
            title: "Hello, World",
            folder: Utf8Path::new("posts/Old Ones"),
            published,
            categories: if generator == Generator::Plain { &[] } else { &categories },
            author: None,
            language: "ko",
        };
        let pattern = pattern.map(|pattern| Pattern::parse(pattern).unwrap());
        page(&site, pattern.as_ref(), own, None, parts)
            .map_or_else(|error| error.to_string(), |url| links::readable(url.as_str()))
    }

    #[test]
    fn each_generator_has_its_own_rule() {
        for (generator, pattern, expected) in [
            (Generator::Plain, None, "/안녕 :year/"),
            (Generator::Hugo, None, "/posts/old-ones/안녕-year/"),
            (Generator::Hugo, Some("/:section/:slug/"), "/posts/hello-world/"),
            (Generator::Hugo, Some("/:monthname/:yearday/:filename.html"), "/may/122/안녕-year.html"),
            (Generator::Zola, None, "/posts/old-ones/annyeong-year/"),
            (Generator::Jekyll, None, "/dev ops/기술/2024/05/01/안녕-year.html"),
            (Generator::Jekyll, Some("/:collection/:path"), "/posts/posts/2024-05-01-a b"),
            (Generator::Jekyll, Some("/:year/:year:month:day"), "/2024/20240501"),
            (Generator::Jekyll, Some("/:slugified_categories/:y_day/:slug"), "/dev-ops/기술/122/안녕-year"),
            (Generator::Pelican, None, "/hello-world.html"),
            (Generator::Pelican, Some("/:category/:i_month/:slug/"), "/dev-ops/5/hello-world/"),
        ] {
            assert_eq!(of(generator, pattern, None), format!("https://example.com/blog{expected}"));
        }
        assert_eq!(of(Generator::Zola, None, Some("a/b")), "https://example.com/blog/a/b/");
        assert_eq!(of(Generator::Hugo, None, Some("/a/b.html")), "https://example.com/blog/a/b.html");
        assert_eq!(of(Generator::Hugo, None, Some("/a/b")), "https://example.com/blog/a/b/");
        assert_eq!(of(Generator::Jekyll, None, Some("/:year/a")), "https://example.com/blog/2024/a");
    }

    fn address(pattern: &str, own: Option<&str>) -> String {
        let site = SiteUrl::parse("https://example.com/blog").unwrap();
        let published = DateTime::parse_from_rfc3339("2024-05-01T00:30:00+09:00").unwrap();
        let parts = PermalinkParts {
            generator: Generator::Plain,
            pelican: PelicanSlugs::default(),
            slug: None,
            stem: "안녕 :year",
            file: Utf8Path::new("안녕 :year"),
            title: "",
            folder: Utf8Path::new(""),
            published,
            categories: &[],
            author: None,
            language: "ko",
        };
        let pattern = Pattern::parse(pattern).unwrap();
        page(&site, Some(&pattern), own, None, parts).map_or_else(|error| error.to_string(), String::from)
    }

    #[test]
    fn a_pattern_is_filled_in_from_the_post() {
        assert_eq!(
            address("/:year/:month/:day/:category/:slug/", None),
            "https://example.com/blog/2024/05/01/%EC%95%88%EB%85%95%20%3Ayear/"
        );
    }

    #[test]
    fn the_path_in_the_front_matter_wins_and_must_be_below_the_site() {
        assert_eq!(
            address("/:slug/", Some("글/하나/")),
            "https://example.com/blog/%EA%B8%80/%ED%95%98%EB%82%98/"
        );
        assert_eq!(address("/:slug/", Some("https://other.example/a")), "https://other.example/a");
        for own in ["../../etc", "%2e%2e/x", "a\\b", "javascript:/../../x"] {
            assert!(
                address("/:slug/", Some(own)).contains("page below the site"),
                "{own}: {}",
                address("/:slug/", Some(own))
            );
        }
    }

    #[test]
    fn slugs_that_name_another_folder_are_rejected() {
        assert_eq!(slug(" %ED%95%9C ").unwrap(), "한");
        assert_eq!(slug("\u{1112}\u{1161}\u{11AB}").unwrap(), "한", "decomposed Korean is composed");
        for raw in ["", "..", "%2e%2e", "a/b", "a\\b", "a\0b", "a%2Fb", "..%2F..%2Fetc"] {
            assert!(slug(raw).is_err(), "{raw}");
        }
        assert_eq!(slug(&"가".repeat(100)), Err(PermalinkError::Long(300)));
    }
}
