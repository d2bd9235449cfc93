//! The archive becomes documents, and the documents become files.
//!
//! One file per format, each a pure function to bytes; [`output`] is the only writer.

mod document;

pub use document::Document;
