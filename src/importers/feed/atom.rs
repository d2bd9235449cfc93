//! Atom 1.0, and 0.3, which old programs still write.

use url::Url;

use super::text::{paragraphs, plain_text};
use super::{About, Enclosure, Entry, MAX_PARTS, absolute, date, episode_kind, language, push_name};
use crate::html::push_escaped;
use crate::xml::Node;

/// Reads an entry; any other record describes the feed.
pub(super) fn record(node: &Node, about: &mut About, base: Option<&Url>) -> Option<Entry> {
    match node.name.as_str() {
        "atom:entry" => return Some(entry(node, base)),
        "atom:title" => about.title = title(node),
        "atom:link" => match node.attribute("rel") {
            Some("self") => about.own = href(node, base),
            None | Some("alternate") => about.home = href(node, base).or(about.home.take()),
            _ => {}
        },
        "atom:author" => push_name(&mut about.authors, author(node)),
        "atom:generator" => about.generator = Some(node.text()).filter(|text| !text.is_empty()),
        _ => {}
    }
    None
}

fn entry(node: &Node, base: Option<&Url>) -> Entry {
    let own_base = node.attribute("xml:base").and_then(|own| match base {
        Some(base) => base.join(own).ok(),
        None => Url::parse(own).ok(),
    });
    let base = own_base.as_ref().or(base);
    let page = node.all("atom:link").find(|link| matches!(link.attribute("rel"), None | Some("alternate")));
    let link = page.and_then(|link| href(link, base));
    let content = node.child("atom:content");
    let mut entry = Entry {
        id: node.first_text(&["atom:id"]).or_else(|| link.clone()),
        link: link
            .or_else(|| content?.attribute("src").and_then(|src| absolute(src, base)))
            .or_else(|| node.first_text(&["blogger:filename"])),
        title: node.child("atom:title").map(title).unwrap_or_default(),
        published: node
            .first_text(&["atom:published", "atom:issued", "atom:created", "dc:date"])
            .and_then(|raw| date(&raw)),
        updated: node.first_text(&["atom:updated", "atom:modified"]).and_then(|raw| date(&raw)),
        language: language(node),
        content: content.and_then(html),
        summary: node.child("atom:summary").and_then(html),
        image: node
            .child("media:thumbnail")
            .and_then(|image| image.attribute("url"))
            .and_then(|url| absolute(url, base)),
        ..Entry::default()
    };
    entry.published = entry.published.or(entry.updated);
    for person in node.all("atom:author") {
        push_name(&mut entry.authors, author(person));
    }
    push_name(&mut entry.authors, node.first_text(&["dc:creator"]));
    for category in node.all("atom:category").filter(|category| !episode_kind::is_kind(category)) {
        let name = category.attribute("label").or_else(|| category.attribute("term"));
        push_name(&mut entry.categories, name.map(str::to_owned));
    }
    for subject in node.all("dc:subject") {
        push_name(&mut entry.categories, Some(subject.text()));
    }
    let enclosures = node.all("atom:link").filter(|link| link.attribute("rel") == Some("enclosure"));
    entry.enclosures = enclosures
        .take(MAX_PARTS)
        .filter_map(|link| {
            Some(Enclosure {
                url: href(link, base)?,
                media_type: link.attribute("type").map(str::to_owned),
                length: link.attribute("length").and_then(|length| length.trim().parse().ok()),
            })
        })
        .collect();
    if entry.content.is_none() {
        entry.content = entry.summary.take();
    }
    episode_kind::settle(&mut entry, node);
    entry
}

fn href(link: &Node, base: Option<&Url>) -> Option<String> {
    link.attribute("href").and_then(|href| absolute(href, base))
}

fn author(person: &Node) -> Option<String> {
    person.first_text(&["atom:name", "atom:email"])
}

fn title(node: &Node) -> String {
    match kind(node) {
        Kind::Text => node.text().split_whitespace().collect::<Vec<_>>().join(" "),
        Kind::Html => plain_text(&node.text()),
        Kind::Xhtml => plain_text(&xhtml(node)),
        Kind::Other => String::new(),
    }
}

enum Kind {
    Text,
    Html,
    Xhtml,
    Other,
}

/// How to read a text construct (RFC 4287, 3.1.1 and 4.1.3.1; for 0.3, its `mode` and media type).
fn kind(node: &Node) -> Kind {
    let holds_markup = node.nodes().next().is_some();
    match (node.attribute("type").unwrap_or("text"), node.attribute("mode")) {
        (_, Some("base64")) => Kind::Other,
        ("xhtml" | "application/xhtml+xml", mode) if mode != Some("escaped") => Kind::Xhtml,
        (_, Some("xml") | None) if holds_markup => Kind::Xhtml,
        ("html" | "text/html" | "xhtml" | "application/xhtml+xml", _) => Kind::Html,
        ("text" | "text/plain", _) => Kind::Text,
        _ => Kind::Other,
    }
}

/// RFC 4287 wraps XHTML in a `div` that does not belong to the content.
fn xhtml(node: &Node) -> String {
    node.child("xhtml:div").unwrap_or(node).inner_html()
}

/// The construct as HTML; `None` if it is empty or not text.
fn html(node: &Node) -> Option<String> {
    let html = match kind(node) {
        Kind::Text => {
            let mut escaped = String::new();
            push_escaped(&mut escaped, &node.text());
            paragraphs(&escaped)
        }
        Kind::Html => node.text(),
        Kind::Xhtml => xhtml(node).trim().to_owned(),
        Kind::Other => return None,
    };
    (!html.is_empty()).then_some(html)
}
