//! What the large receivers of mail ask of senders, and this site's answer to each rule.
//!
//! The table has only rules that a receiver has published, each with its source. What nobody but the receiver can see, such as
//! the complaints that Gmail counts, is not known here, and is reported as that. Pure.

mod rules;

use std::collections::BTreeMap;

use serde::Serialize;

use super::domain::DomainFacts;
use super::{Check, Section};
use rules::{RULES, Rule};

/// From so many emails a day, the stricter rules apply.
const BULK: u64 = 5_000;

/// What is known of this site; `None` is not known.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Facts {
    /// What DNS says.
    pub(super) domain: DomainFacts,
    /// The connection to the relay is encrypted.
    pub(super) tls: Option<bool>,
    /// Emails can be unsubscribed with one click.
    pub(super) one_click: bool,
    /// Emails have a link to unsubscribe, and somebody processes it.
    pub(super) unsubscribing: bool,
    /// The sender's address is at a provider of free mailboxes, through another relay than its own.
    pub(super) borrowed_domain: bool,
    /// Of the emails of the last 90 days, how many were delivered, and how many reported as spam.
    pub(super) complaints: Option<(u64, u64)>,
    /// The newest email is as RFC 5322 requires.
    pub(super) format: Option<bool>,
    /// The active subscribers, who all get an email on the same day.
    pub(super) subscribers: Option<u64>,
}

/// A receiver's rule with the answer of this site, for `--json`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct ReceiverRule {
    /// The receiver.
    pub receiver: &'static str,
    /// The rule's short name.
    pub rule: &'static str,
    /// What the receiver asks for.
    pub asks: &'static str,
    /// Of whom: `all`, or `bulk` for senders of about 5,000 emails a day.
    pub senders: &'static str,
    /// Whether it is asked of this site.
    pub applies: bool,
    /// `yes`, `no` or `unknown`.
    pub answer: &'static str,
    /// Where the receiver says so.
    pub source: &'static str,
}

/// The rules with the answers: one check for each rule whose answer is known, and the whole table.
pub(super) fn check(facts: &Facts) -> (Vec<Check>, Vec<ReceiverRule>) {
    let is_bulk = facts.subscribers.is_some_and(|subscribers| subscribers >= BULK);
    let table = RULES.iter().flat_map(|rule| rows(rule, facts, is_bulk)).collect();
    let mut checks: Vec<Check> = RULES.iter().filter_map(|rule| check_rule(rule, facts, is_bulk)).collect();
    checks.extend(unknown(facts));
    (checks, table)
}

fn rows<'f>(rule: &'static Rule, facts: &'f Facts, is_bulk: bool) -> impl Iterator<Item = ReceiverRule> + 'f {
    let answer = match (rule.answer)(facts) {
        Some(true) => "yes",
        Some(false) => "no",
        None => "unknown",
    };
    let row = move |(receiver, of_bulk): (rules::Receiver, bool)| ReceiverRule {
        receiver: receiver.name(),
        rule: rule.id,
        asks: rule.asks,
        senders: if of_bulk { "bulk" } else { "all" },
        applies: !of_bulk || is_bulk,
        answer,
        source: receiver.source(),
    };
    rule.receivers().map(row)
}

/// The rules whose answer is not known, by the reason.
fn unknown(facts: &Facts) -> impl Iterator<Item = Check> {
    let mut reasons: BTreeMap<&str, Vec<&str>> = BTreeMap::new();
    for rule in RULES.iter().filter(|rule| (rule.answer)(facts).is_none()) {
        reasons.entry(rule.unknown).or_default().push(rule.asks);
    }
    let check = |(reason, asks): (&str, Vec<&str>)| {
        Check::skipped(Section::Receivers, "unknown", format!("{}: {reason}", asks.join("; ")))
    };
    reasons.into_iter().map(check)
}

fn check_rule(rule: &'static Rule, facts: &Facts, is_bulk: bool) -> Option<Check> {
    let applies = is_bulk || rule.receivers().any(|(_, of_bulk)| !of_bulk);
    let (asks, next) = (rule.asks, rule.next);
    let check = match (rule.answer)(facts)? {
        true => Check::good(Section::Receivers, rule.id, format!("{asks}: yes")),
        false if !applies => Check::skipped(
            Section::Receivers,
            rule.id,
            format!("{asks}: no; it is asked only of senders of 5,000 emails a day"),
        ),
        false if rule.is_named_elsewhere => {
            Check::skipped(Section::Receivers, rule.id, format!("{asks}: no, as another check says"))
        }
        false if rule.id == "complaints" && is_beyond(facts, 3) => {
            Check::fault(Section::Receivers, rule.id, format!("{asks}: no"), next)
        }
        false => Check::warning(Section::Receivers, rule.id, format!("{asks}: no"), next),
    };
    Some(check.about(names(rule)))
}

/// Whether more than so many of a thousand recipients complained. In a small list one is several per cent, so two are
/// needed.
fn is_beyond(facts: &Facts, thousandths: u64) -> bool {
    facts.complaints.is_some_and(|(delivered, complaints)| {
        complaints >= 2 && complaints * 1_000 > delivered * thousandths
    })
}

/// "Gmail, Yahoo; for bulk also Outlook.com".
fn names(rule: &Rule) -> String {
    let mut groups: BTreeMap<bool, Vec<&str>> = BTreeMap::new();
    for (receiver, of_bulk) in rule.receivers() {
        groups.entry(of_bulk).or_default().push(receiver.name());
    }
    let named = |of_bulk| groups.get(&of_bulk).map(|names| names.join(", "));
    match (named(false), named(true)) {
        (Some(all), None) => all,
        (None, Some(bulk)) => format!("bulk senders: {bulk}"),
        (Some(all), Some(bulk)) => format!("{all}; bulk senders: {bulk}"),
        (None, None) => String::new(),
    }
}

/// Providers of free mailboxes, and their own relays.
const MAILBOXES: [(&[&str], &[&str]); 12] = [
    (&["gmail.com", "googlemail.com"], &["gmail.com", "googlemail.com", "google.com"]),
    (&["yahoo.com", "ymail.com", "rocketmail.com", "yahoo.co.uk", "yahoo.fr", "yahoo.de"], &["yahoo.com"]),
    (&["aol.com"], &["aol.com"]),
    (&["outlook.com", "hotmail.com", "live.com", "msn.com"], &["outlook.com", "office365.com", "live.com"]),
    (&["icloud.com", "me.com", "mac.com"], &["me.com", "icloud.com"]),
    (&["naver.com"], &["naver.com"]),
    (&["daum.net", "hanmail.net", "kakao.com"], &["daum.net", "kakao.com"]),
    (&["gmx.de", "gmx.net", "gmx.com"], &["gmx.net", "gmx.com"]),
    (&["web.de"], &["web.de"]),
    (&["proton.me", "protonmail.com"], &["protonmail.ch", "proton.me", "127.0.0.1"]),
    (&["mail.ru"], &["mail.ru"]),
    (&["qq.com", "163.com", "126.com"], &["qq.com", "163.com", "126.com"]),
];

/// Whether a sender at `domain` borrows the domain of a provider of mailboxes: the provider did not sign what goes through
/// another relay.
pub(super) fn is_borrowed(domain: &str, relay: Option<&str>) -> bool {
    let domain = domain.to_ascii_lowercase();
    let Some((_, own)) = MAILBOXES.iter().find(|(domains, _)| domains.contains(&domain.as_str())) else {
        return false;
    };
    let is_own = |relay: &str| {
        let relay = relay.to_ascii_lowercase();
        own.iter().any(|own| relay == *own || relay.ends_with(&format!(".{own}")))
    };
    !relay.is_some_and(is_own)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::doctor::Level;

    const ALL_RIGHT: Facts = Facts {
        domain: DomainFacts {
            spf: Some(true),
            spf_aligned: Some(true),
            dkim_aligned: Some(true),
            dmarc: Some(true),
            reverse_name: Some(true),
        },
        tls: Some(true),
        one_click: true,
        unsubscribing: true,
        borrowed_domain: false,
        complaints: Some((10_000, 1)),
        format: Some(true),
        subscribers: Some(10_000),
    };

    fn level(facts: &Facts, id: &str) -> Level {
        check(facts).0.into_iter().find(|check| check.id == id).map_or(Level::Skipped, |check| check.level)
    }

    #[test]
    fn a_site_that_does_everything_has_only_good_answers() {
        assert!(check(&ALL_RIGHT).0.iter().all(|check| check.level == Level::Good));
        assert!(check(&ALL_RIGHT).1.iter().all(|row| row.answer == "yes" && row.applies));
    }

    #[test]
    fn each_rule_fails_by_its_own_fact() {
        type Change = fn(&mut Facts);
        let without = |change: Change| {
            let mut facts = ALL_RIGHT;
            change(&mut facts);
            facts
        };
        let cases: [(&str, Change); 9] = [
            ("spf", |facts| facts.domain.spf = Some(false)),
            ("dkim", |facts| facts.domain.dkim_aligned = Some(false)),
            ("dmarc", |facts| facts.domain.dmarc = Some(false)),
            ("reverse-name", |facts| facts.domain.reverse_name = Some(false)),
            ("tls", |facts| facts.tls = Some(false)),
            ("one-click-header", |facts| facts.one_click = false),
            ("unsubscribe-link", |facts| facts.unsubscribing = false),
            ("own-domain", |facts| facts.borrowed_domain = true),
            ("format", |facts| facts.format = Some(false)),
        ];
        for (id, change) in cases {
            let facts = without(change);
            let rule = RULES.iter().find(|rule| rule.id == id).unwrap();
            assert_eq!((rule.answer)(&facts), Some(false), "{id}");
            let wrong = check(&facts).0.into_iter().filter(Check::is_bad).map(|check| check.id);
            let expected: &[&str] = if rule.is_named_elsewhere { &[] } else { &[id] };
            assert_eq!(wrong.collect::<Vec<_>>(), expected);
        }
        let unaligned = without(|facts| {
            (facts.domain.spf_aligned, facts.domain.dkim_aligned) = (Some(false), Some(false));
        });
        let rule = RULES.iter().find(|rule| rule.id == "alignment").unwrap();
        assert_eq!((rule.answer)(&unaligned), Some(false));
    }

    #[test]
    fn rules_for_bulk_senders_are_not_asked_of_a_small_list() {
        let mut facts = Facts { subscribers: Some(300), ..ALL_RIGHT };
        facts.domain.dmarc = Some(false);
        assert_eq!(level(&facts, "dmarc"), Level::Skipped);
        assert!(check(&facts).1.iter().any(|row| row.rule == "dmarc" && !row.applies && row.answer == "no"));
        facts.borrowed_domain = true;
        assert_eq!(level(&facts, "own-domain"), Level::Warning);
    }

    #[test]
    fn complaints_are_a_warning_from_one_and_a_fault_from_three_of_a_thousand() {
        let of = |complaints| level(&Facts { complaints, ..ALL_RIGHT }, "complaints");
        assert_eq!(of(Some((10_000, 10))), Level::Good);
        assert_eq!(of(Some((10_000, 11))), Level::Warning);
        assert_eq!(of(Some((10_000, 31))), Level::Fault);
        assert_eq!(of(Some((50, 1))), Level::Good, "one complaint of a small list says little");
        assert_eq!(of(None), Level::Skipped);
    }

    #[test]
    fn what_is_not_known_is_neither_good_nor_bad() {
        for check in check(&Facts { unsubscribing: true, one_click: true, ..Facts::default() }).0 {
            assert!(!check.is_bad(), "{check:?}");
        }
    }

    #[test]
    fn a_free_mailbox_may_send_through_its_own_provider_only() {
        for (domain, relay, expected) in [
            ("gmail.com", Some("smtp.gmail.com"), false),
            ("gmail.com", Some("smtp.mailgun.org"), true),
            ("Naver.com", Some("smtp.naver.com"), false),
            ("naver.com", None, true),
            ("letters.kr", Some("smtp.gmail.com"), false),
            ("gmail.com", Some("notgmail.com"), true),
        ] {
            assert_eq!(is_borrowed(domain, relay), expected, "{domain} {relay:?}");
        }
    }
}
