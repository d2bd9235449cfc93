//! Whole lists in memory, for tests.

use std::io::Cursor;

use super::*;
use crate::finding::Severity;

/// The content of a list.
#[derive(Debug)]
pub(super) struct ImportedList {
    pub(super) rows: Vec<SubscriberRow>,
    pub(super) rejected: Vec<(usize, RowError)>,
    pub(super) warnings: Vec<Finding>,
    pub(super) service: Option<Service>,
    pub(super) ignored: Vec<String>,
}

/// Reads a list. The finding explains why the whole list is refused.
pub(super) fn read(bytes: &[u8], options: ImportOptions) -> Result<ImportedList, Finding> {
    let refused = |error| match error {
        ListError::Refused(finding) => *finding,
        ListError::Io(error) => panic!("{error}"),
    };
    let mut reader = ListReader::open(Cursor::new(bytes), &options).map_err(refused)?;
    let (mut rejected, mut remarks) = (Vec::new(), Remarks::default());
    while let Some((place, row)) = reader.next_row(&options, &mut remarks).unwrap() {
        rejected.extend(row.err().map(|reason| (place.line, reason)));
    }
    let mut list = SubscriberList::open(Cursor::new(bytes), options).map_err(refused)?;
    let mut rows = Vec::new();
    while let Some(row) = list.next_row().unwrap() {
        rows.push(row);
    }
    let ListSummary { findings, service, ignored, persons, .. } = list.summary().clone();
    assert_eq!(persons.total(), rows.len() as u64);
    let active =
        rows.iter().filter(|row| row.profile.status == crate::subscribers::SubscriptionStatus::Active);
    assert_eq!(persons.active, active.count() as u64);
    let (errors, warnings): (Vec<_>, Vec<_>) =
        findings.into_iter().partition(|finding| finding.severity == Severity::Error);
    assert_eq!(errors.iter().map(Finding::rows).sum::<usize>(), rejected.len());
    Ok(ImportedList { rows, rejected, warnings, service, ignored })
}
