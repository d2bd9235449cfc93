//! Posts: their identities, how long they wait, approvals; rehearsals, and issues that are extended.

use std::collections::HashMap;

use chrono::{DateTime, Utc};

use super::audience::Selection;
use super::deliveries::{self, Scope};
use super::events::{self, Entry};
use super::{Store, StoreError, Tx, args, issue_rows, issues, update_statistics};
use crate::archive::Segment;
use crate::ledger::IssueState;
use crate::ledger::transition::Event;
use crate::schedule::identity::StoredPost;
use crate::store::posts::{Approval, Audience, FrozenIssue, Waiting};

/// The name of an issue that was only rehearsed begins with this; its number and the post's id follow.
const REHEARSAL: &str = "rehearsal:";

impl Store {
    /// Every form in which a post of the ledger was seen; for posts that were recorded before identities existed, the
    /// title.
    pub async fn identities(&self) -> Result<Vec<StoredPost>, StoreError> {
        self.read("reading the identities of posts", |tx| {
            tx.all(
                "SELECT post, path, title, published, fingerprint FROM post_identity
                 UNION ALL
                 SELECT post, '', subject, frozen_at, '' FROM issue WHERE series IS NULL AND state <> 'rehearsal'
                     AND NOT EXISTS (SELECT 1 FROM post_identity WHERE post_identity.post = issue.post)",
                &[],
                |row| {
                    Ok(StoredPost {
                        post: row.get(0)?,
                        path: row.get(1)?,
                        title: row.get(2)?,
                        published: row.get(3)?,
                        fingerprint: row.get(4)?,
                    })
                },
            )
        })
        .await
    }

    /// Remembers further forms.
    pub async fn store_identities(
        &self,
        identities: Vec<StoredPost>,
        now: DateTime<Utc>,
    ) -> Result<(), StoreError> {
        self.write("recording posts", now, move |tx, now| {
            for identity in &identities {
                tx.execute(
                    "INSERT INTO post_identity (post, path, title, published, fingerprint, seen_at)
                     VALUES (?1, ?2, ?3, ?4, ?5, ?6) ON CONFLICT DO NOTHING",
                    args![
                        &identity.post,
                        &identity.path,
                        &identity.title,
                        identity.published,
                        &identity.fingerprint,
                        now
                    ],
                )?;
            }
            Ok(())
        })
        .await
    }

    /// Since when each of the waiting posts has been waiting, by its id. With `restart`, since its text last changed.
    /// Deletes posts that no longer wait.
    pub async fn waiting_since(
        &self,
        posts: Vec<Waiting>,
        restart: bool,
        now: DateTime<Utc>,
    ) -> Result<HashMap<String, DateTime<Utc>>, StoreError> {
        self.write("recording pending posts", now, move |tx, _| {
            let known: HashMap<String, (String, DateTime<Utc>)> = tx
                .all("SELECT post, text, since FROM post_waiting", &[], |row| {
                    Ok((row.get(0)?, (row.get(1)?, row.get(2)?)))
                })?
                .into_iter()
                .collect();
            let mut since_when = HashMap::new();
            for Waiting { post, text, since } in &posts {
                let noted = known.get(post);
                // A time in the future was noted before the clock was set back.
                let since = match noted {
                    Some((before, noted)) if (before == text || !restart) && *noted <= now => *noted,
                    Some(_) => now,
                    None => *since,
                };
                if noted != Some(&(text.clone(), since)) {
                    tx.execute(
                        "INSERT INTO post_waiting (post, text, since) VALUES (?1, ?2, ?3)
                         ON CONFLICT (post) DO UPDATE SET text = ?2, since = ?3",
                        args![post, text, since],
                    )?;
                }
                since_when.insert(post.clone(), since);
            }
            for post in known.keys().filter(|post| !since_when.contains_key(*post)) {
                tx.execute("DELETE FROM post_waiting WHERE post = ?1", args![post])?;
            }
            Ok(since_when)
        })
        .await
    }

    /// The same as far as it is recorded; writes nothing.
    pub async fn waiting(&self) -> Result<HashMap<String, DateTime<Utc>>, StoreError> {
        self.read("reading pending posts", |tx| {
            let rows =
                tx.all("SELECT post, since FROM post_waiting", &[], |row| Ok((row.get(0)?, row.get(1)?)))?;
            Ok(rows.into_iter().collect())
        })
        .await
    }

    /// Whether `content` of a post or a digest may be mailed.
    pub async fn approval(&self, subject: &str, content: &str) -> Result<Approval, StoreError> {
        let (subject, content) = (subject.to_owned(), content.to_owned());
        self.read("reading an approval", move |tx| {
            let found: Option<(DateTime<Utc>, Option<DateTime<Utc>>)> = tx.one(
                "SELECT asked_at, approved_at FROM approval WHERE subject = ?1 AND content = ?2",
                args![&subject, &content],
                |row| Ok((row.get(0)?, row.get(1)?)),
            )?;
            Ok(match found {
                None => Approval::NotAsked,
                Some((asked_at, None)) => Approval::Asked(asked_at),
                Some((_, Some(_))) => Approval::Given,
            })
        })
        .await
    }

    /// Records that the writer was asked for approval.
    pub async fn ask_approval(
        &self,
        subject: &str,
        content: &str,
        now: DateTime<Utc>,
    ) -> Result<(), StoreError> {
        let (subject, content) = (subject.to_owned(), content.to_owned());
        self.write("requesting an approval", now, move |tx, now| {
            tx.execute(
                "INSERT INTO approval (subject, content, asked_at) VALUES (?1, ?2, ?3)
                 ON CONFLICT (subject, content) DO NOTHING",
                args![&subject, &content, now],
            )
            .map(drop)
        })
        .await
    }

    /// Approves the latest content for which approval of this post or digest was asked. `false`: it was not asked.
    pub async fn approve_asked(&self, subject: &str, now: DateTime<Utc>) -> Result<bool, StoreError> {
        let subject = subject.to_owned();
        self.write("recording an approval", now, move |tx, now| {
            let asked: Option<String> = tx.one(
                "SELECT content FROM approval WHERE subject = ?1 ORDER BY asked_at DESC LIMIT 1",
                args![&subject],
                |row| row.get(0),
            )?;
            let Some(content) = asked else { return Ok(false) };
            approve(tx, &subject, &content, now).map(|()| true)
        })
        .await
    }

    /// The same for this content, in any post or digest.
    pub async fn approve_content(&self, content: &str, now: DateTime<Utc>) -> Result<bool, StoreError> {
        let content = content.to_owned();
        self.write("recording an approval", now, move |tx, now| {
            let sql = "SELECT subject FROM approval WHERE content = ?1";
            let asked: Option<String> = tx.one(sql, args![&content], |row| row.get(0))?;
            let Some(subject) = asked else { return Ok(false) };
            approve(tx, &subject, &content, now).map(|()| true)
        })
        .await
    }

    /// Records an approval.
    pub async fn approve(&self, subject: &str, content: &str, now: DateTime<Utc>) -> Result<(), StoreError> {
        let (subject, content) = (subject.to_owned(), content.to_owned());
        self.write("recording an approval", now, move |tx, now| approve(tx, &subject, &content, now)).await
    }

    /// Who would get an issue of a post for this segment.
    pub async fn audience(&self, post: &str, segment: Segment) -> Result<Audience, StoreError> {
        let post = post.to_owned();
        self.read("counting the audience", move |tx| {
            let selection = Selection::new(tx.dialect(), &post, &segment);
            let each = selection.count(tx)?;
            let active = "SELECT count(CASE WHEN frequency = 'weekly' THEN 1 END), count(*) FROM subscriber
                          WHERE status = 'active' AND NOT EXISTS (
                              SELECT 1 FROM suppression WHERE suppression.addr_key = subscriber.addr_key)";
            let (weekly, all): (u64, u64) =
                tx.one(active, &[], |row| Ok((row.get(0)?, row.get(1)?)))?.unwrap_or_default();
            Ok(Audience { immediate: each, weekly, others: all.saturating_sub(each + weekly) })
        })
        .await
    }

    /// The issue of a post.
    pub async fn frozen(&self, post: &str) -> Result<Option<FrozenIssue>, StoreError> {
        let post = post.to_owned();
        self.read("reading an issue", move |tx| {
            let in_doubt = issues::may_be_mailed(tx, &post)?;
            tx.one("SELECT state, letter FROM issue WHERE post = ?1", args![&post], |row| {
                let state = issue_rows::state(&row.get::<String>(0)?)?;
                let may_be_mailed = in_doubt && state == IssueState::Baseline;
                Ok(FrozenIssue { state, message: row.get(1)?, may_be_mailed })
            })
        })
        .await
    }

    /// Adds a delivery for each active subscriber who would be in the audience now and has none, and opens the issue
    /// again. Returns how many.
    pub async fn extend(
        &self,
        post: &str,
        segment: Segment,
        message_domain: &str,
        now: DateTime<Utc>,
    ) -> Result<u64, StoreError> {
        let (post, domain) = (post.to_owned(), message_domain.to_owned());
        self.freezing("extending an issue", now, move |tx, now| {
            let found: Option<(i64, String)> = tx.one(
                "SELECT id, state FROM issue WHERE post = ?1 AND state IN ('sending', 'done')",
                args![&post],
                |row| Ok((row.get(0)?, row.get(1)?)),
            )?;
            let Some((number, _)) = found else { return Ok(0) };
            issue_rows::hold_lock(tx, number)?;
            let selection = Selection::new(tx.dialect(), &post, &segment).without(number);
            let added = issues::add_deliveries(tx, number, &selection, now)?;
            if added == 0 {
                return Ok(0);
            }
            issues::extend(tx, number, now)?;
            tx.execute("UPDATE issue SET message_domain = ?2 WHERE id = ?1", args![number, &domain])?;
            let audience: u64 = tx
                .one("SELECT audience FROM issue WHERE id = ?1", args![number], |row| row.get(0))?
                .unwrap_or(0);
            issues::count(tx, number, &post, audience + added, now)?;
            update_statistics(tx, "delivery")?;
            Ok(added)
        })
        .await
    }

    /// Renames the issues that were only rehearsed, so that their posts count as not mailed. Returns how many.
    pub async fn end_rehearsal(&self, now: DateTime<Utc>) -> Result<u64, StoreError> {
        self.write("ending the rehearsal", now, |tx, now| {
            let rehearsed: Vec<(i64, String)> = tx.all(
                "SELECT id, post FROM issue WHERE rehearsal = 1 AND state <> 'rehearsal' ORDER BY id",
                &[],
                |row| Ok((row.get(0)?, row.get(1)?)),
            )?;
            for (number, post) in &rehearsed {
                deliveries::skip_waiting(tx, Scope::Issue(*number), "rehearsal", now)?;
                let unknown = tx.all(
                    "SELECT issue, id FROM delivery WHERE issue = ?1 AND state IN ('unknown', 'failed_uncertain') ORDER BY id",
                    args![*number],
                    deliveries::found_delivery,
                )?;
                deliveries::to_each(tx, &unknown, &Event::Acknowledge, now)?;
                tx.execute(
                    "UPDATE issue SET state = 'rehearsal', series = NULL, post = ?2 WHERE id = ?1",
                    args![*number, &format!("{REHEARSAL}{number}:{post}")],
                )?;
                tx.execute("DELETE FROM issue_post WHERE issue = ?1", args![*number])?;
                tx.execute("DELETE FROM post_identity WHERE post = ?1", args![post])?;
                let entry = Entry {
                    kind: "rehearsal",
                    issue: Some(*number),
                    subject: None,
                    actor: "letterpress",
                    detail: "it was written to files while no relay was configured",
                };
                events::append(tx, &entry, now)?;
            }
            Ok(rehearsed.len() as u64)
        })
        .await
    }

    /// Deletes rehearsals that were frozen before `before`.
    pub async fn erase_rehearsals(&self, before: DateTime<Utc>) -> Result<(), StoreError> {
        self.write("erasing rehearsals", before, |tx, before| {
            let old: Vec<i64> = tx.all(
                "SELECT id FROM issue WHERE rehearsal = 1 AND state = 'rehearsal' AND frozen_at < ?1 ORDER BY id",
                args![before],
                |row| row.get(0),
            )?;
            for number in old {
                for sql in [
                    "DELETE FROM inbound_report WHERE issue = ?1",
                    "DELETE FROM attempt WHERE issue = ?1",
                    "DELETE FROM old_attempt WHERE delivery IN (SELECT id FROM delivery WHERE issue = ?1)",
                    "DELETE FROM issue_count WHERE issue = ?1",
                    "DELETE FROM delivery WHERE issue = ?1",
                    "DELETE FROM issue WHERE id = ?1",
                ] {
                    tx.execute(sql, args![number])?;
                }
            }
            Ok(())
        })
        .await
    }
}

fn approve(tx: &mut dyn Tx, subject: &str, content: &str, now: DateTime<Utc>) -> Result<(), StoreError> {
    tx.execute(
        "INSERT INTO approval (subject, content, asked_at, approved_at) VALUES (?1, ?2, ?3, ?3)
         ON CONFLICT (subject, content) DO UPDATE SET approved_at = ?3",
        args![subject, content, now],
    )?;
    let detail = format!("{subject} {content}");
    let entry = Entry { kind: "approve", issue: None, subject: None, actor: "approve", detail: &detail };
    events::append(tx, &entry, now)
}
