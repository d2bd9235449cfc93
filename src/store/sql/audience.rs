//! Which subscribers get an issue of a single post.

use chrono::{DateTime, Utc};

use super::{Dialect, StoreError, Tx, Value};
use crate::archive::Segment;

/// Further topics of a post are ignored: a condition of a thousand parts is too deep for `SQLite`.
const MOST_TOPICS: usize = 500;

/// When a subscriber joined, as an expression.
pub(super) const JOINED: &str = "coalesce(consented_at, added_at)";

/// The subscribers who may get emails.
const ACTIVE: &str = "FROM subscriber WHERE status = 'active'
     AND NOT EXISTS (SELECT 1 FROM suppression WHERE suppression.addr_key = subscriber.addr_key)";

/// The subscribers who get an issue, as the end of a statement and its arguments.
pub(super) struct Selection {
    sql: String,
    values: Vec<OwnedValue>,
}

/// An argument of a statement.
#[derive(Clone)]
enum OwnedValue {
    Text(String),
    Number(i64),
    Time(DateTime<Utc>),
}

impl Selection {
    /// The audience of a post for `segment`.
    pub(super) fn new(dialect: Dialect, post: &str, segment: &Segment) -> Self {
        let mut selection = Self { sql: ACTIVE.to_owned(), values: Vec::new() };
        selection.and("frequency = 'each'");
        let post = selection.argument(OwnedValue::Text(post.to_owned()));
        selection.and(&format!(
            "NOT EXISTS (SELECT 1 FROM issue_post JOIN delivery ON delivery.issue = issue_post.issue
                         WHERE issue_post.post = {post} AND delivery.addr_key = subscriber.addr_key
                         AND delivery.state NOT IN ('failed', 'skipped'))"
        ));
        selection.topics(dialect, segment);
        selection.conditions(segment);
        selection
    }

    /// The subscribers of a series who are due for a step and never had a delivery of it. The step lies between two times of
    /// the series.
    pub(super) fn of_step(step: &str, (series, before, after): (&str, i64, i64), now: DateTime<Utc>) -> Self {
        let mut selection = Self { sql: ACTIVE.to_owned(), values: Vec::new() };
        let step = selection.argument(OwnedValue::Text(step.to_owned()));
        let series = selection.argument(OwnedValue::Text(series.to_owned()));
        let now = selection.argument(OwnedValue::Time(now));
        let before = selection.argument(OwnedValue::Number(before));
        let after = selection.argument(OwnedValue::Number(after));
        selection.and(&format!(
            "addr_key IN (SELECT addr_key FROM series_progress WHERE series = {series} AND next_at <= {now}
                          AND reached >= {before} AND reached < {after})"
        ));
        selection.and(&format!(
            "NOT EXISTS (SELECT 1 FROM issue_post JOIN delivery ON delivery.issue = issue_post.issue
                         WHERE issue_post.post = {step} AND delivery.addr_key = subscriber.addr_key)"
        ));
        selection
    }

    /// The same, but no more than `most` of them.
    pub(super) fn limited(&self, most: u64) -> Self {
        let mut selection = Self { sql: self.sql.clone(), values: self.values.clone() };
        let most = selection.argument(OwnedValue::Number(i64::try_from(most).unwrap_or(i64::MAX)));
        selection.and(&format!("subscriber.id IN (SELECT id {} ORDER BY id LIMIT {most})", self.sql));
        selection
    }

    fn topics(&mut self, dialect: Dialect, segment: &Segment) {
        let mut wanted = vec!["topics IS NULL".to_owned()];
        for topic in segment.topics.iter().take(MOST_TOPICS) {
            let topic = self.argument(OwnedValue::Text(format!("\n{topic}\n")));
            wanted.push(format!("{} > 0", dialect.position("topics", &topic)));
        }
        self.and(&format!("({})", wanted.join(" OR ")));
    }

    /// The conditions of `segment` besides its topics; see [`Segment::includes`].
    fn conditions(&mut self, segment: &Segment) {
        if let Some(language) = &segment.language {
            let tag = self.argument(OwnedValue::Text(language.tag.clone()));
            let variant = self.argument(OwnedValue::Text(format!("{}-%", language.tag)));
            let none = if language.includes_default { "language IS NULL OR " } else { "" };
            self.and(&format!("({none}lower(language) = {tag} OR lower(language) LIKE {variant})"));
        }
        for (moment, comparison) in [(segment.joined_after, ">="), (segment.joined_before, "<")] {
            if let Some(moment) = moment {
                let moment = self.argument(OwnedValue::Time(moment));
                self.and(&format!("{JOINED} {comparison} {moment}"));
            }
        }
    }

    /// The same without the subscribers who have a delivery of `issue`.
    pub(super) fn without(mut self, issue: i64) -> Self {
        let issue = self.argument(OwnedValue::Number(issue));
        self.and(&format!(
            "NOT EXISTS (SELECT 1 FROM delivery WHERE delivery.issue = {issue}
                         AND delivery.addr_key = subscriber.addr_key)"
        ));
        self
    }

    fn and(&mut self, condition: &str) {
        self.sql.extend([" AND ", condition]);
    }

    /// Adds an argument; returns its name in the statement.
    fn argument(&mut self, value: OwnedValue) -> String {
        self.values.push(value);
        format!("?{}", self.values.len())
    }

    /// The arguments in the order of their numbers.
    pub(super) fn values(&self) -> Vec<Value<'_>> {
        self.values
            .iter()
            .map(|value| match value {
                OwnedValue::Text(text) => Value::from(text),
                OwnedValue::Number(number) => Value::from(*number),
                OwnedValue::Time(time) => Value::from(*time),
            })
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
