//! The counts of one run over the inbox.

use serde::Serialize;

use super::Classified;
use crate::store::{RecordOutcome, ReportKind};
use crate::subscribers::SubscriptionStatus;
use crate::subscribers::bounces::Action;

/// Counts of one run.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize)]
pub struct InboxReport {
    /// Mails that were read.
    pub mails: u64,
    /// Reports of failure with a genuine token.
    pub bounces: u64,
    /// Other reports with a genuine token, such as of a delay.
    pub reports: u64,
    /// Complaints with a genuine token.
    pub complaints: u64,
    /// Unsubscribe requests with a genuine token.
    #[serde(rename = "farewells")]
    pub unsubscribes: u64,
    /// Of these four, duplicates of a mail that was processed before.
    #[serde(rename = "again")]
    pub duplicates: u64,
    /// Of these four, about deliveries or subscribers that are not in this store.
    #[serde(rename = "strangers")]
    pub unknown_tokens: u64,
    /// Unknown deliveries that turned out to have been accepted.
    #[serde(rename = "settled")]
    pub resolved: u64,
    /// Subscribers who were suppressed.
    pub suppressed: u64,
    /// Subscribers who were unsubscribed.
    pub unsubscribed: u64,
    /// Reports that named another address than that of their delivery.
    pub elsewhere: u64,
    /// Issues that were paused because of too many bounces or complaints.
    pub paused: u64,
    /// Sign-ups by email.
    pub sign_ups: u64,
    /// Of these, those that get a confirmation email.
    pub asked: u64,
    /// Confirmations by email.
    pub confirmations: u64,
    /// Of these, those that made somebody a subscriber.
    pub confirmed: u64,
    /// Automatic replies.
    pub automatic: u64,
    /// Mails to a bounce address that are not reports.
    pub prose: u64,
    /// Bounces and complaints without a genuine token.
    pub unverified: u64,
    /// Mails with too many or too deeply nested parts.
    pub unreadable: u64,
    /// Everything else.
    pub foreign: u64,
}

impl InboxReport {
    /// Mails with a genuine token.
    pub fn ours(&self) -> u64 {
        self.bounces + self.reports + self.complaints + self.unsubscribes
    }

    pub(super) fn report(&mut self, kind: &ReportKind) {
        *match kind {
            ReportKind::Delivery(report) if report.action == Action::Failed => &mut self.bounces,
            ReportKind::Delivery(_) => &mut self.reports,
            ReportKind::Complained => &mut self.complaints,
            ReportKind::Unsubscribed => &mut self.unsubscribes,
        } += 1;
    }

    pub(super) fn record(&mut self, kind: &ReportKind, outcome: &RecordOutcome) {
        self.report(kind);
        match outcome {
            RecordOutcome::Duplicate => self.duplicates += 1,
            RecordOutcome::UnknownToken => self.unknown_tokens += 1,
            RecordOutcome::Recorded { settled, status, elsewhere, paused } => {
                self.paused += u64::from(*paused);
                self.resolved += u64::from(*settled);
                self.elsewhere += u64::from(*elsewhere);
                self.suppressed += u64::from(*status == Some(SubscriptionStatus::Suppressed));
                self.unsubscribed += u64::from(*status == Some(SubscriptionStatus::Unsubscribed));
            }
        }
    }

    pub(super) fn count(&mut self, classified: &Classified) {
        match classified {
            Classified::Report(inbound) => self.report(&inbound.kind),
            // Counted where they are recorded.
            Classified::Request(_) => {}
            Classified::Automatic => self.automatic += 1,
            Classified::Prose => self.prose += 1,
            Classified::Unverified(_) => self.unverified += 1,
            Classified::Unreadable => self.unreadable += 1,
            Classified::Foreign => self.foreign += 1,
        }
    }
}
