//! `ledger verify`: reads the whole ledger, changes nothing, and names each row that is inconsistent.

use aws_lc_rs::digest::{SHA256, digest};
use chrono::DateTime;

use super::rows::NOBODY;
use super::{Dialect, Row, Store, StoreError, Tx, args, epoch, events, issues};
use crate::address::EmailAddress;
use crate::ledger::State;
use crate::subscribers::AddressKey;
use crate::text::{clipped, hex};

/// How many addresses are read at a time.
const PAGE: u64 = 10_000;

impl Store {
    /// Checks that everything in the store is consistent; returns each flaw as a sentence.
    pub async fn verify(&self) -> Result<Vec<String>, StoreError> {
        self.read("verifying the ledger", |tx| {
            let mut flaws = structure(tx)?;
            chain(tx, &mut flaws)?;
            audiences(tx, &mut flaws)?;
            frozen_emails(tx, &mut flaws)?;
            states(tx, &mut flaws)?;
            counted(tx, &mut flaws)?;
            proofs(tx, &mut flaws)?;
            reopened(tx, &mut flaws)?;
            repeated_addresses(tx, &mut flaws)?;
            Ok(flaws)
        })
        .await
    }

    /// Checks that the address of each delivery is the one that was frozen; `key_of` is the key of an address.
    pub async fn verify_addresses(
        &self,
        key_of: impl Fn(&EmailAddress) -> AddressKey + Send + Sync + 'static,
    ) -> Result<Vec<String>, StoreError> {
        self.read("verifying the addresses", move |tx| wrong_addresses(tx, &key_of)).await
    }
}

/// The integrity check of the database itself.
fn structure(tx: &mut dyn Tx) -> Result<Vec<String>, StoreError> {
    if tx.dialect() == Dialect::Postgres {
        return Ok(Vec::new());
    }
    let reported: Vec<String> = tx.all("PRAGMA integrity_check", &[], |row| row.get(0))?;
    let wrong = reported.into_iter().filter(|line| line != "ok");
    Ok(wrong.map(|line| format!("the file is damaged: {line}")).collect())
}

/// The record of decisions, link by link. Links after a broken one depend on it and are not checked.
fn chain(tx: &mut dyn Tx, flaws: &mut Vec<String>) -> Result<(), StoreError> {
    let (mut before, mut count, mut last) = (Vec::new(), 0_u64, "the beginning".to_owned());
    let mut broken = None;
    tx.each(
        "SELECT id, at, kind, issue, subject, actor, detail, hash FROM event ORDER BY id",
        &[],
        &mut |row| {
            count += 1;
            if broken.is_some() {
                return Ok(());
            }
            let (number, at): (i64, i64) = (row.get(0)?, row.get(1)?);
            let (kind, actor, detail): (String, String, String) = (row.get(2)?, row.get(5)?, row.get(6)?);
            let entry = events::Entry {
                kind: &kind,
                issue: row.get(3)?,
                subject: row.get(4)?,
                actor: &actor,
                detail: &detail,
            };
            let time = DateTime::from_timestamp_millis(at).unwrap_or_default().format("%Y-%m-%d %H:%M UTC");
            let name = format!("event {number} ({kind}, {time})");
            let hash: Vec<u8> = row.get(7)?;
            if events::link(&before, &entry, at) != hash {
                broken = Some(format!(
                    "the event log is broken at {name}: the event was changed, or events between it and {last} \
                     were removed or moved"
                ));
            }
            (before, last) = (hash, name);
            Ok(())
        },
    )?;
    let is_whole = broken.is_none();
    flaws.extend(broken);
    let Some((length, head)) = events::head(tx)? else {
        // A store of an earlier version has no head before it is first opened to send.
        if epoch::identity(tx)?.epoch_mark.epoch > 0 {
            flaws.push(
                "the event log has lost its head, so it cannot be checked whether its last events are missing"
                    .to_owned(),
            );
        }
        return Ok(());
    };
    if count != length {
        flaws.push(format!("the event log contains {count} events instead of {length}; the last is {last}"));
    } else if is_whole && head != hex(&before) {
        flaws.push(format!("the event log does not end with the expected event; the last is {last}"));
    }
    Ok(())
}

/// Each issue has as many deliveries as its frozen audience.
fn audiences(tx: &mut dyn Tx, flaws: &mut Vec<String>) -> Result<(), StoreError> {
    let found = tx.all(
        "SELECT issue.post, issue.audience, count(delivery.id) FROM issue
         LEFT JOIN delivery ON delivery.issue = issue.id
         GROUP BY issue.id, issue.post, issue.audience HAVING count(delivery.id) <> issue.audience ORDER BY issue.id",
        &[],
        |row| {
            let (post, audience, rows): (String, i64, i64) = (row.get(0)?, row.get(1)?, row.get(2)?);
            Ok(format!("{post}: its audience is {audience}, but there are {rows} deliveries"))
        },
    )?;
    flaws.extend(found);
    let frozen = tx.all(
        "SELECT issue.post, issue.audience, event.detail, issue.id FROM issue
         JOIN event ON event.id = (SELECT max(id) FROM event WHERE event.issue = issue.id AND kind = 'freeze')
         WHERE state <> 'rehearsal' ORDER BY issue.id",
        &[],
        |row| Ok((row.get::<String>(0)?, row.get::<i64>(1)?, row.get::<String>(2)?, row.get::<i64>(3)?)),
    )?;
    for (post, audience, detail, issue) in frozen {
        // Earlier versions recorded no hash of the content.
        let (counted, content) = detail.split_once(", content ").unwrap_or((&detail, ""));
        if counted != format!("{post}: {audience} readers") {
            flaws.push(format!(
                "{post}: its audience is {audience}, but the event of its freeze records \"{}\"",
                clipped(counted)
            ));
        }
        if !content.is_empty() && issues::content_hash(tx, issue)?.as_deref() != Some(content) {
            flaws.push(format!("{post}: its subject or its email is not the one of its freeze"));
        }
    }
    named(
        tx,
        "SELECT issue.post, '' FROM issue WHERE state NOT IN ('baseline', 'rehearsal')
         AND id NOT IN (SELECT issue FROM event WHERE kind = 'freeze' AND issue IS NOT NULL) ORDER BY id",
        "the event of its freeze is missing",
        flaws,
    )?;
    named(
        tx,
        "SELECT 'issue ' || delivery.issue, address FROM delivery WHERE issue NOT IN (SELECT id FROM issue) ORDER BY id",
        "its issue does not exist",
        flaws,
    )
}

/// The frozen email of each issue is unchanged.
fn frozen_emails(tx: &mut dyn Tx, flaws: &mut Vec<String>) -> Result<(), StoreError> {
    tx.each(
        "SELECT post, letter, letter_sha256 FROM issue WHERE state <> 'baseline' ORDER BY id",
        &[],
        &mut |row| {
            let (post, letter, hash): (String, String, Vec<u8>) = (row.get(0)?, row.get(1)?, row.get(2)?);
            if digest(&SHA256, letter.as_bytes()).as_ref() != hash {
                flaws.push(format!("{post}: its frozen email was changed"));
            }
            Ok(())
        },
    )
}

/// Every state is one of the eight, and no subscriber has two deliveries of one issue.
fn states(tx: &mut dyn Tx, flaws: &mut Vec<String>) -> Result<(), StoreError> {
    let words: Vec<String> = State::ALL.iter().map(|state| format!("'{state}'")).collect();
    let sql = format!(
        "SELECT post, address FROM delivery JOIN issue ON issue.id = delivery.issue
         WHERE delivery.state NOT IN ({}) ORDER BY delivery.id",
        words.join(", ")
    );
    named(tx, &sql, "its state is invalid", flaws)?;
    // Unindexed on purpose: an index that is damaged must not hide what it should have prevented.
    named(
        tx,
        "SELECT post, min(address) FROM delivery JOIN issue ON issue.id = delivery.issue
         GROUP BY delivery.issue + 0, addr_key, post HAVING count(*) > 1",
        "there are two deliveries to one subscriber",
        flaws,
    )?;
    named(
        tx,
        "SELECT CASE WHEN series LIKE 'series:%' THEN series ELSE 'the week ' || series END, min(address) FROM delivery JOIN issue ON issue.id = delivery.issue
         WHERE series IS NOT NULL GROUP BY series, addr_key HAVING count(*) > 1 ORDER BY series",
        "there are two emails to one subscriber",
        flaws,
    )
}

/// The counts of finished issues are those of their deliveries, and nothing of such an issue is open.
fn counted(tx: &mut dyn Tx, flaws: &mut Vec<String>) -> Result<(), StoreError> {
    let differ = tx.all(
        "SELECT post, all_counts.state, CAST(sum(written) AS BIGINT), CAST(sum(found) AS BIGINT) FROM (
             SELECT issue, state, deliveries AS written, 0 AS found FROM issue_count
             UNION ALL
             SELECT issue, state, 0, count(*) FROM delivery GROUP BY issue, state) AS all_counts
         JOIN issue ON issue.id = all_counts.issue WHERE finished_at IS NOT NULL
         GROUP BY issue.id, post, all_counts.state HAVING sum(written) <> sum(found) ORDER BY issue.id, all_counts.state",
        &[],
        |row| {
            let (post, state, written, found): (String, String, i64, i64) =
                (row.get(0)?, row.get(1)?, row.get(2)?, row.get(3)?);
            Ok(format!("{post}: {written} deliveries are counted as {state}, but there are {found}"))
        },
    )?;
    flaws.extend(differ);
    named(
        tx,
        "SELECT post, address FROM delivery JOIN issue ON issue.id = delivery.issue
         WHERE finished_at IS NOT NULL AND open = 1 ORDER BY delivery.id",
        "it is open, but its issue is finished",
        flaws,
    )
}

/// Every sent delivery has a proof, and every armed or unknown one has an attempt.
fn proofs(tx: &mut dyn Tx, flaws: &mut Vec<String>) -> Result<(), StoreError> {
    named(
        tx,
        "SELECT post, address FROM delivery JOIN issue ON issue.id = delivery.issue
         WHERE delivery.state = 'sent' AND coalesce(last_phase, '') <> 'evidence'
         AND compacted_at IS NULL
         AND delivery.id NOT IN (SELECT delivery FROM attempt WHERE result = 'sent')
         AND delivery.id NOT IN (SELECT delivery FROM old_attempt WHERE result = 'sent') ORDER BY delivery.id",
        "it is recorded as sent, but there is neither an attempt nor other evidence",
        flaws,
    )?;
    // A restored ledger lacks the attempts of its unknown deliveries, and records that.
    let forgotten = format!("('{}', '{}')", crate::ledger::RESTORED, crate::ledger::ACKNOWLEDGED);
    let sql = format!(
        "SELECT post, address FROM delivery JOIN issue ON issue.id = delivery.issue
         WHERE delivery.state IN ('armed', 'unknown')
         AND NOT (delivery.state = 'unknown' AND token IS NULL AND coalesce(reason, '') IN {forgotten})
         AND (token IS NULL OR NOT EXISTS (
             SELECT 1 FROM attempt WHERE attempt.issue = delivery.issue AND attempt.delivery = delivery.id
             AND attempt.token = delivery.token))
         ORDER BY delivery.id"
    );
    named(tx, &sql, "it is recorded as armed or unknown, but no attempt armed it", flaws)?;
    let unowned = "SELECT 'an attempt', 'for delivery ' || delivery FROM attempt
                   WHERE delivery NOT IN (SELECT id FROM delivery) ORDER BY delivery";
    named(tx, unowned, "its delivery does not exist", flaws)
}

/// No delivery is open although a relay took its message, and no finished issue was opened without a record of it.
fn reopened(tx: &mut dyn Tx, flaws: &mut Vec<String>) -> Result<(), StoreError> {
    named(
        tx,
        "SELECT post, address FROM delivery JOIN issue ON issue.id = delivery.issue
         WHERE delivery.state <> 'sent' AND EXISTS (
             SELECT 1 FROM attempt
             WHERE attempt.issue = delivery.issue AND attempt.delivery = delivery.id AND result = 'sent')
         ORDER BY delivery.id",
        "one of its attempts was accepted, but it is not recorded as sent",
        flaws,
    )?;
    named(
        tx,
        "SELECT post, '' FROM issue WHERE state = 'sending' AND finished_at IS NOT NULL ORDER BY id",
        "it is being sent, but it is finished",
        flaws,
    )?;
    named(
        tx,
        "SELECT post, '' FROM issue WHERE state = 'sending' AND 'done' = (
             SELECT kind FROM event WHERE id = (
                 SELECT max(id) FROM event WHERE event.issue = issue.id
                 AND kind IN ('freeze', 'sending', 'done', 'reopen', 'resend', 'retry', 'evidence', 'leave')))
         ORDER BY id",
        "it was finished, and nothing records why it is being sent again",
        flaws,
    )
}

/// No address has two deliveries of an issue.
fn repeated_addresses(tx: &mut dyn Tx, flaws: &mut Vec<String>) -> Result<(), StoreError> {
    let twice = format!(
        "SELECT post, address FROM delivery JOIN issue ON issue.id = delivery.issue
         WHERE address <> '{NOBODY}' GROUP BY delivery.issue + 0, post, address HAVING count(*) > 1"
    );
    named(tx, &twice, "there are two deliveries to this address", flaws)
}

fn wrong_addresses(
    tx: &mut dyn Tx,
    key_of: &impl Fn(&EmailAddress) -> AddressKey,
) -> Result<Vec<String>, StoreError> {
    let sql =
        "SELECT delivery.id, post, address, addr_key FROM delivery JOIN issue ON issue.id = delivery.issue
               WHERE delivery.id > ?1 ORDER BY delivery.id LIMIT ?2";
    let (mut flaws, mut last) = (Vec::new(), 0_i64);
    loop {
        let mut count = 0;
        tx.each(sql, args![last, PAGE], &mut |row| {
            count += 1;
            last = row.get(0)?;
            let text: String = row.get(2)?;
            let key: [u8; 16] = row.get(3)?;
            if text != NOBODY && EmailAddress::parse(&text).map_or(true, |address| key_of(&address).0 != key)
            {
                let post: String = row.get(1)?;
                let (post, address) = (clipped(&post), clipped(&text));
                flaws.push(format!("{post}, {address}: this is not the address that was frozen"));
            }
            Ok(())
        })?;
        if count < PAGE {
            return Ok(flaws);
        }
    }
}

/// A flaw for each row of a query with the columns issue and subscriber.
fn named(tx: &mut dyn Tx, sql: &str, what: &str, flaws: &mut Vec<String>) -> Result<(), StoreError> {
    let found = tx.all(sql, args![], |row: &dyn Row| {
        let (post, who): (String, String) = (row.get(0)?, row.get(1)?);
        Ok(format!("{post}{}{who}: {what}", if who.is_empty() { "" } else { ", " }))
    })?;
    flaws.extend(found);
    Ok(())
}
