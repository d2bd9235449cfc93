//! Builds the list: a subscriber from the cells of a row, and one row for each person.

use std::collections::HashMap;

use super::columns::{Column, FieldMapping, Fields};
use super::consent::{self, Remarks};
use super::findings::{self, Oddity, Warnings};
use super::{
    ImportOptions, ImportedList, MAX_ROWS, RejectedRow, RowError, SubscriberRow, names, parsed_status,
    too_long,
};
use crate::address::EmailAddress;
use crate::config::{DateOrder, is_language_tag};
use crate::finding::Finding;
use crate::subscribers::{Frequency, Preferences, Profile, SubscriptionStatus, Topics, Unproven};
use crate::text::{HeaderText, HeaderTextError};

/// The most characters of a name.
pub const MAX_NAME: usize = 100;
/// The most characters of a source.
const MAX_SOURCE: usize = 200;
/// The most ignored headings that are reported.
const MAX_IGNORED: usize = 100;
/// A list that is being read.
pub(super) struct List<'a> {
    options: ImportOptions<'a>,
    lexicon: FieldMapping<'a>,
    rows: Vec<SubscriberRow>,
    rejected: Vec<RejectedRow>,
    warnings: Warnings<'a>,
    ignored: Vec<String>,
    /// The index of the row of an address.
    known: HashMap<String, usize>,
    /// How many active subscribers may have unsubscribed without a record in the export.
    silent: usize,
    /// Dates that allow only one order of their numbers: the order, the line, the cell.
    decides: Vec<(DateOrder, usize, String)>,
}

impl<'a> List<'a> {
    pub(super) fn new(options: ImportOptions<'a>, lexicon: FieldMapping<'a>) -> Self {
        Self {
            options,
            lexicon,
            rows: Vec::new(),
            rejected: Vec::new(),
            warnings: Warnings::new(options.file),
            ignored: Vec::new(),
            known: HashMap::new(),
            silent: 0,
            decides: Vec::new(),
        }
    }

    pub(super) fn ignore(&mut self, headings: &[String]) {
        for heading in headings {
            if self.ignored.len() < MAX_IGNORED && !self.ignored.contains(heading) {
                self.ignored.push(heading.chars().take(100).collect());
            }
        }
    }

    pub(super) fn read_row(&mut self, fields: &Fields<'_>, line: usize) -> Result<SubscriberRow, RowError> {
        let mut remarks = Remarks::default();
        let email = EmailAddress::parse(fields.get(Column::Email))?;
        remarks.odd.extend(email.warning().map(Oddity::Address));
        let name = match fields.get(Column::Name).trim_matches(' ') {
            "" => read_name(&names::join(fields.get(Column::Given), fields.get(Column::Family)))?,
            name => read_name(name)?,
        };
        let language = fields.get(Column::Language).trim().to_owned();
        let tagged = is_language_tag(&language);
        if !tagged && !language.is_empty() {
            remarks.odd.push(Oddity::Language(language.chars().take(40).collect()));
        }
        let parsed = parsed_status::parse(fields, &self.lexicon, self.options.file)?;
        let consent = consent::read(fields, self.options, &mut remarks);
        let unproven = self.unproven(&parsed, consent.missing());
        let status = if unproven.is_some() { SubscriptionStatus::Unconfirmed } else { parsed.status };
        self.silent += usize::from(
            parsed.silent && parsed.status == SubscriptionStatus::Active && !self.options.confirmed,
        );
        let source = Some(clean_source(fields.get(Column::Source))).filter(|source| !source.is_empty());
        let added = Some(fields.get(Column::Added).trim()).filter(|cell| !cell.is_empty());
        let added_at = added.and_then(|cell| consent::past(cell, self.options, &mut remarks).ok());
        let since = Some(fields.get(Column::StateSince).trim()).filter(|cell| !cell.is_empty());
        let state_since = since.and_then(|cell| consent::past(cell, self.options, &mut remarks).ok());
        for oddity in remarks.odd {
            self.warnings.add(oddity.into_finding(self.options.file).at(line));
        }
        self.decided(remarks.decides, line);
        let language = tagged.then_some(language);
        let preferences = Preferences {
            frequency: Frequency::from_code(fields.get(Column::Frequency).trim()).unwrap_or_default(),
            topics: topics(fields.get(Column::Topics)),
        };
        let profile = Profile {
            email,
            name,
            language,
            status,
            preferences,
            consented_at: consent.at(),
            suppressed_because: parsed.reason,
        };
        Ok(SubscriberRow { profile, state_since, unproven, source, added_at, line })
    }

    /// Why an active subscriber is imported as unconfirmed. A recorded refusal counts even if the owner vouches.
    fn unproven(&self, parsed: &parsed_status::ParsedStatus, missing: Option<Unproven>) -> Option<Unproven> {
        match parsed.status {
            SubscriptionStatus::Unconfirmed => Some(Unproven::Listed),
            SubscriptionStatus::Active if missing == Some(Unproven::Refused) => missing,
            SubscriptionStatus::Active if self.options.confirmed => None,
            SubscriptionStatus::Active => missing.or(parsed.silent.then_some(Unproven::Silent)),
            SubscriptionStatus::Unsubscribed | SubscriptionStatus::Suppressed => None,
        }
    }

    /// Keeps the first date for each order.
    fn decided(&mut self, decides: Option<(DateOrder, String)>, line: usize) {
        if let Some((order, cell)) = decides
            && !self.decides.iter().any(|(known, _, _)| *known == order)
        {
            self.decides.push((order, line, cell));
        }
    }

    /// Adds a row to the list, or merges it with the row of the same person.
    pub(super) fn take(&mut self, line: usize, row: Result<SubscriberRow, RowError>) -> Result<(), Finding> {
        match row {
            Err(reason) => self.rejected.push(RejectedRow { line, reason }),
            Ok(row) => {
                let first =
                    self.known.get(row.profile.email.normalised()).and_then(|at| self.rows.get_mut(*at));
                if let Some(first) = first {
                    self.warnings.add(merge(first, row, self.options.file));
                } else {
                    self.known.insert(row.profile.email.normalised().to_owned(), self.rows.len());
                    self.rows.push(row);
                }
            }
        }
        if self.rows.len() + self.rejected.len() > MAX_ROWS {
            return Err(too_long(self.options.file, format!("the list has more than {MAX_ROWS} rows")));
        }
        Ok(())
    }

    pub(super) fn finish(mut self, delimiter: Option<char>) -> ImportedList {
        if let Some(service) = self.lexicon.service.filter(|_| self.silent > 0) {
            self.warnings.add(findings::silent(self.options.file, service, self.silent));
        }
        if self.rows.iter().any(|row| row.unproven == Some(Unproven::Ambiguous)) {
            for (order, line, cell) in &self.decides {
                self.warnings.add(findings::order(self.options.file, *order, cell).at(*line));
            }
        }
        ImportedList {
            rows: self.rows,
            rejected: self.rejected,
            warnings: self.warnings.finish(),
            service: self.lexicon.service,
            delimiter,
            ignored: self.ignored,
        }
    }
}

/// The categories of our own export; any other value means everything.
fn topics(cell: &str) -> Topics {
    let names: Vec<String> = serde_json::from_str(cell).unwrap_or_default();
    Topics::only(names.iter().filter_map(|name| HeaderText::lossy(name)))
}

fn read_name(cell: &str) -> Result<Option<HeaderText>, RowError> {
    let cell = cell.trim_matches(' ');
    // Checked before `HeaderText`, which would turn a line break into a space. A row with control characters was
    // not written by a person.
    if cell.chars().any(char::is_control) {
        return Err(RowError::NameControl);
    }
    let length = cell.chars().count();
    if length > MAX_NAME {
        return Err(RowError::LongName(length));
    }
    match HeaderText::parse(cell) {
        Ok(name) => Ok(Some(name)),
        Err(HeaderTextError::Empty) => Ok(None),
        Err(HeaderTextError::Control(_)) => Err(RowError::NameControl),
    }
}

/// One line of text that is not too long for a source; may be empty.
pub fn clean_source(raw: &str) -> String {
    let text = HeaderText::lossy(raw).map(String::from).unwrap_or_default();
    // Cut first, then cleaned: the cut text may end with a space.
    HeaderText::lossy(&text.chars().take(MAX_SOURCE).collect::<String>())
        .map(String::from)
        .unwrap_or_default()
}

/// Merges a further row of the same person into the first one.
fn merge(first: &mut SubscriberRow, again: SubscriberRow, file: &str) -> Finding {
    let line = again.line;
    let (profile, further) = (&mut first.profile, again.profile);
    let stricter = further.status > profile.status;
    if stricter {
        profile.status = further.status;
        profile.suppressed_because = further.suppressed_because;
        (first.unproven, first.state_since) = (again.unproven, again.state_since);
    }
    profile.name = profile.name.take().or(further.name);
    profile.language = profile.language.take().or(further.language);
    profile.consented_at = profile.consented_at.or(further.consented_at);
    first.source = first.source.take().or(again.source);
    first.added_at = first.added_at.or(again.added_at);
    let outcome =
        if stricter { format!("; the subscriber is now {}", profile.status.as_str()) } else { String::new() };
    Finding::warning("list-repeated", file, format!("duplicate of line {}{outcome}", first.line))
        .at(line)
        .hint("keep one row per subscriber; the most restrictive state of all rows applies")
}
