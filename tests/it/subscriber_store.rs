//! Contract tests of the store for the web pages: sign-up, confirmation, preferences, unsubscribe, erasure.

use std::collections::HashMap;

use camino::Utf8Path;
use chrono::{DateTime, TimeDelta, Utc};
use letterpress::internals::address::EmailAddress;
use letterpress::internals::clock::{Clock as _, SystemClock};
use letterpress::internals::ledger::State;
use letterpress::internals::ledger::rate_limit::Rate;
use letterpress::internals::store::subscriber_store::{
    ConsentContext, SignUp, SignUpLimit, SignUpLimits, SignUpOrigin, SignUpResult, TransactionalKind,
    TransactionalOutcome,
};
use letterpress::internals::store::{Filter, Store, open_sqlite};
use letterpress::internals::subscribers::lifecycle::Confirmed;
use letterpress::internals::subscribers::token::TokenKeys;
use letterpress::internals::subscribers::{
    AddressKey, Frequency, ImportCounts, NewSubscriber, Preferences, Profile, SubscriptionStatus, Topics,
};
use letterpress::internals::text::HeaderText;

use super::store_contract::{issue, now};
use super::support::Postgres;
use super::support::postgres::open;

const KIM: &str = "kim@example.org";
const LEE: &str = "lee@example.org";
const CHOI: &str = "choi@example.org";
const HAN: &str = "han.jimin@example.org";
const SEO: &str = "seo@example.org";
const YOON: &str = "yoon@example.org";

pub(crate) fn keys() -> TokenKeys {
    TokenKeys::generate(std::array::from_fn(|byte| u8::try_from(byte * 7 + 3).unwrap()))
}

pub(crate) fn key(address: &str) -> AddressKey {
    AddressKey(keys().address_key(&EmailAddress::parse(address).unwrap()))
}

pub(crate) fn plenty() -> SignUpLimits {
    let rate = Rate::per_hour(10_000).unwrap();
    SignUpLimits { all: rate, each_network: rate, each_domain: rate }
}

pub(crate) fn here() -> ConsentContext {
    ConsentContext { form: "page 1".to_owned(), wording: [7; 32], network: Some("203.0.113.0/24".to_owned()) }
}

pub(crate) fn form(address: &str) -> SignUp {
    let email = EmailAddress::parse(address).unwrap();
    SignUp {
        key: key(address),
        mailbox: AddressKey(keys().mailbox_key(&email)),
        email,
        name: HeaderText::lossy("김민준"),
        language: Some("ko".to_owned()),
        preferences: Preferences {
            frequency: Frequency::Weekly,
            topics: Topics::only(HeaderText::lossy("기술")),
        },
        origin: SignUpOrigin::Web,
        consent: here(),
        limits: plenty(),
    }
}

/// Marks the next transactional email as sent; returns its kind.
async fn mark_sent(store: &Store, at: DateTime<Utc>) -> Option<(TransactionalKind, u32)> {
    let message = store.claim_transactional("courier", TimeDelta::minutes(5), at).await.unwrap()?;
    assert!(store.arm_transactional(message.number, "courier", at).await.unwrap());
    store
        .finish_transactional(message.number, "courier", TransactionalOutcome::Sent, "250 ok", at)
        .await
        .unwrap();
    Some((message.kind, message.generation))
}

async fn status(store: &Store, address: &str) -> Option<SubscriptionStatus> {
    store.status(key(address)).await.unwrap()
}

async fn sign_up_and_unsubscribe(store: &Store, clock: Clock) {
    assert_eq!(store.sign_up(form(KIM), now()).await.unwrap(), SignUpResult::ToConfirm);
    assert_eq!(status(store, KIM).await, Some(SubscriptionStatus::Unconfirmed));
    assert_eq!(mark_sent(store, now()).await, Some((TransactionalKind::Confirm, 1)));
    assert_eq!(mark_sent(store, now()).await, None);

    assert_eq!(store.confirm(key(KIM), 2, here(), now()).await.unwrap(), Confirmed::Stale);
    assert_eq!(store.confirm(key(KIM), 1, here(), now()).await.unwrap(), Confirmed::Now);
    assert_eq!(store.confirm(key(KIM), 1, here(), now()).await.unwrap(), Confirmed::Already);
    let subscriber = store.subscriber(key(KIM)).await.unwrap().unwrap();
    assert_eq!(
        (subscriber.profile.status, subscriber.profile.consented_at.is_some()),
        (SubscriptionStatus::Active, true)
    );
    assert_eq!(subscriber.profile.preferences, form(KIM).preferences);

    let all = Preferences::default();
    assert!(store.set_preferences(key(KIM), all.clone(), here(), now()).await.unwrap());
    assert_eq!(store.subscriber(key(KIM)).await.unwrap().unwrap().profile.preferences, all);
    // Anyone can enter any address, so a sign-up does not change the preferences of a subscriber.
    let tomorrow = now() + TimeDelta::hours(25);
    let again = store.sign_up(form(KIM), tomorrow).await.unwrap();
    assert_eq!(again, if clock == Clock::Ours { SignUpResult::Known } else { SignUpResult::MailboxLimit });
    assert_eq!(store.subscriber(key(KIM)).await.unwrap().unwrap().profile.preferences, all);
    let known = (clock == Clock::Ours).then_some((TransactionalKind::Known, 1));
    assert_eq!(mark_sent(store, tomorrow).await, known);

    let unsubscribed = store.unsubscribe(key(KIM), "web", Some(here()), tomorrow).await.unwrap().unwrap();
    assert_eq!((unsubscribed.status, unsubscribed.generation), (SubscriptionStatus::Unsubscribed, 2));
    assert_eq!(
        store.unsubscribe(key(KIM), "web", Some(here()), tomorrow).await.unwrap(),
        Some(unsubscribed),
        "a second time changes nothing"
    );
    assert!(!store.set_preferences(key(KIM), all, here(), tomorrow).await.unwrap());
    assert!(!store.resubscribe(key(KIM), 1, here(), tomorrow).await.unwrap());
    assert!(store.resubscribe(key(KIM), 2, here(), tomorrow).await.unwrap());
    assert_eq!(status(store, KIM).await, Some(SubscriptionStatus::Active));
    assert_eq!(store.unsubscribe(key("nobody@example.org"), "web", Some(here()), now()).await.unwrap(), None);
}

async fn sign_up_limits(store: &Store) {
    let at = |hours: i64| now() + TimeDelta::days(100) + TimeDelta::hours(hours);
    // Different spellings of the same Gmail mailbox.
    let mut answers = Vec::new();
    for (hour, address) in [
        (0, "park.seo.jun@gmail.com"),
        (1, "parkseojun+letters@gmail.com"),
        (24, "p.arkseojun@googlemail.com"),
        (49, "parkseojun@gmail.com"),
        (74, "park.seojun@gmail.com"),
        (30 * 24 + 50, "parkseojun@gmail.com"),
    ] {
        answers.push(store.sign_up(form(address), at(hour)).await.unwrap() == SignUpResult::ToConfirm);
    }
    assert_eq!(answers, [true, false, true, true, false, true], "one a day, three in thirty days");

    let narrow = |address: &str, network: &str| SignUp {
        limits: SignUpLimits { each_network: Rate::per_hour(4).unwrap(), ..plenty() },
        consent: ConsentContext { network: Some(network.to_owned()), ..here() },
        ..form(address)
    };
    let (first, second) =
        (narrow("a@example.org", "198.51.100.0/24"), narrow("b@example.org", "198.51.100.0/24"));
    assert_eq!(store.sign_up(first, at(900)).await.unwrap(), SignUpResult::ToConfirm);
    assert_eq!(store.sign_up(second, at(900)).await.unwrap(), SignUpResult::Limit(SignUpLimit::Network));
    assert_eq!(status(store, "b@example.org").await, None, "a refused sign-up leaves no trace");
    let elsewhere = narrow("b@example.org", "2001:db8:1::/56");
    assert_eq!(store.sign_up(elsewhere, at(900)).await.unwrap(), SignUpResult::ToConfirm);
}

async fn a_transactional_email_is_armed_once(store: &Store, clock: Clock) {
    let at = now() + TimeDelta::hours(30);
    while mark_sent(store, at).await.is_some() {}
    store.sign_up(form(LEE), at).await.unwrap();
    let lease = TimeDelta::seconds(3);
    let message = store.claim_transactional("first", lease, at).await.unwrap().unwrap();
    assert!(store.claim_transactional("second", lease, at).await.unwrap().is_none(), "it is claimed already");
    assert!(!store.arm_transactional(message.number, "second", at).await.unwrap());
    assert!(store.arm_transactional(message.number, "first", at).await.unwrap());
    assert!(!store.arm_transactional(message.number, "first", at).await.unwrap(), "it is armed only once");
    // After the death of its sender it may have arrived, so it is not sent again.
    let later = clock.hour_after(at).await;
    assert!(store.claim_transactional("second", lease, later).await.unwrap().is_none());
    let states = store.metrics().await.unwrap().transactional;
    assert!(states.contains(&("unknown".to_owned(), 1)), "{states:?}");

    // If the sender dies before the arm, another one takes over.
    store.sign_up(form(CHOI), at).await.unwrap();
    let lost = store.claim_transactional("first", lease, at).await.unwrap().unwrap();
    let later = clock.hour_after(at).await;
    let found = store.claim_transactional("second", lease, later).await.unwrap().unwrap();
    assert_eq!((lost.number, found.attempts), (found.number, 2));
    // An unsubscribe between claim and arm prevents the arm.
    store.unsubscribe(key(CHOI), "web", Some(here()), later).await.unwrap();
    assert!(!store.arm_transactional(found.number, "second", later).await.unwrap());
}

async fn erased(store: &Store) {
    let at = now() + TimeDelta::hours(40);
    store.sign_up(form(HAN), at).await.unwrap();
    store.confirm(key(HAN), 1, here(), at).await.unwrap();
    store.set_preferences(key(HAN), Preferences::default(), here(), at).await.unwrap();
    store.schedule_issue(issue("for-han"), at).await.unwrap();
    let data = serde_json::to_string(&store.personal_data(key(HAN)).await.unwrap()).unwrap();
    for word in [HAN, "김민준", "confirmed", "203.0.113.0/24", "pending", "attempts"] {
        assert!(data.contains(word), "{word} is not in {data}");
    }
    let erased = store.erase(key(HAN), "web", at).await.unwrap();
    assert_eq!((erased.subscriber, erased.deliveries), (true, 1));
    let data = serde_json::to_string(&store.personal_data(key(HAN)).await.unwrap()).unwrap();
    assert!(!data.contains("jimin") && !data.contains("김민준"), "{data}");
    assert_eq!(status(store, HAN).await, Some(SubscriptionStatus::Suppressed));
    assert!(store.verify().await.unwrap().is_empty());
    // A list does not bring the address back, a confirmed sign-up does.
    store.sign_up(form(HAN), at).await.unwrap();
    assert_eq!(status(store, HAN).await, Some(SubscriptionStatus::Suppressed));
    let confirmed = store.confirm(key(HAN), 1, here(), at).await.unwrap();
    assert_eq!((confirmed, status(store, HAN).await), (Confirmed::Now, Some(SubscriptionStatus::Active)));
    // After a complaint, a sign-up gets no answer.
    store.suppress(key(HAN), "complaint", "inbox", at).await.unwrap();
    assert_eq!(store.sign_up(form(HAN), at).await.unwrap(), SignUpResult::Suppressed);
}

/// Imports a list with this address.
async fn listed(store: &Store, address: &str, at: DateTime<Utc>) -> ImportCounts {
    let email = EmailAddress::parse(address).unwrap();
    let profile = Profile { consented_at: Some(at), ..Profile::new(email, SubscriptionStatus::Active) };
    let row = NewSubscriber::new(key(address), profile, "story");
    store.add_subscribers(vec![row], at).await.unwrap()
}

async fn removed(store: &Store) {
    let at = now() + TimeDelta::hours(50);
    assert_eq!(listed(store, SEO, at).await.added, 1);
    store.schedule_issue(issue("for-seo"), at).await.unwrap();
    let removed = store.remove(key(SEO), "command line", at).await.unwrap().unwrap();
    assert_eq!((removed.status, removed.sent), (SubscriptionStatus::Active, 0));
    assert!(store.subscriber(key(SEO)).await.unwrap().is_none());
    let filter = Filter { subscriber: Some(key(SEO)), ..Filter::default() };
    let deliveries = store.deliveries(filter).await.unwrap();
    let states: Vec<_> = deliveries.iter().map(|view| (view.row.state, view.address.as_str())).collect();
    assert_eq!(states, [(State::Skipped, SEO)], "the delivery stays and is skipped");
    assert_eq!(store.remove(key(SEO), "command line", at).await.unwrap(), None);
    assert!(store.verify().await.unwrap().is_empty());
    // A list does not bring the address back, the writer does.
    assert_eq!(listed(store, SEO, at).await.kept_out, 1);
    assert!(store.readmit(key(SEO), "command line", at).await.unwrap());
    assert_eq!(listed(store, SEO, at).await.added, 1);
    // After an unsubscribe, a complaint or an erasure the writer cannot bring the address back, whatever came first.
    store.remove(key(SEO), "command line", at).await.unwrap();
    store.unsubscribe(key(SEO), "web", Some(here()), at).await.unwrap();
    assert!(!store.readmit(key(SEO), "command line", at).await.unwrap());
    for address in [SEO, "left@example.org"] {
        store.sign_up(form(address), at + TimeDelta::days(2)).await.unwrap();
        store.confirm(key(address), 1, here(), at + TimeDelta::days(2)).await.unwrap();
        assert_eq!(status(store, address).await, Some(SubscriptionStatus::Active));
        store.unsubscribe(key(address), "web", Some(here()), at).await.unwrap();
        store.remove(key(address), "command line", at).await.unwrap();
        assert!(!store.readmit(key(address), "command line", at).await.unwrap());
    }
    for (address, last) in [("spam@example.org", "complaint"), ("gone@example.org", "erasure")] {
        listed(store, address, at).await;
        store.remove(key(address), "command line", at).await.unwrap();
        match last {
            "complaint" => store.suppress(key(address), last, "inbox", at).await.unwrap(),
            _ => drop(store.erase(key(address), "web", at).await.unwrap()),
        }
        assert!(!store.readmit(key(address), "command line", at).await.unwrap(), "{last}");
    }
}

async fn expired(store: &Store) {
    let asked = now() + TimeDelta::days(200);
    store.sign_up(form(YOON), asked).await.unwrap();
    store.delete_expired(asked + TimeDelta::days(29)).await.unwrap();
    assert_eq!(status(store, YOON).await, Some(SubscriptionStatus::Unconfirmed));
    store.delete_expired(asked + TimeDelta::days(32)).await.unwrap();
    assert_eq!(status(store, YOON).await, None, "it was never confirmed");
    let data = serde_json::to_string(&store.personal_data(key("kim@example.org")).await.unwrap()).unwrap();
    assert!(!data.contains("203.0.113"), "a network is kept for thirty days: {data}");
    assert_eq!(status(store, "kim@example.org").await, Some(SubscriptionStatus::Active));
}

/// Which clock a store uses.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Clock {
    /// The caller's: the test chooses the time.
    Ours,
    /// The database's.
    Its,
}

impl Clock {
    /// A time at which all earlier leases are over.
    async fn hour_after(self, at: DateTime<Utc>) -> DateTime<Utc> {
        if self == Self::Its {
            tokio::time::sleep(std::time::Duration::from_millis(3_200)).await;
        }
        at + TimeDelta::hours(1)
    }
}

async fn web_operations(store: &Store, clock: Clock) {
    sign_up_and_unsubscribe(store, clock).await;
    a_transactional_email_is_armed_once(store, clock).await;
    erased(store).await;
    removed(store).await;
}

/// A file of a form service is read again and again.
async fn takes_each_queued_form_once(store: &Store) {
    const MIN: &str = "min@example.org";
    let hour = |hours: i64| now() + TimeDelta::days(400) + TimeDelta::hours(hours);
    let queued = |submitted_at| SignUp { origin: SignUpOrigin::Queue(submitted_at), ..form(MIN) };
    let take = async |submitted, at| store.sign_up(queued(hour(submitted)), hour(at)).await.unwrap();
    assert_eq!(take(0, 1).await, SignUpResult::ToConfirm);
    assert_eq!(take(0, 2).await, SignUpResult::Repeated);
    assert_eq!(take(0, 100).await, SignUpResult::Repeated);
    assert_eq!(mark_sent(store, hour(1)).await, Some((TransactionalKind::Confirm, 1)));
    assert_eq!(store.confirm(key(MIN), 1, here(), hour(3)).await.unwrap(), Confirmed::Now);
    // A subscriber gets no email, unlike after a form of `serve`.
    assert_eq!(take(4, 100).await, SignUpResult::Known);
    store.unsubscribe(key(MIN), "test", None, hour(5)).await.unwrap();
    assert_eq!(take(4, 100).await, SignUpResult::Repeated);
    assert_eq!(take(6, 100).await, SignUpResult::ToConfirm);
    assert_eq!(mark_sent(store, hour(100)).await, Some((TransactionalKind::Confirm, 2)));
    store.erase(key(MIN), "test", hour(101)).await.unwrap();
    assert_eq!(take(6, 200).await, SignUpResult::Repeated);
    assert_eq!(take(150, 200).await, SignUpResult::ToConfirm);
}

#[tokio::test]
async fn sqlite_serves_the_web_pages() {
    let folder = tempfile::tempdir().unwrap();
    let path = Utf8Path::from_path(folder.path()).unwrap().join("letterpress.db");
    let store = open_sqlite(&path, &path.with_extension("keys"), "instance").unwrap();
    web_operations(store.as_ref(), Clock::Ours).await;
    sign_up_limits(store.as_ref()).await;
    expired(store.as_ref()).await;
    takes_each_queued_form_once(store.as_ref()).await;
}

#[tokio::test]
async fn postgres_serves_the_web_pages() {
    let Some(server) = Postgres::shared() else { return };
    let store = open(&server.database()).await.unwrap();
    web_operations(store.as_ref(), Clock::Its).await;
    let an_hour_ago = SystemClock.now() - TimeDelta::hours(1);
    let queued = || SignUp { origin: SignUpOrigin::Queue(an_hour_ago), ..form("queue@example.org") };
    for expected in [SignUpResult::ToConfirm, SignUpResult::Repeated] {
        assert_eq!(store.sign_up(queued(), an_hour_ago).await.unwrap(), expected);
    }
    store.unsubscribe(key("queue@example.org"), "test", None, an_hour_ago).await.unwrap();
    assert_eq!(store.sign_up(queued(), an_hour_ago).await.unwrap(), SignUpResult::Repeated);
}

/// A day with one form every ten seconds: half of them for one victim, the rest for random addresses, from a few
/// networks of an attacker and from many others.
#[tokio::test]
async fn a_day_of_mail_bombing_stays_within_the_limits() {
    let folder = tempfile::tempdir().unwrap();
    let path = Utf8Path::from_path(folder.path()).unwrap().join("letterpress.db");
    let store = open_sqlite(&path, &path.with_extension("keys"), "instance").unwrap();
    let (all, each_network, each_domain) = (60, 10, 20);
    let hourly = |number| Rate::per_hour(number).unwrap();
    let limits = SignUpLimits {
        all: hourly(all),
        each_network: hourly(each_network),
        each_domain: hourly(each_domain),
    };
    let mut mailed: HashMap<String, u64> = HashMap::new();
    for step in 0..8_640_u32 {
        let chance = step.wrapping_mul(2_654_435_761) >> 8;
        let (address, domain) = match step % 4 {
            0 | 1 => (format!("vic.tim+{step}@gmail.com"), "gmail.com"),
            2 => (format!("somebody{chance}@crowded.example"), "crowded.example"),
            _ => (format!("somebody@host{chance}.example"), "elsewhere"),
        };
        let network = if step % 3 == 0 {
            format!("192.0.2.{}/24", chance % 3)
        } else {
            format!("198.{}.{}.0/24", chance % 250, (chance >> 8) % 250)
        };
        let form = SignUp {
            consent: ConsentContext { network: Some(network.clone()), ..here() },
            limits,
            ..form(&address)
        };
        let at = now() + TimeDelta::seconds(10 * i64::from(step));
        if store.sign_up(form, at).await.unwrap() == SignUpResult::ToConfirm {
            let mailbox = if domain == "gmail.com" { "victim" } else { &address };
            for count in ["all", mailbox, domain, &network] {
                *mailed.entry(count.to_owned()).or_default() += 1;
            }
        }
    }
    let of = |count: &str| mailed.get(count).copied().unwrap_or_default();
    let day = |rate: u32| u64::from(24 * rate + rate.div_ceil(4));
    assert_eq!(of("victim"), 1, "one email in 24 hours for all spellings of the address");
    assert!((day(all) * 9 / 10..=day(all)).contains(&of("all")), "{} emails", of("all"));
    assert!(of("crowded.example") <= day(each_domain), "{} to one domain", of("crowded.example"));
    for (network, count) in mailed.iter().filter(|(name, _)| name.starts_with("192.0.2.")) {
        assert!(*count <= day(each_network), "{count} from {network}");
    }
    assert!(mailed.iter().all(|(name, count)| !name.contains('@') || *count == 1));
}
