//! `ledger verify` with a ledger that was modified by other programs, and `ledger reconcile` with the log of a relay.

use rusqlite::Connection;
use serde_json::Value;

use super::support::{At, Do, Script, Server, Site};

fn mailed() -> (Server, Site) {
    let server = Server::start(Script::polite());
    let site = Site::new(server.port(), 4, 1);
    assert_eq!(site.run(&["publish"]).code, 0);
    assert_eq!(site.run(&["subscribers", "unsubscribe", "reader1@example.org"]).code, 0);
    assert_eq!(site.run(&["subscribers", "unsubscribe", "reader2@example.org"]).code, 0);
    let verified = site.run(&["ledger", "verify"]);
    assert_eq!((verified.code, verified.output.trim()), (0, "the ledger is consistent"));
    (server, site)
}

/// A change to the database, and the expected message.
const TAMPERS: &[(&str, &str)] = &[
    ("UPDATE event SET detail = 'x' WHERE id = 2", "broken at event 2 ("),
    ("UPDATE event SET at = at + 1 WHERE id = 3", "broken at event 3 ("),
    ("DELETE FROM event WHERE id = 2", "broken at event 3 ("),
    ("DELETE FROM event WHERE id = (SELECT max(id) FROM event)", "events instead of"),
    ("DELETE FROM event", "0 events instead of"),
    (
        "UPDATE event SET id = 99 WHERE id = 2; UPDATE event SET id = 2 WHERE id = 3; UPDATE event SET id = 3 WHERE id = 99",
        "broken at event 2 (",
    ),
    ("DELETE FROM meta WHERE key = 'event_head'", "has lost its head"),
    ("UPDATE issue SET audience = 5", "its audience is 5, but there are 4 deliveries"),
    (
        "DELETE FROM attempt WHERE delivery = 1; DELETE FROM delivery WHERE id = 1; UPDATE issue SET audience = 3",
        "its audience is 3, but the event of its freeze records",
    ),
    ("UPDATE issue SET letter = '{}'", "its frozen email was changed"),
    (
        "DELETE FROM attempt WHERE delivery = 2",
        "reader1@example.org: it is recorded as sent, but there is neither",
    ),
    (
        "UPDATE delivery SET state = 'unknown', token = x'00' WHERE id = 3",
        "reader2@example.org: it is recorded as armed or unknown",
    ),
    ("UPDATE delivery SET state = 'skipped' WHERE id = 4", "deliveries are counted as sent, but there are"),
    ("UPDATE issue_count SET deliveries = deliveries - 1", "deliveries are counted as sent, but there are"),
    ("UPDATE delivery SET state = 'pending' WHERE id = 4", "it is open, but its issue is finished"),
    ("UPDATE delivery SET state = 'mailed' WHERE id = 4", "reader3@example.org: its state is invalid"),
    ("UPDATE delivery SET state = 'failed' WHERE id = 4", "one of its attempts was accepted"),
    ("UPDATE issue SET state = 'sending'", "it is being sent, but it is finished"),
    (
        "UPDATE issue SET state = 'sending', finished_at = NULL",
        "it was finished, and nothing records why it is being sent again",
    ),
    ("UPDATE issue SET subject = 'other'", "its subject or its email is not the one of its freeze"),
    ("UPDATE issue SET letter_sha256 = x'00'", "its subject or its email is not the one of its freeze"),
    (
        "UPDATE delivery SET address = 'other@example.org' WHERE id = 2",
        "other@example.org: this is not the address that was frozen",
    ),
    (
        "UPDATE delivery SET address = 'reader1@example.org' WHERE id = 3",
        "reader1@example.org: there are two deliveries to this address",
    ),
    (
        "DELETE FROM attempt WHERE delivery = 2; INSERT INTO attempt VALUES (1, 77, 1, 1, 0, 0, 'sent', '', x'01')",
        "for delivery 77: its delivery does not exist",
    ),
];

#[test]
fn every_change_of_the_ledger_is_reported() {
    let (_server, site) = mailed();
    let whole = std::fs::read(site.path("letterpress.db")).unwrap();
    for (sql, message) in TAMPERS {
        std::fs::write(site.path("letterpress.db"), &whole).unwrap();
        let database = Connection::open(site.path("letterpress.db")).unwrap();
        database.pragma_update(None, "foreign_keys", false).unwrap();
        database.execute_batch(sql).unwrap();
        drop(database);
        let verified = site.run(&["ledger", "verify"]);
        assert_eq!(verified.code, 1, "{sql}: {}", verified.output);
        assert!(verified.output.contains(message), "{sql}: {}", verified.output);
        let flaws: Value =
            serde_json::from_str(site.run(&["ledger", "verify", "--json"]).output.trim()).unwrap();
        assert!(!flaws["flaws"].as_array().unwrap().is_empty());
    }
    std::fs::write(site.path("letterpress.db"), &whole).unwrap();
    assert_eq!(site.run(&["ledger", "verify"]).code, 0);
}

#[test]
fn a_value_of_any_length_is_clipped_in_the_message() {
    let (_server, site) = mailed();
    let database = Connection::open(site.path("letterpress.db")).unwrap();
    database.execute_batch("UPDATE issue SET letter = zeroblob(200000)").unwrap();
    drop(database);
    let verified = site.run(&["ledger", "verify"]);
    assert!(
        verified.output.contains("the database contains an invalid value: Blob([0, 0, 0"),
        "{}",
        verified.output
    );
    assert!(verified.output.len() < 400, "{}", verified.output);
}

#[test]
fn a_duplicate_delivery_is_found_even_without_the_index_that_prevents_it() {
    let (_server, site) = mailed();
    let database = Connection::open(site.path("letterpress.db")).unwrap();
    database
        .execute_batch(
            "PRAGMA foreign_keys = off;
             CREATE TABLE other AS SELECT * FROM delivery;
             DROP TABLE delivery; ALTER TABLE other RENAME TO delivery;
             UPDATE delivery SET addr_key = (SELECT addr_key FROM delivery WHERE id = 1) WHERE id = 2",
        )
        .unwrap();
    drop(database);
    let verified = site.run(&["ledger", "verify"]);
    assert!(
        verified.code == 1 && verified.output.contains("two deliveries to one subscriber"),
        "{}",
        verified.output
    );
}

/// A site with two unknown outcomes, and the Message-IDs of these messages.
fn with_unknown_outcomes() -> (Server, Site, Vec<String>) {
    let server = Server::start(Script::polite().nth(At::Dot, 1, Do::Cut).nth(At::Dot, 3, Do::Cut));
    let site = Site::new(server.port(), 4, 1);
    assert_eq!(site.run(&["publish"]).code, 3);
    let rows: Vec<Value> =
        serde_json::from_str(site.run(&["status", "--json", "recipients"]).output.trim()).unwrap();
    let ids = rows.iter().filter(|row| row["state"] == "unknown");
    let ids: Vec<String> = ids.map(|row| row["message_id"].as_str().unwrap().to_owned()).collect();
    assert_eq!(ids.len(), 2);
    (server, site, ids)
}

#[test]
fn a_postfix_log_resolves_only_what_it_proves() {
    let (server, site, ids) = with_unknown_outcomes();
    // The relay queued the first; the client of the second disconnected before the dot.
    let log = format!(
        "Nov 20 10:00:00 mail postfix/cleanup[9]: A1B2C3D4: message-id=<{}>\n\
         Nov 20 10:00:00 mail postfix/qmgr[7]: A1B2C3D4: from=<news@letters.example>, size=18300, nrcpt=1 (queue active)\n\
         Nov 20 10:00:01 mail postfix/cleanup[9]: B1B2C3D4: message-id=<{}>\n\
         Nov 20 10:00:01 mail postfix/smtpd[8]: lost connection after DATA (18058 bytes) from unknown[127.0.0.1]\n",
        ids[0], ids[1]
    );
    site.write("mail.log", &log);
    let output = "2 deliveries with unknown outcome: 1 proven and";
    for (dry, code, state) in [(true, 0, 2), (false, 3, 1), (false, 3, 1)] {
        let mut line = vec!["ledger", "reconcile", "--postfix-log", "mail.log"];
        line.extend(dry.then_some("--dry-run"));
        let ended = site.run(&line);
        assert_eq!(ended.code, code, "{}", ended.output);
        assert!(
            ended.output.contains(output)
                || ended.output.contains("1 delivery with unknown outcome: 0 proven"),
            "{}",
            ended.output
        );
        assert_eq!(site.in_state("unknown").len(), state);
    }
    assert_eq!(site.run(&["ledger", "verify"]).code, 0);
    let got = site.run(&["status", "recipients"]);
    assert!(got.output.contains("accepted by the relay according to mail.log"), "{}", got.output);
    assert_eq!(server.log().messages.len(), 4);
}

#[test]
fn a_list_of_message_ids_resolves_unknown_outcomes_and_a_missing_file_is_named() {
    let (_server, site, ids) = with_unknown_outcomes();
    site.write(
        "accepted.csv",
        &format!("time,id\n2026-11-20,\"<{}>\"\n2026-11-20,<other@example.org>\n", ids[0]),
    );
    site.write("ids.txt", &format!("{}\n", ids[1]));
    let ended = site.run(&["ledger", "reconcile", "--message-ids", "missing.txt"]);
    assert!(ended.code == 1 && ended.output.contains("missing.txt"), "{}", ended.output);
    let ended = site.run(&["ledger", "reconcile", "--message-ids", "accepted.csv", "ids.txt"]);
    assert!(
        ended.code == 0 && ended.output.contains("2 proven and recorded as sent, 0 still"),
        "{}",
        ended.output
    );
    assert_eq!(site.in_state("sent").len(), 4);
    assert_eq!(site.run(&["ledger", "verify"]).code, 0);
}
