//! A document that clients fetch.

use camino::Utf8PathBuf;

/// A finished file of the public folder.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Document {
    /// Relative to the public folder, with `/`: `rss.xml`, `categories/기술/atom.xml`.
    pub path: Utf8PathBuf,
    /// The media type with its charset.
    pub media_type: &'static str,
    /// The bytes, the same for the same input.
    pub bytes: Vec<u8>,
}
