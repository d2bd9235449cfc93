//! From the bytes of a document to its contents, with findings about the XML or JSON itself.

use serde_json::{Map, Value};

use super::findings::Lint;
use super::rule::{
    JSON_SYNTAX, NAMESPACE_UNKNOWN, NAMESPACE_WRONG, PREFIX_TAKEN, PREFIX_UNUSUAL, XML_DOCTYPE, XML_DTD_GONE,
    XML_ENTITY, XML_LIMIT, XML_SYNTAX, XML_VERSION,
};
use super::value::uri;
use crate::xml::XmlError;
use crate::xml::namespaces::{self, Ns};
use crate::xml::tree::{self, MAX_NODES, Node, Remark};

/// A document after parsing.
pub(super) enum Parsed<'t> {
    Xml(Node<'t>),
    Json(Map<String, Value>),
}

/// Parses `text`; `None`, with a finding, if it is not well-formed. `is_clean` is what [`XmlText::is_clean`] says about it;
/// `ended` receives each element when it is complete.
///
/// [`XmlText::is_clean`]: crate::text::XmlText::is_clean
pub(super) fn parse<'t>(
    text: &'t str,
    is_clean: bool,
    ended: fn(&mut Node<'_>),
    lint: &mut Lint<'_>,
) -> Option<Parsed<'t>> {
    if text.trim_start().starts_with('{') {
        return match serde_json::from_str(text) {
            Ok(feed) => Some(Parsed::Json(feed)),
            Err(error) => {
                lint.raise(JSON_SYNTAX, error.line(), format!("the document is not a JSON object: {error}"));
                None
            }
        };
    }
    // The user decides about the size of their own feeds.
    let max_nodes = if lint.is_own() { usize::MAX } else { MAX_NODES };
    match tree::read(text, is_clean, max_nodes, &mut |line, found| remark(line, found, lint), ended) {
        Ok(root) => Some(Parsed::Xml(root)),
        Err((line, error)) => {
            let rule = match error {
                XmlError::Deep | XmlError::Long | XmlError::Many(_) => XML_LIMIT,
                XmlError::Entity(_) => XML_ENTITY,
                XmlError::Dtd | XmlError::Character(_) | XmlError::Malformed(_) | XmlError::Io(_) => {
                    XML_SYNTAX
                }
            };
            let message = match error {
                XmlError::Entity(reason) | XmlError::Malformed(reason) => {
                    format!("the document is not well-formed XML: {reason}")
                }
                error @ XmlError::Character(_) => format!("the document is not well-formed XML: {error}"),
                error => format!("the document cannot be read: {error}"),
            };
            lint.raise(rule, line, message);
            None
        }
    }
}

fn remark(line: usize, remark: Remark<'_>, lint: &mut Lint<'_>) {
    match remark {
        Remark::Version("1.0") => {}
        Remark::Version(version) => {
            lint.raise(XML_VERSION, 1, format!("feed readers do not support XML {version}"));
        }
        Remark::Doctype(content)
            if content.contains("http://my.netscape.com/publish/formats/rss-0.91.dtd") =>
        {
            lint.raise(XML_DTD_GONE, line, "the DOCTYPE names a DTD that no longer exists");
        }
        Remark::Doctype(_) => lint.raise(XML_DOCTYPE, line, "the document has a DOCTYPE"),
        Remark::Undeclared(name) => {
            lint.raise(XML_DOCTYPE, line, format!("&{name}; is not defined without the DTD"));
        }
        Remark::Namespace(prefix, address) => namespace(prefix, address, line, lint),
    }
}

fn namespace(prefix: &str, address: &str, line: usize, lint: &mut Lint<'_>) {
    match namespaces::of(address) {
        Ns::Known(known) if known != prefix && !prefix.is_empty() => {
            lint.raise(PREFIX_UNUSUAL, line, format!("the prefix is {prefix} instead of {known}"));
        }
        Ns::Known(_) | Ns::None => {}
        Ns::Other if namespaces::OBSOLETE.contains(&address) => {}
        Ns::Other => {
            if let Some(meant) = namespaces::meant(address) {
                lint.raise(
                    NAMESPACE_WRONG,
                    line,
                    format!("the namespace is {address:?} instead of {meant:?}"),
                );
            } else if let Some((rule, why)) = uri::reference(address) {
                lint.raise(rule, line, format!("the namespace {address:?}: {why}"));
            } else {
                lint.raise(NAMESPACE_UNKNOWN, line, format!("the namespace {address:?} is unknown"));
            }
        }
    }
    if let Some(usual) = namespaces::address(prefix)
        && usual != address
    {
        lint.raise(PREFIX_TAKEN, line, format!("the prefix {prefix} usually belongs to {usual}"));
    }
}
