//! What a row says of its reader, and whether it is evidence that they asked for the letter.
//!
//! Whatever is unclear here counts against sending.

use super::RowError;
use super::columns::{Column, FieldMapping, Fields};
use super::services::Service;
use crate::subscribers::SubscriptionStatus;
use crate::text::HeaderText;

/// Characters that a reason may have.
pub(super) const MAX_REASON: usize = 1_000;

/// What a row says.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct ParsedStatus {
    /// The most restrictive of all that it says; [`Standing::Active`] if it says nothing against it.
    pub(super) status: SubscriptionStatus,
    /// Why the reader must not be mailed, if the row knows.
    pub(super) reason: Option<String>,
    /// The export has active readers and those who left in one file, and does not say who is which.
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

/// Reads all the columns that say something about the standing of a reader. `file` is its name: Mailchimp writes one
/// file for each kind of member.
pub(super) fn said(
    fields: &Fields<'_>,
    lexicon: &FieldMapping<'_>,
    file: &str,
) -> Result<ParsedStatus, RowError> {
    let silent = lexicon.service.is_some_and(|service| !service.tells(|column| fields.has(column)));
    let mut said = ParsedStatus { status: SubscriptionStatus::Active, reason: None, silent };
    let state = fields.get(Column::State).trim();
    if let Some(status) = lexicon.state(state)? {
        // The word that we write ourselves says no more than the standing does.
        said.restrict(status, if state == status.as_str() { "" } else { state });
    }
    if !fields.get(Column::Deleted).is_empty() || !fields.get(Column::Left).is_empty() {
        said.restrict(SubscriptionStatus::Unsubscribed, "");
    }
    if !fields.get(Column::Cleaned).is_empty() {
        said.restrict(SubscriptionStatus::Suppressed, "bounced");
    }
    match flag(fields.get(Column::Receives))? {
        Some(false) => said.restrict(SubscriptionStatus::Unsubscribed, ""),
        None if fields.has(Column::Receives) => said.restrict(SubscriptionStatus::Unconfirmed, ""),
        _ => {}
    }
    if flag(fields.get(Column::Disabled))? == Some(true) {
        // Ghost turns mail off after a bounce or a complaint; Substack says the same of readers who did it themselves.
        let ghost = lexicon.service == Some(Service::Ghost);
        let status = if ghost { SubscriptionStatus::Suppressed } else { SubscriptionStatus::Unsubscribed };
        said.restrict(status, "email disabled");
    }
    if lexicon.service == Some(Service::Mailchimp) {
        mailchimp(&mut said, fields, file);
    }
    if let Some(service) = lexicon.service.filter(|service| *service != Service::Letterpress) {
        said.reason = said.reason.map(|reason| format!("{reason} ({service})"));
    }
    if said.status == SubscriptionStatus::Suppressed
        && let Some(reason) = HeaderText::lossy(fields.get(Column::Reason))
    {
        said.reason = Some(reason.as_str().to_owned());
    }
    said.reason = said.reason.map(|reason| reason.chars().take(MAX_REASON).collect());
    Ok(said)
}

/// Mailchimp's files differ by a column, and by their name. A row of those who left that does not say when is unclear.
fn mailchimp(said: &mut ParsedStatus, fields: &Fields<'_>, file: &str) {
    if fields.has(Column::Left) || fields.has(Column::Cleaned) {
        said.restrict(SubscriptionStatus::Unconfirmed, "");
    }
    let name = file.rsplit(['/', '\\']).next().unwrap_or(file);
    for (start, status) in [
        ("nonsubscribed", SubscriptionStatus::Unconfirmed),
        ("unsubscribed", SubscriptionStatus::Unsubscribed),
        ("cleaned", SubscriptionStatus::Suppressed),
    ] {
        if name.starts_with(start) {
            said.restrict(status, "bounced");
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
        said(&fields, &FieldMapping::new(service, &[]), file).unwrap()
    }

    #[test]
    fn of_all_that_a_row_says_the_most_restrictive_counts() {
        let all = [(Column::State, "regular"), (Column::Left, "2026-01-01"), (Column::Cleaned, "2026-01-02")];
        for (cells, status) in [(&all[..1], Active), (&all[..2], Unsubscribed), (&all[..], Suppressed)] {
            assert_eq!(judge(Some(Service::Buttondown), cells, "").status, status);
        }
        assert_eq!(
            judge(Some(Service::Buttondown), &all, "").reason.as_deref(),
            Some("bounced (Buttondown)")
        );
    }

    #[test]
    fn mail_that_is_turned_off_is_a_bounce_with_ghost_and_may_be_a_wish_with_substack() {
        let off = [(Column::Receives, "true"), (Column::Disabled, "1")];
        assert_eq!(judge(Some(Service::Ghost), &off, "").status, Suppressed);
        assert_eq!(judge(Some(Service::Substack), &off, "").status, Unsubscribed);
    }

    #[test]
    fn a_file_of_mailchimp_is_never_more_than_its_name_and_its_columns_say() {
        let of = |cells: &[_], file: &str| judge(Some(Service::Mailchimp), cells, file).status;
        assert_eq!(of(&[], "subscribed_members_export_1.csv"), Active);
        assert_eq!(of(&[], "from/nonsubscribed_members_export_1.csv"), Unconfirmed);
        assert_eq!(of(&[], "unsubscribed_members_export_1.csv"), Unsubscribed);
        assert_eq!(of(&[], "cleaned_members_export_1.csv"), Suppressed);
        assert_eq!(of(&[(Column::Left, "")], "x.csv"), Unconfirmed);
    }

    #[test]
    fn an_export_that_does_not_say_who_left_is_silent() {
        assert!(judge(Some(Service::Listmonk), &[(Column::State, "enabled")], "").silent);
        assert!(!judge(Some(Service::Listmonk), &[(Column::Receives, "true")], "").silent);
        assert!(!judge(None, &[], "").silent);
    }

    #[test]
    fn a_flag_that_is_neither_true_nor_false_is_no_flag() {
        assert_eq!(flag("perhaps"), Err(RowError::Flag("perhaps".to_owned())));
    }
}
