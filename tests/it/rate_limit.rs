//! Rate limits, back-off and circuit breakers with the whole program: what the relay received and what the ledger
//! contains.

use std::time::{Duration, Instant};

use serde_json::{Value, json};

use super::support::{At, Gate, Script, Server, Site, reply_line, wait_until};

/// The times of later cron runs: one minute, one hour, one day later.
const MINUTE_LATER: &str = "2026-11-20T10:01:00Z";
const HOUR_LATER: &str = "2026-11-20T11:00:00Z";

fn polite() -> Script {
    Script::polite().pipelining(true)
}

/// A site with additional lines in `[smtp]`.
fn site(server: &Server, subscribers: usize, connections: usize, lines: &str) -> Site {
    let site = Site::new(server.port(), subscribers, connections);
    let config = std::fs::read_to_string(site.path("config.toml")).unwrap();
    site.write("config.toml", &format!("{config}{lines}\n"));
    site
}

fn waiting(site: &Site, at: &str) -> Vec<Value> {
    let status = site.run_at(at, &["status", "--json"]);
    let status: Value = serde_json::from_str(status.output.trim()).unwrap();
    status["waiting"].as_array().unwrap().clone()
}

#[test]
fn d40_the_rate_limit_is_not_exceeded() {
    let server = Server::start(polite());
    let site = site(&server, 30, 4, "per_minute = 600");
    let begun = Instant::now();
    let ended = site.run_now(&["publish"]);
    assert_eq!((ended.code, site.counts()), (0, json!({ "sent": 30 })), "{}", ended.output);
    // Ten at once, then ten each second.
    assert!(begun.elapsed() >= Duration::from_millis(1_900), "{:?}", begun.elapsed());
}

#[test]
fn a_rate_limit_applies_across_runs() {
    let server = Server::start(polite());
    let site = site(&server, 1, 1, "per_minute = 30");
    assert_eq!(site.run_now(&["publish"]).code, 0);
    site.write("posts/next.md", "+++\ntitle = \"다음 편지\"\ndate = 2026-11-20T09:30:00Z\n+++\n\n또 왔다.\n");
    let begun = Instant::now();
    let ended = site.run_now(&["send", "--post", "next"]);
    assert_eq!((ended.code, server.accepted().len()), (0, 2), "{}", ended.output);
    // The start-up time of the second run is part of the two seconds.
    assert!(begun.elapsed() >= Duration::from_secs(1), "{:?}", begun.elapsed());
}

#[test]
fn a_rate_limited_domain_does_not_delay_other_domains() {
    let server = Server::start(polite());
    let site = site(&server, 20, 2, "domains = { \"Slow.example\" = 60 }");
    let rows: Vec<String> = (0..3).map(|number| format!("kim{number}@slow.example")).collect();
    site.write("slow.csv", &format!("email\n{}\n", rows.join("\n")));
    site.run(&["subscribers", "import", "slow.csv", "--confirmed"]);
    let begun = Instant::now();
    let ended = site.run_now(&["publish"]);
    assert_eq!((ended.code, site.counts()), (0, json!({ "sent": 23 })), "{}", ended.output);
    assert!(begun.elapsed() >= Duration::from_millis(1_900), "{:?}", begun.elapsed());
    let last: Vec<_> = server.accepted().split_off(21);
    assert!(last.iter().all(|line| line.contains("slow.example")), "other deliveries were delayed: {last:?}");
}

#[test]
fn a_rate_limited_run_does_not_keep_an_idle_connection_open() {
    let server = Server::start(polite());
    let site = site(&server, 2, 1, "per_minute = 9");
    let ended = site.run_now(&["publish"]);
    assert_eq!((ended.code, server.log().connections), (0, 2), "{}", ended.output);
    assert_eq!(server.verbs().iter().filter(|verb| *verb == "QUIT").count(), 2);
}

#[test]
fn with_a_stopped_clock_there_are_no_new_permits_and_the_run_ends() {
    let server = Server::start(polite());
    let site = site(&server, 3, 1, "per_minute = 60");
    let ended = site.run(&["publish"]);
    assert_eq!((ended.code, site.counts()), (3, json!({ "sent": 1, "pending": 2 })), "{}", ended.output);
    assert!(ended.output.contains("the next run continues"), "{}", ended.output);
    let status = site.run(&["status"]);
    let expected = "waiting: 2 messages of \"천천히 오는 편지\" for the next run; smtp.per_minute allows no message before 19:00:01";
    assert!(status.output.contains(expected), "{}", status.output);
    assert_eq!(waiting(&site, "2026-11-20T10:00:00Z")[0]["until"], "2026-11-20T10:00:01Z");
}

#[test]
fn f41_later_runs_do_not_contact_a_relay_that_throttles() {
    let server = Server::start(polite().nth(At::Mail, 1, reply_line("421 4.7.28 slow down")));
    let site = site(&server, 3, 1, "");
    let ended = site.run(&["publish"]);
    assert!(ended.code == 3 && ended.output.contains("pauses until 2026-11-20 19:0"), "{}", ended.output);
    let again = site.run_at(MINUTE_LATER, &["publish"]);
    assert_eq!((again.code, server.log().connections), (0, 1), "{}", again.output);
    let quiet = site.run_at(MINUTE_LATER, &["--quiet", "publish"]);
    assert_eq!((quiet.code, quiet.output.as_str()), (0, ""), "cron would mail this each minute");
    let status = site.run_at(MINUTE_LATER, &["status"]);
    let expected = [
        "throttled: sending is paused until 2026-11-20 19:0",
        "3 deliveries pending",
        "421 4.7.28 slow down",
    ];
    assert!(expected.iter().all(|text| status.output.contains(text)), "{}", status.output);
    assert_eq!(waiting(&site, MINUTE_LATER)[0]["because"], "relay_rests");
    // A resume ends the wait; the deferred subscriber keeps their own retry time.
    let now = site.run_at(MINUTE_LATER, &["send", "--now"]);
    assert_eq!((server.accepted().len(), site.counts()["pending"].clone()), (2, json!(1)), "{}", now.output);
    assert_eq!(site.run_at(HOUR_LATER, &["publish"]).code, 0);
    assert_eq!(site.counts(), json!({ "sent": 3 }));
}

#[test]
fn f42_f51_recipients_rejected_because_of_the_content_get_it_after_a_resume() {
    let refused = reply_line("554 5.7.1 looks like spam");
    let script = (1..=5).fold(polite(), |script, nth| script.nth(At::Dot, nth, refused.clone()));
    let server = Server::start(script);
    let site = site(&server, 40, 1, "");
    let ended = site.run(&["publish"]);
    assert!(ended.code == 3 && ended.output.contains("--retry"), "{}", ended.output);
    assert_eq!(site.counts(), json!({ "failed": 5, "pending": 35 }));
    let status = site.run(&["status"]);
    assert!(
        status.output.contains("paused: \"천천히 오는 편지\", 35 deliveries pending: 5 messages in a row"),
        "{}",
        status.output
    );
    let retried = site.run(&["resolve", "--retry", "--reason", "DKIM is right now"]);
    assert!(
        retried.code == 0 && retried.output.contains("the next run retries 5 deliveries"),
        "{}",
        retried.output
    );
    assert_eq!(site.counts(), json!({ "pending": 40 }));
    assert_eq!(site.run_at(MINUTE_LATER, &["publish"]).code, 0);
    assert_eq!((site.counts(), server.accepted().len()), (json!({ "sent": 40 }), 40));
    let no_rejection = site.run(&["resolve", "--retry"]);
    assert!(no_rejection.output.contains("no rejected delivery"), "{}", no_rejection.output);
}

#[test]
fn f42_a_refusal_of_the_sender_at_rcpt_pauses_and_suppresses_nobody() {
    let server = Server::start(polite().on(At::Rcpt, reply_line("550 5.7.26 unauthenticated")));
    let site = site(&server, 20, 1, "");
    let ended = site.run(&["publish"]);
    assert!(ended.code == 3 && ended.output.contains("paused"), "{}", ended.output);
    assert_eq!(site.counts(), json!({ "pending": 20 }));
    let list = site.run(&["subscribers", "list"]);
    assert!(!list.output.contains("suppressed"), "{}", list.output);
}

#[test]
fn f38_a_recipient_without_a_mailbox_is_not_mailed_again() {
    let server =
        Server::start(polite().recipient("reader3@example.org", reply_line("550 5.1.1 no such user")));
    let site = site(&server, 10, 2, "");
    let ended = site.run(&["publish"]);
    assert!(ended.code == 3 && ended.output.contains("1 subscriber suppressed"), "{}", ended.output);
    assert_eq!(site.counts(), json!({ "sent": 9, "failed": 1 }));
    let why = site.run(&["status", "explain", "reader3@example.org"]);
    assert!(why.output.contains("suppressed"), "{}", why.output);
    let retried = site.run(&["resolve", "--retry"]);
    assert!(retried.output.contains("no rejected delivery"), "{}", retried.output);
}

#[test]
fn f38_a_full_mailbox_or_an_unexplained_550_does_not_suppress() {
    let server = Server::start(
        polite()
            .recipient("reader1@example.org", reply_line("552 5.2.2 full"))
            .recipient("reader2@example.org", reply_line("550 no")),
    );
    let site = site(&server, 10, 1, "");
    site.run(&["publish"]);
    assert_eq!(site.counts(), json!({ "sent": 8, "failed": 2 }));
    assert!(!site.run(&["subscribers", "list"]).output.contains("suppressed"));
}

#[test]
fn f53_a_relay_that_rejects_everyone_pauses_the_issue_and_suppresses_nobody() {
    let refused = reply_line("550 5.1.1 no such user");
    let script = (1..=5).fold(polite(), |script, nth| script.nth(At::Rcpt, nth, refused.clone()));
    let server = Server::start(script);
    let site = site(&server, 40, 1, "");
    let ended = site.run(&["publish"]);
    assert!(ended.code == 3 && ended.output.contains("the address does not exist"), "{}", ended.output);
    assert_eq!(site.counts(), json!({ "failed": 5, "pending": 35 }));
    assert!(!site.run(&["subscribers", "list"]).output.contains("suppressed"));
    assert_eq!(site.run(&["resolve", "--retry"]).code, 0);
    assert_eq!(site.run_at(MINUTE_LATER, &["publish"]).code, 0);
    assert_eq!(site.counts(), json!({ "sent": 40 }));
}

#[test]
fn f53_a_relay_that_rejects_a_list_of_three_suppresses_nobody_either() {
    let server = Server::start(polite().on(At::Rcpt, reply_line("550 5.1.1 no such user")));
    let site = site(&server, 3, 1, "");
    let ended = site.run(&["publish"]);
    assert_eq!((ended.code, site.counts()), (3, json!({ "failed": 3 })), "{}", ended.output);
    assert!(!site.run(&["subscribers", "list"]).output.contains("suppressed"));
}

#[test]
fn an_issue_that_is_resumed_after_bounces_is_not_paused_for_the_same_bounces() {
    let refused = reply_line("550 5.1.1 no such user");
    let script = (0..12).fold(polite(), |script, number| {
        script.recipient(&format!("reader{number}@example.org"), refused.clone())
    });
    let server = Server::start(script);
    let site = site(&server, 60, 1, "");
    assert_eq!(site.run(&["publish"]).code, 3);
    assert_eq!(site.run(&["resolve", "--resume", "--reason", "it is an old list"]).code, 0);
    let ended = site.run_at(MINUTE_LATER, &["publish"]);
    assert_eq!(site.counts(), json!({ "sent": 48, "failed": 12 }), "{}", ended.output);
    assert!(ended.output.contains("12 subscribers suppressed"), "{}", ended.output);
}

#[test]
fn f39_f40_status_shows_how_many_deliveries_wait_and_until_when() {
    let server = Server::start(polite().nth(At::Rcpt, 2, reply_line("450 4.2.0 greylisted")).nth(
        At::Rcpt,
        3,
        reply_line("452 4.2.2 mailbox full"),
    ));
    let site = site(&server, 5, 1, "");
    assert_eq!(site.run(&["publish"]).code, 3);
    let status = site.run_at(MINUTE_LATER, &["status"]);
    let expected = "waiting: 2 messages of \"천천히 오는 편지\" could not be delivered yet; next retry at 2026-11-20 19:0";
    assert!(status.output.contains(expected), "{}", status.output);
    let due = site.run_at(HOUR_LATER, &["status"]);
    assert!(
        due.output.contains("waiting: 2 messages of") && due.output.contains("for the next run"),
        "{}",
        due.output
    );
    assert_eq!(site.run_at(HOUR_LATER, &["publish"]).code, 0);
    let log = server.log();
    let ids = |message: &super::support::Message| {
        let text = String::from_utf8(message.data.clone()).unwrap();
        text.lines().find(|line| line.starts_with("Message-ID:")).unwrap().to_owned()
    };
    let mut all: Vec<_> = log.messages.iter().map(ids).collect();
    all.sort_unstable();
    all.dedup();
    assert_eq!((all.len(), site.counts()), (5, json!({ "sent": 5 })));
}

#[test]
fn status_reports_an_active_run_without_blocking_it() {
    let gate = Gate::default();
    let server = Server::start(polite().on(At::Dot, gate.then("250 ok")));
    let site = site(&server, 6, 1, "per_minute = 6000");
    let mut run = site.start(&["publish"]);
    wait_until("the run sends", || !server.log().commands.is_empty());
    let status = site.run_now(&["status"]);
    gate.open();
    assert!(status.output.contains("sending: another run is in progress"), "{}", status.output);
    assert!(run.wait().unwrap().success());
    assert!(!site.run_now(&["status"]).output.contains("at work"));
}

#[test]
fn status_reports_a_disabled_newsletter() {
    let server = Server::start(polite());
    let site = site(&server, 1, 1, "");
    let config = std::fs::read_to_string(site.path("config.toml")).unwrap();
    site.write("config.toml", &config.replace("[newsletter]", "[newsletter]\nenabled = false"));
    let status = site.run(&["status"]);
    assert!(status.output.contains("newsletter off: newsletter.enabled is false"), "{}", status.output);
}

#[test]
fn f53_d39_bounces_by_mail_pause_an_issue_while_it_is_sent() {
    for (kind, fault, expected) in
        [("complaint", "", "3 of 3 subscribers reported it as spam"), ("failed", "dead", "3 of 3 messages")]
    {
        let server = Server::start(polite().nth(At::Rcpt, 4, reply_line("421 4.3.2 not now")));
        let site = site(&server, 10, 1, "");
        site.run(&["publish"]);
        assert_eq!(site.counts(), json!({ "sent": 3, "pending": 7 }));
        let database = rusqlite::Connection::open(site.path("letterpress.db")).unwrap();
        // A second report about the first subscriber does not count as a second bounce.
        for (mail, subscriber) in [(1_u8, 1_u8), (2, 1), (3, 2), (4, 3)] {
            let sql = "INSERT INTO inbound_report (fingerprint, at, addr_key, issue, kind, class)
                       SELECT ?1, 0, ?2, id, ?3, ?4 FROM issue WHERE state = 'sending'";
            assert_eq!(database.execute(sql, ([mail; 16], [subscriber; 16], kind, fault)).unwrap(), 1);
        }
        let ended = site.run_at(HOUR_LATER, &["publish"]);
        // Three bounces are too few to judge a list; three complaints are enough.
        let is_paused = kind == "complaint";
        assert_eq!(ended.output.contains(expected), is_paused, "{}", ended.output);
        assert_eq!(server.accepted().len(), if is_paused { 3 } else { 10 }, "{}", ended.output);
    }
}

#[test]
fn pausing_an_issue_ends_a_rate_limited_run() {
    let server = Server::start(polite());
    let site = site(&server, 40, 1, "per_domain_per_minute = 60");
    let mut run = site.start(&["publish"]);
    wait_until("the relay has two messages", || server.accepted().len() >= 2);
    let database = rusqlite::Connection::open(site.path("letterpress.db")).unwrap();
    database.busy_timeout(Duration::from_secs(60)).unwrap();
    database.execute("UPDATE issue SET state = 'paused'", ()).unwrap();
    run.wait().unwrap();
    assert!(server.accepted().len() < 20, "{}", server.accepted().len());
}
