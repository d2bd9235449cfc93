//! Reads RSS and Atom for the rules, and finds what makes XML ill-formed.
//!
//! One pass over events. It reads the elements that feeds here have under the prefixes they have here.

use std::ops::Range;

use quick_xml::Reader;
use quick_xml::escape::{resolve_predefined_entity, unescape};
use quick_xml::events::{BytesDecl, BytesRef, BytesStart, Event};

use super::lines::Lines;
use super::{Item, Reading, Report, Stamp};
use crate::text::XmlText;

/// What `text` says; `None`, with a finding, if it is not well-formed.
pub(super) fn read(text: &str, report: &mut Report<'_>) -> Option<Reading> {
    let mut walk = Walk { lines: Lines::new(text), ..Walk::default() };
    let mut events = Reader::from_str(text);
    if !text.starts_with("<?xml ") {
        report.error(
            "feed-encoding",
            1,
            "the document does not begin with <?xml version=\"1.0\" encoding=\"utf-8\"?>",
        );
    }
    loop {
        let at = usize::try_from(events.buffer_position()).unwrap_or(text.len());
        let outcome = match events.read_event() {
            Ok(Event::Eof) => break,
            Ok(event) => {
                let end = usize::try_from(events.buffer_position()).unwrap_or(text.len());
                walk.event(&event, at..end, report)
            }
            Err(error) => Err(error.to_string()),
        };
        if let Err(message) = outcome {
            let line = walk.lines.line_at(at);
            report.error("feed-syntax", line, format!("the document is not well-formed XML: {message}"));
            return None;
        }
    }
    if !walk.open.is_empty() || !walk.has_root {
        report.error("feed-syntax", 0, "the document is not well-formed XML: it ends too early");
        return None;
    }
    Some(walk.reading)
}

/// Where the reader is, and what it has read.
#[derive(Default)]
struct Walk<'t> {
    lines: Lines<'t>,
    /// The names of the open elements.
    open: Vec<&'t str>,
    has_root: bool,
    /// Prefixes that the root declares.
    prefixes: Vec<String>,
    /// The text of the innermost open element so far.
    text: String,
    reading: Reading,
}

impl Walk<'_> {
    /// `range` is where the event stands. Its text is taken from there: it is known to be UTF-8 already.
    fn event(
        &mut self,
        event: &Event<'_>,
        range: Range<usize>,
        report: &mut Report<'_>,
    ) -> Result<(), String> {
        let at = range.start;
        let raw = self.lines.text.get(range).unwrap_or_default();
        match event {
            Event::Start(start) => self.start(start, at),
            Event::Empty(start) => {
                self.start(start, at)?;
                self.end(at, report);
                Ok(())
            }
            Event::End(_) => {
                self.end(at, report);
                Ok(())
            }
            Event::Text(_) if raw.contains("]]>") => Err("`]]>` outside a CDATA section".to_owned()),
            Event::Text(_) => self.characters(raw),
            Event::CData(_) => {
                let inner = raw.strip_prefix("<![CDATA[").and_then(|raw| raw.strip_suffix("]]>"));
                self.characters(inner.unwrap_or_default())
            }
            Event::GeneralRef(reference) => self.reference(reference),
            Event::Decl(declaration) => self.declaration(declaration, report),
            Event::DocType(_) => Err("a feed has no DOCTYPE".to_owned()),
            Event::Comment(_) | Event::PI(_) | Event::Eof => Ok(()),
        }
    }

    fn declaration(&self, declaration: &BytesDecl<'_>, report: &mut Report<'_>) -> Result<(), String> {
        if self.has_root {
            return Err("a second XML declaration".to_owned());
        }
        let encoding = declaration.encoding().transpose().map_err(|error| error.to_string())?;
        if !encoding.is_some_and(|name| name.eq_ignore_ascii_case(b"utf-8")) {
            report.error("feed-encoding", 1, "the XML declaration does not say encoding=\"utf-8\"");
        }
        Ok(())
    }

    fn characters(&mut self, text: &str) -> Result<(), String> {
        if self.open.is_empty() && !text.trim().is_empty() {
            return Err("text outside the root element".to_owned());
        }
        self.text.push_str(text);
        Ok(())
    }

    fn reference(&mut self, reference: &BytesRef<'_>) -> Result<(), String> {
        let name = utf8(reference)?;
        if let Some(text) = resolve_predefined_entity(name) {
            self.text.push_str(text);
            return Ok(());
        }
        match reference.resolve_char_ref().map_err(|error| error.to_string())? {
            Some(c) if XmlText::is_clean(c.encode_utf8(&mut [0; 4])) => self.text.push(c),
            Some(c) => return Err(format!("a reference to the character U+{:04X}", u32::from(c))),
            None => return Err(format!("the entity &{name}; is not declared")),
        }
        Ok(())
    }

    fn start(&mut self, start: &BytesStart<'_>, at: usize) -> Result<(), String> {
        if self.open.is_empty() && std::mem::replace(&mut self.has_root, true) {
            return Err("a second root element".to_owned());
        }
        self.text.clear();
        let name = self.lines.name_at(at);
        let (mut rel, mut href) = (None, None);
        for attribute in start.attributes() {
            let attribute = attribute.map_err(|error| error.to_string())?;
            let value = unescape(utf8(&attribute.value)?).map_err(|error| error.to_string())?;
            match attribute.key.as_ref() {
                b"rel" => rel = Some(value.into_owned()),
                b"href" => href = Some(value.into_owned()),
                key => {
                    if self.open.is_empty()
                        && let Some(prefix) = key.strip_prefix(b"xmlns:")
                    {
                        self.prefixes.push(utf8(prefix)?.to_owned());
                    }
                }
            }
        }
        if let Some((prefix, _)) = name.split_once(':')
            && !self.prefixes.iter().any(|known| known == prefix)
        {
            return Err(format!("the prefix of <{name}> is not declared"));
        }
        if matches!((self.open.last(), name), (Some(&"channel"), "item") | (Some(&"feed"), "entry")) {
            let line = self.lines.line_at(at);
            self.reading.entries.push(Item { line, ..Item::default() });
        }
        if matches!(name, "link" | "atom:link")
            && let Some(href) = href
        {
            self.link(rel.as_deref().unwrap_or("alternate"), href);
        }
        self.open.push(name);
        Ok(())
    }

    /// An Atom link; in RSS, where `link` holds text, it is the channel's `rel="self"`.
    fn link(&mut self, rel: &str, href: String) {
        let slot = match (self.open.last(), rel, self.reading.entries.last_mut()) {
            (Some(&"entry"), "alternate", Some(entry)) => &mut entry.link,
            (Some(&("feed" | "channel")), "self", _) => &mut self.reading.own,
            (Some(&"feed"), "alternate", _) => &mut self.reading.home,
            _ => return,
        };
        slot.get_or_insert(href);
    }

    fn end(&mut self, at: usize, report: &mut Report<'_>) {
        let name = self.open.pop().unwrap_or_default();
        let text = std::mem::take(&mut self.text);
        match (self.open.last(), self.reading.entries.last_mut()) {
            (Some(&("item" | "entry")), Some(entry)) => {
                if matches!(name, "description" | "content:encoded" | "content") {
                    report.content(&text, self.lines.line_at(at));
                } else {
                    of_entry(entry, name, &text);
                }
            }
            (Some(&("channel" | "feed")), _) => of_feed(&mut self.reading, name, &text),
            _ => {}
        }
        self.text = text;
        self.text.clear();
    }
}

fn of_entry(entry: &mut Item, name: &str, text: &str) {
    match name {
        "guid" | "id" => entry.id = Some(text.to_owned()),
        "link" if !text.is_empty() => entry.link = Some(text.to_owned()),
        "title" => entry.title = Some(text.to_owned()),
        "pubDate" => entry.published = Some(Stamp::rfc822(text)),
        "published" => entry.published = Some(Stamp::rfc3339(text)),
        "updated" | "atom:updated" => entry.updated = Some(Stamp::rfc3339(text)),
        _ => {}
    }
}

fn of_feed(reading: &mut Reading, name: &str, text: &str) {
    match name {
        "title" => reading.title = Some(text.to_owned()),
        "link" if !text.is_empty() => reading.home = Some(text.to_owned()),
        "lastBuildDate" => reading.updated = Some(Stamp::rfc822(text)),
        "updated" => reading.updated = Some(Stamp::rfc3339(text)),
        _ => {}
    }
}

fn utf8(bytes: &[u8]) -> Result<&str, String> {
    std::str::from_utf8(bytes).map_err(|error| error.to_string())
}
