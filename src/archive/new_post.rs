//! The file of a post that is about to be written: its name and its front matter, as the archive writes them. Pure.

use camino::{Utf8Path, Utf8PathBuf};
use chrono::{DateTime, Datelike as _, FixedOffset};

use super::slugs;
use crate::config::Generator;
use crate::text::HeaderText;

/// How front matter is written.
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
    /// The syntax of a post, by its first line.
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

/// How the archive names and begins its posts.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Conventions {
    /// Whose site it is.
    pub generator: Generator,
    /// The folder for new posts, relative to the folder of posts; folders that are dates are those of the newest post.
    pub folder: Utf8PathBuf,
    /// How front matter is written.
    pub syntax: Syntax,
    /// The day stands in front of the name.
    pub dated: bool,
    /// The language that stands behind the name: `post.ko.md`.
    pub language: Option<String>,
}

/// A post that is about to be written.
#[derive(Debug, Clone)]
pub struct NewPost<'a> {
    /// The title.
    pub title: &'a HeaderText,
    /// The name for its address; without it one is made of the title.
    pub slug: Option<&'a str>,
    /// When it is published.
    pub date: DateTime<FixedOffset>,
    /// It waits.
    pub draft: bool,
}

/// The file, relative to the folder of posts, and its text. `None` if nothing of the title can stand in a file name.
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
    // Drafts of Jekyll's lie in a folder of their own, beside that of the posts.
    let folder =
        if waits_apart { folder.to_string().replacen("_posts", "_drafts", 1).into() } else { folder };
    Some((folder.join(format!("{day}{slug}{language}.md")), text(post, conventions)))
}

/// `2026/11` for a post of November, where the newest one lies in `2025/08`.
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
            format!("---\ntitle: {quoted}\ndate: {at}\n{draft}---\n\n")
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
    fn a_korean_title_makes_a_name_that_can_be_read() {
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
        let (path, text) = of(Generator::Pelican, "Go", Syntax::Lines, false, true);
        assert_eq!(path, "Go/a-b.md");
        assert_eq!(text, "Title: A: b\nDate: 2026-11-29 18:20\nStatus: draft\n\n");
    }

    #[test]
    fn a_language_stands_behind_the_name_where_the_site_has_several() {
        let hugo = Conventions {
            language: Some("ko".to_owned()),
            ..conventions(Generator::Hugo, "posts", Syntax::Toml, false)
        };
        assert_eq!(made("a", false, &hugo).0, "posts/a.ko.md");
    }

    #[test]
    fn a_title_of_signs_alone_makes_no_name() {
        let title = HeaderText::parse("?!").unwrap();
        let date = DateTime::parse_from_rfc3339("2026-11-29T18:20:00+09:00").unwrap();
        let post = NewPost { title: &title, slug: None, date, draft: false };
        assert_eq!(lay_out(&post, &conventions(Generator::Plain, "", Syntax::Toml, true)), None);
    }
}
