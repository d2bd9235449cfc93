//! Content negotiation: lists with weights such as `Accept-Language: ko, en;q=0.8` (RFC 9110, section 12.4.2), and the
//! language of a page.
//!
//! Pure. Members that cannot be parsed are ignored.

use std::cmp::Reverse;
use std::sync::Arc;

use crate::i18n::{Languages, Strings};

/// The language of a page: the one that `?lang=` asks for, else the one that the browser prefers, else the site's.
pub(super) fn language<'w>(
    words: &'w Languages,
    requested: Option<&str>,
    accepted: Option<&str>,
    site: &str,
) -> &'w Arc<Strings> {
    let preferred = || {
        let mut known: Vec<_> = members(accepted?)
            .filter(|(_, weight)| *weight > 0)
            .filter_map(|(tag, weight)| Some((weight, words.find(tag)?)))
            .collect();
        // The sort is stable: the first of two equal weights wins.
        known.sort_by_key(|(weight, _)| Reverse(*weight));
        known.first().map(|(_, strings)| *strings)
    };
    requested.and_then(|tag| words.find(tag)).or_else(preferred).unwrap_or_else(|| words.of(site))
}

/// The most members that are read.
const MOST: usize = 64;

/// The members of a list in their order, with their weights in thousandths.
pub(super) fn members(list: &str) -> impl Iterator<Item = (&str, u16)> {
    list.split(',').take(MOST).filter_map(|member| {
        let mut parts = member.split(';').map(str::trim);
        let name = parts.next().filter(|name| !name.is_empty())?;
        let weight = parts.find_map(|part| part.strip_prefix("q=").or_else(|| part.strip_prefix("Q=")));
        Some((name, weight.map_or(Some(1000), thousandths)?))
    })
}

/// Parses a weight: `0.8` is 800. At most three decimals, at most 1.
fn thousandths(raw: &str) -> Option<u16> {
    let (whole, part) = raw.split_once('.').unwrap_or((raw, ""));
    if part.len() > 3 || !part.bytes().all(|byte| byte.is_ascii_digit()) {
        return None;
    }
    let part: u16 = format!("{part:0<3}").parse().ok()?;
    match (whole, part) {
        ("0", _) => Some(part),
        ("1", 0) => Some(1000),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn weights_are_parsed_and_invalid_members_are_ignored() {
        let read: Vec<_> =
            members("ko-KR, ko;q=0.9,en ; Q=0.25, fr;q=2, de;q=, , it;q=0.0001, *;q=0").collect();
        assert_eq!(read, [("ko-KR", 1000), ("ko", 900), ("en", 250), ("*", 0)]);
    }

    #[test]
    fn the_url_takes_precedence_over_the_browser_and_the_browser_over_the_site() {
        let words = Languages::default();
        let chosen = |asked, accepted, site| language(&words, asked, accepted, site).tag.as_str();
        assert_eq!(chosen(Some("ja"), Some("ko"), "en"), "ja");
        assert_eq!(chosen(Some("xx"), Some("nl, ko-KR;q=0.8, en;q=0.9"), "ja"), "en");
        assert_eq!(chosen(None, Some("ko;q=0, ja;q=0.1"), "en"), "ja");
        assert_eq!(chosen(None, Some("nl"), "ko-KR"), "ko");
        assert_eq!(chosen(None, Some("zh-TW, zh;q=0.9"), "en"), "zh-Hant");
        assert_eq!(chosen(None, None, "nl"), "en");
    }

    proptest! {
        #[test]
        fn any_list_can_be_parsed(list in "\\PC{0,200}|([a-z]{1,3}(;q=[0-9.]{0,6})?,? ?){0,200}") {
            prop_assert!(members(&list).all(|(name, weight)| !name.is_empty() && weight <= 1000));
            prop_assert!(members(&list).count() <= MOST);
        }
    }
}
