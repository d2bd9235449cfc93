//! A message that cannot be composed, or whose signature cannot be verified, fails for its subscriber only.

use std::sync::Arc;
use std::time::Duration;

use camino::{Utf8Path, Utf8PathBuf};
use chrono::{DateTime, TimeDelta, Utc};
use letterpress::internals::address::EmailAddress;
use letterpress::internals::clock::FrozenClock;
use letterpress::internals::delivery::outbox::OutboxTransport;
use letterpress::internals::delivery::{Breaker, DeliveryJob, Envelope, OutgoingMessage, deliver};
use letterpress::internals::ledger::{RetrySchedule, State};
use letterpress::internals::store::{Claimed, Filter, NewIssue, Store, open_sqlite};
use letterpress::internals::subscribers::{AddressKey, NewSubscriber, Profile, SubscriptionStatus};
use letterpress::internals::text::HeaderText;

fn now() -> DateTime<Utc> {
    "2026-11-20T10:00:00Z".parse().unwrap()
}

fn subscriber(number: u8) -> NewSubscriber {
    let email = EmailAddress::parse(&format!("reader{number}@example.org")).unwrap();
    let profile = Profile { consented_at: Some(now()), ..Profile::new(email, SubscriptionStatus::Active) };
    NewSubscriber::new(AddressKey([number; 16]), profile, "story")
}

/// The first message has an invalid signature, the second one panics.
fn compose(delivery: &Claimed) -> Result<OutgoingMessage, String> {
    let message = format!("To: {}\r\n\r\n편지\r\n", delivery.address).into_bytes();
    match delivery.address.local_part() {
        "reader1" => Err("the signature does not verify".to_owned()),
        "reader2" => panic!("a message that cannot be composed"),
        _ => Ok(OutgoingMessage {
            envelope: Envelope {
                from: EmailAddress::parse("news@example.com").unwrap(),
                to: delivery.address.clone(),
                size: message.len(),
            },
            message,
            message_id: "1@example.com".to_owned(),
        }),
    }
}

#[tokio::test]
async fn a_message_that_cannot_be_composed_fails_alone_with_its_reason() {
    let folder = tempfile::tempdir().unwrap();
    let folder = Utf8Path::from_path(folder.path()).unwrap();
    let path = folder.join("letterpress.db");
    let store: Arc<Store> = open_sqlite(&path, &path.with_extension("keys"), "instance").unwrap();
    store.add_subscribers((1..=5).map(subscriber).collect(), now()).await.unwrap();
    let issue = NewIssue {
        post: "slow".to_owned(),
        subject: HeaderText::parse("천천히 오는 편지").unwrap(),
        label: "slow".to_owned(),
        message: "{}".to_owned(),
        segment: letterpress::internals::archive::Segment::default(),
        baseline: Vec::new(),
        rehearsal: false,
        message_domain: "example.com".to_owned(),
    };
    store.schedule_issue(issue, now()).await.unwrap();
    let outbox: Utf8PathBuf = folder.join("outbox");
    let job = DeliveryJob {
        store: store.clone(),
        transport: Arc::new(OutboxTransport::new(outbox.clone(), "slow")),
        clock: Arc::new(FrozenClock::at(now(), 1)),
        issue: store.open_issues().await.unwrap()[0].number,
        frozen_at: now(),
        render: Box::new(compose),
        rate_limits: None,
        retry: RetrySchedule { waits: vec![TimeDelta::minutes(5)], give_up: TimeDelta::hours(1) },
        lease: Duration::from_secs(30 * 60),
        owner: "story".to_owned(),
        on_progress: Arc::new(|_| {}),
    };
    assert_eq!(deliver(job, Arc::new(Breaker::default())).await.unwrap(), None);
    let in_state =
        async |state| store.deliveries(Filter { states: vec![state], ..Filter::default() }).await.unwrap();
    assert_eq!(in_state(State::Sent).await.len(), 3);
    let failed = in_state(State::Failed).await;
    assert_eq!(failed.len(), 2);
    let output = format!("{failed:?}");
    assert!(output.contains("the signature does not verify"), "{output}");
    assert_eq!(outbox.join("slow").read_dir_utf8().unwrap().count(), 3);
}
