//! Decides whether a file still contains the same post.
//!
//! | what the post and the old line have in common | same post from this similarity of the words on |
//! |---|---|
//! | the file, the day, and the title or a real file name | 0 %: any text |
//! | the title and the day, in another file | 0 % |
//! | the file | 30 % |
//! | the title | 30 % ([`Fingerprint::SAME_UNDER_ONE_TITLE`]) |
//! | nothing else | 50 % ([`Fingerprint::SAME`]) |
//!
//! A real file name is more than a date: `2026-11-29.md` says nothing about its post, `2026-11-29-snow.md` does. If nothing
//! matches, there are two posts: one was taken back, one is new. [`Fingerprint::similarity`] compares the words. A line of
//! an earlier version has no fingerprint; it matches by file, or by day and a slug that is more than a date. If several
//! lines match, the same text wins, then the same file, then the greatest similarity.

use crate::archive::ids::{Fingerprint, IdEntry, PostIdentity};

/// Whether the post in the file of `line` is an edited version of the post of that line.
pub(super) fn is_edited_version(post: &PostIdentity, line: &IdEntry) -> bool {
    line.hash == post.hash
        || line
            .fingerprint
            .is_some_and(|known| known.similarity(&post.fingerprint) >= Fingerprint::SAME_UNDER_ONE_TITLE)
}

/// Whether the post in the file of `line` is the post of that line, even if it was rewritten.
pub(super) fn keeps_its_file(post: &PostIdentity, line: &IdEntry) -> bool {
    let Some(known) = line.fingerprint else { return true };
    let has_its_day = line.published.date_naive() == post.published.date_naive();
    let has_its_name = known.has_title_of(&post.fingerprint) || is_named(own_name(&post.path));
    is_edited_version(post, line) || has_its_day && has_its_name
}

/// Whether a slug or a file name is more than a date or a number.
pub(super) fn is_named(name: &str) -> bool {
    name.chars().any(char::is_alphabetic)
}

/// The name of a file without its extension; for a bundle, the name of its folder.
fn own_name(path: &str) -> &str {
    let (folder, file) = path.rsplit_once('/').unwrap_or(("", path));
    let stem = file.split_once('.').map_or(file, |(stem, _)| stem);
    if stem == "index" { folder.rsplit_once('/').map_or(folder, |(_, name)| name) } else { stem }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_date_is_not_a_real_name() {
        for path in
            ["2026-11-29.md", "news/2026-11-29.ko.md", "2026-11-29/index.md", "index.md", "2026/11/29.md"]
        {
            assert!(!is_named(own_name(path)), "{path}");
        }
        for path in ["2026-11-29-눈.md", "news/snow.md", "2026-11-29-snow/index.md"] {
            assert!(is_named(own_name(path)), "{path}");
        }
    }
}
