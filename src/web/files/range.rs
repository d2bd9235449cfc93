//! One range of bytes (RFC 9110, section 14.1.2). Pure.

/// The part to send.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Part {
    /// The whole document: there is no range, or not a single byte range.
    Whole,
    /// From the first to the last byte, inclusive.
    Some {
        /// From 0.
        first: u64,
        /// Less than the size.
        last: u64,
    },
    /// The range is not satisfiable.
    None,
}

/// Reads a `Range` header for a document of `size` bytes.
pub(super) fn read(raw: &str, size: u64) -> Part {
    let Some((first, last)) = raw.trim().strip_prefix("bytes=").and_then(|range| range.split_once('-'))
    else {
        return Part::Whole;
    };
    let (first, last) = (first.trim(), last.trim());
    match (number(first), number(last)) {
        // A suffix: the last bytes.
        (None, Some(length)) if first.is_empty() => match (length, size) {
            (0, _) | (_, 0) => Part::None,
            _ => Part::Some { first: size.saturating_sub(length), last: size - 1 },
        },
        (Some(first), None) if last.is_empty() => {
            if first < size {
                Part::Some { first, last: size - 1 }
            } else {
                Part::None
            }
        }
        (Some(first), Some(last)) if first <= last => {
            if first < size {
                Part::Some { first, last: last.min(size - 1) }
            } else {
                Part::None
            }
        }
        _ => Part::Whole,
    }
}

/// Parses digits only; a number that overflows is treated as beyond the end.
fn number(raw: &str) -> Option<u64> {
    let is_number = !raw.is_empty() && raw.bytes().all(|byte| byte.is_ascii_digit());
    is_number.then(|| raw.parse().unwrap_or(u64::MAX))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn ranges_are_parsed() {
        let some = |first, last| Part::Some { first, last };
        for (raw, size, part) in [
            ("bytes=0-3", 10, some(0, 3)),
            ("bytes=4-", 10, some(4, 9)),
            ("bytes=-3", 10, some(7, 9)),
            ("bytes=-30", 10, some(0, 9)),
            ("bytes=5-99999999999999999999999", 10, some(5, 9)),
            ("bytes=10-", 10, Part::None),
            ("bytes=-0", 10, Part::None),
            ("bytes=0-", 0, Part::None),
            ("bytes=0-1,3-4", 10, Part::Whole),
            ("bytes=3-1", 10, Part::Whole),
            ("bytes=a-b", 10, Part::Whole),
            ("bytes=-", 10, Part::Whole),
            ("lines=0-1", 10, Part::Whole),
            ("bytes=+1-2", 10, Part::Whole),
        ] {
            assert_eq!(read(raw, size), part, "{raw}");
        }
    }

    proptest! {
        #[test]
        fn no_range_leaves_the_document(raw in "(bytes=)?[0-9]{0,22}-?[0-9]{0,22}|\\PC{0,30}", size in any::<u64>()) {
            if let Part::Some { first, last } = read(&raw, size) {
                prop_assert!(first <= last && last < size);
            }
        }
    }
}
