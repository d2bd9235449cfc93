//! A subscriber from the cells of a row.

use super::columns::{Column, FieldMapping, Fields};
use super::consent::{self, Remarks};
use super::findings::Problem;
use super::{ImportOptions, RowError, SubscriberRow, names, parsed_status};
use crate::address::EmailAddress;
use crate::config::is_language_tag;
use crate::subscribers::{Frequency, Preferences, Profile, SubscriptionStatus, Topics, Unproven};
use crate::text::{HeaderText, HeaderTextError};

/// The most characters of a name.
pub const MAX_NAME: usize = 100;
/// The most characters of a source.
const MAX_SOURCE: usize = 200;

/// Reads the row on line `line`.
pub(super) fn read(
    fields: &Fields<'_>,
    line: usize,
    (options, lexicon): (&ImportOptions, &FieldMapping),
    remarks: &mut Remarks,
) -> Result<SubscriberRow, RowError> {
    let email = EmailAddress::parse(fields.get(Column::Email))?;
    let name = match fields.get(Column::Name).trim_matches(' ') {
        "" => read_name(&names::join(fields.get(Column::Given), fields.get(Column::Family)))?,
        name => read_name(name)?,
    };
    let language = fields.get(Column::Language).trim();
    let is_tag = is_language_tag(language);
    if !is_tag && !language.is_empty() {
        remarks.problems.push(Problem::Language(language.chars().take(40).collect()));
    }
    let parsed = parsed_status::parse(fields, lexicon, options, remarks)?;
    let consent = consent::read(fields, options, remarks);
    let unproven = unproven(&parsed, consent.missing(), options);
    remarks.is_silent = parsed.silent && parsed.status == SubscriptionStatus::Active && !options.confirmed;
    let source = Some(clean_source(fields.get(Column::Source))).filter(|source| !source.is_empty());
    let mut past = |column| {
        let cell = Some(fields.get(column).trim()).filter(|cell| !cell.is_empty());
        cell.and_then(|cell| consent::past(cell, options, remarks).ok())
    };
    let (added_at, state_since) = (past(Column::Added), past(Column::StateSince));
    let profile = Profile {
        email,
        name,
        language: is_tag.then(|| language.to_owned()),
        status: if unproven.is_some() { SubscriptionStatus::Unconfirmed } else { parsed.status },
        preferences: Preferences {
            frequency: Frequency::from_code(fields.get(Column::Frequency).trim()).unwrap_or_default(),
            topics: topics(fields.get(Column::Topics)),
        },
        consented_at: consent.at(),
        suppressed_because: parsed.reason,
    };
    Ok(SubscriberRow { profile, state_since, unproven, source, added_at, line })
}

/// Why an active subscriber is imported as unconfirmed. A recorded refusal counts even if the owner vouches.
fn unproven(
    parsed: &parsed_status::ParsedStatus,
    missing: Option<Unproven>,
    options: &ImportOptions,
) -> Option<Unproven> {
    match parsed.status {
        SubscriptionStatus::Unconfirmed => Some(Unproven::Listed),
        SubscriptionStatus::Active if missing == Some(Unproven::Refused) => missing,
        SubscriptionStatus::Active if options.confirmed => None,
        SubscriptionStatus::Active => missing.or(parsed.silent.then_some(Unproven::Silent)),
        SubscriptionStatus::Unsubscribed | SubscriptionStatus::Suppressed => None,
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
    if text.len() <= MAX_SOURCE {
        return text;
    }
    // Cut first, then cleaned: the cut text may end with a space.
    HeaderText::lossy(&text.chars().take(MAX_SOURCE).collect::<String>())
        .map(String::from)
        .unwrap_or_default()
}
