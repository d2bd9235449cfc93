//! The preview line: what an inbox shows beside the subject. It is hidden text at the beginning of the HTML part.

use crate::archive::{Post, markdown};

/// Inboxes show at most about this many characters.
const LONGEST: usize = 140;

/// The preview line of a post: its own, its summary, or the beginning of its text.
pub fn of_post(post: &Post) -> String {
    let given = post.preheader.as_ref().or(post.summary.as_ref());
    match given.map(|text| text.as_str().trim()).filter(|text| !text.is_empty()) {
        Some(text) => line(text),
        None => markdown::excerpt(post, LONGEST),
    }
}

/// The preview line of a digest: the titles of its posts, without the first, which is in the subject, if there are more.
pub(super) fn of_titles<'a>(titles: impl IntoIterator<Item = &'a str>) -> String {
    let titles: Vec<&str> = titles.into_iter().collect();
    let rest = if titles.len() > 1 { &titles[1..] } else { &titles[..] };
    line(&rest.join(" · "))
}

/// A text in one line.
pub(super) fn line(text: &str) -> String {
    markdown::shorten(&text.split_whitespace().collect::<Vec<_>>().join(" "), LONGEST)
}

/// What follows a short preview line, so that inboxes do not go on with the text of the email: characters without width, and
/// spaces that are not collapsed.
pub(super) fn end(preview: &str) -> String {
    "\u{34f}\u{200c}\u{a0}".repeat(LONGEST.saturating_sub(preview.chars().count()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_line_is_short_and_its_end_fills_what_an_inbox_shows() {
        assert_eq!(line("a\n  b"), "a b");
        assert_eq!(line(&"가".repeat(300)).chars().count(), LONGEST);
        assert_eq!(end("안녕").chars().count(), 3 * (LONGEST - 2));
        assert_eq!(end(&"가".repeat(LONGEST)), "");
    }

    #[test]
    fn a_digest_shows_the_titles_that_are_not_in_its_subject() {
        assert_eq!(of_titles(["하나", "둘", "셋"]), "둘 · 셋");
        assert_eq!(of_titles(["하나"]), "하나");
    }
}
