//! Reads a subscriber list whole.

use std::io::Cursor;

use letterpress::internals::finding::Severity;
use letterpress::internals::importers::subscriber_import::{ImportOptions, SubscriberList, SubscriberRow};

/// One row for each person, and how many rows were rejected; `None` if the list is refused.
pub fn read(bytes: &[u8], options: &ImportOptions) -> Option<(Vec<SubscriberRow>, usize)> {
    let mut list = SubscriberList::open(Cursor::new(bytes), options.clone()).ok()?;
    let errors = list.summary().findings.iter().filter(|finding| finding.severity == Severity::Error);
    let rejected = errors.map(|finding| finding.rows()).sum();
    let mut rows = Vec::new();
    while let Some(row) = list.next_row().expect("a list in memory does not change") {
        rows.push(row);
    }
    assert_eq!(list.summary().persons.total(), rows.len() as u64);
    Some((rows, rejected))
}
