//! Lexical, Ghost's editor since 5.0, as HTML. `serde_json` limits the depth to 128.

use serde_json::Value;
use url::Url;

use super::cards::card;
use crate::html::push_escaped;
use crate::importers::distinct::Distinct;

/// The bits of a text's `format`, and their elements.
const FORMATS: [(u64, &str); 7] =
    [(1, "strong"), (2, "em"), (4, "s"), (16, "code"), (32, "sub"), (64, "sup"), (128, "mark")];

/// The document as HTML; unsupported cards are named in `unknown`, each once.
pub(super) fn html(document: &Value, page: &Url, unknown: &mut Distinct) -> String {
    let mut out = String::new();
    if let Some(root) = document.get("root") {
        children(root, page, unknown, &mut out);
    }
    out
}

fn children(node: &Value, page: &Url, unknown: &mut Distinct, out: &mut String) {
    for child in node.get("children").and_then(Value::as_array).into_iter().flatten() {
        write(child, page, unknown, out);
    }
}

fn write(node: &Value, page: &Url, unknown: &mut Distinct, out: &mut String) {
    let text = |key: &str| node.get(key).and_then(Value::as_str).unwrap_or_default();
    let kind = text("type");
    let element = match kind {
        "paragraph" => "p",
        "heading" | "extended-heading" => match text("tag") {
            tag @ ("h1" | "h2" | "h3" | "h4" | "h5" | "h6") => tag,
            _ => "h2",
        },
        "quote" | "extended-quote" | "aside" => "blockquote",
        "list" if text("listType") == "number" => "ol",
        "list" => "ul",
        "listitem" => "li",
        "linebreak" => {
            out.push_str("<br>");
            return;
        }
        "text" | "extended-text" | "tab" => {
            run(text("text"), node.get("format").and_then(Value::as_u64).unwrap_or(0), out);
            return;
        }
        "link" | "autolink" => {
            out.push_str("<a href=\"");
            push_escaped(out, text("url"));
            out.push_str("\">");
            children(node, page, unknown, out);
            out.push_str("</a>");
            return;
        }
        _ => {
            match card(kind, node, page) {
                Some(html) => out.push_str(&html),
                None if node.get("children").is_some() => children(node, page, unknown, out),
                None => unknown.push(kind),
            }
            return;
        }
    };
    out.extend(["<", element, ">"]);
    children(node, page, unknown, out);
    out.extend(["</", element, ">"]);
}

fn run(text: &str, format: u64, out: &mut String) {
    let marks = || FORMATS.iter().filter(|(bit, _)| format & bit != 0);
    for (_, element) in marks() {
        out.extend(["<", element, ">"]);
    }
    push_escaped(out, text);
    for (_, element) in marks().rev() {
        out.extend(["</", element, ">"]);
    }
}
