//! Posts for a part of the subscribers (`audience` in the front matter): the database selects the same people as the rule,
//! for issues and for digests.

use camino::Utf8Path;
use chrono::{DateTime, TimeDelta, Utc};
use letterpress::internals::archive::{Segment, SegmentLanguage};
use letterpress::internals::store::{DigestPost, Store, open_sqlite};
use letterpress::internals::subscribers::{
    Frequency, NewSubscriber, Preferences, Subscriber, SubscriptionStatus, Topics,
};
use letterpress::internals::text::HeaderText;
use proptest::prelude::*;
use proptest::strategy::ValueTree as _;

use super::store_contract::{now, subscriber};
use super::support::postgres::open;
use super::support::{Postgres, Script, Server, Site};

const TOPICS: [&str; 3] = ["기술", "생각", "C++"];
const LANGUAGES: [&str; 5] = ["ko", "ko-KR", "en-GB", "zh-Hant-TW", "EN"];

fn topics() -> impl Strategy<Value = Vec<HeaderText>> {
    let named = |names: Vec<&str>| names.into_iter().map(|name| HeaderText::parse(name).unwrap()).collect();
    proptest::sample::subsequence(TOPICS.to_vec(), 0..=2).prop_map(named)
}

fn moment() -> impl Strategy<Value = DateTime<Utc>> + Clone {
    (0_i64..4).prop_map(|days| now() - TimeDelta::days(days))
}

fn segments() -> impl Strategy<Value = Segment> {
    let tag = proptest::sample::select(vec!["ko", "en", "zh", "zh-hant", "k"]);
    let language = (tag, any::<bool>())
        .prop_map(|(tag, includes_default)| SegmentLanguage { tag: tag.to_owned(), includes_default });
    let after = proptest::option::of(moment());
    (topics(), proptest::option::of(language), after.clone(), after).prop_map(
        |(topics, language, joined_after, joined_before)| Segment {
            topics,
            language,
            joined_after,
            joined_before,
        },
    )
}

fn people() -> impl Strategy<Value = Vec<NewSubscriber>> {
    let language = proptest::option::of(proptest::sample::select(LANGUAGES.to_vec()));
    let person = (topics(), language, proptest::option::of(moment()), moment(), any::<bool>());
    proptest::collection::vec(person, 1..12).prop_map(|people| {
        let numbered = (1_u8..).zip(people);
        numbered
            .map(|(number, (topics, language, consented_at, added_at, weekly))| {
                let mut new = subscriber(number, SubscriptionStatus::Active);
                let frequency = if weekly { Frequency::Weekly } else { Frequency::Immediate };
                new.profile.preferences = Preferences { frequency, topics: Topics::only(topics) };
                new.profile.language = language.map(str::to_owned);
                new.profile.consented_at = consented_at;
                new.added_at = Some(added_at);
                new
            })
            .collect()
    })
}

async fn all(store: &Store) -> Vec<Subscriber> {
    store.subscribers(0, 100).await.unwrap().into_iter().map(|(_, subscriber)| subscriber).collect()
}

async fn agrees(store: &Store, people: Vec<NewSubscriber>, segment: Segment) {
    store.add_subscribers(people, now()).await.unwrap();
    let all = all(store).await;
    let expected = |frequency: Frequency| {
        let is_one =
            |one: &&Subscriber| one.profile.preferences.frequency == frequency && one.is_in(&segment);
        all.iter().filter(is_one).count() as u64
    };
    let (each, weekly) = (expected(Frequency::Immediate), expected(Frequency::Weekly));
    assert_eq!(
        store.audience("post", segment.clone()).await.unwrap().immediate,
        each,
        "{segment:?}\n{all:?}"
    );
    let parts = store.digest_parts(vec![DigestPost { id: "post".to_owned(), segment }]).await.unwrap();
    let wanted: u64 = parts.iter().filter(|(part, _)| !part.is_empty()).map(|(_, number)| number).sum();
    assert_eq!(wanted, weekly, "{all:?}");
}

fn run(work: impl Future<Output = ()>) {
    tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap().block_on(work);
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 64, ..ProptestConfig::default() })]
    #[test]
    fn sqlite_selects_the_people_of_a_segment(people in people(), segment in segments()) {
        run(async {
            let folder = tempfile::tempdir().unwrap();
            let folder = Utf8Path::from_path(folder.path()).unwrap();
            let store = open_sqlite(&folder.join("letterpress.db"), &folder.join("keys"), "story").unwrap();
            agrees(&store, people, segment).await;
        });
    }
}

#[test]
fn postgres_selects_the_people_of_a_segment() {
    let Some(server) = Postgres::shared() else { return };
    let mut runner = proptest::test_runner::TestRunner::deterministic();
    for _ in 0..12 {
        let people = people().new_tree(&mut runner).unwrap().current();
        let segment = segments().new_tree(&mut runner).unwrap().current();
        run(async { agrees(&open(&server.database()).await.unwrap(), people, segment).await });
    }
}

#[test]
fn a_post_with_an_audience_goes_to_that_part_of_the_subscribers_only() {
    let relay = Server::start(Script::polite());
    let site = Site::unopened(relay.port(), 0, 1);
    site.write("readers.csv", "email,language\na@example.org,ko\nb@example.org,en\nc@example.org,\n");
    assert_eq!(site.run(&["subscribers", "import", "readers.csv", "--confirmed"]).code, 0);
    let post = |audience: &str| {
        let head = "+++\ntitle = \"편지\"\ndate = 2026-11-20T09:00:00Z\nslug = \"slow\"\n";
        site.write("posts/slow.md", &format!("{head}audience = {audience}\n+++\n\n글\n"));
    };
    post("{ language = \"ja\" }");
    let held = site.run(&["publish"]).output;
    assert!(held.contains("it has no recipients: 3 active outside its audience"), "{held}");
    post("{ langauge = \"ko\" }");
    let refused = site.run(&["publish"]).output;
    assert!(
        refused.contains("posts/slow.md:5: error: `audience`: unknown condition `langauge`"),
        "{refused}"
    );
    post("{ language = \"ko\" }");
    assert_eq!(site.run(&["publish"]).code, 0);
    let mut recipients = relay.accepted();
    recipients.sort();
    assert_eq!(recipients, ["RCPT TO:<a@example.org>", "RCPT TO:<c@example.org>"]);
}
