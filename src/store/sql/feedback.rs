//! The bounces and complaints of an issue.

use chrono::{DateTime, Utc};

use super::{Store, StoreError, Tx, args, counts, subscribers};
use crate::ledger::health::FeedbackCounts;
use crate::ledger::{NO_MAILBOX, State};
use crate::store::IssueNumber;
use crate::subscribers::AddressKey;

/// The reason for a suppression after the relay refused the mailbox.
const BOUNCED: &str = "bounced at delivery";

impl Store {
    /// How many bounces and complaints an issue has caused so far.
    pub async fn feedback_counts(&self, issue: IssueNumber) -> Result<FeedbackCounts, StoreError> {
        self.read("counting bounces", move |tx| count(tx, issue)).await
    }

    /// How many deliveries of a post's issue failed because of mailboxes that do not exist and are suppressed.
    pub async fn suppressed_of(&self, post: String) -> Result<u64, StoreError> {
        self.read("counting suppressed addresses", move |tx| {
            let sql =
                "SELECT count(*) FROM issue CROSS JOIN delivery WHERE delivery.issue = issue.id AND post = ?1
                       AND open = 0 AND delivery.state = 'failed' AND reason = ?2
                       AND EXISTS (SELECT 1 FROM suppression WHERE suppression.addr_key = delivery.addr_key)";
            Ok(tx.one(sql, args![&post, NO_MAILBOX], |row| row.get(0))?.unwrap_or_default())
        })
        .await
    }

    /// Whether a relay ever accepted a message.
    pub async fn has_sent(&self) -> Result<bool, StoreError> {
        self.read("looking for a message that was sent", |tx| {
            let finished = "SELECT 1 FROM issue_count WHERE state = 'sent' AND deliveries > 0 LIMIT 1";
            let open = "SELECT 1 FROM issue CROSS JOIN delivery WHERE delivery.issue = issue.id AND finished_at IS NULL
                        AND delivery.state = 'sent' LIMIT 1";
            for sql in [finished, open] {
                if tx.one(sql, args![], |row| row.get::<i64>(0))?.is_some() {
                    return Ok(true);
                }
            }
            Ok(false)
        })
        .await
    }

    /// Suppresses the subscribers of an issue whose mailboxes do not exist according to the relay's replies.
    /// Returns how many.
    pub async fn suppress_invalid(&self, issue: IssueNumber, now: DateTime<Utc>) -> Result<u64, StoreError> {
        self.write("suppressing invalid addresses", now, move |tx, now| {
            let sql = "SELECT addr_key FROM delivery WHERE issue = ?1 AND open = 0 AND state = 'failed' AND reason = ?2
                 AND NOT EXISTS (SELECT 1 FROM suppression WHERE suppression.addr_key = delivery.addr_key) ORDER BY id";
            let dead: Vec<[u8; 16]> = tx.all(sql, args![issue.0, NO_MAILBOX], |row| row.get(0))?;
            for key in &dead {
                subscribers::suppress(tx, AddressKey(*key), BOUNCED, "delivery", now)?;
            }
            Ok(dead.len() as u64)
        })
        .await
    }
}

/// Rejections during the delivery are in `delivery`; reports that came back by mail later are in `inbound_report`.
pub(super) fn count(tx: &mut dyn Tx, issue: IssueNumber) -> Result<FeedbackCounts, StoreError> {
    let audience = tx.one("SELECT audience FROM issue WHERE id = ?1", args![issue.0], |row| row.get(0))?;
    let sent = counts::of_unfinished(tx, issue.0, audience.unwrap_or_default())?.count(State::Sent);
    let sql =
        "SELECT count(*) FROM delivery WHERE issue = ?1 AND open = 0 AND state = 'failed' AND reason = ?2";
    let refused: u64 = tx.one(sql, args![issue.0, NO_MAILBOX], |row| row.get(0))?.unwrap_or_default();
    let sql = "SELECT count(*) FROM delivery WHERE issue = ?1
               AND (open = 1 AND state = 'pending' AND last_phase IS NOT NULL
                    OR open = 0 AND state = 'failed' AND reason <> ?2)";
    let other = tx.one(sql, args![issue.0, NO_MAILBOX], |row| row.get(0))?.unwrap_or_default();
    // A subscriber who complains twice counts once.
    let (bounced, complaints): (u64, u64) = tx
        .one(
            "SELECT count(DISTINCT CASE WHEN class = 'dead' THEN addr_key END),
                    count(DISTINCT CASE WHEN kind = 'complaint' THEN addr_key END)
             FROM inbound_report WHERE issue = ?1 AND (class = 'dead' OR kind = 'complaint')",
            args![issue.0],
            |row| Ok((row.get(0)?, row.get(1)?)),
        )?
        .unwrap_or_default();
    // A message that bounced later was sent first.
    Ok(FeedbackCounts { sent: sent.saturating_sub(bounced), hard: refused + bounced, other, complaints })
}
