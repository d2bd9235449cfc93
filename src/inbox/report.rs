//! What a run through the inbox found and did, in numbers.

use serde::Serialize;

use super::Classified;
use crate::store::{RecordOutcome, ReportKind};
use crate::subscribers::SubscriptionStatus;
use crate::subscribers::bounces::Action;

/// Counts of one run.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize)]
pub struct InboxReport {
    /// Mails that were looked at.
    pub mails: u64,
    /// Reports of failure with a genuine token.
    pub bounces: u64,
    /// Other reports with a genuine token: no failure.
    pub reports: u64,
    /// Complaints with a genuine token.
    pub complaints: u64,
    /// Readers' wishes to leave, with a genuine token.
    #[serde(rename = "farewells")]
    pub unsubscribes: u64,
    /// Of these four, known from an earlier delivery of the same mail.
    #[serde(rename = "again")]
    pub duplicates: u64,
    /// Of these four, about copies or readers that this store does not know.
    #[serde(rename = "strangers")]
    pub unknown_tokens: u64,
    /// Copies in doubt that turned out to have been accepted.
    #[serde(rename = "settled")]
    pub resolved: u64,
    /// Readers who are never mailed again.
    pub suppressed: u64,
    /// Readers who left.
    pub unsubscribed: u64,
    /// Reports that named another address than that of their copy.
    pub elsewhere: u64,
    /// Issues that were paused, as too many of their copies came back.
    pub paused: u64,
    /// Answers of machines.
    pub automatic: u64,
    /// Mails to a bounce address that are no report.
    pub prose: u64,
    /// Bounces and complaints without a genuine token.
    pub unverified: u64,
    /// Mails that were built to hurt.
    pub unreadable: u64,
    /// Everything else.
    pub foreign: u64,
}

impl InboxReport {
    /// Mails with a genuine token.
    pub fn ours(&self) -> u64 {
        self.bounces + self.reports + self.complaints + self.unsubscribes
    }

    pub(super) fn report(&mut self, word: &ReportKind) {
        *match word {
            ReportKind::Delivery(report) if report.action == Action::Failed => &mut self.bounces,
            ReportKind::Delivery(_) => &mut self.reports,
            ReportKind::Complained => &mut self.complaints,
            ReportKind::Unsubscribed => &mut self.unsubscribes,
        } += 1;
    }

    pub(super) fn record(&mut self, word: &ReportKind, taken: &RecordOutcome) {
        self.report(word);
        match taken {
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

    pub(super) fn count(&mut self, reading: &Classified) {
        match reading {
            Classified::Report(notice) => self.report(&notice.word),
            Classified::Automatic => self.automatic += 1,
            Classified::Prose => self.prose += 1,
            Classified::Unverified => self.unverified += 1,
            Classified::Unreadable => self.unreadable += 1,
            Classified::Foreign => self.foreign += 1,
        }
    }
}
