//! Output that several commands share: what a run did, why nothing is sent, what a subscriber gets.

pub(super) mod blockers;
pub(super) mod deploy;
pub(super) mod feeds;
pub(super) mod held;
pub(super) mod json;
pub(super) mod kept;
pub(super) mod new_subscribers;
pub(super) mod newsletter;
mod planned;
pub(super) mod preferences;
pub(super) mod restored;
mod upcoming;
mod verdict;
