//! Databases that are damaged, missing, old, cloned or foreign (F23 to F28, C10): nothing is sent from them, no new one
//! is created, and after an adoption nobody gets a second email.

use std::path::Path;

use serde_json::json;

use super::support::{At, Do, Gate, Script, Server, Site, reply_line, wait_until};

/// The times at which the second and the third post are one hour old.
const SECOND: &str = "2026-11-21T10:00:00Z";
const THIRD: &str = "2026-11-22T10:00:00Z";

const DATABASE: [&str; 3] = ["letterpress.db", "letterpress.db-wal", "letterpress.db-shm"];

fn post(site: &Site, slug: &str, date: &str) {
    let text = format!("+++\ntitle = \"{slug}\"\ndate = {date}T09:00:00Z\nslug = \"{slug}\"\n+++\n\n글.\n");
    site.write(&format!("posts/{slug}.md"), &text);
}

/// A site that has mailed its first post to every subscriber.
fn mailed(script: Script, subscribers: usize) -> (Server, Site) {
    let server = Server::start(script);
    let site = Site::new(server.port(), subscribers, 1);
    let ended = site.run(&["publish"]);
    assert_eq!(ended.code, 0, "{}", ended.output);
    assert_eq!(server.accepted().len(), subscribers);
    (server, site)
}

fn remove(site: &Site, names: &[&str]) {
    for name in names {
        let _ = std::fs::remove_file(site.path(name));
    }
}

/// Replaces the database with `from`, like an experienced user would.
fn put_back(site: &Site, from: &Path) {
    remove(site, &DATABASE);
    std::fs::copy(from, site.path("letterpress.db")).unwrap();
}

/// Checks that every command that could send refuses to run, with `text` in its output.
fn refused(site: &Site, now: &str, code: i32, text: &str) {
    for command in [
        "publish",
        "send",
        "send --dry-run",
        "resolve --resend",
        "ledger reconcile --message-ids config.toml",
    ] {
        let ended = site.run_at(now, &command.split(' ').collect::<Vec<_>>());
        assert_eq!(ended.code, code, "{command}: {}", ended.output);
        assert!(
            ended.output.contains(text) && ended.output.contains("help: "),
            "{command}: {}",
            ended.output
        );
    }
}

fn adopt(site: &Site, now: &str) -> String {
    let ended = site.run_at(now, &["ledger", "adopt-restored", "--reason", "a test put it back"]);
    assert_eq!(ended.code, 0, "{}", ended.output);
    let verified = site.run_at(now, &["ledger", "verify"]);
    assert_eq!(verified.code, 0, "{}", verified.output);
    ended.output
}

fn messages_to(server: &Server, address: &str) -> usize {
    let wanted = format!("<{address}>");
    server.accepted().iter().filter(|line| line.contains(&wanted)).count()
}

#[test]
fn f23_a_damaged_database_is_refused_and_not_replaced() {
    let (server, site) = mailed(Script::polite(), 20);
    post(&site, "second", "2026-11-21");
    let whole = std::fs::read(site.path("letterpress.db")).unwrap();
    let page = 4096;
    let mut damaged = vec![
        whole[..whole.len() / 2].to_vec(),
        whole[..whole.len() - page].to_vec(),
        whole[..100].to_vec(),
        Vec::new(),
        [vec![0; 100], whole[100..].to_vec()].concat(),
        [vec![0; page], whole[page..].to_vec()].concat(),
    ];
    // The byte with the type of the page, in each page of the tree.
    let kinds = (0..whole.len() / page).map(|number| number * page + if number == 0 { 100 } else { 0 });
    for at in kinds.filter(|at| [2, 5, 10, 13].contains(&whole[*at])) {
        let mut flipped = whole.clone();
        flipped[at] ^= 0x40;
        damaged.push(flipped);
    }
    assert!(damaged.len() > 12, "only {} kinds of damage", damaged.len());
    for (kind, bytes) in damaged.iter().enumerate() {
        remove(&site, &DATABASE[1..]);
        std::fs::write(site.path("letterpress.db"), bytes).unwrap();
        for command in ["publish", "status"] {
            let ended = site.run_at(SECOND, &[command]);
            assert_eq!(ended.code, 2, "damage {kind}, {command}: {}", ended.output);
            assert!(ended.output.contains("backup"), "damage {kind}: {}", ended.output);
        }
        let remaining = std::fs::read(site.path("letterpress.db")).unwrap();
        assert!(remaining == *bytes, "damage {kind}: the file was written to");
    }
    assert_eq!(server.accepted().len(), 20);
    remove(&site, &DATABASE[1..]);
    std::fs::write(site.path("letterpress.db"), &whole).unwrap();
    assert_eq!(site.run_at(SECOND, &["publish"]).code, 0);
    assert_eq!(server.accepted().len(), 40);
}

#[test]
fn f24_if_only_the_keys_or_the_fence_are_left_no_new_ledger_is_created() {
    for remaining in
        [&["letterpress.keys", "letterpress.fence"][..], &["letterpress.keys"], &["letterpress.fence"]]
    {
        for emptied in [false, true] {
            let (server, site) = mailed(Script::polite(), 3);
            remove(&site, &DATABASE);
            for name in
                ["letterpress.keys", "letterpress.fence"].iter().filter(|name| !remaining.contains(name))
            {
                remove(&site, &[name]);
            }
            if emptied {
                site.write("letterpress.db", "");
            }
            for command in [
                &["publish"][..],
                &["status"],
                &["backup", "x.db"],
                &["ledger", "adopt-restored", "--reason", "x"],
            ] {
                let ended = site.run_at(SECOND, command);
                assert_eq!(ended.code, 2, "{remaining:?}, {command:?}: {}", ended.output);
                assert!(
                    ended.output.contains(remaining[0]) && ended.output.contains("is missing"),
                    "{}",
                    ended.output
                );
            }
            assert!(std::fs::metadata(site.path("letterpress.db")).map_or(true, |meta| meta.len() == 0));
            assert_eq!(server.accepted().len(), 3);
        }
    }
}

#[test]
fn f25_without_any_ledger_file_it_is_a_first_run_and_mails_no_old_post() {
    let (server, site) = mailed(Script::polite(), 3);
    remove(&site, &DATABASE);
    remove(&site, &["letterpress.keys", "letterpress.fence"]);
    let config = std::fs::read_to_string(site.path("config.toml")).unwrap();
    site.write("config.toml", &config.replace("first_run = \"newest\"", ""));
    let ended = site.run(&["publish"]);
    assert!(ended.code == 0 && ended.output.contains("ledger: created"), "{}", ended.output);
    assert_eq!(server.accepted().len(), 3);
}

#[test]
fn f26_a_restored_backup_is_refused_and_after_its_adoption_only_the_next_post_is_mailed() {
    let (server, site) = mailed(Script::polite().pipelining(true), 5);
    assert_eq!(site.run(&["backup", "old.db"]).code, 0);
    // Nothing was sent after the backup, but the backup cannot know that.
    for later in [false, true] {
        if later {
            post(&site, "second", "2026-11-21");
            assert_eq!(site.run_at(SECOND, &["publish"]).code, 0);
            assert_eq!(server.accepted().len(), 10);
        }
        put_back(&site, &site.path("old.db"));
        refused(&site, SECOND, 1, "it is a backup made at 2026-11-20T10:00:00Z");
        let status = site.run_at(SECOND, &["status"]);
        assert_eq!(status.code, 1);
        assert!(
            status.output.contains("adopt-restored") && status.output.contains("5 subscribers: 5 sent"),
            "{}",
            status.output
        );
        let output = adopt(&site, SECOND);
        assert!(
            output.contains(if later {
                "1 published post recorded as mailed: each may have been\n  \"second\""
            } else {
                "the ledger knows every published post"
            }),
            "{output}"
        );
        assert_eq!(site.run_at(SECOND, &["publish"]).code, 0);
        assert_eq!(server.accepted().len(), if later { 10 } else { 5 }, "an old message was sent again");
    }
    post(&site, "third", "2026-11-22");
    assert_eq!(site.run_at(THIRD, &["publish"]).code, 0);
    assert_eq!(server.accepted().len(), 15);
    (0..5).for_each(|number| assert_eq!(messages_to(&server, &format!("reader{number}@example.org")), 3));

    // By hand it is mailed only by who says that it may be a second time, and the decision is recorded.
    for more in [&[][..], &["--missing"], &["--dry-run"]] {
        let ended = site.run_at(THIRD, &[&["send", "--post", "second"], more].concat());
        assert_eq!(ended.code, 1, "{}", ended.output);
        assert!(
            ended.output.contains("\"second\" may have been mailed") && !ended.output.contains("omit"),
            "{}",
            ended.output
        );
    }
    assert_eq!(server.accepted().len(), 15);
    let again = site.run_at(THIRD, &["send", "--post", "second", "--allow-second-email"]);
    assert_eq!(again.code, 0, "{}", again.output);
    assert_eq!(server.accepted().len(), 20);
    assert_eq!(site.run_at(THIRD, &["ledger", "verify"]).code, 0);
    assert_eq!(site.run_at(THIRD, &["send", "--post", "second", "--allow-second-email"]).code, 1);
    assert_eq!(server.accepted().len(), 20);
}

#[test]
fn f26_an_old_file_copy_is_refused_and_its_pending_deliveries_become_unknown() {
    for policy in ["hold", "resend"] {
        let server = Server::start(Script::polite().nth(At::Rcpt, 2, reply_line("450 4.2.0 greylisted")));
        let site = Site::new(server.port(), 3, 1);
        let config = std::fs::read_to_string(site.path("config.toml")).unwrap();
        site.write("config.toml", &config.replace("[smtp]", &format!("on_unknown = \"{policy}\"\n[smtp]")));
        assert_eq!(site.run(&["publish"]).code, 3);
        std::fs::copy(site.path("letterpress.db"), site.path("copy.db")).unwrap();
        assert_eq!(site.run_at("2026-11-20T10:30:00Z", &["publish"]).code, 0);
        assert_eq!(server.accepted().len(), 3);
        put_back(&site, &site.path("copy.db"));
        refused(&site, SECOND, 1, "but the fence is at 4");
        let output = adopt(&site, SECOND);
        assert!(output.contains("1 pending delivery marked as \"outcome unknown\""), "{output}");
        assert_eq!(site.counts(), json!({ "sent": 2, "unknown": 1 }));
        assert_eq!(site.run_at(SECOND, &["status"]).code, 3);
        for _ in 0..2 {
            site.run_at(SECOND, &["publish"]);
        }
        assert_eq!(server.accepted().len(), 3, "{policy}: an old delivery was sent again");
        post(&site, "third", "2026-11-22");
        assert_eq!(site.run_at(THIRD, &["publish"]).code, 0);
        assert_eq!(server.accepted().len(), 6);
        // After an acknowledgement the unknown outcome is not reported again.
        let ended = site.run_at(THIRD, &["resolve", "slow", "--acknowledge", "--reason", "unknown"]);
        assert!(ended.code == 0 && ended.output.contains("acknowledged 1 delivery"), "{}", ended.output);
        assert_eq!(site.run_at(THIRD, &["status"]).code, 0);
    }
}

#[test]
fn f26_a_clone_without_the_fence_is_refused_until_it_is_adopted() {
    let (server, site) = mailed(Script::polite(), 3);
    let clone = Site::new(server.port(), 1, 1);
    for name in ["letterpress.db", "letterpress.keys"] {
        std::fs::copy(site.path(name), clone.path(name)).unwrap();
    }
    remove(&clone, &["letterpress.fence"]);
    post(&clone, "second", "2026-11-21");
    refused(&clone, SECOND, 1, "it has sent before (epoch 2), but its fence file is missing");
    let without_reason = clone.run_at(SECOND, &["ledger", "adopt-restored", "--reason", " "]);
    assert!(
        without_reason.code == 1 && without_reason.output.contains("--reason is empty"),
        "{}",
        without_reason.output
    );
    let moved = ["ledger", "adopt-restored", "--moved", "--reason", "a new server"];
    let ended = clone.run_at(SECOND, &moved);
    assert_eq!(ended.code, 0, "{}", ended.output);
    assert_eq!(clone.run_at(SECOND, &["publish"]).code, 0);
    assert_eq!(server.accepted().len(), 6, "only the second post was due");
    // If the fence file exists, the ledger was not moved, and --moved would hide the real problem.
    let again = clone.run_at(SECOND, &moved);
    assert!(again.code == 1 && again.output.contains("neither is so"), "{}", again.output);
}

#[test]
fn f26_a_file_copy_from_during_a_run_is_refused() {
    let gate = Gate::default();
    let server = Server::start(Script::polite().nth(At::Dot, 4, gate.then("250 2.0.0 ok")));
    let site = Site::new(server.port(), 10, 1);
    let mut run = site.start(&["publish"]);
    wait_until("the fourth message is there", || server.log().messages.len() == 4);
    for name in ["letterpress.db", "letterpress.db-wal"] {
        std::fs::copy(site.path(name), site.path(&format!("copy-{name}"))).unwrap();
    }
    gate.open();
    assert!(run.wait().unwrap().success());
    assert_eq!(server.accepted().len(), 10);
    put_back(&site, &site.path("copy-letterpress.db"));
    std::fs::copy(site.path("copy-letterpress.db-wal"), site.path("letterpress.db-wal")).unwrap();
    refused(&site, SECOND, 1, "epoch is 1, but the fence is at 2");
    adopt(&site, SECOND);
    assert_eq!(site.run_at(SECOND, &["publish"]).code, 0);
    assert_eq!(server.accepted().len(), 10);
}

#[test]
fn f26_a_backup_during_a_run_succeeds_is_private_and_overwrites_nothing() {
    use std::os::unix::fs::PermissionsExt as _;

    let gate = Gate::default();
    let server = Server::start(Script::polite().nth(At::Dot, 2, gate.then("250 2.0.0 ok")));
    let site = Site::new(server.port(), 40, 1);
    let mut run = site.start(&["publish"]);
    wait_until("the second message is there", || server.log().messages.len() == 2);
    let ended = site.run_now(&["backup", "copy.db"]);
    assert_eq!(ended.code, 0, "{}", ended.output);
    assert!(run.try_wait().unwrap().is_none(), "the run ended before the backup");
    gate.open();
    assert!(run.wait().unwrap().success());
    assert_eq!(server.accepted().len(), 40);
    for name in ["copy.db", "copy.db.keys"] {
        let mode = std::fs::metadata(site.path(name)).unwrap().permissions().mode();
        assert_eq!(mode & 0o777, 0o600, "{name}");
    }
    let before = std::fs::read(site.path("copy.db")).unwrap();
    for taken in ["copy.db", "copy.db.keys"] {
        let ended = site.run_now(&["backup", taken]);
        assert!(ended.code == 1 && ended.output.contains("never overwritten"), "{}", ended.output);
    }
    assert!(std::fs::read(site.path("copy.db")).unwrap() == before);
    let names = std::fs::read_dir(site.path("")).unwrap().map(|entry| entry.unwrap().file_name());
    assert!(!names.into_iter().any(|name| name.to_string_lossy().starts_with(".letterpress-backup")));
    put_back(&site, &site.path("copy.db"));
    adopt(&site, SECOND);
    assert_eq!(site.run_at(SECOND, &["publish"]).code, 0);
    assert_eq!(site.run_at(SECOND, &["status"]).code, 3, "the outcome of the interrupted issue is unknown");
    assert_eq!(server.accepted().len(), 40);
}

#[test]
fn f28_a_database_without_its_write_ahead_log_is_refused() {
    for copied in [false, true] {
        let server = Server::start(Script::polite().nth(At::Dot, 4, Do::Stall));
        let site = Site::new(server.port(), 8, 1);
        let mut run = site.start(&["publish"]);
        wait_until("the fourth message is there", || server.log().messages.len() == 4);
        run.kill().unwrap();
        run.wait().unwrap();
        let accepted = server.accepted().len();
        assert!(accepted >= 3 && site.path("letterpress.db-wal").exists());
        if copied {
            let alone = site.path("alone.db");
            std::fs::copy(site.path("letterpress.db"), &alone).unwrap();
            put_back(&site, &alone);
        } else {
            remove(&site, &["letterpress.db-wal", "letterpress.db-shm"]);
        }
        let ended = site.run_now(&["publish"]);
        assert!(ended.code == 1 && ended.output.contains("write-ahead log"), "{}", ended.output);
        assert_eq!(server.accepted().len(), accepted);
    }
}

#[test]
fn f28_a_write_ahead_log_of_another_database_is_not_mixed_into_a_backup() {
    let server = Server::start(Script::polite().nth(At::Dot, 2, Do::Stall));
    let site = Site::new(server.port(), 3, 1);
    assert_eq!(site.run(&["backup", "old.db"]).code, 0);
    let mut run = site.start(&["publish"]);
    wait_until("the second message is there", || server.log().messages.len() == 2);
    run.kill().unwrap();
    run.wait().unwrap();
    std::fs::copy(site.path("old.db"), site.path("letterpress.db")).unwrap();
    let ended = site.run(&["ledger", "adopt-restored", "--reason", "x"]);
    assert!(
        ended.code == 2 && ended.output.contains("letterpress.db-wal belongs to another database"),
        "{}",
        ended.output
    );
    assert!(
        std::fs::read(site.path("old.db")).unwrap() == std::fs::read(site.path("letterpress.db")).unwrap()
    );
    remove(&site, &["letterpress.db-wal", "letterpress.db-shm"]);
    adopt(&site, SECOND);
}

#[test]
fn c10_a_ledger_of_another_fence_is_refused_and_cannot_be_adopted() {
    let (server, site) = mailed(Script::polite(), 2);
    let (_, other) = mailed(Script::polite(), 2);
    for name in ["letterpress.db", "letterpress.keys"] {
        std::fs::copy(other.path(name), site.path(name)).unwrap();
    }
    post(&site, "second", "2026-11-21");
    refused(&site, SECOND, 1, "the fence belongs to the ledger");
    let ended = site.run_at(SECOND, &["ledger", "adopt-restored", "--reason", "x"]);
    assert!(ended.code == 1 && ended.output.contains("move its fence file away first"), "{}", ended.output);
    assert_eq!(server.accepted().len(), 2);
}

#[test]
fn a_fence_one_epoch_behind_is_accepted_and_an_empty_one_is_refused() {
    let (server, site) = mailed(Script::polite(), 2);
    let fence = std::fs::read_to_string(site.path("letterpress.fence")).unwrap();
    assert!(fence.contains("epoch = 2\n"), "{fence}");
    site.write("letterpress.fence", &fence.replace("epoch = 2", "epoch = 1"));
    assert_eq!(site.run(&["publish"]).code, 0);
    site.write("letterpress.fence", "");
    refused(&site, SECOND, 1, "is not a valid fence file");
    assert_eq!(server.accepted().len(), 2);
}

#[test]
fn a_ledger_of_a_version_without_fences_gets_one() {
    let (server, site) = mailed(Script::polite(), 2);
    remove(&site, &["letterpress.fence"]);
    let database = rusqlite::Connection::open(site.path("letterpress.db")).unwrap();
    database
        .execute_batch(
            "UPDATE meta SET value = '0' WHERE key = 'epoch'; DELETE FROM meta WHERE key = 'event_head'",
        )
        .unwrap();
    drop(database);
    assert_eq!(site.run(&["ledger", "verify"]).code, 0);
    assert_eq!(site.run(&["publish"]).code, 0);
    assert!(site.path("letterpress.fence").exists());
    assert_eq!(site.run(&["ledger", "verify"]).code, 0);
    assert_eq!(server.accepted().len(), 2);
}

#[test]
fn without_a_writable_fence_nothing_is_sent() {
    let server = Server::start(Script::polite());
    let site = Site::new(server.port(), 2, 1);
    let config = std::fs::read_to_string(site.path("config.toml")).unwrap();
    site.write("config.toml", &format!("{config}[store]\nfence = \"missing/letterpress.fence\"\n"));
    let ended = site.run(&["publish"]);
    assert!(ended.code == 2 && ended.output.contains("cannot write the fence"), "{}", ended.output);
    assert_eq!(server.accepted().len(), 0);
    std::fs::create_dir(site.path("missing")).unwrap();
    assert_eq!(site.run(&["publish"]).code, 0);
    assert_eq!(server.accepted().len(), 2);
}
