//! Sign-ups without a web server: by email, and from files of a form service. Nobody is subscribed without a confirmation, and
//! nobody gets more than one email for it.

use std::fs;

use super::support::{Message, Script, Server, Site};

const NOW: &str = "2026-11-20T10:00:00Z";
const TOMORROW: &str = "2026-11-21T11:00:00Z";

fn site(relay: &Server) -> Site {
    let site = Site::unopened(relay.port(), 0, 1);
    site.relay(relay.port(), 1, "unsubscribe = \"leave@letters.example\"\nsign_up_by_email = true\n");
    for folder in ["new", "cur", "tmp"] {
        fs::create_dir_all(site.path("mail").join(folder)).unwrap();
    }
    site
}

/// Runs `inbox` over these emails.
fn inbox(site: &Site, now: &str, mails: &[String]) -> String {
    for (number, mail) in mails.iter().enumerate() {
        site.write(&format!("mail/new/{number}.host"), mail);
    }
    let ended = site.run_at(now, &["inbox", "--maildir", site.path("mail").to_str().unwrap()]);
    assert_eq!(ended.code, 0, "{}", ended.output);
    ended.output
}

fn mail(from: &str, subject: &str, more: &str) -> String {
    format!("From: {from}\r\nTo: leave@letters.example\r\nSubject: {subject}\r\n{more}\r\nhello\r\n")
}

/// The token in the link of a confirmation email.
fn token(message: &Message) -> String {
    let text =
        mail_parser::MessageParser::new().parse(&message.data).unwrap().body_text(0).unwrap().into_owned();
    let (_, rest) =
        text.split_once("mailto:leave@letters.example?subject=confirm%20").expect("a link to confirm");
    rest.split_whitespace().next().unwrap().to_owned()
}

fn subscribers(site: &Site) -> String {
    site.run(&["subscribers", "list"]).output
}

#[test]
fn a_person_subscribes_confirms_and_unsubscribes_by_email_alone() {
    let relay = Server::start(Script::polite());
    let site = site(&relay);
    let output = inbox(&site, NOW, &[mail("\"Kim, Min\" <kim@example.org>", "Subscribe", "")]);
    assert!(output.contains("processed: 1 sign-ups") && output.contains("1 asked to confirm"), "{output}");
    assert!(subscribers(&site).contains("unconfirmed   kim@example.org"), "{}", subscribers(&site));
    let message = relay.log().messages[0].clone();
    assert_eq!(message.rcpt, ["RCPT TO:<kim@example.org>"]);
    let text = String::from_utf8(message.data.clone()).unwrap();
    assert!(text.contains("Auto-Submitted: auto-generated") && !text.contains("https://news"), "{text}");
    let token = token(&message);
    let output = inbox(&site, NOW, &[mail("someone@example.net", &format!("Re: confirm {token}"), "")]);
    assert!(output.contains("1 confirmations of sign-ups") && output.contains("1 subscribed"), "{output}");
    assert!(subscribers(&site).contains("active        kim@example.org"), "{}", subscribers(&site));
    // The same email again changes nothing, and so does a sign-up of somebody who is subscribed.
    let again =
        [mail("kim@example.org", &format!("confirm {token}"), ""), mail("kim@example.org", "subscribe", "")];
    inbox(&site, TOMORROW, &again);
    assert_eq!(relay.log().messages.len(), 1);
    assert_eq!(site.run_at(TOMORROW, &["publish"]).code, 0);
    let issue = String::from_utf8(relay.log().messages[1].data.clone()).unwrap().replace("=\r\n", "");
    let leave = issue.split("subject=unsubscribe%20").nth(1).unwrap().split('>').next().unwrap().to_owned();
    inbox(&site, TOMORROW, &[mail("kim@example.org", &format!("unsubscribe {leave}"), "")]);
    assert!(subscribers(&site).contains("unsubscribed  kim@example.org"), "{}", subscribers(&site));
    // The old confirmation does not undo that.
    inbox(&site, TOMORROW, &[mail("kim@example.org", &format!("confirm {token}"), "")]);
    assert!(subscribers(&site).contains("unsubscribed  kim@example.org"), "{}", subscribers(&site));
}

#[test]
fn what_is_no_sign_up_of_a_person_is_left_alone() {
    let relay = Server::start(Script::polite());
    let site = site(&relay);
    let no_sign_ups = [
        mail("kim@example.org", "subscribe", "Auto-Submitted: auto-replied\r\n"),
        mail("kim@example.org", "subscribe", "Return-Path: <>\r\n"),
        mail("kim@example.org", "subscribe", "List-Id: <a.example.org>\r\n"),
        mail("a@example.org, b@example.org", "subscribe", ""),
        mail("nobody", "subscribe", ""),
        mail("kim@example.org", "How do I subscribe?", ""),
        mail(
            "kim@example.org",
            "confirm v1.k1.c.aaaaaaaaaaaaaaaaaaaaaaaaaa.1.aaaaaaaaaaaaaaaaaaaaaaaaaa",
            "",
        ),
    ];
    let output = inbox(&site, NOW, &no_sign_ups);
    assert!(!output.contains("processed"), "{output}");
    assert_eq!(relay.log().messages.len(), 0);
    assert_eq!(fs::read_dir(site.path("mail/new")).unwrap().count(), no_sign_ups.len());
    // Without the key nothing is.
    site.relay(relay.port(), 1, "unsubscribe = \"leave@letters.example\"\n");
    let output = inbox(&site, NOW, &[mail("kim@example.org", "subscribe", "")]);
    assert!(!output.contains("processed"), "{output}");
    assert_eq!(relay.log().messages.len(), 0);
}

#[test]
fn a_flood_of_sign_ups_sends_no_more_than_a_form_would() {
    let relay = Server::start(Script::polite());
    let site = site(&relay);
    let config = fs::read_to_string(site.path("config.toml")).unwrap();
    site.write("config.toml", &format!("{config}[web.limits]\nper_hour = 40\nper_domain_per_hour = 20\n"));
    let mut flood: Vec<String> = (0..20).map(|_| mail("victim@example.org", "subscribe", "")).collect();
    flood.extend((0..40).map(|number| mail(&format!("reader{number}@victim.example"), "subscribe", "")));
    flood.extend((0..40).map(|number| mail(&format!("reader@victim{number}.example"), "subscribe", "")));
    inbox(&site, NOW, &flood);
    // A quarter of an hour's emails may come at once.
    let sent = relay.log().messages.len();
    assert_eq!(sent, 10, "of {} emails", flood.len());
    let to = |address: &str| {
        relay.log().messages.iter().filter(|message| message.rcpt[0].contains(address)).count()
    };
    assert_eq!((to("victim@example.org"), to("@victim.example")), (1, 5));
    assert_eq!(fs::read_dir(site.path("mail/new")).unwrap().count(), 0);
}

#[test]
fn a_file_of_a_form_service_that_is_read_again_asks_nobody_again() {
    let relay = Server::start(Script::polite());
    let site = site(&relay);
    let form = "Timestamp,email,name\n2026-11-20T09:00:00Z,kim@example.org,visit https://cheap.example\n\
                2026-11-19T09:00:00Z,lee@example.org,Lee\n2026-11-01T09:00:00Z,old@example.org,Old\n,none@example.org,None\n";
    site.write("form.csv", form);
    let ask = |now: &str| {
        let path = site.path("form.csv");
        let import =
            ["subscribers", "import", path.to_str().unwrap(), "--ask", "--column", "consented_at=Timestamp"];
        let ended = site.run_at(now, &import);
        assert_eq!(ended.code, 0, "{}", ended.output);
        ended.output
    };
    let output = ask(NOW);
    assert!(
        output.contains("2 persons asked to confirm, 1 older than 7 days, 1 without the time of the form"),
        "{output}"
    );
    assert_eq!(relay.log().messages.len(), 2);
    let explained = site.run(&["status", "explain", "kim@example.org"]).output;
    assert!(
        explained.contains("a confirmation email was sent on 2026-11-20")
            && !explained.contains("--confirmed"),
        "{explained}"
    );
    assert!(!subscribers(&site).contains(" active") && !subscribers(&site).contains("cheap"));
    for now in [NOW, TOMORROW, "2026-11-22T12:00:00Z"] {
        let output = ask(now);
        assert!(output.contains("0 persons asked to confirm, 2 taken before"), "{output}");
    }
    // One confirms and leaves, one is erased: the file brings neither back.
    let confirmation = relay.log().messages[0].clone();
    inbox(&site, TOMORROW, &[mail("kim@example.org", &format!("confirm {}", token(&confirmation)), "")]);
    assert!(ask(TOMORROW).contains("1 subscribed already"), "{}", ask(TOMORROW));
    assert_eq!(site.run_at(TOMORROW, &["subscribers", "unsubscribe", "kim@example.org"]).code, 0);
    assert_eq!(site.run_at(TOMORROW, &["subscribers", "erase", "lee@example.org", "--yes"]).code, 0);
    assert!(ask("2026-11-23T12:00:00Z").contains("0 persons asked to confirm, 2 taken before"));
    assert_eq!(relay.log().messages.len(), 2);
    // A later form of somebody who left is a new request.
    site.write("form.csv", "Timestamp,email\n2026-11-23T13:00:00Z,kim@example.org\n");
    let output = ask("2026-11-23T14:00:00Z");
    assert!(output.contains("1 person asked to confirm"), "{output}");
    assert_eq!(relay.log().messages.len(), 3);
}

#[test]
fn who_could_not_be_asked_within_the_limits_is_asked_when_the_file_is_read_again() {
    let relay = Server::start(Script::polite());
    let site = site(&relay);
    let config = fs::read_to_string(site.path("config.toml")).unwrap();
    site.write("config.toml", &format!("{config}[web.limits]\nper_domain_per_hour = 8\n"));
    let row = |number: u32| {
        format!("{{\"email\": \"reader{number}@example.org\", \"created\": \"2026-11-20T09:00:00Z\"}}")
    };
    let rows: Vec<String> = (0..5).map(row).collect();
    site.write("form.json", &format!("[{}]", rows.join(",")));
    let path = site.path("form.json");
    let import = [
        "subscribers",
        "import",
        path.to_str().unwrap(),
        "--ask",
        "--column",
        "consented_at=created",
        "--json",
    ];
    let mut asked = Vec::new();
    for hour in 10..13 {
        let ended = site.run_at(&format!("2026-11-20T{hour}:00:00Z"), &import);
        let report: serde_json::Value = serde_json::from_str(ended.output.trim()).unwrap();
        asked.push((report["asked"].as_u64().unwrap(), report["limited"].as_u64().unwrap()));
    }
    assert_eq!(asked, [(2, 3), (2, 1), (1, 0)]);
    assert_eq!(relay.log().messages.len(), 5);
    let dry = site.run(&[&import[..6], &["--dry-run"]].concat());
    assert!(
        dry.output.contains("dry run, nobody is asked: at most 5 persons asked to confirm"),
        "{}",
        dry.output
    );
}

#[test]
fn a_wrong_row_of_a_file_that_cron_reads_again_is_news_once() {
    let relay = Server::start(Script::polite());
    let site = site(&relay);
    let row = "2026-11-20T09:00:00Z,kim@example.org\n";
    let wrong = "2026-11-20T09:00:00Z,not an address\n";
    let path = site.path("form.csv");
    let import = [
        "--quiet",
        "subscribers",
        "import",
        path.to_str().unwrap(),
        "--ask",
        "--column",
        "consented_at=Timestamp",
    ];
    let ask = |rows: &[&str]| {
        site.write("form.csv", &format!("Timestamp,email\n{}", rows.concat()));
        let ended = site.run(&import);
        (ended.code, ended.output)
    };
    assert_eq!(ask(&[row, row]), (0, String::new()), "forms are submitted twice");
    let (code, first) = ask(&[row, row, wrong]);
    assert!(code == 1 && first.contains("form.csv:4"), "{first}");
    assert_eq!(ask(&[row, row, wrong]), (1, String::new()), "it lasts, and was reported");
    let (code, second) = ask(&[row, row, wrong, wrong]);
    assert!(code == 1 && second.contains("form.csv:5") && !second.contains("form.csv:4"), "{second}");
}
