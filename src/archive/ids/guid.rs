//! Old ids that are no URI, such as Ghost's `60c3…0e` and Drupal's `123 at https://example.com`. RSS and JSON Feed keep them as
//! they are; Atom and the ledger need a URI, so they are wrapped into one from which they can be read back.

use std::borrow::Cow;

use chrono::{DateTime, FixedOffset};
use percent_encoding::percent_decode_str;

use super::{canonical_uri, is_uri, tag};
use crate::archive::links;

/// Begins the slug of a wrapped id. A slug of our own contains no colon.
const MARK: &str = "isPermaLink=false:";

/// The permanent id of a post that had the id `old` in another program: `old` itself if it is a URI.
pub fn of_old(old: &str, host: &str, published: DateTime<FixedOffset>) -> String {
    if is_uri(old) {
        return canonical_uri(old);
    }
    tag(host, published, &format!("{MARK}{}", links::segment(old)))
}

/// The id as RSS and JSON Feed have it.
pub fn shown(id: &str) -> Cow<'_, str> {
    let wrapped = super::slug_of(id).and_then(|slug| slug.strip_prefix(MARK));
    wrapped.and_then(|old| percent_decode_str(old).decode_utf8().ok()).unwrap_or(Cow::Borrowed(id))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_old_id_that_is_no_uri_is_wrapped_and_read_back() {
        let date = DateTime::parse_from_rfc3339("2024-02-14T15:30:00Z").unwrap();
        for old in ["60000000000000000000000e", "123 at https://example.com", "글: <1> & \"2\"", "100%41"] {
            let id = of_old(old, "g.example", date);
            assert!(is_uri(&id) && canonical_uri(&id) == id, "{id}");
            assert_eq!(shown(&id), old);
        }
        let ghost = of_old("60000000000000000000000e", "g.example", date);
        assert_eq!(ghost, "tag:g.example,2024-02-14:isPermaLink=false:60000000000000000000000e");
    }

    #[test]
    fn a_uri_stays_as_it_is() {
        let date = DateTime::UNIX_EPOCH.fixed_offset();
        for id in ["https://g.example/?p=1", "urn:uuid:1", "tag:g.example,2024-02-14:a%3Ab"] {
            assert_eq!(of_old(id, "g.example", date), id);
            assert_eq!(shown(id), id);
        }
    }
}
