//! Sign-up, unsubscribe and preferences: the subscriber's lifecycle as rows. Its rules are in
//! [`crate::subscribers::lifecycle`].

use chrono::{DateTime, TimeDelta, Utc};

use super::events::{self, Entry};
use super::transactional::{self, MessageRecipient};
use super::{Dialect, Row, Store, StoreError, Tx, args, rate_limit, series, subscribers};
use crate::store::subscriber_store::{
    ConsentContext, SignUp, SignUpLimit, SignUpLimits, SignUpOrigin, SignUpResult, StoreMetrics,
    TransactionalKind,
};
use crate::subscribers::lifecycle::{
    self, Confirmed, REMOVED, REMOVED_AFTER_UNSUBSCRIBE, SignUpDecision, Subscription,
};
use crate::subscribers::{AddressKey, Preferences, Subscriber};
use crate::text::HeaderText;

/// The web pages as the actor in the record of decisions.
const WEB: &str = "web";
/// How long a sign-up is kept without a confirmation.
const UNCONFIRMED_FOR: TimeDelta = TimeDelta::days(30);
/// How long the network of a consent is kept.
const NETWORK_FOR: TimeDelta = TimeDelta::days(30);

impl Store {
    /// A sign-up form: its limits, the change of the lifecycle and the answering email, in one transaction.
    pub async fn sign_up(&self, form: SignUp, now: DateTime<Utc>) -> Result<SignUpResult, StoreError> {
        self.write("signing up a subscriber", now, move |tx, now| {
            let SubscriberRow { course, erased } = find(tx, form.key)?;
            let (asked, answer) = lifecycle::sign_up(course, erased, now);
            if answer == SignUpDecision::Suppressed {
                return Ok(SignUpResult::Suppressed);
            }
            if let SignUpOrigin::Queue(submitted_at) = form.origin
                && is_repeated(tx, form.key, submitted_at)?
            {
                return Ok(SignUpResult::Repeated);
            }
            // That email leads to a page of `serve`, which there may not be.
            if answer == SignUpDecision::Known && form.origin != SignUpOrigin::Web {
                return Ok(SignUpResult::Known);
            }
            if transactional::too_many(tx, form.mailbox, now)? {
                return Ok(SignUpResult::MailboxLimit);
            }
            // Last, so that a form without an answer uses no permit.
            let network = form.consent.network.as_deref();
            if let Some(limit) = exhausted(tx, &form.limits, network, form.email.domain(), now)? {
                return Ok(SignUpResult::Limit(limit));
            }
            if answer == SignUpDecision::Confirm {
                write_down(tx, &form, asked, now)?;
                record(tx, form.key, "asked", &form.consent, now)?;
            }
            let kind = if answer == SignUpDecision::Known {
                TransactionalKind::Known
            } else {
                TransactionalKind::Confirm
            };
            let to = MessageRecipient {
                key: form.key,
                mailbox: form.mailbox,
                address: form.email.as_str(),
                language: form.language.as_deref(),
            };
            transactional::write(tx, &to, kind, asked.generation, now)?;
            Ok(answer.into())
        })
        .await
    }

    /// Submits the form behind a confirmation link.
    pub async fn confirm(
        &self,
        key: AddressKey,
        generation: u32,
        circumstances: ConsentContext,
        now: DateTime<Utc>,
    ) -> Result<Confirmed, StoreError> {
        self.write("confirming a subscriber", now, move |tx, now| {
            let SubscriberRow { course: Some(course), erased } = find(tx, key)? else {
                return Ok(Confirmed::Stale);
            };
            let (next, outcome) = lifecycle::confirm(course, generation, erased, now);
            if outcome == Confirmed::Now {
                if erased {
                    tx.execute("DELETE FROM suppression WHERE addr_key = ?1", args![&key.0])?;
                }
                keep(tx, key, next, now)?;
                tx.execute(
                    "UPDATE subscriber SET consented_at = ?2 WHERE addr_key = ?1",
                    args![&key.0, now],
                )?;
                record(tx, key, "confirmed", &circumstances, now)?;
                series::note_candidate(tx, key, true, now)?;
                events::append(tx, &Entry::about(key, "confirm", WEB), now)?;
            }
            Ok(outcome)
        })
        .await
    }

    /// Unsubscribes an address; returns its lifecycle, or `None` if the address is unknown. Waiting deliveries are
    /// skipped when they are claimed, or armed at the latest. `actor` is for the record of decisions; `circumstances`
    /// are for the record of consent, if it came by a form. When this returns, the unsubscribe is on the disk.
    pub async fn unsubscribe(
        &self,
        key: AddressKey,
        actor: &str,
        circumstances: Option<ConsentContext>,
        now: DateTime<Utc>,
    ) -> Result<Option<Subscription>, StoreError> {
        let actor = actor.to_owned();
        self.write("unsubscribing a subscriber", now, move |tx, now| {
            unsubscribe(tx, key, &actor, circumstances.as_ref(), now)
        })
        .await
    }

    /// Undoes the unsubscribe that began `generation`; `false` if it is too late.
    pub async fn resubscribe(
        &self,
        key: AddressKey,
        generation: u32,
        circumstances: ConsentContext,
        now: DateTime<Utc>,
    ) -> Result<bool, StoreError> {
        self.write("undoing an unsubscribe", now, move |tx, now| {
            let SubscriberRow { course: Some(course), .. } = find(tx, key)? else { return Ok(false) };
            let Some(next) = lifecycle::resubscribe(course, generation, now) else { return Ok(false) };
            keep(tx, key, next, now)?;
            record(tx, key, "undone", &circumstances, now)?;
            events::append(tx, &Entry::about(key, "undo", WEB), now)?;
            Ok(true)
        })
        .await
    }

    /// Changes the preferences of a subscriber; `false` if the address is not subscribed.
    pub async fn set_preferences(
        &self,
        key: AddressKey,
        preferences: Preferences,
        circumstances: ConsentContext,
        now: DateTime<Utc>,
    ) -> Result<bool, StoreError> {
        self.write("recording preferences", now, move |tx, now| {
            let chosen = tx.execute(
                "UPDATE subscriber SET frequency = ?2, topics = ?3, changed_at = ?4,
                     weekly_until = CASE WHEN ?2 = 'weekly' THEN NULL WHEN frequency = 'weekly' THEN ?4
                                         ELSE weekly_until END
                 WHERE addr_key = ?1 AND status = 'active'",
                args![&key.0, preferences.frequency.as_str(), preferences.topics.to_lines().as_deref(), now],
            )?;
            if chosen > 0 {
                series::note_candidate(tx, key, false, now)?;
                record(tx, key, "chose", &circumstances, now)?;
            }
            Ok(chosen > 0)
        })
        .await
    }

    /// Queues an email with a link to the person's data, to the address on record, within the limits.
    pub async fn request_personal_data(
        &self,
        key: AddressKey,
        limits: SignUpLimits,
        network: Option<String>,
        now: DateTime<Utc>,
    ) -> Result<SignUpResult, StoreError> {
        self.write("recording a data request", now, move |tx, now| {
            let Some(Subscriber { profile, .. }) = subscribers::find(tx, key)? else {
                return Ok(SignUpResult::Suppressed);
            };
            // It has its own limit: after a sign-up a person can still request their data on the same day.
            if transactional::too_many_of(tx, key, TransactionalKind::Data, now)? {
                return Ok(SignUpResult::MailboxLimit);
            }
            if let Some(limit) = exhausted(tx, &limits, network.as_deref(), profile.email.domain(), now)? {
                return Ok(SignUpResult::Limit(limit));
            }
            let language = profile.language.as_deref();
            let to = MessageRecipient { key, mailbox: key, address: profile.email.as_str(), language };
            transactional::write(tx, &to, TransactionalKind::Data, 0, now)?;
            Ok(SignUpResult::Known)
        })
        .await
    }

    /// Deletes what is kept for a limited time: unconfirmed sign-ups, networks, sent transactional emails. Returns how
    /// many rows were deleted or changed.
    pub async fn delete_expired(&self, now: DateTime<Utc>) -> Result<u64, StoreError> {
        // Without a confirmation, as if they had never signed up. An erased address has a suppression too.
        const FORGOTTEN: &str =
            "FROM subscriber WHERE status IN ('unconfirmed', 'suppressed') AND source IN ('web', 'email', 'form')
             AND consented_at IS NULL AND asked_at < ?1";
        self.write("deleting old data", now, |tx, now| {
            let old = now - UNCONFIRMED_FOR;
            let mut gone = 0;
            gone += tx.execute(
                &format!("DELETE FROM consent WHERE addr_key IN (SELECT addr_key {FORGOTTEN})"),
                args![old],
            )?;
            gone += tx.execute(&format!("DELETE {FORGOTTEN}"), args![old])?;
            gone += tx.execute("UPDATE subscriber SET asked_at = NULL WHERE asked_at < ?1", args![old])?;
            gone += tx.execute(
                "UPDATE consent SET network = NULL WHERE network IS NOT NULL AND at < ?1",
                args![now - NETWORK_FOR],
            )?;
            gone += rate_limit::forget(tx, "web ", now - TimeDelta::days(1))?;
            gone += transactional::forget(tx, now)?;
            Ok(gone)
        })
        .await
    }

    /// Counts for monitoring.
    pub async fn metrics(&self) -> Result<StoreMetrics, StoreError> {
        let count = |row: &dyn Row| Ok((row.get(0)?, row.get(1)?));
        self.read("counting", move |tx| {
            let subscribers_by_status =
                "SELECT status, count(*) FROM subscriber GROUP BY status ORDER BY status";
            let messages_by_state =
                "SELECT state, count(*) FROM transactional_email GROUP BY state ORDER BY state";
            Ok(StoreMetrics {
                subscribers: tx.all(subscribers_by_status, &[], count)?,
                transactional: tx.all(messages_by_state, &[], count)?,
            })
        })
        .await
    }
}

/// Unsubscribes an address: see [`Store::unsubscribe`].
pub(super) fn unsubscribe(
    tx: &mut dyn Tx,
    key: AddressKey,
    actor: &str,
    circumstances: Option<&ConsentContext>,
    now: DateTime<Utc>,
) -> Result<Option<Subscription>, StoreError> {
    let SubscriberRow { course: Some(before), .. } = find(tx, key)? else { return Ok(None) };
    // The writer removed the address, and now its owner uses the link in an old email: from now on only the owner
    // can undo that.
    tx.execute(
        "UPDATE suppression SET reason = ?2 WHERE addr_key = ?1 AND reason = ?3",
        args![&key.0, REMOVED_AFTER_UNSUBSCRIBE, REMOVED],
    )?;
    let course = lifecycle::unsubscribe(before, now);
    if course != before {
        keep(tx, key, course, now)?;
        transactional::cancel(tx, key, now)?;
        events::append(tx, &Entry::about(key, "unsubscribe", actor), now)?;
        if let Some(circumstances) = circumstances {
            record(tx, key, "left", circumstances, now)?;
        }
    }
    Ok(Some(course))
}

/// A subscriber's lifecycle, and whether the only suppression is an erasure or a removal.
struct SubscriberRow {
    course: Option<Subscription>,
    erased: bool,
}

/// Reads a lifecycle and locks it until this transaction ends.
fn find(tx: &mut dyn Tx, key: AddressKey) -> Result<SubscriberRow, StoreError> {
    let lock = match tx.dialect() {
        Dialect::Sqlite => "",
        Dialect::Postgres => "FOR UPDATE",
    };
    let own = tx.one(
        &format!(
            "SELECT status, generation, asked_at, unsubscribed_at FROM subscriber WHERE addr_key = ?1 {lock}"
        ),
        args![&key.0],
        |row| {
            Ok(Subscription {
                status: subscribers::status_from(&row.get::<String>(0)?)?,
                generation: row.get(1)?,
                asked_at: row.get(2)?,
                unsubscribed_at: row.get(3)?,
            })
        },
    )?;
    let reason: Option<String> =
        tx.one("SELECT reason FROM suppression WHERE addr_key = ?1", args![&key.0], |row| row.get(0))?;
    let erased = reason.as_deref().is_some_and(lifecycle::may_sign_up_again);
    let course = match (own, reason.is_some()) {
        (Some(course), true) => {
            Some(Subscription { status: lifecycle::SubscriptionStatus::Suppressed, ..course })
        }
        (None, true) => {
            Some(Subscription { status: lifecycle::SubscriptionStatus::Suppressed, ..Subscription::STRANGER })
        }
        (own, false) => own,
    };
    Ok(SubscriberRow { course, erased })
}

fn keep(
    tx: &mut dyn Tx,
    key: AddressKey,
    course: Subscription,
    now: DateTime<Utc>,
) -> Result<(), StoreError> {
    tx.execute(
        "UPDATE subscriber SET status = ?2, generation = ?3, asked_at = ?4, unsubscribed_at = ?5, changed_at = ?6
         WHERE addr_key = ?1",
        args![
            &key.0,
            course.status.as_str(),
            course.generation,
            course.asked_at,
            course.unsubscribed_at,
            now
        ],
    )
    .map(drop)
}

/// Writes the values of the form. They have no effect before the confirmation, and never change the preferences of
/// an active subscriber.
fn write_down(
    tx: &mut dyn Tx,
    form: &SignUp,
    asked: Subscription,
    now: DateTime<Utc>,
) -> Result<(), StoreError> {
    tx.execute(
        "INSERT INTO subscriber (addr_key, email, name, language, status, source, added_at, changed_at, generation,
                                 asked_at, frequency, topics)
         VALUES (?1, ?2, ?3, ?4, ?5, ?10, ?6, ?6, ?7, ?6, ?8, ?9)
         ON CONFLICT (addr_key) DO UPDATE SET email = ?2, name = coalesce(?3, subscriber.name),
             language = coalesce(?4, subscriber.language), asked_at = ?6, frequency = ?8, topics = ?9",
        args![
            &form.key.0,
            form.email.as_str(),
            form.name.as_ref().map(HeaderText::as_str),
            form.language.as_deref(),
            asked.status.as_str(),
            now,
            asked.generation,
            form.preferences.frequency.as_str(),
            form.preferences.topics.to_lines().as_deref(),
            form.origin.as_str()
        ],
    )
    .map(drop)
}

/// Whether a form was submitted before the person's last request or decision that is known.
fn is_repeated(tx: &mut dyn Tx, key: AddressKey, submitted_at: DateTime<Utc>) -> Result<bool, StoreError> {
    let sql = "SELECT count(*) FROM (
                   SELECT addr_key FROM subscriber WHERE addr_key = ?1
                       AND (asked_at >= ?2 OR status = 'unsubscribed' AND changed_at >= ?2)
                   UNION ALL SELECT addr_key FROM suppression WHERE addr_key = ?1 AND since >= ?2
               ) AS later";
    let later: Option<i64> = tx.one(sql, args![&key.0, submitted_at], |row| row.get(0))?;
    Ok(later.is_some_and(|later| later > 0))
}

/// Takes a permit from each bucket, or from none.
fn exhausted(
    tx: &mut dyn Tx,
    limits: &SignUpLimits,
    network: Option<&str>,
    domain: &str,
    now: DateTime<Utc>,
) -> Result<Option<SignUpLimit>, StoreError> {
    let mut buckets = vec![
        ("web".to_owned(), limits.all, SignUpLimit::All),
        (rate_limit::sign_ups_to(domain), limits.each_domain, SignUpLimit::Domain),
    ];
    let from = |network| (rate_limit::sign_ups_from(network), limits.each_network, SignUpLimit::Network);
    buckets.extend(network.map(from));
    // Always in the same order, so that two forms do not wait for each other.
    buckets.sort_by(|(one, ..), (other, ..)| one.cmp(other));
    let rates: Vec<_> = buckets.iter().map(|(bucket, rate, _)| (bucket.clone(), *rate)).collect();
    let empty = rate_limit::take_one_of_each(tx, &rates, now)?;
    Ok(empty.and_then(|at| buckets.get(at)).map(|(.., limit)| *limit))
}

fn record(
    tx: &mut dyn Tx,
    key: AddressKey,
    word: &str,
    circumstances: &ConsentContext,
    now: DateTime<Utc>,
) -> Result<(), StoreError> {
    tx.execute(
        "INSERT INTO consent (addr_key, at, action, form, wording, network) VALUES (?1, ?2, ?3, ?4, ?5, ?6)",
        args![
            &key.0,
            now,
            word,
            &circumstances.form,
            &circumstances.wording,
            circumstances.network.as_deref()
        ],
    )
    .map(drop)
}
