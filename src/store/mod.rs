//! What outlives the process: subscribers, issues, deliveries, and the record of decisions.
//!
//! [`Store`] is the whole interface, and the only place with SQL. Each of its methods is one transaction and is
//! written beside its SQL: a new query is one method in `sql/`. No transaction is open during an SMTP conversation.
//! The store decides nothing: only [`crate::ledger::transition`] moves a delivery from one state to another.
//! Methods take the caller's time; if several machines share the store, it uses the database's clock instead.

pub mod digest;
mod fault;
mod fence;
mod identity;
mod inbound_report;
mod lock;
pub mod owner;
#[cfg(feature = "postgres")]
mod postgres;
pub mod posts;
pub mod series;
mod sql;
mod sqlite;
pub mod subscriber_store;

use std::sync::Arc;

use async_trait::async_trait;
use chrono::{DateTime, TimeDelta, Utc};

pub use digest::{DigestPart, DigestPost, NewDigest};
pub(crate) use fault::ensure_kept;
pub use fault::{Fault, StoreError};
pub use fence::{EpochMark, Fence, FenceError, FenceRecord, Mismatch, Witness, compare};
pub use identity::{RestoreOutcome, RestoreRequest, StoreIdentity};
pub use inbound_report::{DeliveryReport, InboundReport, RecordOutcome, ReportKind, ReportSubject};
pub use lock::{LockError, RunLock};
#[cfg(feature = "postgres")]
pub use postgres::{Access as PostgresAccess, open_postgres};
pub use sql::Store;
pub use sqlite::{
    Candidate, ExclusiveFile, Holder, open_damaged_sqlite, open_sqlite, open_sqlite_for_reading,
    pending_migrations, put_in_place, stage,
};

use crate::address::EmailAddress;
use crate::archive::Segment;
use crate::ledger::rate_limit::RateLimits;
use crate::ledger::transition::{Event, Rejection};
use crate::ledger::{Delivery, State, Token};
use crate::subscribers::AddressKey;
use crate::text::HeaderText;

/// The number of an issue within its store.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct IssueNumber(pub i64);

/// The number of a delivery within its store.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct DeliveryNumber(pub i64);

/// A delivery of an issue. Statements name both, because a database may keep the deliveries of each issue apart.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct DeliveryId {
    /// The issue.
    pub issue: IssueNumber,
    /// The number.
    pub number: DeliveryNumber,
}

/// An issue that is to be frozen.
#[derive(Debug, Clone)]
pub struct NewIssue {
    /// The post's permanent id.
    pub post: String,
    /// The subject.
    pub subject: HeaderText,
    /// The post's slug.
    pub label: String,
    /// The frozen email as JSON.
    pub message: String,
    /// Who gets it. A subscriber who chose topics gets the issue if one of them is among those of the segment.
    pub segment: Segment,
    /// Posts to record as older than the ledger in the same transaction: the archive at the first run.
    pub baseline: Vec<(String, HeaderText)>,
    /// No relay is configured: the messages become files, and the post is mailed later.
    pub rehearsal: bool,
    /// The right side of each `Message-ID`.
    pub message_domain: String,
}

/// What distinguishes one message of an issue. It is derived from the keys, the issue, the subscriber and the number of the
/// delivery; only ledgers of earlier versions store it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct MessageFields {
    /// The `Message-ID`, without angle brackets.
    pub message_id: String,
    /// Makes the MIME boundary unique.
    pub boundary_seed: String,
    /// The signed unsubscribe token of this subscriber.
    pub unsubscribe: String,
    /// The token of the envelope sender; empty without VERP.
    pub bounce: String,
}

/// An issue that has something left to send.
#[derive(Debug, Clone)]
pub struct OpenIssue {
    /// Its number.
    pub number: IssueNumber,
    /// The post's permanent id.
    pub post: String,
    /// The subject.
    pub subject: HeaderText,
    /// The post's slug.
    pub label: String,
    /// The frozen email as JSON.
    pub message: String,
    /// When it was frozen, or last extended.
    pub frozen_at: DateTime<Utc>,
    /// The earliest time at which a waiting delivery may go out; `None` if none is waiting.
    pub next_at: Option<DateTime<Utc>>,
    /// It was paused after the freeze, and a person resumed it.
    pub resumed: bool,
}

/// A delivery that this process has claimed.
#[derive(Debug, Clone)]
pub struct Claimed {
    /// Which one.
    pub id: DeliveryId,
    /// The subscriber.
    pub key: AddressKey,
    /// Where it goes.
    pub address: EmailAddress,
    /// The subscriber's name at the time of the freeze.
    pub name: Option<HeaderText>,
    /// What an earlier version stored at the freeze; `None` if it is derived.
    pub fields: Option<MessageFields>,
    /// The attempt.
    pub token: Token,
    /// How many attempts were made, this one included.
    pub attempts: u32,
    /// The `Date` header.
    pub dated: DateTime<Utc>,
}

/// A delivery and an event that happened to it.
#[derive(Debug, Clone)]
pub struct StateChange {
    /// Which delivery.
    pub delivery: DeliveryId,
    /// What happened.
    pub event: Event,
}

/// A delivery of an earlier version, which may store what this one derives.
#[derive(Debug, Clone)]
pub struct StoredDelivery {
    /// Which delivery.
    pub id: DeliveryId,
    /// The subscriber.
    pub key: AddressKey,
    /// The post's id.
    pub post: String,
    /// The address as it was sent to.
    pub address: String,
    /// The right side of the derived `Message-ID`s of its issue; empty if it is not known yet.
    pub message_domain: String,
    /// Its state.
    pub state: State,
    /// What it stores.
    pub fields: Option<MessageFields>,
}

/// A delivery that need not store what can be derived.
#[derive(Debug, Clone)]
pub struct DerivedDelivery {
    /// Which delivery.
    pub id: DeliveryId,
    /// The right side of its `Message-ID`.
    pub message_domain: String,
}

/// A delivery as it is shown to people.
#[derive(Debug, Clone)]
pub struct DeliveryView {
    /// Which one.
    pub id: DeliveryId,
    /// The post's id.
    pub post: String,
    /// The issue's subject.
    pub subject: HeaderText,
    /// The address as it was sent to.
    pub address: String,
    /// The `Message-ID` that an earlier version stored, without angle brackets; `None` if it is derived.
    pub message_id: Option<String>,
    /// The right side of a derived `Message-ID`.
    pub message_domain: String,
    /// Its state.
    pub row: Delivery,
    /// When that last changed.
    pub changed_at: DateTime<Utc>,
}

/// What to claim, and for which process.
#[derive(Debug, Clone)]
pub struct LeaseClaim {
    /// The issue.
    pub issue: IssueNumber,
    /// The most deliveries to claim.
    pub limit: usize,
    /// The claiming process: see [`owner::name`].
    pub owner: String,
    /// How long the claims last, by the store's clock.
    pub lease: TimeDelta,
}

/// The rate limits of a claim.
#[derive(Debug, Clone)]
pub struct RateLimitedClaim {
    /// The rates.
    pub limits: Arc<RateLimits>,
    /// The domains to claim from, if there are limits for domains.
    pub domains: Vec<String>,
}

/// The result of a claim within rate limits.
#[derive(Debug, Clone, Default)]
pub struct PermitGrant {
    /// The deliveries, each with its permit.
    pub deliveries: Vec<Claimed>,
    /// How long the limit for all messages gives no permit.
    pub wait: Option<TimeDelta>,
    /// The state of the domains that were asked for; a domain that is not listed may have more.
    pub domains: Vec<(String, DomainState)>,
}

/// Why a domain has nothing more to claim.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum DomainState {
    /// No delivery to it is due.
    Empty,
    /// There is no permit for this long.
    Full(TimeDelta),
}

/// What a delivery run needs from the store. It is a trait because the simulation replaces it with a store that
/// fails.
#[async_trait]
pub trait DeliveryStore: Send + Sync {
    /// T1 for up to `claim.most` waiting deliveries.
    async fn claim(
        &self,
        claim: LeaseClaim,
        tokens: Vec<Token>,
        now: DateTime<Utc>,
    ) -> Result<Vec<Claimed>, StoreError>;
    /// The domains to which deliveries of an issue are due, each once.
    async fn due_domains(&self, issue: IssueNumber, now: DateTime<Utc>) -> Result<Vec<String>, StoreError>;
    /// T1 as in [`DeliveryStore::claim`], for as many deliveries as there are permits. The permits are taken in the
    /// transaction of the claim, so that neither a crash nor another sender exceeds the rate.
    async fn claim_within_limits(
        &self,
        limited: RateLimitedClaim,
        claim: LeaseClaim,
        tokens: Vec<Token>,
        now: DateTime<Utc>,
    ) -> Result<PermitGrant, StoreError>;
    /// Applies a batch in one durable transaction; one result for each move, in order. If the transaction fails,
    /// none of the moves happened.
    async fn commit(
        &self,
        moves: Vec<StateChange>,
        now: DateTime<Utc>,
    ) -> Result<Vec<Result<State, Rejection>>, StoreError>;
}

/// A decision about deliveries, for the record.
#[derive(Debug, Clone)]
pub struct Decision {
    /// What is decided.
    pub event: Event,
    /// The command or the rule that decided it.
    pub actor: &'static str,
    /// Why.
    pub why: String,
}

/// Which deliveries to show.
#[derive(Debug, Clone, Default)]
pub struct Filter {
    /// Of this post's issue.
    pub post: Option<String>,
    /// To this subscriber.
    pub subscriber: Option<AddressKey>,
    /// In one of these states; if empty, in any state.
    pub states: Vec<State>,
}
