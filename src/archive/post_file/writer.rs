//! Builds the parts of a post from its front matter and its text: title, URL, image, body. Collects all errors.

use std::sync::Arc;

use chrono::{DateTime, FixedOffset, Utc};
use unicode_normalization::UnicodeNormalization as _;
use url::Url;

use super::body::{has_text, without_lines};
use super::{MAX_BODY, PostFile, PostFileName};
use crate::archive::front_matter::{self, Fields, Spanned};
use crate::archive::generator_rules::{ReadContext, categories_of_folders, sections, words_of};
use crate::archive::ids::{Fingerprint, content_hash};
use crate::archive::links::{self, LinkKind};
use crate::archive::permalink::{self, PermalinkError, PermalinkParts};
use crate::archive::{ImageInfo, Post, PostPage, html_body, markdown, naming};
use crate::config::{DateOnly, Generator};
use crate::finding::Finding;
use crate::text::{HeaderText, XmlText};

/// Mail programs and feed readers truncate a longer title.
const LONG_TITLE: usize = 150;

/// After this many removed characters, only their number is reported.
const MAX_REMOVALS: usize = 20;

/// What the file name and the dates of the front matter resulted in.
pub(super) struct PostDates<'n> {
    pub(super) published: DateTime<FixedOffset>,
    pub(super) parsed_name: &'n naming::Name,
    pub(super) is_html: bool,
}

/// Collects errors while it builds the parts of a post.
pub(super) struct PostBuilder<'w> {
    pub(super) file: &'w str,
    pub(super) setting: ReadContext<'w>,
    pub(super) errors: Vec<Finding>,
    pub(super) findings: Vec<Finding>,
}

impl PostBuilder<'_> {
    /// The post, or `None` if there was an error.
    pub(super) fn write(
        &mut self,
        mut fields: Fields,
        parts: &front_matter::Parts<'_>,
        stamp: &PostDates<'_>,
        name: PostFileName<'_>,
    ) -> Option<PostFile> {
        let ReadContext { config, now, .. } = self.setting;
        let body = self.body(parts);
        let (title, body) = self.title(fields.title.take(), body, parts.body_line, &stamp.parsed_name.stem);
        categories_of_folders(&mut fields.categories, &stamp.parsed_name.categories, self.setting);
        let is_empty = fields.enclosures.is_empty() && !has_text(body.as_str());
        if is_empty {
            self.refuse_emptiness(parts.body_line);
        }
        let (slug, url) =
            self.address(&fields, stamp, name, title.as_ref().map_or("", |(title, _)| title.as_str()));
        let updated = self.updated(fields.updated.take(), now);
        let ((title, marked_title), slug, url) = (title?, slug?, url?);
        let page = page(&mut fields);
        let image = self.image(fields.image, &url);
        let in_reply_to = self.replies(fields.in_reply_to, &url);
        let aliases = fields.aliases.iter().filter_map(|alias| self.alias(alias, &url)).collect();
        let hash = content_hash(title.as_str(), body.as_str());
        let known = self.setting.fingerprints.get(hash.as_str()).copied();
        let fingerprint = known.unwrap_or_else(|| Fingerprint::of(title.as_str(), body.as_str()));
        let body = if stamp.is_html { XmlText::clean(&html_body::block(body.as_str())).0 } else { body };
        let language = fields.language.or_else(|| stamp.parsed_name.language.clone());
        let strings = Arc::clone(config.words.of(language.as_deref().unwrap_or(&config.site.language)));
        let post = Post {
            source: name.source.to_owned(),
            body_line: parts.body_line,
            id: String::new(),
            url,
            slug,
            title,
            marked_title,
            fingerprint,
            sections: sections(&stamp.parsed_name.folder, self.setting),
            published: stamp.published,
            updated: stamp.published,
            authors: self.setting.inherited.named(fields.authors),
            categories: fields.categories,
            tags: fields.tags,
            summary: fields.summary,
            subject: fields.subject,
            preheader: fields.preheader,
            language: language.filter(|language| *language != config.site.language),
            image,
            image_info: ImageInfo { alt: fields.image_alt, ..ImageInfo::default() },
            enclosures: Vec::new(),
            via: fields.via,
            segment: fields.segment,
            in_reply_to,
            aliases,
            newsletter: fields.newsletter && !is_empty,
            strings,
            embeds: Arc::clone(&config.feeds.embeds),
            dialect: self.setting.dialect(),
            page,
            body,
        };
        let relative = name.relative.to_string();
        Some(PostFile {
            post,
            updated,
            relative,
            id: fields.id,
            hash,
            is_day_only: fields.is_day_only && config.archive.date_only == DateOnly::FirstSeen,
            is_markdown: !front_matter::is_markup(
                &name.relative.extension().unwrap_or_default().to_lowercase(),
            ),
            until: None,
            enclosures: fields.enclosures,
            findings: Vec::new(),
        })
    }

    /// A post without text is an error; in the site of a generator, or from a feed, it is published but not mailed.
    fn refuse_emptiness(&mut self, body_line: usize) {
        let line = body_line.saturating_sub(1).max(1);
        let is_ours = self.setting.is_strict() && self.setting.config.archive.feed.is_none();
        if is_ours {
            let hint = "write something below the front matter, or hold the post back with draft: true (TOML: draft = true)";
            self.errors.push(self.error("post-body", line, "the post has no text").hint(hint));
        } else {
            let message = "the post has no text, and is not mailed";
            self.findings.push(Finding::warning("post-body", self.file, message).at(line));
        }
    }

    /// The slug and the URL.
    fn address(
        &mut self,
        fields: &Fields,
        stamp: &PostDates<'_>,
        name: PostFileName<'_>,
        title: &str,
    ) -> (Option<String>, Option<Url>) {
        let ReadContext { config, site, inherited, .. } = self.setting;
        let (generator, parsed_name) = (site.generator, stamp.parsed_name);
        let own_slug = fields.slug.as_ref().map(|slug| slug.value.trim()).filter(|slug| !slug.is_empty());
        let line = fields.slug.as_ref().map_or(1, |slug| slug.line);
        let raw = permalink::name(generator, own_slug, &parsed_name.stem, title);
        let slug = permalink::slug(&raw).map_err(|error| self.refuse_address(&error, line)).ok();
        // Jekyll and Hexo use the day in the time zone of the site; the others, that of the post.
        let published = match generator {
            Generator::Jekyll | Generator::Hexo => {
                stamp.published.with_timezone(&config.site.timezone).fixed_offset()
            }
            _ => stamp.published,
        };
        let composed = parsed_name.stem.nfc().collect();
        let stem = match generator {
            Generator::Plain => permalink::slug(&parsed_name.stem).unwrap_or(composed),
            _ => composed,
        };
        // Pelican has defaults, which only addresses show here.
        let is_pelican = generator == Generator::Pelican;
        let owner = config.site.author.as_ref().filter(|_| is_pelican).map(|author| &author.name);
        let author = fields.authors.first().map(|author| &author.name).or(owner);
        let categories = match fields.categories.as_slice() {
            [] if is_pelican => inherited.pelican.category.as_slice(),
            categories => categories,
        };
        let own_language = fields.language.as_deref().filter(|_| is_pelican);
        let parts = PermalinkParts {
            generator,
            pelican: inherited.pelican.slugs,
            slug: if generator == Generator::Plain { slug.as_deref() } else { own_slug },
            stem: &stem,
            file: &site.path_of(name.relative).with_extension(""),
            title,
            folder: &parsed_name.folder,
            published,
            categories,
            author: author.map(HeaderText::as_str),
            language: own_language.unwrap_or(&config.site.language),
        };
        let language = parsed_name.language.as_deref().filter(|_| config.archive.language.is_some());
        let (line, own) = match &fields.path {
            Some(own) => (own.line, Some(own.value.trim())),
            None => (line, None),
        };
        let pattern = config.archive.pattern(&parsed_name.folder);
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

    /// The path of an older address. Obsidian's `aliases` are names, so in a plain folder a path begins with a slash.
    fn alias(&mut self, raw: &str, page: &Url) -> Option<String> {
        let ReadContext { config, site, .. } = self.setting;
        let (raw, site_url) = (raw.trim(), &config.site.url);
        if raw.is_empty() {
            return None;
        }
        let url = match Url::parse(raw) {
            Ok(url) => url,
            Err(_) if raw.starts_with('/') => Url::parse(&site_url.join(raw)).ok()?,
            Err(_) => match site.generator {
                Generator::Plain => return None,
                // For Hugo it is beside the page.
                Generator::Hugo if page.path().ends_with('/') => page.join("../").ok()?.join(raw).ok()?,
                Generator::Hugo => page.join(raw).ok()?,
                _ => Url::parse(&site_url.join(raw)).ok()?,
            },
        };
        if raw.contains(['?', '#']) {
            let message = format!(
                "the older address {raw:?} is not redirected: the rules for web servers see only paths"
            );
            self.findings.push(Finding::note("alias", self.file, message));
            return None;
        }
        (url.origin() == site_url.as_url().origin()).then(|| url.path().to_owned())
    }

    fn body(&mut self, parts: &front_matter::Parts<'_>) -> XmlText {
        if parts.body.len() > MAX_BODY {
            let message = format!("the text is {} MB long; 10 MB is the limit", parts.body.len() / 1_000_000);
            self.errors
                .push(self.error("post-size", parts.body_line, message).hint("split it into several posts"));
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
                "the character U+{:04X} is not allowed in a feed and is left out",
                u32::from(removed.char)
            );
            let finding =
                Finding::warning("post-character", self.file, message).at(parts.body_line + line - 1);
            self.findings.push(finding.hint("delete it; most editors can show invisible characters"));
        }
        if removed.len() > MAX_REMOVALS {
            let message = format!(
                "{} characters of the text are not allowed in a feed and are left out",
                removed.len()
            );
            self.findings.push(Finding::warning("post-character", self.file, message));
        }
        body
    }

    /// The title without and with directional marks, and the body without the heading that gave the title.
    fn title(
        &mut self,
        stated: Option<Spanned<String>>,
        body: XmlText,
        body_line: usize,
        stem: &str,
    ) -> (Option<(HeaderText, Option<String>)>, XmlText) {
        let generator = self.setting.site.generator;
        let (line, raw, body) = if let Some(title) = stated {
            (title.line, title.value, body)
        } else if generator == Generator::Jekyll {
            (1, words_of(stem), body)
        } else {
            let Some(heading) = markdown::first_heading(body.as_str()) else {
                if generator != Generator::Plain {
                    return (HeaderText::parse(&words_of(stem)).ok().map(|title| (title, None)), body);
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
                        "the title is {length} characters long; mail programs and feed readers will truncate it"
                    );
                    self.findings.push(
                        Finding::warning("post-title", self.file, message)
                            .at(line)
                            .hint("use at most 150 characters"),
                    );
                }
                (Some((title, HeaderText::marked(&raw))), body)
            }
            Err(error) => {
                let message = format!("the title cannot be used: {error}");
                self.errors
                    .push(self.error("post-title", line, message).hint("write a title with visible letters"));
                (None, body)
            }
        }
    }

    /// In an archive that is not strict, invisible characters are removed from a title.
    fn title_without_marks(&mut self, raw: &str, line: usize) -> Option<HeaderText> {
        if self.setting.is_strict() {
            return None;
        }
        let seen: String = raw.chars().filter(|c| HeaderText::parse(&format!("a{c}a")).is_ok()).collect();
        let title = HeaderText::parse(&seen).ok()?;
        let message = "the title contains control characters, which are left out";
        self.findings.push(Finding::warning("post-title", self.file, message).at(line));
        Some(title)
    }

    fn refuse_address(&mut self, error: &PermalinkError, line: usize) {
        let hint = match error {
            PermalinkError::Template(_) => {
                "write the address itself, or a pattern for all posts in `permalink` of [archive]"
            }
            _ => "write `slug: my-post` or a path such as `permalink: /notes/my-post/`",
        };
        self.errors.push(self.error("post-address", line, error.to_string()).hint(hint));
    }

    /// An update in the future is ignored until then.
    fn updated(
        &mut self,
        stated: Option<Spanned<DateTime<FixedOffset>>>,
        now: DateTime<Utc>,
    ) -> Option<DateTime<FixedOffset>> {
        let stated = stated?;
        if stated.value <= now {
            return Some(stated.value);
        }
        let finding = Finding::warning(
            "post-date",
            self.file,
            "the date of the update is in the future and is ignored until then",
        );
        self.findings.push(finding.at(stated.line).hint("write the day when the text last changed"));
        None
    }

    fn image(&mut self, stated: Option<Spanned<String>>, page: &Url) -> Option<Url> {
        let stated = stated?;
        let url = links::absolute(page, &stated.value, LinkKind::Resource);
        match url.map(|url| Url::parse(&url)) {
            Ok(Ok(url)) => Some(url),
            Ok(Err(_)) => None,
            Err(error) => {
                let finding =
                    Finding::warning("post-image", self.file, format!("the image is left out: {error}"));
                self.findings.push(
                    finding.at(stated.line).hint("write an https: address, or one relative to the post"),
                );
                None
            }
        }
    }

    fn replies(&mut self, stated: Vec<Spanned<String>>, page: &Url) -> Vec<Url> {
        let mut replies = Vec::with_capacity(stated.len());
        for Spanned { line, value } in stated {
            match links::absolute(page, &value, LinkKind::Link).map(|url| Url::parse(&url)) {
                Ok(Ok(url)) if !replies.contains(&url) => replies.push(url),
                Ok(_) => {}
                Err(error) => {
                    let message = format!("the page that the post replies to is left out: {error}");
                    let finding = Finding::warning("post-reply", self.file, message).at(line);
                    self.findings.push(finding.hint("write the full address of the page"));
                }
            }
        }
        replies
    }

    fn error(&self, rule: &'static str, line: usize, message: impl Into<String>) -> Finding {
        Finding::error(rule, self.file, message).at(line)
    }
}

/// What the front matter says to the page.
fn page(fields: &mut Fields) -> PostPage {
    PostPage {
        image_line: fields.image.as_ref().map(|image| image.line),
        fediverse: fields.fediverse.take(),
        activitypub: fields.activitypub.take(),
        standard_site: fields.standard_site.take(),
        ..PostPage::default()
    }
}
