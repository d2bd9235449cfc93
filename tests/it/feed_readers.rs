//! Readers of feeds in both databases: whatever is recorded again, or in part, counts once.

use camino::Utf8Path;
use letterpress::internals::readership::DailyReaders;
use letterpress::internals::store::{Store, open_sqlite};

use super::store_contract::now;
use super::support::Postgres;
use super::support::postgres::open;

fn count(day: &str, agent: &str, readers: u64) -> DailyReaders {
    let (feed, agent) = ("rss.xml".to_owned(), agent.to_owned());
    DailyReaders { feed, day: day.parse().unwrap(), agent, readers }
}

async fn the_larger_count_stands(store: &Store) {
    let morning = [count("2026-11-21", "Feedly", 20), count("2026-11-21", "others", 3)];
    let rest = [count("2026-11-21", "others", 5), count("2026-11-22", "Feedly", 21)];
    for counts in [&morning, &rest, &morning, &rest] {
        store.record_feed_readers(counts, now()).await.unwrap();
    }
    let kept = store.feed_readers("2026-11-21".parse().unwrap()).await.unwrap();
    let expected = [
        count("2026-11-21", "Feedly", 20),
        count("2026-11-21", "others", 5),
        count("2026-11-22", "Feedly", 21),
    ];
    assert_eq!(kept, expected);
    assert_eq!(store.feed_readers("2026-11-22".parse().unwrap()).await.unwrap(), expected[2..]);
    let last = async |before: &str| store.last_day_of_readers(before.parse().unwrap()).await.unwrap();
    assert_eq!(last("2026-11-23").await, Some("2026-11-22".parse().unwrap()));
    assert_eq!(last("2026-11-21").await, None);
    let many: Vec<DailyReaders> =
        (0..2_500).map(|number| count("2026-11-23", &number.to_string(), 1)).collect();
    store.record_feed_readers(&many, now()).await.unwrap();
    assert_eq!(store.feed_readers("2026-11-23".parse().unwrap()).await.unwrap().len(), many.len());
}

#[tokio::test]
async fn counts_of_a_day_are_never_added() {
    let folder = tempfile::tempdir().unwrap();
    let path = Utf8Path::from_path(folder.path()).unwrap().join("letterpress.db");
    let store = open_sqlite(&path, &path.with_extension("keys"), "instance").unwrap();
    the_larger_count_stands(&store).await;
}

#[tokio::test]
async fn counts_of_a_day_are_never_added_in_postgres_either() {
    let Some(server) = Postgres::shared() else { return };
    the_larger_count_stands(open(&server.database()).await.unwrap().as_ref()).await;
}
