//! A post as all formats show it, decided once so that they cannot differ.
//!
//! Nothing is escaped here: HTML is HTML, everything else is plain text, and all of it is valid in XML.

use chrono::{DateTime, FixedOffset, Offset, SubsecRound, TimeZone};
use unicode_normalization::UnicodeNormalization;
use url::Url;

use super::select::{CATEGORIES, TAGS};
use crate::archive::{Enclosure, ImageInfo, Post, Via, markdown};
use crate::config::{Author, Config, Content};
use crate::text::{HeaderText, XmlText};

/// The number of characters of a post that replace a missing summary.
const EXCERPT: usize = 300;

/// A date with its zone.
pub(super) type Moment = DateTime<FixedOffset>;

/// A post in a feed.
#[derive(Debug)]
pub(super) struct Entry<'a> {
    pub(super) id: &'a str,
    pub(super) url: &'a Url,
    pub(super) title: &'a str,
    pub(super) published: Moment,
    /// Never before `published`.
    pub(super) updated: Moment,
    /// The post's authors, else the site's; empty if neither is known.
    pub(super) authors: Vec<Person<'a>>,
    /// Categories, then tags.
    pub(super) labels: Vec<Label>,
    /// One line of plain text; empty if the post is.
    pub(super) summary: XmlText,
    /// The whole post; `None` if the feeds carry summaries.
    pub(super) html: Option<XmlText>,
    pub(super) language: &'a str,
    pub(super) image: Option<Image<'a>>,
    pub(super) enclosures: &'a [Enclosure],
    /// The pages where the author found what the post is about.
    pub(super) via: &'a [Via],
    /// The pages that the post answers.
    pub(super) answers: &'a [Url],
}

/// The picture of a post.
#[derive(Debug, Clone, Copy)]
pub(super) struct Image<'a> {
    pub(super) url: &'a Url,
    pub(super) info: &'a ImageInfo,
}

/// An author.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Person<'a> {
    pub(super) name: &'a str,
    pub(super) email: Option<&'a str>,
    pub(super) url: Option<&'a Url>,
    pub(super) avatar: Option<&'a Url>,
}

/// A category or a tag.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Label {
    pub(super) kind: LabelKind,
    /// In composed form (NFC), so that one name is one label in every feed reader.
    pub(super) name: String,
}

/// The kind of a label.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum LabelKind {
    Category,
    Tag,
}

impl LabelKind {
    /// The folder of the site that identifies this kind of label.
    pub(super) fn folder(self) -> &'static str {
        match self {
            Self::Category => CATEGORIES,
            Self::Tag => TAGS,
        }
    }
}

impl<'a> Entry<'a> {
    /// Renders `post`.
    pub(super) fn new(post: &'a Post, config: &'a Config) -> Self {
        let site = &config.site;
        let published = to_the_second(post.published);
        let is_full = config.feeds.content == Content::Full;
        let (html, summary) = markdown::read(post, |body| {
            (is_full.then(|| xml_clean(body.render().html)), summary(post, body))
        });
        Self {
            id: &post.id,
            url: &post.url,
            title: post.shown_title(),
            published,
            updated: to_the_second(post.updated).max(published),
            authors: authors(post, site.author.as_ref()),
            labels: labels(post),
            summary,
            html,
            language: post.language.as_deref().unwrap_or(&site.language),
            image: post.image.as_ref().map(|url| Image { url, info: &post.image_info }),
            enclosures: &post.enclosures,
            via: &post.via,
            answers: &post.in_reply_to,
        }
    }

    /// The first enclosure: RSS and podcasts have room for one.
    pub(super) fn enclosure(&self) -> Option<&'a Enclosure> {
        self.enclosures.first()
    }

    /// The length of the text in bytes before escaping, in full or as a summary.
    pub(super) fn length(&self, in_full: bool) -> usize {
        let html = self.html.as_ref().filter(|_| in_full).map_or(0, |html| html.as_str().len());
        self.title.len() + self.summary.as_str().len() + html
    }

    /// Whether the post was updated after its publication.
    pub(super) fn was_updated(&self) -> bool {
        self.updated > self.published
    }
}

impl<'a> From<&'a Author> for Person<'a> {
    fn from(author: &'a Author) -> Self {
        Self {
            name: author.name.as_str(),
            email: author.email.as_ref().map(crate::address::EmailAddress::as_str),
            url: author.url.as_ref(),
            avatar: author.avatar.as_ref(),
        }
    }
}

/// An author with the name of the site's author gets that author's page and address.
fn authors<'a>(post: &'a Post, owner: Option<&'a Author>) -> Vec<Person<'a>> {
    if post.authors.is_empty() {
        return owner.map(Person::from).into_iter().collect();
    }
    let named = post.authors.iter().map(|author| author.name.as_str());
    named
        .map(|name| match owner {
            Some(owner) if owner.name.as_str() == name => Person::from(owner),
            _ => Person { name, email: None, url: None, avatar: None },
        })
        .collect()
}

fn labels(post: &Post) -> Vec<Label> {
    let of = |kind, names: &[HeaderText]| {
        names.iter().map(|name| Label { kind, name: name.as_str().nfc().collect() }).collect::<Vec<_>>()
    };
    let mut labels = of(LabelKind::Category, &post.categories);
    labels.extend(of(LabelKind::Tag, &post.tags));
    labels
}

fn summary(post: &Post, body: &markdown::Body<'_>) -> XmlText {
    let text = match &post.summary {
        Some(summary) => summary.as_str().to_owned(),
        None => body.excerpt(EXCERPT),
    };
    xml_clean(text.split_whitespace().collect::<Vec<_>>().join(" "))
}

/// Removes what XML does not allow. XML parsers turn a carriage return into a line feed (XML 1.0, 2.11), so JSON gets a line
/// feed too.
fn xml_clean(mut text: String) -> XmlText {
    if memchr::memchr(b'\r', text.as_bytes()).is_some() {
        text = text.replace("\r\n", "\n").replace('\r', "\n");
    }
    // It is kept until all feeds are written.
    text.shrink_to_fit();
    XmlText::cleaned(text)
}

/// RSS has neither fractions of a second nor offsets with seconds (such as Seoul's before 1908), so no format uses them.
fn to_the_second(moment: Moment) -> Moment {
    let offset = moment.offset().fix().local_minus_utc();
    let minutes = FixedOffset::east_opt(offset - offset % 60).unwrap_or(*moment.offset());
    minutes.from_utc_datetime(&moment.naive_utc().trunc_subsecs(0))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::feeds::fixtures;

    #[test]
    fn an_offset_with_seconds_is_rounded_and_the_instant_is_kept() {
        let seoul = FixedOffset::east_opt(8 * 3600 + 27 * 60 + 52).unwrap();
        let moment = seoul.with_ymd_and_hms(1900, 1, 1, 12, 0, 0).unwrap();
        assert_eq!(to_the_second(moment), moment);
        assert_eq!(to_the_second(moment).to_rfc3339(), "1900-01-01T11:59:08+08:27");
    }

    #[test]
    fn an_update_is_never_older_than_the_publication() {
        let mut post = fixtures::post(5, "글");
        post.updated = post.published - chrono::TimeDelta::days(1);
        let config = fixtures::config("");
        let entry = Entry::new(&post, &config);
        assert!(!entry.was_updated() && entry.updated == entry.published);
    }

    #[test]
    fn a_post_without_authors_is_by_the_author_of_the_site() {
        let config =
            fixtures::config("author = { name = \"김하늘\", url = \"https://example.com/about/\" }\n");
        let mut post = fixtures::post(1, "글");
        assert_eq!(Entry::new(&post, &config).authors[0].url.unwrap().path(), "/about/");
        post.authors = fixtures::authors(&["이바다", "김하늘"]);
        let entry = Entry::new(&post, &config);
        assert_eq!(
            entry.authors.iter().map(|author| author.url.is_some()).collect::<Vec<_>>(),
            [false, true]
        );
    }

    #[test]
    fn a_summary_is_one_line_and_html_has_no_carriage_return() {
        let mut post = fixtures::post(1, "글");
        post.summary = Some(XmlText::clean("첫 줄\n  둘째\u{85}줄").0);
        post.body = XmlText::clean("<p>a\r\nb\rc</p>").0;
        let config = fixtures::config("");
        let entry = Entry::new(&post, &config);
        assert_eq!(entry.summary.as_str(), "첫 줄 둘째 줄");
        assert!(!entry.html.unwrap().as_str().contains('\r'));
    }
}
