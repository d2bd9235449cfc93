//! The whole program against a scripted server: what the server accepted is compared with the ledger.

use std::time::Duration;

use serde_json::json;

use super::support::{At, Do, Gate, Script, Server, Site, reply_line, wait_until};

fn pipelining() -> Script {
    Script::polite().pipelining(true)
}

fn times(server: &Server, address: &str) -> usize {
    let wanted = format!("<{address}>");
    server.accepted().iter().filter(|line| line.contains(&wanted)).count()
}

#[test]
fn every_subscriber_gets_one_email_and_a_second_run_sends_nothing() {
    for pipelines in [true, false] {
        let server = Server::start(Script::polite().pipelining(pipelines));
        let site = Site::new(server.port(), 25, 3);
        let ended = site.run(&["publish"]);
        assert_eq!(ended.code, 0, "{}", ended.output);
        assert_eq!(site.counts(), json!({ "sent": 25 }));
        (0..25).for_each(|number| assert_eq!(times(&server, &format!("reader{number}@example.org")), 1));
        let again = site.run(&["publish"]);
        assert_eq!((again.code, server.accepted().len()), (0, 25), "{}", again.output);
        assert!(again.output.contains("nothing is due"), "{}", again.output);
    }
}

#[test]
fn f38_a_rejected_recipient_fails_and_the_others_get_their_email() {
    let server =
        Server::start(pipelining().recipient("reader3@example.org", reply_line("550 5.1.1 no such user")));
    let site = Site::new(server.port(), 10, 2);
    let ended = site.run(&["publish"]);
    assert_eq!(ended.code, 3, "{}", ended.output);
    assert_eq!(site.counts(), json!({ "sent": 9, "failed": 1 }));
    assert_eq!(site.in_state("failed"), ["reader3@example.org"]);
}

#[test]
fn f39_a_greylisted_subscriber_gets_the_email_with_a_later_run() {
    let server = Server::start(pipelining().nth(At::Rcpt, 2, reply_line("450 4.2.0 greylisted")));
    let site = Site::new(server.port(), 3, 1);
    assert_eq!(site.run(&["publish"]).code, 3);
    assert_eq!(site.counts(), json!({ "sent": 2, "pending": 1 }));
    assert_eq!(
        site.run_at("2026-11-20T10:01:00Z", &["publish"]).code,
        0,
        "the retry is not due yet, and this is not an error"
    );
    assert_eq!(server.accepted().len(), 2);
    assert_eq!(site.run_at("2026-11-20T10:07:00Z", &["publish"]).code, 0);
    assert_eq!(site.counts(), json!({ "sent": 3 }));
    assert_eq!(server.accepted().len(), 3);
}

#[test]
fn f47_f50_a_lost_reply_after_the_dot_is_unknown_and_the_message_is_not_sent_again() {
    for lost in [
        Do::Cut,
        Do::Reset,
        Do::Stall,
        reply_line("354 what"),
        Do::Each(vec![Do::Write(b"250-ha".to_vec()), Do::Cut]),
    ] {
        let server = Server::start(pipelining().nth(At::Dot, 2, lost.clone()));
        let site = Site::new(server.port(), 6, 1);
        site.be_impatient();
        let ended = site.run(&["publish"]);
        assert_eq!(ended.code, 3, "{lost:?}: {}", ended.output);
        assert_eq!(site.counts(), json!({ "sent": 5, "unknown": 1 }), "{lost:?}");
        let again = site.run_at("2026-11-21T10:00:00Z", &["publish"]);
        assert_eq!(again.code, 0, "{}", again.output);
        assert_eq!(server.log().messages.len(), 6, "{lost:?}: an unknown delivery was sent again");
    }
}

#[test]
fn a_decided_resend_is_the_same_message_to_the_byte() {
    let server = Server::start(pipelining().nth(At::Dot, 2, Do::Cut));
    let site = Site::new(server.port(), 3, 1);
    site.run(&["publish"]);
    let unknown = site.in_state("unknown");
    site.write(
        "posts/slow.md",
        "+++\ntitle = \"고쳤다\"\ndate = 2026-11-20T09:00:00Z\nslug = \"slow\"\n+++\n다른 글.\n",
    );
    assert_eq!(site.run(&["resolve", "--resend", "--reason", "the relay's log has no such message"]).code, 0);
    let ended = site.run_at("2026-11-20T20:00:00Z", &["publish"]);
    assert_eq!(ended.code, 0, "{}", ended.output);
    assert_eq!(site.counts(), json!({ "sent": 3 }));
    let to_them = format!("<{}>", unknown[0]);
    let log = server.log();
    let messages: Vec<_> =
        log.messages.iter().filter(|message| message.rcpt.concat().contains(&to_them)).collect();
    assert_eq!(messages.len(), 2);
    assert_eq!(messages[0].data, messages[1].data);
}

#[test]
fn evidence_resolves_an_unknown_outcome_without_sending_again() {
    let server = Server::start(pipelining().nth(At::Dot, 1, Do::Cut));
    let site = Site::new(server.port(), 2, 1);
    site.run(&["publish"]);
    assert_eq!(site.run(&["status"]).code, 3, "an unknown outcome sets the exit code");
    assert_eq!(site.run(&["resolve", "--sent"]).code, 0);
    assert_eq!(site.counts(), json!({ "sent": 2 }));
    assert_eq!(site.run(&["status"]).code, 0);
    assert_eq!(server.log().messages.len(), 2);
}

#[test]
fn an_unknown_outcome_of_an_older_issue_is_named_wherever_it_is_looked_for() {
    let server = Server::start(pipelining().nth(At::Dot, 1, Do::Cut));
    let site = Site::new(server.port(), 2, 1);
    site.run(&["publish"]);
    let id = "https://blog.example/?p=114";
    let post = format!(
        "+++\ntitle = \"편지\"\ndate = 2026-11-20T12:00:00Z\nslug = \"편지-14\"\nid = \"{id}\"\n+++\n\n다른 글.\n"
    );
    site.write("posts/other.md", &post);
    let later = |arguments: &[&str]| site.run_at("2026-11-20T12:10:00Z", arguments);
    let second = later(&["publish"]);
    assert_eq!(second.code, 0, "{}", second.output);
    let health = later(&["status", "--max-age", "1h"]);
    let named = "`letterpress status` shows 1 delivery with unknown outcome";
    assert!(health.code == 0 && health.output.contains(named), "{}", health.output);
    let doctor = later(&["doctor", "--offline"]);
    assert!(doctor.output.contains("nobody has decided: 1\n"), "{}", doctor.output);
    for option in ["--acknowledge", "--sent", "--resend"] {
        let newest = later(&["resolve", option]);
        let command = format!("letterpress resolve {option} ");
        assert!(newest.output.starts_with("none in the newest issue; 1 in tag:"), "{}", newest.output);
        assert!(newest.output.contains(&command) && newest.output.contains(":slow"), "{}", newest.output);
    }
    for name in [id, "편지-14", "other.md", "posts/other.md"] {
        let named = later(&["resolve", "--acknowledge", name]);
        let none = "no delivery has an unknown outcome\n";
        assert_eq!((named.code, named.output.as_str()), (0, none), "{name}");
    }
    assert!(later(&["resolve", "--sent", "posts/slow.md"]).output.contains("recorded 1 delivery as sent"));
    assert_eq!(later(&["resolve", "--sent"]).output, "no delivery has an unknown outcome\n");
    assert_eq!(later(&["resolve", "--sent", "nothing"]).code, 1);
}

#[test]
fn f37_a_refused_login_stops_the_run_and_changes_no_delivery() {
    let server = Server::start(pipelining().on(At::Mail, reply_line("530 5.7.0 authentication required")));
    let site = Site::new(server.port(), 20, 4);
    let ended = site.run(&["publish"]);
    assert_eq!(ended.code, 1, "{}", ended.output);
    assert!(ended.output.contains("530 5.7.0 authentication required"), "{}", ended.output);
    assert_eq!(site.counts(), json!({ "pending": 20 }));
}

#[test]
fn f41_throttling_stops_the_run_and_no_delivery_fails() {
    let server = Server::start(pipelining().nth(At::Rcpt, 5, reply_line("421 4.7.0 try again later")));
    let site = Site::new(server.port(), 20, 1);
    let ended = site.run(&["publish"]);
    assert_eq!(ended.code, 3, "{}", ended.output);
    assert_eq!(site.counts(), json!({ "sent": 4, "pending": 16 }));
    assert_eq!(site.run_at("2026-11-20T11:00:00Z", &["publish"]).code, 0);
    assert_eq!(site.counts(), json!({ "sent": 20 }));
    assert_eq!(server.accepted().len(), 20);
}

#[test]
fn f51_an_issue_whose_messages_are_all_rejected_is_paused() {
    let server = Server::start(pipelining().on(At::Dot, reply_line("554 5.7.1 looks like spam")));
    let site = Site::new(server.port(), 40, 1);
    let ended = site.run(&["publish"]);
    assert_eq!(ended.code, 3, "{}", ended.output);
    assert!(ended.output.contains("paused") && ended.output.contains("looks like spam"), "{}", ended.output);
    assert_eq!(site.counts()["failed"], 5);
    let again = site.run(&["publish"]);
    assert_eq!(server.log().messages.len(), 5, "a paused issue was continued: {}", again.output);
    assert_eq!(site.run(&["resolve", "--resume"]).code, 0);
    let resumed = site.run_at("2026-11-20T11:00:00Z", &["publish"]);
    assert!(server.log().messages.len() > 5, "{}", resumed.output);
}

#[test]
fn f34_an_unreachable_relay_is_one_error_line_and_changes_no_delivery() {
    let server = Server::start(pipelining());
    let site = Site::new(server.port(), 5, 4);
    drop(server);
    let ended = site.run(&["publish"]);
    assert_eq!(ended.code, 1, "{}", ended.output);
    assert_eq!(ended.output.matches("refused").count(), 1, "{}", ended.output);
    assert_eq!(site.counts(), json!({ "pending": 5 }));
}

#[test]
fn f73_a_subscriber_who_unsubscribes_while_the_issue_is_pending_gets_no_email() {
    let server = Server::start(pipelining().nth(At::Rcpt, 3, reply_line("421 4.3.2 going down")));
    let site = Site::new(server.port(), 10, 1);
    site.run(&["publish"]);
    let waiting = site.in_state("pending");
    assert_eq!(waiting.len(), 8);
    assert_eq!(site.run(&["subscribers", "unsubscribe", &waiting[0]]).code, 0);
    assert_eq!(site.run(&["subscribers", "suppress", &waiting[1]]).code, 0);
    assert_eq!(site.run_at("2026-11-20T11:00:00Z", &["publish"]).code, 0);
    assert_eq!(site.counts(), json!({ "sent": 8, "skipped": 2 }));
    waiting[..2].iter().for_each(|address| assert_eq!(times(&server, address), 0));
}

#[test]
fn many_subscribers_who_unsubscribed_one_after_the_other_end_no_run() {
    let server = Server::start(pipelining().nth(At::Rcpt, 2, reply_line("421 4.3.2 going down")));
    let site = Site::new(server.port(), 40, 1);
    site.run(&["publish"]);
    let waiting = site.in_state("pending");
    for address in &waiting[2..26] {
        assert_eq!(site.run(&["subscribers", "unsubscribe", address]).code, 0);
    }
    let ended = site.run_at("2026-11-20T11:00:00Z", &["publish"]);
    assert_eq!(ended.code, 0, "{}", ended.output);
    assert_eq!(site.counts(), json!({ "sent": 16, "skipped": 24 }));
}

#[test]
fn f57_a_concurrent_run_ends_at_once_with_code_4() {
    let gate = Gate::default();
    let server = Server::start(pipelining().on(At::Dot, gate.then("250 ok")));
    let site = Site::new(server.port(), 4, 1);
    let mut first = site.start(&["publish"]);
    wait_until("the first run sends", || !server.log().commands.is_empty());
    let second = site.run_now(&["publish"]);
    assert_eq!(second.code, 4, "{}", second.output);
    gate.open();
    assert!(first.wait().unwrap().success());
    assert_eq!(server.accepted().len(), 4);
}

#[test]
fn f15_a_terminated_run_finishes_messages_in_flight_and_releases_the_rest() {
    let server = Server::start(
        pipelining().on(At::Dot, Do::Each(vec![Do::Wait(Duration::from_millis(30)), reply_line("250 ok")])),
    );
    let site = Site::new(server.port(), 200, 2);
    let mut run = site.start(&["publish"]);
    wait_until("the relay has five messages", || server.accepted().len() >= 5);
    let killed = std::process::Command::new("kill").args(["-TERM", &run.id().to_string()]).status().unwrap();
    assert!(killed.success());
    assert_eq!(run.wait().unwrap().code(), Some(3));
    let (sent, counts) = (server.accepted().len(), site.counts());
    assert_eq!(counts, json!({ "sent": sent, "pending": 200 - sent }));
}

#[test]
fn f24_a_missing_ledger_is_not_created_again() {
    let server = Server::start(pipelining());
    let site = Site::new(server.port(), 3, 1);
    site.run(&["publish"]);
    for file in ["letterpress.db", "letterpress.db-wal", "letterpress.db-shm"] {
        let _ = std::fs::remove_file(site.path(file));
    }
    let ended = site.run(&["publish"]);
    assert_eq!(ended.code, 2, "{}", ended.output);
    assert!(ended.output.contains("letterpress.db") && ended.output.contains("backup"), "{}", ended.output);
    assert_eq!(server.accepted().len(), 3);
}

#[test]
fn a_build_before_the_run_does_not_prevent_the_issue() {
    let server = Server::start(pipelining());
    let site = Site::new(server.port(), 2, 1);
    assert_eq!(site.run(&["publish"]).code, 0);
    site.write("posts/next.md", "+++\ntitle = \"다음 편지\"\ndate = 2026-11-20T09:30:00Z\n+++\n\n또 왔다.\n");
    assert_eq!(site.run(&["build"]).code, 0);
    let ended = site.run(&["publish"]);
    assert!(ended.output.contains("다음 편지"), "{}", ended.output);
    assert_eq!(server.accepted().len(), 4);
}

#[test]
fn f23_an_emptied_ledger_is_not_created_again() {
    let server = Server::start(pipelining());
    let site = Site::new(server.port(), 3, 1);
    site.run(&["publish"]);
    let _ = std::fs::remove_file(site.path("letterpress.db-wal"));
    site.write("letterpress.db", "");
    let ended = site.run(&["publish"]);
    assert_eq!(ended.code, 2, "{}", ended.output);
    assert_eq!(server.accepted().len(), 3);
}

#[test]
fn f36_a_relay_that_refuses_every_session_ends_the_run_promptly() {
    for (at, reply) in [(At::Ehlo, "450 4.3.0 later"), (At::Greeting, "354 what")] {
        let server = Server::start(Script::polite().on(at, reply_line(reply)));
        let site = Site::new(server.port(), 3, 2);
        let ended = site.run(&["publish"]);
        assert_eq!(ended.code, 2, "{reply}: {}", ended.output);
        assert_eq!(site.counts(), json!({ "pending": 3 }), "{reply}");
    }
}

#[test]
fn f47_a_relay_that_disconnects_at_every_dot_leaves_only_a_few_outcomes_unknown() {
    for lost in [Do::Cut, reply_line("354 what")] {
        let server = Server::start(pipelining().on(At::Dot, lost));
        let site = Site::new(server.port(), 100, 4);
        let ended = site.run(&["publish"]);
        assert_eq!(ended.code, 3, "{}", ended.output);
        let counts = site.counts();
        let unknown = counts["unknown"].as_u64().unwrap();
        assert!((5..=12).contains(&unknown), "{counts}");
        assert_eq!(unknown + counts["pending"].as_u64().unwrap(), 100, "{counts}");
    }
}

#[test]
fn an_old_issue_is_paused_before_it_is_sent() {
    let server = Server::start(pipelining());
    let site = Site::new(server.port(), 3, 1);
    let port = server.port();
    drop(server);
    site.run(&["publish"]);
    let config = std::fs::read_to_string(site.path("config.toml")).unwrap();
    let server = Server::start(pipelining());
    site.write("config.toml", &config.replace(&port.to_string(), &server.port().to_string()));
    let late = site.run_at("2026-12-20T10:00:00Z", &["publish"]);
    assert_eq!((late.code, server.accepted().len()), (3, 0), "{}", late.output);
    assert!(late.output.contains("paused") && late.output.contains("--resume"), "{}", late.output);
    assert_eq!(site.run_at("2026-12-20T10:00:00Z", &["resolve", "--resume"]).code, 0);
    assert_eq!(site.run_at("2026-12-20T10:00:00Z", &["publish"]).code, 0);
    assert_eq!(server.accepted().len(), 3);
}

#[test]
fn after_mail_through_a_relay_messages_are_not_written_to_files() {
    let server = Server::start(pipelining());
    let site = Site::new(server.port(), 2, 1);
    site.run(&["publish"]);
    let config = std::fs::read_to_string(site.path("config.toml")).unwrap();
    site.write("config.toml", config.split("[smtp]").next().unwrap());
    site.write("posts/next.md", "+++\ntitle = \"다음 편지\"\ndate = 2026-11-20T09:30:00Z\n+++\n\n또 왔다.\n");
    let ended = site.run(&["publish"]);
    assert_eq!(ended.code, 1, "{}", ended.output);
    assert!(ended.output.contains("[smtp]") && !site.path("outbox").exists(), "{}", ended.output);
}
