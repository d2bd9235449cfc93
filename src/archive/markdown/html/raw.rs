//! Raw HTML of a post: comments are dropped, HTML that is nested too deep becomes text, and findings name the addresses
//! that are left out.

use comrak::nodes::{AstNode, NodeValue};
use url::Url;

use super::Writer;
use crate::archive::links::{self, LinkKind};
use crate::archive::markdown::{lazy, sanitise};
use crate::finding::Finding;
use crate::html::{Tag, push_text, shown_tags};
use crate::text::Lines;

impl Writer<'_> {
    pub(super) fn raw<'a>(&mut self, html: &str, node: &'a AstNode<'a>) {
        if is_comment(html) {
            return;
        }
        let tags = shown_tags(html);
        if self.is_broken || !self.nesting.follow(&tags) {
            if !self.is_broken {
                self.is_broken = true;
                let finding = self.finding(
                    node,
                    "html-nesting",
                    "more than 100 HTML elements are open at once, so the rest of the HTML is shown as text",
                );
                self.findings.push(finding.hint("close every element that is opened"));
            }
            return push_text(&mut self.out, html);
        }
        self.has_raw = true;
        match lazy::with_sources(html, &tags) {
            Some(html) => self.checked(&html, &shown_tags(&html), node),
            None => self.checked(html, &tags, node),
        }
    }

    /// Writes raw HTML, which contains `tags`, and reports what is left out of it.
    fn checked<'a>(&mut self, html: &str, tags: &[Tag], node: &'a AstNode<'a>) {
        let mut lines = Lines::new(html);
        for tag in tags.iter().filter(|tag| !tag.closing) {
            if tag.name() == "img" && tag.attribute("alt").is_none_or(|alt| alt.trim().is_empty()) {
                self.note_missing_alternative(node);
            }
            let line = node.data().sourcepos.start.line + lines.at(tag.at.start) - 1;
            self.note_removal(tag, (html, node), line);
            for (raw, url) in quiet_resources(tag, self.place.page) {
                self.note_own((&raw, &url), LinkKind::Resource, line);
            }
            for (name, purpose) in [("href", LinkKind::Link), ("src", LinkKind::Resource)] {
                let Some(raw) = tag.attribute(name) else { continue };
                match self.place.absolute(raw, purpose) {
                    Ok(url) => {
                        self.note_user_info(&url, node);
                        self.note_own((raw, &url), purpose, line);
                    }
                    Err(error) => self.note_refusal(&error, node),
                }
            }
        }
        let linked = sanitise::with_links_for_embeds(html, tags, self.place);
        self.out.push_str(&linked);
    }

    /// Names an element that is left out with what is in it, once for a post.
    fn note_removal<'a>(&mut self, tag: &Tag, (html, node): (&str, &'a AstNode<'a>), line: usize) {
        let (name, hint) = match tag.name() {
            "svg" if sanitise::words_of(&after(html, tag.at.start, node)).is_some() => (
                "svg in emails",
                "mail programs show none, so emails have the words of its title: save the picture as a PNG, and write ![what it shows](picture.png)",
            ),
            "svg" => (
                "svg",
                "give it a <title>, and no styles, scripts and links, or save the picture as a file, and write ![what it shows](picture.svg)",
            ),
            "math" if !self.place.has_formulas() => {
                ("math", "to show formulas, write below [archive] in config.toml: math = true")
            }
            "form" => ("form", "feed readers and mail programs have no forms: link to a page with it"),
            "script" => ("script", "feed readers and mail programs run none: link to a page with it"),
            "style" => ("style", "feed readers and mail programs have styles of their own"),
            // Pictures in it are shown.
            "noscript" if !self.removed.contains("noscript") && !holds_picture(html, node) => {
                ("noscript", "write what it contains outside of it")
            }
            _ => return,
        };
        if self.removed.insert(name) {
            let message = match name {
                "form" => "the fields of <form> are left out: feed readers and mail programs have no forms"
                    .to_owned(),
                "svg in emails" => "<svg> is left out of emails".to_owned(),
                _ => format!("<{name}> is left out with what is in it"),
            };
            let place = self.place.body_line + line.max(1) - 1;
            self.findings
                .push(Finding::note("html-removed", self.place.source, message).at(place).hint(hint));
        }
    }
}

/// How many nodes a `noscript` with a picture in a line of text has at most.
const NODES: usize = 16;

/// The HTML from a place on; of HTML in a line of text, each tag is a node.
fn after<'a>(html: &str, from: usize, node: &'a AstNode<'a>) -> String {
    let mut after = html[from..].to_owned();
    if matches!(node.data().value, NodeValue::HtmlInline(_)) {
        for next in node.following_siblings().skip(1) {
            match &next.data().value {
                NodeValue::HtmlInline(html) => after.push_str(html),
                NodeValue::Text(text) => push_text(&mut after, text),
                _ => {}
            }
            if after.ends_with("</svg>") {
                break;
            }
        }
    } else if let Some(end) = after.find("</svg>") {
        after.truncate(end + "</svg>".len());
    }
    after
}

/// Whether a picture is in a piece of HTML, or soon after it in the same line.
fn holds_picture<'a>(html: &str, node: &'a AstNode<'a>) -> bool {
    let is_picture = |node: &AstNode<'_>| matches!(&node.data().value, NodeValue::HtmlInline(html) if html.contains("<img"));
    html.contains("<img") || node.following_siblings().take(NODES).any(is_picture)
}

/// What a tag loads besides its `src`: the poster of a video, the candidates of a picture.
fn quiet_resources(tag: &Tag, page: &Url) -> Vec<(String, String)> {
    let poster = tag.attribute("poster").and_then(|raw| {
        let url = links::absolute(page, raw, LinkKind::Resource).ok()?;
        Some((raw.to_owned(), url))
    });
    let candidates = tag.attribute("srcset").and_then(|raw| links::srcset(page, raw)).unwrap_or_default();
    let candidates = candidates.split(", ").filter_map(|candidate| candidate.split(' ').next());
    let folder = page.as_str().rfind('/').map_or("", |end| &page.as_str()[..=end]);
    // The shortest form of the same address.
    let raw = |url: &str| url.strip_prefix(folder).unwrap_or(url).to_owned();
    let candidates = candidates.filter(|url| !url.is_empty()).map(|url| (raw(url), url.to_owned()));
    poster.into_iter().chain(candidates).collect()
}

/// Whether raw HTML is exactly one comment. Such a post needs no sanitising.
fn is_comment(html: &str) -> bool {
    html.trim()
        .strip_prefix("<!--")
        .is_some_and(|rest| rest.find("-->").is_some_and(|end| end + 3 == rest.len()))
}
