//! HTML as text: escaping, tags with their positions, element classes and the parsed tree.
//!
//! html5ever does all the parsing, so tags are found where a browser finds them. Pure.

mod elements;
mod escape;
mod feeder;
mod ranges;
mod tokens;
mod tree;

pub(crate) use elements::{hides_content, is_block, is_void};
pub(crate) use escape::{each_markup_byte, escape, format_value, push_attribute, push_escaped, push_text};
pub(crate) use ranges::{Element, elements};
pub(crate) use tokens::{Piece, Tag, read, read_shown, shown_tags, tags, without_excess};
pub(crate) use tree::{At, Data, MAX_BYTES, Tree, parse};
