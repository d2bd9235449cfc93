//! Which rows of a table have a shade behind them: every other one below a head. A table without a head may only arrange
//! what is in it.

use crate::html::Tag;

/// The open tables, the innermost last.
#[derive(Default)]
pub(super) struct Rows(Vec<Table>);

#[derive(Default)]
struct Table {
    has_head: bool,
    in_body: bool,
    rows: usize,
}

impl Rows {
    /// Whether `tag`, which must be the next one of a table, begins a row with a shade.
    pub(super) fn is_shaded(&mut self, tag: &Tag) -> bool {
        match (tag.name(), tag.closing) {
            ("table", false) => self.0.push(Table::default()),
            ("table", true) => {
                self.0.pop();
            }
            _ => return self.0.last_mut().is_some_and(|table| table.is_shaded(tag)),
        }
        false
    }
}

impl Table {
    fn is_shaded(&mut self, tag: &Tag) -> bool {
        match (tag.name(), tag.closing) {
            ("thead", false) => self.has_head = true,
            ("tbody", closing) => self.in_body = self.has_head && !closing,
            ("tr", false) if self.in_body => {
                self.rows += 1;
                return self.rows.is_multiple_of(2) && tag.attributes().next().is_none();
            }
            _ => {}
        }
        false
    }
}
