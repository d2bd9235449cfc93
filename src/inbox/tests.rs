//! The thirteen requirements on inbound mail, each tested with the real parser and, for its consequences, a real store.

use std::sync::Arc;

use camino::Utf8Path;
use chrono::{DateTime, TimeDelta, Utc};
use proptest::prelude::*;

use super::{Classified, Disposal, InboxProcessor, InboxReport, MOST_BYTES, classify, maildir};
use crate::address::EmailAddress;
use crate::clock::FrozenClock;
use crate::ledger::State;
use crate::ledger::transition::Event;
use crate::store::{
    Claimed, DeliveryStore as _, Filter, LeaseClaim, NewIssue, ReportKind, ReportSubject, StateChange, Store,
    open_sqlite,
};
use crate::subscribers::bounces::Action;
use crate::subscribers::token::{Purpose, Subject, TokenKeys};
use crate::subscribers::{AddressKey, NewSubscriber, Profile, SubscriptionStatus};
use crate::text::HeaderText;

pub(super) fn keys() -> TokenKeys {
    TokenKeys::generate(std::array::from_fn(|at| u8::try_from(at).unwrap().wrapping_mul(37)))
}

pub(super) fn now() -> DateTime<Utc> {
    "2026-11-20T10:00:00Z".parse().unwrap()
}

fn address(subscriber: usize) -> EmailAddress {
    EmailAddress::parse(&format!("subscriber{subscriber}@example.org")).unwrap()
}

fn key(subscriber: usize) -> AddressKey {
    AddressKey(keys().address_key(&address(subscriber)))
}

fn bounce_token(number: u64) -> String {
    keys().sign(Purpose::Bounce, &Subject::from(number), 1)
}

fn unsubscribe_token(subscriber: usize) -> String {
    keys().sign(Purpose::Unsubscribe, &Subject::from(key(subscriber).0), 1)
}

/// A bounce as Postfix writes it; `to` is the address that it is sent to.
fn dsn(to: &str, id: &str, action: &str, status: &str, diagnostic: &str) -> String {
    let status = if status.is_empty() { String::new() } else { format!("Status: {status}\r\n") };
    format!(
        "Return-Path: <>\r\nDelivered-To: {to}\r\nFrom: MAILER-DAEMON@mx.example (Mail Delivery System)\r\nTo: {to}\r\n\
         Message-ID: <{id}@mx.example>\r\nAuto-Submitted: auto-replied\r\nMIME-Version: 1.0\r\n\
         Content-Type: multipart/report; report-type=delivery-status;\r\n\tboundary=\"9F3/mx.example\"\r\n\r\n\
         This is a MIME-encapsulated message.\r\n\r\n--9F3/mx.example\r\nContent-Type: text/plain; charset=us-ascii\r\n\r\n\
         I'm sorry to have to inform you that your message could not be delivered.\r\n\r\n--9F3/mx.example\r\n\
         Content-Type: message/delivery-status\r\n\r\nReporting-MTA: dns; mx.example\r\n\r\n\
         Final-Recipient: rfc822; subscriber1@example.org\r\nAction: {action}\r\n{status}Diagnostic-Code: {diagnostic}\r\n\r\n\
         --9F3/mx.example\r\nContent-Type: text/rfc822-headers\r\n\r\nSubject: hello\r\n\r\n--9F3/mx.example--\r\n"
    )
}

pub(super) fn hard(to: &str, id: &str) -> String {
    dsn(to, id, "failed", "5.1.1", "smtp; 550 5.1.1 <subscriber1@example.org>: User unknown")
}

/// An inbox processor with a store of subscribers and issues.
pub(super) struct Fixture {
    pub(super) processor: InboxProcessor,
    folder: tempfile::TempDir,
    clock: Arc<FrozenClock>,
}

impl Fixture {
    pub(super) fn new() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let path = Utf8Path::from_path(folder.path()).unwrap();
        let store = open_sqlite(&path.join("ledger.db"), &path.join("keys"), "here").unwrap();
        let clock = Arc::new(FrozenClock::at(now(), 7));
        let processor = InboxProcessor {
            store,
            keys: Arc::new(keys()),
            clock: Arc::clone(&clock) as _,
            sign_ups: None,
            rehearsal: false,
            on_mail: Box::new(|_| ()),
            stop: Box::new(|| false),
        };
        Self { processor, folder, clock }
    }

    pub(super) fn store(&self) -> &Store {
        self.processor.store.as_ref()
    }

    pub(super) async fn with_subscribers(subscribers: usize) -> Self {
        let fixture = Self::new();
        let profile = |subscriber| Profile {
            consented_at: Some(now()),
            ..Profile::new(address(subscriber), SubscriptionStatus::Active)
        };
        let subscribers = (1..=subscribers)
            .map(|subscriber| NewSubscriber::new(key(subscriber), profile(subscriber), "test"));
        fixture.store().add_subscribers(subscribers.collect(), now()).await.unwrap();
        fixture
    }

    /// An issue whose deliveries are all sent, or all unknown. Returns them in the order of the subscribers.
    pub(super) async fn issue(&self, post: &str, sent: bool) -> Vec<Claimed> {
        let at = self.processor.clock.now();
        let issue = NewIssue {
            post: post.to_owned(),
            subject: HeaderText::parse("편지").unwrap(),
            label: post.to_owned(),
            message: "{}".to_owned(),
            segment: crate::archive::Segment::default(),
            baseline: Vec::new(),
            rehearsal: false,
            message_domain: "example.com".to_owned(),
        };
        self.store().schedule_issue(issue, at).await.unwrap();
        let number = self.store().open_issues().await.unwrap().pop().unwrap().number;
        let tokens = (0..20).map(|_| crate::ledger::Token(self.processor.clock.random())).collect();
        let claim =
            LeaseClaim { issue: number, limit: 20, owner: "test".to_owned(), lease: TimeDelta::hours(1) };
        let deliveries = self.store().claim(claim, tokens, at).await.unwrap();
        for delivery in &deliveries {
            let arm = Event::Arm { token: delivery.token, bytes: [1; 32] };
            let end = if sent {
                Event::Accept { token: Some(delivery.token), last: None }
            } else {
                Event::LoseReply { token: delivery.token, last: None }
            };
            for event in [arm, end] {
                let changes = vec![StateChange { delivery: delivery.id, event }];
                assert!(self.store().commit(changes, at).await.unwrap()[0].is_ok());
            }
        }
        deliveries
    }

    async fn take(&self, mail: &str) -> (InboxReport, Disposal) {
        let mut tally = InboxReport::default();
        let disposal = self.processor.take("1", mail.as_bytes(), &mut tally).await.unwrap();
        (tally, disposal)
    }

    pub(super) async fn status(&self, subscriber: usize) -> SubscriptionStatus {
        self.store().status(key(subscriber)).await.unwrap().unwrap()
    }

    async fn states(&self) -> Vec<State> {
        let views = self.store().deliveries(Filter::default()).await.unwrap();
        views.into_iter().map(|view| view.row.state).collect()
    }
}

pub(super) fn verp(delivery: &Claimed) -> String {
    format!("bounces+{}@example.com", bounce_token(u64::try_from(delivery.id.number.0).unwrap()))
}

#[tokio::test]
async fn b1_a_forged_bounce_is_counted_and_changes_nothing() {
    let fixture = Fixture::with_subscribers(1).await;
    let deliveries = fixture.issue("first", false).await;
    let mut forged = verp(&deliveries[0]);
    let at = forged.find('@').unwrap() - 1;
    forged.replace_range(at..=at, if forged.as_bytes()[at] == b'a' { "b" } else { "a" });
    let other_keys = TokenKeys::generate([9, 8, 7, 6, 5, 4, 3, 2].repeat(4).try_into().unwrap());
    let foreign_token = other_keys.sign(Purpose::Bounce, &Subject::from(1_u64), 1);
    for to in [forged, "bounces@example.com".to_owned(), format!("bounces+{foreign_token}@example.com")] {
        let (tally, disposal) = fixture.take(&hard(&to, "1")).await;
        assert_eq!((tally.unverified, tally.bounces, disposal), (1, 0, Disposal::LeaveAlone), "{to}");
    }
    // A token for another purpose, and one that is only in the text.
    let unsubscribe = format!("bounces+{}@example.com", unsubscribe_token(1));
    assert_eq!(fixture.take(&hard(&unsubscribe, "2")).await.0.unverified, 1);
    let quoted = hard("a@example.com", "3").replace("I'm sorry", &verp(&deliveries[0]));
    assert_eq!(fixture.take(&quoted).await.0.unverified, 1);
    assert_eq!(
        (fixture.status(1).await, fixture.states().await),
        (SubscriptionStatus::Active, vec![State::Unknown])
    );
}

#[tokio::test]
async fn b2_delayed_relayed_delivered_and_expanded_are_evidence_and_not_failures() {
    for action in ["delayed", "relayed", "delivered", "expanded"] {
        let fixture = Fixture::with_subscribers(1).await;
        let deliveries = fixture.issue("first", false).await;
        let (tally, disposal) =
            fixture.take(&dsn(&verp(&deliveries[0]), "1", action, "5.1.1", "550 5.1.1")).await;
        assert_eq!(
            (tally.reports, tally.bounces, tally.resolved, disposal),
            (1, 0, 1, Disposal::Done),
            "{action}"
        );
        assert_eq!(
            (fixture.status(1).await, fixture.states().await),
            (SubscriptionStatus::Active, vec![State::Sent])
        );
    }
}

#[tokio::test]
async fn b3_the_token_overrides_the_final_recipient() {
    let fixture = Fixture::with_subscribers(2).await;
    let deliveries = fixture.issue("first", true).await;
    // The report names subscriber 1; the token is that of subscriber 2's delivery.
    let (tally, _) = fixture.take(&hard(&verp(&deliveries[1]), "1")).await;
    assert_eq!((tally.suppressed, tally.elsewhere), (1, 1));
    assert_eq!(
        (fixture.status(1).await, fixture.status(2).await),
        (SubscriptionStatus::Active, SubscriptionStatus::Suppressed)
    );
    let (tally, _) = fixture.take(&hard(&verp(&deliveries[0]), "2")).await;
    assert_eq!((tally.suppressed, tally.elsewhere), (1, 0));
}

#[test]
fn b4_oversized_and_deeply_nested_mails_are_bounded() {
    let keys = keys();
    let nested: Vec<String> = (0..10_000)
        .map(|level| format!("Content-Type: multipart/mixed; boundary=b{level}\r\n\r\n--b{level}\r\n"))
        .collect();
    let nested = nested.concat();
    assert_eq!(classify(nested.as_bytes(), &keys), Classified::Unreadable);
    let wide = format!("Content-Type: multipart/mixed; boundary=b\n\n{}", "--b\n\n".repeat(1_000_000));
    assert_eq!(classify(wide.as_bytes(), &keys), Classified::Unreadable);
    let messages = "Content-Type: message/rfc822\n\n".repeat(1_000_000);
    assert_eq!(classify(messages.as_bytes(), &keys), Classified::Foreign);
    // A bomb after a genuine report: the report counts, the hundred megabytes after it do not.
    let mut long = hard(&format!("bounces+{}@example.com", bounce_token(1)), "1").into_bytes();
    long.resize(100 * 1024 * 1024, b'A');
    assert!(matches!(classify(&long, &keys), Classified::Report(_)));
    let base64 = format!(
        "Delivered-To: a\nContent-Type: multipart/report; boundary=b\n\n--b\nContent-Type: message/delivery-status\n\
         Content-Transfer-Encoding: base64\n\n{}\n--b--\n",
        "QUFB\n".repeat(2 * MOST_BYTES / 5)
    );
    assert_eq!(classify(base64.as_bytes(), &keys), Classified::Foreign);
}

#[test]
fn b5_dates_are_not_parsed() {
    let comments = format!("{}{}", "(".repeat(100_000), ")".repeat(100_000));
    let mail = format!("Date: Mon, 23 Nov 2026 {comments} 09:00:00 +0900\r\n{}", hard("x", "1"))
        .replace("Delivered-To: x", &format!("Delivered-To: bounces+{}@example.com", bounce_token(5)));
    assert!(matches!(classify(mail.as_bytes(), &keys()), Classified::Report(_)));
}

#[test]
fn b6_a_status_in_the_text_of_a_person_is_not_a_report() {
    let to = format!("bounces+{}@example.com", bounce_token(1));
    let real = hard(&to, "1");
    let plain = format!("To: {to}\r\nSubject: Re: letter\r\n\r\n> Action: failed\r\n> Status: 5.1.1\r\n");
    assert_eq!(classify(plain.as_bytes(), &keys()), Classified::Prose, "{plain}");
    // Nor is a report within a returned message.
    let within = format!(
        "To: {to}\r\nContent-Type: multipart/mixed; boundary=o\r\n\r\n--o\r\nContent-Type: message/rfc822\r\n\r\n{real}\r\n--o--\r\n"
    );
    assert_eq!(classify(within.as_bytes(), &keys()), Classified::Prose);
}

#[tokio::test]
async fn b7_automatic_replies_are_ignored() {
    let fixture = Fixture::with_subscribers(1).await;
    let deliveries = fixture.issue("first", false).await;
    for header in ["Auto-Submitted: auto-replied (vacation)", "Precedence: auto_reply", "X-Autoreply: yes"] {
        let to_bounce_address = format!(
            "To: <{}>\r\n{header}\r\nSubject: Out of office\r\n\r\nStatus: 5.1.1\r\n",
            verp(&deliveries[0])
        );
        let (tally, disposal) = fixture.take(&to_bounce_address).await;
        assert_eq!((tally.automatic, tally.ours(), disposal), (1, 0, Disposal::Done), "{header}");
        // One in the author's own mailbox is left alone, whatever its subject repeats.
        let private = format!(
            "To: kim@example.com\r\n{header}\r\nSubject: Auto: unsubscribe {}\r\n\r\nhi\r\n",
            unsubscribe_token(1)
        );
        assert_eq!(fixture.take(&private).await.1, Disposal::LeaveAlone);
    }
    assert_eq!(
        (fixture.status(1).await, fixture.states().await),
        (SubscriptionStatus::Active, vec![State::Unknown])
    );
}

/// A complaint in which the provider redacted the address; `returned` is the head of the message.
fn complaint(kind: &str, returned: &str) -> String {
    format!(
        "From: <fbl@provider.example>\r\nTo: <abuse@example.com>\r\nMessage-ID: <c1@provider.example>\r\n\
         Content-Type: multipart/report; report-type=feedback-report; boundary=\"f\"\r\n\r\n--f\r\n\r\nAn abuse report.\r\n\
         --f\r\nContent-Type: message/feedback-report\r\n\r\nFeedback-Type: {kind}\r\nUser-Agent: Provider/1.0\r\nVersion: 1\r\n\
         Original-Rcpt-To: redacted@provider.example\r\n\r\n--f\r\nContent-Type: message/rfc822\r\n\r\n{returned}\r\n\r\nletter\r\n--f--\r\n"
    )
}

#[tokio::test]
async fn b8_a_complaint_with_a_redacted_address_is_identified_by_our_headers() {
    let fixture = Fixture::with_subscribers(3).await;
    let deliveries = fixture.issue("first", false).await;
    let by_path = format!("Return-Path: <{}>\r\nTo: redacted", verp(&deliveries[0]));
    let by_list = format!(
        "To: redacted\r\nMessage-ID: <{}>\r\nList-Unsubscribe: <https://x.example/u/{token}>,\r\n <mailto:unsubscribe@example.com?subject=unsubscribe%20{token}>",
        keys().message_id("first", deliveries[1].address.as_str(), "example.com").unwrap(),
        token = unsubscribe_token(2)
    );
    for (subscriber, returned) in [(1, by_path), (2, by_list)] {
        let (tally, disposal) = fixture.take(&complaint("abuse", &returned)).await;
        assert_eq!((tally.complaints, tally.suppressed, tally.resolved, disposal), (1, 1, 1, Disposal::Done));
        assert_eq!(fixture.status(subscriber).await, SubscriptionStatus::Suppressed);
    }
    assert_eq!(fixture.take(&complaint("abuse", "To: redacted")).await.0.unverified, 1);
    let not_spam = complaint("not-spam", &format!("Return-Path: <{}>", verp(&deliveries[2])));
    assert_eq!(fixture.take(&not_spam).await.0.complaints, 0);
    assert_eq!(fixture.status(3).await, SubscriptionStatus::Active);
    // Permanently: no import can add the address again.
    let again = NewSubscriber::new(key(1), Profile::new(address(1), SubscriptionStatus::Active), "list");
    assert_eq!(fixture.store().add_subscribers(vec![again], now()).await.unwrap().kept_out, 1);
}

#[tokio::test]
async fn a_bounce_in_prose_is_identified_by_the_copy_of_the_message_in_its_text() {
    let fixture = Fixture::with_subscribers(2).await;
    let deliveries = fixture.issue("first", false).await;
    let notice = |copy: &str| {
        format!(
            "Return-Path: <>\r\nFrom: MAILER-DAEMON@mx.example\r\nTo: bounces@example.com\r\n\
             Subject: failure notice\r\n\r\nHi. This is the qmail-send program at mx.example.\r\n\
             I'm afraid I wasn't able to deliver your message to the following addresses.\r\n\r\n\
             <reader@mx.example>:\r\nSorry, no mailbox here by that name. (#5.1.1)\r\n\r\n\
             --- Below this line is a copy of the message.\r\n\r\n{copy}\r\n\r\nletter\r\n"
        )
    };
    let by_path = format!("Return-Path: <{}>\r\nSubject: letter", verp(&deliveries[0]));
    let by_list = format!(
        "Subject: letter\r\nMessage-ID: <{}>\r\nList-Unsubscribe: <https://x.example/u/{}>",
        keys().message_id("first", deliveries[1].address.as_str(), "example.com").unwrap(),
        unsubscribe_token(2)
    );
    for (subscriber, copy) in [(1, by_path), (2, by_list)] {
        let (tally, disposal) = fixture.take(&notice(&copy)).await;
        assert_eq!((tally.suppressed, disposal), (1, Disposal::Done), "{copy}");
        assert_eq!(fixture.status(subscriber).await, SubscriptionStatus::Suppressed);
    }
    assert_eq!(fixture.take(&notice("Subject: letter")).await.0.suppressed, 0);
}

#[test]
fn b9_the_inbox_cannot_send_mail() {
    // Nothing here may send mail, so that a bounce of a bounce cannot cause a loop.
    for (name, text) in [
        ("mod.rs", include_str!("mod.rs")),
        ("classification.rs", include_str!("classification.rs")),
        ("maildir.rs", include_str!("maildir.rs")),
        ("imap/mod.rs", include_str!("imap/mod.rs")),
        ("imap/session.rs", include_str!("imap/session.rs")),
        ("store", include_str!("../store/sql/reports.rs")),
    ] {
        for word in ["lettre", "SmtpTransport", "Transport>", "deliver(", "APPEND", "email::"] {
            assert!(!text.contains(word), "{name} contains {word}");
        }
    }
    let mail = hard("postmaster@example.com", "1");
    assert!(matches!(classify(mail.as_bytes(), &keys()), Classified::Unverified(_)));
}

#[tokio::test]
async fn b10_the_same_report_counts_once_however_often_it_is_delivered() {
    let fixture = Fixture::with_subscribers(1).await;
    let deliveries = fixture.issue("first", false).await;
    let mail = hard(&verp(&deliveries[0]), "same");
    let (first, _) = fixture.take(&mail).await;
    assert_eq!((first.bounces, first.duplicates, first.suppressed, first.resolved), (1, 0, 1, 1));
    // Delivered again by another route, with other headers on top.
    let (second, disposal) = fixture.take(&format!("Received: by elsewhere\r\n{mail}")).await;
    assert_eq!((second.bounces, second.duplicates, second.suppressed, disposal), (1, 1, 0, Disposal::Done));
    // Without its own id it is recognised by its bytes.
    let nameless = mail.replace("Message-ID: <same@mx.example>\r\n", "");
    assert_eq!(fixture.take(&nameless).await.0.duplicates, 0);
    assert_eq!(fixture.take(&nameless).await.0.duplicates, 1);
}

#[test]
fn b11_recipients_outside_ascii_are_read() {
    let to = format!("bounces+{}@example.com", bounce_token(3));
    let plain = hard(&to, "1");
    for (written, kind, read_as) in [
        ("utf-8; 김@우체국.example", "message/global-delivery-status", "김@우체국.example"),
        ("utf-8; \\x{AE40}@example.com", "message/delivery-status", "김@example.com"),
        ("UTF-8;\\x{1F984}\\x{zz}@example.com", "message/delivery-status", "🦄\\x{zz}@example.com"),
        ("rfc822; \\x{AE40}@example.com", "message/delivery-status", "\\x{AE40}@example.com"),
    ] {
        let mail = plain
            .replace("rfc822; subscriber1@example.org", written)
            .replace("Content-Type: message/delivery-status", &format!("Content-Type: {kind}"));
        let Classified::Report(inbound) = classify(mail.as_bytes(), &keys()) else { panic!("{written}") };
        let ReportKind::Delivery(report) = inbound.kind else { panic!("{written}") };
        assert_eq!(report.recipient.as_deref(), Some(read_as));
    }
}

#[tokio::test]
async fn b12_the_token_and_not_the_sender_identifies_who_unsubscribes() {
    let fixture = Fixture::with_subscribers(3).await;
    let mail = |to: &str, subject: &str| {
        format!(
            "From: subscriber1@example.org\r\nTo: {to}\r\nSubject: {subject}\r\nMessage-ID: <{subject}@x>\r\n\r\n"
        )
    };
    let (tally, disposal) = fixture.take(&mail("unsubscribe@example.com", "unsubscribe")).await;
    assert_eq!((tally.foreign, disposal), (1, Disposal::LeaveAlone));
    // In the subject, as in our messages; encoded, as some programs do.
    let subject = format!("=?utf-8?Q?Re:_unsubscribe_{}?=", unsubscribe_token(2));
    let (tally, _) = fixture.take(&mail("unsubscribe@example.com", &subject)).await;
    assert_eq!((tally.unsubscribes, tally.unsubscribed), (1, 1));
    // In the address, which overrides the subject.
    let subject = format!("unsubscribe {}", unsubscribe_token(1));
    fixture.take(&mail(&format!("unsubscribe+{}@example.com", unsubscribe_token(3)), &subject)).await;
    assert_eq!(fixture.status(1).await, SubscriptionStatus::Active);
    assert_eq!(
        (fixture.status(2).await, fixture.status(3).await),
        (SubscriptionStatus::Unsubscribed, SubscriptionStatus::Unsubscribed)
    );
}

#[test]
fn b13_a_diagnostic_is_one_printable_line_of_bounded_length() {
    let diagnostic =
        format!("smtp; 550 5.1.1 <script>alert(1)</script> \u{1b}[2J\u{202e}evil {}", "x".repeat(5_000));
    let mail = dsn(&format!("bounces+{}@example.com", bounce_token(3)), "1", "failed", "5.1.1", &diagnostic);
    let Classified::Report(inbound) = classify(mail.as_bytes(), &keys()) else { panic!("not a inbound") };
    let ReportKind::Delivery(report) = inbound.kind else { panic!("not a report") };
    assert!(report.diagnostic.len() <= 1024 && report.diagnostic.starts_with("smtp; 550 5.1.1 <script>"));
    assert!(!report.diagnostic.chars().any(|c| c.is_control() || c == '\u{202e}'), "{}", report.diagnostic);
}

#[tokio::test]
async fn a_full_mailbox_is_suppressed_after_three_issues_and_fifteen_days() {
    let fixture = Fixture::with_subscribers(1).await;
    for (issue, suppressed) in [("a", false), ("b", false), ("c", true)] {
        let deliveries = fixture.issue(issue, true).await;
        fixture.clock.advance(TimeDelta::days(1));
        for again in 0..2 {
            let full = dsn(
                &verp(&deliveries[0]),
                &format!("{issue}{again}"),
                "failed",
                "5.2.2",
                "smtp; 552 5.2.2 full",
            );
            let (tally, _) = fixture.take(&full).await;
            assert_eq!(tally.suppressed, u64::from(suppressed && again == 0), "{issue}");
        }
        fixture.clock.advance(TimeDelta::days(7));
    }
    assert_eq!(fixture.status(1).await, SubscriptionStatus::Suppressed);
}

#[tokio::test]
async fn accepted_messages_and_sender_faults_do_not_count_against_a_subscriber() {
    let fixture = Fixture::with_subscribers(1).await;
    for issue in ["a", "b", "c", "d", "e"] {
        let deliveries = fixture.issue(issue, true).await;
        let (status, diagnostic) = match issue {
            "c" => {
                fixture.clock.advance(TimeDelta::days(8));
                continue;
            }
            "d" => ("5.7.1", "smtp; 550 5.7.1 blocked"),
            _ => ("4.2.2", "smtp; 452 4.2.2 full"),
        };
        fixture.take(&dsn(&verp(&deliveries[0]), issue, "failed", status, diagnostic)).await;
        fixture.clock.advance(TimeDelta::days(8));
    }
    assert_eq!(fixture.status(1).await, SubscriptionStatus::Active);
}

#[tokio::test]
async fn an_issue_with_too_many_bounces_is_paused_once() {
    use crate::ledger::IssueState;
    let fixture = Fixture::with_subscribers(12).await;
    let deliveries = fixture.issue("first", true).await;
    let mut paused = Vec::new();
    for (at, delivery) in deliveries.iter().enumerate() {
        paused.push(fixture.take(&hard(&verp(delivery), &at.to_string())).await.0.paused);
    }
    assert_eq!(paused, [0, 0, 0, 0, 1, 0, 0, 0, 0, 0, 0, 0]);
    let issue = fixture.store().issues().await.unwrap().remove(0);
    assert_eq!(issue.state, IssueState::Paused);
}

#[tokio::test]
async fn a_report_about_an_unknown_delivery_is_left_alone() {
    let fixture = Fixture::with_subscribers(1).await;
    let (tally, disposal) =
        fixture.take(&hard(&format!("bounces+{}@example.com", bounce_token(999)), "1")).await;
    assert_eq!((tally.unknown_tokens, tally.suppressed, disposal), (1, 0, Disposal::LeaveAlone));
}

#[tokio::test]
async fn a_rehearsal_counts_and_changes_nothing() {
    let mut fixture = Fixture::with_subscribers(1).await;
    let deliveries = fixture.issue("first", false).await;
    fixture.processor.rehearsal = true;
    let (tally, disposal) = fixture.take(&hard(&verp(&deliveries[0]), "1")).await;
    assert_eq!((tally.bounces, tally.suppressed, disposal), (1, 0, Disposal::LeaveAlone));
    assert_eq!(
        (fixture.status(1).await, fixture.states().await),
        (SubscriptionStatus::Active, vec![State::Unknown])
    );
}

#[tokio::test]
async fn foreign_mail_and_other_files_in_a_maildir_are_left_untouched() {
    let fixture = Fixture::with_subscribers(2).await;
    let deliveries = fixture.issue("first", true).await;
    let root = Utf8Path::from_path(fixture.folder.path()).unwrap().join("Maildir");
    for folder in ["new", "cur", "tmp"] {
        std::fs::create_dir_all(root.join(folder)).unwrap();
    }
    let write = |name: &str, text: &str| std::fs::write(root.join(name), text).unwrap();
    write("new/1.a.host", &hard(&verp(&deliveries[0]), "1"));
    write("new/2.b.host", "Subject: a private mail\r\n\r\nhello\r\n");
    write("cur/3.c.host:2,F", &hard(&verp(&deliveries[1]), "3"));
    write("cur/4.d.host:2,S", &hard(&verp(&deliveries[1]), "4"));
    write("tmp/5.e.host", &hard(&verp(&deliveries[1]), "5"));
    write("new/.hidden", &hard(&verp(&deliveries[1]), "6"));
    std::os::unix::fs::symlink(root.join("tmp/5.e.host"), root.join("new/7.link.host")).unwrap();
    std::fs::create_dir(root.join("new/8.folder.host")).unwrap();
    assert!(
        std::process::Command::new("mkfifo").arg(root.join("new/9.pipe.host")).status().unwrap().success()
    );
    // A mail whose new name already exists.
    write("new/10.x.host", &hard(&verp(&deliveries[0]), "10"));
    write("cur/10.x.host:2,S", "foreign");

    let mut tally = InboxReport::default();
    maildir::sweep(&fixture.processor, &root, &mut tally).await.unwrap();
    assert_eq!((tally.mails, tally.bounces, tally.foreign), (4, 3, 1));
    let names = |folder: &str| {
        let mut names: Vec<_> = std::fs::read_dir(root.join(folder))
            .unwrap()
            .map(|entry| entry.unwrap().file_name().into_string().unwrap())
            .collect();
        names.sort();
        names
    };
    assert_eq!(
        names("new"),
        [".hidden", "10.x.host", "2.b.host", "7.link.host", "8.folder.host", "9.pipe.host"]
    );
    assert_eq!(names("cur"), ["1.a.host:2,S", "10.x.host:2,S", "3.c.host:2,FS", "4.d.host:2,S"]);
    assert_eq!(names("tmp"), ["5.e.host"]);
    assert_eq!(std::fs::read_to_string(root.join("cur/10.x.host:2,S")).unwrap(), "foreign");

    // A crash before the marking: the mail is in `new` again, and nothing counts twice.
    std::fs::rename(root.join("cur/1.a.host:2,S"), root.join("new/1.a.host")).unwrap();
    let mut again = InboxReport::default();
    maildir::sweep(&fixture.processor, &root, &mut again).await.unwrap();
    assert_eq!((again.duplicates, again.suppressed), (2, 0));
    assert!(maildir::sweep(&fixture.processor, &root.join("new"), &mut again).await.is_err());
}

proptest! {
    #[test]
    fn no_bytes_panic(bytes in prop::collection::vec(any::<u8>(), 0..600)) {
        prop_assert_eq!(classify(&bytes, &keys()), Classified::Foreign);
    }

    #[test]
    fn no_damaged_report_panics_or_names_another_delivery(at in 0_usize..1_400, byte in any::<u8>(), cut in 0_usize..1_500) {
        let mut mail = hard(&format!("bounces+{}@example.com", bounce_token(77)), "1").into_bytes();
        if let Some(target) = mail.get_mut(at) {
            *target = byte;
        }
        mail.truncate(cut);
        if let Classified::Report(inbound) = classify(&mail, &keys()) {
            prop_assert_eq!(inbound.subject, ReportSubject::Delivery(crate::store::DeliveryNumber(77)));
        }
    }

    #[test]
    fn a_report_with_any_token_is_parsed(number in 0..i64::MAX as u64, class in 4_u16..6, subject in 0_u16..8, detail in 0_u16..30, by in 0_usize..4) {
        let status = format!("{class}.{subject}.{detail}");
        let token = bounce_token(number);
        let bare = hard("postmaster@example.com", "1").replace("5.1.1", &status);
        let mail = match by {
            0 => bare.replace("postmaster@", &format!("Bounces+{token}@")),
            1 => bare.replace("Reporting-MTA:", &format!("Original-Envelope-Id: bounces+2B{token}\r\nReporting-MTA:")),
            2 => bare.replace("Subject: hello", &format!("Return-Path: <bounces+{token}@example.com>")),
            _ => bare.replace("\r\n", "\n").replace("Delivered-To: postmaster", &format!("X-Original-To: b+{token}")),
        };
        let Classified::Report(inbound) = classify(mail.as_bytes(), &keys()) else { panic!("{mail}") };
        prop_assert_eq!(inbound.subject, ReportSubject::Delivery(crate::store::DeliveryNumber(i64::try_from(number).unwrap())));
        let ReportKind::Delivery(report) = inbound.kind else { panic!("{mail}") };
        prop_assert_eq!((report.action, report.status.map(|status| status.to_string())), (Action::Failed, Some(status)));
    }
}
