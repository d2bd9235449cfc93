//! Slugs and page URLs. Pure; two posts with the same URL are found in `folder::duplicates`, where all posts are known.

use camino::Utf8Path;
use chrono::{DateTime, FixedOffset};
use url::Url;

use super::{links, slugs};
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
    /// `slug` in the front matter, in the form used in a URL.
    pub slug: Option<&'p str>,
    /// The name of the file, without its date and language.
    pub stem: &'p str,
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

/// The last part of the URL of a post without a `slug`, by the rule of each generator.
pub fn default_slug(generator: Generator, stem: &str, title: &str) -> String {
    match generator {
        Generator::Plain => stem.to_owned(),
        Generator::Hugo => slugs::hugo(stem),
        Generator::Zola => slugs::zola(stem),
        Generator::Jekyll => slugs::jekyll_title(stem),
        Generator::Pelican => slugs::pelican(title),
    }
}

/// A `slug` of the front matter in the form used in a URL.
pub fn own_slug(generator: Generator, slug: &str) -> String {
    match generator {
        Generator::Plain => slug.to_owned(),
        Generator::Hugo => slugs::hugo(slug),
        Generator::Zola => slugs::zola(slug),
        Generator::Jekyll => slugs::jekyll_title(slug),
        Generator::Pelican => slugs::pelican(slug),
    }
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
    let Some(own) = own else {
        let path = pattern.map_or_else(
            || expand(&Pattern::lenient(default_pattern(parts.generator)), parts),
            |pattern| expand(pattern, parts),
        );
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
    let path = finished(expand(&Pattern::lenient(own), parts), parts.generator);
    // For Hugo, a path without a leading slash is below the folder of the language.
    let path =
        if parts.generator == Generator::Hugo && own.starts_with('/') { path } else { in_language(path) };
    below(site, &path, own)
}

fn default_pattern(generator: Generator) -> &'static str {
    match generator {
        Generator::Plain => "/:slug/",
        Generator::Hugo | Generator::Zola => "/:sections/:slugorfilename/",
        Generator::Jekyll => "/:categories/:year/:month/:day/:title:output_ext",
        Generator::Pelican => "/:slug.html",
    }
}

/// Hugo and Zola make a folder from a path that does not name a file.
fn finished(path: String, generator: Generator) -> String {
    let last = path.rsplit('/').next().unwrap_or_default();
    let is_folder = match generator {
        Generator::Zola => !last.is_empty(),
        Generator::Hugo => !last.is_empty() && !last.contains('.'),
        _ => false,
    };
    if is_folder { format!("{path}/") } else { path }
}

fn below(site: &SiteUrl, path: &str, shown: &str) -> Result<Url, PermalinkError> {
    links::below(site, path).ok_or_else(|| PermalinkError::Outside(shown.to_owned()))
}

/// The pattern, filled in. Empty segments are removed.
fn expand(pattern: &Pattern, parts: PermalinkParts<'_>) -> String {
    let mut path = String::new();
    for piece in pattern.pieces() {
        match piece {
            PatternPart::Text(text) => path.push_str(text),
            PatternPart::Placeholder(placeholder) => path.push_str(&value(*placeholder, parts)),
        }
    }
    while path.contains("//") {
        path = path.replace("//", "/");
    }
    path
}

/// The folders from index `from` up to `to`, or only the last one.
fn slice(folders: Vec<String>, from: usize, to: Option<usize>) -> Vec<String> {
    let from = if from == usize::MAX { folders.len().saturating_sub(1) } else { from };
    let to = to.unwrap_or(usize::MAX);
    folders.into_iter().enumerate().filter(|(at, _)| (from..to).contains(at)).map(|(_, name)| name).collect()
}

/// The value of a placeholder, percent-encoded.
fn value(placeholder: Placeholder, parts: PermalinkParts<'_>) -> String {
    let generator = parts.generator;
    let name = |text: &str| match generator {
        Generator::Plain => links::segment(text),
        Generator::Hugo => links::segment(&slugs::hugo(text)),
        Generator::Zola => links::segment(&slugs::zola(text)),
        Generator::Jekyll => links::segment(&text.to_lowercase()),
        Generator::Pelican => links::segment(&slugs::pelican(text)),
    };
    let joined =
        |texts: Vec<String>| texts.into_iter().filter(|text| !text.is_empty()).collect::<Vec<_>>().join("/");
    let stem = || match generator {
        // Pelican and Jekyll use the name as it is, without making a slug of it.
        Generator::Pelican | Generator::Jekyll => links::segment(parts.stem),
        _ => name(parts.stem),
    };
    match placeholder {
        Placeholder::Date(format) => {
            let text = parts.published.format(format).to_string();
            if generator == Generator::Hugo { text.to_lowercase() } else { text }
        }
        Placeholder::Slug | Placeholder::Title if generator == Generator::Hugo => {
            let own = parts.slug.filter(|_| placeholder == Placeholder::Slug);
            own.map_or_else(|| name(parts.title), links::segment)
        }
        Placeholder::Slug if generator == Generator::Jekyll => {
            links::segment(&slugs::jekyll_slug(parts.slug.unwrap_or(parts.stem)))
        }
        Placeholder::SlugOrFilename => parts.slug.map_or_else(stem, links::segment),
        Placeholder::Slug | Placeholder::Title => {
            let default = || default_slug(generator, parts.stem, parts.title);
            links::segment(&parts.slug.map_or_else(default, str::to_owned))
        }
        // Zola's `slugify.paths = "safe"` keeps names as they are.
        Placeholder::Filename if generator == Generator::Zola => {
            links::segment(parts.slug.unwrap_or(parts.stem))
        }
        Placeholder::Filename => stem(),
        Placeholder::Section => {
            parts.folder.components().next().map(|part| name(part.as_str())).unwrap_or_default()
        }
        Placeholder::Sections(from, to) => {
            let folders = parts.folder.components().map(|part| name(part.as_str())).collect();
            joined(slice(folders, from, to))
        }
        Placeholder::Category => {
            parts.categories.first().map(|category| name(category.as_str())).unwrap_or_default()
        }
        Placeholder::Categories => {
            // A category that contains a slash becomes two folders.
            let path = |category: &HeaderText| joined(category.as_str().split('/').map(name).collect());
            let mut names: Vec<String> = parts.categories.iter().map(path).collect();
            let mut seen = std::collections::BTreeSet::new();
            names.retain(|name| seen.insert(name.clone()));
            joined(names)
        }
        Placeholder::SlugifiedCategories => joined(
            parts
                .categories
                .iter()
                .map(|category| links::segment(&slugs::jekyll_slug(category.as_str())))
                .collect(),
        ),
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
            slug: None,
            stem: "안녕 :year",
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
            slug: None,
            stem: "안녕 :year",
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
