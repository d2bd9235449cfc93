//! One file of the folder, read: everything that a post is but its id, which needs all the others. Pure: bytes in,
//! manuscript out.

use camino::Utf8Path;
use chrono::{DateTime, FixedOffset, Utc};
use url::Url;

use super::front_matter::fields::Lined;
use super::front_matter::{self, Fields, customs};
use super::house_rules::{Setting, categories_of_folders, published, words_of};
use super::ids::{Given, Sighting, content_hash};
use super::links::{self, Purpose};
use super::pages::Pages;
use super::permalink::{self, Parts, PermalinkError};
use super::templating::{self, Surroundings};
use super::{Post, WhyLeftOut, encoding, naming};
use super::{html_body, markdown};
use crate::config::Generator;
use crate::finding::{Finding, Severity};
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
    /// When it expires.
    pub until: Option<DateTime<FixedOffset>>,
    /// Warnings and notes.
    pub findings: Vec<Finding>,
}

impl Manuscript {
    /// Reads a file; `Ok(Err(_))` is a file that is fine but not published now. All errors are named.
    pub(super) fn read(
        bytes: Vec<u8>,
        name: Name<'_>,
        setting: Setting<'_>,
    ) -> Result<Result<Self, WhyLeftOut>, Vec<Finding>> {
        let Setting { config, site, .. } = setting;
        let file = name.source.as_str();
        let told = match naming::read(name.relative, site, config) {
            Ok(told) => told,
            Err(why) => return Ok(Err(why)),
        };
        let text = encoding::decode(bytes, file).map_err(|finding| vec![finding])?;
        let mut parts =
            front_matter::split_for(&text, file, site.generator).map_err(|finding| vec![finding])?;
        let is_html =
            name.relative.extension().is_some_and(|end| end.to_ascii_lowercase().starts_with("htm"));
        if parts.body_line == 1 && (is_html || site.generator == Generator::Jekyll) {
            return Ok(Err(if is_html { WhyLeftOut::Page } else { WhyLeftOut::Name }));
        }
        parts.entries = customs::undo(parts.entries, site.generator);
        let (mut fields, mut errors) = front_matter::fields::read(&parts.entries, file, config.site.timezone);
        // A draft may be as unfinished as it likes.
        if fields.draft {
            return Ok(Err(WhyLeftOut::Draft));
        }
        let mut findings = Vec::new();
        if !setting.is_strict() {
            // A field that only Letterpress minds is not worth a post, and a day in the name is a date too.
            let has_day = told.day.is_some();
            let minor =
                |finding: &Finding| finding.rule == "post-field" || has_day && finding.rule == "post-date";
            findings.extend(errors.iter().filter(|finding| minor(finding)).cloned().map(demoted));
            errors.retain(|finding| !minor(finding));
        }
        if !errors.is_empty() {
            return Err(errors);
        }
        let published = match published(&mut fields, told.day.as_deref(), setting) {
            Ok(published) => published,
            Err(why) => return Ok(Err(why)),
        };
        let mut writer = Writer { file, setting, errors: Vec::new(), findings };
        let until = fields.until.as_ref().map(|until| until.value);
        let manuscript = writer.write(fields, &parts, &Stamp { published, told: &told, is_html }, name);
        match manuscript {
            Some(manuscript) if writer.errors.is_empty() => {
                Ok(Ok(Self { findings: writer.findings, until, ..manuscript }))
            }
            _ => Err(writer.errors),
        }
    }

    /// Takes the generator's tags out of the body, now that every page is known.
    pub(super) fn settle(&mut self, pages: &Pages, setting: Setting<'_>) {
        let generator = setting.site.generator;
        let path = setting.site.prefix.join(&self.relative);
        let folder = path.parent().unwrap_or(Utf8Path::new(""));
        let around = Surroundings {
            generator,
            site: &setting.config.site.url,
            page: &self.post.url,
            title: self.post.title.as_str(),
            page_of: &|target| pages.find(folder, target).cloned(),
        };
        let Some(plain) = templating::plain(self.post.body.as_str(), around) else { return };
        for (line, tag) in plain.left_out {
            let message = format!("{tag} is left out: only {} can read it", reader_of(generator));
            let finding = Finding::note("template-tag", self.post.source.as_str(), message);
            self.findings.push(finding.at(self.post.body_line + line - 1));
        }
        self.post.body = XmlText::clean(&plain.text).0;
    }

    /// The file, relative to the folder of posts.
    pub(super) fn relative(&self) -> &str {
        &self.relative
    }

    /// When it was published.
    pub(super) fn published(&self) -> DateTime<FixedOffset> {
        self.post.published
    }

    /// Its language, where it is not the site's.
    pub(super) fn language(&self) -> Option<&str> {
        self.post.language.as_deref()
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

fn reader_of(generator: Generator) -> String {
    if generator == Generator::Plain { "a site generator".to_owned() } else { generator.to_string() }
}

fn demoted(finding: Finding) -> Finding {
    Finding {
        severity: Severity::Warning,
        message: format!("{}, and is passed over", finding.message),
        ..finding
    }
}

struct Stamp<'n> {
    published: DateTime<FixedOffset>,
    told: &'n naming::Name,
    is_html: bool,
}

struct Writer<'w> {
    file: &'w str,
    setting: Setting<'w>,
    errors: Vec<Finding>,
    findings: Vec<Finding>,
}

impl Writer<'_> {
    fn write(
        &mut self,
        mut fields: Fields,
        parts: &front_matter::Parts<'_>,
        stamp: &Stamp<'_>,
        name: Name<'_>,
    ) -> Option<Manuscript> {
        let Setting { config, site, now } = self.setting;
        let body = self.body(parts);
        let (title, body) = self.title(fields.title.take(), body, parts.body_line, &stamp.told.stem);
        categories_of_folders(&mut fields.categories, &stamp.told.categories, site.generator);
        let (slug, url) = self.address(&fields, stamp, title.as_ref().map_or("", HeaderText::as_str));
        let updated = self.updated(fields.updated, now);
        let (title, slug, url) = (title?, slug?, url?);
        let image = self.image(fields.image, &url);
        let hash = content_hash(title.as_str(), body.as_str());
        let body = if stamp.is_html { XmlText::clean(&html_body::block(body.as_str())).0 } else { body };
        let language = fields.language.or_else(|| stamp.told.language.clone());
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
            language: language.filter(|language| *language != config.site.language),
            image,
            newsletter: fields.newsletter,
            body,
        };
        let relative = name.relative.to_string();
        Some(Manuscript { post, updated, relative, id: fields.id, hash, until: None, findings: Vec::new() })
    }

    /// The last part of the address, and the whole of it.
    fn address(&mut self, fields: &Fields, stamp: &Stamp<'_>, title: &str) -> (Option<String>, Option<Url>) {
        let Setting { config, site, .. } = self.setting;
        let (generator, told) = (site.generator, stamp.told);
        let (line, raw) = match &fields.slug {
            Some(slug) => (slug.line, permalink::own_slug(generator, &slug.value)),
            None => (1, permalink::default_slug(generator, &told.stem, title)),
        };
        let slug = permalink::slug(&raw).map_err(|error| self.refuse_address(&error, line)).ok();
        let own_slug = fields.slug.as_ref().and(slug.as_deref());
        // Jekyll's days are those of the site, everybody else's are those of the post.
        let published = match generator {
            Generator::Jekyll => stamp.published.with_timezone(&config.site.timezone).fixed_offset(),
            _ => stamp.published,
        };
        let stem = permalink::slug(&told.stem).unwrap_or_else(|_| raw.clone());
        let parts = Parts {
            generator,
            slug: if generator == Generator::Plain { slug.as_deref() } else { own_slug },
            stem: &stem,
            title,
            folder: &told.folder,
            published,
            categories: &fields.categories,
            author: fields.authors.first().map(|author| author.name.as_str()),
            language: &config.site.language,
        };
        let language = told.language.as_deref().filter(|_| config.archive.language.is_some());
        let (line, own) = match &fields.path {
            Some(own) => (own.line, Some(own.value.trim())),
            None => (line, None),
        };
        let pattern = config.archive.pattern(&told.folder);
        let url = permalink::page(&config.site.url, pattern, own, language, parts);
        let url = match url {
            Ok(url) => Some(url),
            Err(error) => {
                self.refuse_address(&error, line);
                None
            }
        };
        (slug, url)
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
        stem: &str,
    ) -> (Option<HeaderText>, XmlText) {
        let generator = self.setting.site.generator;
        let (line, raw, body) = if let Some(title) = stated {
            (title.line, title.value, body)
        } else if generator == Generator::Jekyll {
            (1, words_of(stem), body)
        } else {
            let Some(heading) = markdown::first_heading(body.as_str()) else {
                if generator != Generator::Plain {
                    return (HeaderText::parse(&words_of(stem)).ok(), body);
                }
                let hint = "add `title: …` to the front matter, or begin the text with a heading: # …";
                self.errors.push(self.error("post-title", 1, "the post has no title").hint(hint));
                return (None, body);
            };
            (body_line + heading.lines.0 - 1, heading.text, without_lines(&body, heading.lines))
        };
        let read = HeaderText::parse(&raw).or_else(|error| self.title_without_marks(&raw, line).ok_or(error));
        match read {
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

    /// Where a post need not be perfect, a title goes without what cannot be seen.
    fn title_without_marks(&mut self, raw: &str, line: usize) -> Option<HeaderText> {
        if self.setting.is_strict() {
            return None;
        }
        let seen: String = raw.chars().filter(|c| HeaderText::parse(&format!("a{c}a")).is_ok()).collect();
        let title = HeaderText::parse(&seen).ok()?;
        let message = "the title holds control characters, which are left out";
        self.findings.push(Finding::warning("post-title", self.file, message).at(line));
        Some(title)
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
    use crate::archive::site::Site;
    use crate::config::Config;

    fn config() -> Config {
        let text = "[site]\ntitle = \"t\"\nurl = \"https://example.com\"\nlanguage = \"ko\"\ntimezone = \"Asia/Seoul\"\n";
        crate::config::parse(text, "config.toml", Utf8Path::new(".")).unwrap()
    }

    fn read(relative: &str, text: &str) -> Result<Result<Manuscript, WhyLeftOut>, Vec<Finding>> {
        let source = Utf8Path::new("posts").join(relative);
        let name = Name { relative: Utf8Path::new(relative), source: &source };
        let now = DateTime::parse_from_rfc3339("2024-06-01T00:00:00Z").unwrap().to_utc();
        let site = Site { generator: Generator::Plain, prefix: Utf8Path::new("").to_owned() };
        let config = config();
        let setting = Setting { config: &config, site: &site, now };
        Manuscript::read(text.as_bytes().to_vec(), name, setting)
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
