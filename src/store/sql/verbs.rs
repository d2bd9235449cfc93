//! The verbs, each in its transaction.

use std::collections::HashSet;
use std::sync::Arc;

use async_trait::async_trait;
use camino::Utf8Path;
use chrono::{DateTime, Utc};

use super::{
    Access, Backend, SqlStore, StoreError, deliveries, epoch, issues, joined, notes, notices, pace, readers,
    toll, verify,
};
use crate::ledger::health::Toll;
use crate::ledger::pace::Meter;
use crate::ledger::transition::{Event, Refusal};
use crate::ledger::{IssueState, IssueSummary, State, Token};
use crate::store::{
    Adopted, Adoption, Claim, Claimed, Custody, Decision, DeliveryNumber, DeliveryView, Filter, ImprintMaker,
    IssueNumber, Move, NewIssue, Notice, OpenIssue, Pace, Ration, Store, Taken,
};
use crate::subscribers::{AddressKey, Enrolment, Enrolments, Standing, Subscriber};
use crate::text::HeaderText;

#[async_trait]
impl<B: Backend> Store for SqlStore<B> {
    fn instance(&self) -> &str {
        &self.instance
    }

    fn pin(&self) {
        self.backend.pin();
    }

    fn failed_over(&self) -> Option<u64> {
        self.backend.failed_over()
    }

    async fn now(&self, here: DateTime<Utc>) -> Result<DateTime<Utc>, StoreError> {
        self.run(Access::Look, "reading the time", move |tx| tx.now(here)).await
    }

    async fn enrol(&self, list: Vec<Enrolment>, now: DateTime<Utc>) -> Result<Enrolments, StoreError> {
        self.change("adding subscribers", now, move |tx, now| readers::enrol(tx, &list, now)).await
    }

    async fn subscribers(&self, after: i64, most: usize) -> Result<Vec<(i64, Subscriber)>, StoreError> {
        self.look("reading the subscribers", move |tx| readers::page(tx, after, most)).await
    }

    async fn subscriber(&self, key: AddressKey) -> Result<Option<Subscriber>, StoreError> {
        self.look("looking up a subscriber", move |tx| readers::find(tx, key)).await
    }

    async fn standing(&self, key: AddressKey) -> Result<Option<Standing>, StoreError> {
        self.look("looking up a subscriber", move |tx| readers::standing(tx, key)).await
    }

    async fn unsubscribe(
        &self,
        key: AddressKey,
        source: &str,
        now: DateTime<Utc>,
    ) -> Result<bool, StoreError> {
        let source = source.to_owned();
        self.change("unsubscribing a subscriber", now, move |tx, now| {
            readers::unsubscribe(tx, key, &source, now)
        })
        .await
    }

    async fn suppress(
        &self,
        key: AddressKey,
        reason: &str,
        source: &str,
        now: DateTime<Utc>,
    ) -> Result<(), StoreError> {
        let (reason, source) = (reason.to_owned(), source.to_owned());
        self.change("suppressing an address", now, move |tx, now| {
            readers::suppress(tx, key, &reason, &source, now)
        })
        .await
    }

    async fn nameless_suppressions(&self) -> Result<u64, StoreError> {
        self.look("counting suppressions", readers::nameless).await
    }

    async fn recall(&self, key: &str) -> Result<Option<String>, StoreError> {
        let key = key.to_owned();
        self.look("reading an entry", move |tx| notes::recall(tx, &key)).await
    }

    async fn remember(&self, key: &str, value: &str) -> Result<(), StoreError> {
        let (key, value) = (key.to_owned(), value.to_owned());
        self.run(Access::Change, "writing an entry", move |tx| notes::remember(tx, &key, &value)).await
    }

    async fn remember_first(&self, key: &str, value: &str) -> Result<String, StoreError> {
        let (key, value) = (key.to_owned(), value.to_owned());
        self.run(Access::Change, "writing an entry", move |tx| notes::remember_first(tx, &key, &value)).await
    }

    async fn known_posts(&self) -> Result<Option<HashSet<String>>, StoreError> {
        self.look("reading the issues", issues::known).await
    }

    async fn baseline(&self, posts: Vec<(String, HeaderText)>, now: DateTime<Utc>) -> Result<(), StoreError> {
        self.change("recording the baseline", now, move |tx, now| issues::baseline(tx, &posts, now).map(drop))
            .await
    }

    async fn freeze(
        &self,
        issue: NewIssue,
        imprint: ImprintMaker,
        now: DateTime<Utc>,
    ) -> Result<u64, StoreError> {
        self.run(Access::Freeze, "freezing the issue", move |tx| {
            let now = tx.now(now)?;
            issues::freeze(tx, &issue, &imprint, now)
        })
        .await
    }

    async fn open_issues(&self) -> Result<Vec<OpenIssue>, StoreError> {
        self.look("reading the open issues", issues::open).await
    }

    async fn issues(&self) -> Result<Vec<IssueSummary>, StoreError> {
        self.look("reading the issues", issues::all).await
    }

    async fn set_issue(
        &self,
        post: &str,
        state: IssueState,
        because: &str,
        now: DateTime<Utc>,
    ) -> Result<bool, StoreError> {
        let (post, because) = (post.to_owned(), because.to_owned());
        self.change("changing an issue", now, move |tx, now| issues::set(tx, &post, state, &because, now))
            .await
    }

    async fn close_finished(&self, now: DateTime<Utc>) -> Result<(), StoreError> {
        self.change("closing finished issues", now, issues::close_finished).await
    }

    async fn claim(
        &self,
        claim: Claim,
        tokens: Vec<Token>,
        now: DateTime<Utc>,
    ) -> Result<Vec<Claimed>, StoreError> {
        self.change("claiming deliveries", now, move |tx, now| deliveries::claim(tx, &claim, &tokens, now))
            .await
    }

    async fn lanes(&self, issue: IssueNumber, now: DateTime<Utc>) -> Result<Vec<String>, StoreError> {
        self.change("looking for domains", now, move |tx, now| pace::lanes(tx, issue, now)).await
    }

    async fn claim_within(
        &self,
        pace: Pace,
        claim: Claim,
        tokens: Vec<Token>,
        now: DateTime<Utc>,
    ) -> Result<Ration, StoreError> {
        self.change("claiming deliveries", now, move |tx, now| pace::claim(tx, &pace, &claim, &tokens, now))
            .await
    }

    async fn meter(&self) -> Result<Meter, StoreError> {
        self.look("reading the rate limit", pace::total).await
    }

    async fn toll(&self, issue: IssueNumber) -> Result<Toll, StoreError> {
        self.look("counting bounces", move |tx| toll::count(tx, issue)).await
    }

    async fn bury(&self, issue: IssueNumber, now: DateTime<Utc>) -> Result<u64, StoreError> {
        self.change("suppressing invalid addresses", now, move |tx, now| toll::bury(tx, issue, now)).await
    }

    async fn commit(
        &self,
        moves: Vec<Move>,
        now: DateTime<Utc>,
    ) -> Result<Vec<Result<State, Refusal>>, StoreError> {
        self.change("recording outcomes", now, move |tx, now| deliveries::commit(tx, &moves, now)).await
    }

    async fn recover(&self, owner: &str, alone: bool, now: DateTime<Utc>) -> Result<(u64, u64), StoreError> {
        let owner = owner.to_owned();
        self.change("recovering after a crash", now, move |tx, now| {
            deliveries::recover(tx, &owner, alone, now)
        })
        .await
    }

    async fn deliveries(&self, filter: Filter) -> Result<Vec<DeliveryView>, StoreError> {
        self.look("reading the ledger", move |tx| deliveries::list(tx, &filter)).await
    }

    async fn take_notice(&self, notice: Notice, now: DateTime<Utc>) -> Result<Taken, StoreError> {
        self.change("recording inbound reports", now, move |tx, now| notices::take(tx, &notice, now)).await
    }

    async fn resolve(
        &self,
        number: DeliveryNumber,
        event: Event,
        why: &str,
        now: DateTime<Utc>,
    ) -> Result<Result<State, Refusal>, StoreError> {
        let decision = Decision { event, actor: "resolve", why: why.to_owned() };
        self.change("recording a decision", now, move |tx, now| {
            deliveries::decide(tx, number, &decision, now)
        })
        .await
    }

    async fn settle(
        &self,
        numbers: Vec<DeliveryNumber>,
        decision: Decision,
        now: DateTime<Utc>,
    ) -> Result<u64, StoreError> {
        self.change("recording a decision", now, move |tx, now| {
            let mut settled = 0;
            for number in &numbers {
                settled += u64::from(deliveries::decide(tx, *number, &decision, now)?.is_ok());
            }
            Ok(settled)
        })
        .await
    }

    async fn custody(&self) -> Result<Custody, StoreError> {
        self.look("reading the epoch", epoch::custody).await
    }

    async fn raise_epoch(&self) -> Result<u64, StoreError> {
        self.run(Access::Change, "raising the epoch", epoch::raise).await
    }

    async fn adopt(&self, adoption: Adoption, now: DateTime<Utc>) -> Result<Adopted, StoreError> {
        self.change("adopting it", now, move |tx, now| epoch::adopt(tx, &adoption, now)).await
    }

    async fn verify(&self) -> Result<Vec<String>, StoreError> {
        self.look("verifying the ledger", verify::verify).await
    }

    async fn backup(&self, target: &Utf8Path, now: DateTime<Utc>) -> Result<(), StoreError> {
        let (backend, target) = (Arc::clone(&self.backend), target.to_owned());
        joined(tokio::task::spawn_blocking(move || backend.backup(&target, now)).await)
    }
}
