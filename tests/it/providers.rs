//! Relays that answer as the large providers are documented to, and what the ledger makes of it: Gmail's list of SMTP errors,
//! Outlook.com's postmaster pages, Exchange Online's list of non-delivery reports, postgrey's manual, Amazon SES's list of SMTP
//! response codes, and Naver's help pages.
//!
//! In all of them the ledger and the relay must agree about every message. What each reply means stands in
//! `src/subscribers/bounces/phrases.tsv`.

use serde_json::{Value, json};

use super::support::{At, Ended, Script, Server, Site, reply_line};

/// When cron runs: at once, after ten minutes, after two hours, and the day after.
const RUNS: [&str; 4] =
    ["2026-11-20T10:00:00Z", "2026-11-20T10:10:00Z", "2026-11-20T12:10:00Z", "2026-11-21T10:00:00Z"];

/// An issue to twenty subscribers.
struct Mailing {
    site: Site,
    relay: Server,
    runs: Vec<Ended>,
}

impl Mailing {
    fn over(script: Script) -> Self {
        let relay = Server::start(script);
        let site = Site::new(relay.port(), 20, 2);
        let runs = RUNS.map(|now| site.run_at(now, &["publish"])).into();
        Self { site, relay, runs }
    }

    /// Checks the counts, and that exactly the messages that the relay took are `sent`, each once.
    fn ends_with(&self, counts: &Value) -> &Self {
        assert_eq!(&self.site.counts(), counts, "{}", self.runs[0].output);
        let address = |command: String| command.split(['<', '>']).nth(1).unwrap_or_default().to_owned();
        let mut taken: Vec<_> = self.relay.accepted().into_iter().map(address).collect();
        let mut sent = self.site.in_state("sent");
        taken.sort();
        sent.sort();
        assert_eq!(taken, sent);
        self
    }

    /// Checks that these are suppressed, and nobody else is.
    fn suppresses(&self, gone: &[usize]) -> &Self {
        let listed = self.site.run(&["subscribers", "list", "--json"]);
        let listed: Vec<Value> = serde_json::from_str(listed.output.trim()).unwrap();
        let suppressed = listed.iter().filter(|subscriber| subscriber["status"] == "suppressed");
        let suppressed: Vec<_> = suppressed.map(|subscriber| subscriber["email"].as_str().unwrap()).collect();
        let expected: Vec<_> = gone.iter().map(|number| reader(*number)).collect();
        assert_eq!(suppressed, expected);
        self
    }

    /// Checks what the first run prints.
    fn says(&self, text: &str) -> &Self {
        assert!(self.runs[0].output.contains(text), "{}", self.runs[0].output);
        self
    }
}

fn reader(number: usize) -> String {
    format!("reader{number}@example.org")
}

/// A server with the extensions of the large providers.
fn provider() -> Script {
    let keywords = ["SIZE 35882577", "8BITMIME", "ENHANCEDSTATUSCODES", "PIPELINING", "SMTPUTF8"];
    keywords.into_iter().fold(Script::polite(), Script::keyword)
}

/// One that refuses some subscribers.
fn refusing<'a>(refusals: impl IntoIterator<Item = (usize, &'a str)>) -> Script {
    let refuse = |script: Script, (number, reply)| script.recipient(&reader(number), reply_line(reply));
    refusals.into_iter().fold(provider(), refuse)
}

#[test]
fn gmail_is_believed_about_mailboxes_and_their_rates() {
    Mailing::over(refusing([
        (
            1,
            "550-5.1.1 The email account that you tried to reach does not exist. Please try\r\n\
             550 5.1.1 double-checking the recipient's email address for typos. x5si12 - gsmtp",
        ),
        (
            2,
            "550-5.2.1 The user you are trying to contact is receiving mail at a rate that\r\n\
             550 5.2.1 prevents additional messages from being delivered. x5si12 - gsmtp",
        ),
        (3, "452 4.2.2 The recipient's inbox is out of storage space. x5si12 - gsmtp"),
        (4, "550 5.2.1 The email account that you tried to reach is inactive. x5si12 - gsmtp"),
    ]))
    .ends_with(&json!({ "sent": 16, "failed": 2, "pending": 2 }))
    .suppresses(&[1]);
}

#[test]
fn gmail_s_daily_limit_is_a_pause_and_no_failure() {
    let limit = "550-5.4.5 Daily user sending limit exceeded. For more information on Gmail\r\n\
                 550 5.4.5 sending limits go to https://support.google.com/a/answer/166852 x5si12 - gsmtp";
    Mailing::over(provider().nth(At::Dot, 8, reply_line(limit)))
        .says("throttling")
        .ends_with(&json!({ "sent": 20 }))
        .suppresses(&[]);
}

#[test]
fn gmail_s_demand_for_authentication_pauses_the_issue() {
    let unauthenticated = "550-5.7.26 Your email has been blocked because the sender is unauthenticated.\r\n\
                           550 5.7.26 Gmail requires all senders to authenticate with either SPF or DKIM. - gsmtp";
    let mailing = Mailing::over(provider().on(At::Rcpt, reply_line(unauthenticated)));
    mailing.says("paused").ends_with(&json!({ "pending": 20 })).suppresses(&[]);
}

#[test]
fn hotmail_has_no_mailbox_for_one_and_slows_down_the_others() {
    let slow = "451 4.7.650 The mail server [192.0.2.1] has been temporarily rate limited due to IP reputation. For e-mail \
                delivery information, see https://postmaster.live.com (S775)";
    let gone = "550 5.5.0 Requested action not taken: mailbox unavailable (S2017062302).";
    Mailing::over(refusing([(5, gone)]).nth(At::Mail, 7, reply_line(slow)))
        .says("throttling")
        .ends_with(&json!({ "sent": 19, "failed": 1 }))
        .suppresses(&[5]);
}

#[test]
fn hotmail_s_block_list_is_about_the_sender() {
    let blocked = "550 5.7.1 Unfortunately, messages from [192.0.2.1] weren't sent. Please contact your Internet service \
                   provider since part of their network is on our block list (S3140).";
    let mailing = Mailing::over(provider().on(At::Mail, reply_line(blocked)));
    mailing.says("block list").ends_with(&json!({ "pending": 20 })).suppresses(&[]);
}

#[test]
fn exchange_online_is_believed_about_mailboxes_and_not_about_policies() {
    Mailing::over(refusing([
        (1, "550 5.4.1 Recipient address rejected: Access denied. [AM6EUR05FT048.eop-eur05.prod.protection.outlook.com]"),
        (2, "550 5.1.10 RESOLVER.ADR.RecipientNotFound; Recipient not found by SMTP address lookup"),
        (3, "550 5.7.129 RESOLVER.RST.RestrictedToRecipientsPermission; not authorized"),
    ]))
    .ends_with(&json!({ "sent": 17, "failed": 3 }))
    .suppresses(&[1, 2]);
}

#[test]
fn exchange_online_s_limits_of_a_sender_are_waited_for() {
    for (at, reply) in [
        (
            At::Mail,
            "432 4.3.2 Concurrent connections limit exceeded. Visit https://aka.ms/concurrent_sending",
        ),
        (
            At::Dot,
            "554 5.2.0 STOREDRV.Submission.Exception:SubmissionQuotaExceededException; Failed to process message",
        ),
        (At::Rcpt, "451 4.7.500 Server busy. Please try again later from [192.0.2.1]. (S77719)"),
    ] {
        Mailing::over(provider().nth(at, 7, reply_line(reply)))
            .says("throttling")
            .ends_with(&json!({ "sent": 20 }))
            .suppresses(&[]);
    }
}

#[test]
fn postgrey_delays_every_recipient_once() {
    let greylisted = "450 4.2.0 <reader@example.org>: Recipient address rejected: Greylisted, see \
                      http://postgrey.schweikert.ch/help/example.org.html";
    let mailing = Mailing::over(provider().greylist(greylisted));
    mailing.says("20 pending").ends_with(&json!({ "sent": 20 })).suppresses(&[]);
}

#[test]
fn amazon_ses_limits_rate_and_quota_and_wants_a_verified_sender() {
    for limit in ["Maximum sending rate exceeded.", "Daily message quota exceeded."] {
        let reply = format!("454 Throttling failure: {limit}");
        Mailing::over(provider().nth(At::Dot, 9, reply_line(&reply)))
            .says("throttling")
            .ends_with(&json!({ "sent": 20 }))
            .suppresses(&[]);
    }
    let unverified = "554 Message rejected: Email address is not verified. The following identities failed the check in \
                      region EU-WEST-1: news@letters.example";
    let mailing = Mailing::over(provider().on(At::Dot, reply_line(unverified)));
    mailing.says("paused").suppresses(&[]);
}

#[test]
fn naver_ends_a_session_after_some_messages_and_names_full_and_missing_mailboxes() {
    let too_many = "421 4.3.1 You send too many messages.";
    Mailing::over(
        refusing([(1, "550 5.1.1 No such user reader1@example.org"), (2, "552 5.2.2 mailbox is full")]).nth(
            At::Mail,
            6,
            reply_line(too_many),
        ),
    )
    .ends_with(&json!({ "sent": 18, "failed": 2 }))
    .suppresses(&[1]);
}

#[test]
fn naver_s_filter_of_an_address_is_waited_for() {
    let filtered = "421 4.3.2 Your IP(192.0.2.1) is filtered and this connection will be closed.";
    Mailing::over(provider().nth(At::Greeting, 1, reply_line(filtered)).nth(
        At::Greeting,
        2,
        reply_line(filtered),
    ))
    .ends_with(&json!({ "sent": 20 }))
    .suppresses(&[]);
}
