//! For people who open a feed in a browser: a style sheet for the feed, and a page beside it that explains how to use it.
//! Plain HTML without scripts. The page of the main feed lists all others.

use std::fmt::Write as _;

use camino::Utf8Path;
use quick_xml::escape::escape;

use super::formats::{formats, media_type, name};
use super::page::{STYLE_SHEET, path, relative};
use super::paging::Paging;
use super::select::{Feed, FeedScope};
use super::{Document, opml};
use crate::archive::Archive;
use crate::config::{Config, GroupBy};
use crate::i18n::{self, FeedPageStrings};
use crate::platform::slashed;

/// The page beside a feed.
pub const FILE: &str = "feed.html";

/// The style sheet; `{{raw}}` is the text that it shows above a feed.
const STYLE: &str = include_str!("companion.css");

/// The number of posts on a page.
const NEWEST: usize = 10;

/// A page for each feed, and the style sheet.
pub(super) fn render(feeds: &[(&Feed, &Paging)], archive: &Archive, config: &Config) -> Vec<Document> {
    let all: Vec<&Feed> = feeds.iter().map(|(feed, _)| *feed).collect();
    let page = |(feed, paging): &(&Feed, &Paging)| Document {
        path: slashed(feed.folder.join(FILE)),
        media_type: "text/html; charset=utf-8",
        bytes: page(feed, paging, &all, archive, config).into_bytes(),
    };
    let strings = &config.words.of(&config.site.language).feed_page;
    let style = Document {
        path: STYLE_SHEET.into(),
        media_type: "text/css; charset=utf-8",
        bytes: STYLE.replace("{{raw}}", &css_text(&strings.raw_feed)).into_bytes(),
    };
    feeds.iter().map(page).chain([style]).collect()
}

/// A text between quotation marks of CSS.
fn css_text(text: &str) -> String {
    text.replace('\\', "\\\\").replace('"', "\\\"").replace('\n', " ")
}

/// The HTML by which browsers and feed readers discover the feeds from any page of the site.
fn discovery(feeds: &[&Feed], config: &Config) -> String {
    let mut lines = String::new();
    for feed in feeds {
        for format in formats(config) {
            let media_type = media_type(format).split(';').next().unwrap_or_default();
            let url = config.site.url.join(path(feed, None, format).as_str());
            // Writing to a `String` cannot fail.
            let _ = writeln!(
                lines,
                "<link rel=\"alternate\" type=\"{media_type}\" title=\"{} ({})\" href=\"{}\">",
                escape(feed.title.as_str()),
                name(format),
                escape(url)
            );
        }
    }
    lines
}

fn page(feed: &Feed, paging: &Paging, all: &[&Feed], archive: &Archive, config: &Config) -> String {
    let language = feed.language.as_deref().unwrap_or_else(|| config.language());
    let strings = &config.words.of(language).feed_page;
    let title = escape(feed.title.as_str());
    let links = discovery(&[feed], config);
    let style = relative(&feed.folder, Utf8Path::new(STYLE_SHEET));
    let mut html = format!(
        "<!DOCTYPE html>\n<html lang=\"{language}\" dir=\"{direction}\">\n<head>\n<meta charset=\"utf-8\">\n\
         <meta name=\"viewport\" content=\"width=device-width, initial-scale=1\">\n<title>{title}</title>\n\
         <link rel=\"stylesheet\" href=\"{style}\">\n{links}</head>\n<body>\n<h1>{title}</h1>\n\
         <p class=\"quiet\">{about}</p>\n<p>{instructions}</p>\n<ul>\n",
        language = escape(language),
        direction = i18n::direction(language),
        about = escape(&strings.about),
        instructions = escape(&strings.instructions),
    );
    for format in formats(config) {
        let url = config.site.url.join(path(feed, None, format).as_str());
        let here = relative(&feed.folder, &path(feed, None, format));
        let _ =
            writeln!(html, "<li>{} <a href=\"{here}\"><code>{}</code></a></li>", name(format), escape(url));
    }
    html.push_str("</ul>\n");
    newest(&mut html, paging, archive, strings);
    if feed.folder.as_str().is_empty() {
        every_feed(&mut html, all, config, strings);
    }
    let _ = write!(
        html,
        "<p class=\"quiet\"><a href=\"{url}\">{url}</a></p>\n</body>\n</html>\n",
        url = escape(config.site.url.as_str())
    );
    html
}

fn newest(html: &mut String, paging: &Paging, archive: &Archive, strings: &FeedPageStrings) {
    let posts = paging.current.iter().filter_map(|at| archive.posts.get(*at)).take(NEWEST);
    let _ = write!(html, "<h2>{}</h2>\n<ul>\n", escape(&strings.latest_posts));
    for post in posts {
        let _ = writeln!(
            html,
            "<li><a href=\"{}\">{}</a> <small><time datetime=\"{}\">{}</time></small></li>",
            escape(post.url.as_str()),
            escape(post.shown_title()),
            post.published.to_rfc3339(),
            post.published.format("%Y-%m-%d")
        );
    }
    html.push_str("</ul>\n");
}

fn kind(kind: FeedScope, strings: &FeedPageStrings) -> &str {
    match kind {
        FeedScope::Site => &strings.kind_site,
        FeedScope::Podcast => &strings.kind_podcast,
        FeedScope::By(GroupBy::Category | GroupBy::Section) => &strings.kind_category,
        FeedScope::By(GroupBy::Tag) => &strings.kind_tag,
        FeedScope::By(GroupBy::Author) => &strings.kind_author,
        FeedScope::By(GroupBy::Language) => &strings.kind_language,
    }
}

fn every_feed(html: &mut String, all: &[&Feed], config: &Config, strings: &FeedPageStrings) {
    let _ = write!(html, "<h2>{}</h2>\n<ul>\n", escape(&strings.all_feeds));
    for feed in all {
        let here = relative(Utf8Path::new(""), &feed.folder.join(FILE));
        let kind = escape(kind(feed.kind, strings));
        let _ = writeln!(
            html,
            "<li><a href=\"{here}\">{}</a> <small>{kind}</small></li>",
            escape(feed.title.as_str())
        );
    }
    let _ = writeln!(html, "<li><a href=\"{}\">{}</a></li>", opml::FILE, escape(&strings.opml));
    let snippet = discovery(&all[..1], config);
    let _ = write!(html, "</ul>\n<h2>{}</h2>\n<pre>{}</pre>\n", escape(&strings.discovery), escape(snippet));
}
