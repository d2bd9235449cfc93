//! Atom's texts and content: RFC 4287, 3.1 and 4.1.3.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;

use super::html;
use super::rule::{
    ATTRIBUTE_UNKNOWN, BASE64, BLANK, ELEMENT_UNKNOWN, HTML_ESCAPED, HTML_FRAGMENT, HTML_NOT_ESCAPED,
    LANGUAGE_MISSING, MIME_TYPE, NAMESPACE_MISSING, TEXT_UNEXPECTED, XHTML_DIV,
};
use super::schema::{Validator, Vocabulary};
use super::value::Kind::{Iri, MimeType, Plain};
use crate::xml::namespaces::{Ns, XHTML};
use crate::xml::tree::Node;

/// `title`, `subtitle`, `summary`, `rights`.
pub(super) fn text_construct(walk: &mut Validator<'_, '_>, node: &Node<'_>, _: &Node<'_>) {
    let kind = node.attribute("type").unwrap_or("text");
    attributes(walk, node, &["type"]);
    match kind {
        "" => walk.not_blank(node, "type"),
        "text" | "html" | "xhtml" => {}
        _ => walk.raise(MIME_TYPE, node, format!("type={kind:?} of <{}>: text, html or xhtml", node.name)),
    }
    body(walk, node, kind);
}

/// `content`.
pub(super) fn content(walk: &mut Validator<'_, '_>, node: &Node<'_>, _: &Node<'_>) {
    let kind = node.attribute("type").unwrap_or("text");
    let src = node.attribute("src");
    attributes(walk, node, &["type", "src"]);
    walk.not_blank(node, "type");
    let composite = ["multipart/", "message/"].iter().any(|family| kind.starts_with(family));
    let named = matches!(kind, "" | "text" | "html" | "xhtml");
    let absent = node.attribute("type").is_none();
    if composite
        || (!named || (src.is_some() && !absent)) && MimeType.judge(kind, walk.setting(true)).is_some()
    {
        walk.raise(MIME_TYPE, node, format!("type={kind:?} of <content> is not a media type"));
    }
    if let Some(src) = src {
        walk.judge(node, "src", src, &[Iri]);
        if !node.value().is_empty() || !node.children.is_empty() {
            walk.raise(TEXT_UNEXPECTED, node, "<content src> is empty");
        }
        return;
    }
    if is_binary(node) {
        let compact: String = node.text.split_whitespace().collect();
        if STANDARD.decode(compact).is_err() {
            walk.raise(BASE64, node, format!("the content is {kind}, but not in Base64"));
        }
        return;
    }
    body(walk, node, kind);
}

/// Whether the type of the content is neither text nor XML, so that the content is in Base64.
pub(super) fn is_binary(node: &Node<'_>) -> bool {
    let kind = node.attribute("type").unwrap_or("text").to_ascii_lowercase();
    let essence = kind.split(';').next().unwrap_or_default().trim();
    essence.contains('/') && !is_xml(essence) && !essence.starts_with("text/")
}

fn is_xml(essence: &str) -> bool {
    essence.ends_with("+xml") || essence.ends_with("/xml")
}

fn attributes(walk: &mut Validator<'_, '_>, node: &Node<'_>, known: &[&str]) {
    for found in node.attributes.iter().filter(|found| found.ns == Ns::None) {
        if !known.contains(&found.name.as_str()) {
            let message = format!("<{}> has an unknown attribute {}", node.label(), found.name);
            walk.raise(ATTRIBUTE_UNKNOWN, node, message);
        }
    }
    if !walk.language && walk.family == Vocabulary::Atom {
        walk.lint.raise(LANGUAGE_MISSING, 0, "the feed has no language (xml:lang)");
    }
}

fn body(walk: &mut Validator<'_, '_>, node: &Node<'_>, kind: &str) {
    let essence = kind.split(';').next().unwrap_or_default().trim().to_ascii_lowercase();
    if kind == "xhtml" {
        return xhtml(walk, node);
    }
    if is_xml(&essence) {
        return xml(walk, node, &essence);
    }
    if let Some(child) = node.children.first() {
        let rule = if essence == "html" || node.attribute("mode") == Some("escaped") {
            HTML_NOT_ESCAPED
        } else {
            ELEMENT_UNKNOWN
        };
        walk.raise(rule, child, format!("<{}> in <{}>, which contains text", child.label(), node.label()));
        return;
    }
    match essence.as_str() {
        "html" | "text/html" => {
            html::escaped(&node.text, node.line, false, walk.lint);
            if essence == "text/html" && !node.text.to_ascii_lowercase().contains("<html") {
                walk.raise(HTML_FRAGMENT, node, "type=\"text/html\" contains only a part of a page");
            }
        }
        _ => {
            if let Some((rule, message)) = Plain.judge(&node.text, walk.setting(false)) {
                walk.raise(rule, node, format!("<{}>: {message}", node.label()));
            }
        }
    }
    if node.value().is_empty() {
        walk.raise(BLANK, node, format!("<{}> is blank", node.label()));
    }
}

fn xml(walk: &mut Validator<'_, '_>, node: &Node<'_>, essence: &str) {
    if !node.children.is_empty() && !node.value().is_empty() {
        walk.raise(TEXT_UNEXPECTED, node, format!("text beside the element of type {essence}"));
    }
    let page = node.children.first().is_some_and(|child| child.is(XHTML, "html"));
    if essence == "application/xhtml+xml" && !page {
        walk.raise(HTML_FRAGMENT, node, "type=\"application/xhtml+xml\" contains only a part of a page");
    }
}

fn xhtml(walk: &mut Validator<'_, '_>, node: &Node<'_>) {
    let div = node.children.first().filter(|child| child.is(XHTML, "div"));
    if !node.value().is_empty() || div.is_none() || node.children.len() > 1 {
        if let Some(tag) = html::end_tag(&node.text) {
            walk.raise(HTML_ESCAPED, node, format!("</{tag}> as text in type=\"xhtml\""));
        }
        walk.raise(XHTML_DIV, node, format!("<{}> does not contain exactly one XHTML div", node.label()));
    }
    if let Some(div) = div {
        if div.children.is_empty()
            && let Some((_, message)) = Plain.judge(&div.text, walk.setting(false))
        {
            walk.raise(HTML_ESCAPED, div, message);
        }
        html::inline(div, false, walk.lint);
    }
    node.children.iter().for_each(|child| nameless(walk, child));
}

/// Finds elements without a namespace or from another vocabulary.
fn nameless(walk: &mut Validator<'_, '_>, node: &Node<'_>) {
    match node.ns {
        Ns::None => {
            let message = format!("<{}> within XHTML has no namespace", node.label());
            return walk.raise(NAMESPACE_MISSING, node, message);
        }
        Ns::Known("xhtml" | "svg" | "mathml" | "xlink") => {}
        Ns::Known(_) => {
            let message = format!("<{}> within XHTML", node.label());
            return walk.raise(ELEMENT_UNKNOWN, node, message);
        }
        Ns::Other => return,
    }
    if node.name != "metadata" {
        node.children.iter().for_each(|child| nameless(walk, child));
    }
}
