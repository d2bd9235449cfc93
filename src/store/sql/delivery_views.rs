//! Deliveries as they are shown to people: of an issue, of a subscriber, in some states.

use std::collections::BTreeSet;

use super::deliveries::{by_issue, found_delivery};
use super::rows::{COLUMNS, WIDTH, delivery};
use super::{Dialect, Row, Store, StoreError, Tx, Value, args, issue_rows};
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
             CROSS JOIN delivery WHERE delivery.issue = issue_id AND state IN ({states}) AND open IS NOT NULL
                 AND coalesce(reason, '') <> ?1"
        );
        let count = move |tx: &mut dyn Tx| tx.one(&sql, args![ACKNOWLEDGED], |row| row.get(0));
        Ok(self.read("counting unknown outcomes", count).await?.unwrap_or_default())
    }

    /// All deliveries of a post's issue, in order: sixteen bytes for each, so that a million of them can be shown page by
    /// page.
    pub async fn delivery_ids(&self, post: &str) -> Result<Vec<DeliveryId>, StoreError> {
        let post = post.to_owned();
        self.read("reading the ledger", move |tx| {
            let sql = "SELECT issue, delivery.id FROM issue JOIN delivery ON delivery.issue = issue.id WHERE post = ?1";
            let mut found = tx.all(sql, args![&post], found_delivery)?;
            found.sort_unstable();
            Ok(found)
        })
        .await
    }

    /// Some of them.
    pub async fn delivery_page(&self, page: Vec<DeliveryId>) -> Result<Vec<DeliveryView>, StoreError> {
        self.read("reading the ledger", move |tx| {
            let mut found = Vec::with_capacity(page.len());
            for (issue, numbers) in by_issue(page.iter().copied()) {
                found.extend(views(tx, issue, &numbers)?);
            }
            Ok(found)
        })
        .await
    }
}

/// What [`view`] reads after [`COLUMNS`], in its order.
const VIEWED: &str = "delivery.id, address, message_id, delivery.changed_at";

/// What all deliveries of an issue share. It is stored behind the email, so it is not read for each of them.
struct IssueFacts {
    number: IssueNumber,
    post: String,
    subject: HeaderText,
    message_domain: String,
}

impl IssueFacts {
    /// Reads `id`, `post`, `subject` and `message_domain` from the columns from `first`.
    fn read(row: &dyn Row, first: usize) -> Result<Self, StoreError> {
        Ok(Self {
            number: IssueNumber(row.get(first)?),
            post: row.get(first + 1)?,
            subject: issue_rows::subject(&row.get::<String>(first + 2)?)?,
            message_domain: row.get(first + 3)?,
        })
    }
}

fn view(row: &dyn Row, issue: &IssueFacts) -> Result<DeliveryView, StoreError> {
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
        if !filter.states.contains(&State::Sent) {
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

/// Some deliveries of an issue, in order.
fn views(tx: &mut dyn Tx, issue: i64, numbers: &BTreeSet<i64>) -> Result<Vec<DeliveryView>, StoreError> {
    let sql = "SELECT id, post, subject, message_domain FROM issue WHERE id = ?1";
    let Some(facts) = tx.one(sql, args![issue], |row| IssueFacts::read(row, 0))? else {
        return Ok(Vec::new());
    };
    let sql = format!("SELECT {COLUMNS}, {VIEWED} FROM delivery WHERE issue = ?1 AND id");
    match tx.dialect() {
        Dialect::Sqlite => {
            let sql = format!("{sql} = ?2");
            let mut found = Vec::with_capacity(numbers.len());
            for number in numbers {
                found.extend(tx.one(&sql, args![issue, *number], |row| view(row, &facts))?);
            }
            Ok(found)
        }
        Dialect::Postgres => {
            let wanted: Vec<Option<i64>> = numbers.iter().copied().map(Some).collect();
            let sql = format!("{sql} = ANY(?2) ORDER BY id");
            tx.all(&sql, args![issue, wanted.as_slice()], |row| view(row, &facts))
        }
    }
}
