//! Deliveries as they are shown to people: of an issue, of a subscriber, in some states.

use super::rows::{COLUMNS, WIDTH, delivery};
use super::{Row, Store, StoreError, Tx, Value, args, issue_rows};
use crate::ledger::{ACKNOWLEDGED, State};
use crate::store::{DeliveryId, DeliveryNumber, DeliveryView, Filter, IssueNumber};
use crate::text::HeaderText;

impl Store {
    /// The deliveries that `filter` describes, to be shown to people.
    pub async fn deliveries(&self, filter: Filter) -> Result<Vec<DeliveryView>, StoreError> {
        self.read("reading the ledger", move |tx| list(tx, &filter)).await
    }

    /// How many deliveries have an unknown outcome and wait for a decision.
    pub async fn unknown_outcomes(&self) -> Result<u64, StoreError> {
        let states = [State::Unknown, State::FailedUncertain].map(|state| format!("'{state}'")).join(", ");
        let sql = format!(
            "SELECT count(*) FROM (SELECT id AS issue_id FROM issue) AS issues
             CROSS JOIN delivery WHERE delivery.issue = issue_id AND open = 0 AND state IN ({states})
                 AND coalesce(reason, '') <> ?1"
        );
        let count = move |tx: &mut dyn Tx| tx.one(&sql, args![ACKNOWLEDGED], |row| row.get(0));
        Ok(self.read("counting unknown outcomes", count).await?.unwrap_or_default())
    }
}

/// What [`view`] reads after [`COLUMNS`], in its order.
pub(super) const VIEWED: &str = "delivery.id, address, message_id, delivery.changed_at";

/// What all deliveries of an issue share. It is stored behind the email, so it is not read for each of them.
pub(super) struct IssueFacts {
    pub(super) number: IssueNumber,
    post: String,
    subject: HeaderText,
    message_domain: String,
}

impl IssueFacts {
    /// Reads `id`, `post`, `subject` and `message_domain` from the columns from `first`.
    pub(super) fn read(row: &dyn Row, first: usize) -> Result<Self, StoreError> {
        Ok(Self {
            number: IssueNumber(row.get(first)?),
            post: row.get(first + 1)?,
            subject: issue_rows::subject(&row.get::<String>(first + 2)?)?,
            message_domain: row.get(first + 3)?,
        })
    }
}

pub(super) fn view(row: &dyn Row, issue: &IssueFacts) -> Result<DeliveryView, StoreError> {
    Ok(DeliveryView {
        id: DeliveryId { issue: issue.number, number: DeliveryNumber(row.get(WIDTH)?) },
        post: issue.post.clone(),
        subject: issue.subject.clone(),
        address: row.get(WIDTH + 1)?,
        message_id: Some(row.get::<String>(WIDTH + 2)?).filter(|id| !id.is_empty()),
        message_domain: issue.message_domain.clone(),
        row: delivery(row)?,
        changed_at: row.get(WIDTH + 3)?,
    })
}

fn list(tx: &mut dyn Tx, filter: &Filter) -> Result<Vec<DeliveryView>, StoreError> {
    let (mut wanted, mut values) = (vec!["1 = 1".to_owned()], Vec::new());
    if let Some(post) = &filter.post {
        values.push(Value::from(post));
        wanted.push(format!("post = ?{}", values.len()));
    }
    if let Some(subscriber) = &filter.subscriber {
        values.push(Value::from(&subscriber.0));
        wanted.push(format!("addr_key = ?{}", values.len()));
    }
    if !filter.states.is_empty() {
        // Written out, and with the condition of the index where it contains these states.
        let words: Vec<String> = filter.states.iter().map(|state| format!("'{state}'")).collect();
        wanted.push(format!("state IN ({})", words.join(", ")));
        let ended = [State::Failed, State::Skipped, State::Unknown, State::FailedUncertain];
        if filter.states.iter().all(|state| ended.contains(state)) {
            wanted.push("open = 0".to_owned());
        } else if !filter.states.contains(&State::Sent) {
            wanted.push("open IS NOT NULL".to_owned());
        }
    }
    // CROSS: SQLite looks into the issues first, of which there are few, and then finds the deliveries by an index.
    let sql = format!(
        "SELECT {COLUMNS}, {VIEWED}, issue_id, post, subject, message_domain
         FROM (SELECT id AS issue_id, post, subject, message_domain FROM issue) AS issues
         CROSS JOIN delivery WHERE delivery.issue = issue_id AND {} ORDER BY issue_id DESC, delivery.id",
        wanted.join(" AND ")
    );
    tx.all(&sql, &values, |row| view(row, &IssueFacts::read(row, WIDTH + 4)?))
}
