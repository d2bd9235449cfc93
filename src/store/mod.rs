//! What outlives the process: readers, issues, deliveries, and the record of decisions.
//!
//! [`Store`] speaks the language of the domain; the only SQL is in the backends. Each verb is one transaction, and
//! no transaction is open while anybody talks SMTP. A store judges nothing: states move by
//! [`crate::ledger::transition`] alone. The times that verbs are given are the caller's; where several machines share
//! a store, it goes by a clock of its own.

mod custody;
pub mod desk;
pub mod digest;
mod fault;
mod fence;
mod lock;
mod notice;
pub mod owner;
mod postgres;
pub mod posts;
mod sql;
mod sqlite;

use std::sync::Arc;

use async_trait::async_trait;
use camino::Utf8Path;
use chrono::{DateTime, TimeDelta, Utc};

pub use custody::{Adopted, Adoption, Custody, Decision};
pub use desk::Desk;
pub use digest::{DigestIssue, DigestPost, Digests, NewDigest, Share};
pub use fault::{Fault, StoreError};
pub use fence::{Fence, FenceError, Mark, Mismatch, judge};
pub use lock::{LockError, RunLock};
pub use notice::{About, Notice, Reported, Taken, Word};
pub use postgres::{Access as PostgresAccess, open_postgres};
pub use posts::Posts;
pub use sqlite::{Alone, Candidate, Holder, open_sqlite, put_in_place, stage};

use crate::address::EmailAddress;
use crate::ledger::health::Toll;
use crate::ledger::pace::{Limits, Meter};
use crate::ledger::transition::{Event, Refusal};
use crate::ledger::{Delivery, IssueState, IssueSummary, State, Token};
use crate::subscribers::{AddressKey, Enrolment, Enrolments, Standing, Subscriber};
use crate::text::HeaderText;

/// The number of an issue within its store.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct IssueNumber(pub i64);

/// The number of a delivery within its store.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct DeliveryNumber(pub i64);

/// An issue that is to be frozen.
#[derive(Debug, Clone)]
pub struct NewIssue {
    /// The post's permanent id.
    pub post: String,
    /// The subject.
    pub subject: HeaderText,
    /// The post's slug.
    pub label: String,
    /// The frozen letter as JSON.
    pub letter: String,
    /// The post's categories: who wants only some gets it if one of them is among those.
    pub categories: Vec<HeaderText>,
    /// Posts that are recorded as older than the ledger in the same transaction: the first run's archive.
    pub baseline: Vec<(String, HeaderText)>,
    /// No relay is configured: the messages become files, and the post is still to be mailed.
    pub rehearsal: bool,
}

/// What is fixed for one copy at the freeze.
#[derive(Debug, Clone)]
pub struct Imprint {
    /// The `Message-ID`, without angle brackets.
    pub message_id: String,
    /// Makes the MIME boundary unique.
    pub boundary_seed: String,
    /// The signed token by which this reader leaves.
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
    /// The frozen letter as JSON.
    pub letter: String,
    /// When it was frozen, or last extended.
    pub frozen_at: DateTime<Utc>,
    /// The earliest time at which a waiting copy may go out; `None` if none waits.
    pub next_at: Option<DateTime<Utc>>,
    /// Somebody has looked at it since it was frozen: it was paused, and resumed.
    pub resumed: bool,
}

/// A copy that this process has in hand.
#[derive(Debug, Clone)]
pub struct Claimed {
    /// Its number.
    pub number: DeliveryNumber,
    /// The reader.
    pub key: AddressKey,
    /// Where it goes.
    pub address: EmailAddress,
    /// The reader's name as it was at the freeze.
    pub name: Option<HeaderText>,
    /// What was fixed at the freeze.
    pub imprint: Imprint,
    /// The attempt.
    pub token: Token,
    /// How many attempts there have been, with this one.
    pub attempts: u32,
    /// The `Date` header.
    pub dated: DateTime<Utc>,
}

/// A delivery and an event that happened to it.
#[derive(Debug, Clone)]
pub struct Move {
    /// Which delivery.
    pub number: DeliveryNumber,
    /// What happened.
    pub event: Event,
}

/// A delivery for people to read.
#[derive(Debug, Clone)]
pub struct DeliveryView {
    /// Its number.
    pub number: DeliveryNumber,
    /// The post's id.
    pub post: String,
    /// The issue's subject.
    pub subject: HeaderText,
    /// The address as it was sent to.
    pub address: String,
    /// The `Message-ID`, without angle brackets.
    pub message_id: String,
    /// Where it stands.
    pub row: Delivery,
    /// When that last changed.
    pub changed_at: DateTime<Utc>,
}

/// What is to be claimed, and by whom.
#[derive(Debug, Clone)]
pub struct Claim {
    /// The issue.
    pub issue: IssueNumber,
    /// At most so many copies.
    pub most: usize,
    /// Who claims: a name that no other process has.
    pub owner: String,
    /// How long the claims last, by the store's clock.
    pub lease: TimeDelta,
}

/// Within what a claim must stay.
#[derive(Debug, Clone)]
pub struct Pace {
    /// The rates.
    pub limits: Arc<Limits>,
    /// The domains to claim from, where the rates speak of domains.
    pub lanes: Vec<String>,
}

/// What a claim within limits came to.
#[derive(Debug, Clone, Default)]
pub struct Ration {
    /// The copies, each with its permit.
    pub copies: Vec<Claimed>,
    /// How long there is no permit for anybody.
    pub wait: Option<TimeDelta>,
    /// What is to be known of the domains that were asked for; one that is not named may have more.
    pub lanes: Vec<(String, Lane)>,
}

/// Why a domain has nothing more to claim.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Lane {
    /// No copy to it is due.
    Empty,
    /// There is no permit for so long.
    Full(TimeDelta),
}

/// What outlives the process.
#[async_trait]
pub trait Store: Send + Sync {
    /// The permanent random name of this store.
    fn instance(&self) -> &str;

    /// From now on the store must stay what it is: if its file is exchanged, every verb fails, and none goes on with the
    /// new one. A run that sends holds messages that the new file knows nothing of.
    fn pin(&self) {}

    /// How many copies are in doubt because another database server took over from the one that wrote the ledger, and
    /// may not have seen its last moments; `None` if this process noticed nothing of the kind.
    fn failed_over(&self) -> Option<u64> {
        None
    }
    /// What time it is for everybody who writes to this store; `here` is the caller's own clock.
    async fn now(&self, here: DateTime<Utc>) -> Result<DateTime<Utc>, StoreError> {
        Ok(here)
    }

    /// Adds readers by the rule of [`crate::subscribers::lifecycle::enrol`].
    async fn enrol(&self, readers: Vec<Enrolment>, now: DateTime<Utc>) -> Result<Enrolments, StoreError>;
    /// The readers in the order in which they were added, `most` at a time, after the one numbered `after`.
    async fn subscribers(&self, after: i64, most: usize) -> Result<Vec<(i64, Subscriber)>, StoreError>;
    /// One reader.
    async fn subscriber(&self, key: AddressKey) -> Result<Option<Subscriber>, StoreError>;
    /// How an address stands; one that is suppressed need not be a reader.
    async fn standing(&self, key: AddressKey) -> Result<Option<Standing>, StoreError>;
    /// Takes a reader off the list. Copies that wait are skipped when their turn comes, and at their arm at the latest.
    /// `false`: not a reader.
    async fn unsubscribe(
        &self,
        key: AddressKey,
        source: &str,
        now: DateTime<Utc>,
    ) -> Result<bool, StoreError>;
    /// Forbids an address for ever, reader or not.
    async fn suppress(
        &self,
        key: AddressKey,
        reason: &str,
        source: &str,
        now: DateTime<Utc>,
    ) -> Result<(), StoreError>;
    /// How many suppressed addresses are known by their keyed hash alone: nobody can name them any more.
    async fn nameless_suppressions(&self) -> Result<u64, StoreError>;
    /// A remembered word, such as the digest of the list that was read last.
    async fn recall(&self, key: &str) -> Result<Option<String>, StoreError>;
    /// Remembers it.
    async fn remember(&self, key: &str, value: &str) -> Result<(), StoreError>;
    /// Remembers it unless something stands there already; returns what stands. Of two who begin at once, one wins.
    async fn remember_first(&self, key: &str, value: &str) -> Result<String, StoreError> {
        if let Some(standing) = self.recall(key).await? {
            return Ok(standing);
        }
        self.remember(key, value).await?;
        Ok(value.to_owned())
    }

    /// The posts that have an issue or are part of the baseline; `None` before the first run.
    async fn known_posts(&self) -> Result<Option<std::collections::HashSet<String>>, StoreError>;
    /// Records posts as published before the ledger began, and that the ledger has begun.
    async fn baseline(&self, posts: Vec<(String, HeaderText)>, now: DateTime<Utc>) -> Result<(), StoreError>;
    /// T0: the issue and one waiting delivery for each active reader who wants such a post by itself and does not have it
    /// from a weekly letter, in one transaction. Returns the audience. An audience of nobody is an error, and freezes nothing.
    async fn freeze(
        &self,
        issue: NewIssue,
        imprint: ImprintMaker,
        now: DateTime<Utc>,
    ) -> Result<u64, StoreError>;
    /// The issues that are being sent, oldest first.
    async fn open_issues(&self) -> Result<Vec<OpenIssue>, StoreError>;
    /// Every issue with its counts, newest first, without the baseline.
    async fn issues(&self) -> Result<Vec<IssueSummary>, StoreError>;
    /// Changes the state of an issue; `because` is recorded.
    async fn set_issue(
        &self,
        post: &str,
        state: IssueState,
        because: &str,
        now: DateTime<Utc>,
    ) -> Result<bool, StoreError>;
    /// Marks issues without open deliveries as done.
    async fn close_finished(&self, now: DateTime<Utc>) -> Result<(), StoreError>;

    /// T1 for up to `claim.most` waiting copies.
    async fn claim(
        &self,
        claim: Claim,
        tokens: Vec<Token>,
        now: DateTime<Utc>,
    ) -> Result<Vec<Claimed>, StoreError>;
    /// The domains to which copies of an issue are due, each once.
    async fn lanes(&self, issue: IssueNumber, now: DateTime<Utc>) -> Result<Vec<String>, StoreError>;
    /// T1 as in [`Store::claim`], for as many copies as there are permits. The permits are taken in the transaction of
    /// the claim, so that neither a crash nor another sender makes more of them.
    async fn claim_within(
        &self,
        pace: Pace,
        claim: Claim,
        tokens: Vec<Token>,
        now: DateTime<Utc>,
    ) -> Result<Ration, StoreError>;
    /// The meter of the rate for all copies.
    async fn meter(&self) -> Result<Meter, StoreError>;
    /// What an issue has cost so far: bounces and complaints.
    async fn toll(&self, issue: IssueNumber) -> Result<Toll, StoreError>;
    /// Suppresses the readers of an issue whose mailboxes do not exist, as the relay said at once. Returns how many.
    async fn bury(&self, issue: IssueNumber, now: DateTime<Utc>) -> Result<u64, StoreError>;
    /// Applies a batch in one durable transaction; one answer for each move, in order. If the transaction fails,
    /// nothing of it happened.
    async fn commit(
        &self,
        moves: Vec<Move>,
        now: DateTime<Utc>,
    ) -> Result<Vec<Result<State, Refusal>>, StoreError>;
    /// T9 and T10 for every copy that somebody else holds, or whose lease is over. Returns how many went back to
    /// waiting, and how many are in doubt now.
    async fn recover(&self, owner: &str, alone: bool, now: DateTime<Utc>) -> Result<(u64, u64), StoreError>;
    /// Deliveries for people to read: of one issue, of one reader, in given states.
    async fn deliveries(&self, filter: Filter) -> Result<Vec<DeliveryView>, StoreError>;
    /// Something that came back by mail, with everything that follows from it: T12 for its copy, and what becomes of
    /// the reader by the rules of [`crate::subscribers::bounces`]. The same notice is taken once.
    async fn take_notice(&self, notice: Notice, now: DateTime<Utc>) -> Result<Taken, StoreError>;
    /// T11, T12, T15 or T16, recorded with who decided and why.
    async fn resolve(
        &self,
        number: DeliveryNumber,
        event: Event,
        why: &str,
        now: DateTime<Utc>,
    ) -> Result<Result<State, Refusal>, StoreError>;
    /// The same decision about many deliveries, in one transaction. Returns for how many it could be taken.
    async fn settle(
        &self,
        numbers: Vec<DeliveryNumber>,
        decision: Decision,
        now: DateTime<Utc>,
    ) -> Result<u64, StoreError>;

    /// Which store this is, and how far it has got.
    async fn custody(&self) -> Result<Custody, StoreError>;
    /// Gets one epoch further, durably; returns it.
    async fn raise_epoch(&self) -> Result<u64, StoreError>;
    /// T14, in one transaction: goes on with a store that was put back from a copy, or moved.
    async fn adopt(&self, adoption: Adoption, now: DateTime<Utc>) -> Result<Adopted, StoreError>;
    /// Whether everything in it adds up; each flaw in words.
    async fn verify(&self) -> Result<Vec<String>, StoreError>;
    /// Writes a copy of it, as of one moment, to a file that is not there yet.
    async fn backup(&self, target: &Utf8Path, now: DateTime<Utc>) -> Result<(), StoreError>;
}

/// A whole store: the ledger's verbs, the front desk's, those of weekly letters, and what it remembers of posts.
pub trait Books: Store + Desk + Digests + Posts {}

impl<T: Store + Desk + Digests + Posts> Books for T {}

/// Whose copy is being frozen.
#[derive(Debug, Clone, Copy)]
pub struct Addressee<'a> {
    /// The post's permanent id.
    pub post: &'a str,
    /// Where the copy goes.
    pub address: &'a EmailAddress,
    /// The reader.
    pub key: AddressKey,
    /// The delivery's number.
    pub number: u64,
}

/// Makes what is fixed for one copy.
pub type ImprintMaker = Box<dyn Fn(&Addressee<'_>) -> Imprint + Send>;

/// Which deliveries to show.
#[derive(Debug, Clone, Default)]
pub struct Filter {
    /// Of this post's issue.
    pub post: Option<String>,
    /// To this reader.
    pub reader: Option<AddressKey>,
    /// In one of these states; empty means all.
    pub states: Vec<State>,
}
