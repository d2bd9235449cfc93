//! XML of other programs: one bounded reader for exports, feeds and the linter.
//!
//! The [`reader`] fetches nothing, reads no DTD and expands no entity that the document declares. [`records`] reads
//! a long document one record at a time and forgives common mistakes. [`tree`] reads a whole document strictly.

mod encoded;
pub(crate) mod namespaces;
mod node;
mod reader;
mod records;
mod references;
mod slice;
mod stream;
#[cfg(test)]
mod tests;
pub(crate) mod tree;

use std::io;

use crate::text::clipped;

pub(crate) use encoded::{charset, declared_encoding, encoding_named};
pub(crate) use node::Node;
pub(crate) use records::Records;
pub(crate) use references::with_references;

/// The depth limit. Deeper elements are an attack: markup inside a post is escaped, or as deep as people nest it.
/// The functions that walk a tree may recurse.
const MAX_DEPTH: usize = 128;
/// The most attributes of one tag.
const MAX_ATTRIBUTES: usize = 128;
/// The most namespaces declared at one place.
const MAX_NAMESPACES: usize = 256;
/// The most bytes of one tag or one stretch of text in a stream.
const MAX_EVENT: usize = 16 << 20;
/// The most bytes of text and attributes of one record.
const MAX_RECORD: usize = 32 << 20;

/// Why a document cannot be read further.
#[derive(Debug, thiserror::Error)]
pub(crate) enum XmlError {
    /// A `<!DOCTYPE` that declares something.
    #[error("it declares entities or elements of its own (DTD), which Letterpress does not read")]
    Dtd,
    /// An element beyond the depth limit.
    #[error("it is too deep: its elements are nested more than {MAX_DEPTH} levels deep")]
    Deep,
    /// An element beyond the length limit.
    #[error("one element is longer than {} MB", MAX_RECORD >> 20)]
    Long,
    /// More elements, attributes or namespaces than the limit allows.
    #[error("it has too many {0}")]
    Many(&'static str),
    /// A reference to an entity that XML does not define.
    #[error("{0}")]
    Entity(String),
    /// A character that XML does not allow.
    #[error("the character U+{:04X} is not allowed in XML", u32::from(*.0))]
    Character(char),
    /// Not XML.
    #[error("it is not well-formed XML: {0}")]
    Malformed(String),
    /// The file or the connection failed.
    #[error("it cannot be read: {0}")]
    Io(#[from] io::Error),
}

impl XmlError {
    fn malformed(reason: impl std::fmt::Display) -> Self {
        Self::Malformed(clipped(&reason.to_string()))
    }
}
