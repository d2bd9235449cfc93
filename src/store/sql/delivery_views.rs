//! Deliveries as they are shown to people: of an issue, of a subscriber, in some states.

use std::collections::BTreeSet;

use super::deliveries::{by_issue, found_delivery};
use super::rows::{COLUMNS, delivery};
use super::{Dialect, Row, Store, StoreError, Tx, Value, args, counts, issue_rows};
use crate::ledger::State;
use crate::store::{DeliveryId, DeliveryNumber, DeliveryView, Filter, IssueNumber};

impl Store {
    /// The deliveries that `filter` describes, to be shown to people.
    pub async fn deliveries(&self, filter: Filter) -> Result<Vec<DeliveryView>, StoreError> {
        self.read("reading the ledger", move |tx| list(tx, &filter)).await
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

/// What [`view`] reads, in its order.
fn view_columns() -> String {
    format!(
        "{COLUMNS}, delivery.id, post, subject, address, message_id, delivery.changed_at, delivery.issue, message_domain"
    )
}

fn view(row: &dyn Row) -> Result<DeliveryView, StoreError> {
    Ok(DeliveryView {
        id: DeliveryId { issue: IssueNumber(row.get(18)?), number: DeliveryNumber(row.get(12)?) },
        post: row.get(13)?,
        subject: issue_rows::subject(&row.get::<String>(14)?)?,
        address: row.get(15)?,
        message_id: Some(row.get::<String>(16)?).filter(|id| !id.is_empty()),
        message_domain: row.get(19)?,
        row: delivery(row)?,
        changed_at: row.get(17)?,
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
        // Written out, and with the condition of a partial index where one contains these states.
        let words: Vec<String> = filter.states.iter().map(|state| format!("'{state}'")).collect();
        wanted.push(format!("state IN ({})", words.join(", ")));
        if filter.states.iter().all(|state| !state.is_open() && *state != State::Sent) {
            wanted.push(counts::UNSENT.to_owned());
        }
    }
    // CROSS: SQLite looks into the issues first, of which there are few, and then finds the deliveries by an index.
    let sql = format!(
        "SELECT {} FROM (SELECT id AS issue_id, post, subject, frozen_at, message_domain FROM issue) AS issues
         CROSS JOIN delivery WHERE delivery.issue = issue_id AND {} ORDER BY issue_id DESC, delivery.id",
        view_columns(),
        wanted.join(" AND ")
    );
    tx.all(&sql, &values, view)
}

/// Some deliveries of an issue, in order.
fn views(tx: &mut dyn Tx, issue: i64, numbers: &BTreeSet<i64>) -> Result<Vec<DeliveryView>, StoreError> {
    let sql = format!(
        "SELECT {} FROM delivery JOIN issue ON issue.id = delivery.issue WHERE delivery.issue = ?1 AND delivery.id",
        view_columns()
    );
    match tx.dialect() {
        Dialect::Sqlite => {
            let sql = format!("{sql} = ?2");
            let mut found = Vec::with_capacity(numbers.len());
            for number in numbers {
                found.extend(tx.one(&sql, args![issue, *number], view)?);
            }
            Ok(found)
        }
        Dialect::Postgres => {
            let wanted: Vec<Option<i64>> = numbers.iter().copied().map(Some).collect();
            tx.all(&format!("{sql} = ANY(?2) ORDER BY delivery.id"), args![issue, wanted.as_slice()], view)
        }
    }
}
