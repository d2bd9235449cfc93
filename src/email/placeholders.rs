//! Finds the slots of a rendered part, so that a template runs once per issue and not once per subscriber.
//!
//! A template prints markers in place of a subscriber's values; the text between them is fixed.

use aws_lc_rs::digest::{SHA256, digest};

use super::{Placeholder, TemplatePart};
use crate::text::hex;

/// Placeholders for the slots while templates run. They contain only letters and digits, so that HTML escaping and CSS
/// inlining don't change them.
#[derive(Debug)]
pub(super) struct Markers {
    stem: String,
}

/// A filter changed a marker, on this line (from 1) of the rendered part.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct InvalidPlaceholder {
    pub(super) line: usize,
}

impl Markers {
    /// Creates markers that don't occur in `content`; it would have to contain its own hash.
    pub(super) fn absent_from(content: &str) -> Self {
        let hash = digest(&SHA256, content.as_bytes());
        Self { stem: format!("slot{}", hex(&hash.as_ref()[..16])) }
    }

    pub(super) fn of(&self, slot: Placeholder) -> String {
        format!("{}{}", self.stem, insert_marker(slot))
    }

    /// Splits a rendered part at its markers.
    pub(super) fn split(&self, rendered: &str) -> Result<Vec<TemplatePart>, InvalidPlaceholder> {
        let mut pieces = Vec::new();
        let mut fixed = String::new();
        let mut rest = rendered;
        while let Some(at) = rest.find(&self.stem) {
            let (before, tail) = rest.split_at(at);
            let tail = &tail[self.stem.len()..];
            let slot = [Placeholder::Greeting, Placeholder::Name, Placeholder::Unsubscribe]
                .into_iter()
                .find(|&slot| tail.starts_with(insert_marker(slot)))
                .ok_or_else(|| damaged(rendered, rendered.len() - tail.len()))?;
            fixed.push_str(before);
            if !fixed.is_empty() {
                pieces.push(TemplatePart::Fixed(std::mem::take(&mut fixed)));
            }
            pieces.push(TemplatePart::Placeholder(slot));
            rest = &tail[1..];
        }
        // A filter such as `upper` changes a marker, and subscribers would see it.
        if let Some(at) = rendered.replace(&self.stem, "").to_ascii_lowercase().find(&self.stem) {
            return Err(damaged(rendered, at));
        }
        if !rest.is_empty() {
            pieces.push(TemplatePart::Fixed(rest.to_owned()));
        }
        Ok(pieces)
    }
}

const fn insert_marker(slot: Placeholder) -> char {
    match slot {
        Placeholder::Greeting => 'g',
        Placeholder::Name => 'n',
        Placeholder::Unsubscribe => 'u',
    }
}

fn damaged(rendered: &str, at: usize) -> InvalidPlaceholder {
    InvalidPlaceholder { line: 1 + rendered.bytes().take(at).filter(|&b| b == b'\n').count() }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_part_is_cut_at_its_markers() {
        let markers = Markers::absent_from("본문");
        let rendered =
            format!("{} 본문 <{}>", markers.of(Placeholder::Greeting), markers.of(Placeholder::Unsubscribe));
        assert_eq!(
            markers.split(&rendered).unwrap(),
            [
                TemplatePart::Placeholder(Placeholder::Greeting),
                TemplatePart::Fixed(" 본문 <".to_owned()),
                TemplatePart::Placeholder(Placeholder::Unsubscribe),
                TemplatePart::Fixed(">".to_owned()),
            ]
        );
    }

    #[test]
    fn a_slot_changed_by_a_filter_is_rejected_with_its_line() {
        let markers = Markers::absent_from("");
        let shouted = format!("한 줄\n{}", markers.of(Placeholder::Name).to_uppercase());
        assert_eq!(markers.split(&shouted), Err(InvalidPlaceholder { line: 2 }));
        let cut = markers.of(Placeholder::Name);
        assert_eq!(markers.split(&cut[..cut.len() - 1]), Err(InvalidPlaceholder { line: 1 }));
    }

    #[test]
    fn content_that_quotes_the_markers_of_other_content_gets_new_ones() {
        let old = Markers::absent_from("a").of(Placeholder::Name);
        assert!(!old.starts_with(&Markers::absent_from(&old).stem));
    }
}
