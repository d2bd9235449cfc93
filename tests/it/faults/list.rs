//! Audiences of every size, and unsubscribes while an issue is being sent.

use std::process::Stdio;
use std::sync::Arc;
use std::time::Duration;

use chrono::TimeDelta;
use letterpress::internals::clock::SystemClock;
use letterpress::internals::config::Smtp;
use letterpress::internals::delivery::smtp::SmtpTransport;
use letterpress::internals::delivery::{Breaker, DeliveryJob, Envelope, OutgoingMessage, deliver};
use letterpress::internals::ledger::{RetrySchedule, State};
use letterpress::internals::store::{Filter, open_sqlite};
use serde_json::json;

use super::super::support::account::{rows, settle};
use super::super::support::site::NOW;
use super::super::support::{At, Do, Gate, Script, Server, Site, wait_until};
use super::{pipelining, waiting};

const LATER: &str = "2026-11-20T11:00:00Z";

#[test]
fn f75_an_empty_audience_freezes_nothing_and_any_other_ends_with_code_0() {
    a_post_without_audience_is_mailed_later();
    for subscribers in [1, 700] {
        let relay = Server::start(pipelining());
        let site = Site::unopened(relay.port(), subscribers, 4);
        site.relay(relay.port(), 4, "list = \"readers.csv\"\nlist_confirmed = true\n");
        let ended = site.run(&["publish"]);
        assert_eq!(ended.code, 0, "{subscribers}: {}", ended.output);
        assert_eq!(relay.accepted().len(), subscribers);
        let account = settle(&site, &[&relay], subscribers);
        assert!(account.broken.is_empty(), "{:?}", account.broken);
        let again = site.run(&["publish"]);
        assert!(
            again.code == 0 && again.output.contains("nothing is due"),
            "{subscribers}: {}",
            again.output
        );
    }
}

/// A post without an audience is reported once, stays due, and is mailed as soon as there is a subscriber.
fn a_post_without_audience_is_mailed_later() {
    let relay = Server::start(pipelining());
    let site = Site::unopened(relay.port(), 0, 4);
    let first = site.run(&["publish"]);
    assert!(first.code == 1 && first.output.contains("there are no subscribers"), "{}", first.output);
    assert!(site.run(&["status"]).output.contains("held back: it has no recipients"));
    let quiet = site.run(&["publish", "--quiet"]);
    assert_eq!((quiet.code, quiet.output.as_str()), (0, ""));
    assert_eq!(site.run(&["subscribers", "add", "late@example.org"]).code, 0);
    let then = site.run(&["publish"]);
    assert_eq!((then.code, relay.accepted().len()), (0, 1), "{}", then.output);
}

#[test]
fn f25_a_first_run_without_ledger_and_keys_mails_no_old_post() {
    let relay = Server::start(pipelining());
    let site = Site::unopened(relay.port(), 3, 1);
    site.relay(relay.port(), 1, "list = \"readers.csv\"\nlist_confirmed = true\n");
    let config = std::fs::read_to_string(site.path("config.toml")).unwrap();
    site.write("config.toml", &config.replace("first_run = \"newest\"", "first_run = \"nothing\""));
    for run in ["the first", "the second"] {
        let ended = site.run(&["publish"]);
        assert_eq!(ended.code, 0, "{run}: {}", ended.output);
    }
    assert_eq!(relay.log().connections, 0);
    site.write(
        "posts/two.md",
        "+++\ntitle = \"둘째\"\ndate = 2026-11-20T10:30:00Z\nslug = \"two\"\n+++\n\n새 편지.\n",
    );
    assert_eq!(site.run_at(LATER, &["publish"]).code, 0);
    assert_eq!(relay.accepted().len(), 3, "the new post is mailed");
}

/// Runs `command` for the first subscriber before the relay replies to RCPT; no email may follow.
fn no_email_follows(command: &str) {
    let gate = Gate::default();
    let relay = Server::start(Script::polite().nth(At::Rcpt, 1, gate.then("250 2.1.5 ok")));
    let site = Site::new(relay.port(), 4, 1);
    waiting(&site);
    let mut run = site.command(Some(LATER), &["publish"]);
    let mut run = run.stdout(Stdio::null()).stderr(Stdio::null()).spawn().unwrap();
    wait_until("the relay has an RCPT", || relay.verbs().iter().any(|verb| verb == "RCPT"));
    assert_eq!(rows(&site)["reader0@example.org"], State::Claimed);
    let changed = site.run_at(LATER, &["subscribers", command, "reader0@example.org"]);
    assert_eq!(changed.code, 0, "{}", changed.output);
    assert!(relay.log().messages.is_empty(), "a message was sent before its RCPT was answered");
    gate.open();
    assert!(run.wait().unwrap().success());
    assert_eq!(site.counts(), json!({ "sent": 3, "skipped": 1 }));
    assert!(!relay.accepted().iter().any(|line| line.contains("<reader0@")));
    let account = settle(&site, &[&relay], 4);
    assert!(account.broken.is_empty(), "{:?}", account.broken);
}

#[test]
fn f73_a_subscriber_who_unsubscribes_between_claim_and_arm_gets_no_email() {
    no_email_follows("unsubscribe");
}

#[test]
fn f79_a_suppression_while_sending_applies_from_the_next_arm() {
    no_email_follows("suppress");
}

#[test]
fn f16_a_message_whose_composition_panics_fails_and_the_run_continues() {
    let relay = Server::start(pipelining());
    let site = Site::new(relay.port(), 6, 2);
    waiting(&site);
    let path = |name| camino::Utf8PathBuf::from_path_buf(site.path(name)).unwrap();
    let store = open_sqlite(&path("letterpress.db"), &path("letterpress.keys"), "").unwrap();
    let smtp: Smtp =
        serde_json::from_value(json!({ "host": "127.0.0.1", "port": relay.port(), "tls": "none" })).unwrap();
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build().unwrap();
    let rows = runtime.block_on(async {
        let issue = store.open_issues().await.unwrap().remove(0);
        let job = DeliveryJob {
            store: store.clone(),
            transport: Arc::new(SmtpTransport::new(&smtp, None).unwrap()),
            clock: Arc::new(SystemClock),
            issue: issue.number,
            frozen_at: issue.frozen_at,
            render: Box::new(|delivery| {
                assert!(!delivery.address.to_string().starts_with("reader3@"), "a hostile row");
                let from = delivery.address.clone();
                let message = b"Subject: slow\r\n\r\nslowly\r\n".to_vec();
                let envelope = Envelope { from, to: delivery.address.clone(), size: message.len() };
                Ok(OutgoingMessage { envelope, message, message_id: String::new() })
            }),
            rate_limits: None,
            retry: RetrySchedule { waits: vec![TimeDelta::minutes(5)], give_up: TimeDelta::hours(48) },
            lease: Duration::from_secs(10 * 60),
            owner: "test".to_owned(),
            on_progress: Arc::new(|_| {}),
        };
        assert_eq!(deliver(job, Arc::new(Breaker::default())).await.unwrap(), None);
        store.deliveries(Filter::default()).await.unwrap()
    });
    for view in rows {
        let hostile = view.address.starts_with("reader3@");
        assert_eq!(view.row.state, if hostile { State::Failed } else { State::Sent }, "{}", view.address);
        assert_eq!(view.row.reason.as_deref(), hostile.then_some("render"));
    }
    assert_eq!(relay.accepted().len(), 5);
}

#[test]
fn f15_a_second_signal_ends_the_run_at_once_and_the_next_run_recovers() {
    let relay = Server::start(Script::polite().nth(At::Data, 2, Do::Stall));
    let site = Site::new(relay.port(), 4, 1);
    let mut run = site.command(Some(NOW), &["publish"]);
    let mut run = run.stdout(Stdio::null()).stderr(Stdio::null()).spawn().unwrap();
    let has_begun = || relay.verbs().iter().filter(|verb| *verb == "DATA").count() == 2;
    wait_until("the second message begins", has_begun);
    // Two signals that come before the program runs again are one.
    wait_until("it ends", || {
        std::process::Command::new("kill").arg(run.id().to_string()).status().unwrap();
        std::thread::sleep(Duration::from_millis(300));
        run.try_wait().unwrap().is_some()
    });
    let ended = run.wait().unwrap();
    assert_eq!(ended.code(), None, "it did not end at once: {ended}");
    assert_eq!(site.run_at(LATER, &["publish"]).code, 0);
    let account = settle(&site, &[&relay], 4);
    assert!(account.broken.is_empty() && account.unknown == 0, "{account:?}");
}
