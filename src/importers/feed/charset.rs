//! The encoding of a feed from the web: what the server states, and what may be wrong with it.

use encoding_rs::Encoding;

use crate::finding::Finding;
use crate::xml::{charset, declared_encoding, encoding_named};

/// The encoding in a `Content-Type`, if it is one.
pub(super) fn served(media_type: &str) -> Option<&'static Encoding> {
    charset(media_type).and_then(encoding_named)
}

/// A server and a document that state different encodings; the server counts (RFC 7303, 3).
pub(super) fn disagreement(bytes: &[u8], served: Option<&'static Encoding>, file: &str) -> Option<Finding> {
    let (served, declared) = (served?, declared_encoding(bytes).and_then(encoding_named)?);
    let is_decided = bytes.is_ascii() || Encoding::for_bom(bytes).is_some();
    (served != declared && !is_decided).then(|| {
        let message = format!(
            "the server sends it as {}, and its first line states {}; it is read as the former",
            served.name(),
            declared.name()
        );
        Finding::warning("foreign-feed", file, message).hint(
            "compare the text; the `charset` of the server and the first line of the feed must be the same",
        )
    })
}

/// Bytes that became U+FFFD.
pub(super) fn invalid_bytes(file: &str) -> Finding {
    Finding::warning("foreign-feed", file, "some bytes are not in its encoding; they are read as \u{FFFD}")
        .hint("correct the encoding that the feed or its server states, or the text")
}
