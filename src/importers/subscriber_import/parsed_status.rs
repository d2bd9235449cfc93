//! The status of a subscriber from the cells of a row.
//!
//! If it is unclear, the more restrictive status wins.

use super::RowError;
use super::columns::{Column, FieldMapping, Fields};
use super::services::Service;
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

/// Reads all columns about the status of a subscriber. `file` is the name of the list: Mailchimp writes one file
/// for each kind of member.
pub(super) fn parse(
    fields: &Fields<'_>,
    lexicon: &FieldMapping,
    file: &str,
) -> Result<ParsedStatus, RowError> {
    let silent =
        lexicon.service.is_some_and(|service| !service.has_unsubscribes(|column| fields.has(column)));
    let mut parsed = ParsedStatus { status: SubscriptionStatus::Active, reason: None, silent };
    let state = fields.get(Column::State).trim();
    if let Some(status) = lexicon.state(state)? {
        // Our own name of a status is not a reason.
        parsed.restrict(status, if state == status.as_str() { "" } else { state });
    }
    if !fields.get(Column::Deleted).is_empty() || !fields.get(Column::UnsubscribedAt).is_empty() {
        parsed.restrict(SubscriptionStatus::Unsubscribed, "");
    }
    if !fields.get(Column::Cleaned).is_empty() {
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
        mailchimp(&mut parsed, fields, file);
    }
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

/// `None` for an empty cell.
fn flag(cell: &str) -> Result<Option<bool>, RowError> {
    match cell.trim().to_ascii_lowercase().as_str() {
        "" => Ok(None),
        "true" | "yes" | "t" | "y" | "1" => Ok(Some(true)),
        "false" | "no" | "f" | "n" | "0" => Ok(Some(false)),
        _ => Err(RowError::Flag(cell.trim().chars().take(40).collect())),
    }
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
        parse(&fields, &FieldMapping::new(service, &[]), file).unwrap()
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
