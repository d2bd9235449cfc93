//! The issues that were mailed, for the pages that show them: read without their emails, which are many times as large.

use std::collections::HashMap;

use super::{Row, Store, StoreError, args, issue_rows};
use crate::store::IssueNumber;
use crate::store::digest::PREFIX;
use crate::store::subscriber_store::MailedIssue;

/// Not the rehearsals, and not what was cancelled.
const MAILED: &str = "issue.state IN ('sending', 'paused', 'done') AND issue.rehearsal = 0";

impl Store {
    /// Differs whenever [`Store::mailed_issues`] may differ; `None` while an issue is being sent.
    pub async fn mailed_state(&self) -> Result<Option<String>, StoreError> {
        self.read("reading the issues", |tx| {
            let sql = format!(
                "SELECT count(*), count(finished_at), coalesce(max(id), 0), CAST(coalesce(sum(id), 0) AS BIGINT)
                 FROM issue WHERE {MAILED}"
            );
            let state = tx.one(&sql, &[], |row| {
                let (all, finished): (i64, i64) = (row.get(0)?, row.get(1)?);
                let (newest, sum): (i64, i64) = (row.get(2)?, row.get(3)?);
                Ok((all == finished).then(|| format!("{all} {newest} {sum}")))
            })?;
            Ok(state.flatten())
        })
        .await
    }

    /// The issues that at least one subscriber got, newest first: of posts, and the longest digest of each week.
    pub async fn mailed_issues(&self) -> Result<Vec<MailedIssue>, StoreError> {
        self.read("reading the issues", |tx| {
            let mut carried: HashMap<i64, Vec<String>> = HashMap::new();
            let sql = format!(
                "SELECT issue_post.issue, issue_post.post FROM issue_post JOIN issue ON issue.id = issue_post.issue
                 WHERE {MAILED} ORDER BY issue_post.issue, issue_post.post"
            );
            for (issue, post) in tx.all(&sql, &[], |row| Ok((row.get(0)?, row.get::<String>(1)?)))? {
                carried.entry(issue).or_default().push(post);
            }
            let sql = format!(
                "SELECT id, post, subject, label, frozen_at, letter_sha256, series FROM issue
                 WHERE {MAILED} AND (series IS NULL OR post LIKE '{PREFIX}%')
                 AND EXISTS (SELECT 1 FROM delivery WHERE delivery.issue = issue.id AND delivery.state = 'sent')
                 ORDER BY frozen_at DESC, id DESC"
            );
            let mut issues = tx.all(&sql, &[], mailed)?;
            for issue in &mut issues {
                issue.posts.extend(carried.remove(&issue.number.0).unwrap_or_default());
            }
            Ok(one_of_each_week(issues))
        })
        .await
    }

    /// The frozen email of an issue, as JSON.
    pub async fn message_of(&self, number: IssueNumber) -> Result<Option<String>, StoreError> {
        self.read("reading an issue", move |tx| {
            tx.one("SELECT letter FROM issue WHERE id = ?1", args![number.0], |row| row.get(0))
        })
        .await
    }
}

fn mailed(row: &dyn Row) -> Result<MailedIssue, StoreError> {
    Ok(MailedIssue {
        number: IssueNumber(row.get(0)?),
        posts: vec![row.get(1)?],
        subject: issue_rows::subject(&row.get::<String>(2)?)?,
        label: row.get(3)?,
        frozen_at: row.get(4)?,
        content: row.get(5)?,
        week: row.get(6)?,
    })
}

/// Subscribers who chose topics got a part of the digest; the one with the most posts stands for all.
fn one_of_each_week(issues: Vec<MailedIssue>) -> Vec<MailedIssue> {
    let mut longest: HashMap<String, (usize, i64)> = HashMap::new();
    for issue in &issues {
        let Some(week) = &issue.week else { continue };
        let rank = (issue.posts.len(), -issue.number.0);
        let best = longest.entry(week.clone()).or_insert(rank);
        *best = rank.max(*best);
    }
    let is_shown = |issue: &MailedIssue| {
        let rank = (issue.posts.len(), -issue.number.0);
        issue.week.as_ref().is_none_or(|week| longest.get(week) == Some(&rank))
    };
    issues.into_iter().filter(is_shown).collect()
}
