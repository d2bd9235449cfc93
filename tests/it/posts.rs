//! One post is mailed as one issue, whichever command sends it: what the ledger remembers of posts, rehearsals,
//! approvals, and later subscribers.

use super::support::site::NOW;
use super::support::{At, Script, Server, Site, reply_line};

const LATER: &str = "2026-11-20T11:00:00Z";
const POST: &str = "posts/slow.md";

fn polite() -> (Server, Site) {
    let server = Server::start(Script::polite().pipelining(true));
    let site = Site::new(server.port(), 2, 1);
    (server, site)
}

fn post(title: &str, date: &str, body: &str) -> String {
    format!("+++\ntitle = \"{title}\"\ndate = {date}\n+++\n\n{body}\n")
}

/// The subjects of the received messages, in order.
fn subjects(server: &Server) -> Vec<String> {
    let subject =
        |data: &[u8]| mail_parser::MessageParser::new().parse(data).unwrap().subject().unwrap().to_owned();
    server.log().messages.iter().map(|message| subject(&message.data)).collect()
}

fn without_relay(site: &Site) {
    let config = std::fs::read_to_string(site.path("config.toml")).unwrap();
    site.write("config.toml", config.split("[smtp]").next().unwrap());
}

#[test]
fn send_does_not_mail_a_renamed_redated_or_moved_post_again() {
    let (server, site) = polite();
    assert_eq!(site.run(&["send"]).code, 0);
    assert_eq!(server.log().messages.len(), 2);
    std::fs::rename(site.path(POST), site.path("posts/renamed.md")).unwrap();
    site.run_at(LATER, &["send"]);
    let text = std::fs::read_to_string(site.path("posts/renamed.md")).unwrap();
    site.write("posts/renamed.md", &text.replace("09:00:00", "08:00:00").replace("slug = \"slow\"\n", ""));
    site.run_at(LATER, &["send"]);
    let config = std::fs::read_to_string(site.path("config.toml")).unwrap();
    site.write("config.toml", &config.replace("https://letters.example/", "https://moved.example/"));
    site.run_at(LATER, &["send"]);
    assert_eq!(server.log().messages.len(), 2);
}

#[test]
fn an_old_post_that_lost_its_id_is_held_back_until_it_is_released() {
    let (server, site) = polite();
    assert_eq!(site.run(&["send"]).code, 0);
    // No feed was built, so only the ledger remembers the post.
    std::fs::remove_file(site.path("posts/ids.txt")).unwrap();
    std::fs::remove_file(site.path(POST)).unwrap();
    site.write(
        "posts/other.md",
        &post("천천히 오는 편지", "2026-11-20T09:30:00Z", "**편지**는 천천히 온다."),
    );
    let held = site.run_at(LATER, &["send"]);
    assert_eq!(held.code, 1, "{}", held.output);
    assert!(held.output.contains("posts/other.md looks like \"천천히 오는 편지\""), "{}", held.output);
    assert!(held.output.contains("letterpress approve tag:letters.example"), "{}", held.output);
    let again = site.run_at(LATER, &["send", "--quiet"]);
    assert_eq!((again.code, again.output.as_str()), (1, ""), "it lasts, and is reported once");
    let named = site.run_at(LATER, &["send", "--post", "other"]);
    assert_eq!(named.code, 1, "{}", named.output);
    assert_eq!(server.log().messages.len(), 2);
    let approved = site.run_at(LATER, &["approve", "other"]);
    assert_eq!(approved.code, 0, "{}", approved.output);
    assert_eq!(site.run_at(LATER, &["send"]).code, 0);
    assert_eq!(server.log().messages.len(), 4, "the removal is confirmed");
}

#[test]
fn a_rehearsal_does_not_count_as_an_issue_and_is_impossible_after_the_first_real_one() {
    let (server, site) = polite();
    let config = std::fs::read_to_string(site.path("config.toml")).unwrap();
    without_relay(&site);
    let rehearsed = site.run(&["publish"]);
    assert!(
        rehearsed.output.contains("rehearsal: \"천천히 오는 편지\" to 2 subscribers"),
        "{}",
        rehearsed.output
    );
    assert!(site.run(&["status"]).output.contains("[rehearsal]"));
    assert!(site.run(&["publish"]).output.contains("nothing is due"), "a rehearsal is mailed once, too");
    site.write("config.toml", &config);
    let real = site.run_at(LATER, &["publish"]);
    assert!(real.output.contains("rehearsal ended"), "{}", real.output);
    assert_eq!((real.code, server.log().messages.len()), (0, 2), "{}", real.output);
    assert_eq!(site.run_at(LATER, &["ledger", "verify"]).code, 0);
    without_relay(&site);
    let back = site.run_at(LATER, &["publish"]);
    assert!(back.code == 1 && back.output.contains("restore the section [smtp]"), "{}", back.output);
    site.write("config.toml", &config);
    // Rehearsals are deleted after a month.
    assert_eq!(site.run_at("2027-01-01T00:00:00Z", &["publish"]).code, 0);
    assert!(!site.run_at("2027-01-01T00:00:00Z", &["status"]).output.contains("[rehearsal]"));
    assert_eq!(site.run_at("2027-01-01T00:00:00Z", &["ledger", "verify"]).code, 0);
}

#[test]
fn later_subscribers_get_an_issue_on_request_and_nobody_gets_it_twice() {
    let (server, site) = polite();
    assert_eq!(site.run(&["publish"]).code, 0);
    assert_eq!(site.run(&["subscribers", "add", "late@example.org"]).code, 0);
    assert_eq!(site.run(&["subscribers", "unsubscribe", "reader0@example.org"]).code, 0);
    // Weeks later: its age counts from here.
    let weeks_later = "2026-12-20T10:00:00Z";
    let added = site.run_at(weeks_later, &["send", "--post", "slow", "--missing"]);
    assert!(
        added.code == 0 && added.output.contains("to 1 subscriber who had not received it"),
        "{}",
        added.output
    );
    assert_eq!(server.accepted().last().unwrap(), "RCPT TO:<late@example.org>");
    let again = site.run_at(weeks_later, &["send", "--post", "slow", "--missing"]);
    assert!(again.code == 0 && again.output.contains("to 0 subscribers"), "{}", again.output);
    assert_eq!(server.log().messages.len(), 3);
    assert_eq!(site.run_at(weeks_later, &["ledger", "verify"]).code, 0);
    let unknown = site.run_at(weeks_later, &["send", "--post", "nothing", "--missing"]);
    assert_eq!(unknown.code, 1, "{}", unknown.output);
}

#[test]
fn with_approval_nothing_is_mailed_before_it_and_an_edit_needs_a_new_one() {
    let (server, site) = polite();
    site.relay(server.port(), 1, "approve = true\ntest = \"me@letters.example\"\n");
    let asked = site.run(&["publish"]);
    assert!(
        asked.code == 0 && asked.output.contains("is waiting for approval: letterpress approve"),
        "{}",
        asked.output
    );
    assert_eq!(subjects(&server), ["[approve] 천천히 오는 편지"]);
    assert_eq!(server.accepted(), ["RCPT TO:<me@letters.example>"]);
    let text = String::from_utf8(server.log().messages[0].data.clone()).unwrap();
    assert!(text.contains("Subject: "), "{text}");
    assert_eq!(site.run(&["publish"]).code, 0);
    assert_eq!(server.log().messages.len(), 1, "approval is requested once");
    let old = std::fs::read_to_string(site.path(POST)).unwrap();
    site.write(POST, &old.replace("천천히 온다", "아주 천천히 온다"));
    assert_eq!(site.run(&["publish"]).code, 0);
    assert_eq!(server.log().messages.len(), 2, "a change needs a new approval");
    assert_eq!(site.run(&["approve", "slow"]).code, 0);
    let mailed = site.run(&["publish"]);
    assert_eq!((mailed.code, server.log().messages.len()), (0, 4), "{}", mailed.output);
    assert_eq!(site.run(&["approve", "slow"]).code, 0);
    assert_eq!(site.run(&["publish"]).code, 0);
    assert_eq!(server.log().messages.len(), 4, "a second approval mails nothing twice");
}

#[test]
fn a_rejected_approval_request_is_reported_and_delays_no_subscriber() {
    let refused = Script::polite().pipelining(true).nth(At::Rcpt, 3, reply_line("550 5.1.1 no such user"));
    let server = Server::start(refused);
    let site = Site::new(server.port(), 2, 1);
    assert_eq!(site.run(&["publish"]).code, 0);
    assert_eq!(site.run(&["subscribers", "add", "late@example.org"]).code, 0);
    site.write("posts/two.md", &post("둘째", "2026-11-20T09:30:00Z", "새 글이다. 아침에 쓴다."));
    site.relay(server.port(), 1, "approve = true\ntest = \"gone@letters.example\"\n");
    let ended = site.run_at(LATER, &["publish"]);
    assert!(ended.output.contains("the request for approval was not sent"), "{}", ended.output);
    assert!(ended.output.contains("waiting for approval"), "{}", ended.output);
    assert_eq!(server.accepted().len(), 2);
    site.run_at(LATER, &["publish"]);
    assert_eq!(server.accepted().last().unwrap(), "RCPT TO:<gone@letters.example>", "it is requested again");
}

#[test]
fn a_delay_starts_when_the_post_is_first_seen_and_again_after_an_edit() {
    let (server, site) = polite();
    site.relay(server.port(), 1, "delay = \"10m\"\n");
    assert_eq!(site.run(&["publish"]).code, 0);
    let mailed = server.log().messages.len();
    let new = post("둘째", "2026-11-20", "새 글이다. 아침에 쓴다.");
    site.write("posts/two.md", &new);
    let minute = |minute: u32| format!("2026-11-20T12:{minute:02}:00Z");
    let first = site.run_at(&minute(0), &["publish"]);
    assert!(first.output.contains("is due at 21:10"), "{}", first.output);
    site.run_at(&minute(9), &["publish"]);
    assert_eq!(server.log().messages.len(), mailed);
    site.write("posts/two.md", &new.replace("아침", "저녁"));
    site.run_at(&minute(10), &["publish"]);
    site.run_at(&minute(19), &["publish"]);
    assert_eq!(server.log().messages.len(), mailed, "the edit restarted the delay");
    assert_eq!(site.run_at(&minute(20), &["publish"]).code, 0);
    assert_eq!(server.log().messages.len(), mailed + 2);
}

#[test]
fn f83_a_run_with_a_clock_that_is_ahead_decides_nothing_and_the_jump_is_reported() {
    let (server, site) = polite();
    assert_eq!(site.run(&["publish"]).code, 0);
    let mailed = server.log().messages.len();
    site.write("posts/two.md", &post("둘째", "2026-11-20T10:30:00Z", "새 글이다."));
    site.run_at("2026-11-30T10:00:00Z", &["publish"]);
    assert_eq!(server.log().messages.len(), mailed, "ten days later it is too old");
    let back = site.run_at(LATER, &["publish"]);
    assert!(back.output.contains("the clock was set back"), "{}", back.output);
    assert_eq!(server.log().messages.len(), mailed, "it may jump again");
    let then = site.run_at(LATER, &["publish"]);
    assert_eq!((then.code, server.log().messages.len()), (0, mailed + 2), "{}", then.output);
}

#[test]
fn the_six_steps_printed_by_new_lead_to_the_first_real_email() {
    let server = Server::start(Script::polite().pipelining(true));
    let place = Site::unopened(server.port(), 0, 1);
    let run = |now: &str, arguments: &[&str]| {
        let ended = place.run_at(now, &[&["--config", "mine/config.toml"], arguments].concat());
        assert_eq!(ended.code, 0, "{arguments:?}: {}", ended.output);
        ended.output
    };
    assert_eq!(place.run(&["new", "mine"]).code, 0);
    // 1. Names and addresses, with the writer as a subscriber.
    let config = std::fs::read_to_string(place.path("mine/config.toml")).unwrap();
    let config = config.replace("https://example.com/", "https://kim.letters.kr/");
    let config = config.replace("@example.com>", "@letters.kr>");
    place.write("mine/config.toml", &config);
    place.write("mine/subscribers.csv", "email,name,consented\nkim@letters.kr,김,2026. 11. 20.\n");
    // 2. A post.
    run(NOW, &["post", "new", "첫 편지"]);
    let post = "mine/posts/2026-11-20-첫-편지.md";
    let draft = std::fs::read_to_string(place.path(post)).unwrap();
    place.write(post, &format!("{}안녕하세요.\n", draft.replace("draft = true\n", "")));
    // 3. to 5. A check, the feeds, and ten minutes later the email in outbox/.
    run(NOW, &["check"]);
    assert!(run(NOW, &["publish"]).contains("\"첫 편지\" is due at 10:10"));
    let rehearsed = run("2026-11-20T10:10:00Z", &["publish"]);
    assert!(rehearsed.contains("rehearsal: \"첫 편지\" to 1 subscriber"), "{rehearsed}");
    assert_eq!(server.log().connections, 0);
    // 6. The mail server.
    let relay = format!("\n[smtp]\nhost = \"127.0.0.1\"\nport = {}\ntls = \"none\"\n", server.port());
    place.write("mine/config.toml", &format!("{config}{relay}"));
    run("2026-11-20T10:20:00Z", &["publish"]);
    assert_eq!(server.accepted(), ["RCPT TO:<kim@letters.kr>"]);
}
