//! A ledger that another process locks for longer than a run waits. Takes half a minute, so it is a separate test.

use std::process::Stdio;

use rusqlite::TransactionBehavior::Immediate;

use super::support::account::settle;
use super::support::site::NOW;
use super::support::{At, Gate, Script, Server, Site, wait_until};

#[test]
fn f22_a_ledger_locked_at_the_arm_prevents_the_dot_and_the_next_run_sends() {
    let gate = Gate::default();
    let relay = Server::start(Script::polite().nth(At::Rcpt, 1, gate.then("250 2.1.5 ok")));
    let site = Site::new(relay.port(), 3, 1);
    let mut command = site.command(Some(NOW), &["publish"]);
    let run = command.stdout(Stdio::null()).stderr(Stdio::piped()).spawn().unwrap();
    wait_until("the relay has an RCPT", || relay.verbs().iter().any(|verb| verb == "RCPT"));
    let mut other = rusqlite::Connection::open(site.path("letterpress.db")).unwrap();
    let held = other.transaction_with_behavior(Immediate).unwrap();
    gate.open();
    let ended = run.wait_with_output().unwrap();
    drop(held);
    let output = String::from_utf8(ended.stderr).unwrap();
    assert_eq!(ended.status.code(), Some(2), "{output}");
    assert!(output.contains("another program has locked the database"), "{output}");
    assert!(relay.log().messages.is_empty(), "a dot without an arm");
    let next = site.run_at("2026-11-20T10:07:00Z", &["publish"]);
    assert_eq!(next.code, 0, "{}", next.output);
    let account = settle(&site, &[&relay], 3);
    assert!(account.broken.is_empty() && account.unknown == 0, "{account:?}");
}
