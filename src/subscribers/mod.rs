//! Who reads, since when, and the signed tokens by which they leave.
//!
//! Values and rules only; the rows live in [`crate::store`]. No mail is sent from here.

pub mod bounces;
mod consent;
pub mod errand;
pub mod lifecycle;
pub mod token;
mod wishes;

use std::fmt;

use chrono::{DateTime, Utc};
use serde::Serialize;

pub use consent::{NewByStatus, Unproven};
pub use lifecycle::{Enrolled, Standing};
pub use wishes::{Cadence, Topics, Wishes};

use crate::address::EmailAddress;
use crate::text::{HeaderText, hex};

/// The keyed hash of a normalised address: what identifies a reader everywhere but in the envelope.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct AddressKey(pub [u8; 16]);

impl fmt::Display for AddressKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&hex(&self.0))
    }
}

/// A reader as the store keeps them.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Subscriber {
    /// The identity.
    pub key: AddressKey,
    /// Where the letter goes.
    pub email: EmailAddress,
    /// How the letter greets them.
    pub name: Option<HeaderText>,
    /// The language they asked for.
    pub language: Option<String>,
    /// Whether they get the letter.
    pub standing: Standing,
    /// Where the address came from: a file's name, `cli`.
    pub source: String,
    /// What they want of the letter.
    pub wishes: Wishes,
    /// When they asked for the letter.
    pub consented_at: Option<DateTime<Utc>>,
    /// When the address was first seen.
    pub added_at: DateTime<Utc>,
    /// Since when the standing is what it is.
    pub standing_since: DateTime<Utc>,
    /// Why the address must not be mailed, where that is on record.
    pub suppressed_because: Option<String>,
}

/// A reader who is to be enrolled.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Enrolment {
    /// The identity.
    pub key: AddressKey,
    /// Where the letter goes.
    pub email: EmailAddress,
    /// How the letter greets them.
    pub name: Option<HeaderText>,
    /// The language they asked for.
    pub language: Option<String>,
    /// What the list says of them.
    pub standing: Standing,
    /// Where the address came from.
    pub source: String,
    /// What they want of the letter.
    pub wishes: Wishes,
    /// When they asked for the letter.
    pub consented_at: Option<DateTime<Utc>>,
    /// When the address was first seen, if the list knows that of a reader who is new here.
    pub added_at: Option<DateTime<Utc>>,
    /// Since when the standing is what it is, if the list knows that of a reader who is new here.
    pub standing_since: Option<DateTime<Utc>>,
    /// Why the address must not be mailed; of a reader who is [`Standing::Suppressed`].
    pub suppressed_because: Option<String>,
    /// Why the list makes them no more than [`Standing::Unconfirmed`].
    pub unproven: Option<Unproven>,
}

/// How many readers an enrolment added, changed and kept out.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize)]
pub struct Enrolments {
    /// New readers.
    pub added: u64,
    /// Readers who were waiting for their consent and now have it, or who left.
    pub changed: u64,
    /// Readers who were there already.
    pub known: u64,
    /// Readers who left or were suppressed, and stay so.
    pub kept_out: u64,
    /// The new ones by their status.
    pub new: NewByStatus,
}

impl Enrolments {
    /// Counts one more.
    pub fn count(&mut self, outcome: Enrolled, subscriber: &Enrolment) {
        match outcome {
            Enrolled::Added => {
                self.added += 1;
                self.new.count(subscriber);
            }
            Enrolled::Changed => self.changed += 1,
            Enrolled::Known => self.known += 1,
            Enrolled::KeptOut => self.kept_out += 1,
        }
    }
}
