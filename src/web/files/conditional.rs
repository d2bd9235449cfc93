//! Conditional and partial requests (RFC 9110, sections 13 and 14): what a request for a known file comes to.
//!
//! Pure: validators and header fields go in, a decision comes out. A field that cannot be read counts as not there.

use axum::http::HeaderMap;
use axum::http::header::{IF_MATCH, IF_MODIFIED_SINCE, IF_NONE_MATCH, IF_RANGE, IF_UNMODIFIED_SINCE, RANGE};
use chrono::{DateTime, Utc};

/// What tells one state of a file from another.
#[derive(Debug, Clone, Copy)]
pub(in crate::web) struct Validators<'a> {
    /// The strong entity tag, with its quotation marks.
    pub(in crate::web) etag: &'a str,
    /// When it was last changed, in whole seconds.
    pub(in crate::web) modified: DateTime<Utc>,
    /// Its bytes.
    pub(in crate::web) size: u64,
}

/// What the answer must be.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::web) enum Outcome {
    /// 200 with everything.
    Whole,
    /// 206 with the bytes from `first` to `last`.
    Part {
        /// The first byte, from 0.
        first: u64,
        /// The last byte, itself included.
        last: u64,
    },
    /// 304: the reader has it.
    NotModified,
    /// 412.
    PreconditionFailed,
    /// 416: there are no such bytes.
    Unsatisfiable,
}

/// Evaluates the fields in the order of RFC 9110, 13.2.2.
pub(in crate::web) fn judge(headers: &HeaderMap, file: Validators<'_>) -> Outcome {
    let field = |name| headers.get(name).and_then(|value| value.to_str().ok());
    let date = |name| field(name).and_then(http_date);
    if let Some(tags) = field(IF_MATCH) {
        if !(tags.trim() == "*" || entity_tags(tags).any(|tag| tag == file.etag)) {
            return Outcome::PreconditionFailed;
        }
    } else if date(IF_UNMODIFIED_SINCE).is_some_and(|since| file.modified > since) {
        return Outcome::PreconditionFailed;
    }
    if let Some(tags) = field(IF_NONE_MATCH) {
        if tags.trim() == "*" || entity_tags(tags).any(|tag| weakly(tag) == weakly(file.etag)) {
            return Outcome::NotModified;
        }
    } else if date(IF_MODIFIED_SINCE).is_some_and(|since| file.modified <= since) {
        return Outcome::NotModified;
    }
    let whole = |validator: &str| match http_date(validator) {
        Some(date) => date != file.modified,
        None => validator.trim() != file.etag,
    };
    match field(RANGE) {
        Some(range) if !field(IF_RANGE).is_some_and(whole) => part(range, file.size),
        _ => Outcome::Whole,
    }
}

/// One range of bytes; several at once, or something that is none, are answered with everything.
fn part(range: &str, size: u64) -> Outcome {
    let Some((first, last)) = range.trim().strip_prefix("bytes=").and_then(|range| range.split_once('-'))
    else {
        return Outcome::Whole;
    };
    let number = |digits: &str| match digits.trim() {
        "" => Some(None),
        digits if digits.bytes().all(|byte| byte.is_ascii_digit()) => {
            Some(Some(digits.parse().unwrap_or(u64::MAX)))
        }
        _ => None,
    };
    match (number(first), number(last)) {
        (Some(Some(first)), Some(last)) if last.is_none_or(|last| last >= first) => match size.checked_sub(1)
        {
            Some(end) if first <= end => Outcome::Part { first, last: last.unwrap_or(end).min(end) },
            _ => Outcome::Unsatisfiable,
        },
        // The last so many bytes.
        (Some(None), Some(Some(count))) => match size.checked_sub(1) {
            Some(end) if count > 0 => Outcome::Part { first: size.saturating_sub(count), last: end },
            _ => Outcome::Unsatisfiable,
        },
        _ => Outcome::Whole,
    }
}

/// The tags of a list. A comma may stand inside of one, so they are found by their quotation marks.
fn entity_tags(list: &str) -> impl Iterator<Item = &str> {
    let mut rest = list;
    std::iter::from_fn(move || {
        let open = rest.find('"')?;
        let close = open + 1 + rest.get(open + 1..)?.find('"')?;
        let first = if rest.get(..open)?.ends_with("W/") { open - 2 } else { open };
        let tag = rest.get(first..=close)?;
        rest = rest.get(close + 1..)?;
        Some(tag)
    })
}

fn weakly(tag: &str) -> &str {
    tag.strip_prefix("W/").unwrap_or(tag)
}

/// `Sun, 06 Nov 1994 08:49:37 GMT` (RFC 9110, 5.6.7), in the one form that is still sent.
pub(in crate::web) fn http_date(raw: &str) -> Option<DateTime<Utc>> {
    let raw = raw.trim().strip_suffix("GMT")?.trim_end();
    chrono::NaiveDateTime::parse_from_str(raw, "%a, %d %b %Y %H:%M:%S").ok().map(|date| date.and_utc())
}

/// The same in writing.
pub(in crate::web) fn to_http_date(at: DateTime<Utc>) -> String {
    at.format("%a, %d %b %Y %H:%M:%S GMT").to_string()
}

#[cfg(test)]
mod tests {
    use axum::http::{HeaderName, HeaderValue};
    use proptest::prelude::*;

    use super::*;

    fn judged(fields: &[(HeaderName, &str)]) -> Outcome {
        let headers = fields
            .iter()
            .map(|(name, value)| (name.clone(), HeaderValue::from_str(value).unwrap()))
            .collect();
        let modified = DateTime::from_timestamp(784_111_777, 0).unwrap();
        judge(&headers, Validators { etag: "\"abc\"", modified, size: 1000 })
    }

    const THEN: &str = "Sun, 06 Nov 1994 08:49:37 GMT";
    const BEFORE: &str = "Sun, 06 Nov 1994 08:49:36 GMT";

    #[test]
    fn a_reader_who_has_it_is_told_so_by_either_validator() {
        assert_eq!(judged(&[(IF_NONE_MATCH, "\"abc\"")]), Outcome::NotModified);
        assert_eq!(judged(&[(IF_NONE_MATCH, "\"x,\", W/\"abc\"")]), Outcome::NotModified);
        assert_eq!(judged(&[(IF_NONE_MATCH, "*")]), Outcome::NotModified);
        assert_eq!(judged(&[(IF_MODIFIED_SINCE, THEN)]), Outcome::NotModified);
        assert_eq!(judged(&[(IF_MODIFIED_SINCE, BEFORE)]), Outcome::Whole);
        assert_eq!(judged(&[]), Outcome::Whole);
    }

    #[test]
    fn the_tag_decides_where_both_are_sent() {
        assert_eq!(judged(&[(IF_NONE_MATCH, "\"old\""), (IF_MODIFIED_SINCE, THEN)]), Outcome::Whole);
        assert_eq!(judged(&[(IF_NONE_MATCH, "\"abc\""), (IF_MODIFIED_SINCE, BEFORE)]), Outcome::NotModified);
    }

    #[test]
    fn a_part_is_given_only_of_the_file_that_it_was_begun_with() {
        let part = Outcome::Part { first: 10, last: 19 };
        assert_eq!(judged(&[(RANGE, "bytes=10-19")]), part);
        assert_eq!(judged(&[(RANGE, "bytes=10-19"), (IF_RANGE, "\"abc\"")]), part);
        assert_eq!(judged(&[(RANGE, "bytes=10-19"), (IF_RANGE, THEN)]), part);
        assert_eq!(judged(&[(RANGE, "bytes=10-19"), (IF_RANGE, "\"old\"")]), Outcome::Whole);
        assert_eq!(judged(&[(RANGE, "bytes=10-19"), (IF_RANGE, "W/\"abc\"")]), Outcome::Whole);
    }

    #[test]
    fn ranges_are_read_as_the_rfc_says() {
        for (range, outcome) in [
            ("bytes=0-", Outcome::Part { first: 0, last: 999 }),
            ("bytes=-1", Outcome::Part { first: 999, last: 999 }),
            ("bytes=-5000", Outcome::Part { first: 0, last: 999 }),
            ("bytes=999-99999999999999999999999", Outcome::Part { first: 999, last: 999 }),
            ("bytes=1000-", Outcome::Unsatisfiable),
            ("bytes=-0", Outcome::Unsatisfiable),
            ("bytes=5-4", Outcome::Whole),
            ("bytes=0-1,5-6", Outcome::Whole),
            ("lines=1-2", Outcome::Whole),
            ("bytes=-", Outcome::Whole),
        ] {
            assert_eq!(judged(&[(RANGE, range)]), outcome, "{range}");
        }
    }

    #[test]
    fn whoever_wants_to_change_another_state_is_refused() {
        assert_eq!(judged(&[(IF_MATCH, "\"old\"")]), Outcome::PreconditionFailed);
        assert_eq!(judged(&[(IF_MATCH, "\"abc\"")]), Outcome::Whole);
        assert_eq!(judged(&[(IF_UNMODIFIED_SINCE, BEFORE)]), Outcome::PreconditionFailed);
    }

    proptest! {
        #[test]
        fn no_field_is_too_strange(raw in "[ -~]{0,60}", which in 0..6_usize) {
            let name = [RANGE, IF_RANGE, IF_MATCH, IF_NONE_MATCH, IF_MODIFIED_SINCE, IF_UNMODIFIED_SINCE][which].clone();
            if let Outcome::Part { first, last } = judged(&[(name, &raw)]) {
                prop_assert!(first <= last && last < 1000);
            }
        }
    }
}
