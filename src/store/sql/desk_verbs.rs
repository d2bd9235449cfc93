//! The desk's verbs, each in its transaction.

use std::sync::Arc;

use async_trait::async_trait;
use chrono::{DateTime, TimeDelta, Utc};

use super::{Backend, SqlStore, StoreError, desk, erasure, errands, joined, removal};
use crate::store::desk::{
    Circumstances, Desk, Dossier, Erased, Errand, ErrandEnd, Figures, PublishedIssue, Removed, SignUp,
    SignUpLimits, SignedUp,
};
use crate::subscribers::lifecycle::{Confirmed, Course};
use crate::subscribers::{AddressKey, Wishes};

#[async_trait]
impl<B: Backend> Desk for SqlStore<B> {
    async fn sign_up(&self, form: SignUp, now: DateTime<Utc>) -> Result<SignedUp, StoreError> {
        self.change("signing up a subscriber", now, move |tx, now| desk::sign_up(tx, &form, now)).await
    }

    async fn confirm(
        &self,
        key: AddressKey,
        generation: u32,
        circumstances: Circumstances,
        now: DateTime<Utc>,
    ) -> Result<Confirmed, StoreError> {
        self.change("confirming a subscriber", now, move |tx, now| {
            desk::confirm(tx, key, generation, &circumstances, now)
        })
        .await
    }

    async fn leave(
        &self,
        key: AddressKey,
        circumstances: Circumstances,
        now: DateTime<Utc>,
    ) -> Result<Option<Course>, StoreError> {
        self.change("unsubscribing a subscriber", now, move |tx, now| {
            desk::leave(tx, key, &circumstances, now)
        })
        .await
    }

    async fn undo(
        &self,
        key: AddressKey,
        generation: u32,
        circumstances: Circumstances,
        now: DateTime<Utc>,
    ) -> Result<bool, StoreError> {
        self.change("undoing an unsubscribe", now, move |tx, now| {
            desk::undo(tx, key, generation, &circumstances, now)
        })
        .await
    }

    async fn choose(
        &self,
        key: AddressKey,
        wishes: Wishes,
        circumstances: Circumstances,
        now: DateTime<Utc>,
    ) -> Result<bool, StoreError> {
        self.change("recording preferences", now, move |tx, now| {
            desk::choose(tx, key, &wishes, &circumstances, now)
        })
        .await
    }

    async fn ask_for_data(
        &self,
        key: AddressKey,
        limits: SignUpLimits,
        network: Option<String>,
        now: DateTime<Utc>,
    ) -> Result<SignedUp, StoreError> {
        self.change("recording a data request", now, move |tx, now| {
            desk::ask_for_data(tx, key, &limits, network.as_deref(), now)
        })
        .await
    }

    async fn dossier(&self, key: AddressKey) -> Result<Dossier, StoreError> {
        self.look("collecting personal data", move |tx| erasure::dossier(tx, key)).await
    }

    async fn erase(&self, key: AddressKey, actor: &str, now: DateTime<Utc>) -> Result<Erased, StoreError> {
        let actor = actor.to_owned();
        self.change("erasing a subscriber", now, move |tx, now| erasure::erase(tx, key, &actor, now)).await
    }

    async fn remove(
        &self,
        key: AddressKey,
        actor: &str,
        now: DateTime<Utc>,
    ) -> Result<Option<Removed>, StoreError> {
        let actor = actor.to_owned();
        self.change("removing a subscriber", now, move |tx, now| removal::remove(tx, key, &actor, now)).await
    }

    async fn readmit(&self, key: AddressKey, actor: &str, now: DateTime<Utc>) -> Result<bool, StoreError> {
        let actor = actor.to_owned();
        self.change("readmitting a subscriber", now, move |tx, now| removal::readmit(tx, key, &actor, now))
            .await
    }

    async fn scrub(&self) -> Result<(), StoreError> {
        let backend = Arc::clone(&self.backend);
        joined(tokio::task::spawn_blocking(move || backend.scrub()).await)
    }

    async fn forget(&self, now: DateTime<Utc>) -> Result<u64, StoreError> {
        self.change("deleting old data", now, desk::forget).await
    }

    async fn claim_errand(
        &self,
        owner: &str,
        lease: TimeDelta,
        now: DateTime<Utc>,
    ) -> Result<Option<Errand>, StoreError> {
        let owner = owner.to_owned();
        self.change("claiming a transactional email", now, move |tx, now| {
            errands::claim(tx, &owner, lease, now)
        })
        .await
    }

    async fn arm_errand(&self, number: i64, owner: &str, now: DateTime<Utc>) -> Result<bool, StoreError> {
        let owner = owner.to_owned();
        self.change("arming a transactional email", now, move |tx, now| errands::arm(tx, number, &owner, now))
            .await
    }

    async fn end_errand(
        &self,
        number: i64,
        owner: &str,
        (end, said): (ErrandEnd, &str),
        now: DateTime<Utc>,
    ) -> Result<(), StoreError> {
        let (owner, said) = (owner.to_owned(), said.to_owned());
        self.change("recording a transactional email", now, move |tx, now| {
            errands::end(tx, number, &owner, (&end, &said), now)
        })
        .await
    }

    async fn published(&self) -> Result<Vec<PublishedIssue>, StoreError> {
        self.look("reading the issues", desk::published).await
    }

    async fn edition(&self, label: &str) -> Result<Option<String>, StoreError> {
        let label = label.to_owned();
        self.look("reading an issue", move |tx| desk::edition(tx, &label)).await
    }

    async fn figures(&self) -> Result<Figures, StoreError> {
        self.look("counting", desk::figures).await
    }
}
