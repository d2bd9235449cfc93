//! Posts, templates and addresses that change while an issue is being sent.

use super::super::support::account::settle;
use super::super::support::{Server, Site};
use super::interrupted;

const LATER: &str = "2026-11-20T11:00:00Z";
const MUCH_LATER: &str = "2026-11-20T13:00:00Z";

/// Sends the rest of the issue; every message must have the same text as the first.
fn the_rest_is_the_same_message(relay: &Server, site: &Site) {
    let ended = site.run_at(LATER, &["publish"]);
    assert_eq!(ended.code, 0, "{}", ended.output);
    let again = site.run_at(MUCH_LATER, &["publish"]);
    assert_eq!(again.code, 0, "{}", again.output);
    let account = settle(site, &[relay], 6);
    assert!(account.broken.is_empty() && account.sent == 6, "{account:?}");
    let stable = |message: &super::super::support::Message| -> Vec<String> {
        let text = String::from_utf8(message.data.clone()).unwrap();
        let same = |line: &&str| line.starts_with("From:") || line.starts_with("Subject:");
        text.lines().filter(same).map(str::to_owned).chain([message_text(&text)]).collect()
    };
    let messages = relay.log().messages;
    assert_eq!(messages.len(), 6);
    for message in &messages {
        assert_eq!(stable(message), stable(&messages[0]), "a subscriber got another message");
    }
}

/// The text part, read by another parser, without the parts that differ by subscriber: the greeting and the footer.
fn message_text(message: &str) -> String {
    let parsed = mail_parser::MessageParser::default().parse(message).unwrap();
    let text = parsed.body_text(0).unwrap().into_owned();
    let post = text.split("천천히 온다").next().unwrap();
    post.lines().filter(|line| !line.contains("독자")).collect()
}

#[test]
fn f62_f63_a_post_that_is_edited_while_its_issue_is_sent_is_mailed_once_as_it_was_frozen() {
    let (relay, site) = interrupted();
    let before = std::fs::read_to_string(site.path("public/atom.xml")).unwrap();
    let post = std::fs::read_to_string(site.path("posts/slow.md")).unwrap();
    site.write(
        "posts/slow.md",
        &post.replace("천천히 오는 편지", "빨리 오는 편지").replace("**편지**", "**소식**"),
    );
    the_rest_is_the_same_message(&relay, &site);
    let after = std::fs::read_to_string(site.path("public/atom.xml")).unwrap();
    assert!(after.contains("빨리 오는 편지"));
    let id = |feed: &str| feed.split("<entry>").nth(1).unwrap().split("</id>").next().unwrap().to_owned();
    let id = |feed: &str| id(feed).rsplit("<id>").next().unwrap().to_owned();
    assert_eq!(id(&before), id(&after));
}

#[test]
fn f65_the_issue_of_a_deleted_post_is_finished_or_cancelled_on_request() {
    let (relay, site) = interrupted();
    std::fs::remove_file(site.path("posts/slow.md")).unwrap();
    // A post may disappear by accident, so nothing is sent until somebody confirms the removal.
    assert_eq!(site.run_at(LATER, &["publish"]).code, 1);
    assert_eq!(relay.accepted().len(), 2);
    assert_eq!(site.run_at(LATER, &["build", "--allow-loss"]).code, 0);
    the_rest_is_the_same_message(&relay, &site);
    let (relay, site) = interrupted();
    std::fs::remove_file(site.path("posts/slow.md")).unwrap();
    let retracted = site.run_at(LATER, &["retract", "slow"]);
    assert!(retracted.code == 0 && retracted.output.contains("--cancel"), "{}", retracted.output);
    assert_eq!(site.run_at(LATER, &["resolve", "--cancel"]).code, 0);
    assert_eq!(site.run_at(LATER, &["publish"]).code, 0, "the gate lets this post go");
    assert_eq!(relay.accepted().len(), 2);
    assert_eq!(site.counts(), serde_json::json!({ "sent": 2, "skipped": 4 }));
}

#[test]
fn f68_new_file_times_or_a_lost_ledger_mail_nothing() {
    let (relay, site) = interrupted();
    the_rest_is_the_same_message(&relay, &site);
    let feed = std::fs::read(site.path("public/rss.xml")).unwrap();
    let post = std::fs::File::options().append(true).open(site.path("posts/slow.md")).unwrap();
    post.set_modified(std::time::UNIX_EPOCH).unwrap();
    std::fs::remove_dir_all(site.path(".letterpress")).unwrap();
    assert_eq!(site.run_at(MUCH_LATER, &["publish"]).code, 0);
    assert_eq!((relay.accepted().len(), std::fs::read(site.path("public/rss.xml")).unwrap()), (6, feed));
    std::fs::remove_file(site.path("letterpress.db")).unwrap();
    assert_eq!(site.run_at(MUCH_LATER, &["publish"]).code, 2);
    assert_eq!(relay.accepted().len(), 6);
}

#[test]
fn f70_a_changed_template_or_sender_applies_from_the_next_issue() {
    let (relay, site) = interrupted();
    site.write("templates/body.txt", "{{ post.title }}\n");
    let config = std::fs::read_to_string(site.path("config.toml")).unwrap();
    site.write("config.toml", &config.replace("news@letters.example", "other@letters.example"));
    the_rest_is_the_same_message(&relay, &site);
}

#[test]
fn f74_a_subscriber_who_unsubscribes_and_returns_during_the_issue_gets_at_most_one_email() {
    let (relay, site) = interrupted();
    for address in ["reader0@example.org", "reader5@example.org"] {
        assert_eq!(site.run(&["subscribers", "unsubscribe", address]).code, 0);
        site.run(&["subscribers", "add", address]);
    }
    site.run_at(LATER, &["publish"]);
    site.run_at(MUCH_LATER, &["publish"]);
    let account = settle(&site, &[&relay], 6);
    assert!(account.broken.is_empty(), "{:?}", account.broken);
}
