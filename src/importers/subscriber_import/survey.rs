//! The first reading of a list: what it contains, what is wrong with it, and which rows are of the same person.

use std::io::{self, Read, Seek};

use super::consent::Remarks;
use super::findings::{self, Problem, Problems};
use super::input::Place;
use super::reader::ListReader;
use super::repeats::{Repeats, Seen, SeenRows, identify, merge};
use super::services::Service;
use super::unclear::Unclear;
use super::{ImportOptions, ListError, MAX_ROWS, RowError, SubscriberRow, too_long};
use crate::config::DateOrder;
use crate::finding::Finding;
use crate::subscribers::{SubscriptionStatus, Unproven};

/// What a list contains.
#[derive(Debug, Clone)]
pub struct ListSummary {
    /// Rejected rows as errors; repeated persons, unreadable dates and odd addresses as warnings.
    pub findings: Vec<Finding>,
    /// The service that wrote it, if it is known.
    pub service: Option<Service>,
    /// Headings of columns that were not read.
    pub ignored: Vec<String>,
    /// Headings of columns that were read as states, beside those of the service.
    pub states: Vec<String>,
    /// The persons, each of whom may have several rows.
    pub persons: ByStatus,
    /// The encoding, if it is not UTF-8.
    pub encoding: Option<String>,
    /// A date is in the future, so that the list will have another meaning later.
    pub has_future: bool,
}

/// How many persons have which status.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct ByStatus {
    /// Active.
    pub active: u64,
    /// Unconfirmed.
    pub unconfirmed: u64,
    /// Unsubscribed.
    pub unsubscribed: u64,
    /// Suppressed.
    pub suppressed: u64,
}

impl ByStatus {
    /// All of them.
    pub fn total(&self) -> u64 {
        self.active + self.unconfirmed + self.unsubscribed + self.suppressed
    }

    fn of(&mut self, status: SubscriptionStatus) -> &mut u64 {
        match status {
            SubscriptionStatus::Active => &mut self.active,
            SubscriptionStatus::Unconfirmed => &mut self.unconfirmed,
            SubscriptionStatus::Unsubscribed => &mut self.unsubscribed,
            SubscriptionStatus::Suppressed => &mut self.suppressed,
        }
    }
}

/// Reads a list to its end.
pub(super) fn read<R: Read + Seek>(
    reader: &mut ListReader<R>,
    options: &ImportOptions,
) -> Result<(ListSummary, Repeats), ListError> {
    let mut survey = Survey::default();
    let mut rows = 0;
    let mut remarks = Remarks::default();
    while let Some((place, row)) = reader.next_row(options, &mut remarks)? {
        survey.take(place, row, std::mem::take(&mut remarks));
        rows += 1;
        if rows > MAX_ROWS {
            return Err(too_long(&options.file, format!("the list has more than {MAX_ROWS} rows")).into());
        }
    }
    if let Some(refusal) = survey.unclear.refusal(&options.file) {
        return Err(refusal.into());
    }
    let mut repeated = std::mem::take(&mut survey.seen).repeated();
    for alike in repeated.chunk_by_mut(Seen::is_alike) {
        survey.merge(reader, options, alike)?;
    }
    Ok((survey.summary(reader, options), Repeats::new(repeated)))
}

#[derive(Default)]
struct Survey {
    problems: Problems,
    persons: ByStatus,
    seen: SeenRows,
    /// How many active subscribers may have unsubscribed without a record in the export.
    silent: u64,
    is_ambiguous: bool,
    unclear: Unclear,
    /// The first date that allows only one order of its numbers, for each order: the order, the line, the cell.
    decides: Vec<(DateOrder, usize, String)>,
}

impl Survey {
    fn take(&mut self, place: Place, row: Result<SubscriberRow, RowError>, remarks: Remarks) {
        let row = match row {
            Ok(row) => row,
            Err(reason) => return self.problems.add(place.line, Problem::Rejected(reason)),
        };
        if let Some(warning) = row.profile.email.warning() {
            self.problems.add(place.line, Problem::Address(warning));
        }
        self.problems.add_all(place.line, remarks.problems);
        if let Some((order, cell)) = remarks.decides
            && !self.decides.iter().any(|(known, _, _)| *known == order)
        {
            self.decides.push((order, place.line, cell));
        }
        self.unclear.add(place.line, remarks.unclear);
        self.silent += u64::from(remarks.is_silent);
        self.is_ambiguous |= row.unproven == Some(Unproven::Ambiguous);
        *self.persons.of(row.profile.status) += 1;
        self.seen.add(&row.profile.email, place);
    }

    /// Reads rows again that may be of one person.
    fn merge<R: Read + Seek>(
        &mut self,
        reader: &mut ListReader<R>,
        options: &ImportOptions,
        alike: &mut [Seen],
    ) -> io::Result<()> {
        let mut merged: Option<(Seen, SubscriberRow)> = None;
        identify(alike, |first, later| {
            if merged.as_ref().is_none_or(|(known, _)| *known != first) {
                merged = Some((first, reader.row_at(first.place(), options)?));
            }
            let again = reader.row_at(later.place(), options)?;
            let Some((_, row)) = merged.as_mut().filter(|(_, row)| row.profile.email == again.profile.email)
            else {
                return Ok(false);
            };
            *self.persons.of(again.profile.status) -= 1;
            let (before, line) = (row.profile.status, again.line);
            let status = merge(row, again).then_some(row.profile.status);
            if let Some(status) = status {
                *self.persons.of(before) -= 1;
                *self.persons.of(status) += 1;
            }
            self.problems.add(line, Problem::Repeated { first: row.line, status });
            Ok(true)
        })
    }

    fn summary<R: Read + Seek>(self, reader: &ListReader<R>, options: &ImportOptions) -> ListSummary {
        let file = options.file.as_str();
        let mut findings = self.problems.findings(file);
        findings.splice(
            0..0,
            reader.encoding.as_ref().map(|(name, is_guess)| findings::encoding(file, name, *is_guess)),
        );
        let service = reader.lexicon.service;
        findings.extend(
            service.filter(|_| self.silent > 0).map(|service| findings::silent(file, service, self.silent)),
        );
        if self.is_ambiguous {
            let orders = self.decides.iter();
            findings.extend(orders.map(|(order, line, cell)| findings::order(file, *order, cell).at(*line)));
        }
        ListSummary {
            findings,
            service,
            ignored: reader.ignored.clone(),
            states: reader.states(),
            persons: self.persons,
            encoding: reader.encoding.as_ref().map(|(name, _)| name.clone()),
            has_future: self.problems.has_future(),
        }
    }
}
