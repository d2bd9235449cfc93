//! `atom:link`, in Atom and in RSS: RFC 4287, 4.2.7, and the registered relations.

use super::rule::{
    ATTRIBUTE_MISSING, ATTRIBUTE_UNKNOWN, LINK_HISTORY, LINK_REL, LINK_RELATIVE_SELF, LINK_TEXT,
};
use super::schema::{Element, Validator, may, special};
use super::value::Kind::{Iri, Language, MimeType, Number, Plain, Rfc3339, WholeIri};
use crate::xml::namespaces::{ATOM, Ns};
use crate::xml::tree::Node;

/// The relations of IANA's registry that feeds use.
const RELATIONS: &str = "about acl alternate amphtml appendix archives author blocked-by bookmark canonical chapter cite-as \
    collection contents convertedfrom copyright create-form current describedby describes disclosure duplicate edit \
    edit-form edit-media enclosure first glossary help hosts hub icon index item last latest-version license linkset \
    lrdd manifest me memento micropub monitor next next-archive nofollow noreferrer original payment \
    predecessor-version prev prev-archive preview previous privacy-policy profile publication related replies search \
    section self service shortlink start stylesheet subsection successor-version tag terms-of-service timegate timemap \
    type up version-history via webmention working-copy";

/// Relations between the documents of one feed (RFC 5005).
pub(super) const HISTORY: [&str; 7] =
    ["current", "first", "last", "next", "next-archive", "prev-archive", "previous"];

const COUNT: &[super::value::Kind] = &[Number(0, i64::MAX)];

pub(super) const LINK_ELEMENT: Element = special("link", link).of("atom").with(&[
    may("href", &[Iri]),
    may("rel", &[]),
    may("type", &[MimeType]),
    may("hreflang", &[Language]),
    may("title", &[Plain]),
    may("length", COUNT),
    may("count", COUNT).of("thr"),
    may("updated", &[Rfc3339]).of("thr"),
    may("type", &[]).of("rdf"),
    may("resource", &[]).of("rdf"),
]);

/// The relation of a link.
pub(super) fn relation<'n>(link: &'n Node<'_>) -> &'n str {
    let rel = link.attribute("rel").unwrap_or("alternate");
    rel.strip_prefix("http://www.iana.org/assignments/relation/").unwrap_or(rel)
}

/// The first link of `node` with the relation `rel`.
pub(super) fn rel<'n, 't>(node: &'n Node<'t>, rel: &str) -> Option<&'n Node<'t>> {
    node.children.iter().find(|child| child.is(ATOM, "link") && relation(child) == rel)
}

fn link(walk: &mut Validator<'_, '_>, node: &Node<'_>, parent: &Node<'_>) {
    let rel = relation(node);
    let registered = RELATIONS.split_ascii_whitespace().any(|known| known == rel);
    walk.not_blank(node, "rel");
    walk.not_blank(node, "title");
    if !registered && WholeIri.judge(rel, walk.setting(true)).is_some() {
        walk.raise(LINK_REL, node, format!("rel={rel:?} is not registered"));
    }
    if HISTORY.contains(&rel) && parent.is(ATOM, "entry") {
        walk.raise(LINK_HISTORY, node, format!("rel={rel:?} in an entry"));
    }
    match node.attribute("href") {
        None => walk.raise(ATTRIBUTE_MISSING, node, "<link> has no href"),
        Some(href) if rel == "self" && !href.contains("//") && !walk.based && parent.name != "source" => {
            walk.raise(LINK_RELATIVE_SELF, node, format!("rel=\"self\" names {href:?}"));
        }
        Some(_) => {}
    }
    for name in ["count", "updated"] {
        if rel != "replies" && node.attribute_ns(Ns::Known("thr"), name).is_some() {
            walk.raise(ATTRIBUTE_UNKNOWN, node, format!("thr:{name} belongs to rel=\"replies\""));
        }
    }
    if !node.value().is_empty() {
        walk.raise(LINK_TEXT, node, "<link> contains text");
    }
}
