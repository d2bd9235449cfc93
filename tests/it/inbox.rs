//! Inbound mail for the real program: from a Maildir while the program is killed, and through a pipe.

use std::fs;
use std::time::Duration;

use serde_json::Value;

use super::support::{At, Do, Script, Server, Site};

/// A site with individual return paths whose messages were all sent; returns the subscriber and return path of each.
fn sent(subscribers: usize, script: Script) -> (Site, Server, Vec<(String, String)>) {
    let server = Server::start(script);
    let site = Site::new(server.port(), subscribers, 1);
    let config = fs::read_to_string(site.path("config.toml")).unwrap();
    let from = "first_run = \"newest\"\n";
    let bounces =
        format!("{from}bounces = \"bounces@letters.example\"\nunsubscribe = \"leave@letters.example\"\n");
    site.write("config.toml", &config.replace(from, &bounces));
    assert!([0, 3].contains(&site.run(&["publish"]).code));
    let within = |line: &str| line.split(['<', '>']).nth(1).unwrap().to_owned();
    let messages = server
        .log()
        .messages
        .iter()
        .map(|message| (within(&message.rcpt[0]), within(&message.mail)))
        .collect();
    (site, server, messages)
}

fn bounce(to: &str, id: usize) -> String {
    format!(
        "Return-Path: <>\r\nDelivered-To: {to}\r\nMessage-ID: <{id}@mx.example>\r\n\
         Content-Type: multipart/report; report-type=delivery-status; boundary=b\r\n\r\n--b\r\n\
         Content-Type: message/delivery-status\r\n\r\nReporting-MTA: dns; mx.example\r\n\r\n\
         Action: failed\r\nStatus: 5.1.1\r\n\r\n--b--\r\n"
    )
}

fn statuses(site: &Site) -> Vec<String> {
    let subscribers: Value =
        serde_json::from_str(&site.run(&["subscribers", "list", "--json"]).output).unwrap();
    let words = subscribers
        .as_array()
        .unwrap()
        .iter()
        .map(|subscriber| subscriber["state"].as_str().unwrap().to_owned());
    words.collect()
}

fn number_of_files(site: &Site, folder: &str) -> usize {
    fs::read_dir(site.path(folder)).unwrap().count()
}

#[test]
fn a_kill_while_a_maildir_is_read_loses_nothing_and_counts_nothing_twice() {
    const SUBSCRIBERS: usize = 60;
    let (site, _server, messages) = sent(SUBSCRIBERS, Script::polite().pipelining(true));
    assert_eq!(messages.len(), SUBSCRIBERS);
    site.write("mail/cur/old.host:2,S", "Subject: read\r\n\r\nx\r\n");
    site.write("mail/new/friend.host", "Subject: hello\r\n\r\nx\r\n");
    for (at, (_, path)) in messages.iter().enumerate() {
        site.write(&format!("mail/new/{at:03}.host"), &bounce(path, at));
    }
    let mut caught = 0;
    for _ in 0..6 {
        let before = number_of_files(&site, "mail/cur");
        let mut run = site.start(&["inbox", "--maildir", "mail"]);
        while run.try_wait().unwrap().is_none() && number_of_files(&site, "mail/cur") < before + 3 {
            std::thread::sleep(Duration::from_millis(1));
        }
        run.kill().unwrap();
        run.wait().unwrap();
        let after = number_of_files(&site, "mail/cur");
        caught += usize::from(before < after && after <= SUBSCRIBERS);
    }
    assert!(caught > 0, "no kill caught the program while it was reading");
    let ended = site.run(&["inbox", "--maildir", "mail"]);
    assert_eq!(ended.code, 0, "{}", ended.output);
    assert_eq!(number_of_files(&site, "mail/cur"), SUBSCRIBERS + 1);
    assert!(site.path("mail/new/friend.host").exists() && number_of_files(&site, "mail/new") == 1);
    assert_eq!(statuses(&site), vec!["suppressed"; SUBSCRIBERS]);
    let last: Value =
        serde_json::from_str(&site.run(&["inbox", "--maildir", "mail", "--json"]).output).unwrap();
    assert_eq!((last["mails"].as_u64(), last["foreign"].as_u64()), (Some(1), Some(1)));
}

#[test]
fn a_bounce_through_a_pipe_resolves_the_unknown_outcome_and_suppresses() {
    // The relay disconnects after the dot, so the outcome is unknown.
    let script = Script::polite().pipelining(true).nth(At::Dot, 1, Do::Cut);
    let (site, _server, messages) = sent(2, script);
    let unknown = site.in_state("unknown");
    assert_eq!(unknown.len(), 1);
    let (_, path) = messages.iter().find(|(subscriber, _)| *subscriber == unknown[0]).unwrap();
    let rehearsed = site.run_with(&["inbox", "--stdin", "--dry-run"], bounce(path, 1).as_bytes());
    assert_eq!((rehearsed.code, site.in_state("unknown").len()), (0, 1), "{}", rehearsed.output);
    let ended = site.run_with(&["inbox", "--stdin"], bounce(path, 1).as_bytes());
    assert_eq!(ended.code, 0, "{}", ended.output);
    assert_eq!(
        ended.output,
        "inbox: 1 email\n  processed: 1 bounces\n  subscribers: 1 suppressed\n  ledger: 1 delivery with unknown outcome proved to be accepted\n"
    );
    assert!(site.in_state("unknown").is_empty());
    let again = site.run_with(&["--quiet", "inbox", "--stdin"], bounce(path, 1).as_bytes());
    assert_eq!((again.code, again.output.as_str()), (0, ""));
    // Unrelated mail is left untouched, whatever its length.
    let foreign = format!("Subject: hello\r\n\r\n{}", "x".repeat(5_000_000));
    assert_eq!(site.run_with(&["inbox", "--stdin"], foreign.as_bytes()).code, 0);
}

#[test]
fn a_mail_that_cannot_be_recorded_stays_with_the_mail_server() {
    let (site, _server, messages) = sent(1, Script::polite().pipelining(true));
    let mail = bounce(&messages[0].1, 1);
    fs::rename(site.path("letterpress.db"), site.path("elsewhere.db")).unwrap();
    let ended = site.run_with(&["inbox", "--stdin"], b"");
    assert!(ended.code == 75 && ended.output.contains("letterpress.db is missing"), "{}", ended.output);
    fs::rename(site.path("elsewhere.db"), site.path("letterpress.db")).unwrap();
    let ended = site.run_with(&["--config", "nowhere.toml", "inbox", "--stdin"], b"");
    assert_eq!(ended.code, 75, "{}", ended.output);
    assert_eq!(site.run_with(&["inbox", "--stdin"], mail.as_bytes()).code, 0);
    assert_eq!(statuses(&site), ["suppressed"]);
    // Without a pipe the usual exit codes apply.
    let ended = site.run(&["inbox", "--maildir", "nowhere"]);
    assert!(ended.code == 1 && ended.output.contains("is not a Maildir"), "{}", ended.output);
    let ended = site.run(&["inbox", "--imap"]);
    assert!(ended.code == 1 && ended.output.contains("no section [inbox]"), "{}", ended.output);
}

#[test]
fn a_dry_run_prints_an_object_for_each_email_and_the_status_counts_those_that_nobody_understood() {
    let (site, _server, messages) = sent(2, Script::polite().pipelining(true));
    let (_, path) = &messages[0];
    let exim = "Return-Path: <>\r\nX-Failed-Recipients: reader0@example.org\r\nAuto-Submitted: auto-replied\r\n\
                From: Mail Delivery System <Mailer-Daemon@mx.example>\r\n\r\nSMTP error after RCPT TO:<reader0@example.org>:\r\n\
                550 5.1.1 <reader0@example.org>: Recipient address rejected: User unknown\r\n";
    site.write("mail/cur/.keep", "");
    site.write("mail/new/1.host", &format!("Delivered-To: {path}\r\n{exim}"));
    site.write(
        "mail/new/2.host",
        &format!("Delivered-To: {path}\r\nReturn-Path: <>\r\n\r\nSomething went wrong.\r\n"),
    );
    site.write("mail/new/3.host", "Subject: hello\r\n\r\nx\r\n");
    let listed = site.run(&["inbox", "--maildir", "mail", "--dry-run", "--json"]).output;
    let mails: Vec<Value> = listed.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    let kinds: Vec<_> = mails
        .iter()
        .map(|mail| (mail["kind"].as_str().unwrap(), mail["verified"].as_bool().unwrap()))
        .collect();
    assert_eq!(kinds, [("bounce", true), ("other", true), ("other", false)]);
    assert_eq!(mails[0]["recipient"], "reader0@example.org");
    assert_eq!(
        (&mails[0]["action"], &mails[0]["status"], &mails[0]["class"]),
        (&"failed".into(), &"5.1.1".into(), &"hard".into())
    );
    assert_eq!(number_of_files(&site, "mail/new"), 3);
    assert_eq!(site.run(&["inbox", "--maildir", "mail"]).code, 0);
    assert_eq!(number_of_files(&site, "mail/new"), 2);
    assert!(site.run(&["status"]).output.contains("1 email to the bounce address not understood"));
    fs::remove_file(site.path("mail/new/2.host")).unwrap();
    site.run(&["inbox", "--maildir", "mail"]);
    assert!(!site.run(&["status"]).output.contains("not understood"));
}
