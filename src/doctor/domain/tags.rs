//! Lists of `tag=value;`, in which DKIM, DMARC, BIMI, MTA-STS and TLS-RPT write their records (RFC 6376, 3.2).

use crate::text::clipped;

/// The most tags of a record: known ones are ten at most.
const MOST_TAGS: usize = 100;

/// The tags of a record, in their order. Names are as written; white space around names and values is gone.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct Tags<'t>(Vec<(&'t str, &'t str)>);

impl<'t> Tags<'t> {
    /// Reads a list; the error is the part that is not a tag, that is there twice, or that is one too many.
    pub(super) fn parse(text: &'t str) -> Result<Self, String> {
        let mut tags = Self::default();
        for part in text.split(';').map(str::trim).filter(|part| !part.is_empty()) {
            let (name, value) = part.split_once('=').ok_or_else(|| clipped(part))?;
            let (name, value) = (name.trim_end(), value.trim_start());
            let is_name = name.starts_with(|c: char| c.is_ascii_alphabetic())
                && name.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'_');
            if !is_name || tags.get(name).is_some() || tags.0.len() == MOST_TAGS {
                return Err(clipped(part));
            }
            tags.0.push((name, value));
        }
        Ok(tags)
    }

    /// The value of a tag.
    pub(super) fn get(&self, name: &str) -> Option<&'t str> {
        self.0.iter().find(|(each, _)| *each == name).map(|(_, value)| *value)
    }

    /// All tags.
    pub(super) fn iter(&self) -> impl Iterator<Item = (&'t str, &'t str)> {
        self.0.iter().copied()
    }

    /// Whether the first tag is `v` with this value.
    pub(super) fn has_version(&self, version: &str) -> bool {
        self.0.first() == Some(&("v", version))
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn white_space_around_tags_does_not_count() {
        let tags = Tags::parse(" v = DKIM1 ;k=rsa; p = AB CD== ; ").unwrap();
        assert_eq!(tags.iter().collect::<Vec<_>>(), [("v", "DKIM1"), ("k", "rsa"), ("p", "AB CD==")]);
        assert!(tags.has_version("DKIM1"));
        assert_eq!(Tags::parse("v=DKIM1; quatsch; p=").unwrap_err(), "quatsch");
        assert_eq!(Tags::parse("p=a; p=b").unwrap_err(), "p=b");
    }

    proptest! {
        #[test]
        fn no_text_makes_it_panic(text in any::<String>(), tags in "([a-z=; ]|v=DMARC1;?){0,40}") {
            let _ = Tags::parse(&text);
            let _ = Tags::parse(&tags);
        }
    }
}
