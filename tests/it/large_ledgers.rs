//! Ledgers with many deliveries: a list of them is printed while it is read, and a run with nothing to do reads as much as it
//! does in a ledger with few.

use std::io::{BufRead as _, BufReader, Read as _};
use std::process::{Child, Stdio};
use std::time::Duration;

use rusqlite::Connection;

use super::support::Site;

/// Deliveries of the large issue. The ledger must be so large that no run checks all of it.
const DELIVERIES: u32 = 60_000;

/// A site whose ledger has finished issues, each with `deliveries` that were sent and one that failed.
fn with_history(issues: u32, deliveries: u32) -> Site {
    let site = Site::unopened(9, 0, 1);
    std::fs::remove_file(site.path("posts/slow.md")).unwrap();
    assert_eq!(site.run_now(&["--quiet", "publish"]).code, 0);
    let mut ledger = Connection::open(site.path("letterpress.db")).unwrap();
    let transaction = ledger.transaction().unwrap();
    for issue in 1..=issues {
        add_issue(&transaction, issue, deliveries);
        add_deliveries(&transaction, issue, deliveries);
    }
    transaction.commit().unwrap();
    // The first run writes what later ones find unchanged.
    assert_eq!(site.run_now(&["--quiet", "publish"]).code, 0);
    site
}

fn add_issue(ledger: &Connection, issue: u32, deliveries: u32) {
    let email = "ab".repeat(5_000);
    ledger
        .execute(
            "INSERT INTO issue (id, post, state, subject, label, letter, letter_sha256, frozen_at, audience, finished_at,
                                message_domain)
             VALUES (?1, 'tag:letters.example,2026:' || ?1, 'done', '느린 편지', 'slow', ?2, x'00', ?1, ?3, ?1,
                     'letters.example')",
            rusqlite::params![issue, email, deliveries + 1],
        )
        .unwrap();
    ledger
        .execute(
            "INSERT INTO issue_count VALUES (?1, 'sent', ?2), (?1, 'failed', 1)",
            rusqlite::params![issue, deliveries],
        )
        .unwrap();
}

/// Adds deliveries that were sent, and one that failed, behind all that there are.
fn add_deliveries(ledger: &Connection, issue: u32, deliveries: u32) {
    let sql = "INSERT INTO delivery (issue, addr_key, address, message_id, boundary_seed, unsubscribe, bounce, state,
                                     attempts, next_at, last_reply, changed_at)
               WITH RECURSIVE numbers (n) AS (VALUES (0) UNION ALL SELECT n + 1 FROM numbers WHERE n < ?2)
               SELECT ?1, randomblob(16), 'reader' || n || '@letters.kr', '', '', '', '',
                      CASE n WHEN 0 THEN 'failed' ELSE 'sent' END, 1, 0, '250 2.0.0 ok', 1764374400000 FROM numbers";
    ledger.execute(sql, rusqlite::params![issue, deliveries]).unwrap();
}

/// The bytes that a process has read so far, from files and pipes; `None` if the system does not count them.
fn bytes_read(process: u32) -> Option<u64> {
    let counted = std::fs::read_to_string(format!("/proc/{process}/io")).ok()?;
    counted.lines().find_map(|line| line.strip_prefix("rchar: "))?.parse().ok()
}

/// Waits for the program, which must succeed; returns how many bytes it read.
fn read_until_end(mut child: Child) -> Option<u64> {
    let state = format!("/proc/{}/stat", child.id());
    // It has ended when it is a zombie, whose counts can still be read.
    while std::fs::read_to_string(&state).is_ok_and(|state| !state.contains(") Z ")) {
        std::thread::sleep(Duration::from_millis(5));
    }
    let read = bytes_read(child.id());
    assert!(child.wait().unwrap().success());
    read
}

#[test]
fn the_first_deliveries_are_printed_before_the_last_are_read_and_these_never_if_nobody_reads_on() {
    let site = with_history(1, DELIVERIES);
    let size = std::fs::metadata(site.path("letterpress.db")).unwrap().len();
    assert!(size > 5_000_000, "{size}");
    for arguments in [["status", "recipients"].as_slice(), &["status", "--json", "recipients"]] {
        let mut command = site.command(None, arguments);
        let mut child = command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
        let mut lines = BufReader::with_capacity(64, child.stdout.take().unwrap()).lines();
        let first = lines.next().unwrap().unwrap();
        assert!(first == "[" || first.contains("failed            reader0@letters.kr"), "{first}");
        // The pipe is full now, and nobody reads on: the program reads no further either.
        let mut before = None;
        loop {
            let read = bytes_read(child.id());
            if read == before {
                break;
            }
            before = read;
            std::thread::sleep(Duration::from_millis(300));
        }
        if let Some(read) = before {
            assert!(read < size / 2, "{read} of {size} bytes for the first line");
        }
        drop(lines);
        let mut complaints = String::new();
        child.stderr.take().unwrap().read_to_string(&mut complaints).unwrap();
        assert_eq!(complaints, "");
        if let Some(read) = read_until_end(child) {
            assert!(read < size / 2, "{read} of {size} bytes after its end");
        }
    }
}

#[test]
fn all_deliveries_of_an_issue_are_listed_in_order_also_those_that_were_added_later() {
    let site = with_history(3, 2_500);
    let ledger = Connection::open(site.path("letterpress.db")).unwrap();
    // Between those of other issues, as with `send --missing` and in a series.
    for (round, issue) in [2, 1, 3, 2, 1, 2].into_iter().enumerate() {
        let added = u32::try_from(round).unwrap() * 40;
        add_deliveries(&ledger, issue, added);
        ledger
            .execute("UPDATE issue SET audience = audience + ?2 WHERE id = ?1", [issue, added + 1])
            .unwrap();
    }
    for issue in 1..=3 {
        let sql = "SELECT address FROM delivery WHERE issue = ?1 ORDER BY id";
        let mut wanted = ledger.prepare(sql).unwrap();
        let wanted: Vec<String> =
            wanted.query_map([issue], |row| row.get(0)).unwrap().map(Result::unwrap).collect();
        let ended = site.run(&["status", "recipients", &format!("tag:letters.example,2026:{issue}")]);
        let listed: Vec<&str> =
            ended.output.lines().map(|line| line.split_whitespace().nth(3).unwrap()).collect();
        assert_eq!(listed, wanted, "issue {issue}");
    }
}

#[test]
fn a_run_with_nothing_to_do_reads_no_more_after_many_issues() {
    let [few, many] = [1, 400].map(|issues| {
        let site = with_history(issues, 100);
        // A ledger of a few megabytes is checked whenever it is opened.
        let ledger = Connection::open(site.path("letterpress.db")).unwrap();
        ledger.execute("INSERT INTO meta VALUES ('bulk', hex(zeroblob(3000000)))", []).unwrap();
        drop(ledger);
        read_until_end(site.start(&["--quiet", "publish"]))
    });
    println!("bytes: {few:?} and {many:?}");
    if let (Some(few), Some(many)) = (few, many) {
        // Per issue it reads an entry of two indexes; a row of the table with the beginning of its email is a page of 4 kB.
        assert!(many < few + 400 * 200, "{many} bytes after 400 issues, {few} after one");
    }
}

#[test]
fn a_status_reads_no_more_with_many_subscribers_of_whom_few_have_the_weekly_digest() {
    let [few, many] = [1, 40_000].map(|subscribers| {
        let site = with_history(1, 100);
        let ledger = Connection::open(site.path("letterpress.db")).unwrap();
        ledger.execute("INSERT INTO meta VALUES ('bulk', hex(zeroblob(3000000)))", []).unwrap();
        let sql = "INSERT INTO subscriber (addr_key, email, status, source, added_at, changed_at, frequency, weekly_until)
                   WITH RECURSIVE numbers (n) AS (VALUES (1) UNION ALL SELECT n + 1 FROM numbers WHERE n < ?1)
                   SELECT randomblob(16), n || '@letters.kr', 'active', 'import', 0, 0,
                          CASE n WHEN 1 THEN 'weekly' ELSE 'each' END, CASE n WHEN 2 THEN 0 END FROM numbers";
        ledger.execute(sql, [subscribers]).unwrap();
        drop(ledger);
        read_until_end(site.start(&["status"]))
    });
    println!("bytes: {few:?} and {many:?}");
    if let (Some(few), Some(many)) = (few, many) {
        assert!(many < few + 100_000, "{many} bytes with 40,000 subscribers, {few} with few");
    }
}
