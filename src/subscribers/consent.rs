//! Why a list makes somebody no more than an unconfirmed subscriber, and how many new ones it made what.

use serde::{Serialize, Serializer};

use super::{Enrolment, Standing};

/// Why a row of a list is no evidence of consent.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Unproven {
    /// The list has no column for it.
    NoColumn,
    /// The column is empty.
    Empty,
    /// The date is still to come.
    Future,
    /// What stands there is no date.
    NoDate,
    /// What stands there may be several dates.
    Ambiguous,
    /// The list says that they did not consent.
    Refused,
    /// The export does not say who left.
    Silent,
    /// The list calls them unconfirmed.
    Listed,
}

impl Unproven {
    /// All of them, in the order in which they are told.
    pub const ALL: [Self; 8] = [
        Self::NoColumn,
        Self::Empty,
        Self::Future,
        Self::NoDate,
        Self::Ambiguous,
        Self::Refused,
        Self::Silent,
        Self::Listed,
    ];
}

/// New subscribers by status, and of the unconfirmed ones why.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize)]
pub struct NewByStatus {
    /// Get the emails.
    pub active: u64,
    /// Wait for their consent.
    pub unconfirmed: u64,
    /// Left elsewhere.
    pub unsubscribed: u64,
    /// Must not be mailed.
    pub suppressed: u64,
    /// How many are unconfirmed for each reason, in the order of [`Unproven::ALL`].
    #[serde(serialize_with = "by_reason")]
    pub unproven: [u64; Unproven::ALL.len()],
}

impl NewByStatus {
    /// Counts one more.
    pub(super) fn count(&mut self, subscriber: &Enrolment) {
        *match subscriber.standing {
            Standing::Active => &mut self.active,
            Standing::Unconfirmed => &mut self.unconfirmed,
            Standing::Unsubscribed => &mut self.unsubscribed,
            Standing::Suppressed => &mut self.suppressed,
        } += 1;
        if let Some(why) = subscriber.unproven {
            self.unproven[why as usize] += 1;
        }
    }

    /// The reasons that somebody has, with how many have it.
    pub fn reasons(&self) -> impl Iterator<Item = (Unproven, u64)> {
        Unproven::ALL.into_iter().zip(self.unproven).filter(|(_, number)| *number > 0)
    }
}

fn by_reason<S: Serializer>(counts: &[u64; Unproven::ALL.len()], serializer: S) -> Result<S::Ok, S::Error> {
    let reasons = Unproven::ALL.into_iter().zip(counts);
    serializer.collect_map(reasons.filter(|(_, number)| **number > 0))
}
