//! Holds the statements of the delivery loop to what a sharded database needs: each names the one issue whose rows it
//! touches, and none uses what only one product has.

use std::sync::Arc;

use chrono::{DateTime, TimeDelta, Utc};

use super::{Cell, Dialect, Row, StoreError, Tx, Value, counts, deliveries, feedback, rate_limit};
use crate::ledger::rate_limit::{Rate, RateLimits};
use crate::ledger::transition::Event;
use crate::ledger::{LastReply, Retry, Token};
use crate::store::{DeliveryId, DeliveryNumber, IssueNumber, LeaseClaim, RateLimitedClaim, StateChange};

const KEY: [u8; 16] = [7; 16];
const TOKEN: Token = Token([9; 16]);
const DELIVERY: DeliveryId = DeliveryId { issue: IssueNumber(3), number: DeliveryNumber(5) };

/// The tables that may be partitioned by issue.
const BY_ISSUE: [&str; 3] = ["delivery", "attempt", "inbound_report"];

/// Has one delivery in some state, and notes every statement.
struct Recorder {
    dialect: Dialect,
    state: &'static str,
    statements: Vec<String>,
}

impl Tx for Recorder {
    fn dialect(&self) -> Dialect {
        self.dialect
    }

    fn now(&mut self, here: DateTime<Utc>) -> Result<DateTime<Utc>, StoreError> {
        Ok(here)
    }

    fn execute(&mut self, sql: &str, _: &[Value<'_>]) -> Result<u64, StoreError> {
        self.statements.push(sql.to_owned());
        Ok(1)
    }

    fn each(
        &mut self,
        sql: &str,
        _: &[Value<'_>],
        visit: &mut dyn FnMut(&dyn Row) -> Result<(), StoreError>,
    ) -> Result<(), StoreError> {
        self.statements.push(sql.to_owned());
        let lease = Cell::Int(now().timestamp_millis() + 1_000);
        let (null, number) = (Cell::Null, Cell::Int);
        if sql.contains("delivery.state, token") {
            let held = self.state != "pending";
            visit(&Cells(vec![
                Cell::Text(self.state),
                if held { Cell::Blob(&TOKEN.0) } else { null },
                number(i64::from(held)),
                if held { lease } else { null },
                number(0),
                number(0),
                number(0),
                null,
                null,
                null,
                null,
                null,
                number(DELIVERY.number.0),
                Cell::Blob(&KEY),
                Cell::Text("sending"),
                number(DELIVERY.issue.0),
                Cell::Text("reader@example.org"),
                null,
                Cell::Text(""),
                Cell::Text(""),
                Cell::Text(""),
                Cell::Text(""),
                number(0),
            ]))
        } else if sql.contains("status FROM") && self.dialect == Dialect::Postgres {
            visit(&Cells(vec![Cell::Blob(&KEY), Cell::Text("active")]))
        } else if sql.contains("SELECT status") {
            visit(&Cells(vec![Cell::Text("active"), null]))
        } else {
            Ok(())
        }
    }
}

struct Cells(Vec<Cell<'static>>);

impl Row for Cells {
    fn cell(&self, column: usize) -> Result<Cell<'_>, StoreError> {
        Ok(self.0[column])
    }
}

fn now() -> DateTime<Utc> {
    DateTime::from_timestamp(1_700_000_000, 0).unwrap()
}

/// Every statement of a run that claims, arms and records each kind of result.
fn statements(dialect: Dialect) -> Vec<String> {
    let mut tx = Recorder { dialect, state: "pending", statements: Vec::new() };
    let claim = LeaseClaim {
        issue: DELIVERY.issue,
        limit: 1,
        owner: "host/1".to_owned(),
        lease: TimeDelta::seconds(60),
    };
    let rate = Rate::per_hour(100).unwrap();
    let limits = RateLimits { all: Some(rate), per_domain: Some(rate), ..RateLimits::default() };
    let limited = RateLimitedClaim { limits: Arc::new(limits), domains: vec!["example.org".to_owned()] };
    assert_eq!(deliveries::claim_from(&mut tx, &claim, None, &[TOKEN], now()).unwrap().len(), 1);
    let granted = rate_limit::claim(&mut tx, &limited, &claim, &[TOKEN], now()).unwrap();
    assert_eq!(granted.deliveries.len(), 1);
    rate_limit::due_domains(&mut tx, DELIVERY.issue, now()).unwrap();
    let last = Some(LastReply { phase: "dot".to_owned(), text: "250 ok".to_owned() });
    let retry = Some(Retry { wait: TimeDelta::hours(1), give_up_at: now() + TimeDelta::days(1) });
    for (state, event) in [
        ("claimed", Event::Arm { token: TOKEN, bytes: [1; 32] }),
        ("claimed", Event::Defer { token: TOKEN, retry, last: last.clone() }),
        ("armed", Event::Accept { token: Some(TOKEN), last: last.clone() }),
        ("armed", Event::Reject { token: TOKEN, reason: "rejected", last: last.clone() }),
        ("armed", Event::LoseReply { token: TOKEN, last }),
    ] {
        tx.state = state;
        let outcome =
            deliveries::commit(&mut tx, &[StateChange { delivery: DELIVERY, event }], now()).unwrap();
        assert!(outcome[0].is_ok(), "{outcome:?}");
    }
    feedback::count(&mut tx, DELIVERY.issue).unwrap();
    counts::finish(&mut tx, now()).unwrap();
    tx.statements
}

/// The words of a statement.
fn words(sql: &str) -> impl Iterator<Item = &str> {
    sql.split(|c: char| !c.is_ascii_alphanumeric() && c != '_')
}

#[test]
fn each_statement_of_the_delivery_loop_names_the_issue_of_its_rows() {
    for dialect in [Dialect::Sqlite, Dialect::Postgres] {
        let statements = statements(dialect);
        for table in BY_ISSUE {
            let of_table = |sql: &&String| {
                let pairs = words(sql).zip(words(sql).skip(1));
                pairs.into_iter().any(|(before, name)| {
                    name == table && ["FROM", "JOIN", "UPDATE", "INTO"].contains(&before)
                })
            };
            let found: Vec<_> = statements.iter().filter(of_table).collect();
            assert!(!found.is_empty(), "no statement touches {table}");
            for sql in found {
                let names =
                    ["issue = ?", "issue = new.issue", "issue = issue.id", "SELECT new.issue", "SELECT ?1,"];
                let is_named =
                    names.iter().any(|name| sql.contains(name)) || sql.starts_with("INSERT INTO attempt");
                assert!(is_named, "{dialect:?}: {sql}");
            }
        }
    }
}

#[test]
fn no_statement_of_the_delivery_loop_uses_what_only_one_product_has() {
    for sql in statements(Dialect::Postgres) {
        let foreign = words(&sql).find(|word| {
            word.starts_with("pg_") || ["LISTEN", "NOTIFY", "ctid", "xmin", "LOCK"].contains(word)
        });
        assert_eq!(foreign, None, "{sql}");
    }
}
