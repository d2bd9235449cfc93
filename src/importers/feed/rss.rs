//! RSS of every version.

use url::Url;

use super::text::{paragraphs, plain_text};
use super::{About, Enclosure, Entry, MAX_PARTS, absolute, date, episode_kind, language, push_name};
use crate::xml::Node;

/// Reads an item as an entry; any other record describes the feed.
pub(super) fn record(node: &Node, about: &mut About, base: Option<&Url>) -> Option<Entry> {
    match node.name.as_str() {
        "item" => return Some(item(node, base)),
        "title" => about.title = plain_text(&node.text()),
        "link" => about.home = absolute(&node.text(), base).or(about.home.take()),
        "atom:link" if node.attribute("rel") == Some("self") => {
            about.own = node.attribute("href").and_then(|href| absolute(href, base));
        }
        "language" | "dc:language" => about.language = Some(node.text()).filter(|text| !text.is_empty()),
        "generator" => about.generator = Some(node.text()).filter(|text| !text.is_empty()),
        "itunes:author" | "managingEditor" | "dc:creator" if about.authors.is_empty() => {
            push_name(&mut about.authors, Some(name(&node.text())));
        }
        _ => {}
    }
    None
}

fn item(node: &Node, base: Option<&Url>) -> Entry {
    let guid = node.first_text(&["guid"]);
    let about = node.attribute("rdf:about").map(str::to_owned);
    // By default a guid is the address of the page, if it is an address.
    let is_link = node.child("guid").and_then(|guid| guid.attribute("isPermaLink")) != Some("false");
    let permalink = guid.clone().filter(|guid| is_link && is_web(guid));
    let link = node
        .first_text(&["link"])
        .or_else(|| atom_link(node))
        .or(permalink)
        .or_else(|| about.clone().filter(|about| is_web(about)));
    let link = link.and_then(|link| absolute(&link, base));
    let mut entry = Entry {
        // Feed readers use the link if there is no id.
        id: guid.or_else(|| node.first_text(&["atom:id"])).or(about).or_else(|| link.clone()),
        link,
        title: plain_text(&node.first_text(&["title", "media:title", "dc:title"]).unwrap_or_default()),
        published: node
            .first_text(&["pubDate", "atom:published", "dc:date", "dcterms:created"])
            .and_then(|raw| date(&raw)),
        updated: node.first_text(&["atom:updated", "dcterms:modified"]).and_then(|raw| date(&raw)),
        language: language(node),
        content: node.first_text(&["content:encoded"]).or_else(|| body(node)),
        summary: node.first_text(&["description", "itunes:summary"]),
        image: node
            .child("media:thumbnail")
            .and_then(|image| image.attribute("url"))
            .or_else(|| node.child("itunes:image").and_then(|image| image.attribute("href")))
            .and_then(|url| absolute(url, base)),
        ..Entry::default()
    };
    for author in node.all("dc:creator").chain(node.all("author")) {
        push_name(&mut entry.authors, Some(name(&author.text())));
    }
    for category in node.all("category").chain(node.all("dc:subject")) {
        push_name(&mut entry.categories, Some(plain_text(&category.text())));
    }
    for enclosure in node.all("enclosure").take(MAX_PARTS) {
        let url = enclosure.attribute("url").and_then(|url| absolute(url, base));
        entry.enclosures.extend(url.map(|url| Enclosure {
            url,
            media_type: enclosure.attribute("type").map(str::to_owned),
            length: enclosure.attribute("length").and_then(|length| length.trim().parse().ok()),
        }));
    }
    // Without content, the description is the text.
    if entry.content.is_none() {
        entry.content = entry.summary.take().map(|text| paragraphs(&text));
    }
    episode_kind::settle(&mut entry, node);
    entry
}

fn body(node: &Node) -> Option<String> {
    node.child("xhtml:body").or_else(|| node.child("xhtml:div")).map(Node::inner_html)
}

fn atom_link(node: &Node) -> Option<String> {
    let mut links = node.all("atom:link");
    let page = links.find(|link| matches!(link.attribute("rel"), None | Some("alternate")))?;
    page.attribute("href").map(str::to_owned)
}

fn is_web(url: &str) -> bool {
    url.starts_with("http://") || url.starts_with("https://")
}

/// The name in `kim@example.com (Kim)` or `Kim <kim@example.com>`, else the address.
fn name(raw: &str) -> String {
    let raw = raw.trim();
    if let Some((address, rest)) = raw.split_once('(')
        && address.contains('@')
        && let Some(name) = rest.strip_suffix(')')
        && !name.trim().is_empty()
    {
        return name.trim().to_owned();
    }
    match raw.split_once('<') {
        Some((name, address)) if address.contains('@') && !name.trim().is_empty() => {
            name.trim().trim_matches('"').to_owned()
        }
        _ => raw.to_owned(),
    }
}
