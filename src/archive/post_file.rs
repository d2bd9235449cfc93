//! Reads one post file into a post without its id; assigning ids needs all posts. Pure: bytes in, post file out.

mod body;
mod held_back;
mod preview;
mod writer;

use camino::Utf8Path;
use chrono::{DateTime, FixedOffset};
use url::Url;

use self::writer::{PostBuilder, PostDates};
use super::enclosure::Measure;
use super::front_matter::mistakes::{self, FrontMatterText};
use super::front_matter::{self, DeclaredEnclosure, Parts, Spanned, doubts, generator_habits};
use super::generator_rules::{ReadContext, published, take_day_of_name};
use super::ids::{AssignedId, PostIdentity};
use super::inherited::Place;
use super::link_targets::LinkTargets;
use super::templating::{self, SiteContext};
use super::{
    MarkdownDialect, Post, SkipReason, enclosure, encoding, generators, html_body, links, markdown, mdx,
    naming, page, quarto,
};
use crate::config::Generator;
use crate::finding::{Finding, Severity};
use crate::text::XmlText;

/// The longest body, in bytes; a novel has about one megabyte.
pub(super) const MAX_BODY: usize = 10_000_000;

/// The name of a file.
#[derive(Debug, Clone, Copy)]
pub(super) struct PostFileName<'n> {
    /// Relative to the folder of posts, with `/`.
    pub relative: &'n Utf8Path,
    /// As the user would type it.
    pub source: &'n Utf8Path,
}

/// A post without its id.
#[derive(Debug, Clone)]
pub(super) struct PostFile {
    post: Post,
    updated: Option<DateTime<FixedOffset>>,
    relative: String,
    id: Option<Spanned<String>>,
    hash: String,
    /// Whether its time of day is that of the first run that sees it.
    is_day_only: bool,
    /// Whether its text can be read without its generator.
    pub is_markdown: bool,
    /// When it expires.
    pub until: Option<DateTime<FixedOffset>>,
    enclosures: Vec<Spanned<DeclaredEnclosure>>,
    /// Warnings and notes.
    pub findings: Vec<Finding>,
}

impl PostFile {
    /// Reads a file; `Ok(Err(_))` is a valid file that is not published now. Reports all errors.
    pub(super) fn read(
        bytes: &[u8],
        name: PostFileName<'_>,
        setting: ReadContext<'_>,
    ) -> Result<Result<Self, SkipReason>, Vec<Finding>> {
        let ReadContext { config, site, .. } = setting;
        let file = name.source.as_str();
        let parsed_name = match naming::read(name.relative, site, config) {
            Ok(parsed_name) => parsed_name,
            Err(why) => return Ok(Err(why)),
        };
        let text = encoding::decode(bytes, file).map_err(|finding| vec![finding])?;
        let extension = name.relative.extension().unwrap_or_default().to_ascii_lowercase();
        let mut parts = front_matter::split_markup(&text, file, &extension, site.generator)
            .map_err(|finding| vec![finding])?;
        let is_html = extension.starts_with("htm");
        if parts.entries.is_empty()
            && parts.body_line == 1
            && (is_html || site.generator == Generator::Jekyll)
        {
            return Ok(Err(if is_html { SkipReason::Page } else { SkipReason::Name }));
        }
        let remarks = held_back::notes(&parts.entries, file);
        // Checks its own keys, before it inherits others.
        let unknown = unknown_keys(&text, file, &parts, setting);
        let path = site.path_of(name.relative);
        let place = Place { path: setting.inherited.path(&path), language: parsed_name.language.as_deref() };
        let (entries, held) = held_back::visibility(parts.entries, file, place, setting);
        let mut unclear = match held {
            Ok(None) => None,
            Ok(Some(why)) => return Ok(Err(why)),
            Err(finding) => Some(finding),
        };
        parts.entries = generator_habits::normalise(entries, site.generator);
        let (mut fields, mut errors) = front_matter::fields::read(&parts.entries, file, &config.site);
        errors.retain(|error| unclear.as_ref().is_none_or(|finding| finding.line != error.line));
        errors.extend(unclear.take());
        // Errors in a draft do not matter yet.
        if fields.draft {
            return Ok(Err(SkipReason::Draft));
        }
        let (unknown, mut findings): (Vec<_>, Vec<_>) =
            unknown.into_iter().partition(|finding| finding.severity == Severity::Error);
        errors.extend(unknown);
        // In the site of a generator, these are doubts about what holds the post back.
        fields.newsletter &= site.generator == Generator::Plain || findings.is_empty();
        findings.extend(remarks);
        if !setting.is_strict() {
            findings.extend(minor_errors(&mut errors, parsed_name.day.is_some()));
        }
        if !errors.is_empty() {
            // A missing title may be a misspelled key, so report those findings too.
            errors.append(&mut findings);
            return Err(errors);
        }
        take_day_of_name(&mut fields, &parsed_name, setting);
        let published = match published(&mut fields, parsed_name.day.as_deref(), setting) {
            Ok(published) => published,
            Err(why) => return Ok(Err(why)),
        };
        let mut writer = PostBuilder { file, setting, errors: Vec::new(), findings };
        let until = fields.until.as_ref().map(|until| until.value);
        let post_file =
            writer.write(fields, &parts, &PostDates { published, parsed_name: &parsed_name, is_html }, name);
        match post_file {
            Some(post_file) if writer.errors.is_empty() => {
                Ok(Ok(Self { findings: writer.findings, until, ..post_file }))
            }
            _ => {
                let PostBuilder { mut errors, findings, .. } = writer;
                errors.extend(findings.into_iter().filter(|finding| finding.rule == "post-key"));
                Err(errors)
            }
        }
    }

    /// Replaces the tags of the generator in the body and resolves links to other posts, once all pages are known.
    pub(super) fn resolve(&mut self, pages: &LinkTargets, setting: ReadContext<'_>) {
        let path = setting.site.path_of(Utf8Path::new(&self.relative));
        let folder = path.parent().unwrap_or(Utf8Path::new(""));
        let is_mdx = generators::rules(setting.site.generator).is_some_and(|rules| rules.is_mdx);
        if is_mdx || path.extension().is_some_and(|extension| extension.eq_ignore_ascii_case("mdx")) {
            self.take_out_components();
        }
        if setting.site.generator == Generator::Quarto {
            self.post.body = XmlText::clean(&quarto::shown(self.post.body.as_str())).0;
        }
        self.take_out_tags((pages, folder), setting);
        if setting.site.generator == Generator::Plain {
            self.link_posts(pages, folder);
        }
        if setting.has_pages() {
            self.post.page.file = page::file_of(&setting.config.site.url, &self.post.url);
        }
    }

    /// Resolves `[the other one](other.md)` to the page of that post.
    fn link_posts(&mut self, pages: &LinkTargets, folder: &Utf8Path) {
        for (line, raw) in markdown::links_to_files(self.post.body.as_str()) {
            let end = raw.find(['#', '?']).unwrap_or(raw.len());
            let (name, rest) = raw.split_at(end);
            let found = pages.find(folder, &links::readable(name)).and_then(|page| page.join(rest).ok());
            if let Some(page) = found {
                self.post.page.links.insert(raw, page);
                continue;
            }
            let message = format!("{name} is not a published post, so the link is broken");
            let finding = Finding::warning("link-post", self.post.source.as_str(), message);
            let finding = finding.hint("link to the file of a published post, or to the address of a page");
            self.findings.push(finding.at(self.post.body_line + line - 1));
        }
    }

    /// Removes what only a program that runs JavaScript can show.
    fn take_out_components(&mut self) {
        let (text, left_out) = mdx::plain(self.post.body.as_str());
        for (line, part) in left_out {
            let message = format!("{part} is left out: only a site generator can process it");
            let finding = Finding::note("template-tag", self.post.source.as_str(), message);
            self.findings.push(finding.at(self.post.body_line + line - 1));
        }
        self.post.body = XmlText::clean(&text).0;
    }

    fn take_out_tags(&mut self, (pages, folder): (&LinkTargets, &Utf8Path), setting: ReadContext<'_>) {
        let generator = setting.site.generator;
        let around = SiteContext {
            generator,
            site: &setting.config.site.url,
            page: &self.post.url,
            title: self.post.title.as_str(),
            folder,
            pelican: &setting.inherited.pelican,
            page_of: &|target| pages.find(folder, target).cloned(),
        };
        let Some(plain) = templating::expand_shortcodes(self.post.body.as_str(), around) else { return };
        for (line, tag) in plain.left_out {
            let message = format!("{tag} is left out: only {} can process it", reader_of(generator));
            let finding = Finding::note("template-tag", self.post.source.as_str(), message);
            self.findings.push(finding.at(self.post.body_line + line - 1));
        }
        self.post.body = XmlText::clean(&plain.text).0;
    }

    /// Replaces the text by HTML that needs nothing more.
    pub(super) fn replace_text(&mut self, html: &str) {
        self.post.body = XmlText::clean(&html_body::block(html)).0;
        self.post.dialect = MarkdownDialect::default();
        self.findings.retain(|finding| !matches!(finding.rule, "template-tag" | "link-post"));
    }

    /// The title.
    pub(super) fn title(&self) -> &str {
        self.post.title.as_str()
    }

    /// The file, relative to the folder of posts.
    pub(super) fn relative(&self) -> &str {
        &self.relative
    }

    /// When it was published.
    pub(super) fn published(&self) -> DateTime<FixedOffset> {
        self.post.published
    }

    /// Its language, if it is not that of the site.
    pub(super) fn language(&self) -> Option<&str> {
        self.post.language.as_deref()
    }

    /// The post as the id ledger sees it.
    pub(super) fn identity(&self) -> PostIdentity {
        PostIdentity {
            path: self.relative.clone(),
            source: self.post.source.to_string(),
            id: self.id.clone(),
            slug: self.post.slug.clone(),
            published: self.post.published,
            is_day_only: self.is_day_only,
            updated: self.updated,
            hash: self.hash.clone(),
            fingerprint: self.post.fingerprint,
        }
    }

    /// Resolves the enclosures, and measures them and the picture.
    pub(super) fn attach_files(
        &mut self,
        setting: ReadContext<'_>,
        measure: &impl Measure,
    ) -> Result<(), Finding> {
        let place = (self.post.source.as_path(), &self.post.url);
        for stated in std::mem::take(&mut self.enclosures) {
            match enclosure::take_in(stated, place, setting.config, measure) {
                Ok(found) if self.post.enclosures.iter().any(|known| known.url == found.url) => {}
                Ok(found) => self.post.enclosures.push(found),
                Err(finding) if setting.is_strict() => return Err(finding),
                Err(finding) => self.findings.push(demoted(finding)),
            }
        }
        if let Some(url) = &self.post.image {
            enclosure::measure_image(&mut self.post.image_info, url, place, setting.config, measure);
        }
        Ok(())
    }

    /// The URL of its page.
    pub(super) fn url(&self) -> &Url {
        &self.post.url
    }

    /// The file, as the user would type it.
    pub(super) fn source(&self) -> &Utf8Path {
        &self.post.source
    }

    /// The post, with its id and time from the ledger.
    pub(super) fn publish(self, given: AssignedId) -> Post {
        Post { id: given.id, published: given.published, updated: given.updated, ..self.post }
    }
}

/// Findings about unknown keys. In the site of a generator, which has keys of its own, they are warnings about keys that keep
/// the post from being mailed. Letterpress itself writes the posts of a feed.
fn unknown_keys(text: &str, file: &str, parts: &Parts<'_>, setting: ReadContext<'_>) -> Vec<Finding> {
    let ReadContext { config, site, now, .. } = setting;
    if config.archive.feed.is_some() {
        return Vec::new();
    }
    let page =
        FrontMatterText { file, text, own: &config.archive.front_matter, zone: config.site.timezone, now };
    match site.generator {
        Generator::Plain => mistakes::find_mistakes(parts, page),
        generator => doubts::find_doubts(&parts.entries, page, generator),
    }
}

/// Takes out a wrong field that the generator accepts, and a wrong date if the name of the file has a day: they are ignored.
fn minor_errors(errors: &mut Vec<Finding>, has_day: bool) -> Vec<Finding> {
    let is_minor = |finding: &mut Finding| {
        matches!(finding.rule, "post-field" | "post-enclosure") || has_day && finding.rule == "post-date"
    };
    errors.extract_if(.., is_minor).map(demoted).collect()
}

fn reader_of(generator: Generator) -> String {
    if generator == Generator::Plain { "a site generator".to_owned() } else { generator.to_string() }
}

/// The finding about a field that the run ignores.
fn demoted(finding: Finding) -> Finding {
    finding.demoted(|message| format!("{message}; the field is ignored"))
}

#[cfg(test)]
mod tests {
    use std::collections::HashMap;

    use super::*;
    use crate::archive::inherited::Inherited;
    use crate::archive::site::Site;
    use crate::config::fixtures::config;

    fn read(relative: &str, text: &str) -> Result<Result<PostFile, SkipReason>, Vec<Finding>> {
        let source = Utf8Path::new("posts").join(relative);
        let name = PostFileName { relative: Utf8Path::new(relative), source: &source };
        let now = DateTime::parse_from_rfc3339("2024-06-01T00:00:00Z").unwrap().to_utc();
        let site = Site::bare(Generator::Plain, Utf8Path::new("").to_owned());
        let config = config();
        let inherited = Inherited::default();
        let fingerprints = HashMap::new();
        let setting = ReadContext {
            config: &config,
            site: &site,
            inherited: &inherited,
            now,
            fingerprints: &fingerprints,
        };
        PostFile::read(text.as_bytes(), name, setting)
    }

    fn post(relative: &str, text: &str) -> Post {
        read(relative, text).unwrap().unwrap().post
    }

    fn refusal(relative: &str, text: &str) -> String {
        read(relative, text).unwrap_err().iter().map(ToString::to_string).collect::<Vec<_>>().join("\n")
    }

    #[test]
    fn a_file_name_and_a_heading_make_a_post() {
        let post = post("2024-05-01-안녕.md", "\n# 제목 *하나*\n\n본문\n");
        assert_eq!(post.title.as_str(), "제목 하나");
        assert_eq!(post.slug, "안녕");
        assert_eq!(post.published.to_rfc3339(), "2024-05-01T00:00:00+09:00");
        assert_eq!(
            post.body.as_str(),
            "\n\n\n본문\n",
            "the heading is removed, and line numbers do not change"
        );
        assert_eq!(post.url.as_str(), "https://example.com/%EC%95%88%EB%85%95/");
    }

    #[test]
    fn a_title_is_shown_with_its_directional_marks_and_sent_without_them() {
        let post = post("2024-05-01-a.md", "---\ntitle: \"אבג\\u200f (abc)\"\n---\n본문\n");
        assert_eq!((post.title.as_str(), post.shown_title()), ("אבג (abc)", "אבג\u{200F} (abc)"));
    }

    #[test]
    fn a_bundle_is_named_after_its_folder_and_its_images_are_below_its_page() {
        let post = post("2024-05-01-여행/index.md", "+++\ntitle = \"a\"\nimage = \"1.jpg\"\n+++\ntext");
        assert_eq!(post.slug, "여행");
        assert_eq!(post.image.unwrap().as_str(), "https://example.com/%EC%97%AC%ED%96%89/1.jpg");
    }

    #[test]
    fn drafts_future_and_undated_posts_are_left_out_and_errors_in_drafts_are_ignored() {
        assert_eq!(
            read("a.md", "---\ndraft: true\ndate: soon\n---\n").unwrap().unwrap_err(),
            SkipReason::Draft
        );
        assert_eq!(read("a.md", "---\ntitle: a\n---\n").unwrap().unwrap_err(), SkipReason::Undated);
        let why = read("a.md", "---\ntitle: a\ndate: 2024-06-02\n---\n").unwrap().unwrap_err();
        assert!(matches!(why, SkipReason::Future(date) if date.to_rfc3339() == "2024-06-02T00:00:00+09:00"));
    }

    #[test]
    fn all_errors_of_a_post_are_reported_at_once() {
        let found = refusal("2024-05-01-a.md", "---\ntitle: \"\\u202e\"\nslug: ../../etc\n---\n");
        assert!(found.contains("posts/2024-05-01-a.md:2: error: the title cannot be used: it holds the control character U+202E"), "{found}");
        assert!(found.contains("posts/2024-05-01-a.md:3: error: the slug"), "{found}");
        assert!(refusal("2024-05-01-a.md", "no heading").contains("the post has no title"));
    }

    #[test]
    fn control_characters_go_with_a_warning_that_names_the_line() {
        let post_file = read("2024-05-01-a.md", "---\ntitle: a\n---\none\ntwo\u{B}\u{8}\n").unwrap().unwrap();
        assert_eq!(post_file.post.body.as_str(), "one\ntwo\n");
        assert_eq!(post_file.findings.len(), 1);
        assert!(
            post_file.findings[0]
                .to_string()
                .starts_with("posts/2024-05-01-a.md:5: warning: the character U+000B")
        );
    }

    #[test]
    fn an_update_in_the_future_is_ignored() {
        let post_file =
            read("2024-05-01-a.md", "---\ntitle: a\nupdated: 2030-01-01\n---\ntext").unwrap().unwrap();
        assert_eq!(post_file.updated, None);
        assert_eq!(post_file.findings[0].line, Some(3));
    }

    #[test]
    fn a_body_over_ten_megabytes_is_rejected() {
        let text = format!("---\ntitle: a\n---\n{}", "x".repeat(MAX_BODY + 1));
        assert!(refusal("2024-05-01-a.md", &text).contains("10 MB is the limit"));
    }
}
