//! One file of the folder, read: everything that a post is but its id, which needs all the others. Pure: bytes in,
//! manuscript out.

use camino::Utf8Path;
use chrono::{DateTime, FixedOffset, Utc};
use url::Url;

use super::enclosure;
use super::front_matter::fields::Lined;
use super::front_matter::{self, Fields, Stated, dates};
use super::ids::{Given, Sighting, content_hash};
use super::links::{self, Purpose};
use super::markdown;
use super::permalink::{self, Parts, PermalinkError};
use super::{Post, WhyLeftOut, encoding};
use crate::config::Config;
use crate::finding::Finding;
use crate::text::{HeaderText, XmlText};

/// The longest body, in bytes; a novel has one megabyte.
pub(super) const MAX_BODY: usize = 10_000_000;

/// A longer title is cut by mail programs and feed readers.
const LONG_TITLE: usize = 150;

/// After so many removed characters only their number is said.
const MAX_REMOVALS: usize = 20;

/// A file's name.
#[derive(Debug, Clone, Copy)]
pub(super) struct Name<'n> {
    /// Relative to the folder of posts, with `/`.
    pub relative: &'n Utf8Path,
    /// As the user would type it.
    pub source: &'n Utf8Path,
}

/// A post without its id.
#[derive(Debug, Clone)]
pub(super) struct Manuscript {
    post: Post,
    updated: Option<DateTime<FixedOffset>>,
    relative: String,
    id: Option<Lined<String>>,
    hash: String,
    enclosure: Option<Lined<Stated>>,
    /// Warnings and notes.
    pub findings: Vec<Finding>,
}

impl Manuscript {
    /// Reads a file; `Ok(Err(_))` is a file that is fine but not published now. All errors are named.
    pub(super) fn read(
        bytes: Vec<u8>,
        name: Name<'_>,
        config: &Config,
        now: DateTime<Utc>,
    ) -> Result<Result<Self, WhyLeftOut>, Vec<Finding>> {
        let file = name.source.as_str();
        let text = encoding::decode(bytes, file).map_err(|finding| vec![finding])?;
        let parts = front_matter::split(&text, file).map_err(|finding| vec![finding])?;
        let (mut fields, errors) = front_matter::fields::read(&parts.entries, file, config.site.timezone);
        // A draft may be as unfinished as it likes.
        if fields.draft {
            return Ok(Err(WhyLeftOut::Draft));
        }
        if !errors.is_empty() {
            return Err(errors);
        }
        let (day, stem) = split_name(name.relative);
        fields.date = fields.date.or_else(|| dates::parse(day?, config.site.timezone).ok());
        let Some(published) = fields.date else { return Ok(Err(WhyLeftOut::Undated)) };
        if published > now {
            return Ok(Err(WhyLeftOut::Future(published)));
        }
        let mut writer = Writer { file, config, errors: Vec::new(), findings: Vec::new() };
        let manuscript = writer.write(fields, &parts, &Stamp { published, now, stem }, name);
        match manuscript {
            Some(manuscript) if writer.errors.is_empty() => {
                Ok(Ok(Self { findings: writer.findings, ..manuscript }))
            }
            _ => Err(writer.errors),
        }
    }

    /// What the id ledger needs to know.
    pub(super) fn sighting(&self) -> Sighting {
        Sighting {
            path: self.relative.clone(),
            source: self.post.source.to_string(),
            id: self.id.clone(),
            slug: self.post.slug.clone(),
            published: self.post.published,
            updated: self.updated,
            hash: self.hash.clone(),
        }
    }

    /// Takes in the enclosure, whose local file `length_of` measures: a file relative to the configuration, and its
    /// length if it is there.
    pub(super) fn enclose(
        &mut self,
        config: &Config,
        length_of: impl Fn(&Utf8Path) -> Option<u64>,
    ) -> Result<(), Finding> {
        if let Some(stated) = self.enclosure.take() {
            let (source, page) = (&self.post.source, &self.post.url);
            self.post.enclosure = Some(enclosure::take_in(stated, (source, page), config, length_of)?);
        }
        Ok(())
    }

    /// The page.
    pub(super) fn url(&self) -> &Url {
        &self.post.url
    }

    /// The file, as the user would type it.
    pub(super) fn source(&self) -> &Utf8Path {
        &self.post.source
    }

    /// The post, with what the ledger gave it.
    pub(super) fn publish(self, given: Given) -> Post {
        Post { id: given.id, updated: given.updated, ..self.post }
    }
}

/// The day in a file's name, and the rest of the name; a bundle's name is its folder's.
fn split_name(relative: &Utf8Path) -> (Option<&str>, &str) {
    let stem = relative.file_stem().unwrap_or_default();
    let name = match relative.parent().and_then(Utf8Path::file_name) {
        Some(folder) if stem == "index" => folder,
        _ => stem,
    };
    match dates::in_name(name) {
        Some((day, "")) => (Some(day), name),
        Some((day, rest)) => (Some(day), rest),
        None => (None, name),
    }
}

struct Stamp<'n> {
    published: DateTime<FixedOffset>,
    now: DateTime<Utc>,
    stem: &'n str,
}

struct Writer<'w> {
    file: &'w str,
    config: &'w Config,
    errors: Vec<Finding>,
    findings: Vec<Finding>,
}

impl Writer<'_> {
    fn write(
        &mut self,
        fields: Fields,
        parts: &front_matter::Parts<'_>,
        stamp: &Stamp<'_>,
        name: Name<'_>,
    ) -> Option<Manuscript> {
        let body = self.body(parts);
        let (title, body) = self.title(fields.title, body, parts.body_line);
        let slug = self.slug(fields.slug, stamp.stem);
        let category = fields.categories.first().map(HeaderText::as_str);
        let url = slug
            .as_deref()
            .and_then(|slug| self.url(fields.path, Parts { slug, published: stamp.published, category }));
        let updated = self.updated(fields.updated, stamp.now);
        let (title, slug, url) = (title?, slug?, url?);
        let image = self.image(fields.image, &url);
        let in_reply_to = self.replies(fields.in_reply_to, &url);
        let hash = content_hash(title.as_str(), body.as_str());
        let post = Post {
            source: name.source.to_owned(),
            body_line: parts.body_line,
            id: String::new(),
            url,
            slug,
            title,
            published: stamp.published,
            updated: stamp.published,
            authors: fields.authors,
            categories: fields.categories,
            tags: fields.tags,
            summary: fields.summary,
            language: fields.language.filter(|language| *language != self.config.site.language),
            image,
            enclosure: None,
            in_reply_to,
            newsletter: fields.newsletter,
            body,
        };
        let relative = name.relative.to_string();
        let enclosure = fields.enclosure;
        Some(Manuscript { post, updated, relative, id: fields.id, hash, enclosure, findings: Vec::new() })
    }

    fn body(&mut self, parts: &front_matter::Parts<'_>) -> XmlText {
        if parts.body.len() > MAX_BODY {
            let message = format!("the text is {} MB long; 10 MB is the limit", parts.body.len() / 1_000_000);
            self.errors
                .push(self.error("post-size", parts.body_line, message).hint("make several posts of it"));
            return XmlText::default();
        }
        let (body, removed) = XmlText::clean(parts.body);
        let mut line = 0;
        for removed in removed.iter().take(MAX_REMOVALS) {
            if removed.line == line {
                continue;
            }
            line = removed.line;
            let message = format!(
                "the character U+{:04X} may not stand in a feed and is left out",
                u32::from(removed.char)
            );
            let finding =
                Finding::warning("post-character", self.file, message).at(parts.body_line + line - 1);
            self.findings
                .push(finding.hint("delete it; an editor shows it when invisible characters are shown"));
        }
        if removed.len() > MAX_REMOVALS {
            let message =
                format!("{} characters of the text may not stand in a feed and are left out", removed.len());
            self.findings.push(Finding::warning("post-character", self.file, message));
        }
        body
    }

    /// The title, and the body without the heading that it was taken from.
    fn title(
        &mut self,
        stated: Option<Lined<String>>,
        body: XmlText,
        body_line: usize,
    ) -> (Option<HeaderText>, XmlText) {
        let (line, raw, body) = if let Some(title) = stated {
            (title.line, title.value, body)
        } else {
            let Some(heading) = markdown::first_heading(body.as_str()) else {
                let hint = "add `title: …` to the front matter, or begin the text with a heading: # …";
                self.errors.push(self.error("post-title", 1, "the post has no title").hint(hint));
                return (None, body);
            };
            (body_line + heading.lines.0 - 1, heading.text, without_lines(&body, heading.lines))
        };
        match HeaderText::parse(&raw) {
            Ok(title) => {
                let length = title.as_str().chars().count();
                if length > LONG_TITLE {
                    let message = format!(
                        "the title is {length} characters long, and mail programs and feed readers will cut it"
                    );
                    self.findings.push(
                        Finding::warning("post-title", self.file, message).at(line).hint("150 are enough"),
                    );
                }
                (Some(title), body)
            }
            Err(error) => {
                let message = format!("the title cannot be used: {error}");
                self.errors.push(
                    self.error("post-title", line, message).hint("write a title of letters that can be seen"),
                );
                (None, body)
            }
        }
    }

    fn slug(&mut self, stated: Option<Lined<String>>, stem: &str) -> Option<String> {
        let (line, raw) = stated.map_or((1, stem.to_owned()), |slug| (slug.line, slug.value));
        permalink::slug(&raw).map_err(|error| self.refuse_address(&error, line)).ok()
    }

    fn url(&mut self, own: Option<Lined<String>>, parts: Parts<'_>) -> Option<Url> {
        let (line, own) = own.map_or((1, None), |own| (own.line, Some(own.value.trim().to_owned())));
        let (site, pattern) = (&self.config.site.url, &self.config.archive.permalink);
        permalink::page(site, pattern, own.as_deref(), parts)
            .map_err(|error| self.refuse_address(&error, line))
            .ok()
    }

    fn refuse_address(&mut self, error: &PermalinkError, line: usize) {
        let hint = "write `slug: my-post` or a path such as `permalink: /notes/my-post/`";
        self.errors.push(self.error("post-address", line, error.to_string()).hint(hint));
    }

    /// An update that is still to come would make the feed lie until then.
    fn updated(
        &mut self,
        stated: Option<Lined<DateTime<FixedOffset>>>,
        now: DateTime<Utc>,
    ) -> Option<DateTime<FixedOffset>> {
        let stated = stated?;
        if stated.value <= now {
            return Some(stated.value);
        }
        let finding = Finding::warning(
            "post-date",
            self.file,
            "the date of the update is still to come and does not count until then",
        );
        self.findings.push(finding.at(stated.line).hint("write the day on which the text last changed"));
        None
    }

    fn image(&mut self, stated: Option<Lined<String>>, page: &Url) -> Option<Url> {
        let stated = stated?;
        let url = links::absolute(page, &stated.value, Purpose::Resource);
        match url.map(|url| Url::parse(&url)) {
            Ok(Ok(url)) => Some(url),
            Ok(Err(_)) => None,
            Err(error) => {
                let finding =
                    Finding::warning("post-image", self.file, format!("the picture is left out: {error}"));
                self.findings.push(
                    finding.at(stated.line).hint("write an https: address, or one relative to the post"),
                );
                None
            }
        }
    }

    fn replies(&mut self, stated: Vec<Lined<String>>, page: &Url) -> Vec<Url> {
        let mut replies = Vec::with_capacity(stated.len());
        for Lined { line, value } in stated {
            match links::absolute(page, &value, Purpose::Link).map(|url| Url::parse(&url)) {
                Ok(Ok(url)) if !replies.contains(&url) => replies.push(url),
                Ok(_) => {}
                Err(error) => {
                    let message = format!("what the post answers is left out: {error}");
                    let finding = Finding::warning("post-reply", self.file, message).at(line);
                    self.findings.push(finding.hint("write the address of the page in full"));
                }
            }
        }
        replies
    }

    fn error(&self, rule: &'static str, line: usize, message: impl Into<String>) -> Finding {
        Finding::error(rule, self.file, message).at(line)
    }
}

/// Empties lines instead of taking them out, so that every other line keeps its number.
fn without_lines(body: &XmlText, (first, last): (usize, usize)) -> XmlText {
    let mut kept = String::with_capacity(body.as_str().len());
    for (number, line) in body.as_str().split_inclusive('\n').enumerate() {
        kept.push_str(if (first..=last).contains(&(number + 1)) { "\n" } else { line });
    }
    XmlText::clean(&kept).0
}

#[cfg(test)]
mod tests {
    use super::*;

    fn config() -> Config {
        let text = "[site]\ntitle = \"t\"\nurl = \"https://example.com\"\nlanguage = \"ko\"\ntimezone = \"Asia/Seoul\"\n";
        crate::config::parse(text, "config.toml", Utf8Path::new(".")).unwrap()
    }

    fn read(relative: &str, text: &str) -> Result<Result<Manuscript, WhyLeftOut>, Vec<Finding>> {
        let source = Utf8Path::new("posts").join(relative);
        let name = Name { relative: Utf8Path::new(relative), source: &source };
        let now = DateTime::parse_from_rfc3339("2024-06-01T00:00:00Z").unwrap().to_utc();
        Manuscript::read(text.as_bytes().to_vec(), name, &config(), now)
    }

    fn post(relative: &str, text: &str) -> Post {
        read(relative, text).unwrap().unwrap().post
    }

    fn refusal(relative: &str, text: &str) -> String {
        read(relative, text).unwrap_err().iter().map(ToString::to_string).collect::<Vec<_>>().join("\n")
    }

    #[test]
    fn a_file_name_and_a_heading_are_enough_for_a_post() {
        let post = post("2024-05-01-안녕.md", "\n# 제목 *하나*\n\n본문\n");
        assert_eq!(post.title.as_str(), "제목 하나");
        assert_eq!(post.slug, "안녕");
        assert_eq!(post.published.to_rfc3339(), "2024-05-01T00:00:00+09:00");
        assert_eq!(post.body.as_str(), "\n\n\n본문\n", "the heading is not repeated, and no line moves");
        assert_eq!(post.url.as_str(), "https://example.com/%EC%95%88%EB%85%95/");
    }

    #[test]
    fn a_bundle_is_named_by_its_folder_and_its_pictures_lie_in_its_page() {
        let post = post("2024-05-01-여행/index.md", "+++\ntitle = \"a\"\nimage = \"1.jpg\"\n+++\n");
        assert_eq!(post.slug, "여행");
        assert_eq!(post.image.unwrap().as_str(), "https://example.com/%EC%97%AC%ED%96%89/1.jpg");
    }

    #[test]
    fn drafts_future_and_undated_posts_stay_out_whatever_else_is_wrong_with_a_draft() {
        assert_eq!(
            read("a.md", "---\ndraft: true\ndate: soon\n---\n").unwrap().unwrap_err(),
            WhyLeftOut::Draft
        );
        assert_eq!(read("a.md", "---\ntitle: a\n---\n").unwrap().unwrap_err(), WhyLeftOut::Undated);
        let why = read("a.md", "---\ntitle: a\ndate: 2024-06-02\n---\n").unwrap().unwrap_err();
        assert!(matches!(why, WhyLeftOut::Future(date) if date.to_rfc3339() == "2024-06-02T00:00:00+09:00"));
    }

    #[test]
    fn everything_that_is_wrong_with_a_post_is_said_at_once() {
        let found = refusal("2024-05-01-a.md", "---\ntitle: \"\\u202e\"\nslug: ../../etc\n---\n");
        assert!(found.contains("posts/2024-05-01-a.md:2: error: the title cannot be used: it holds the control character U+202E"), "{found}");
        assert!(found.contains("posts/2024-05-01-a.md:3: error: the slug"), "{found}");
        assert!(refusal("2024-05-01-a.md", "no heading").contains("the post has no title"));
    }

    #[test]
    fn control_characters_go_with_a_warning_that_names_the_line() {
        let manuscript =
            read("2024-05-01-a.md", "---\ntitle: a\n---\none\ntwo\u{B}\u{8}\n").unwrap().unwrap();
        assert_eq!(manuscript.post.body.as_str(), "one\ntwo\n");
        assert_eq!(manuscript.findings.len(), 1);
        assert!(
            manuscript.findings[0]
                .to_string()
                .starts_with("posts/2024-05-01-a.md:5: warning: the character U+000B")
        );
    }

    #[test]
    fn an_update_in_the_future_does_not_count() {
        let manuscript =
            read("2024-05-01-a.md", "---\ntitle: a\nupdated: 2030-01-01\n---\n").unwrap().unwrap();
        assert_eq!(manuscript.updated, None);
        assert_eq!(manuscript.findings[0].line, Some(3));
    }

    #[test]
    fn a_body_beyond_ten_megabytes_is_refused() {
        let text = format!("---\ntitle: a\n---\n{}", "x".repeat(MAX_BODY + 1));
        assert!(refusal("2024-05-01-a.md", &text).contains("10 MB is the limit"));
    }
}
