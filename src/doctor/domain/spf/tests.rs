//! Whatever a record says, a receiver's work has an end.

use proptest::prelude::*;

use super::*;
use crate::doctor::dns::zone::{Zone, ip};

const NAMES: [&str; 5] = ["a.example", "b.example", "c.example", "d.example", "gone.example"];

/// The most questions of an evaluation: eleven records, ten terms that each ask for eleven names at most, the names of the
/// address, and the explanation.
const MOST_EVALUATED: usize = 11 + 10 * 11 + 10 + 11 + 12;
/// The most questions of an audit: a record or three questions for each of its look-ups.
const MOST_AUDITED: usize = 1 + 3 * 51;

fn term() -> impl Strategy<Value = String> {
    let name = prop::sample::select(&NAMES[..]);
    let kind = prop::sample::select(vec![
        "include:",
        "a:",
        "mx:",
        "exists:",
        "ptr:",
        "redirect=",
        "exp=",
        "exists:%{i}.",
        "include:%{l}.",
        "a:%{p}.",
    ]);
    let plain = prop::sample::select(vec![
        "a",
        "mx",
        "ptr",
        "-all",
        "?all",
        "ip4:192.0.2.9",
        "ip6:2001:db8::/32",
        "x=y",
    ]);
    prop_oneof![
        3 => ("[-+~?]?", kind, name).prop_map(|(sign, kind, name)| {
            if kind.ends_with('=') { format!("{kind}{name}") } else { format!("{sign}{kind}{name}") }
        }),
        1 => plain.prop_map(str::to_owned),
    ]
}

fn zone() -> impl Strategy<Value = String> {
    let record = prop::collection::vec(term(), 0..14).prop_map(|terms| format!("v=spf1 {}", terms.join(" ")));
    prop::collection::vec((record, 0..13_u16, any::<bool>()), 4).prop_map(|domains| {
        let mut lines = vec!["9.2.0.192.in-addr.arpa PTR a.example".to_owned()];
        for (name, (record, hosts, has_address)) in NAMES.iter().zip(domains) {
            lines.push(format!("{name} TXT {record}"));
            lines.extend((0..hosts).map(|number| format!("{name} MX {number} b.example")));
            lines.extend(has_address.then(|| format!("{name} A 192.0.2.1")));
        }
        lines.join("\n")
    })
}

proptest! {
    #[test]
    fn every_evaluation_ends_within_its_limits(text in zone(), address in prop::sample::select(vec!["192.0.2.9", "2001:db8::9"])) {
        let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
        let zone = Zone::read(&text);
        let envelope = Envelope { address: ip(address), local_part: "x-y", domain: "a.example", helo: "h.example" };
        runtime.block_on(evaluate(&zone, envelope));
        prop_assert!(zone.asked().len() <= MOST_EVALUATED, "{} questions: {text}", zone.asked().len());
        let zone = Zone::read(&text);
        let _ = runtime.block_on(audit(&zone, "a.example"));
        prop_assert!(zone.asked().len() <= MOST_AUDITED, "{} questions: {text}", zone.asked().len());
    }
}

#[tokio::test]
async fn a_receiver_stops_at_the_eleventh_look_up_and_an_audit_counts_on() {
    let zone = Zone::read(
        "a.example TXT v=spf1 a:m.example a:m.example a:m.example a:m.example a:m.example include:b.example -all
         b.example TXT v=spf1 a:m.example a:m.example a:m.example a:m.example a:m.example ip4:192.0.2.9 -all
         m.example A 192.0.2.1",
    );
    let envelope = Envelope { address: ip("192.0.2.9"), local_part: "", domain: "a.example", helo: "" };
    let verdict = evaluate(&zone, envelope).await;
    assert_eq!((verdict.result, verdict.why.as_str()), (SpfResult::PermError, "more than 10 terms need DNS"));
    assert_eq!(audit(&zone, "a.example").await.unwrap().lookups, 11);
}

#[tokio::test]
async fn a_failure_is_explained_in_the_words_of_the_domain() {
    let zone = Zone::read(
        "a.example TXT v=spf1 ip4:192.0.2.1 -all exp=why.%{d}
         why.a.example TXT %{i} is not one of %{d}'s servers",
    );
    let envelope = Envelope { address: ip("192.0.2.9"), local_part: "", domain: "a.example", helo: "" };
    let explanation = evaluate(&zone, envelope).await.explanation;
    assert_eq!(explanation.as_deref(), Some("192.0.2.9 is not one of a.example's servers"));
}
