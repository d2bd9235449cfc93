//! Reads the feeds of other programs: RSS 0.9x, 1.0 and 2.0, Atom 0.3 and 1.0, JSON Feed 1 and 1.1.
//!
//! It forgives common mistakes, fetches nothing, and has the limits of the `xml` module. Links become absolute if
//! the feed states a base.

mod atom;
mod charset;
mod episode_kind;
mod json;
mod rss;
mod text;

use std::io::Read;

use chrono::{DateTime, FixedOffset};
use encoding_rs::Encoding;
use url::Url;

use crate::finding::Finding;
use crate::xml::{Node, Records, XmlError};

pub(super) use crate::dates::feed::parse as date;
pub use text::plain_text;

/// The most entries in a feed or an export.
const MAX_ENTRIES: usize = 200_000;
/// The longest JSON feed in bytes, because it is read whole.
const MAX_JSON: usize = 64 << 20;

/// The most authors, categories and enclosures of an entry. Each is compared with the others, or with the text.
const MAX_PARTS: usize = 100;

/// A feed.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Feed {
    /// The properties of the feed itself.
    pub about: About,
    /// In the order of the document.
    pub entries: Vec<Entry>,
}

/// The properties of a feed itself.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct About {
    /// The format.
    pub format: Option<Format>,
    /// The title, plain text.
    pub title: String,
    /// The site.
    pub home: Option<String>,
    /// The feed's own address.
    pub own: Option<String>,
    /// The BCP 47 tag.
    pub language: Option<String>,
    /// The program that made it.
    pub generator: Option<String>,
    /// The authors of entries that state none.
    pub authors: Vec<String>,
    /// What may have been misread.
    pub findings: Vec<Finding>,
}

/// The format of a feed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Format {
    /// RSS 0.9x, 1.0 and 2.0.
    Rss,
    /// Atom 0.3 and 1.0.
    Atom,
    /// JSON Feed 1 and 1.1.
    Json,
}

/// A post in a feed.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Entry {
    /// The id, by which feed readers recognise the entry; compared byte by byte.
    pub id: Option<String>,
    /// The page, as an absolute URL if possible.
    pub link: Option<String>,
    /// The title, plain text; may be empty.
    pub title: String,
    /// When it was published.
    pub published: Option<DateTime<FixedOffset>>,
    /// When it was last changed, if the feed states it.
    pub updated: Option<DateTime<FixedOffset>>,
    /// The authors: names, or addresses of authors without one.
    pub authors: Vec<String>,
    /// Categories and tags, which most feeds do not distinguish.
    pub categories: Vec<String>,
    /// The BCP 47 tag, if the entry states one.
    pub language: Option<String>,
    /// The text, as HTML.
    pub content: Option<String>,
    /// The summary, as HTML.
    pub summary: Option<String>,
    /// A picture for the entry.
    pub image: Option<String>,
    /// Audio, video and other files.
    pub enclosures: Vec<Enclosure>,
    /// Whether it is unpublished, as exports of whole sites state.
    pub draft: bool,
    /// Its kind if it is not a post: a comment, a page, a setting.
    pub other: Option<String>,
    /// The line on which it ends, from 1; 0 in JSON.
    pub line: usize,
}

impl Entry {
    /// Whether it is a published post.
    pub fn is_published(&self) -> bool {
        !self.draft && self.other.is_none()
    }
}

/// A file that belongs to an entry.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Enclosure {
    /// Its address.
    pub url: String,
    /// Its media type.
    pub media_type: Option<String>,
    /// Its length in bytes, as stated in the feed.
    pub length: Option<u64>,
}

/// Reads a whole feed, or returns a finding about `file`.
pub fn read(bytes: &[u8], file: &str) -> Result<Feed, Finding> {
    read_served(bytes, None, file)
}

/// Reads a whole feed that a server sent with a `Content-Type`.
pub fn read_served(bytes: &[u8], media_type: Option<&str>, file: &str) -> Result<Feed, Finding> {
    let mut entries = Vec::new();
    let served = media_type.and_then(charset::served);
    let mut about = read_all(bytes, served, file, &mut |entry| entries.push(entry))?;
    about.findings.extend(charset::disagreement(bytes, served, file));
    Ok(Feed { about, entries })
}

/// Reads a feed with one entry in memory at a time; JSON is read whole, up to 64 MB. `encoding` overrides the one that
/// it states.
pub fn stream(
    input: impl Read,
    encoding: Option<&'static Encoding>,
    file: &str,
    each: &mut dyn FnMut(Entry),
) -> Result<About, Finding> {
    read_all(input, encoding, file, each)
}

fn read_all(
    input: impl Read,
    served: Option<&'static Encoding>,
    file: &str,
    each: &mut dyn FnMut(Entry),
) -> Result<About, Finding> {
    let wrong = |line: Option<usize>, message: String| {
        let finding = Finding::error("foreign-feed", file, message);
        match line {
            Some(line) => finding.at(line),
            None => finding,
        }
    };
    let (head, input) = peek(input).map_err(|error| wrong(None, format!("it cannot be read: {error}")))?;
    if json::is_json(&head) {
        let bytes = whole(input).map_err(|message| wrong(None, message))?;
        let feed = json::read(&bytes).map_err(|(line, message)| wrong(line, message))?;
        feed.entries.into_iter().for_each(each);
        return Ok(feed.about);
    }
    let mut records = Records::new(input, served).map_err(|error| wrong(None, error.to_string()))?;
    let mut about = About::default();
    let mut count = 0;
    loop {
        let node = match records.next() {
            Ok(Some(node)) => node,
            Ok(None) => break,
            Err(error) => return Err(with_hint(wrong(Some(records.line()), error.to_string()), &error)),
        };
        let Some(format) = format_of(records.root().unwrap_or_default()) else { break };
        if node.name == "wp:wxr_version" {
            let finding = wrong(Some(records.line()), "it is a WordPress export, not a feed".to_owned());
            return Err(finding.hint("`letterpress import wordpress` reads it"));
        }
        about.format = Some(format);
        let base = about.base(records.inherited.base.as_deref());
        let language = records.inherited.language.clone();
        let entry = match format {
            Format::Atom => atom::record(&node, &mut about, base.as_ref()),
            _ => rss::record(&node, &mut about, base.as_ref()),
        };
        about.language = about.language.take().or(language);
        if let Some(entry) = entry {
            count += 1;
            if count > MAX_ENTRIES {
                return Err(wrong(Some(records.line()), format!("it has more than {MAX_ENTRIES} entries")));
            }
            each(Entry { line: records.line(), ..entry });
        }
    }
    match records.root() {
        Some(root) if format_of(root).is_some() => {
            // A feed may be empty.
            about.format = format_of(root);
            about.findings.extend(records.has_invalid_bytes().then(|| charset::invalid_bytes(file)));
            Ok(about)
        }
        Some(root) => {
            let root = root.trim_start_matches("other:");
            Err(wrong(None, format!("it is not a feed: the root element is <{root}>"))
                .hint("name an RSS, Atom or JSON feed; for a web page, use the address of its feed link"))
        }
        None => Err(wrong(None, "it is not a feed: it is neither XML nor JSON".to_owned())),
    }
}

fn with_hint(finding: Finding, error: &XmlError) -> Finding {
    match error {
        XmlError::Malformed(_) => {
            finding.hint("open it in a browser to see the place; correct it there, or export it again")
        }
        XmlError::Dtd => finding.hint("remove the <!DOCTYPE …> at its beginning"),
        _ => finding,
    }
}

fn format_of(root: &str) -> Option<Format> {
    match root {
        "rss" | "rdf:RDF" | "channel" => Some(Format::Rss),
        "atom:feed" | "atom:entry" => Some(Format::Atom),
        _ => None,
    }
}

/// The first bytes, and the whole input.
fn peek<R: Read>(mut input: R) -> std::io::Result<(Vec<u8>, impl Read)> {
    let mut head = Vec::new();
    (&mut input).take(512).read_to_end(&mut head)?;
    let before = std::io::Cursor::new(head.clone());
    Ok((head, before.chain(input)))
}

fn whole(input: impl Read) -> Result<Vec<u8>, String> {
    let mut bytes = Vec::new();
    input
        .take(MAX_JSON as u64 + 1)
        .read_to_end(&mut bytes)
        .map_err(|error| format!("it cannot be read: {error}"))?;
    if bytes.len() > MAX_JSON { Err("it is longer than 64 MB".to_owned()) } else { Ok(bytes) }
}

impl About {
    /// The base of relative links in the feed.
    fn base(&self, stated: Option<&str>) -> Option<Url> {
        let around = self.own.as_deref().or(self.home.as_deref()).and_then(|url| Url::parse(url).ok());
        match (stated, around) {
            (Some(stated), Some(around)) => around.join(stated).ok(),
            (Some(stated), None) => Url::parse(stated).ok(),
            (None, around) => around,
        }
    }
}

/// `raw` as an absolute URL if possible, else as written.
fn absolute(raw: &str, base: Option<&Url>) -> Option<String> {
    let raw = raw.trim();
    if raw.is_empty() {
        return None;
    }
    // Absolute URLs stay as written, because feed readers compare them byte by byte.
    if Url::parse(raw).is_ok() {
        return Some(raw.to_owned());
    }
    Some(base.and_then(|base| base.join(raw).ok()).map_or_else(|| raw.to_owned(), String::from))
}

/// Adds a name, once. Names after the first [`MAX_PARTS`] are ignored.
fn push_name(names: &mut Vec<String>, name: Option<String>) {
    let name = name.map(|name| name.split_whitespace().collect::<Vec<_>>().join(" "));
    if let Some(name) =
        name.filter(|name| !name.is_empty() && names.len() < MAX_PARTS && !names.contains(name))
    {
        names.push(name);
    }
}

/// The language of an element.
fn language(node: &Node) -> Option<String> {
    node.attribute("xml:lang").map(str::to_owned).or_else(|| node.first_text(&["dc:language", "language"]))
}

#[cfg(test)]
mod tests;
