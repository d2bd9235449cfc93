//! Lints the HTML part: what mail servers reject, and what mail programs cannot resolve or regard as phishing.

use std::collections::BTreeSet;

use url::{Host, Url};

use super::Report;
use crate::html::{Piece, Tag, read, tags};

const SHORTENERS: [&str; 8] =
    ["bit.ly", "t.co", "goo.gl", "tinyurl.com", "ow.ly", "is.gd", "han.gl", "me2.do"];

pub(super) fn lint(html: &str, report: &mut Report) {
    let tags = tags(html);
    structure(html, &tags, report);
    let mut images = 0;
    let mut link: Option<(usize, Url)> = None;
    for tag in &tags {
        match (tag.name(), tag.closing) {
            ("img", false) => {
                images += 1;
                image(tag, report);
            }
            ("a", false) => link = address(tag, "href", report).map(|url| (tag.at.end, url)),
            ("a", true) => {
                if let Some((start, url)) = link.take() {
                    visible_address(&html[start..tag.at.start], &url, report);
                }
            }
            (name, false) => forbidden(name, report),
            _ => {}
        }
        hidden(tag, report);
    }
    let characters = text_of(html).chars().filter(|c| c.is_alphanumeric()).count();
    if images > 0 && characters < 200 {
        report.warning(
            "letter-image-only",
            format!(
                "the email has images and only {characters} characters of text, which spam filters count"
            ),
            "describe in words what the images show",
        );
    }
}

fn structure(html: &str, tags: &[Tag], report: &mut Report) {
    let start = html.trim_start().get(..15).unwrap_or_default();
    let page = tags.iter().find(|tag| tag.name() == "html");
    let lang = page.and_then(|page| page.attribute("lang")).is_some_and(|lang| !lang.is_empty());
    let has_title = tags.iter().any(|tag| tag.name() == "title");
    if !start.eq_ignore_ascii_case("<!doctype html>") || !lang || !has_title {
        report.warning(
            "letter-html-head",
            "the HTML part has no doctype, no title or no language",
            "begin body.html as the built-in one does, with <html lang=\"{{ lang }}\"> and <title>",
        );
    }
}

fn image(tag: &Tag, report: &mut Report) {
    let source = tag.attribute("src").unwrap_or_default();
    if tag.attribute("alt").is_none_or(|alt| alt.trim().is_empty()) {
        report.warning(
            "letter-image-alt",
            format!("the image {} has no alternative text", shortened(source)),
            "![what it shows](address): many mail programs show only this text",
        );
    }
    if source.starts_with("data:") {
        report.warning(
            "letter-image-data",
            "an image is embedded as a data: URL, which Gmail does not show",
            "put the image on the site and link to it",
        );
        return;
    }
    let Some(url) = address(tag, "src", report) else { return };
    if url.scheme() == "http" {
        report.warning(
            "letter-image-http",
            format!(
                "the image {} is loaded without encryption, which many mail programs refuse",
                shortened(source)
            ),
            "use an https:// URL",
        );
    }
}

/// Checks a URL in an attribute: absolute, with a usual scheme.
fn address(tag: &Tag, attribute: &str, report: &mut Report) -> Option<Url> {
    let raw = tag.attribute(attribute)?;
    // A fragment link needs no site.
    if raw.starts_with('#') {
        return None;
    }
    let Ok(url) = Url::parse(raw) else {
        report.error(
            "letter-relative-url",
            format!("{} is a relative URL, which cannot work in an email", shortened(raw)),
            "write the full URL, with https://",
        );
        return None;
    };
    if !matches!(url.scheme(), "http" | "https" | "mailto" | "tel") {
        let message = format!("mail programs do not follow {}", shortened(raw));
        report.warning("letter-url-scheme", message, "use an https:// URL");
    }
    if !url.username().is_empty() || url.password().is_some() {
        let message = format!("{} contains a user name, as deceptive links do", shortened(raw));
        report.warning("letter-url-user", message, "remove the part before the @");
    }
    match url.host() {
        Some(Host::Ipv4(_) | Host::Ipv6(_)) => {
            let message = format!("{} contains an IP address, as links in spam do", shortened(raw));
            report.warning("letter-url-ip", message, "use a host name");
        }
        Some(Host::Domain(host)) if SHORTENERS.contains(&host) => {
            let message = format!("{} hides its target, which spam filters count", shortened(raw));
            report.warning("letter-url-short", message, "use the URL that it redirects to");
        }
        _ => {}
    }
    Some(url)
}

/// A link whose text is a URL of another host looks like phishing.
fn visible_address(inside: &str, target: &Url, report: &mut Report) {
    let text = text_of(inside);
    let shown = text.trim();
    if shown.contains(char::is_whitespace) || !matches!(target.scheme(), "http" | "https") {
        return;
    }
    let shown_host = Url::parse(shown).ok().and_then(|url| url.host_str().map(str::to_owned));
    let host = |host: &str| host.trim_start_matches("www.").to_owned();
    if let (Some(seen), Some(real)) = (shown_host, target.host_str())
        && host(&seen) != host(real)
    {
        report.warning(
            "letter-link-text",
            format!("a link shows {seen} and leads to {real}, which spam filters regard as phishing"),
            "show the same URL, or other text",
        );
    }
}

fn forbidden(name: &str, report: &mut Report) {
    if matches!(name, "script" | "iframe" | "object" | "embed" | "base") {
        report.error(
            "letter-html-element",
            format!("mail servers reject emails with <{name}>"),
            "remove it from body.html, and link to the page instead",
        );
    }
}

fn hidden(tag: &Tag, report: &mut Report) {
    let Some(style) = tag.attribute("style") else { return };
    // The preview line and the pictures for dark designs of the built-in templates; a post cannot use these classes.
    if tag.attribute("class").is_some_and(|class| matches!(class, "lp-preview" | "lp-dark")) {
        return;
    }
    let style: String = style.chars().filter(|c| !c.is_whitespace()).collect::<String>().to_ascii_lowercase();
    let declarations: BTreeSet<&str> = style.split(';').collect();
    let tricks =
        ["display:none", "visibility:hidden", "font-size:0", "font-size:0px", "opacity:0", "max-height:0"];
    if let Some(trick) = tricks.into_iter().find(|trick| declarations.contains(trick)) {
        report.warning(
            "letter-hidden-text",
            format!("<{}> is hidden by `{trick}`, and spam filters count hidden text", tag.name()),
            "remove the text",
        );
    }
}

/// The text between the tags, comments included.
pub(in super::super) fn text_of(html: &str) -> String {
    let mut text = String::new();
    let mut is_hidden = false;
    read(html, |piece| match piece {
        Piece::Text(part) if !is_hidden => text.push_str(&part),
        Piece::Tag(tag) => is_hidden = !tag.closing && matches!(tag.name(), "style" | "script" | "title"),
        Piece::Declaration(at) => text.push_str(&html[at]),
        Piece::Text(_) => {}
    });
    text
}

/// The start of a URL, enough to find it.
fn shortened(address: &str) -> String {
    let start: String = address.chars().take(60).collect();
    if start.len() < address.len() { format!("{start}…") } else { start }
}
