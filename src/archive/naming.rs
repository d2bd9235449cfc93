//! Reads a file name by the rules of the site's generator: its day, slug, section and language, or why the file is not a
//! post. Pure: paths in, names out.

use camino::{Utf8Path, Utf8PathBuf};

use super::site::{self, Site};
use super::{SkipReason, generators, language};
use crate::config::{Config, Generator};
use crate::dates;

/// What a file name contains.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct Name {
    /// `2024-05-01`.
    pub day: Option<String>,
    /// The last part, without day and language if the generator strips them; for a bundle, the name of its folder.
    pub stem: String,
    /// The folders below the root of the content, without the folder of the bundle.
    pub folder: Utf8PathBuf,
    /// `pt-BR` in `index.pt-BR.md`.
    pub language: Option<String>,
    /// The categories that the folders represent.
    pub categories: Vec<String>,
}

/// The name of the file at `relative`, or why such a file is not a post.
pub(super) fn read(relative: &Utf8Path, site: &Site, config: &Config) -> Result<Name, SkipReason> {
    let path = site.path_of(relative);
    let stem = path.file_stem().unwrap_or_default();
    let folder = path.parent().unwrap_or(Utf8Path::new(""));
    let mut name = name(stem, folder, site, config)?;
    if name.day.is_none() {
        // `2024/05/01/name.md`: `in_path` expects a slash after the day.
        name.day = dates::in_path(&format!("{folder}/"));
    }
    Ok(name)
}

fn name(stem: &str, folder: &Utf8Path, site: &Site, config: &Config) -> Result<Name, SkipReason> {
    match site.generator {
        Generator::Plain => match held_back(stem, folder, site) {
            Some(by) => Err(SkipReason::HeldBack(by)),
            None => Ok(plain(stem, folder)),
        },
        Generator::Jekyll => jekyll(stem, folder, config),
        Generator::Pelican => pelican(stem, folder),
        Generator::Hugo | Generator::Zola => {
            let (stem, language) = language::split(stem);
            let wanted = config.archive.language.as_deref();
            // In the folder of a language, names need no suffix.
            let language = language.or(site.language.as_deref().filter(|_| wanted.is_some()));
            match (wanted, language) {
                (Some(wanted), Some(language)) if language::is_same(wanted, language) => {}
                (None, Some(language)) if language::is_same(&config.site.language, language) => {}
                (None, None) => {}
                // A file without a suffix is in the default language of the site.
                (_, language) => {
                    let language = language.unwrap_or("the default language").to_owned();
                    return Err(SkipReason::Language(language));
                }
            }
            Ok(Name { language: language.map(str::to_owned), ..page(stem, folder, site.generator) })
        }
        generator => match held_back(stem, folder, site) {
            Some(by) => Err(SkipReason::HeldBack(by)),
            None => Ok(of_table(stem, folder, generator)),
        },
    }
}

/// The name without the rules that depend on its folder.
pub(super) fn bare(relative: &Utf8Path) -> Name {
    plain(relative.file_stem().unwrap_or_default(), relative.parent().unwrap_or(Utf8Path::new("")))
}

/// What holds a post back by its name: a folder for drafts, or an underscore, where the generator skips such files.
fn held_back(stem: &str, folder: &Utf8Path, site: &Site) -> Option<String> {
    let mut folders = folder.components().map(|part| part.as_str());
    if let Some(drafts) = folders.find(|name| ["_drafts", "drafts"].contains(&name.to_lowercase().as_str())) {
        return Some(format!("its folder, `{drafts}`,"));
    }
    let mut names = folder.components().map(|part| part.as_str()).chain([stem]);
    let name = names.find(|name| site.skips_underscores && name.starts_with('_'))?;
    Some(format!("the underscore at the start of `{name}`"))
}

/// A name split into its day and the rest.
fn without_day(name: &str) -> (Option<String>, &str) {
    match dates::in_name(name) {
        Some((day, "")) => (Some(day), name),
        Some((day, rest)) => (Some(day), rest),
        None => (None, name),
    }
}

fn plain(stem: &str, folder: &Utf8Path) -> Name {
    let bundle = folder.file_name().filter(|_| stem == "index");
    let (day, stem) = without_day(bundle.unwrap_or(stem));
    let folder = if bundle.is_some() { folder.parent().unwrap_or(folder) } else { folder };
    Name { day, stem: stem.to_owned(), folder: folder.to_owned(), ..Name::default() }
}

/// Most of the generators in the table keep the day in the name.
fn of_table(stem: &str, folder: &Utf8Path, generator: Generator) -> Name {
    let name = plain(stem, folder);
    let whole = if stem == "index" { folder.file_name().unwrap_or(stem) } else { stem };
    match generators::rules(generator) {
        Some(rules) if !rules.strips_day => Name { stem: whole.to_owned(), ..name },
        _ => name,
    }
}

/// Hugo keeps the day in the URL, Zola does not.
fn page(stem: &str, folder: &Utf8Path, generator: Generator) -> Name {
    let name = plain(stem, folder);
    let whole = if stem == "index" { folder.file_name().unwrap_or(stem) } else { stem };
    if generator == Generator::Hugo {
        return Name { stem: whole.to_owned(), ..name };
    }
    // Zola also takes `2024-05-01T09:00:00Z-name.md`.
    let timed = whole.split_at_checked(10).filter(|(_, rest)| rest.starts_with('T') && rest.contains(':'));
    let day = timed.and_then(|(day, rest)| Some((dates::in_name(day)?.0, rest.split_once(['_', '-'])?.1)));
    match day {
        Some((day, rest)) => Name { day: Some(day), stem: rest.to_owned(), ..name },
        None => name,
    }
}

fn jekyll(stem: &str, folder: &Utf8Path, config: &Config) -> Result<Name, SkipReason> {
    let mut parts: Vec<&str> = folder.components().map(|part| part.as_str()).collect();
    // `_i18n/ko/_posts/` of the plugin jekyll-multiple-languages.
    let language = match parts.as_slice() {
        [I18N, language, ..] => Some((*language).to_owned()),
        _ => None,
    };
    if let Some(language) = &language {
        let wanted = config.archive.language.as_deref().unwrap_or(&config.site.language);
        if !language::is_same(language, wanted) {
            return Err(SkipReason::Language(language.clone()));
        }
        parts.drain(..2);
    }
    let Some(at) = parts.iter().position(|part| matches!(*part, "_posts" | "_drafts")) else {
        return site::collection(folder).map(|_| plain(stem, folder)).ok_or(SkipReason::Page);
    };
    if parts[at] == "_drafts" {
        return Err(SkipReason::Draft);
    }
    let (Some(day), _) = without_day(stem) else { return Err(SkipReason::Name) };
    let stem = stem.splitn(4, '-').nth(3).unwrap_or(stem);
    // Folders above `_posts` are categories; folders below it have no meaning.
    parts.truncate(at);
    let categories: Vec<String> = parts.iter().map(|part| (*part).to_owned()).collect();
    Ok(Name { day: Some(day), stem: stem.to_owned(), folder: parts.iter().collect(), categories, language })
}

/// The folder of translations in a Jekyll site.
const I18N: &str = "_i18n";

fn pelican(stem: &str, folder: &Utf8Path) -> Result<Name, SkipReason> {
    if folder.components().next().is_some_and(|first| first.as_str() == "pages") {
        return Err(SkipReason::Page);
    }
    let (day, stem) = without_day(stem);
    let categories = folder.file_name().map(str::to_owned).into_iter().collect();
    Ok(Name { day, stem: stem.to_owned(), folder: folder.to_owned(), categories, language: None })
}

/// What kind of file a name belongs to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Kind {
    /// Markdown, or HTML that a generator reads as a post if it has front matter.
    Post,
    /// A post in another format: reStructuredText, Textile and others.
    Foreign(&'static str),
    /// Any other file.
    Other,
}

/// The kind of the file called `name`.
pub(super) fn kind(name: &str, generator: Generator) -> Kind {
    let extension = name.rsplit_once('.').map(|(_, extension)| extension.to_ascii_lowercase());
    match extension.as_deref() {
        Some("md" | "markdown" | "mkd" | "mkdn" | "mdown" | "mdwn" | "mdtext" | "mdx") => Kind::Post,
        Some("qmd") if generator == Generator::Quarto => Kind::Post,
        Some("html" | "htm") if matches!(generator, Generator::Hugo | Generator::Jekyll) => Kind::Post,
        Some("html" | "htm") if generator == Generator::Pelican => Kind::Foreign("HTML"),
        Some("rst") => Kind::Foreign("reStructuredText"),
        Some("textile") => Kind::Foreign("Textile"),
        Some("org") => Kind::Foreign("Org"),
        Some("adoc" | "asciidoc" | "ad") => Kind::Foreign("AsciiDoc"),
        Some("ipynb") => Kind::Foreign("a Jupyter notebook"),
        _ if generator == Generator::Plain => unread_text(name, extension.as_deref()),
        _ => Kind::Other,
    }
}

/// Text files that the user may have meant as posts. A generator has its own rules for them; in a plain folder they are
/// probably mistakes.
fn unread_text(name: &str, extension: Option<&str>) -> Kind {
    match extension {
        // The ledgers of Letterpress.
        Some("txt") if ["ids", "pages"].iter().any(|registry| name.starts_with(registry)) => Kind::Other,
        Some("txt" | "text") => Kind::Foreign("plain text"),
        Some("html" | "htm" | "xhtml") => Kind::Foreign("HTML"),
        Some("doc" | "docx" | "odt" | "rtf" | "pages" | "hwp" | "hwpx" | "wps") => {
            Kind::Foreign("a word processor's document")
        }
        Some("toml" | "yaml" | "yml") => Kind::Foreign("data"),
        Some("tex" | "typ") => Kind::Foreign("TeX or Typst"),
        Some("bak" | "orig" | "old" | "rej" | "tmp") => Kind::Foreign("a backup copy"),
        Some(extension) if extension.ends_with('~') => Kind::Foreign("a backup copy"),
        // `.md` is missing or misspelled.
        Some("m" | "mk" | "markdow" | "makrdown" | "mdd" | "dm") => {
            Kind::Foreign("a file without the ending .md")
        }
        None if name.chars().any(char::is_lowercase) => Kind::Foreign("a file without the ending .md"),
        _ => Kind::Other,
    }
}

/// Whether the name is that of a section page: `_index.md`, `_index.ko.md`.
pub(super) fn is_section_page(name: &str) -> bool {
    name.rsplit_once('.').is_some_and(|(stem, _)| language::split(stem).0 == "_index")
}

/// Folders of a generator that contain no posts.
pub(super) fn is_passed_over(name: &str, generator: Generator) -> bool {
    let is_private = name.starts_with('_') && !matches!(name, "_posts" | "_drafts" | I18N);
    match generator {
        Generator::Jekyll => is_private || matches!(name, "node_modules" | "vendor"),
        Generator::Eleventy => matches!(name, "node_modules" | "_includes" | "_layouts" | "_data" | "_site"),
        _ => name == "node_modules",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn name(
        generator: Generator,
        prefix: &str,
        relative: &str,
    ) -> Result<(String, String, String), SkipReason> {
        let text = "[site]\ntitle = \"t\"\nurl = \"https://example.com\"\nlanguage = \"ko\"\n";
        let config = crate::config::parse(text, "config.toml", Utf8Path::new(".")).unwrap();
        let site = Site::bare(generator, prefix.into());
        read(Utf8Path::new(relative), &site, &config)
            .map(|name| (name.day.unwrap_or_default(), name.stem, name.folder.to_string()))
    }

    fn says(day: &str, stem: &str, folder: &str) -> (String, String, String) {
        (day.to_owned(), stem.to_owned(), folder.to_owned())
    }

    #[test]
    fn hugo_keeps_the_day_of_a_name_and_zola_strips_it() {
        for (generator, stem) in [(Generator::Hugo, "2024-05-01-글"), (Generator::Zola, "글")] {
            for file in ["2024-05-01-글.md", "2024-05-01-글/index.md", "2024-05-01-글/index.ko.md"] {
                assert_eq!(name(generator, "posts", file), Ok(says("2024-05-01", stem, "posts")), "{file}");
            }
            assert_eq!(name(generator, "", "a.ja.md"), Err(SkipReason::Language("ja".to_owned())));
        }
        assert_eq!(name(Generator::Zola, "", "2024-05-01T09:00:00Z-a.md"), Ok(says("2024-05-01", "a", "")));
    }

    #[test]
    fn jekyll_takes_categories_from_the_folders_above_posts_only() {
        let posts = name(Generator::Jekyll, "", "ko/news/_posts/2013/2013-05-06-title.md");
        assert_eq!(posts, Ok(says("2013-05-06", "title", "ko/news")));
        let translated = |language: &str| {
            name(Generator::Jekyll, "", &format!("_i18n/{language}/news/_posts/2013-05-06-a.md"))
        };
        assert_eq!(translated("ko"), Ok(says("2013-05-06", "a", "news")));
        assert_eq!(translated("ja"), Err(SkipReason::Language("ja".to_owned())));
        assert_eq!(name(Generator::Jekyll, "", "about.md"), Err(SkipReason::Page));
        let recipe = name(Generator::Jekyll, "_recipes", "2013-05-06-soup.md");
        assert_eq!(recipe, Ok(says("2013-05-06", "soup", "_recipes")));
        assert_eq!(name(Generator::Jekyll, "_posts", "about.md"), Err(SkipReason::Name));
        assert_eq!(name(Generator::Jekyll, "_drafts", "about.md"), Err(SkipReason::Draft));
    }

    #[test]
    fn pages_of_pelican_are_not_posts() {
        assert_eq!(name(Generator::Pelican, "", "pages/about.md"), Err(SkipReason::Page));
        assert_eq!(name(Generator::Pelican, "", "Go/2015-01-02_a.md"), Ok(says("2015-01-02", "a", "Go")));
    }

    #[test]
    fn sections_and_other_formats_are_not_posts() {
        assert!(
            is_section_page("_index.md") && is_section_page("_index.ko.md") && !is_section_page("index.md")
        );
        assert_eq!(kind("a.MKD", Generator::Plain), Kind::Post);
        assert_eq!(kind("a.html", Generator::Plain), Kind::Foreign("HTML"));
        for name in ["note.txt", "a.docx", "a.md~", "a.md.bak", "2026-11-29-letter"] {
            assert!(matches!(kind(name, Generator::Plain), Kind::Foreign(_)), "{name}");
            assert_eq!(kind(name, Generator::Hugo), Kind::Other, "{name}");
        }
        for name in ["ids.txt", "pages-ko.txt", "cover.png", "LICENSE", "talk.mp3"] {
            assert_eq!(kind(name, Generator::Plain), Kind::Other, "{name}");
        }
        assert_eq!(kind("a.html", Generator::Jekyll), Kind::Post);
        assert_eq!(kind("a.rst", Generator::Pelican), Kind::Foreign("reStructuredText"));
    }
}
