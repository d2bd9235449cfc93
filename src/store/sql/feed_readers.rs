//! How many readers the feeds had, by day and program. There are no addresses in it.

use chrono::{DateTime, NaiveDate, Utc};

use super::many::insert_many;
use super::{Store, StoreError, Value, args, corrupt_data};
use crate::readership::DailyReaders;

/// How many rows are written in one transaction.
const BATCH: usize = 1_000;

impl Store {
    /// Records counts. Of two counts of the same day the larger stands, so that a log that is read again, or only in
    /// part, changes nothing.
    pub async fn record_feed_readers(
        &self,
        counts: &[DailyReaders],
        now: DateTime<Utc>,
    ) -> Result<(), StoreError> {
        for batch in counts.chunks(BATCH) {
            let batch = batch.to_vec();
            self.write("recording readers of feeds", now, move |tx, _| {
                let days: Vec<String> = batch.iter().map(|count| count.day.to_string()).collect();
                let rows: Vec<Vec<Value<'_>>> = batch
                    .iter()
                    .zip(&days)
                    .map(|(count, day)| args![&count.feed, day, &count.agent, count.readers].to_vec())
                    .collect();
                let conflict = "ON CONFLICT (day, feed, agent) DO UPDATE SET readers = excluded.readers
                                WHERE excluded.readers > feed_readers.readers";
                insert_many(tx, "feed_readers", &["feed", "day", "agent", "readers"], conflict, &rows)
            })
            .await?;
        }
        Ok(())
    }

    /// The counts since a day, in the order of days, feeds and programs.
    pub async fn feed_readers(&self, since: NaiveDate) -> Result<Vec<DailyReaders>, StoreError> {
        self.read("reading the readers of feeds", move |tx| {
            let sql = "SELECT feed, day, agent, readers FROM feed_readers WHERE day >= ?1 ORDER BY day, feed, agent";
            tx.all(sql, args![&since.to_string()], |row| {
                let day: String = row.get(1)?;
                let day = day.parse().map_err(|_| corrupt_data(format!("the day {day:?}")))?;
                Ok(DailyReaders { feed: row.get(0)?, day, agent: row.get(2)?, readers: row.get(3)? })
            })
        })
        .await
    }

    /// The readers of all feeds since a day, by day.
    pub async fn feed_readers_by_day(&self, since: NaiveDate) -> Result<Vec<(NaiveDate, u64)>, StoreError> {
        self.read("counting the readers of feeds", move |tx| {
            let sql = "SELECT day, CAST(sum(readers) AS BIGINT) FROM feed_readers WHERE day >= ?1
                       GROUP BY day ORDER BY day";
            tx.all(sql, args![&since.to_string()], |row| {
                let day: String = row.get(0)?;
                let day = day.parse().map_err(|_| corrupt_data(format!("the day {day:?}")))?;
                Ok((day, row.get(1)?))
            })
        })
        .await
    }

    /// The last day before `before` that was counted.
    pub async fn last_day_of_readers(&self, before: NaiveDate) -> Result<Option<NaiveDate>, StoreError> {
        self.read("reading the readers of feeds", move |tx| {
            let last: Option<Option<String>> = tx.one(
                "SELECT max(day) FROM feed_readers WHERE day < ?1",
                args![&before.to_string()],
                |row| row.get(0),
            )?;
            Ok(last.flatten().and_then(|day| day.parse().ok()))
        })
        .await
    }
}
