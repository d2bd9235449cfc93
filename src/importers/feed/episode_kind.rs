//! The kind and status of an entry: exports of whole sites contain comments, pages, settings and drafts beside the
//! posts, marked in the vocabularies of `AtomPub`, Blogger and `WordPress`.

use super::Entry;
use crate::xml::Node;

/// The scheme of categories that state the kind of an entry.
const KIND: &str = "http://schemas.google.com/g/2005#kind";

/// Whether a category states the kind of an entry, not its subject.
pub(super) fn is_kind(category: &Node) -> bool {
    category.attribute("scheme") == Some(KIND)
}

/// Sets the status and the kind of `entry`.
pub(super) fn settle(entry: &mut Entry, node: &Node) {
    let control = node.child("app:control").and_then(|control| control.first_text(&["app:draft"]));
    entry.draft = control.is_some_and(|draft| draft.eq_ignore_ascii_case("yes"));
    entry.other = kind(node);
    for status in ["blogger:status", "wp:status"].iter().filter_map(|name| node.first_text(&[name])) {
        match status.to_ascii_lowercase().as_str() {
            "live" | "publish" | "published" => {}
            // Its date decides.
            "scheduled" | "future" => entry.draft |= entry.published.is_none(),
            "draft" | "pending" | "private" => entry.draft = true,
            other if other.contains("trash") || other == "deleted" => {
                entry.other.get_or_insert_with(|| "deleted post".to_owned());
            }
            // An unknown status must not publish by accident.
            _ => entry.draft = true,
        }
    }
    let is_trashed = node.child("blogger:trashed").is_some_and(|trashed| !trashed.text().is_empty());
    if is_trashed && entry.other.is_none() {
        entry.other = Some("deleted post".to_owned());
    }
    entry.draft |= node.first_text(&["wp:post_password"]).is_some();
    if entry.draft {
        // No feed reader understands drafts.
        entry.id = None;
    }
}

/// The kind of the entry if it is not a post.
fn kind(node: &Node) -> Option<String> {
    let terms = node.nodes().filter(|child| is_kind(child)).filter_map(|kind| kind.attribute("term"));
    let terms = terms.map(|term| term.rsplit('#').next().unwrap_or(term).to_owned());
    let stated = ["blogger:type", "wp:post_type"].iter().filter_map(|name| node.first_text(&[name]));
    let mut kinds = terms.chain(stated).map(|kind| kind.to_ascii_lowercase());
    kinds.find(|kind| kind != "post")
}
