//! Clocks that jump, time zones that change, and dates that do not exist.

use super::super::support::account::{published, settle};
use super::super::support::site::NOW;
use super::super::support::{At, Script, Server, Site, reply_line};
use super::interrupted;

#[test]
fn f59_a_clock_jump_mails_nobody_twice_and_the_correct_time_finishes_the_issue() {
    for jumps in [
        &["1970-01-01T00:00:00Z", "2026-11-20T09:00:00Z"][..],
        &["2026-11-20T11:00:00Z", NOW],
        &["2026-11-20T10:30:00Z", "2000-01-01T00:00:00Z"],
    ] {
        let (relay, site) = interrupted();
        for now in jumps {
            let ended = site.run_at(now, &["publish"]);
            assert!([0, 3].contains(&ended.code), "{now}: {}", ended.output);
        }
        let last = site.run_at("2026-11-20T12:00:00Z", &["publish"]);
        assert_eq!(last.code, 0, "{jumps:?}: {}", last.output);
        let account = settle(&site, &[&relay], 6);
        assert!(account.broken.is_empty(), "{jumps:?}: {:?}", account.broken);
        assert_eq!(account.sent, 6, "{jumps:?}");
        for message in relay.log().messages {
            let head = String::from_utf8_lossy(&message.data).into_owned();
            assert!(
                head.contains("Date: Fri, 20 Nov 2026"),
                "{jumps:?}: a message with another time: {head}"
            );
        }
    }
}

#[test]
fn f59_a_clock_ten_years_ahead_pauses_the_issue_and_the_correct_time_finishes_it() {
    let (relay, site) = interrupted();
    let ahead = site.run_at("2036-11-20T10:00:00Z", &["publish"]);
    assert_eq!(relay.accepted().len(), 2, "{}", ahead.output);
    assert!(ahead.output.contains("--resume` continues"), "{}", ahead.output);
    assert_eq!(site.run_at("2026-11-20T11:00:00Z", &["resolve", "--resume"]).code, 0);
    assert_eq!(site.run_at("2026-11-20T11:00:00Z", &["publish"]).code, 0);
    let account = settle(&site, &[&relay], 6);
    assert!(account.broken.is_empty() && account.sent == 6, "{account:?}");
}

#[test]
fn f59_what_a_clock_ahead_froze_and_deferred_is_sent_at_the_correct_time() {
    // In the first run the relay defers everybody, or it does not even greet.
    for script in [
        Script::polite().on(At::Rcpt, reply_line("451 4.3.0 later")),
        Script::polite().on(At::Greeting, reply_line("421 4.3.2 down")),
    ] {
        let (busy, relay) = (Server::start(script), Server::start(Script::polite()));
        let site = Site::new(busy.port(), 4, 1);
        site.run_at("2026-11-23T10:00:00Z", &["publish"]);
        assert_eq!(site.in_state("pending").len(), 4);
        site.relay(relay.port(), 1, "");
        let ended = site.run_at("2026-11-20T12:00:00Z", &["publish"]);
        assert!(ended.output.contains("the clock was set back"), "{}", ended.output);
        assert_eq!(relay.accepted().len(), 4, "{}", ended.output);
        assert_eq!(site.run(&["ledger", "verify"]).code, 0);
    }
}

#[test]
fn f60_the_time_zone_of_the_machine_has_no_effect() {
    let mut feeds = Vec::new();
    for zone in [None, Some("Asia/Seoul"), Some("America/New_York"), Some("Nowhere/Land")] {
        let site = Site::unopened(9, 0, 1);
        // In that night the clocks of New York go back, and half past one occurs twice.
        for (slug, date) in
            [("day", "2026-11-01"), ("twice", "2026-11-01 01:30"), ("never", "2026-03-08 02:30")]
        {
            site.write(
                &format!("posts/{slug}.md"),
                &format!("---\ntitle: {slug}\ndate: {date}\n---\n\n편지.\n"),
            );
        }
        let mut command = site.command(Some(NOW), &["build"]);
        command.envs(zone.map(|zone| ("TZ", zone)));
        let ended = command.output().unwrap();
        assert!(ended.status.success(), "{zone:?}: {ended:?}");
        feeds.push(published(&site.path("public")));
    }
    assert!(feeds.iter().all(|feed| *feed == feeds[0]));
    assert!(feeds[0].contains("2026-11-01T01:30:00+09:00"), "the site's zone is Seoul: {}", feeds[0]);
}

#[test]
fn f61_extreme_dates_are_read_or_reported_without_a_panic() {
    for date in [
        "2016-12-31T23:59:60Z",
        "2038-01-19T03:14:08Z",
        "1901-12-13T20:45:51Z",
        "9999-12-31T23:59:59Z",
        "10000-01-01T00:00:00Z",
        "0000-00-00T00:00:00Z",
        "0000-01-01T00:00:00Z",
        "-0001-01-01T00:00:00Z",
        "+262142-12-31T23:59:59Z",
        "2026-02-30T00:00:00Z",
        "1970-01-01T00:00:00+23:59",
    ] {
        let site = Site::unopened(9, 0, 1);
        site.write("posts/edge.md", &format!("---\ntitle: 끝\ndate: {date}\nslug: edge\n---\n\n편지.\n"));
        for now in [NOW, "2040-01-01T00:00:00Z"] {
            let ended = site.run_at(now, &["build"]);
            assert!(!ended.output.contains("panicked"), "{date}: {}", ended.output);
            let named = ended.code == 1 && ended.output.contains("edge.md");
            assert!(ended.code == 0 || named, "{date} at {now}: {}, {}", ended.code, ended.output);
        }
    }
}
