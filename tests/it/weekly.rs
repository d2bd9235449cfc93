//! Immediate and weekly subscribers: who gets a post as its own issue, who gets it with the digest, and that nobody
//! gets it twice and nobody misses one. Tested with both databases, then with the whole program.

use std::collections::{BTreeMap, HashMap, HashSet};
use std::sync::Arc;

use camino::Utf8Path;
use chrono::{DateTime, Datelike as _, TimeDelta, Utc};
use letterpress::internals::address::EmailAddress;
use letterpress::internals::archive::{Segment, folder};
use letterpress::internals::clock::{Clock as _, StoppedClock, SystemClock};
use letterpress::internals::config;
use letterpress::internals::ledger::State;
use letterpress::internals::ledger::transition::Event;
use letterpress::internals::pipeline;
use letterpress::internals::pipeline::session::LedgerSession;
use letterpress::internals::pipeline::session::RunContext;
use letterpress::internals::store::subscriber_store::ConsentContext;
use letterpress::internals::store::{
    DigestPart, DigestPost, Filter, NewDigest, NewIssue, RestoreRequest, Store, StoreError, open_sqlite,
};
use letterpress::internals::subscribers::{
    AddressKey, Frequency, NewSubscriber, Preferences, SubscriptionStatus, Topics,
};
use letterpress::internals::text::HeaderText;
use proptest::prelude::*;

use super::store_contract::{arm, claim, issue, now, one, subscriber};
use super::support::postgres::open;
use super::support::{At, Do, Postgres, Script, Server, Site, reply_line};

fn header(text: &str) -> HeaderText {
    HeaderText::parse(text).unwrap()
}

fn preferences(frequency: Frequency, topics: &[&str]) -> Preferences {
    Preferences { frequency, topics: Topics::only(topics.iter().map(|topic| header(topic))) }
}

fn subscriber_with(number: u8, frequency: Frequency, topics: &[&str]) -> NewSubscriber {
    let mut subscriber = subscriber(number, SubscriptionStatus::Active);
    subscriber.profile.preferences = preferences(frequency, topics);
    subscriber
}

fn topics(names: &[&str]) -> Segment {
    Segment { topics: names.iter().map(|name| header(name)).collect(), ..Segment::default() }
}

fn about(post: &str, categories: &[&str]) -> NewIssue {
    NewIssue { segment: topics(categories), ..issue(post) }
}

fn post(id: &str, categories: &[&str]) -> DigestPost {
    DigestPost { id: id.to_owned(), segment: topics(categories) }
}

async fn set_preferences(store: &Store, number: u8, preferences: Preferences) {
    set_preferences_at(store, number, preferences, now()).await;
}

async fn set_preferences_at(store: &Store, number: u8, preferences: Preferences, at: DateTime<Utc>) {
    let circumstances = ConsentContext { form: "story".to_owned(), wording: [0; 32], network: None };
    assert!(store.set_preferences(AddressKey([number; 16]), preferences, circumstances, at).await.unwrap());
}

/// A digest with an issue for each of these parts.
fn week(name: &str, posts: &[DigestPost], parts: impl IntoIterator<Item = DigestPart>) -> NewDigest {
    let message = |share: DigestPart| {
        let issue = issue(&format!("digest:{name}:{:x}", share.0));
        (share, issue)
    };
    NewDigest {
        rehearsal: false,
        week: name.to_owned(),
        moment: now(),
        posts: posts.to_vec(),
        issues: parts.into_iter().map(message).collect(),
    }
}

async fn freeze_week(store: &Store, name: &str, posts: &[DigestPost]) -> Result<u64, StoreError> {
    freeze_week_at(store, name, posts, now()).await
}

async fn freeze_week_at(
    store: &Store,
    name: &str,
    posts: &[DigestPost],
    moment: DateTime<Utc>,
) -> Result<u64, StoreError> {
    let parts = store.digest_parts(posts.to_vec()).await?.into_keys().filter(|share| !share.is_empty());
    store.schedule_digest(NewDigest { moment, ..week(name, posts, parts) }, moment).await
}

/// The subscribers of each issue.
async fn audiences(store: &Store) -> BTreeMap<String, Vec<String>> {
    let mut found: BTreeMap<String, Vec<String>> = BTreeMap::new();
    for view in store.deliveries(Filter::default()).await.unwrap() {
        found.entry(view.post).or_default().push(view.address.replace("@example.org", ""));
    }
    found
}

fn names(numbers: &[u8]) -> Vec<String> {
    numbers.iter().map(|number| format!("reader{number}")).collect()
}

/// The pages of the site show, of each week, the longest digest that somebody got.
async fn shows_the_longest_digest(store: &Store) {
    assert_eq!(store.mailed_issues().await.unwrap().len(), 0);
    let sending = store.mailed_state().await.unwrap();
    assert_eq!(sending, None, "an issue is being sent");
    while !store.open_issues().await.unwrap().is_empty() {
        for delivery in claim(store, 9, "me", now()).await {
            assert!(one(store, &delivery, arm(&delivery)).await.is_ok());
            let accepted = Event::Accept { token: Some(delivery.token), last: None };
            assert_eq!(one(store, &delivery, accepted).await, Ok(State::Sent));
        }
        store.close_finished(now()).await.unwrap();
    }
    let mailed = store.mailed_issues().await.unwrap();
    let mut posts: Vec<_> = mailed.iter().map(|issue| issue.posts.join(" ")).collect();
    posts.sort();
    assert_eq!(posts, ["digest:2026-W47:7 later plain tech", "later", "plain", "tech"]);
    assert!(store.mailed_state().await.unwrap().is_some());
    assert_eq!(store.message_of(mailed[0].number).await.unwrap().as_deref(), Some("{}"));
}

async fn delivers_wanted_posts(store: &Store) {
    store.baseline(vec![("old".to_owned(), header("옛 글"))], now()).await.unwrap();
    let (each, weekly) = (Frequency::Immediate, Frequency::Weekly);
    let mut subscribers = vec![
        subscriber_with(1, each, &[]),
        subscriber_with(2, each, &["기술", "생각"]),
        subscriber_with(3, each, &["기"]),
        subscriber_with(4, weekly, &[]),
        subscriber_with(5, weekly, &["기술"]),
        subscriber_with(6, weekly, &["편지"]),
        subscriber_with(7, weekly, &[]),
    ];
    subscribers[6].profile.status = SubscriptionStatus::Unconfirmed;
    store.add_subscribers(subscribers, now()).await.unwrap();

    // Own issue: it goes to subscribers of one of its categories. A post without categories goes only to those without
    // a topic filter.
    assert_eq!(store.schedule_issue(about("tech", &["잡담", "기술"]), now()).await.unwrap(), 2);
    assert_eq!(store.schedule_issue(about("plain", &[]), now()).await.unwrap(), 1);
    assert_eq!(audiences(store).await["tech"], names(&[1, 2]));

    // Digest: everyone gets the posts that they want and do not have yet. Subscriber 1 has both, and has changed the
    // topics.
    set_preferences(store, 1, preferences(weekly, &[])).await;
    let posts = [post("tech", &["잡담", "기술"]), post("plain", &[]), post("later", &["생각"])];
    let (tech, plain, later) =
        (DigestPart::default().and(0), DigestPart::default().and(1), DigestPart::default().and(2));
    let whole = DigestPart(tech.0 | plain.0 | later.0);
    let expected = BTreeMap::from([(DigestPart::default(), 1), (tech, 1), (later, 1), (whole, 1)]);
    assert_eq!(store.digest_parts(posts.to_vec()).await.unwrap(), expected);
    assert_eq!(store.weekly_subscribers().await.unwrap(), 4);

    // If one part has no issue, nothing is written. Then everything is written once.
    let before = store.digest_history().await.unwrap().unwrap();
    let short = store.schedule_digest(week("2026-W47", &posts, [tech, whole]), now()).await;
    assert!(matches!(short, Err(StoreError::PreferencesChanged)), "{short:?}");
    assert_eq!(store.digest_history().await.unwrap().unwrap(), before);
    assert_eq!(store.issues().await.unwrap().len(), 2);
    // An issue without subscribers is not created.
    let more = week("2026-W47", &posts, [tech, plain, later, whole]);
    assert_eq!(store.schedule_digest(more, now()).await.unwrap(), 3);
    assert_eq!(store.issues().await.unwrap().len(), 5);
    let again = freeze_week(store, "2026-W47", &posts).await;
    assert!(matches!(again, Err(StoreError::AlreadyIssued(_))), "{again:?}");
    let audiences_then = audiences(store).await;
    assert_eq!(audiences_then["digest:2026-W47:7"], names(&[4]));
    assert_eq!(audiences_then["digest:2026-W47:1"], names(&[5]));
    assert_eq!(audiences_then["digest:2026-W47:4"], names(&[1]));
    let record = store.digest_history().await.unwrap().unwrap();
    assert_eq!((record.latest, record.weeks), (Some(now()), HashSet::from(["2026-W47".to_owned()])));
    assert_eq!(record.resolved, HashSet::from(["old", "tech", "plain", "later"].map(str::to_owned)));
    assert_eq!(record.mailed.len(), 2);

    // A subscriber who got a post with the digest does not get it again after a change to immediate.
    set_preferences(store, 4, preferences(each, &["생각"])).await;
    assert_eq!(store.schedule_issue(about("later", &["생각"]), now()).await.unwrap(), 1);
    assert_eq!(audiences(store).await["later"], names(&[2]));

    // A digest without an audience is not frozen; its posts come with the next one.
    set_preferences(store, 1, preferences(each, &["생각"])).await;
    let no_audience = freeze_week(store, "2026-W48", &[post("unread", &["시"])]).await;
    assert!(matches!(no_audience, Err(StoreError::NoAudience(_))), "{no_audience:?}");
    let record = store.digest_history().await.unwrap().unwrap();
    assert!(!record.resolved.contains("unread") && !record.weeks.contains("2026-W48"));
    // The web pages do not show digests.
    let shown: Vec<_> = store.published().await.unwrap().into_iter().map(|issue| issue.post).collect();
    assert!(shown.iter().all(|post| !post.starts_with("digest:")), "{shown:?}");
    shows_the_longest_digest(store).await;
    assert_eq!(store.verify().await.unwrap(), Vec::<String>::new());

    // After a restore, a later digest has no post that an earlier one may have had.
    let adoption = RestoreRequest {
        published: Some(vec![("forgotten".to_owned(), header("글")), ("tech".to_owned(), header("글"))]),
        above: 1,
        why: "restored".to_owned(),
    };
    store.accept_restored(adoption, now()).await.unwrap();
    let record = store.digest_history().await.unwrap().unwrap();
    assert!(record.resolved.contains("forgotten") && record.resolved.contains("tech"));
    assert_eq!(store.verify().await.unwrap(), Vec::<String>::new());
}

/// A post whose delivery definitely failed is included in the digest.
async fn failed_before(store: &Store) {
    store
        .add_subscribers(
            vec![
                subscriber_with(1, Frequency::Immediate, &[]),
                subscriber_with(2, Frequency::Immediate, &[]),
            ],
            now(),
        )
        .await
        .unwrap();
    store.schedule_issue(issue("a"), now()).await.unwrap();
    let claimed = claim(store, 2, "first", now()).await;
    let refused = Event::Reject { token: claimed[0].token, reason: "rejected", last: None };
    assert_eq!(one(store, &claimed[0], refused).await, Ok(State::Failed));
    assert_eq!(one(store, &claimed[1], arm(&claimed[1])).await, Ok(State::Armed));
    let silence = Event::LoseReply { token: claimed[1].token, last: None };
    assert_eq!(one(store, &claimed[1], silence).await, Ok(State::Unknown));
    for number in [1, 2] {
        set_preferences(store, number, preferences(Frequency::Weekly, &[])).await;
    }
    assert_eq!(freeze_week(store, "2026-W47", &[post("a", &[])]).await.unwrap(), 1);
    let audiences = audiences(store).await;
    assert_eq!(
        audiences["digest:2026-W47:1"],
        names(&[claimed[0].key.0[0]]),
        "an unknown message may have arrived"
    );
}

fn sqlite() -> (tempfile::TempDir, Arc<Store>) {
    let folder = tempfile::tempdir().unwrap();
    let path = Utf8Path::from_path(folder.path()).unwrap().join("letterpress.db");
    let store = open_sqlite(&path, &path.with_extension("keys"), "instance").unwrap();
    (folder, store)
}

#[tokio::test]
async fn sqlite_gives_each_subscriber_the_wanted_posts_once() {
    delivers_wanted_posts(sqlite().1.as_ref()).await;
    failed_before(sqlite().1.as_ref()).await;
}

#[tokio::test]
async fn postgres_gives_each_subscriber_the_wanted_posts_once() {
    let Some(server) = Postgres::shared() else { return };
    delivers_wanted_posts(open(&server.database()).await.unwrap().as_ref()).await;
    failed_before(open(&server.database()).await.unwrap().as_ref()).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn two_machines_that_freeze_a_digest_at_once_freeze_it_once() {
    let Some(server) = Postgres::shared() else { return };
    let url = server.database();
    let stores = [open(&url).await.unwrap(), open(&url).await.unwrap(), open(&url).await.unwrap()];
    let subscribers = (1..=150)
        .map(|number| subscriber_with(number, Frequency::Weekly, if number % 2 == 0 { &["a"] } else { &[] }));
    stores[0].add_subscribers(subscribers.collect(), now()).await.unwrap();
    let posts = [post("one", &["a"]), post("two", &["b"])];
    let tasks = stores.clone().map(|store| {
        let posts = posts.clone();
        tokio::spawn(async move { freeze_week(store.as_ref(), "2026-W47", &posts).await })
    });
    let mut outcomes = Vec::new();
    for task in tasks {
        outcomes.push(task.await.unwrap());
    }
    let frozen = outcomes.iter().filter(|outcome| matches!(outcome, Ok(150))).count();
    let refused =
        outcomes.iter().filter(|outcome| matches!(outcome, Err(StoreError::AlreadyIssued(_)))).count();
    assert_eq!((frozen, refused), (1, 2), "{outcomes:?}");
    let audiences = audiences(stores[0].as_ref()).await;
    assert_eq!(audiences.values().map(Vec::len).collect::<Vec<_>>(), [75, 75]);
    assert_eq!(stores[0].verify().await.unwrap(), Vec::<String>::new());
}

/// A random action.
#[derive(Debug, Clone)]
enum Action {
    Publish(u8),
    /// The posts in the digest, as bits.
    Week(u8),
    Choose(u8, bool, u8),
}

fn actions() -> impl Strategy<Value = Vec<Action>> {
    let action = prop_oneof![
        3 => (0_u8..8).prop_map(Action::Publish),
        2 => any::<u8>().prop_map(Action::Week),
        4 => (1_u8..6, any::<bool>(), 0_u8..4).prop_map(|(who, weekly, topics)| Action::Choose(who, weekly, topics)),
    ];
    prop::collection::vec(action, 1..40)
}

const CATEGORIES: [&[&str]; 4] = [&[], &["a"], &["b"], &["a", "b"]];

async fn run_actions(store: &Store, actions: Vec<Action>) {
    store
        .add_subscribers(
            (1..6).map(|number| subscriber_with(number, Frequency::Immediate, &[])).collect(),
            now(),
        )
        .await
        .unwrap();
    store.baseline(Vec::new(), now()).await.unwrap();
    let (mut weeks, mut carries) = (0, HashMap::new());
    for action in actions {
        match action {
            Action::Publish(number) => {
                let issue = about(&format!("post{number}"), CATEGORIES[usize::from(number % 4)]);
                drop(store.schedule_issue(issue, now()).await);
            }
            Action::Choose(who, weekly, topics) => {
                let frequency = if weekly { Frequency::Weekly } else { Frequency::Immediate };
                set_preferences(store, who, preferences(frequency, CATEGORIES[usize::from(topics)])).await;
            }
            Action::Week(bits) => {
                let posts = (0..8_u8).filter(|n| bits & (1 << n) != 0);
                let posts: Vec<_> =
                    posts.map(|n| post(&format!("post{n}"), CATEGORIES[usize::from(n % 4)])).collect();
                let name = format!("2026-W{weeks}");
                weeks += 1;
                match freeze_week(store, &name, &posts).await {
                    Ok(_) | Err(StoreError::NoAudience(_)) => {}
                    Err(error) => panic!("{error}"),
                }
                for part in 0..1_u64 << posts.len() {
                    let ids: Vec<_> = DigestPart(part).of(&posts).map(|post| post.id.clone()).collect();
                    carries.insert(format!("digest:{name}:{part:x}"), ids);
                }
            }
        }
    }
    let mut had = HashSet::new();
    for (issue, subscribers) in audiences(store).await {
        let posts = carries.get(&issue).cloned().unwrap_or_else(|| vec![issue.clone()]);
        for (subscriber, post) in
            subscribers.iter().flat_map(|subscriber| posts.iter().map(move |post| (subscriber, post)))
        {
            assert!(had.insert((subscriber.clone(), post.clone())), "{subscriber} got {post} twice");
        }
    }
    assert_eq!(store.verify().await.unwrap(), Vec::<String>::new());
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(48))]

    #[test]
    fn changed_preferences_never_give_anyone_a_post_twice(actions in actions()) {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        runtime.block_on(async { run_actions(sqlite().1.as_ref(), actions).await });
    }
}

/// Every post is published and mailed at once, or as soon as it has a subscriber; every digest has the posts since the last
/// one. Whoever wants all posts then has each of them exactly once, however often they change the frequency.
async fn change_frequency(store: &Store, actions: Vec<Action>) {
    let subscribers = (1..6).map(|number| subscriber_with(number, Frequency::Weekly, &[]));
    store.add_subscribers(subscribers.collect(), now()).await.unwrap();
    store.baseline(Vec::new(), now()).await.unwrap();
    let (mut published, mut digested, mut due, mut weeks) = (0, 0, Vec::new(), HashMap::new());
    let actions = actions.into_iter().chain([Action::Publish(0), Action::Week(0)]);
    for (action, minute) in actions.zip(1..) {
        let at = now() + TimeDelta::minutes(minute);
        match action {
            Action::Publish(_) => {
                due.push(published);
                published += 1;
            }
            Action::Choose(who, weekly, _) => {
                let frequency = if weekly { Frequency::Weekly } else { Frequency::Immediate };
                set_preferences_at(store, who, preferences(frequency, &[]), at).await;
            }
            Action::Week(_) => {
                let posts: Vec<_> = (digested..published).map(|n| post(&format!("post{n}"), &[])).collect();
                digested = published;
                let name = format!("2026-W{minute}");
                drop(freeze_week_at(store, &name, &posts, at).await);
                weeks.insert(name, posts);
            }
        }
        for post in std::mem::take(&mut due) {
            if store.schedule_issue(about(&format!("post{post}"), &[]), at).await.is_err() {
                due.push(post);
            }
        }
    }
    let mut had: BTreeMap<String, Vec<String>> = BTreeMap::new();
    for (issue, subscribers) in audiences(store).await {
        let posts = posts_of(&issue, &weeks);
        for subscriber in subscribers {
            had.entry(subscriber).or_default().extend(posts.clone());
        }
    }
    let mut all: Vec<_> = (0..published).map(|n| format!("post{n}")).collect();
    all.sort();
    for name in names(&[1, 2, 3, 4, 5]) {
        let mut posts = had.remove(&name).unwrap_or_default();
        posts.sort();
        assert_eq!(posts, all, "{name}");
    }
    assert_eq!(store.verify().await.unwrap(), Vec::<String>::new());
}

/// The posts of an issue: `post3`, or `digest:2026-W12:5` with the posts whose bits are in 5.
fn posts_of(issue: &str, weeks: &HashMap<String, Vec<DigestPost>>) -> Vec<String> {
    let Some((week, part)) = issue.strip_prefix("digest:").and_then(|name| name.split_once(':')) else {
        return vec![issue.to_owned()];
    };
    let part = DigestPart(u64::from_str_radix(part, 16).unwrap());
    part.of(&weeks[week]).map(|post| post.id.clone()).collect()
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(32))]

    #[test]
    fn whoever_changes_between_weekly_and_every_post_gets_each_post_once(actions in actions()) {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        runtime.block_on(async { change_frequency(sqlite().1.as_ref(), actions).await });
    }
}

async fn renames_topics(store: &Store) {
    let mut subscribers = vec![
        subscriber_with(1, Frequency::Immediate, &["tech", "생각"]),
        subscriber_with(2, Frequency::Weekly, &["tech", "기술"]),
        subscriber_with(3, Frequency::Immediate, &["techno"]),
        subscriber_with(4, Frequency::Immediate, &[]),
        subscriber_with(5, Frequency::Immediate, &["tech"]),
    ];
    subscribers[4].profile.status = SubscriptionStatus::Unconfirmed;
    store.add_subscribers(subscribers, now()).await.unwrap();
    let wanted = |topics: &[(&str, u64)]| -> BTreeMap<_, _> {
        topics.iter().map(|(topic, number)| (header(topic), *number)).collect()
    };
    let before = wanted(&[("tech", 2), ("techno", 1), ("기술", 1), ("생각", 1)]);
    assert_eq!(store.wanted_topics().await.unwrap(), before);
    assert_eq!(store.rename_topic(header("tech"), header("기술"), now()).await.unwrap(), 3);
    assert_eq!(store.wanted_topics().await.unwrap(), wanted(&[("techno", 1), ("기술", 2), ("생각", 1)]));
    assert_eq!(store.rename_topic(header("tech"), header("기술"), now()).await.unwrap(), 0);
    assert_eq!(store.schedule_issue(about("post", &["기술"]), now()).await.unwrap(), 2);
    assert_eq!(store.verify().await.unwrap(), Vec::<String>::new());
}

#[tokio::test]
async fn a_renamed_topic_is_that_of_everybody_who_chose_it_in_sqlite() {
    renames_topics(sqlite().1.as_ref()).await;
}

#[tokio::test]
async fn a_renamed_topic_is_that_of_everybody_who_chose_it_in_postgres() {
    let Some(server) = Postgres::shared() else { return };
    renames_topics(open(&server.database()).await.unwrap().as_ref()).await;
}

/// A site whose ledger was created on Monday; subscriber 0 wants each post, 1 the digest, 2 the digest with technology
/// only.
fn site(server: &Server) -> Site {
    let site = Site::unopened(server.port(), 0, 1);
    site.relay(server.port(), 1, "first_run = \"nothing\"\n");
    let config = std::fs::read_to_string(site.path("config.toml")).unwrap();
    site.write("config.toml", &config.replacen("first_run = \"newest\"\n", "", 1));
    for (number, flags) in [(0, vec![]), (1, vec!["--weekly"]), (2, vec!["--weekly", "--topic", "기술"])] {
        let address = format!("reader{number}@example.org");
        let add = [&["subscribers", "add", &address][..], &flags].concat();
        assert_eq!(site.run_at(MONDAY, &add).code, 0);
    }
    let begun = site.run_at(MONDAY, &["publish"]);
    assert_eq!(begun.code, 0, "{}", begun.output);
    publish(&site, "tuesday", "2026-11-24T09:00:00Z", "기술");
    publish(&site, "wednesday", "2026-11-25T09:00:00Z", "생각");
    site
}

const MONDAY: &str = "2026-11-23T10:00:00Z";
const THURSDAY: &str = "2026-11-26T10:00:00Z";
/// Nine in the morning in Seoul.
const FRIDAY: &str = "2026-11-27T00:00:00Z";

fn publish(site: &Site, slug: &str, date: &str, category: &str) {
    let text = format!(
        "+++\ntitle = \"{slug}의 글\"\ndate = {date}\nslug = \"{slug}\"\ncategories = [\"{category}\"]\n+++\n\n{slug}에 썼다.\n"
    );
    site.write(&format!("posts/{slug}.md"), &text);
}

/// The subjects of the messages to one subscriber, in order.
fn got(server: &Server, number: u8) -> Vec<String> {
    let wanted = format!("<reader{number}@example.org>");
    let log = server.log();
    let mine = log.messages.iter().filter(|message| message.rcpt.iter().any(|line| line.contains(&wanted)));
    mine.map(|message| {
        mail_parser::MessageParser::new().parse(&message.data).unwrap().subject().unwrap().to_owned()
    })
    .collect()
}

#[test]
fn the_digest_is_sent_once_on_friday_and_the_next_one_has_only_new_posts() {
    let server = Server::start(Script::polite().pipelining(true));
    let site = site(&server);
    // Each post is its own issue, one per run, for subscriber 0 only.
    for now in ["2026-11-26T10:00:00Z", "2026-11-26T10:05:00Z"] {
        let ended = site.run_at(now, &["publish"]);
        assert_eq!(ended.code, 0, "{}", ended.output);
    }
    assert_eq!(got(&server, 0), ["tuesday의 글", "wednesday의 글"]);
    assert_eq!(server.log().messages.len(), 2);
    let status = site.run_at(THURSDAY, &["status"]).output;
    assert!(
        status.contains("next: weekly digest on 2026-11-27 09:00 with 2 posts, for 2 subscribers"),
        "{status}"
    );
    let idle = site.run_at("2026-11-26T23:59:59Z", &["publish"]);
    assert!(
        idle.output.contains("newsletter: the weekly digest 2026-W48 is due at 09:00"),
        "{}",
        idle.output
    );

    let rehearsal = site.run_at(FRIDAY, &["send", "--dry-run"]).output;
    assert!(
        rehearsal.contains("would send the weekly digest \"tuesday의 글 외 1편\" (2 posts) to 1 subscriber"),
        "{rehearsal}"
    );
    // No file has changed, but the digest is still sent on time.
    let friday = site.run_at(FRIDAY, &["publish"]);
    assert_eq!(friday.code, 0, "{}", friday.output);
    assert!(
        friday.output.contains("weekly digest: 2026-W48, 2 posts, to 2 subscribers"),
        "{}",
        friday.output
    );
    assert_eq!(got(&server, 1), ["tuesday의 글 외 1편"]);
    assert_eq!(got(&server, 2), ["tuesday의 글"]);
    let again = site.run_at("2026-11-27T00:05:00Z", &["publish"]);
    assert!(again.output.contains("nothing is due"), "{}", again.output);

    // Subscriber 1 now wants each post: the next one is its own issue, and there is no digest.
    assert_eq!(
        site.run_at(FRIDAY, &["subscribers", "set-preferences", "reader1@example.org", "--every-post"]).code,
        0
    );
    publish(&site, "monday", "2026-11-30T09:00:00Z", "기술");
    assert_eq!(site.run_at("2026-11-30T10:00:00Z", &["publish"]).code, 0);
    assert_eq!(site.run_at("2026-12-04T00:00:00Z", &["publish"]).code, 0);
    assert_eq!(got(&server, 1), ["tuesday의 글 외 1편", "monday의 글"]);
    assert_eq!(got(&server, 2), ["tuesday의 글", "monday의 글"]);
    let who = site.run_at(FRIDAY, &["status", "recipients", "2026-W48"]).output;
    assert!(who.contains("reader1@") && who.contains("reader2@") && !who.contains("reader0@"), "{who}");
    let verified = site.run_at(FRIDAY, &["ledger", "verify"]);
    assert_eq!(verified.code, 0, "{}", verified.output);
}

#[test]
fn whoever_leaves_the_digest_in_mid_week_gets_its_posts_and_then_each_post() {
    let server = Server::start(Script::polite().pipelining(true));
    let site = site(&server);
    for now in [THURSDAY, "2026-11-26T10:05:00Z"] {
        assert_eq!(site.run_at(now, &["publish"]).code, 0);
    }
    let change = ["subscribers", "set-preferences", "reader1@example.org", "--every-post"];
    assert_eq!(site.run_at("2026-11-26T10:06:00Z", &change).code, 0);
    publish(&site, "thursday", "2026-11-26T11:00:00Z", "생각");
    for now in ["2026-11-26T12:00:00Z", FRIDAY, "2026-12-04T00:00:00Z"] {
        let ended = site.run_at(now, &["publish"]);
        assert_eq!(ended.code, 0, "{}", ended.output);
    }
    assert_eq!(got(&server, 1), ["thursday의 글", "tuesday의 글 외 1편"]);
}

#[test]
fn a_topic_that_no_recent_post_has_is_a_warning_until_it_is_renamed() {
    let server = Server::start(Script::polite().pipelining(true));
    let site = site(&server);
    // The writer renames the category of the posts to come. Subscriber 2 wants it by its old name.
    std::fs::remove_file(site.path("posts/tuesday.md")).unwrap();
    publish(&site, "renamed", "2026-11-24T10:00:00Z", "기술 일반");
    let warning = "1 subscriber wants the topic \"기술\", which no post has";
    let hint = "letterpress subscribers rename-topic 기술 NEW";
    let published = site.run_at(THURSDAY, &["publish"]).output;
    assert!(published.contains(warning) && published.contains(hint), "{published}");
    let checked = site.run_at(THURSDAY, &["check"]).output;
    assert!(checked.contains(warning), "{checked}");
    let explained = site.run_at(THURSDAY, &["status", "explain", "reader2@example.org"]).output;
    assert!(
        explained.contains("reader2@example.org wants the topic \"기술\", which no post has"),
        "{explained}"
    );

    let renamed = site.run_at(THURSDAY, &["subscribers", "rename-topic", "기술", "기술 일반"]);
    assert_eq!(renamed.code, 0, "{}", renamed.output);
    let again = site.run_at(THURSDAY, &["subscribers", "rename-topic", "기술", "기술 일반"]);
    assert_eq!(again.code, 1, "{}", again.output);
    assert!(again.output.contains("no subscriber chose the topic"), "{}", again.output);
    let checked = site.run_at(THURSDAY, &["check"]).output;
    assert!(!checked.contains("wants the topic"), "{checked}");
    assert_eq!(site.run_at(FRIDAY, &["publish"]).code, 0);
    assert_eq!(got(&server, 2), ["renamed의 글"]);
}

#[test]
fn a_late_or_interrupted_digest_loses_and_repeats_nothing() {
    let lost = Do::Each(vec![Do::Wait(std::time::Duration::from_millis(10)), Do::Cut]);
    let server = Server::start(Script::polite().pipelining(true).nth(At::Mail, 3, lost));
    let site = site(&server);
    site.run_at(THURSDAY, &["publish"]);
    site.run_at(THURSDAY, &["publish"]);
    // The relay disconnects during Saturday's run; meanwhile a post is dated back into that week.
    let saturday = site.run_at("2026-11-28T10:00:00Z", &["publish"]);
    assert!(saturday.output.contains("weekly digest: 2026-W48"), "{}", saturday.output);
    publish(&site, "late", "2026-11-26T09:00:00Z", "기술");
    let sunday = site.run_at("2026-11-29T10:00:00Z", &["publish"]);
    assert!([0, 3].contains(&sunday.code), "{}", sunday.output);
    site.run_at("2026-11-29T16:00:00Z", &["publish"]);
    let next = site.run_at("2026-12-04T00:00:00Z", &["publish"]);
    assert_eq!(next.code, 0, "{}", next.output);
    assert_eq!(got(&server, 0), ["tuesday의 글", "wednesday의 글", "late의 글"]);
    assert_eq!(got(&server, 1), ["tuesday의 글 외 1편", "late의 글"]);
    assert_eq!(got(&server, 2), ["tuesday의 글", "late의 글"]);
    let verified = site.run_at(FRIDAY, &["ledger", "verify"]);
    assert_eq!(verified.code, 0, "{}", verified.output);
}

/// Instead of waiting for the next Friday of the real clock, the time of the digest is set to one minute ago.
#[test]
fn a_kill_while_the_digest_is_sent_gives_nobody_two_digests() {
    let slow = Do::Each(vec![Do::Wait(std::time::Duration::from_millis(5)), reply_line("250 2.0.0 ok")]);
    let server = Server::start(Script::polite().pipelining(true).on(At::Dot, slow));
    let site = Site::unopened(server.port(), 300, 4);
    let now = SystemClock.now();
    let moment = now - TimeDelta::minutes(2);
    let settings = format!(
        "delay = \"0s\"\ndigest = \"{} {}\"\n",
        moment.with_timezone(&chrono_tz::Asia::Seoul).weekday(),
        moment.with_timezone(&chrono_tz::Asia::Seoul).format("%H:%M")
    );
    site.relay(server.port(), 4, &settings);
    std::fs::remove_file(site.path("posts/slow.md")).unwrap();
    let at = |time: DateTime<Utc>| time.to_rfc3339();
    // The ledger was created an hour ago, and all subscribers chose the digest.
    let begun = at(now - TimeDelta::hours(1));
    assert_eq!(site.run_at(&begun, &["subscribers", "import", "readers.csv", "--confirmed"]).code, 0);
    assert_eq!(site.run_at(&begun, &["publish"]).code, 0);
    let subscribers = set_everyone_to_weekly(&site);
    publish(&site, "week", &at(now - TimeDelta::minutes(30)), "기술");
    for kill in 0..4_u64 {
        let mut run = site.start(&["publish"]);
        let before = server.connections();
        while !server.has_message_after(before) && run.try_wait().unwrap().is_none() {
            std::thread::sleep(std::time::Duration::from_millis(2));
        }
        std::thread::sleep(std::time::Duration::from_millis(20 + kill * 30));
        run.kill().unwrap();
        run.wait().unwrap();
    }
    let last = site.run_now(&["publish"]);
    assert!([0, 3].contains(&last.code), "{}", last.output);
    let mut times: HashMap<String, usize> = HashMap::new();
    server.accepted().into_iter().for_each(|line| *times.entry(line).or_default() += 1);
    assert!(times.values().all(|number| *number == 1), "a subscriber got two digests");
    let counts = site.counts();
    let number = |state: &str| counts[state].as_u64().unwrap_or(0);
    assert_eq!(number("sent") + number("unknown"), subscribers, "{counts}");
    let verified = site.run_now(&["ledger", "verify"]);
    assert_eq!(verified.code, 0, "{}", verified.output);
}

/// Sets every subscriber to weekly; returns how many there are.
fn set_everyone_to_weekly(site: &Site) -> u64 {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    let path = Utf8Path::from_path(&site.path("letterpress.db")).unwrap().to_owned();
    runtime.block_on(async {
        let store = open_sqlite(&path, &path.with_extension("keys"), "instance").unwrap();
        let subscribers = store.subscribers(0, 1_000).await.unwrap();
        for (_, subscriber) in &subscribers {
            let circumstances = ConsentContext { form: "story".to_owned(), wording: [0; 32], network: None };
            let weekly = preferences(Frequency::Weekly, &[]);
            assert!(
                store
                    .set_preferences(subscriber.key, weekly, circumstances, SystemClock.now())
                    .await
                    .unwrap()
            );
        }
        subscribers.len() as u64
    })
}

#[test]
fn an_invalid_digest_template_is_reported_by_check_and_stops_the_run_before_the_freeze() {
    let server = Server::start(Script::polite().pipelining(true));
    let site = site(&server);
    site.write("templates/digest/subject.txt", "{{ titel }}");
    for (now, command) in [(THURSDAY, "check"), (FRIDAY, "publish")] {
        let ended = site.run_at(now, &[command]);
        assert_eq!(ended.code, 1, "{}", ended.output);
        assert!(
            ended.output.contains("templates/digest/subject.txt:1: error: there is no field"),
            "{}",
            ended.output
        );
    }
    assert_eq!(server.log().messages.len(), 0);
    std::fs::remove_file(site.path("templates/digest/subject.txt")).unwrap();
    let friday = site.run_at("2026-11-27T00:10:00Z", &["publish"]);
    assert!(
        friday.output.contains("weekly digest: 2026-W48, 2 posts, to 2 subscribers"),
        "{}",
        friday.output
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn preferences_that_change_before_the_freeze_apply_to_it() {
    let server = Server::start(Script::polite().pipelining(true));
    let site = site(&server);
    let path = site.path("config.toml");
    let config = config::load(Utf8Path::from_path(&path).unwrap()).unwrap();
    let context = RunContext {
        config: Arc::new(config),
        clock: Arc::new(StoppedClock(FRIDAY.parse().unwrap())),
        on_progress: Arc::new(|_| ()),
        breaker: Arc::default(),
    };
    let session = LedgerSession::open_for_sending(&context.config, context.clock.as_ref()).await.unwrap();
    let archive = folder::read(&context.config, context.clock.now()).unwrap().archive;
    let draft = pipeline::newsletter::draft(&context, &session, &archive, None, true).await.unwrap();
    assert_eq!(draft.digest.as_ref().unwrap().letters.len(), 2);
    let subscriber = EmailAddress::parse("reader2@example.org").unwrap();
    let circumstances = ConsentContext { form: "story".to_owned(), wording: [0; 32], network: None };
    let thoughts = preferences(Frequency::Weekly, &["생각"]);
    assert!(
        session
            .store
            .set_preferences(session.key_of(&subscriber), thoughts, circumstances, now())
            .await
            .unwrap()
    );
    let scheduled = pipeline::newsletter::schedule_issue(&context, &session, draft).await.unwrap();
    assert_eq!(scheduled.digest.unwrap().audience, 2);
    assert_eq!(got(&server, 1), ["tuesday의 글 외 1편"]);
    assert_eq!(got(&server, 2), ["wednesday의 글"]);
}
