//! What an open store does when its file is replaced.

use std::fs;

use camino::Utf8PathBuf;
use chrono::{DateTime, Utc};

use super::open_sqlite;
use crate::store::StoreError;

struct Place(tempfile::TempDir);

impl Place {
    fn path(&self, name: &str) -> Utf8PathBuf {
        Utf8PathBuf::from_path_buf(self.0.path().join(name)).unwrap()
    }

    fn open(&self) -> std::sync::Arc<crate::store::Store> {
        let store = open_sqlite(&self.path("x.db"), &self.path("x.keys"), "a").unwrap();
        fs::write(self.path("x.keys"), "").unwrap();
        store
    }

    fn restore(&self) {
        fs::rename(self.path("b.db"), self.path("x.db")).unwrap();
        for log in ["x.db-wal", "x.db-shm"] {
            fs::remove_file(self.path(log)).unwrap();
        }
    }
}

fn now() -> DateTime<Utc> {
    DateTime::UNIX_EPOCH
}

#[tokio::test]
async fn a_store_continues_with_the_new_file_and_a_sending_run_ends() {
    for is_run in [false, true] {
        let place = Place(tempfile::tempdir().unwrap());
        let store = place.open();
        store.set_meta("key", "old").await.unwrap();
        store.backup(&place.path("b.db"), now()).await.unwrap();
        store.set_meta("key", "new").await.unwrap();
        if is_run {
            store.pin();
        }
        place.restore();
        if is_run {
            for _ in 0..2 {
                let ended = store.set_meta("key", "newer").await;
                assert!(matches!(ended, Err(StoreError::Exchanged { .. })), "{ended:?}");
            }
        } else {
            assert_eq!(store.get_meta("key").await.unwrap().as_deref(), Some("old"));
            store.set_meta("key", "newer").await.unwrap();
        }
        drop(store);
        // The file is complete, and has nothing of the old one.
        let value = place.open().get_meta("key").await.unwrap();
        assert_eq!(value.as_deref(), Some(if is_run { "old" } else { "newer" }));
    }
}

#[tokio::test]
async fn a_store_closed_after_a_replacement_keeps_the_log_of_the_new_file() {
    let place = Place(tempfile::tempdir().unwrap());
    let old = place.open();
    old.backup(&place.path("b.db"), now()).await.unwrap();
    old.set_meta("key", "old").await.unwrap();
    place.restore();
    let next = place.open();
    next.set_meta("key", "next").await.unwrap();
    drop(old);
    assert!(place.path("x.db-wal").exists(), "the log of the open store");
    assert_eq!(next.get_meta("key").await.unwrap().as_deref(), Some("next"));
    next.set_meta("key", "later").await.unwrap();
    drop(next);
    assert_eq!(place.open().get_meta("key").await.unwrap().as_deref(), Some("later"));
}

#[tokio::test]
async fn a_checkpoint_of_another_process_is_not_a_replacement() {
    let place = Place(tempfile::tempdir().unwrap());
    let (one, other) = (place.open(), place.open());
    one.pin();
    other.pin();
    let long = "x".repeat(100_000);
    for round in 0..60 {
        one.set_meta(&format!("one {round}"), &long).await.unwrap();
        other.set_meta(&format!("other {round}"), &long).await.unwrap();
        if round % 20 == 0 {
            other.scrub().await.unwrap();
        }
    }
    drop(one);
    assert_eq!(other.get_meta("one 59").await.unwrap().as_deref(), Some(long.as_str()));
}
