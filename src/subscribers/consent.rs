//! Why an imported person is only an unconfirmed subscriber, and counts of new subscribers by status.

use serde::{Serialize, Serializer};

use super::{NewSubscriber, SubscriptionStatus};

/// Why a row of a list does not prove consent.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Unproven {
    /// The list has no column for it.
    NoColumn,
    /// The column is empty.
    Empty,
    /// The date is in the future.
    Future,
    /// The value is not a date.
    NoDate,
    /// The value can be read as several dates.
    Ambiguous,
    /// The list records that they did not consent.
    Refused,
    /// The export does not record who unsubscribed.
    Silent,
    /// The list marks them as unconfirmed.
    Listed,
}

impl Unproven {
    /// All of them, in the order in which they are printed.
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

/// New subscribers by status, and the reasons of the unconfirmed ones.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize)]
pub struct NewByStatus {
    /// They get the emails.
    pub active: u64,
    /// They have not consented yet.
    pub unconfirmed: u64,
    /// They unsubscribed elsewhere.
    pub unsubscribed: u64,
    /// They must not be mailed.
    pub suppressed: u64,
    /// How many are unconfirmed for each reason, in the order of [`Unproven::ALL`].
    #[serde(serialize_with = "by_reason")]
    pub unproven: [u64; Unproven::ALL.len()],
}

impl NewByStatus {
    /// Counts one more.
    pub(super) fn count(&mut self, subscriber: &NewSubscriber) {
        *match subscriber.profile.status {
            SubscriptionStatus::Active => &mut self.active,
            SubscriptionStatus::Unconfirmed => &mut self.unconfirmed,
            SubscriptionStatus::Unsubscribed => &mut self.unsubscribed,
            SubscriptionStatus::Suppressed => &mut self.suppressed,
        } += 1;
        if let Some(why) = subscriber.unproven {
            self.unproven[why as usize] += 1;
        }
    }

    /// The reasons that occur, with their counts.
    pub fn reasons(&self) -> impl Iterator<Item = (Unproven, u64)> {
        Unproven::ALL.into_iter().zip(self.unproven).filter(|(_, number)| *number > 0)
    }
}

fn by_reason<S: Serializer>(counts: &[u64; Unproven::ALL.len()], serializer: S) -> Result<S::Ok, S::Error> {
    let reasons = Unproven::ALL.into_iter().zip(counts);
    serializer.collect_map(reasons.filter(|(_, number)| **number > 0))
}
