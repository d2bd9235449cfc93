//! Feed paging and archiving: RFC 5005.

use super::link::{HISTORY, rel, relation};
use super::rule::{HISTORY_COMPLETE, HISTORY_CURRENT};
use super::schema::Validator;
use crate::xml::namespaces::{ATOM, Ns};
use crate::xml::tree::Node;

const FH: Ns = Ns::Known("fh");

/// The consistency of the history elements of a feed and its links.
pub(super) fn feed(walk: &mut Validator<'_, '_>, node: &Node<'_>) {
    let complete = node.child(FH, "complete").is_some();
    if complete {
        let others = node.children(ATOM, "link").filter(|link| HISTORY.contains(&relation(link)));
        for link in others.filter(|link| relation(link) != "current") {
            let message = format!("rel={:?} in a complete feed", relation(link));
            walk.raise(HISTORY_COMPLETE, link, message);
        }
    }
    if node.child(FH, "archive").is_some() && !complete && rel(node, "current").is_none() {
        walk.raise(HISTORY_CURRENT, node, "an archive document without a link to the current feed");
    }
}
