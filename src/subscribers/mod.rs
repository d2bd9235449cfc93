//! Subscribers: their status and its changes, their preferences, and the signed tokens in the links of their emails.
//!
//! Values and rules only; the rows are in [`crate::store`]. Nothing here sends mail.

pub mod bounces;
mod consent;
pub mod lifecycle;
mod preferences;
pub mod token;
pub mod transactional;

use std::fmt;

use chrono::{DateTime, Utc};
use serde::Serialize;

pub use consent::{NewByStatus, Unproven};
pub use lifecycle::{ImportDecision, SubscriptionStatus};
pub use preferences::{Frequency, Preferences, Topics};

use crate::address::EmailAddress;
use crate::archive::Segment;
use crate::text::{HeaderText, hex};

/// The keyed hash of a normalised address: it identifies a subscriber everywhere except in the envelope.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct AddressKey(pub [u8; 16]);

impl fmt::Display for AddressKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&hex(&self.0))
    }
}

/// What is known about a person, in an import and in the store alike.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Profile {
    /// The address.
    pub email: EmailAddress,
    /// The name for the greeting.
    pub name: Option<HeaderText>,
    /// The preferred language, a BCP 47 tag.
    pub language: Option<String>,
    /// Whether the person gets emails.
    pub status: SubscriptionStatus,
    /// The preferences.
    pub preferences: Preferences,
    /// When the person asked for the newsletter. In an import, `None` for an active person means that the owner
    /// vouches.
    pub consented_at: Option<DateTime<Utc>>,
    /// Why the address must not be mailed, if that is recorded.
    pub suppressed_because: Option<String>,
}

impl Profile {
    /// An address, its status, and nothing else.
    pub fn new(email: EmailAddress, status: SubscriptionStatus) -> Self {
        Self {
            email,
            name: None,
            language: None,
            status,
            preferences: Preferences::default(),
            consented_at: None,
            suppressed_because: None,
        }
    }
}

/// A subscriber in the store.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Subscriber {
    /// The identity.
    pub key: AddressKey,
    /// The person.
    pub profile: Profile,
    /// The origin of the address: the name of a file, `command line`, `web`.
    pub source: String,
    /// When the address was first seen.
    pub added_at: DateTime<Utc>,
    /// The time of the last change of status.
    pub status_since: DateTime<Utc>,
}

impl Subscriber {
    /// Whether the subscriber belongs to `segment`.
    pub fn is_in(&self, segment: &Segment) -> bool {
        let joined = self.profile.consented_at.unwrap_or(self.added_at);
        self.profile.preferences.topics.want(segment.topics.iter().map(HeaderText::as_str))
            && segment.includes(self.profile.language.as_deref(), joined)
    }
}

/// A subscriber to be added.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NewSubscriber {
    /// The identity.
    pub key: AddressKey,
    /// The person, as listed.
    pub profile: Profile,
    /// The origin of the address.
    pub source: String,
    /// When the address was first seen, if the list knows it; used only for a new subscriber.
    pub added_at: Option<DateTime<Utc>>,
    /// The time of the last change of status, if the list knows it; used only for a new subscriber.
    pub status_since: Option<DateTime<Utc>>,
    /// Why the person is only [`SubscriptionStatus::Unconfirmed`].
    pub unproven: Option<Unproven>,
}

impl NewSubscriber {
    /// A subscriber about whom the list has no more information than this.
    pub fn new(key: AddressKey, profile: Profile, source: &str) -> Self {
        let source = source.to_owned();
        Self { key, profile, source, added_at: None, status_since: None, unproven: None }
    }
}

/// How many subscribers an import added, changed and kept out.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize)]
pub struct ImportCounts {
    /// New subscribers.
    pub added: u64,
    /// Subscribers who became active after they had been unconfirmed, or who unsubscribed.
    pub changed: u64,
    /// Subscribers who were there already.
    pub known: u64,
    /// Addresses that unsubscribed or were suppressed, and stay so.
    pub kept_out: u64,
    /// The new ones by their status.
    pub new: NewByStatus,
}

impl ImportCounts {
    /// Counts one more.
    pub fn count(&mut self, outcome: ImportDecision, subscriber: &NewSubscriber) {
        match outcome {
            ImportDecision::Added => {
                self.added += 1;
                self.new.count(subscriber);
            }
            ImportDecision::Changed => self.changed += 1,
            ImportDecision::Known => self.known += 1,
            ImportDecision::KeptOut => self.kept_out += 1,
        }
    }
}
