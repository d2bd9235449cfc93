//! The front desk: what the web half asks of the store. Readers sign up, confirm, choose, leave, and ask for their data;
//! each is answered with a small letter, an *errand*, that is written down in the same transaction.
//!
//! The desk knows who may be written to; it sends nothing. Like every other verb, each of these is one transaction.

use std::collections::BTreeMap;

use async_trait::async_trait;
use chrono::{DateTime, TimeDelta, Utc};
use serde::Serialize;

use super::StoreError;
use crate::address::EmailAddress;
use crate::ledger::pace::Rate;
pub use crate::subscribers::errand::ErrandKind;
use crate::subscribers::lifecycle::{Answer, Confirmed, Course, Standing};
use crate::subscribers::{AddressKey, Wishes};
use crate::text::HeaderText;

/// How somebody came to say something, for the record of consent (GDPR, article 7(1)).
#[derive(Debug, Clone)]
pub struct Circumstances {
    /// Which form, with its version: `page 2`, `embedded 2`.
    pub form: String,
    /// SHA-256 of the words that the form showed.
    pub wording: [u8; 32],
    /// The network that it came from, never the whole address: `203.0.113.0/24`.
    pub network: Option<String>,
}

/// A form that asks for the letter.
#[derive(Debug, Clone)]
pub struct SignUp {
    /// The identity.
    pub key: AddressKey,
    /// The same for all spellings of one mailbox: see [`crate::subscribers::token::Keys::mailbox_key`].
    pub mailbox: AddressKey,
    /// The address as it was typed.
    pub email: EmailAddress,
    /// The name for the greeting.
    pub name: Option<HeaderText>,
    /// The language of the form.
    pub language: Option<String>,
    /// What was chosen.
    pub wishes: Wishes,
    /// How it came.
    pub circumstances: Circumstances,
    /// Within what it must stay.
    pub limits: SignUpLimits,
}

/// How many sign-ups are answered with a letter: in all, from one network, and to one domain. Beside these, one
/// mailbox gets one letter in 24 hours and three in 30 days.
#[derive(Debug, Clone, Copy)]
pub struct SignUpLimits {
    /// From everybody together.
    pub all: Rate,
    /// From one /24 or /56.
    pub each_network: Rate,
    /// To the addresses of one domain.
    pub each_domain: Rate,
}

/// What became of a form. For the figures alone: whoever sent it sees the same page for all of them.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum SignedUp {
    /// A confirmation letter is on its way.
    ToConfirm,
    /// A letter says that they read already.
    Known,
    /// The address must not be mailed.
    Suppressed,
    /// This mailbox was written to too lately.
    MailboxLimit,
    /// Too many forms of late.
    Limit,
}

impl From<Answer> for SignedUp {
    fn from(answer: Answer) -> Self {
        match answer {
            Answer::Confirm => Self::ToConfirm,
            Answer::Known => Self::Known,
            Answer::Silence => Self::Suppressed,
        }
    }
}

/// A small letter that somebody has in hand.
#[derive(Debug, Clone)]
pub struct Errand {
    /// Its number within the store.
    pub number: i64,
    /// What it says.
    pub kind: ErrandKind,
    /// The reader.
    pub key: AddressKey,
    /// Where it goes.
    pub address: EmailAddress,
    /// In which language.
    pub language: Option<String>,
    /// The generation that its link is for.
    pub generation: u32,
    /// When it was asked for.
    pub created_at: DateTime<Utc>,
    /// How often it was tried, with this time.
    pub attempts: u32,
}

/// How an attempt at an errand ended.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum ErrandEnd {
    /// A 2yz reply was read after the dot.
    Sent,
    /// It will not be tried again.
    Failed,
    /// Nothing was accepted; it is tried again after this long.
    Later(TimeDelta),
    /// The reply to the dot was lost: it may have arrived, and is not sent again.
    Unknown,
}

/// An issue that the web shows.
#[derive(Debug, Clone)]
pub struct PublishedIssue {
    /// The post's id.
    pub post: String,
    /// The subject.
    pub subject: HeaderText,
    /// Names its page: the day and the slug.
    pub label: String,
    /// When it was frozen.
    pub frozen_at: DateTime<Utc>,
}

/// Everything that is kept about one person, for that person (GDPR, article 15).
#[derive(Debug, Clone, Serialize)]
pub struct Dossier {
    /// What is kept, table by table: each row is a list of names and values in words.
    pub tables: Vec<DossierTable>,
}

impl Dossier {
    /// For other programs: under the name of each table its rows, each an object.
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
pub struct DossierTable {
    /// Its name in plain words.
    pub name: &'static str,
    /// Its rows.
    pub rows: Vec<Vec<(&'static str, Option<String>)>>,
}

/// What an erasure found.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize)]
pub struct Erased {
    /// There was a reader.
    pub reader: bool,
    /// Copies in the ledger whose address was taken out.
    pub copies: u64,
}

/// Somebody whom the writer took off the list.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
pub struct Removed {
    /// What they were.
    pub status: Standing,
    /// Past deliveries to them, which keep counting.
    pub sent: u64,
}

/// Counts for the figures: no address, no name.
#[derive(Debug, Clone, Default, Serialize)]
pub struct Figures {
    /// Readers by standing.
    pub readers: Vec<(String, u64)>,
    /// Errands by state.
    pub errands: Vec<(String, u64)>,
}

/// What the web half asks of the store.
#[async_trait]
pub trait Desk: Send + Sync {
    /// Somebody asks for the letter: the limits, the reader's course and the errand that answers, in one transaction.
    async fn sign_up(&self, form: SignUp, now: DateTime<Utc>) -> Result<SignedUp, StoreError>;
    /// The reader presses the button behind a confirmation link.
    async fn confirm(
        &self,
        key: AddressKey,
        generation: u32,
        circumstances: Circumstances,
        now: DateTime<Utc>,
    ) -> Result<Confirmed, StoreError>;
    /// The reader leaves; returns where they stand now, or `None` if nothing is known of them. Once it has returned
    /// it is on the disk.
    async fn leave(
        &self,
        key: AddressKey,
        circumstances: Circumstances,
        now: DateTime<Utc>,
    ) -> Result<Option<Course>, StoreError>;
    /// The reader takes their farewell back; `false` if it is too late.
    async fn undo(
        &self,
        key: AddressKey,
        generation: u32,
        circumstances: Circumstances,
        now: DateTime<Utc>,
    ) -> Result<bool, StoreError>;
    /// The reader chooses how often and about what; `false` if they do not read.
    async fn choose(
        &self,
        key: AddressKey,
        wishes: Wishes,
        circumstances: Circumstances,
        now: DateTime<Utc>,
    ) -> Result<bool, StoreError>;
    /// The reader asks for a link to their data: a letter to the address on record, within the limits.
    async fn ask_for_data(
        &self,
        key: AddressKey,
        limits: SignUpLimits,
        network: Option<String>,
        now: DateTime<Utc>,
    ) -> Result<SignedUp, StoreError>;
    /// Everything that is kept about one person.
    async fn dossier(&self, key: AddressKey) -> Result<Dossier, StoreError>;
    /// Takes every personal word about one person out of the store. What stays is that this address must not be
    /// mailed, under its keyed hash.
    async fn erase(&self, key: AddressKey, actor: &str, now: DateTime<Utc>) -> Result<Erased, StoreError>;
    /// The writer takes somebody off the list: their row goes, past deliveries stay, and no list brings them back.
    /// `None` if they have no row.
    async fn remove(
        &self,
        key: AddressKey,
        actor: &str,
        now: DateTime<Utc>,
    ) -> Result<Option<Removed>, StoreError>;
    /// The writer takes a removal back, so that the address can be added again; `false` if it was not removed, or if
    /// only its owner may come back.
    async fn readmit(&self, key: AddressKey, actor: &str, now: DateTime<Utc>) -> Result<bool, StoreError>;
    /// Takes what was erased out of the write-ahead log and the free pages too, as far as the database lets it.
    async fn scrub(&self) -> Result<(), StoreError>;
    /// Forgets what is kept for a while only: sign-ups that nobody confirmed, networks, sent errands. Returns how many
    /// rows went or were made poorer.
    async fn forget(&self, now: DateTime<Utc>) -> Result<u64, StoreError>;

    /// Takes the next errand in hand, for as long as `lease`.
    async fn claim_errand(
        &self,
        owner: &str,
        lease: TimeDelta,
        now: DateTime<Utc>,
    ) -> Result<Option<Errand>, StoreError>;
    /// Says that the final dot of an errand may be written now; `false` if it must not: the reader left meanwhile, or
    /// the errand is somebody else's. Once it has returned it is on the disk.
    async fn arm_errand(&self, number: i64, owner: &str, now: DateTime<Utc>) -> Result<bool, StoreError>;
    /// Records how an attempt ended, and what the server said.
    async fn end_errand(
        &self,
        number: i64,
        owner: &str,
        ended: (ErrandEnd, &str),
        now: DateTime<Utc>,
    ) -> Result<(), StoreError>;

    /// The issues that went out or are going out, newest first.
    async fn published(&self) -> Result<Vec<PublishedIssue>, StoreError>;
    /// The frozen edition of one of them, as JSON.
    async fn edition(&self, label: &str) -> Result<Option<String>, StoreError>;
    /// Counts.
    async fn figures(&self) -> Result<Figures, StoreError>;
}
