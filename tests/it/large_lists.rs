//! Lists of many subscribers: memory, the same mistake in many rows, and an import that ends half-way.

use std::fmt::Write as _;
use std::io;
use std::process::Stdio;
use std::time::Duration;

use letterpress::internals::store::subscriber_store::SubscriberSource;
use letterpress::internals::store::{Store, StoreError, open_sqlite};
use letterpress::internals::subscribers::{AddressKey, ImportCounts, NewSubscriber, SubscriptionStatus};

use super::store_contract::{now, subscriber};
use super::support::postgres::open;
use super::support::{Postgres, Site};

/// Rows of the large list, of which each tenth repeats the one before and each tenth is wrong.
const ROWS: usize = 30_000;

/// How much more memory, in kB, the large list may need than a short one: `SQLite`'s cache and the places of the rows.
const MORE: u64 = 20_000;

fn list(rows: usize) -> String {
    let mut text = "email,name,state,consented_at,topics\n".to_owned();
    for row in 0..rows {
        let number = if row % 10 == 1 { row - 1 } else { row };
        let local = if row % 10 == 2 { "two words" } else { "Reader" };
        let state = ["active", "active", "unsubscribed"][row % 3];
        writeln!(text, "{local}{number}@letters.kr,독자 {row},{state},2025-03-01,\"[\"\"편지\"\"]\"")
            .unwrap();
    }
    text
}

/// Runs the program; returns its exit code and its peak memory in kB, if the system reports it.
fn measure(site: &Site, arguments: &[&str]) -> (Option<i32>, Option<u64>) {
    let mut child =
        site.command(None, arguments).stdout(Stdio::null()).stderr(Stdio::null()).spawn().unwrap();
    let status = format!("/proc/{}/status", child.id());
    let mut peak = None;
    loop {
        let text = std::fs::read_to_string(&status).unwrap_or_default();
        let line = text.lines().find_map(|line| line.strip_prefix("VmHWM:"));
        peak = line.and_then(|line| line.trim().trim_end_matches(" kB").parse().ok()).or(peak);
        if let Some(ended) = child.try_wait().unwrap() {
            return (ended.code(), peak);
        }
        std::thread::sleep(Duration::from_millis(5));
    }
}

#[test]
fn a_list_of_thirty_thousand_rows_needs_hardly_more_memory_than_a_short_one() {
    let peaks = [1_000, ROWS].map(|rows| {
        let site = Site::unopened(9, 0, 1);
        site.write("list.csv", &list(rows));
        std::fs::write(site.path("korean.csv"), encoding_rs::EUC_KR.encode(&list(rows)).0).unwrap();
        let check = "[newsletter]\nlist = \"list.csv\"\n";
        let config = std::fs::read_to_string(site.path("config.toml")).unwrap();
        site.write("config.toml", &config.replace("[newsletter]\n", check));
        let rejected = Some(1);
        let runs: [(&[&str], Option<i32>); 5] = [
            (&["subscribers", "import", "list.csv", "--dry-run"], rejected),
            (&["subscribers", "import", "korean.csv", "--dry-run"], rejected),
            (&["subscribers", "import", "list.csv"], rejected),
            (&["send", "--dry-run"], Some(0)),
            (&["subscribers", "export", "--json"], Some(0)),
        ];
        runs.map(|(arguments, code)| {
            let (ended, peak) = measure(&site, arguments);
            assert_eq!(ended, code, "{arguments:?}");
            peak
        })
    });
    let [short, long] = peaks;
    println!("kB: {short:?} and {long:?}");
    for (short, long) in short.into_iter().zip(long).filter_map(|(short, long)| short.zip(long)) {
        assert!(long < short + MORE, "{long} kB for {ROWS} rows, {short} kB for a few");
    }
}

#[test]
fn the_same_mistake_in_many_rows_is_one_message_with_a_count() {
    let site = Site::unopened(9, 0, 1);
    site.write("list.csv", &list(1_000));
    let ran = site.run(&["subscribers", "import", "list.csv"]);
    assert_eq!(ran.code, 1);
    assert!(
        ran.output.contains(
            "list.csv:4: error: row skipped: invalid address: it contains a space; remove it (similar: lines 14, 24, 34 \
             and 96 more)\n"
        ),
        "{}",
        ran.output
    );
    // A repeated row is more restrictive in a third of the cases, and says so.
    assert!(
        ran.output.contains("list.csv:13: warning: duplicate of line 12; the subscriber is now unsubscribed (similar: lines 43, "),
        "{}",
        ran.output
    );
    assert_eq!(ran.output.matches("list.csv:").count(), 3 + 1, "{}", ran.output);
    let json = site.run(&["subscribers", "import", "list.csv", "--dry-run", "--json"]).output;
    let json: serde_json::Value = serde_json::from_str(&json).unwrap();
    let finding = &json["findings"][0];
    assert_eq!((&finding["line"], &finding["similar"]["count"]), (&4.into(), &99.into()));
    let lines = finding["similar"]["lines"].as_array().unwrap();
    assert_eq!((lines.len(), &lines[0]), (99, &14.into()));
}

#[test]
fn a_list_is_read_from_a_pipe() {
    let site = Site::unopened(9, 0, 1);
    let arguments = ["subscribers", "import", "/dev/stdin"];
    assert_eq!(site.run_with(&arguments, list(20_000).as_bytes()).code, 1);
    let counted = site.run(&["subscribers", "count"]).output;
    assert!(counted.starts_with("16000 subscribers: "), "{counted}");
}

/// A list that ends with an error, if `fails`, after 2,500 subscribers.
struct Broken {
    next: u16,
    fails: bool,
}

impl SubscriberSource for Broken {
    fn rewind(&mut self) -> io::Result<()> {
        self.next = 0;
        Ok(())
    }

    fn next(&mut self) -> io::Result<Option<NewSubscriber>> {
        if self.next == 2_500 {
            return if self.fails { Err(io::Error::other("the disk is gone")) } else { Ok(None) };
        }
        self.next += 1;
        let mut new = subscriber(1, SubscriptionStatus::Active);
        new.key = AddressKey([0; 16]);
        new.key.0[..2].copy_from_slice(&self.next.to_be_bytes());
        Ok(Some(new))
    }
}

async fn nothing_is_left(store: &Store) {
    let broken = store.import_subscribers(Broken { next: 0, fails: true }, now()).await;
    assert!(matches!(broken, Err(StoreError::Unreadable(_))), "{broken:?}");
    assert!(store.subscribers(0, 1).await.unwrap().is_empty());
    let whole = || Broken { next: 7, fails: false };
    let added = |counts: ImportCounts| (counts.added, counts.known);
    assert_eq!(added(store.preview_import(whole()).await.unwrap()), (2_500, 0));
    assert_eq!(added(store.import_subscribers(whole(), now()).await.unwrap()), (2_500, 0));
    assert_eq!(added(store.import_subscribers(whole(), now()).await.unwrap()), (0, 2_500));
    assert_eq!(added(store.preview_import(whole()).await.unwrap()), (0, 2_500));
}

#[tokio::test]
async fn a_list_that_breaks_off_leaves_nothing() {
    let folder = tempfile::tempdir().unwrap();
    let path = |name: &str| camino::Utf8PathBuf::from_path_buf(folder.path().join(name)).unwrap();
    nothing_is_left(&open_sqlite(&path("ledger.db"), &path("keys"), "test").unwrap()).await;
}

#[tokio::test]
async fn a_list_that_breaks_off_leaves_nothing_in_postgres() {
    let Some(server) = Postgres::shared() else { return };
    nothing_is_left(open(&server.database()).await.unwrap().as_ref()).await;
}
