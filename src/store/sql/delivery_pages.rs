//! The deliveries of an issue, page by page in the order in which they were added: an issue may have a million of them.
//!
//! The next page is read while one is printed. Each has a transaction of its own, which ends before anybody prints: a list
//! that somebody reads for hours keeps neither `SQLite`'s log from being emptied nor a server from cleaning up.
//!
//! No index has the deliveries of an issue in order; the one that prevents a second delivery has them in random order. But a
//! freeze gives them consecutive numbers, so pages are ranges of numbers. Only what was added later (`send --missing`, a
//! series) lies between the deliveries of other issues; then the numbers that are left are read first.

use std::sync::Arc;

use futures_util::future::OptionFuture;
use tokio::sync::mpsc::{self, Receiver, Sender};
use tokio::task::JoinHandle;

use super::delivery_views::{IssueFacts, VIEWED, view};
use super::rows::COLUMNS;
use super::{Backend, Store, StoreError, TransactionMode, Tx, args};
use crate::store::DeliveryView;

const DOING: &str = "reading the ledger";

/// The numbers of one page.
const PAGE: i64 = 1_000;

/// An issue whose pages have fewer deliveries is scattered.
const DENSE: usize = 125;

type Page = Result<Vec<DeliveryView>, StoreError>;

/// See [`Store::delivery_pages`].
pub struct DeliveryPages {
    pages: Receiver<Page>,
    reading: Option<JoinHandle<()>>,
}

impl DeliveryPages {
    /// The next page; `None` after the last.
    pub async fn next(&mut self) -> Result<Option<Vec<DeliveryView>>, StoreError> {
        if let Some(page) = self.pages.recv().await {
            return page.map(Some);
        }
        // A list that ends early because of a panic must not look complete.
        if let Some(Err(panic)) = OptionFuture::from(self.reading.take()).await {
            std::panic::resume_unwind(panic.into_panic());
        }
        Ok(None)
    }
}

impl Store {
    /// All deliveries of a post's issue, in order. Dropping it ends the reading.
    pub fn delivery_pages(&self, post: &str) -> DeliveryPages {
        let (send, pages) = mpsc::channel(1);
        let (backend, post) = (Arc::clone(&self.backend), post.to_owned());
        let reading = tokio::task::spawn_blocking(move || {
            if let Err(error) = send_pages(backend.as_ref(), &post, &send) {
                // Without a receiver nobody wants to know.
                let _ = send.blocking_send(Err(error));
            }
        });
        DeliveryPages { pages, reading: Some(reading) }
    }
}

/// An issue, and where its deliveries are.
struct Extent {
    issue: IssueFacts,
    deliveries: u64,
    /// The lowest number.
    first: i64,
}

fn send_pages(backend: &dyn Backend, post: &str, pages: &Sender<Page>) -> Result<(), StoreError> {
    let found = backend.run(TransactionMode::Read, DOING, |tx| extent(tx, post))?;
    let Some(Extent { issue, mut deliveries, first: mut next }) = found else { return Ok(()) };
    while deliveries > 0 {
        let page = read(backend, &issue, next, next.saturating_add(PAGE - 1))?;
        next = next.saturating_add(PAGE);
        deliveries = deliveries.saturating_sub(page.len() as u64);
        let is_dense = page.len() >= DENSE;
        if pages.blocking_send(Ok(page)).is_err() {
            return Ok(());
        }
        if !is_dense {
            return send_scattered(backend, &issue, next, pages);
        }
    }
    Ok(())
}

/// Sends the deliveries from the number `next`, which is sixteen bytes for each in memory.
fn send_scattered(
    backend: &dyn Backend,
    issue: &IssueFacts,
    next: i64,
    pages: &Sender<Page>,
) -> Result<(), StoreError> {
    let mut numbers = backend.run(TransactionMode::Read, DOING, |tx| {
        let sql = "SELECT id FROM delivery WHERE issue = ?1 AND id >= ?2";
        tx.all(sql, args![issue.number.0, next], |row| row.get::<i64>(0))
    })?;
    numbers.sort_unstable();
    let mut rest = numbers.as_slice();
    while let Some(&first) = rest.first() {
        let (page, later) = rest.split_at(rest.partition_point(|number| number - first < PAGE));
        let last = page.last().copied().unwrap_or(first);
        if pages.blocking_send(read(backend, issue, first, last)).is_err() {
            break;
        }
        rest = later;
    }
    Ok(())
}

fn extent(tx: &mut dyn Tx, post: &str) -> Result<Option<Extent>, StoreError> {
    // The sign keeps `PostgreSQL` from looking for the lowest number among the deliveries of all earlier issues.
    let sql = "SELECT id, post, subject, message_domain, audience,
                      (SELECT min(+delivery.id) FROM delivery WHERE delivery.issue = issue.id)
               FROM issue WHERE post = ?1";
    tx.one(sql, args![post], |row| {
        let (issue, deliveries, first) = (IssueFacts::read(row, 0)?, row.get(4)?, row.get::<Option<i64>>(5)?);
        Ok(first.map(|first| Extent { issue, deliveries, first }))
    })
    .map(Option::flatten)
}

fn read(backend: &dyn Backend, issue: &IssueFacts, first: i64, last: i64) -> Page {
    // The sign keeps the database from reading the whole issue by its index for each page.
    let sql = format!(
        "SELECT {COLUMNS}, {VIEWED} FROM delivery WHERE id BETWEEN ?2 AND ?3 AND +issue = ?1 ORDER BY id"
    );
    backend.run(TransactionMode::Read, DOING, |tx| {
        tx.all(&sql, args![issue.number.0, first, last], |row| view(row, issue))
    })
}
