//! Which subscribers get an issue of a single post.

use std::fmt::Write as _;

use super::{Dialect, StoreError, Tx, Value};
use crate::text::HeaderText;

/// Further categories of a post are ignored: a condition of a thousand parts is too deep for `SQLite`.
const MOST_CATEGORIES: usize = 500;

/// The subscribers who get an issue of a single post, as the end of a statement and its arguments.
pub(super) struct Selection<'a> {
    sql: String,
    post: &'a str,
    topics: Vec<String>,
    /// The issue whose subscribers are left out.
    without: Option<i64>,
}

impl<'a> Selection<'a> {
    /// The audience of a post with these categories.
    pub(super) fn new(dialect: Dialect, post: &'a str, categories: &[HeaderText]) -> Self {
        let topics: Vec<String> =
            categories.iter().take(MOST_CATEGORIES).map(|category| format!("\n{category}\n")).collect();
        Self { sql: audience(dialect, topics.len()), post, topics, without: None }
    }

    /// The same without the subscribers who have a delivery of `issue`.
    pub(super) fn without(mut self, issue: i64) -> Self {
        let place = self.topics.len() + 2;
        // Writing to a `String` cannot fail.
        let _ = write!(
            self.sql,
            " AND NOT EXISTS (SELECT 1 FROM delivery WHERE delivery.issue = ?{place} \
             AND delivery.addr_key = subscriber.addr_key)"
        );
        self.without = Some(issue);
        self
    }

    /// The arguments in the order of their numbers: the post, its categories, and the issue to leave out.
    pub(super) fn values(&self) -> Vec<Value<'_>> {
        std::iter::once(Value::from(self.post))
            .chain(self.topics.iter().map(Value::from))
            .chain(self.without.map(Value::from))
            .collect()
    }

    /// `FROM` and `WHERE` of a statement.
    pub(super) fn sql(&self) -> &str {
        &self.sql
    }

    /// How many subscribers these are.
    pub(super) fn count(&self, tx: &mut dyn Tx) -> Result<u64, StoreError> {
        let sql = format!("SELECT count(*) {}", self.sql);
        Ok(tx.one(&sql, &self.values(), |row| row.get(0))?.unwrap_or_default())
    }
}

/// `?1` is the post, the next arguments are its categories, each between line breaks.
fn audience(dialect: Dialect, categories: usize) -> String {
    let place = match dialect {
        Dialect::Sqlite => "instr",
        Dialect::Postgres => "strpos",
    };
    let wanted = (0..categories).map(|n| format!("{place}(topics, ?{}) > 0", n + 2));
    let wanted: Vec<String> = std::iter::once("topics IS NULL".to_owned()).chain(wanted).collect();
    format!(
        "FROM subscriber WHERE status = 'active' AND frequency = 'each' AND ({})
         AND NOT EXISTS (SELECT 1 FROM suppression WHERE suppression.addr_key = subscriber.addr_key)
         AND NOT EXISTS (SELECT 1 FROM issue_post JOIN delivery ON delivery.issue = issue_post.issue
                         WHERE issue_post.post = ?1 AND delivery.addr_key = subscriber.addr_key
                         AND delivery.state NOT IN ('failed', 'skipped'))",
        wanted.join(" OR ")
    )
}
