//! What a run through the inbox found and did, in numbers.

use serde::Serialize;

use super::Reading;
use crate::store::{Taken, Word};
use crate::subscribers::Standing;
use crate::subscribers::bounces::Action;

/// Counts of one run.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize)]
pub struct Tally {
    /// Mails that were looked at.
    pub mails: u64,
    /// Reports of failure with a genuine token.
    pub bounces: u64,
    /// Other reports with a genuine token: no failure.
    pub reports: u64,
    /// Complaints with a genuine token.
    pub complaints: u64,
    /// Readers' wishes to leave, with a genuine token.
    pub farewells: u64,
    /// Of these four, known from an earlier delivery of the same mail.
    pub again: u64,
    /// Of these four, about copies or readers that this store does not know.
    pub strangers: u64,
    /// Copies in doubt that turned out to have been accepted.
    pub settled: u64,
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

impl Tally {
    /// Mails with a genuine token.
    pub fn ours(&self) -> u64 {
        self.bounces + self.reports + self.complaints + self.farewells
    }

    pub(super) fn notice(&mut self, word: &Word) {
        *match word {
            Word::Reported(report) if report.action == Action::Failed => &mut self.bounces,
            Word::Reported(_) => &mut self.reports,
            Word::Complained => &mut self.complaints,
            Word::Unsubscribed => &mut self.farewells,
        } += 1;
    }

    pub(super) fn taken(&mut self, word: &Word, taken: &Taken) {
        self.notice(word);
        match taken {
            Taken::Again => self.again += 1,
            Taken::Stranger => self.strangers += 1,
            Taken::Recorded { settled, standing, elsewhere, paused } => {
                self.paused += u64::from(*paused);
                self.settled += u64::from(*settled);
                self.elsewhere += u64::from(*elsewhere);
                self.suppressed += u64::from(*standing == Some(Standing::Suppressed));
                self.unsubscribed += u64::from(*standing == Some(Standing::Unsubscribed));
            }
        }
    }

    pub(super) fn count(&mut self, reading: &Reading) {
        match reading {
            Reading::Notice(notice) => self.notice(&notice.word),
            Reading::Automatic => self.automatic += 1,
            Reading::Prose => self.prose += 1,
            Reading::Unverified => self.unverified += 1,
            Reading::Unreadable => self.unreadable += 1,
            Reading::Foreign => self.foreign += 1,
        }
    }
}
