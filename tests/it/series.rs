//! Series of emails and the welcome email: each step once, in order, with the times between them, whatever subscribers and the
//! writer do. Tested with both databases, then with the whole program.

use std::collections::{BTreeMap, BTreeSet};

use camino::Utf8Path;
use chrono::{DateTime, TimeDelta, Utc};
use letterpress::internals::config::SeriesStart;
use letterpress::internals::ledger::transition::Event;
use letterpress::internals::store::series::{NewStep, SeriesPlan};
use letterpress::internals::store::{Filter, NewIssue, RestoreRequest, Store, open_sqlite};
use letterpress::internals::subscribers::lifecycle::Confirmed;
use letterpress::internals::subscribers::{AddressKey, Preferences, Profile, SubscriptionStatus, Topics};
use letterpress::internals::text::HeaderText;
use proptest::prelude::*;

use super::store_contract::{arm, claim, issue, now, one, subscriber};
use super::subscriber_store::{form, here, key};
use super::support::postgres::open;
use super::support::{At, Postgres, Script, Server, Site, reply_line};

const HOURS: [i64; 3] = [0, 24, 72];

fn plan(start: SeriesStart, hours: &[i64]) -> SeriesPlan {
    SeriesPlan {
        name: "course".to_owned(),
        start,
        steps: hours.iter().map(|hours| TimeDelta::hours(*hours)).collect(),
    }
}

fn step(plan: &SeriesPlan, step: usize, text: &str) -> NewStep {
    let post = format!("series:course/{}", plan.steps[step].num_hours());
    let issue = NewIssue { post, message: format!("{{\"text\":\"{text}\"}}"), ..issue("") };
    NewStep { plan: plan.clone(), step, issue }
}

/// What a run does: schedules what is due, all of it or only the first step, and delivers it.
async fn run(store: &Store, plan: &SeriesPlan, text: &str, at: DateTime<Utc>, is_killed: bool) {
    let due = store.due_steps(vec![plan.clone()], at).await.unwrap();
    let limit = if is_killed { 1 } else { due.len() };
    for found in due.into_iter().take(limit) {
        store.schedule_step(step(plan, found.step, text), at).await.unwrap();
    }
    if !is_killed {
        deliver(store, at).await;
    }
}

async fn deliver(store: &Store, at: DateTime<Utc>) {
    while !store.open_issues().await.unwrap().is_empty() {
        for claimed in claim(store, 100, "sender", at).await {
            one(store, &claimed, arm(&claimed)).await.unwrap();
            let sent = Event::Accept { token: Some(claimed.token), last: None };
            one(store, &claimed, sent).await.unwrap();
        }
        store.close_finished(at).await.unwrap();
    }
}

/// Which steps each address has deliveries of.
async fn received(store: &Store) -> BTreeMap<String, Vec<String>> {
    let mut all: BTreeMap<String, Vec<String>> = BTreeMap::new();
    for view in store.deliveries(Filter::default()).await.unwrap() {
        let step = view.post.rsplit_once('#').unwrap().0.trim_start_matches("series:course/").to_owned();
        all.entry(view.address).or_default().push(step);
    }
    all
}

/// What happens between two runs.
#[derive(Debug, Clone)]
enum Act {
    Start(u8),
    Stop(u8),
    Suppress(u8),
    Pass(i64),
    Run,
    RunThatIsKilled,
    Edit,
    Retime(Vec<i64>),
}

fn acts() -> impl Strategy<Value = Vec<Act>> {
    let who = || 1_u8..5;
    let act = prop_oneof![
        3 => who().prop_map(Act::Start),
        1 => who().prop_map(Act::Stop),
        1 => who().prop_map(Act::Suppress),
        6 => (1_i64..60).prop_map(Act::Pass),
        5 => Just(Act::Run),
        2 => Just(Act::RunThatIsKilled),
        1 => Just(Act::Edit),
        1 => proptest::sample::subsequence(vec![0, 12, 24, 48, 72, 100], 1..4).prop_map(Act::Retime),
    ];
    proptest::collection::vec(act, 1..40)
}

/// Plays the acts, then lets a year pass; checks the promises after each act.
async fn plays(store: &Store, acts: Vec<Act>) {
    let people = (1..5).map(|number| subscriber(number, SubscriptionStatus::Active)).collect();
    store.add_subscribers(people, now()).await.unwrap();
    let (mut at, mut plan, mut edits) = (now(), plan(SeriesStart::Hand, &HOURS), 0);
    let mut undisturbed = BTreeSet::new();
    let mut was_retimed = false;
    let mut last: BTreeMap<String, (i64, DateTime<Utc>)> = BTreeMap::new();
    let mut acts = acts;
    acts.extend((0..400).flat_map(|_| [Act::Pass(25), Act::Run]).take(800));
    let mut before = BTreeMap::new();
    for act in acts {
        let text = edits.to_string();
        match act {
            Act::Start(who) => {
                let keys = vec![AddressKey([who; 16])];
                if store.start_series(plan.clone(), keys, at).await.unwrap() > 0 {
                    undisturbed.insert(who);
                    last.remove(&format!("reader{who}@example.org"));
                }
            }
            Act::Stop(who) => {
                store.stop_series("course", AddressKey([who; 16]), at).await.unwrap();
                undisturbed.remove(&who);
            }
            Act::Suppress(who) => {
                store.suppress(AddressKey([who; 16]), "bounce", "story", at).await.unwrap();
                undisturbed.remove(&who);
            }
            Act::Pass(hours) => at += TimeDelta::hours(hours),
            Act::Run => run(store, &plan, &text, at, false).await,
            Act::RunThatIsKilled => run(store, &plan, &text, at, true).await,
            Act::Edit => edits += 1,
            Act::Retime(hours) => {
                (plan.steps, was_retimed) = (hours.into_iter().map(TimeDelta::hours).collect(), true);
            }
        }
        let all = received(store).await;
        if all == before {
            continue;
        }
        for (address, steps) in &all {
            let unique: BTreeSet<&String> = steps.iter().collect();
            assert_eq!(unique.len(), steps.len(), "{address} got a step twice: {steps:?}");
            let known = before.get(address).cloned().unwrap_or_default();
            let new = steps.iter().filter(|step| !known.contains(step));
            let new: Vec<i64> = new.map(|step| step.parse().unwrap()).collect();
            assert!(new.len() <= 1, "{address} got two steps at once: {new:?}");
            for hour in new {
                if let Some((earlier, then)) = last.get(address).filter(|_| !was_retimed) {
                    assert!(hour > *earlier, "{address}: {hour} after {earlier}");
                    assert!(at - *then >= TimeDelta::hours(hour - earlier), "{address}: too soon");
                }
                last.insert(address.clone(), (hour, at));
            }
        }
        before = all;
    }
    assert_eq!(store.verify().await.unwrap(), Vec::<String>::new());
    for who in undisturbed.iter().filter(|_| !was_retimed) {
        let all = before.get(&format!("reader{who}@example.org")).cloned().unwrap_or_default();
        let got: BTreeSet<String> = all.into_iter().collect();
        assert_eq!(got, HOURS.map(|hours| hours.to_string()).into(), "{who} misses a step");
    }
    let idle = store.due_steps(vec![plan], at + TimeDelta::days(1000)).await.unwrap();
    assert_eq!(idle, [], "nothing is left to look at");
}

fn block_on(work: impl Future<Output = ()>) {
    tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap().block_on(work);
}

fn in_sqlite(work: impl AsyncFnOnce(&Store)) {
    let folder = tempfile::tempdir().unwrap();
    let path = Utf8Path::from_path(folder.path()).unwrap().join("letterpress.db");
    let store = open_sqlite(&path, &path.with_extension("keys"), "instance").unwrap();
    block_on(work(&store));
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 8, ..ProptestConfig::default() })]
    #[test]
    fn sqlite_brings_each_step_once_in_order_and_not_too_soon(acts in acts()) {
        in_sqlite(async |store| plays(store, acts).await);
    }
}

/// `PostgreSQL` has the time of its server, so here the steps are a millisecond apart.
#[test]
fn postgres_brings_each_step_once_in_order() {
    let Some(server) = Postgres::shared() else { return };
    block_on(async {
        let store = open(&server.database()).await.unwrap();
        let people = (1..5).map(|number| subscriber(number, SubscriptionStatus::Active)).collect();
        store.add_subscribers(people, now()).await.unwrap();
        let mut plan = plan(SeriesStart::Hand, &[]);
        plan.steps = [0, 1, 2].map(TimeDelta::milliseconds).to_vec();
        let start = async |numbers: [u8; 2]| {
            let keys = numbers.map(|number| AddressKey([number; 16])).to_vec();
            store.start_series(plan.clone(), keys, now()).await.unwrap()
        };
        assert_eq!(start([1, 2]).await, 2);
        for round in 0..8 {
            std::thread::sleep(std::time::Duration::from_millis(5));
            for found in store.due_steps(vec![plan.clone()], now()).await.unwrap() {
                let mut new = step(&plan, found.step, &(round / 3).to_string());
                new.issue.post = format!("series:course/{}", found.step);
                store.schedule_step(new, now()).await.unwrap();
            }
            deliver(&store, now()).await;
            if round == 2 {
                assert_eq!(start([2, 3]).await, 2);
            }
        }
        for (address, mut steps) in received(&store).await {
            steps.sort();
            assert_eq!(steps, ["0", "1", "2"], "{address}");
        }
        assert_eq!(received(&store).await.len(), 3);
        assert_eq!(store.verify().await.unwrap(), Vec::<String>::new());
    });
}

async fn skips(store: &Store) {
    store.add_subscribers(vec![subscriber(1, SubscriptionStatus::Active)], now()).await.unwrap();
    let plan = plan(SeriesStart::Hand, &HOURS);
    store.start_series(plan.clone(), vec![AddressKey([1; 16])], now()).await.unwrap();
    run(store, &plan, "a", now(), false).await;
    // Two days are lost, in which the second step was mailed.
    let restored = now() + TimeDelta::hours(48);
    let request = RestoreRequest { above: 7, published: Some(Vec::new()), why: "test".to_owned() };
    store.accept_restored(request, restored).await.unwrap();
    for hours in [48, 60, 71] {
        run(store, &plan, "a", now() + TimeDelta::hours(hours), false).await;
    }
    assert_eq!(received(store).await["reader1@example.org"], ["0"]);
    run(store, &plan, "a", now() + TimeDelta::hours(72), false).await;
    let mut steps = received(store).await.remove("reader1@example.org").unwrap();
    steps.sort();
    assert_eq!(steps, ["0", "72"]);
    assert_eq!(store.verify().await.unwrap(), Vec::<String>::new());
}

#[test]
fn a_step_that_was_due_between_a_backup_and_its_restore_is_not_mailed_again() {
    in_sqlite(async |store| skips(store).await);
}

/// `can_wait`: the store has the time of the test.
async fn begins(store: &Store, can_wait: bool) {
    let of = |start| plan(start, &HOURS);
    let topic = HeaderText::parse("기술").unwrap();
    let by_topic = SeriesPlan { name: "tech".to_owned(), ..of(SeriesStart::Topic(topic.clone())) };
    let plans = vec![of(SeriesStart::SignUp), by_topic.clone()];
    let due = async |at| {
        let steps = store.due_steps(plans.clone(), at).await.unwrap();
        steps.iter().map(|found| (found.series, found.step)).collect::<Vec<_>>()
    };
    // An import begins nothing, and neither does an unconfirmed sign-up.
    store.add_subscribers(vec![subscriber(1, SubscriptionStatus::Active)], now()).await.unwrap();
    store.sign_up(form("kim@example.org"), now()).await.unwrap();
    assert_eq!(due(now()).await, []);
    // The form chose the topic too.
    let kim = key("kim@example.org");
    assert_eq!(store.confirm(kim, 1, here(), now()).await.unwrap(), Confirmed::Now);
    assert_eq!(due(now()).await, [(0, 0), (1, 0)]);
    assert_eq!(store.series_counts().await.unwrap()["course"].waiting, 1);
    // Another choice of topics ends what began with a topic, and a third begins it.
    assert!(store.set_preferences(kim, Preferences::default(), here(), now()).await.unwrap());
    assert_eq!(due(now()).await, [(0, 0)]);
    let wants = Preferences { topics: Topics::only([topic]), ..Preferences::default() };
    assert!(store.set_preferences(AddressKey([1; 16]), wants, here(), now()).await.unwrap());
    assert_eq!(due(now()).await, [(0, 0), (1, 0)]);
    // Whoever unsubscribes before a step is due gets none, and the series is over.
    store.unsubscribe(kim, "web", None, now()).await.unwrap();
    assert_eq!(store.schedule_step(step(&plans[0], 0, "a"), now()).await.unwrap(), 0);
    assert_eq!(due(now()).await, [(1, 0)]);
    if !can_wait {
        return;
    }
    // A new sign-up begins it again.
    let later = now() + TimeDelta::days(40);
    store.sign_up(form("kim@example.org"), later).await.unwrap();
    let generation = 2;
    assert_eq!(store.confirm(kim, generation, here(), later).await.unwrap(), Confirmed::Now);
    assert!(due(later).await.contains(&(0, 0)));
    assert_eq!(store.schedule_step(step(&plans[0], 0, "a"), later).await.unwrap(), 1);
    // What is known of the series goes with an erasure.
    store.erase(kim, "story", later).await.unwrap();
    assert_eq!(store.series_counts().await.unwrap().get("course"), None);
}

#[test]
fn sign_ups_and_topics_begin_series_in_sqlite() {
    in_sqlite(async |store| begins(store, true).await);
}

#[test]
fn sign_ups_and_topics_begin_series_in_postgres() {
    let Some(server) = Postgres::shared() else { return };
    block_on(async { begins(&open(&server.database()).await.unwrap(), false).await });
}

#[test]
fn many_subscribers_of_one_step_are_in_issues_of_ten_thousand() {
    in_sqlite(async |store| {
        let people = (0..10_003_u32).map(|number| {
            let mut bytes = [0; 16];
            bytes[..4].copy_from_slice(&number.to_be_bytes());
            let email =
                letterpress::internals::address::EmailAddress::parse(&format!("r{number}@example.org"))
                    .unwrap();
            let profile =
                Profile { consented_at: Some(now()), ..Profile::new(email, SubscriptionStatus::Active) };
            letterpress::internals::subscribers::NewSubscriber::new(AddressKey(bytes), profile, "story")
        });
        let people: Vec<_> = people.collect();
        let keys = people.iter().map(|new| new.key).collect();
        store.add_subscribers(people, now()).await.unwrap();
        let plan = plan(SeriesStart::Hand, &[0]);
        assert_eq!(store.start_series(plan.clone(), keys, now()).await.unwrap(), 10_003);
        assert_eq!(store.schedule_step(step(&plan, 0, "a"), now()).await.unwrap(), 10_003);
        let sizes: Vec<u64> = store.issues().await.unwrap().iter().map(|issue| issue.audience).collect();
        assert_eq!(sizes, [3, 10_000]);
        assert_eq!(store.verify().await.unwrap(), Vec::<String>::new());
    });
}

const WELCOME: &str = "+++\ntitle = \"환영합니다\"\nlatest = \"link\"\n+++\n\n구독해 주셔서 고맙습니다.\n";

fn site(relay: &Server) -> Site {
    let site = Site::unopened(relay.port(), 2, 1);
    site.relay(relay.port(), 1, "welcome = \"welcome.md\"\nseries = { course = \"by hand\" }\n");
    site.write("welcome.md", WELCOME);
    for (number, after) in [(1, "0s"), (2, "3d")] {
        let text = format!("+++\ntitle = \"강의 {number}\"\nafter = \"{after}\"\n+++\n\n{number}과\n");
        site.write(&format!("series/course/0{number}-lesson.md"), &text);
    }
    assert_eq!(site.run(&["subscribers", "import", "readers.csv", "--confirmed"]).code, 0);
    site
}

fn config(site: &Site) -> String {
    std::fs::read_to_string(site.path("config.toml")).unwrap()
}

fn subjects(relay: &Server) -> Vec<String> {
    let log = relay.log();
    let subject = |data: &[u8]| {
        let message = mail_parser::MessageParser::default().parse(data).unwrap();
        message.subject().unwrap().to_owned()
    };
    log.messages.iter().filter(|message| message.accepted()).map(|message| subject(&message.data)).collect()
}

#[test]
fn publish_brings_a_welcome_email_and_a_course() {
    let relay = Server::start(Script::polite());
    let site = site(&relay);
    assert_eq!(site.run(&["publish"]).code, 0);
    assert_eq!(subjects(&relay).len(), 2, "the post to both, and nothing else");
    site.write("config.toml", &config(&site).replace("\"by hand\"", "\"topic 강의\""));
    let chosen = site.run(&["subscribers", "add", "reader9@example.org", "--topic", "강의"]);
    assert!(!chosen.output.contains("no post is in the category"), "{}", chosen.output);
    assert_eq!(site.run(&["subscribers", "remove", "reader9@example.org"]).code, 0);
    site.write("config.toml", &config(&site).replace("\"topic 강의\"", "\"by hand\""));
    assert_eq!(site.run(&["series", "start", "welcome", "reader0@example.org"]).code, 0);
    assert_eq!(
        site.run(&["series", "start", "course", "reader0@example.org", "reader1@example.org"]).code,
        0
    );
    let first = site.run_at("2026-11-21T10:00:00Z", &["publish"]);
    assert!(first.output.contains("series: \"환영합니다\" (welcome) to 1 subscriber"), "{}", first.output);
    assert!(
        first.output.contains("series: \"강의 1\" (course/01-lesson) to 2 subscribers"),
        "{}",
        first.output
    );
    assert_eq!(subjects(&relay).len(), 5);
    let log = relay.log();
    let texts: Vec<String> = log
        .messages
        .iter()
        .map(|message| {
            let message = mail_parser::MessageParser::default().parse(&message.data).unwrap();
            message.body_text(0).unwrap().into_owned()
        })
        .collect();
    let welcome = texts.iter().find(|text| text.contains("구독해 주셔서")).unwrap();
    assert!(welcome.contains("가장 최근 글") && welcome.contains("천천히 오는 편지"), "{welcome}");
    assert!(!welcome.contains("웹에서 보기") && !welcome.contains("1970"), "{welcome}");
    assert_eq!(site.run_at("2026-11-22T10:00:00Z", &["publish"]).code, 0);
    assert_eq!(subjects(&relay).len(), 5, "nothing is due");
    assert_eq!(
        site.run_at("2026-11-22T10:00:00Z", &["subscribers", "unsubscribe", "reader1@example.org"]).code,
        0
    );
    assert_eq!(site.run_at("2026-11-24T11:00:00Z", &["publish"]).code, 0);
    assert_eq!(subjects(&relay)[5..], ["강의 2"]);
    let listed = site.run(&["series", "list"]).output;
    assert!(listed.contains("course (begun by hand): 0 subscribers in it, 1 finished"), "{listed}");
    assert_eq!(site.run(&["ledger", "verify"]).code, 0);
}

#[test]
fn a_series_goes_on_after_the_relay_was_busy() {
    let relay = Server::start(Script::polite().nth(At::Rcpt, 2, reply_line("421 4.3.2 later")));
    let site = site(&relay);
    site.write(
        "posts/slow.md",
        "+++\ntitle = \"a\"\ndate = 2026-11-20T09:00:00Z\nnewsletter = false\n+++\n\ntext\n",
    );
    assert_eq!(
        site.run(&["series", "start", "course", "reader0@example.org", "reader1@example.org"]).code,
        0
    );
    site.run(&["publish"]);
    assert_eq!(subjects(&relay), ["강의 1"], "the relay was busy after the first");
    site.run_at("2026-11-20T12:00:00Z", &["publish"]);
    assert_eq!(subjects(&relay), ["강의 1", "강의 1"]);
}

#[test]
fn a_mistake_in_an_email_of_a_series_is_reported_with_its_line() {
    let relay = Server::start(Script::polite());
    let site = site(&relay);
    for (text, message) in [
        ("+++\ntitle = \"a\"\n+++\ntext\n", "error: it does not say how long `after` the start"),
        (
            "+++\ntitle = \"a\"\nafter = \"soon\"\n+++\ntext\n",
            "01-lesson.md:3: error: `after`: \"soon\" is not a duration",
        ),
        (
            "+++\ntitle = \"a\"\nafter = \"3d\"\n+++\ntext\n",
            "error: it comes at the same time as series/course/01-lesson.md",
        ),
        ("+++\ntitle = \"a\"\nafter = \"1d\"\ndarft = true\n+++\ntext\n", "01-lesson.md:4: error"),
        (
            "+++\ntitle = \"a\"\nafter = \"1d\"\nlatest = \"all\"\n+++\ntext\n",
            "01-lesson.md:4: error: `latest`",
        ),
    ] {
        site.write("series/course/01-lesson.md", text);
        for command in ["check", "publish"] {
            let ended = site.run(&[command]);
            assert!(ended.code == 1 && ended.output.contains(message), "{command}: {}", ended.output);
        }
    }
    assert_eq!(subjects(&relay), Vec::<String>::new());
}
