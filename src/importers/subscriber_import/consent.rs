//! Whether a row is evidence that its person asked for the emails, and since when. If it is not, why.

use chrono::{DateTime, TimeDelta, Utc};

use super::columns::{Column, Fields};
use super::dates::{self, NoDate, ReadDate};
use super::findings::Problem;
use super::{ImportOptions, words};
use crate::config::DateOrder;
use crate::subscribers::{SubscriptionStatus, Unproven};

/// A date without a time of day may be tomorrow here and today in the Pacific.
const DATE_LINE: TimeDelta = TimeDelta::hours(14);

/// The columns that can be evidence, the strongest first. The first three may also contain yes or no.
const EVIDENCE: [Column; 5] =
    [Column::Consented, Column::Confirmed, Column::OptedIn, Column::Subscribed, Column::Created];
const ANSWERS: usize = 3;

/// Whether a cell is a yes or a no. A state of somebody who is not subscribed is a no.
fn answer(cell: &str) -> Option<bool> {
    let word = words::plain(cell);
    let state = || words::status(&word).map(|status| status == SubscriptionStatus::Active);
    words::answer(&word).or_else(state)
}

/// Consent to the emails.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Consent {
    /// Given, at a time in the past.
    At(DateTime<Utc>),
    /// Given: the list states it without a date.
    Undated,
    /// Not on record.
    Missing(Unproven),
}

impl Consent {
    /// When it was given.
    pub(super) fn at(self) -> Option<DateTime<Utc>> {
        if let Self::At(at) = self { Some(at) } else { None }
    }

    /// Why it is missing.
    pub(super) fn missing(self) -> Option<Unproven> {
        if let Self::Missing(why) = self { Some(why) } else { None }
    }
}

/// Findings about the cells of a row.
#[derive(Default)]
pub(super) struct Remarks {
    /// Values to be checked by the owner.
    pub(super) problems: Vec<Problem>,
    /// A date of the row that allows only this order of its numbers.
    pub(super) decides: Option<(DateOrder, String)>,
    /// The subscriber may have unsubscribed without a record in the export.
    pub(super) is_silent: bool,
    /// Headings and cells about the state of somebody who may be let through, and that are not understood.
    pub(super) unclear: Vec<(String, String)>,
}

/// The consent of a row. Only its strongest filled column counts; a weaker one cannot improve it.
pub(super) fn read(fields: &Fields<'_>, options: &ImportOptions, remarks: &mut Remarks) -> Consent {
    let filled = EVIDENCE.iter().enumerate().find(|(_, column)| !fields.get(**column).trim().is_empty());
    let Some((place, column)) = filled else {
        let has_column = EVIDENCE.iter().any(|column| fields.has(*column));
        return Consent::Missing(if has_column { Unproven::Empty } else { Unproven::NoColumn });
    };
    let cell = fields.get(*column).trim();
    if place < ANSWERS {
        match answer(cell) {
            Some(true) => return Consent::Undated,
            Some(false) => return Consent::Missing(Unproven::Refused),
            None => {}
        }
    }
    match past(cell, options, remarks) {
        Ok(at) => Consent::At(at),
        Err(why) => Consent::Missing(why),
    }
}

/// A time in the past. Today's date counts as today in every zone.
pub(super) fn past(
    cell: &str,
    options: &ImportOptions,
    remarks: &mut Remarks,
) -> Result<DateTime<Utc>, Unproven> {
    let read = match dates::read(cell, options.dates) {
        Ok(read) => read,
        Err(why) => {
            let unproven = match why {
                NoDate::Several(_) => Unproven::Ambiguous,
                NoDate::Serial | NoDate::Order(_) | NoDate::Unknown => Unproven::NoDate,
            };
            remarks.problems.push(Problem::Date(cell.chars().take(40).collect(), why));
            return Err(unproven);
        }
    };
    remarks.decides = remarks.decides.take().or(read.decides.map(|order| (order, cell.to_owned())));
    let (at, slack) = match read.date {
        ReadDate::Instant(at) => (at, TimeDelta::zero()),
        ReadDate::Zoneless(at) => (at, DATE_LINE),
    };
    if at > options.now + slack {
        remarks.problems.push(Problem::Future(cell.chars().take(40).collect()));
        return Err(Unproven::Future);
    }
    Ok(at.min(options.now))
}
