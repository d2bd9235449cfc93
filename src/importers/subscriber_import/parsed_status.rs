//! The status of a subscriber from the cells of a row.
//!
//! If it is unclear, the more restrictive status wins.

use super::columns::{Column, FieldMapping, Fields, StateCell};
use super::consent::Remarks;
use super::services::Service;
use super::state_columns::Sense;
use super::words::{answer, is_nothing, plain};
use super::{ImportOptions, RowError};
use crate::subscribers::SubscriptionStatus;
use crate::text::HeaderText;

/// The most characters of a reason.
pub(super) const MAX_REASON: usize = 1_000;

/// The status of a row.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct ParsedStatus {
    /// The most restrictive status of all columns; [`SubscriptionStatus::Active`] if none restricts it.
    pub(super) status: SubscriptionStatus,
    /// Why the subscriber must not be mailed, if the row states it.
    pub(super) reason: Option<String>,
    /// The export has active and unsubscribed people in one file and does not distinguish them.
    pub(super) silent: bool,
}

impl ParsedStatus {
    fn restrict(&mut self, status: SubscriptionStatus, reason: &str) {
        if status > self.status {
            self.status = status;
            self.reason =
                (status == SubscriptionStatus::Suppressed && !reason.is_empty()).then(|| reason.to_owned());
        }
    }
}

/// Reads all columns about the status of a subscriber, and the name of the list: some services write one file for each
/// status. What is not understood and could let somebody through is remarked.
pub(super) fn parse(
    fields: &Fields<'_>,
    lexicon: &FieldMapping,
    options: &ImportOptions,
    remarks: &mut Remarks,
) -> Result<ParsedStatus, RowError> {
    let silent =
        lexicon.service.is_some_and(|service| !service.has_unsubscribes(|column| fields.has(column)));
    let mut parsed = ParsedStatus { status: SubscriptionStatus::Active, reason: None, silent };
    let state = fields.get(Column::State).trim();
    if let Some(status) = lexicon.state(state)? {
        // Our own name of a status is not a reason.
        parsed.restrict(status, if state == status.as_str() { "" } else { state });
    }
    if happened(fields.get(Column::Deleted)) || happened(fields.get(Column::UnsubscribedAt)) {
        parsed.restrict(SubscriptionStatus::Unsubscribed, "");
    }
    if happened(fields.get(Column::Cleaned)) {
        parsed.restrict(SubscriptionStatus::Suppressed, "bounced");
    }
    match flag(fields.get(Column::Receives))? {
        Some(false) => parsed.restrict(SubscriptionStatus::Unsubscribed, ""),
        None if fields.has(Column::Receives) => parsed.restrict(SubscriptionStatus::Unconfirmed, ""),
        _ => {}
    }
    if flag(fields.get(Column::Disabled))? == Some(true) {
        // Ghost turns mail off after a bounce or a complaint; on Substack the subscribers may have done it
        // themselves.
        let ghost = lexicon.service == Some(Service::Ghost);
        let status = if ghost { SubscriptionStatus::Suppressed } else { SubscriptionStatus::Unsubscribed };
        parsed.restrict(status, "email disabled");
    }
    if lexicon.service == Some(Service::Mailchimp) {
        mailchimp(&mut parsed, fields, &options.file);
    }
    if let Some(status) = lexicon.service.and_then(|service| service.status_of_file(&options.file)) {
        parsed.restrict(status, "bounced or complained");
    }
    state_columns(&mut parsed, fields, lexicon, (options, remarks));
    if let Some(service) = lexicon.service.filter(|service| *service != Service::Letterpress) {
        parsed.reason = parsed.reason.map(|reason| format!("{reason} ({service})"));
    }
    if parsed.status == SubscriptionStatus::Suppressed
        && let Some(reason) = HeaderText::lossy(fields.get(Column::Reason))
    {
        parsed.reason = Some(reason.as_str().to_owned());
    }
    parsed.reason = parsed.reason.map(|reason| reason.chars().take(MAX_REASON).collect());
    Ok(parsed)
}

/// Columns about a state that no service and no known heading defines.
fn state_columns(
    parsed: &mut ParsedStatus,
    fields: &Fields<'_>,
    lexicon: &FieldMapping,
    (options, remarks): (&ImportOptions, &mut Remarks),
) {
    let mut unclear = Vec::new();
    for cell in fields.states() {
        match lexicon.status(cell) {
            Ok(Some(status)) if status > parsed.status => parsed.restrict(status, &reason(cell)),
            Ok(_) => {}
            // Without a consent that is understood, only the owner's word makes somebody active.
            Err(_) if cell.sense == Sense::Consent && !options.confirmed => {}
            Err(_) => unclear.push((cell.heading.to_string(), cell.text.trim().to_owned())),
        }
    }
    if parsed.status < SubscriptionStatus::Unsubscribed {
        remarks.unclear = unclear;
    }
}

/// The reason that a column about a state gives: what is in it, unless that is only an answer or a date.
fn reason(cell: &StateCell<'_>) -> String {
    let text = match cell.sense {
        Sense::Happened(_) | Sense::Receives { .. } => &cell.heading,
        _ => &cell.text,
    };
    HeaderText::lossy(text).map(String::from).unwrap_or_default()
}

/// Mailchimp's files differ by a column and by their name. A row of an unsubscribed file without a date is unclear.
fn mailchimp(parsed: &mut ParsedStatus, fields: &Fields<'_>, file: &str) {
    if fields.has(Column::UnsubscribedAt) || fields.has(Column::Cleaned) {
        parsed.restrict(SubscriptionStatus::Unconfirmed, "");
    }
    let name = file.rsplit(['/', '\\']).next().unwrap_or(file);
    for (start, status) in [
        ("nonsubscribed", SubscriptionStatus::Unconfirmed),
        ("unsubscribed", SubscriptionStatus::Unsubscribed),
        ("cleaned", SubscriptionStatus::Suppressed),
    ] {
        if name.starts_with(start) {
            parsed.restrict(status, "bounced");
        }
    }
}

/// Whether a cell has a date, a reason or a yes.
fn happened(cell: &str) -> bool {
    if cell.is_empty() {
        return false;
    }
    let word = plain(cell);
    !is_nothing(&word) && answer(&word) != Some(false)
}

/// `None` for an empty cell.
fn flag(cell: &str) -> Result<Option<bool>, RowError> {
    if cell.is_empty() {
        return Ok(None);
    }
    let word = plain(cell);
    if is_nothing(&word) {
        return Ok(None);
    }
    answer(&word).map(Some).ok_or_else(|| RowError::Flag(cell.trim().chars().take(40).collect()))
}

#[cfg(test)]
mod tests {
    use SubscriptionStatus::{Active, Suppressed, Unconfirmed, Unsubscribed};

    use super::*;

    fn judge(service: Option<Service>, cells: &[(Column, &'static str)], file: &str) -> ParsedStatus {
        let mut fields = Fields::default();
        for (column, cell) in cells {
            fields.set(*column, *cell);
        }
        let options = ImportOptions::new(file, chrono::DateTime::UNIX_EPOCH);
        let mapping = FieldMapping::new(service, &[], &[]);
        parse(&fields, &mapping, &options, &mut Remarks::default()).unwrap()
    }

    #[test]
    fn the_most_restrictive_column_counts() {
        let all = [
            (Column::State, "regular"),
            (Column::UnsubscribedAt, "2026-01-01"),
            (Column::Cleaned, "2026-01-02"),
        ];
        for (cells, status) in [(&all[..1], Active), (&all[..2], Unsubscribed), (&all[..], Suppressed)] {
            assert_eq!(judge(Some(Service::Buttondown), cells, "").status, status);
        }
        assert_eq!(
            judge(Some(Service::Buttondown), &all, "").reason.as_deref(),
            Some("bounced (Buttondown)")
        );
    }

    #[test]
    fn disabled_mail_is_a_bounce_on_ghost_and_an_unsubscribe_on_substack() {
        let off = [(Column::Receives, "true"), (Column::Disabled, "1")];
        assert_eq!(judge(Some(Service::Ghost), &off, "").status, Suppressed);
        assert_eq!(judge(Some(Service::Substack), &off, "").status, Unsubscribed);
    }

    #[test]
    fn the_name_and_the_columns_of_a_mailchimp_file_limit_the_status() {
        let of = |cells: &[_], file: &str| judge(Some(Service::Mailchimp), cells, file).status;
        assert_eq!(of(&[], "subscribed_members_export_1.csv"), Active);
        assert_eq!(of(&[], "from/nonsubscribed_members_export_1.csv"), Unconfirmed);
        assert_eq!(of(&[], "unsubscribed_members_export_1.csv"), Unsubscribed);
        assert_eq!(of(&[], "cleaned_members_export_1.csv"), Suppressed);
        assert_eq!(of(&[(Column::UnsubscribedAt, "")], "x.csv"), Unconfirmed);
        let sendy = |file: &str| judge(Some(Service::Sendy), &[(Column::State, "")], file).status;
        assert_eq!(sendy("in/friends-marked-as-spam.csv"), Suppressed);
        assert_eq!(sendy("in/friends-active.csv"), Active);
    }

    #[test]
    fn an_export_without_unsubscribes_is_silent() {
        assert!(judge(Some(Service::Listmonk), &[(Column::State, "enabled")], "").silent);
        assert!(!judge(Some(Service::Listmonk), &[(Column::Receives, "true")], "").silent);
        assert!(!judge(None, &[], "").silent);
    }

    #[test]
    fn a_flag_that_is_neither_true_nor_false_is_an_error() {
        assert_eq!(flag("perhaps"), Err(RowError::Flag("perhaps".to_owned())));
    }
}
