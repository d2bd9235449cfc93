//! The summary of an imported post. Programs make one from the first words of the text and end it with `[…]` or a link;
//! that says nothing that the text does not. Pure.

/// What the link to the rest is called, in ASCII lower case.
const REST: [&str; 15] = [
    "continue reading",
    "keep reading",
    "read more",
    "read the rest",
    "read the full",
    "weiterlesen",
    "lire la suite",
    "seguir leyendo",
    "leer más",
    "계속 읽기",
    "더 읽기",
    "더 보기",
    "続きを読む",
    "继续阅读",
    "阅读更多",
];

/// What WordPress adds to each entry of a feed: a beginning and a later part.
const SIGNATURE: (&str, &str) = ("the post ", " appeared first on ");

/// The ends of a text that is cut off. An entity may be escaped twice.
const CUT_OFF: [&str; 9] =
    ["[…]", "[...]", "(…)", "(...)", "[&hellip;]", "[&#8230;]", "&hellip;", "…", "..."];

/// The summary without the mark of a cut, or `None` if it only repeats the beginning of `text`.
pub(super) fn lead(summary: &str, text: &str) -> Option<String> {
    let whole = summary.split_whitespace().collect::<Vec<_>>().join(" ");
    let words = without_link(without_signature(&whole));
    let (words, is_cut_off) = without_mark(words);
    if repeats_beginning(words, text) {
        return None;
    }
    Some(if is_cut_off { format!("{words}…") } else { words.to_owned() })
}

fn without_signature(summary: &str) -> &str {
    let lower = summary.to_ascii_lowercase();
    match lower.rfind(SIGNATURE.0) {
        Some(at) if lower[at..].contains(SIGNATURE.1) => summary[..at].trim_end(),
        _ => summary,
    }
}

/// Takes away a link to the rest, which follows a mark or has only signs after it: `Continue reading "Title" →`.
fn without_link(summary: &str) -> &str {
    let lower = summary.to_ascii_lowercase();
    let Some((at, phrase)) = REST.iter().filter_map(|phrase| Some((lower.rfind(*phrase)?, *phrase))).max()
    else {
        return summary;
    };
    let (before, after) = (summary[..at].trim_end(), &summary[at + phrase.len()..]);
    let is_after_mark = CUT_OFF.iter().any(|mark| before.ends_with(mark));
    let is_last = !after.replace("&hellip;", "").contains(char::is_alphanumeric);
    if is_after_mark || is_last { before } else { summary }
}

/// The words without marks at their end, and whether there were any.
fn without_mark(words: &str) -> (&str, bool) {
    let mut rest = words.trim_end();
    while let Some(shorter) = CUT_OFF.iter().find_map(|mark| rest.strip_suffix(mark)) {
        rest = shorter.trim_end();
    }
    (rest, rest.len() < words.trim_end().len())
}

/// Whether the letters and digits of `words` are those with which `text` begins.
fn repeats_beginning(words: &str, text: &str) -> bool {
    let letters = |text: &str| -> Vec<char> { text.chars().filter(|char| char.is_alphanumeric()).collect() };
    let words = letters(words);
    let mut text = text.chars().filter(|char| char.is_alphanumeric());
    words.into_iter().all(|letter| text.next() == Some(letter))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const TEXT: &str = "The sea was calm, and we rowed on.\n\nNobody spoke. At noon the wind came.";

    #[test]
    fn a_summary_that_repeats_the_beginning_is_none() {
        for summary in [
            "The sea was calm, and we rowed on. Nobody […]",
            "The sea was calm, and we rowed on. Nobody [&hellip;]",
            "The sea was calm, and we ro...",
            "The sea was  calm — and we rowed on",
            "The sea was calm, and […] Continue reading The sea →",
            "The sea was calm … Continue reading “The sea”",
            "The sea was calm, and [...] The post The sea appeared first on Letters.",
            "The sea was calm. Read more »",
            "[…]",
            "",
        ] {
            assert_eq!(lead(summary, TEXT), None, "{summary}");
        }
        assert_eq!(lead("바다는 잔잔했다 […] 계속 읽기 →", "바다는 잔잔했다. 바람이 없었다."), None);
    }

    #[test]
    fn another_summary_stays_and_only_loses_its_mark() {
        for (summary, kept) in [
            ("A day at sea.", "A day at sea."),
            ("A day at sea, and […]", "A day at sea, and…"),
            ("A day at sea … Continue reading The sea", "A day at sea…"),
            ("A day at sea. Continue reading", "A day at sea."),
            ("Why people read more at sea than at home", "Why people read more at sea than at home"),
            ("The sea was calm, and then it was not.", "The sea was calm, and then it was not."),
            ("The post that never came", "The post that never came"),
        ] {
            assert_eq!(lead(summary, TEXT).as_deref(), Some(kept), "{summary}");
        }
    }

    proptest! {
        #[test]
        fn no_summary_breaks_it(summary in "(Read More|İ|\\[…\\]|&hellip;|The post | appeared first on |가|a| ){0,20}") {
            if let Some(kept) = lead(&summary, "a 가") {
                prop_assert!(kept.chars().count() <= summary.chars().count() + 1);
            }
        }
    }
}
