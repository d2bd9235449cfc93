//! The report counts the same in both databases, and names nobody.

use chrono::TimeDelta;
use letterpress::internals::ledger::State;
use letterpress::internals::ledger::transition::Event;
use letterpress::internals::store::{Store, open_sqlite};
use letterpress::internals::subscribers::SubscriptionStatus;
use serde_json::{Value, json};

use super::store_contract::{arm, bounced, claim, issue, now, one, subscriber};
use super::support::postgres::open;
use super::support::{Postgres, Site};

/// Two issues: a bounce, a complaint and a refusal after the first; an unsubscribe after the second.
async fn two_issues(store: &Store) {
    bounced(store).await;
    store.close_finished(now()).await.unwrap();
    let more = (4..=9).map(|number| subscriber(number, SubscriptionStatus::Active)).collect();
    store.add_subscribers(more, now()).await.unwrap();
    store.schedule_issue(issue("newer"), now()).await.unwrap();
    let deliveries = claim(store, 2, "second", now()).await;
    for delivery in &deliveries {
        assert_eq!(one(store, delivery, arm(delivery)).await, Ok(State::Armed));
        let yes = Event::Accept { token: Some(delivery.token), last: None };
        assert_eq!(one(store, delivery, yes).await, Ok(State::Sent));
    }
    // The second one unsubscribes too late to have done so because of the issue.
    for (delivery, days) in deliveries.iter().zip([1, 8]) {
        let later = now() + TimeDelta::days(days);
        store.unsubscribe(delivery.key, "story", None, later).await.unwrap();
    }
}

fn report(site: &Site, arguments: &[&str]) -> Value {
    let ended = site.run_at("2026-12-01T10:00:00Z", &[&["report", "--json"], arguments].concat());
    assert_eq!(ended.code, 0, "{}", ended.output);
    assert!(!ended.output.contains('@'), "an address: {}", ended.output);
    serde_json::from_str(&ended.output).unwrap_or_else(|_| panic!("{}", ended.output))
}

/// What does not depend on the time; `unsubscribed` is of the newer issue.
fn counted(site: &Site, unsubscribed: u64) {
    let report = report(site, &[]);
    let subscribers = &report["subscribers"];
    let by_status = ["active", "unconfirmed", "unsubscribed", "suppressed"].map(|key| &subscribers[key]);
    assert_eq!(by_status, [4, 0, 2, 3]);

    let keys = ["audience", "delivered", "pending", "failed", "bounced", "complaints", "unsubscribed"];
    let figures = |issue: usize| keys.map(|key| report["issues"][issue][key].as_u64().unwrap());
    assert_eq!(figures(0), [6, 2, 4, 0, 0, 0, unsubscribed]);
    assert_eq!(figures(1), [3, 2, 0, 1, 1, 1, 0]);
    assert_eq!(report["issues"][0]["curve"], json!([{ "minutes": 0, "delivered": 2 }]));

    assert_eq!(report["failures"]["reasons"], json!([{ "reason": "no_mailbox", "failed": 1, "bounced": 1 }]));
    let domain =
        json!({ "domain": "example.org", "subscribers": 4, "failed": 1, "bounced": 1, "complaints": 1 });
    assert_eq!(report["failures"]["domains"], json!([domain]));
    assert_eq!(
        (&report["failures"]["replies"], &report["failures"]["other_replies"]),
        (&json!([]), &json!(1))
    );
    assert_eq!(report["sources"], json!([{ "source": "story", "active": 4, "total": 9 }]));
    assert_eq!(report["preferences"]["immediate"], 4);
    assert_eq!((&report["health"]["never_bounced"], &report["runs"]["attempts"]), (&json!(4), &json!(4)));
}

fn counted_by_day(site: &Site) {
    let report = report(site, &[]);
    let subscribers = &report["subscribers"];
    let first = &subscribers["periods"][0];
    assert_eq!(first["joined"], 9);
    assert_eq!((&first["bounced"], &first["complained"]), (&json!(2), &json!(1)));
    let last = subscribers["periods"].as_array().unwrap().last().unwrap();
    assert_eq!((&subscribers["step"], &last["active"]), (&json!("day"), &json!(4)));
}

fn nothing_since(site: &Site) {
    let report = report(site, &["--since", "2026-11-25"]);
    assert_eq!(report["issues"], json!([]));
    assert_eq!(report["failures"]["reasons"], json!([]));
    assert_eq!(report["subscribers"]["periods"][0]["from"], "2026-11-25");
    assert_eq!(report["subscribers"]["periods"][0]["active"], 5);
}

#[tokio::test]
async fn a_report_counts_what_happened_and_names_nobody() {
    let site = Site::unopened(1, 0, 1);
    let path = camino::Utf8PathBuf::from_path_buf(site.path("letterpress.db")).unwrap();
    let store = open_sqlite(&path, &path.with_extension("keys"), "instance").unwrap();
    two_issues(&store).await;
    drop(store);
    counted(&site, 1);
    counted_by_day(&site);
    nothing_since(&site);
}

#[tokio::test]
async fn a_report_counts_the_same_in_postgres() {
    let Some(server) = Postgres::shared() else { return };
    let url = server.database();
    two_issues(open(&url).await.unwrap().as_ref()).await;
    let site = Site::unopened(1, 0, 1);
    let config = std::fs::read_to_string(site.path("config.toml")).unwrap();
    site.write("config.toml", &format!("{config}[store]\nurl = \"{url}\"\n"));
    // The server has its own clock: both unsubscribe at once.
    counted(&site, 2);
}
