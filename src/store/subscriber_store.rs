//! What the web pages need from the store: sign-up, confirmation, preferences, unsubscribe, and personal data. The
//! answer to a form is a [`TransactionalMessage`], which is queued in the same transaction. The store sends
//! nothing.

use std::collections::BTreeMap;
use std::io;

use chrono::{DateTime, TimeDelta, Utc};
use serde::Serialize;

use super::IssueNumber;
use crate::address::EmailAddress;
use crate::ledger::rate_limit::Rate;
use crate::subscribers::lifecycle::{SignUpDecision, SubscriptionStatus};
pub use crate::subscribers::transactional::TransactionalKind;
use crate::subscribers::{AddressKey, NewSubscriber, Preferences};
use crate::text::HeaderText;

/// Subscribers to import, one after the other: a million of them must not be in memory at once.
pub trait SubscriberSource: Send {
    /// Begins with the first one, also again: a transaction may run more than once.
    fn rewind(&mut self) -> io::Result<()>;
    /// The next one.
    fn next(&mut self) -> io::Result<Option<NewSubscriber>>;
}

/// How a person submitted a form, for the record of consent (GDPR, article 7(1)).
#[derive(Debug, Clone)]
pub struct ConsentContext {
    /// Which form, with its version: `page 2`, `embedded 2`.
    pub form: String,
    /// SHA-256 of the text of the form.
    pub wording: [u8; 32],
    /// The network of the client, never the whole address: `203.0.113.0/24`.
    pub network: Option<String>,
}

/// How a sign-up came.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum SignUpOrigin {
    /// By a form of `letterpress serve`.
    Web,
    /// By email.
    Email,
    /// From a file of a form service, with the time at which the person submitted the form. The same file may be read again.
    Queue(DateTime<Utc>),
}

impl SignUpOrigin {
    /// The source of the subscriber that is stored.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Web => "web",
            Self::Email => "email",
            Self::Queue(_) => "form",
        }
    }
}

/// A sign-up form.
#[derive(Debug, Clone)]
pub struct SignUp {
    /// The identity.
    pub key: AddressKey,
    /// The same for all spellings of one mailbox: see [`crate::subscribers::token::TokenKeys::mailbox_key`].
    pub mailbox: AddressKey,
    /// The address as it was typed.
    pub email: EmailAddress,
    /// The name for the greeting.
    pub name: Option<HeaderText>,
    /// The language of the form.
    pub language: Option<String>,
    /// The preferences.
    pub preferences: Preferences,
    /// How it came.
    pub origin: SignUpOrigin,
    /// How it was submitted, for the record.
    pub consent: ConsentContext,
    /// The limits for sign-ups.
    pub limits: SignUpLimits,
}

/// How many sign-ups are answered with an email: in total, from one network, and to one domain. In addition, one
/// mailbox gets at most one such email in 24 hours and three in 30 days.
#[derive(Debug, Clone, Copy)]
pub struct SignUpLimits {
    /// In total.
    pub all: Rate,
    /// From one /24 or /56.
    pub each_network: Rate,
    /// To the addresses of one domain.
    pub each_domain: Rate,
}

/// The result of a form. For metrics only: the page is the same in all cases.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum SignUpResult {
    /// A confirmation email is queued.
    ToConfirm,
    /// An email reports that the address is subscribed already.
    Known,
    /// It was taken before.
    Repeated,
    /// The address must not be mailed.
    Suppressed,
    /// The limit of this mailbox is reached.
    MailboxLimit,
    /// Another limit is reached.
    Limit(SignUpLimit),
}

/// A limit for sign-ups.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum SignUpLimit {
    /// In total.
    All,
    /// From one network.
    Network,
    /// To one domain.
    Domain,
}

impl From<SignUpDecision> for SignUpResult {
    fn from(answer: SignUpDecision) -> Self {
        match answer {
            SignUpDecision::Confirm => Self::ToConfirm,
            SignUpDecision::Known => Self::Known,
            SignUpDecision::Suppressed => Self::Suppressed,
        }
    }
}

/// A transactional email that a process has claimed.
#[derive(Debug, Clone)]
pub struct TransactionalMessage {
    /// Its number within the store.
    pub number: i64,
    /// Its kind.
    pub kind: TransactionalKind,
    /// The recipient.
    pub key: AddressKey,
    /// Where it goes.
    pub address: EmailAddress,
    /// Its language.
    pub language: Option<String>,
    /// The generation that its link is for.
    pub generation: u32,
    /// When it was queued.
    pub created_at: DateTime<Utc>,
    /// How many attempts were made, this one included.
    pub attempts: u32,
}

/// The result of an attempt to send a transactional email.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum TransactionalOutcome {
    /// A 2yz reply was read after the dot.
    Sent,
    /// It is not tried again.
    Failed,
    /// Nothing was accepted; it is tried again after this long.
    Later(TimeDelta),
    /// The reply to the dot was lost: it may have arrived, and is not sent again.
    Unknown,
}

/// An issue that the web pages show.
#[derive(Debug, Clone)]
pub struct PublishedIssue {
    /// The post's id.
    pub post: String,
    /// The subject.
    pub subject: HeaderText,
    /// The name of its page: the day and the slug.
    pub label: String,
    /// When it was frozen.
    pub frozen_at: DateTime<Utc>,
}

/// An issue that subscribers got.
#[derive(Debug, Clone)]
pub struct MailedIssue {
    /// Its number.
    pub number: IssueNumber,
    /// The ids of what was mailed: the post, or the digest and its posts.
    pub posts: Vec<String>,
    /// The subject.
    pub subject: HeaderText,
    /// The day and the slug.
    pub label: String,
    /// When it was frozen.
    pub frozen_at: DateTime<Utc>,
    /// SHA-256 of its email.
    pub content: Vec<u8>,
    /// The week of a digest.
    pub week: Option<String>,
}

/// Everything that is stored about one person, for that person (GDPR, article 15).
#[derive(Debug, Clone, Serialize)]
pub struct PersonalData {
    /// The data by table.
    pub tables: Vec<PersonalDataTable>,
}

impl PersonalData {
    /// For JSON: each table with its rows as objects.
    pub fn objects(&self) -> BTreeMap<&str, Vec<BTreeMap<&str, Option<&str>>>> {
        let mut objects = BTreeMap::new();
        for table in &self.tables {
            let rows = table.rows.iter().map(|row| {
                row.iter().map(|(name, value)| (*name, value.as_deref())).collect::<BTreeMap<_, _>>()
            });
            objects.insert(table.name, rows.collect());
        }
        objects
    }
}

/// The rows of one table that are about one person.
#[derive(Debug, Clone, Serialize)]
pub struct PersonalDataTable {
    /// Its name for people.
    pub name: &'static str,
    /// Its rows: names and values as text.
    pub rows: Vec<Vec<(&'static str, Option<String>)>>,
}

/// The result of an erasure.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize)]
pub struct Erased {
    /// The address was a subscriber.
    #[serde(rename = "reader")]
    pub subscriber: bool,
    /// Deliveries whose address was erased.
    #[serde(rename = "copies")]
    pub deliveries: u64,
}

/// A subscriber that the writer removed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
pub struct Removed {
    /// The status before.
    pub status: SubscriptionStatus,
    /// Past deliveries, which still count.
    pub sent: u64,
}

/// Counts for monitoring, without personal data.
#[derive(Debug, Clone, Default, Serialize)]
pub struct StoreMetrics {
    /// Subscribers by status.
    #[serde(rename = "readers")]
    pub subscribers: Vec<(String, u64)>,
    /// Transactional emails by state.
    #[serde(rename = "errands")]
    pub transactional: Vec<(String, u64)>,
}
