//! Columns about a state with values that are not understood. Such a list is refused: what is not understood could be the
//! note that somebody has unsubscribed.

use crate::finding::Finding;
use crate::text::{clipped, shell_quoted};

/// The most columns and the most values of a column that are named.
const NAMED: usize = 8;

/// What was not understood in the rows of a list.
#[derive(Debug, Default)]
pub(super) struct Unclear {
    columns: Vec<UnclearColumn>,
    rows: u64,
}

#[derive(Debug)]
struct UnclearColumn {
    heading: String,
    /// The line of the first value.
    line: usize,
    values: Vec<String>,
    has_more: bool,
}

impl Unclear {
    /// Adds the headings and cells of a row.
    pub(super) fn add(&mut self, line: usize, cells: Vec<(String, String)>) {
        self.rows += u64::from(!cells.is_empty());
        for (heading, value) in cells {
            let value = clipped(&value.chars().take(40).collect::<String>());
            if let Some(column) = self.columns.iter_mut().find(|column| column.heading == heading) {
                column.add(value);
            } else if self.columns.len() < NAMED {
                self.columns.push(UnclearColumn { heading, line, values: vec![value], has_more: false });
            }
        }
    }

    /// Why the list is refused, if anything was not understood.
    pub(super) fn refusal(&self, file: &str) -> Option<Finding> {
        let first = self.columns.first()?;
        let listed: Vec<String> = self.columns.iter().map(UnclearColumn::listed).collect();
        let mapped: Vec<String> = self.columns.iter().map(UnclearColumn::mapping).collect();
        let message = format!(
            "nothing was imported: the list says who must not be mailed, and this is not understood: {} (rows: {})",
            listed.join("; "),
            self.rows
        );
        let hint = format!(
            "say what the values mean: {} with active, unconfirmed, unsubscribed or suppressed as STATE; or, if it has nothing to \
             do with your emails, --state-column {}; for newsletter.list use the key list_state_columns",
            mapped.join(" "),
            shell_quoted(&format!("{}=ignore", first.heading)),
        );
        Some(Finding::error("list-state", file, message).at(first.line).hint(hint))
    }
}

impl UnclearColumn {
    fn add(&mut self, value: String) {
        if self.values.len() < NAMED && !self.values.contains(&value) {
            self.values.push(value);
        } else {
            self.has_more |= !self.values.contains(&value);
        }
    }

    fn listed(&self) -> String {
        let values: Vec<String> = self.values.iter().map(|value| format!("{value:?}")).collect();
        let more = if self.has_more { ", …" } else { "" };
        format!("column {:?} has {}{more}", clipped(&self.heading), values.join(", "))
    }

    fn mapping(&self) -> String {
        let values: Vec<String> = self.values.iter().map(|value| format!("{value}:STATE")).collect();
        // A star stands for all other values.
        let others = if self.has_more { ",*:STATE" } else { "" };
        let mapping = format!("{}={}{others}", clipped(&self.heading), values.join(","));
        format!("--state-column {}", shell_quoted(&mapping))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_refusal_names_the_column_its_values_and_the_way_on() {
        let mut unclear = Unclear::default();
        assert!(unclear.refusal("list.csv").is_none());
        for (line, value) in [(2, "x"), (3, "perhaps"), (7, "x")] {
            unclear.add(line, vec![("opt out".to_owned(), value.to_owned())]);
        }
        let refusal = unclear.refusal("list.csv").unwrap().to_string();
        assert!(refusal.starts_with("list.csv:2: error: nothing was imported"), "{refusal}");
        assert!(refusal.contains("column \"opt out\" has \"x\", \"perhaps\" (rows: 3)"), "{refusal}");
        assert!(refusal.contains("--state-column 'opt out=x:STATE,perhaps:STATE' with"), "{refusal}");
        assert!(refusal.contains("--state-column 'opt out=ignore'"), "{refusal}");
        for value in 0..100 {
            unclear.add(9, vec![("opt out".to_owned(), value.to_string())]);
        }
        let refusal = unclear.refusal("list.csv").unwrap().to_string();
        assert!(refusal.contains("\"5\", … (rows: 103)") && refusal.contains(",*:STATE'"), "{refusal}");
    }
}
