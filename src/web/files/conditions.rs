//! Conditional requests: whether a client already has the current document (RFC 9110, sections 13.1.2, 13.1.3 and 13.1.5). Pure.

use std::time::{Duration, SystemTime};

use axum::http::{HeaderMap, header};

use crate::web::app::text;

/// Whether to answer 304. An entity tag takes precedence over a time.
pub(super) fn is_known(headers: &HeaderMap, tag: &str, modified: SystemTime) -> bool {
    if headers.contains_key(header::IF_NONE_MATCH) {
        let mut lines = headers.get_all(header::IF_NONE_MATCH).iter().filter_map(|line| line.to_str().ok());
        return lines.any(|line| names(line, tag));
    }
    let since =
        text(headers, header::IF_MODIFIED_SINCE).and_then(|date| httpdate::parse_http_date(date).ok());
    // The header has a resolution of one second.
    since.is_some_and(|since| modified < since + Duration::from_secs(1))
}

/// Whether a list contains the tag. The comparison is weak, because a proxy may have weakened the tag.
fn names(list: &str, tag: &str) -> bool {
    list.trim() == "*" || list.split(',').any(|known| known.trim().trim_start_matches("W/") == tag)
}

/// Whether a range may be sent, because the client has a part of this same document (`If-Range`).
pub(super) fn is_same(headers: &HeaderMap, tag: &str, modified: &str) -> bool {
    match headers.get(header::IF_RANGE) {
        None => true,
        Some(value) => value.to_str().is_ok_and(|value| value == tag || value == modified),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const DATE: &str = "Fri, 20 Nov 2026 10:00:00 GMT";

    fn known(headers: &[(header::HeaderName, &str)]) -> bool {
        let modified = httpdate::parse_http_date(DATE).unwrap() + Duration::from_millis(500);
        is_known(&all(headers), "\"a\"", modified)
    }

    fn all(headers: &[(header::HeaderName, &str)]) -> HeaderMap {
        headers.iter().map(|(name, value)| (name.clone(), value.parse().unwrap())).collect()
    }

    #[test]
    fn a_matching_tag_or_without_one_a_later_time_gives_304() {
        for list in ["\"a\"", "W/\"a\"", "\"b\", \"a\"", "*"] {
            assert!(known(&[(header::IF_NONE_MATCH, list)]), "{list}");
        }
        assert!(known(&[(header::IF_MODIFIED_SINCE, DATE)]));
        assert!(known(&[(header::IF_MODIFIED_SINCE, "Sat, 21 Nov 2026 10:00:00 GMT")]));
        assert!(!known(&[(header::IF_MODIFIED_SINCE, "Fri, 20 Nov 2026 09:59:59 GMT")]));
        assert!(!known(&[(header::IF_MODIFIED_SINCE, "yesterday")]));
        assert!(!known(&[]));
    }

    #[test]
    fn a_different_tag_takes_precedence_over_the_time() {
        assert!(!known(&[(header::IF_NONE_MATCH, "\"b\""), (header::IF_MODIFIED_SINCE, DATE)]));
        assert!(!known(&[(header::IF_NONE_MATCH, "a"), (header::IF_MODIFIED_SINCE, DATE)]));
    }

    #[test]
    fn if_range_requires_the_same_document() {
        let same = |value| is_same(&all(&[(header::IF_RANGE, value)]), "\"a\"", DATE);
        assert!(same("\"a\"") && same(DATE));
        assert!(!same("W/\"a\"") && !same("\"b\"") && !same("Fri, 20 Nov 2026 10:00:01 GMT"));
        assert!(is_same(&HeaderMap::new(), "\"a\"", DATE));
    }
}
