//! The file of a new post: its name and its front matter, in the style of the existing posts. Pure.

use camino::{Utf8Path, Utf8PathBuf};
use chrono::{DateTime, Datelike as _, FixedOffset};

use super::{generators, slugs};
use crate::config::Generator;
use crate::text::HeaderText;

/// The syntax of front matter.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Syntax {
    /// Between `+++`.
    Toml,
    /// Between `---`.
    Yaml,
    /// Pelican's `Key: value`.
    Lines,
}

impl Syntax {
    /// The syntax of a post, from its first line.
    pub fn of(text: &str) -> Option<Self> {
        let first = text.trim_start_matches('\u{FEFF}').lines().next().unwrap_or_default().trim_end();
        match first {
            "+++" | "---toml" => Some(Self::Toml),
            "---" | "---yaml" => Some(Self::Yaml),
            _ if first.to_ascii_lowercase().starts_with("title:") => Some(Self::Lines),
            _ => None,
        }
    }
}

/// The style of the posts in the archive.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Conventions {
    /// The generator of the site.
    pub generator: Generator,
    /// The folder for new posts, relative to the folder of posts; parts that are dates come from the newest post.
    pub folder: Utf8PathBuf,
    /// The syntax of front matter.
    pub syntax: Syntax,
    /// Whether the name begins with the day.
    pub dated: bool,
    /// The language suffix of the name: `post.ko.md`.
    pub language: Option<String>,
}

/// A post to be created.
#[derive(Debug, Clone)]
pub struct NewPost<'a> {
    /// The title.
    pub title: &'a HeaderText,
    /// The slug; `None` means that it is made from the title.
    pub slug: Option<&'a str>,
    /// When it is published.
    pub date: DateTime<FixedOffset>,
    /// Whether it is a draft.
    pub draft: bool,
}

/// The file, relative to the folder of posts, and its text. `None` if the title has no characters for a file name.
pub fn lay_out(post: &NewPost<'_>, conventions: &Conventions) -> Option<(Utf8PathBuf, String)> {
    let slug = slugs::file_name(post.slug.unwrap_or(post.title.as_str()));
    if slug.is_empty() {
        return None;
    }
    let waits_apart = post.draft && conventions.generator == Generator::Jekyll;
    let day = if conventions.dated && !waits_apart {
        post.date.format("%Y-%m-%d-").to_string()
    } else {
        String::new()
    };
    let language = conventions.language.as_ref().map(|language| format!(".{language}")).unwrap_or_default();
    let folder = dated_like(&conventions.folder, post.date);
    // Jekyll keeps drafts in a separate folder, beside that of the posts.
    let folder =
        if waits_apart { folder.to_string().replacen("_posts", "_drafts", 1).into() } else { folder };
    Some((folder.join(format!("{day}{slug}{language}.md")), text(post, conventions)))
}

/// `2026/11` for a post in November if the newest post is in `2025/08`.
fn dated_like(folder: &Utf8Path, date: DateTime<FixedOffset>) -> Utf8PathBuf {
    let mut parts =
        vec![format!("{:02}", date.day()), format!("{:02}", date.month()), date.year().to_string()];
    folder
        .components()
        .map(|part| {
            let part = part.as_str();
            let is_number = part.bytes().all(|byte| byte.is_ascii_digit());
            let is_date = is_number && part.len() == parts.last().map_or(0, String::len);
            if is_date { parts.pop().unwrap_or_default() } else { part.to_owned() }
        })
        .collect()
}

/// What the generator calls the date: Astro expects `pubDate`.
fn date_key(generator: Generator) -> &'static str {
    let keys = generators::rules(generator).map_or(&[][..], |rules| rules.keys);
    keys.iter().find(|(_, key)| *key == "date").map_or("date", |(name, _)| name)
}

fn text(post: &NewPost<'_>, conventions: &Conventions) -> String {
    let quoted = serde_json::Value::from(post.title.as_str()).to_string();
    let at = post.date.format("%Y-%m-%dT%H:%M:%S%:z");
    let jekyll = conventions.generator == Generator::Jekyll;
    match conventions.syntax {
        Syntax::Toml => {
            let draft = if post.draft { "draft = true\n" } else { "" };
            format!("+++\ntitle = {quoted}\ndate = {at}\n{draft}+++\n\n")
        }
        Syntax::Yaml if jekyll => {
            let date = if post.draft {
                String::new()
            } else {
                post.date.format("date: %Y-%m-%d %H:%M:%S %z\n").to_string()
            };
            format!("---\nlayout: post\ntitle: {quoted}\n{date}---\n\n")
        }
        Syntax::Yaml => {
            let draft = if post.draft { "draft: true\n" } else { "" };
            let date = date_key(conventions.generator);
            format!("---\ntitle: {quoted}\n{date}: {at}\n{draft}---\n\n")
        }
        Syntax::Lines => {
            let draft = if post.draft { "Status: draft\n" } else { "" };
            format!("Title: {}\nDate: {}\n{draft}\n", post.title, post.date.format("%Y-%m-%d %H:%M"))
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn conventions(generator: Generator, folder: &str, syntax: Syntax, dated: bool) -> Conventions {
        Conventions { generator, folder: folder.into(), syntax, dated, language: None }
    }

    fn made(title: &str, draft: bool, conventions: &Conventions) -> (String, String) {
        let title = HeaderText::parse(title).unwrap();
        let date = DateTime::parse_from_rfc3339("2026-11-29T18:20:00+09:00").unwrap();
        let post = NewPost { title: &title, slug: None, date, draft };
        let (path, text) = lay_out(&post, conventions).unwrap();
        (path.to_string(), text)
    }

    #[test]
    fn a_korean_title_gives_a_readable_name() {
        let plain = conventions(Generator::Plain, "", Syntax::Toml, true);
        let (path, text) = made("천천히, 오는 \"편지\"!", false, &plain);
        assert_eq!(path, "2026-11-29-천천히-오는-편지.md");
        assert_eq!(
            text,
            "+++\ntitle = \"천천히, 오는 \\\"편지\\\"!\"\ndate = 2026-11-29T18:20:00+09:00\n+++\n\n"
        );
    }

    #[test]
    fn each_generator_gets_its_own_folder_name_and_front_matter() {
        let of = |generator, folder, syntax, dated, draft| {
            made("A: b", draft, &conventions(generator, folder, syntax, dated))
        };
        let (path, text) = of(Generator::Hugo, "posts/2025/08", Syntax::Yaml, false, true);
        assert_eq!(path, "posts/2026/11/a-b.md");
        assert_eq!(text, "---\ntitle: \"A: b\"\ndate: 2026-11-29T18:20:00+09:00\ndraft: true\n---\n\n");
        let (path, text) = of(Generator::Jekyll, "_posts", Syntax::Yaml, true, false);
        assert_eq!(path, "_posts/2026-11-29-a-b.md");
        assert_eq!(text, "---\nlayout: post\ntitle: \"A: b\"\ndate: 2026-11-29 18:20:00 +0900\n---\n\n");
        let (path, text) = of(Generator::Jekyll, "news/_posts", Syntax::Yaml, true, true);
        assert_eq!((path.as_str(), text.contains("date")), ("news/_drafts/a-b.md", false));
        let (_, text) = of(Generator::Astro, "", Syntax::Yaml, false, true);
        assert!(text.contains("\npubDate: 2"), "{text}");
        let (path, text) = of(Generator::Pelican, "Go", Syntax::Lines, false, true);
        assert_eq!(path, "Go/a-b.md");
        assert_eq!(text, "Title: A: b\nDate: 2026-11-29 18:20\nStatus: draft\n\n");
    }

    #[test]
    fn the_name_has_a_language_suffix_in_a_multilingual_site() {
        let hugo = Conventions {
            language: Some("ko".to_owned()),
            ..conventions(Generator::Hugo, "posts", Syntax::Toml, false)
        };
        assert_eq!(made("a", false, &hugo).0, "posts/a.ko.md");
    }

    #[test]
    fn a_title_without_letters_gives_no_name() {
        let title = HeaderText::parse("?!").unwrap();
        let date = DateTime::parse_from_rfc3339("2026-11-29T18:20:00+09:00").unwrap();
        let post = NewPost { title: &title, slug: None, date, draft: false };
        assert_eq!(lay_out(&post, &conventions(Generator::Plain, "", Syntax::Toml, true)), None);
    }
}
