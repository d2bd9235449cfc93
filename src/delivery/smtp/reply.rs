//! Bytes to replies (RFC 5321, 4.2): bounded, pure, and never text before the code has been judged.

/// A whole reply.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Reply {
    /// The three digits of the last line.
    pub code: u16,
    /// The text of all lines joined by a space, sanitised to printable characters, at most 1 KiB.
    pub text: String,
}
