//! The fields of page templates, as listed in `docs/templates.md`.

use camino::{Utf8Path, Utf8PathBuf};
use chrono::{DateTime, Datelike as _, FixedOffset};
use minijinja::value::Serde;
use minijinja::{Value, context};
use url::Url;

use super::layout::Layout;
use super::{ISSUES, STYLE_SHEET};
use crate::archive::{Enclosure, Post, links, markdown, page};
use crate::config::{Author, Config, FediverseHandle, RecordUri};
use crate::feeds;
use crate::i18n::{self, Strings};
use crate::platform::slashed;
use crate::text::{HeaderText, XmlText};

/// The length of a description that is taken from a post without a summary.
const DESCRIPTION: usize = 160;

/// The most categories on the index; those with the most posts are shown.
const CATEGORIES: usize = 40;

/// The data that all pages share.
pub(super) struct Fields<'l> {
    pub(super) config: &'l Config,
    /// The path of the page below the public folder.
    pub(super) path: &'l Utf8Path,
    pub(super) strings: &'l Strings,
}

impl Fields<'_> {
    /// The relative path from the page to the public folder: `../`, or empty.
    pub(super) fn root(&self) -> String {
        let folders = self.path.parent().map_or(0, |folder| folder.components().count());
        "../".repeat(folders)
    }

    /// A relative link from this page to another, which works on any host.
    pub(super) fn href(&self, file: &Utf8Path) -> String {
        let path = file.as_str();
        let path = path
            .strip_suffix("index.html")
            .filter(|path| path.is_empty() || path.ends_with('/'))
            .unwrap_or(path);
        let parts: Vec<String> = path.split('/').map(readable_segment).collect();
        let href = format!("{}{}", self.root(), parts.join("/"));
        if href.is_empty() { "./".to_owned() } else { href }
    }

    fn date(&self, day: &DateTime<FixedOffset>) -> String {
        self.strings.date(day)
    }

    /// The fields of every page.
    pub(super) fn shared(&self, title: &str, description: &str) -> Value {
        let (config, site) = (self.config, &self.config.site);
        let url = page_url(config, self.path);
        context! {
            title,
            description,
            url,
            lang => &site.language,
            lang_primary => i18n::primary(&site.language),
            dir => i18n::direction(&site.language),
            home => self.href(Utf8Path::new("index.html")),
            style => format!("{}{STYLE_SHEET}", self.root()),
            site => context! {
                title => site.title.as_str(),
                url => site.url.as_str(),
                description => site.description.trim(),
                language => &site.language,
                icon => site.icon.as_ref().map(Url::as_str),
                rights => site.rights.as_ref().map(HeaderText::as_str),
                me => site.author.as_ref().map(|author| author.me.iter().map(Url::to_string).collect::<Vec<_>>()),
                publication => site.standard_site.as_ref().map(RecordUri::as_str),
            },
            feeds => self.feeds(Utf8Path::new("")),
            feed_page => config.feeds.companion.then(|| format!("{}{}", self.root(), feeds::COMPANION)),
            sign_up => config.web.url.as_ref().filter(|_| config.web.sign_up).map(|web| web.join("subscribe")),
            issues => config.output.issues.then(|| self.href(Utf8Path::new(ISSUES))),
            issues_name => &self.strings.web.issues,
            // Only some pages have these.
            creator => (),
            activitypub => (),
            document => (),
            words => Serde(&self.strings.page),
            locale => locale(&site.language),
        }
    }

    /// The feeds in a folder of the public folder.
    fn feeds(&self, folder: &Utf8Path) -> Vec<Value> {
        let title = self.config.site.title.as_str();
        let feed = |(name, media_type, file): (&'static str, &str, &str)| {
            let path = slashed(folder.join(file));
            context! {
                name,
                title,
                type => media_type.split(';').next(),
                url => self.config.site.url.join(path.as_str()),
                href => self.href(&path),
            }
        };
        feeds::files(self.config, folder).map(feed).collect()
    }

    /// A post in a list.
    fn entry(&self, post: &Post) -> Value {
        context! {
            title => post.shown_title(),
            href => self.href_of(post),
            lang => post.language.as_deref(),
            date => self.date(&post.published),
            day => post.published.format("%Y-%m-%d").to_string(),
            month_day => self.strings.month_day(&post.published),
            published_at => post.published.to_rfc3339(),
        }
    }

    fn href_of(&self, post: &Post) -> String {
        post.page.file.as_deref().map_or_else(|| post.url.to_string(), |file| self.href(file))
    }
}

/// The URL of a page.
fn page_url(config: &Config, path: &Utf8Path) -> String {
    let path = path.as_str().strip_suffix("index.html").unwrap_or(path.as_str());
    let parts: Vec<String> = path.split('/').map(links::segment).collect();
    config.site.url.join(&parts.join("/"))
}

/// Percent-encodes a segment but keeps non-ASCII letters, which are shorter and which browsers encode themselves.
fn readable_segment(part: &str) -> String {
    part.chars().fold(String::new(), |mut href, c| {
        if !c.is_ascii() && c.is_alphanumeric() {
            href.push(c);
        } else {
            href.push_str(&links::segment(c.encode_utf8(&mut [0; 4])));
        }
        href
    })
}

/// The value of `og:locale`, if the country is known.
fn locale(language: &str) -> Option<String> {
    match (language, language.split_once('-')) {
        ("ko", _) => Some("ko_KR".to_owned()),
        ("ja", _) => Some("ja_JP".to_owned()),
        (_, Some((language, country))) if country.len() == 2 => {
            Some(format!("{}_{}", language.to_lowercase(), country.to_uppercase()))
        }
        _ => None,
    }
}

/// The summary of a post, or its beginning.
pub(super) fn description(post: &Post, body: &markdown::Body<'_>) -> String {
    match &post.summary {
        Some(summary) => summary.as_str().trim().to_owned(),
        None => body.excerpt(DESCRIPTION),
    }
}

pub(super) fn post(
    (frame, layout): (&Fields<'_>, &Layout<'_>),
    at: usize,
    post: &Post,
    (content, description): (String, &str),
) -> Value {
    let site = &frame.config.site;
    let lang = post.language.as_deref().unwrap_or(&site.language);
    let summary = post.summary.as_ref().map(|summary| summary.as_str().trim().to_owned());
    let [previous, next] = layout.beside(at);
    let category = |name: &HeaderText| {
        let folder = layout.categories.get(name.as_str()).cloned();
        let href = folder.map(|folder| frame.href(&slashed(folder.join("index.html"))));
        context! { name => name.as_str(), href }
    };
    let mut authors: Vec<Value> =
        post.authors.iter().map(|author| context! { name => author.name.as_str(), url => () }).collect();
    if authors.is_empty() {
        authors.extend(
            site.author
                .iter()
                .map(|a| context! { name => a.name.as_str(), url => a.url.as_ref().map(Url::as_str) }),
        );
    }
    let updated = post.updated.date_naive() > post.published.date_naive();
    context! {
        // The same URL as in feeds and emails, with or without a trailing slash.
        url => post.url.as_str(),
        post => context! {
            title => post.shown_title(),
            url => post.url.as_str(),
            lang,
            dir => i18n::direction(lang),
            content_html => Value::from_safe_string(content),
            published => frame.date(&post.published),
            published_at => post.published.to_rfc3339(),
            updated => updated.then(|| frame.date(&post.updated)),
            updated_at => post.updated.to_rfc3339(),
            authors,
            categories => post.categories.iter().map(category).collect::<Vec<_>>(),
            tags => post.tags.iter().map(ToString::to_string).collect::<Vec<_>>(),
            summary,
            image => post.image.as_ref().map(Url::as_str),
            image_alt => post.image_info.alt.as_ref().map(XmlText::as_str),
            enclosure => post.enclosures.first().map(|first| enclosure(frame, first)),
            enclosures => post.enclosures.iter().map(|each| enclosure(frame, each)).collect::<Vec<_>>(),
            in_reply_to => post.in_reply_to.iter().map(Url::to_string).collect::<Vec<_>>(),
        },
        previous => previous.map(|post| frame.entry(post)),
        next => next.map(|post| frame.entry(post)),
        creator => creator(post, site.author.as_ref()),
        activitypub => post.page.activitypub.as_ref().map(Url::as_str),
        document => post.page.standard_site.as_ref().map(RecordUri::as_str),
        ..frame.shared(post.shown_title(), description)
    }
}

fn enclosure(frame: &Fields<'_>, enclosure: &Enclosure) -> Value {
    let own = page::path_of(&frame.config.site.url, &enclosure.url);
    let href = own.map_or_else(|| enclosure.url.to_string(), |path| frame.href(&path));
    let kind = enclosure.media_type.split('/').next().unwrap_or_default().to_owned();
    let name = enclosure.url.path_segments().and_then(|mut parts| parts.next_back()).map(links::readable);
    context! { href, url => enclosure.url.as_str(), type => &enclosure.media_type, kind, name }
}

/// The account in the Fediverse of whoever wrote a post: that of its front matter, else that of the author of the site.
fn creator<'p>(post: &'p Post, owner: Option<&'p Author>) -> Option<&'p str> {
    let owner = owner.filter(|owner| {
        post.authors.is_empty() || post.authors.iter().any(|author| author.name == owner.name)
    });
    let handle = post.page.fediverse.as_ref().or_else(|| owner?.fediverse.as_ref());
    handle.map(FediverseHandle::as_str)
}

/// A link to a list with its number of posts.
fn list_link(frame: &Fields<'_>, layout: &Layout<'_>, at: usize) -> Value {
    let list = &layout.lists[at];
    context! { name => &list.name, href => frame.href(&list.path(None)), count => list.posts.len() }
}

pub(super) fn index(frame: &Fields<'_>, layout: &Layout<'_>) -> Value {
    let site = &frame.config.site;
    let mut years: Vec<(i32, Vec<Value>)> = Vec::new();
    for post in layout.newest() {
        let year = post.published.year();
        match years.iter_mut().find(|(known, _)| *known == year) {
            Some((_, posts)) => posts.push(frame.entry(post)),
            None => years.push((year, vec![frame.entry(post)])),
        }
    }
    let years: Vec<Value> =
        years.into_iter().map(|(year, posts)| context! { name => year.to_string(), posts }).collect();
    let lists = &layout.lists;
    let (all_years, mut categories): (Vec<usize>, Vec<usize>) =
        (0..lists.len()).partition(|at| lists[*at].is_year);
    categories.sort_by_key(|at| std::cmp::Reverse(lists[*at].posts.len()));
    let links = |lists: &[usize]| lists.iter().map(|at| list_link(frame, layout, *at)).collect::<Vec<_>>();
    context! {
        years,
        all_years => links(&all_years),
        categories => links(&categories[..categories.len().min(CATEGORIES)]),
        creator => site.author.as_ref().and_then(|author| Some(author.fediverse.as_ref()?.as_str())),
        activitypub => site.activitypub.as_ref().map(Url::as_str),
        has_more => layout.posts.len() > super::layout::NEWEST,
        ..frame.shared(site.title.as_str(), site.description.trim())
    }
}

pub(super) fn list(frame: &Fields<'_>, layout: &Layout<'_>, at: usize, number: Option<usize>) -> Value {
    let list = &layout.lists[at];
    let [older, newer] = layout.pages_beside(at, number);
    let href = |path: Option<Utf8PathBuf>| path.map(|path| frame.href(&path));
    let has_feeds = !list.is_year && frame.config.feeds.by.contains(&crate::config::GroupBy::Category);
    context! {
        list => context! {
            name => &list.name,
            is_year => list.is_year,
            posts => layout.listed(at, number).map(|post| frame.entry(post)).collect::<Vec<_>>(),
            feeds => if has_feeds { frame.feeds(&list.folder) } else { Vec::new() },
        },
        older => href(older),
        newer => href(newer),
        ..frame.shared(&list.name, "")
    }
}
