//! A domain that is as it must be, and each way to spoil it: the fault is named, and nothing else.

use super::*;
use crate::doctor::Level;
use crate::doctor::dns::RecordKind;
use crate::doctor::dns::zone::{Zone, ip};

const KEY: &str = "11qYAYKxCrfVS/7TyWQHOg7hcvPapiMlrwIaaPcHURo=";
/// An RSA key of 1024 bits.
const OTHER: &str = "MIGfMA0GCSqGSIb3DQEBAQUAA4GNADCBiQKBgQC7vbqajDw4o6gJy8UtmIbkcpnkO3Kwc4qsEnSZp/TR+fQi62F79RHWmwKOtFmwteURgLbj7D/WGuNLGOfa/2vse3G2eHnHl5CB8ruRX9fBl/KgwCVr2JaEuUm66bBQeP5XeBotdR4cvX38uPYivCDdPjJ1QWPdspTBKcxeFbccDwIDAQAB";

const GOOD: &str = "
    notes.example MX 10 mail.notes.example
    mail.notes.example A 198.51.100.30
    bounce.notes.example MX 10 mail.notes.example
    bounce.notes.example TXT v=spf1 ip4:198.51.100.25 include:spf.relay.example -all
    spf.relay.example TXT v=spf1 ip4:198.51.100.0/28 -all
    letters._domainkey.notes.example TXT v=DKIM1; k=ed25519; p=KEY
    _dmarc.notes.example TXT v=DMARC1; p=reject; rua=mailto:dmarc@notes.example";

const SPF: &str = "bounce.notes.example";
const DKIM: &str = "letters._domainkey.notes.example";
const DMARC: &str = "_dmarc.notes.example";

fn sender() -> SenderDomain {
    SenderDomain {
        from: "notes.example".to_owned(),
        envelope: "bounce.notes.example".to_owned(),
        relay: vec![ip("198.51.100.25")],
        relay_host: Some("relay.example".to_owned()),
        helo: None,
        dkim: vec![DkimKey {
            domain: "notes.example".to_owned(),
            selector: "letters".to_owned(),
            public: KEY.to_owned(),
        }],
    }
}

fn zone() -> Zone {
    Zone::read(&GOOD.replace("KEY", KEY))
}

/// The good zone with other texts at a name, and more records.
fn with(name: &str, texts: &[&str]) -> Zone {
    let lines: Vec<_> = texts.iter().map(|text| format!("{name} TXT {text}")).collect();
    zone().without(name, RecordKind::Txt).and(&lines.join("\n").replace("KEY", KEY).replace("OTHER", OTHER))
}

/// What is not as it must be: `fault spf: …`.
async fn findings(zone: &Zone, sender: &SenderDomain) -> Vec<String> {
    let (checks, _) = check(zone, sender).await;
    let is_finding = |check: &&Check| check.level >= Level::Warning;
    let findings = checks.iter().filter(is_finding).map(|check| {
        assert!(check.next.as_ref().is_some_and(|next| !next.is_empty()), "{check:?}");
        format!("{:?} {}: {}", check.level, check.id, check.message)
    });
    findings.collect()
}

async fn assert_only(zone: &Zone, sender: &SenderDomain, expected: &str, what: &str) {
    let found = findings(zone, sender).await;
    assert!(found.len() == 1 && found[0].starts_with(expected), "{what}: {expected}, but {found:#?}");
}

#[tokio::test]
async fn a_domain_that_is_as_it_must_be_has_no_findings() {
    assert_eq!(findings(&zone(), &sender()).await, [""; 0]);
    let (checks, facts) = check(&zone(), &sender()).await;
    let ids: Vec<_> = checks.iter().map(|check| check.id).collect();
    assert_eq!(
        ids,
        ["mx", "bounce-mx", "spf", "spf-relay", "dkim-record", "dmarc", "dmarc-alignment", "reverse-name"]
    );
    let all = DomainFacts {
        spf: Some(true),
        spf_aligned: Some(true),
        dkim_aligned: Some(true),
        dmarc: Some(true),
        reverse_name: None,
    };
    assert_eq!(facts, all);
}

#[tokio::test]
async fn each_fault_of_spf_is_named_and_nothing_else() {
    for (texts, expected) in [
        (&["unrelated"][..], "Fault spf: there is no SPF record"),
        (&["v=spf1 ip4:198.51.100.25 -all", "v=spf1 mx -all"], "Fault spf-several: there are 2"),
        (
            &["v=spf1 ip4:198.51.100.25 inlcude:x.example -all"],
            "Fault spf-syntax: the SPF record has an error at character 26",
        ),
        (&["v=spf1 ip4:198.51.100.25 a:192.0.2.1 -all"], "Fault spf-syntax"),
        (
            &["v=spf1 ip4:198.51.100.25 include:gone.example -all"],
            "Fault spf-include: at gone.example, there is no SPF record",
        ),
        (
            &["v=spf1 ip4:198.51.100.25 include:bad.example -all"],
            "Fault spf-include: at bad.example, the SPF record has an error",
        ),
        (
            &["v=spf1 ip4:198.51.100.25 include:slow.example -all"],
            "Fault spf-include: at slow.example, the SPF record cannot be read",
        ),
        (&["v=spf1 ip4:198.51.100.25 include:bounce.notes.example -all"], "Fault spf-loop"),
        (
            &["v=spf1 ip4:198.51.100.25 include:many.example -all"],
            "Fault spf-lookups: the SPF record needs 12",
        ),
        (&["v=spf1 ip4:198.51.100.25 a:x1.example a:x2.example mx:x3.example -all"], "Fault spf-voids"),
        (&["v=spf1 ip4:198.51.100.25 a:x1.example -all"], "Warning spf-voids"),
        (&["v=spf1 ip4:198.51.100.25 mx:crowd.example -all"], "Fault spf-mx"),
        (&["v=spf1 ip4:198.51.100.25 +all"], "Fault spf-all"),
        (&["v=spf1 ip4:0.0.0.0/0 -all"], "Fault spf-all"),
        (&["v=spf1 ip4:198.51.100.25 ?all"], "Warning spf-all"),
        (&["v=spf1 ip4:198.51.100.25"], "Warning spf-all"),
        (&["v=spf1 ip4:198.51.100.25 -all mx"], "Warning spf-order"),
        (&["v=spf1 ip4:198.51.100.25 ptr -all"], "Warning spf-ptr"),
        (&["v=spf1 -all"], "Fault spf-relay: the SPF record lets nobody send"),
    ] {
        let crowd: Vec<_> = (0..11).map(|n| format!("crowd.example MX {n} mail.notes.example")).collect();
        let many = "a:mail.notes.example ".repeat(11);
        let zone = with(SPF, texts).and(&crowd.join("\n")).and(&format!(
            "bad.example TXT v=spf1 ip4 -all\nslow.example TXT TIMEOUT\nmany.example TXT v=spf1 {many}-all"
        ));
        assert_only(&zone, &sender(), expected, texts[0]).await;
    }
}

#[tokio::test]
async fn each_fault_of_dkim_is_named_and_nothing_else() {
    for (texts, expected) in [
        (&["v=DKIM1; k=ed25519; p=KEY", "v=DKIM1; k=rsa; p=OTHER"][..], "Fault dkim-several"),
        (
            &["v=DKIM1; k=ed25519; p=OTHER"],
            "Fault dkim-key: the key in DNS is not the key on disk, and has only 1024",
        ),
        (
            &["v=DKIM1; k=ed25519; p=11qYAYKxCrfVS"],
            "Fault dkim-key: the key in DNS is the one on disk, but it ends",
        ),
        (&["v=DKIM1; k=ed25519; p="], "Fault dkim-revoked"),
        (&["v=DKIM1; p=KEY"], "Fault dkim-syntax: the record has k="),
        (&["v=DKIM1; k=ed25519; h=sha1; p=KEY"], "Fault dkim-syntax: the record has h=sha1"),
        (&["\"v=DKIM1; k=ed25519; p=KEY\""], "Fault dkim-syntax: the record holds \""),
        (&["v=DKIM1\\; k=ed25519\\; p=KEY"], "Fault dkim-syntax: the record holds \\"),
        (&["v=DKIM1; k=ed25519; t=y:s; p=KEY"], "Warning dkim-testing"),
        (&["SERVFAIL"], "Fault dkim-record: the DKIM record cannot be read: DNS fails with SERVFAIL"),
    ] {
        assert_only(&with(DKIM, texts), &sender(), expected, texts[0]).await;
    }
    let gone = || zone().without(DKIM, RecordKind::Txt);
    assert_only(&gone(), &sender(), "Fault dkim-record: there is no DKIM record, so", "").await;
    let twice = gone().and(&format!("{DKIM}.notes.example TXT v=DKIM1; p=x"));
    assert_only(
        &twice,
        &sender(),
        "Fault dkim-record: there is no DKIM record, but there is one at the wrong name",
        "",
    )
    .await;
}

#[tokio::test]
async fn each_fault_of_dmarc_is_named_and_nothing_else() {
    let rua = "rua=mailto:dmarc@notes.example";
    for (texts, expected) in [
        (vec!["v=DMARC1; p=reject; RUA".to_owned(), "v=DMARC1; p=none".to_owned()], "Fault dmarc-several"),
        (
            vec!["v=dmarc1; p=reject; RUA".to_owned()],
            "Fault dmarc-syntax: the text at this name is no DMARC record",
        ),
        (vec!["v=DMARC1 p=reject; RUA".to_owned()], "Fault dmarc-syntax"),
        (vec!["v=DMARC1; p=rejected; RUA".to_owned()], "Fault dmarc-policy: p=rejected"),
        (vec!["v=DMARC1; p=none; RUA".to_owned()], "Warning dmarc-policy"),
        (vec!["v=DMARC1; p=reject; t=y; RUA".to_owned()], "Warning dmarc-testing"),
        (vec!["v=DMARC1; p=reject; pct=50; RUA".to_owned()], "Warning dmarc-tags: tags without a meaning"),
        (
            vec!["v=DMARC1; p=reject; report=x; RUA".to_owned()],
            "Warning dmarc-tags: tags that DMARC does not know",
        ),
        (vec!["v=DMARC1; p=reject; adkim=x; RUA".to_owned()], "Warning dmarc-syntax"),
        (vec!["v=DMARC1; p=reject".to_owned()], "Warning dmarc-reports: the record asks for no reports"),
        (vec!["v=DMARC1; p=reject; rua=dmarc@notes.example".to_owned()], "Warning dmarc-reports: \"dmarc@"),
        (vec!["v=DMARC1; p=reject; rua=mailto:x@reports.example".to_owned()], "Warning dmarc-permission"),
        (
            vec!["v=DMARC1; p=reject; aspf=s; RUA".to_owned()],
            "Warning dmarc-alignment: From is not aligned with the envelope",
        ),
        (vec!["SERVFAIL".to_owned()], "Fault dmarc: the DMARC record cannot be read"),
    ] {
        let texts: Vec<_> = texts.iter().map(|text| text.replace("RUA", rua)).collect();
        let texts: Vec<&str> = texts.iter().map(String::as_str).collect();
        assert_only(&with(DMARC, &texts), &sender(), expected, texts[0]).await;
    }
    let gone = || zone().without(DMARC, RecordKind::Txt);
    assert_only(&gone(), &sender(), "Fault dmarc: there is no DMARC record;", "").await;
    for place in ["_dmarc.notes.example.notes.example", "notes.example", "_dmarc._dmarc.notes.example"] {
        let zone = gone().and(&format!("{place} TXT v=DMARC1; p=none"));
        assert_only(&zone, &sender(), "Fault dmarc: there is no DMARC record, but there is one at", place)
            .await;
    }
    let allowed = with(DMARC, &["v=DMARC1; p=reject; rua=mailto:x@reports.example"])
        .and("notes.example._report._dmarc.reports.example TXT v=DMARC1;");
    assert_eq!(findings(&allowed, &sender()).await, [""; 0]);
}

#[tokio::test]
async fn a_policy_of_the_organization_counts_for_a_subdomain() {
    let sender = SenderDomain { from: "news.notes.example".to_owned(), ..sender() };
    let zone = zone().and("news.notes.example MX 10 mail.notes.example");
    assert_eq!(findings(&zone, &sender).await, [""; 0], "aligned by the organization");
    let apart =
        zone.and("_dmarc.news.notes.example TXT v=DMARC1; p=reject; psd=n; rua=mailto:d@news.notes.example");
    let found = "Fault dmarc-alignment: From is aligned with neither";
    assert_only(&apart, &sender, found, "an organization of its own").await;
    let milder = with(DMARC, &["v=DMARC1; p=reject; sp=none; rua=mailto:dmarc@notes.example"])
        .and("news.notes.example MX 10 mail.notes.example");
    assert_only(&milder, &sender, "Warning dmarc-policy", "sp").await;
}

#[tokio::test]
async fn each_fault_of_the_mail_hosts_is_named_and_nothing_else() {
    for (records, expected) in [
        ("", "Fault mx: there is no MX record: replies are lost"),
        ("notes.example A 198.51.100.1", "Warning mx: there is no MX record"),
        ("notes.example MX 0 .", "Fault mx: the domain says that it takes no mail"),
        ("notes.example MX 10 198.51.100.30", "Fault mx: the MX record names the address"),
        (
            "notes.example MX 10 gone.notes.example",
            "Fault mx: the mail host gone.notes.example has no address",
        ),
        (
            "notes.example MX 10 alias.notes.example",
            "Warning mx: the mail host alias.notes.example is an alias",
        ),
        (
            "notes.example MX 10 inner.notes.example",
            "Fault mx: the mail host inner.notes.example has only addresses",
        ),
        ("notes.example MX SERVFAIL", "Fault mx: the MX record cannot be read"),
        (
            "notes.example MX 10 mail.notes.example\nnotes.example MX 20 gone.notes.example",
            "Warning mx: the mail host gone.notes.example has no address",
        ),
    ] {
        let zone = zone()
            .without("notes.example", RecordKind::Mx)
            .and("alias.notes.example CNAME mail.notes.example\ninner.notes.example A 10.0.0.1")
            .and(records);
        assert_only(&zone, &sender(), expected, records).await;
    }
    let gone = SenderDomain { envelope: "bounces.elsewhere.example".to_owned(), ..sender() };
    let found = findings(&zone(), &gone).await;
    assert!(
        found.iter().any(|found| found.starts_with("Fault bounce-mx: the domain for bounces does not exist"))
    );
    assert!(!found.iter().any(|found| found.contains(" spf")), "{found:?}");
}

#[tokio::test]
async fn what_is_wrong_as_a_whole_is_the_only_finding() {
    let elsewhere = SenderDomain { from: "nots.example".to_owned(), ..sender() };
    assert_only(&zone(), &elsewhere, "Fault domain: the domain of From does not exist", "").await;
    let broken = zone().and("notes.example MX SERVFAIL\nnotes.example TXT SERVFAIL");
    assert_only(&broken, &sender(), "Fault domain: DNS fails with SERVFAIL, for every record", "").await;
    let silent = zone().and("notes.example MX TIMEOUT").and("in-addr.arpa TXT TIMEOUT");
    assert_only(&silent, &sender(), "Fault dns: no DNS server answers in time", "").await;
}

#[tokio::test]
async fn optional_records_are_checked_if_they_are_there() {
    for (record, expected) in [
        ("default._bimi TXT v=BIMI1; l=http://notes.example/logo.svg", "Warning bimi: the logo"),
        ("default._bimi TXT v=bimi1; l=", "Warning bimi: there are 0 BIMI records"),
        ("_mta-sts TXT v=STSv1; id=2026-01-01", "Warning mta-sts: id="),
        ("_smtp._tls TXT v=TLSRPTv1; rua=tls@notes.example", "Warning tls-rpt"),
    ] {
        let record = record.replace(" TXT", ".notes.example TXT");
        assert_only(&zone().and(&record), &sender(), expected, &record).await;
    }
    let good = zone().and(
        "default._bimi.notes.example TXT v=BIMI1; l=https://notes.example/logo.svg\n\
         _mta-sts.notes.example TXT v=STSv1; id=20260101T000000;\n\
         _smtp._tls.notes.example TXT v=TLSRPTv1; rua=mailto:tls@notes.example",
    );
    assert_eq!(findings(&good, &sender()).await, [""; 0]);
}

#[tokio::test]
async fn a_relay_on_this_machine_needs_a_name_that_leads_back() {
    let own = SenderDomain {
        relay: vec![ip("127.0.0.1")],
        relay_host: Some("localhost".to_owned()),
        helo: Some("mail.notes.example".to_owned()),
        ..sender()
    };
    let zone = || with(SPF, &["v=spf1 ip4:198.51.100.30 -all"]);
    assert_only(&zone(), &own, "Fault reverse-name: the sending address has no name", "").await;
    let named = || zone().and("30.100.51.198.in-addr.arpa PTR mail.notes.example");
    assert_eq!(findings(&named(), &own).await, [""; 0]);
    let (_, facts) = check(&named(), &own).await;
    assert_eq!((facts.reverse_name, facts.spf), (Some(true), Some(true)));
    let elsewhere = zone().and("30.100.51.198.in-addr.arpa PTR host.provider.example");
    assert_only(&elsewhere, &own, "Fault reverse-name: the name of the sending address is host.provider", "")
        .await;
    let uncovered = zone()
        .without(SPF, RecordKind::Txt)
        .and("bounce.notes.example TXT v=spf1 ip4:198.51.100.31 -all")
        .and("30.100.51.198.in-addr.arpa PTR mail.notes.example");
    assert_only(&uncovered, &own, "Fault spf-relay: SPF does not let 198.51.100.30 send", "").await;
    let unknown = SenderDomain { helo: None, ..own };
    assert_eq!(findings(&named(), &unknown).await, [""; 0]);
}

#[tokio::test]
async fn a_known_service_is_covered_by_its_include() {
    let via = |host: &str| SenderDomain { relay_host: Some(host.to_owned()), ..sender() };
    let google = with(SPF, &["v=spf1 include:_spf.google.com ~all"])
        .and("_spf.google.com TXT v=spf1 ip4:192.0.2.0/24 ~all");
    assert_eq!(findings(&google, &via("smtp.gmail.com")).await, [""; 0]);
    assert_eq!(check(&google, &via("smtp.gmail.com")).await.1.spf, Some(true));
    let expected = "Fault spf-relay: SPF does not include spf.messagingengine.com";
    assert_only(&google, &via("smtp.fastmail.com"), expected, "").await;
    // Its own return path: SPF of our domain plays no part.
    let none = zone().without(SPF, RecordKind::Txt);
    assert_eq!(findings(&none, &via("smtp.postmarkapp.com")).await, [""; 0]);
    assert_eq!(check(&none, &via("smtp.postmarkapp.com")).await.1.spf, None);
}

#[tokio::test]
async fn another_relay_that_spf_does_not_name_is_not_known_to_be_wrong() {
    let other = SenderDomain { relay: vec![ip("203.0.113.9")], ..sender() };
    let (checks, facts) = check(&zone(), &other).await;
    let relay = checks.iter().find(|check| check.id == "spf-relay").unwrap();
    assert_eq!((relay.level, facts.spf), (Level::Skipped, None), "{relay:?}");
}
