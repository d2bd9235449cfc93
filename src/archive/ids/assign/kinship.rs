//! When a file is still the post that it was.
//!
//! | what the post and the old line have in common | the same post, if its words are the same to |
//! |---|---|
//! | the file, the day, and a title or a file name of its own | 0 %: whatever it says now |
//! | the title and the day, in another file | 0 % |
//! | the file | 30 % |
//! | the title | 30 % ([`Fingerprint::SAME_UNDER_ONE_TITLE`]) |
//! | nothing else | 50 % ([`Fingerprint::SAME`]) |
//!
//! A file name of its own is more than a date: `2026-11-29.md` says nothing about its post, `2026-11-29-snow.md` does. What
//! fits nowhere is two posts: one was taken back, one is new. Words are compared by [`Fingerprint::similarity`]. Of a line of
//! an earlier version, which has no fingerprint, the file alone decides, or the day and a slug that is more than a date.
//! Where several fit, the same text comes first, then the same file, then what is most alike.

use crate::archive::ids::{Fingerprint, Line, Sighting};

/// Whether the post in the file of `line` says what the post of that line said, but for edits.
pub(super) fn says_the_same(post: &Sighting, line: &Line) -> bool {
    line.hash == post.hash
        || line
            .fingerprint
            .is_some_and(|known| known.similarity(&post.fingerprint) >= Fingerprint::SAME_UNDER_ONE_TITLE)
}

/// Whether the post in the file of `line` is the post of that line, even if it was written anew.
pub(super) fn keeps_its_file(post: &Sighting, line: &Line) -> bool {
    let Some(known) = line.fingerprint else { return true };
    let has_its_day = line.published.date_naive() == post.published.date_naive();
    let has_its_name = known.has_title_of(&post.fingerprint) || is_named(own_name(&post.path));
    says_the_same(post, line) || has_its_day && has_its_name
}

/// Whether a slug or the name of a file is more than a date or a number.
pub(super) fn is_named(name: &str) -> bool {
    name.chars().any(char::is_alphabetic)
}

/// The name of a file without its end; of a bundle's, that of its folder.
fn own_name(path: &str) -> &str {
    let (folder, file) = path.rsplit_once('/').unwrap_or(("", path));
    let stem = file.split_once('.').map_or(file, |(stem, _)| stem);
    if stem == "index" { folder.rsplit_once('/').map_or(folder, |(_, name)| name) } else { stem }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_date_is_no_name() {
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
