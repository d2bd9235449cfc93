//! Mobiledoc, Ghost's editor from 1.0 to 4, as HTML: sections of markers, with tables of markups, atoms and cards.
//!
//! Many sections can refer to one long card, so the HTML ends where a post is too long to be imported.

use serde_json::Value;
use url::Url;

use super::cards::card;
use crate::html::{MAX_BYTES, push_escaped};
use crate::importers::distinct::Distinct;

/// The most names and values of a markup; Ghost writes two to four.
const MAX_ATTRIBUTES: usize = 40;

/// The document as HTML; unsupported cards are named in `unknown`, each once.
pub(super) fn html(document: &Value, page: &Url, unknown: &mut Distinct) -> String {
    let mut out = String::new();
    for section in array(document.get("sections")) {
        if out.len() > MAX_BYTES {
            break;
        }
        match section.get(0).and_then(Value::as_u64) {
            Some(1) => {
                let tag = tag(section.get(1));
                out.extend(["<", tag, ">"]);
                markers(section.get(2), document, &mut out);
                out.extend(["</", tag, ">"]);
            }
            Some(2) => {
                out.push_str("<img src=\"");
                push_escaped(&mut out, section.get(1).and_then(Value::as_str).unwrap_or_default());
                out.push_str("\">");
            }
            Some(3) => {
                let tag = if section.get(1).and_then(Value::as_str) == Some("ol") { "ol" } else { "ul" };
                out.extend(["<", tag, ">"]);
                for item in array(section.get(2)) {
                    out.push_str("<li>");
                    markers(Some(item), document, &mut out);
                    out.push_str("</li>");
                }
                out.extend(["</", tag, ">"]);
            }
            Some(10) => {
                let at = section.get(1).and_then(Value::as_u64).and_then(|at| usize::try_from(at).ok());
                let found = at.and_then(|at| document.get("cards")?.get(at));
                let name = found.and_then(|card| card.get(0)).and_then(Value::as_str).unwrap_or("card");
                match found.and_then(|found| card(name, found.get(1)?, page)) {
                    Some(html) => out.push_str(&html),
                    None => unknown.push(name),
                }
            }
            _ => {}
        }
    }
    out
}

fn array(value: Option<&Value>) -> impl Iterator<Item = &Value> {
    value.and_then(Value::as_array).into_iter().flatten()
}

fn tag(value: Option<&Value>) -> &'static str {
    const TAGS: [&str; 9] = ["p", "h1", "h2", "h3", "h4", "h5", "h6", "blockquote", "aside"];
    let name = value.and_then(Value::as_str).unwrap_or_default();
    TAGS.into_iter().find(|tag| *tag == name).unwrap_or("p")
}

/// Each marker opens some markups, has a text, and closes some of them.
fn markers(list: Option<&Value>, document: &Value, out: &mut String) {
    let mut open: Vec<&str> = Vec::new();
    for marker in array(list) {
        if out.len() > MAX_BYTES {
            break;
        }
        for index in array(marker.get(1)) {
            let markup =
                index.as_u64().and_then(|at| document.get("markups")?.get(usize::try_from(at).ok()?));
            let name = markup.and_then(|markup| markup.get(0)).and_then(Value::as_str).unwrap_or("span");
            let name = if name.bytes().all(|byte| byte.is_ascii_alphanumeric()) { name } else { "span" };
            out.extend(["<", name]);
            let attributes = array(markup.and_then(|markup| markup.get(1)));
            let attributes: Vec<&str> = attributes.filter_map(Value::as_str).take(MAX_ATTRIBUTES).collect();
            if let Some(pair) = attributes.chunks_exact(2).find(|pair| pair[0] == "href") {
                out.push_str(" href=\"");
                push_escaped(out, pair[1]);
                out.push('"');
            }
            out.push('>');
            open.push(name);
        }
        match marker.get(0).and_then(Value::as_u64) {
            Some(0) => push_escaped(out, marker.get(3).and_then(Value::as_str).unwrap_or_default()),
            // The only atom of Ghost is the line break.
            _ => out.push_str("<br>"),
        }
        for _ in 0..marker.get(2).and_then(Value::as_u64).unwrap_or(0).min(open.len() as u64) {
            if let Some(name) = open.pop() {
                out.extend(["</", name, ">"]);
            }
        }
    }
    for name in open.into_iter().rev() {
        out.extend(["</", name, ">"]);
    }
}
