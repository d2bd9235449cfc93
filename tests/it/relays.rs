//! What the relays and mail providers of the world say, and what the ledger makes of it.

use serde_json::json;

use super::support::{At, Script, Server, Site, reply_line};

const NOW: &str = "2026-11-20T10:00:00Z";
const LATER: &str = "2026-11-21T10:00:00Z";

fn relay_that_says(address: &str, reply: &str) -> Server {
    Server::start(Script::polite().pipelining(true).recipient(address, reply_line(reply)))
}

fn status_of(site: &Site, address: &str) -> String {
    site.run_at(LATER, &["status", "explain", address]).output
}

#[test]
fn the_refusal_of_one_recipient_is_final_and_suppresses_only_a_mailbox_that_does_not_exist() {
    for (reply, is_gone) in [
        ("550 5.5.0 Requested action not taken: mailbox unavailable (S2017062302)", true),
        ("550 No such user here", true),
        ("511 sorry, no mailbox here by that name", true),
        (
            "550 5.7.1 <reader5@example.org>: Recipient address rejected: Message content blocked by policy",
            false,
        ),
        ("554 <reader5@example.org>: refused", false),
        ("552 5.2.2 mailbox full", false),
    ] {
        let relay = relay_that_says("reader5@example.org", reply);
        let site = Site::new(relay.port(), 20, 2);
        let ended = site.run_at(NOW, &["publish"]);
        assert_eq!(ended.code, 3, "{}", ended.output);
        assert_eq!(site.counts(), json!({ "sent": 19, "failed": 1 }), "{reply}");
        let taken = relay.log().commands.len();
        assert_eq!(site.run_at(LATER, &["publish"]).code, 0);
        assert_eq!(relay.log().commands.len(), taken, "{reply}: it was tried again");
        let explained = status_of(&site, "reader5@example.org");
        assert_eq!(explained.contains("suppressed"), is_gone, "{reply}: {explained}");
    }
}

#[test]
fn the_same_refusal_for_many_pauses_the_issue_and_drops_nobody() {
    for reply in ["550 5.7.1 rejected", "550 5.7.26 unauthenticated", "554 transaction failed"] {
        let relay = Server::start(Script::polite().pipelining(true).on(At::Rcpt, reply_line(reply)));
        let site = Site::new(relay.port(), 20, 2);
        let ended = site.run_at(NOW, &["publish"]);
        assert_eq!(ended.code, 3, "{}", ended.output);
        assert_eq!(site.counts(), json!({ "pending": 20 }), "{reply}: {}", ended.output);
        assert!(ended.output.contains("paused"), "{}", ended.output);
    }
}

#[test]
fn a_recipient_who_gets_too_much_mail_is_tried_again_whatever_the_code_is() {
    let reply = "550-5.2.1 The user you are trying to contact is receiving mail at a rate that prevents more";
    let relay = relay_that_says("reader5@example.org", reply);
    let site = Site::new(relay.port(), 20, 2);
    site.run_at(NOW, &["publish"]);
    assert_eq!(site.counts(), json!({ "sent": 19, "pending": 1 }));
}

#[test]
fn a_relay_that_ends_each_session_after_ten_messages_gets_all_of_them_in_one_run() {
    for pipelines in [true, false] {
        let relay = Server::start(Script::polite().pipelining(pipelines).most_messages(10));
        let site = Site::new(relay.port(), 45, 2);
        let ended = site.run_at(NOW, &["publish"]);
        assert_eq!(ended.code, 0, "{}", ended.output);
        assert_eq!(site.counts(), json!({ "sent": 45 }));
        assert_eq!(relay.accepted().len(), 45);
    }
}

#[test]
fn a_421_on_a_fresh_connection_means_that_the_relay_throttles() {
    let relay = Server::start(Script::polite().on(At::Mail, reply_line("421 4.7.0 too many connections")));
    let site = Site::new(relay.port(), 5, 1);
    let ended = site.run_at(NOW, &["publish"]);
    assert_eq!(site.counts(), json!({ "pending": 5 }), "{}", ended.output);
    assert!(ended.output.contains("throttling"), "{}", ended.output);
}

#[test]
fn a_test_copy_has_a_message_id_of_the_sender_and_not_of_its_recipient() {
    let relay = Server::start(Script::polite());
    let site = Site::new(relay.port(), 1, 1);
    let ended = site.run_at(NOW, &["send", "--to", "me@elsewhere.example"]);
    assert_eq!(ended.code, 0, "{}", ended.output);
    let message = String::from_utf8(relay.log().messages[0].data.clone()).unwrap();
    let id = message.lines().find(|line| line.starts_with("Message-ID: ")).unwrap();
    assert!(id.trim_end().ends_with("@letters.example>"), "{id}");
}
