//! What a writer hears from cron: the output of every run with `--quiet`, which cron mails.

use std::fs;

use chrono::{DateTime, TimeDelta, Utc};

use super::support::{At, Script, Server, Site, reply_line};

const BEGIN: &str = "2026-11-20T10:00:00Z";
const STEP: TimeDelta = TimeDelta::minutes(30);

fn time(text: &str) -> DateTime<Utc> {
    text.parse().unwrap()
}

/// Cron runs `publish` every half an hour. Returns what it mails: the time, the exit code, and the output.
fn mails(site: &Site, from: DateTime<Utc>, to: DateTime<Utc>) -> Vec<String> {
    let mut mails = Vec::new();
    let mut now = from;
    while now < to {
        let ended = site.run_at(&now.format("%Y-%m-%dT%H:%M:%SZ").to_string(), &["--quiet", "publish"]);
        assert!(
            !ended.output.is_empty() || ended.code == 0 || !mails.is_empty(),
            "{now}: silent, but {}",
            ended.code
        );
        if !ended.output.is_empty() {
            mails.push(format!("{} code {}: {}", now.format("%d %H:%M"), ended.code, ended.output));
        }
        now += STEP;
    }
    mails
}

fn use_port(site: &Site, port: u16) {
    let config = fs::read_to_string(site.path("config.toml")).unwrap();
    let lines = config.lines().map(|line| {
        if line.starts_with("port = ") { format!("port = {port}\n") } else { format!("{line}\n") }
    });
    site.write("config.toml", &lines.collect::<String>());
}

fn greylisting() -> Script {
    Script::polite()
        .recipient("reader5@example.org", reply_line("550 5.1.1 no such user"))
        .recipient("reader3@example.org", reply_line("450 4.2.0 greylisted"))
}

#[test]
fn four_days_with_a_greylisted_and_a_dead_subscriber_and_an_outage_of_two_hours_are_silent() {
    let begin = time(BEGIN);
    let relay = Server::start(greylisting());
    let site = Site::new(relay.port(), 10, 1);
    let mut heard = mails(&site, begin, begin + TimeDelta::minutes(90));
    assert_eq!(site.counts(), serde_json::json!({ "sent": 8, "failed": 1, "pending": 1 }));
    drop(relay);
    heard.extend(mails(&site, begin + TimeDelta::minutes(90), begin + TimeDelta::minutes(210)));
    let relay = Server::start(Script::polite());
    use_port(&site, relay.port());
    heard.extend(mails(&site, begin + TimeDelta::minutes(210), begin + TimeDelta::days(4)));
    assert_eq!(site.counts(), serde_json::json!({ "sent": 9, "failed": 1 }));
    assert_eq!(heard, Vec::<String>::new());
}

#[test]
fn what_waits_for_longer_than_quiet_after_is_said_once_and_so_is_its_end() {
    let begin = time(BEGIN);
    let relay = Server::start(greylisting());
    let site = Site::new(relay.port(), 10, 1);
    let heard = mails(&site, begin, begin + TimeDelta::days(4));
    let [late, given_up] = &heard[..] else { panic!("{heard:#?}") };
    assert!(
        late.contains("code 3") && late.contains("1 pending") && late.starts_with("20 14:")
            || late.starts_with("20 15:")
            || late.starts_with("20 16:"),
        "{late}"
    );
    assert!(given_up.starts_with("22 ") && given_up.contains("2 failed"), "{given_up}");
}

#[test]
fn wrong_settings_an_unknown_outcome_and_a_pause_are_said_at_once() {
    let begin = time(BEGIN);
    for (script, expected) in [
        (Script::polite().on(At::Mail, reply_line("530 5.7.0 authentication required")), "530"),
        (Script::polite().nth(At::Dot, 3, super::support::Do::Cut), "unknown outcome"),
        (Script::polite().on(At::Dot, reply_line("554 5.7.1 spam")), "paused"),
    ] {
        let relay = Server::start(script);
        let site = Site::new(relay.port(), 10, 1);
        let heard = mails(&site, begin, begin + TimeDelta::hours(3));
        assert!(heard.len() == 1 && heard[0].contains(expected), "{heard:#?}");
    }
}

#[test]
fn a_relay_that_throttles_for_an_hour_is_no_news() {
    let begin = time(BEGIN);
    let relay = Server::start(Script::polite().nth(At::Rcpt, 4, reply_line("421 4.7.28 slow down")));
    let site = Site::new(relay.port(), 10, 1);
    assert_eq!(mails(&site, begin, begin + TimeDelta::hours(6)), Vec::<String>::new());
    assert_eq!(site.counts(), serde_json::json!({ "sent": 10 }));
}
