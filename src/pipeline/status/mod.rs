//! The state of the site for people and monitors: blockers, diagnoses, incidents, upcoming mailings.

pub(crate) mod blockers;
pub(crate) mod diagnosis;
pub(crate) mod incident;
pub(crate) mod last_publish;
pub(crate) mod notify;
pub(crate) mod upcoming;

pub use blockers::{Blocker, find_blockers};
pub use diagnosis::{FailureExplanation, try_relay};
pub(crate) use diagnosis::{of_mailbox, relay_failure, try_mailbox};
pub use last_publish::{Health, health};
pub use notify::{RunOutcome, notify, notify_start};
pub use upcoming::{Kind, Upcoming};
