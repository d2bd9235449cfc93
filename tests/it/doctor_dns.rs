//! The sender's domain, asked from a real DNS server: zones that are as they must be, spoiled ones, and servers that lie.

mod bind;
mod liar;
mod spf_suite;

use std::time::{Duration, Instant};

use letterpress::internals::doctor::dns::{Dns as _, DnsError, Resolver};
use letterpress::internals::doctor::domain::{DkimKey, SenderDomain, check};
use letterpress::internals::doctor::{Check, Level};

pub(crate) use bind::{Bind, ZoneFile};
use liar::{Liar, Lie};

const KEY: &str = "11qYAYKxCrfVS/7TyWQHOg7hcvPapiMlrwIaaPcHURo=";

/// What a zone has at each name if nothing is wrong.
const GOOD: [(&str, &str); 7] = [
    ("@", "MX 10 mail"),
    ("mail", "A 198.51.100.30"),
    ("bounce", "MX 10 mail"),
    ("bounce", "TXT \"v=spf1 ip4:198.51.100.25 include:spf.ORIGIN -all\""),
    ("spf", "TXT \"v=spf1 ip4:198.51.100.0/28 -all\""),
    ("letters._domainkey", "TXT \"v=DKIM1; k=ed25519; \" \"p=KEY\""),
    ("_dmarc", "TXT \"v=DMARC1; p=reject; rua=mailto:dmarc@ORIGIN\""),
];

/// A fault: which record of the good zone it replaces, the records instead, and what must be said.
struct Fault(&'static str, &'static [&'static str], &'static str);

const SPF: &str = "bounce TXT";
const DKIM: &str = "letters._domainkey TXT";
const DMARC: &str = "_dmarc TXT";

#[rustfmt::skip]
const FAULTS: [Fault; 40] = [
    Fault(SPF, &[], "Fault spf: there is no SPF record"),
    Fault(SPF, &["bounce TXT \"v=spf1 mx -all\"", "bounce TXT \"v=spf1 a -all\""], "Fault spf-several"),
    Fault(SPF, &["bounce TXT \"v=spf1 ipv4:198.51.100.25 -all\""], "Fault spf-syntax: the SPF record has an error at character 8"),
    Fault(SPF, &["bounce TXT \"v=spf1 ip4:198.51.100.25 \\128all\""], "Fault spf-syntax"),
    Fault(SPF, &["bounce TXT \"v=spf1 ip4:198.51.100.25 include:gone.ORIGIN -all\""], "Fault spf-include: at gone."),
    Fault(SPF, &["bounce TXT \"v=spf1 ip4:198.51.100.25 include:spf.dead.example -all\""], "Fault spf-include: at spf.dead.example, the SPF record cannot be read"),
    Fault(SPF, &["bounce TXT \"v=spf1 ip4:198.51.100.25 include:circle.ORIGIN -all\"", "circle TXT \"v=spf1 redirect=bounce.ORIGIN\""], "Fault spf-loop"),
    Fault(SPF, &["bounce TXT \"v=spf1 mx mx mx mx mx mx mx mx mx mx mx ip4:198.51.100.25 -all\""], "Fault spf-lookups: the SPF record needs 11"),
    Fault(SPF, &["bounce TXT \"v=spf1 ip4:198.51.100.25 a:x1.ORIGIN a:x2.ORIGIN a:x3.ORIGIN -all\""], "Fault spf-voids"),
    Fault(SPF, &["bounce TXT \"v=spf1 ip4:198.51.100.25 +all\""], "Fault spf-all"),
    Fault(SPF, &["bounce TXT \"v=spf1 ip4:198.51.100.25 ?all\""], "Warning spf-all"),
    Fault(SPF, &["bounce TXT \"v=spf1 -all\""], "Fault spf-relay"),
    Fault(SPF, &["bounce TXT \"v=spf1 ptr -all\""], "Warning spf-ptr"),
    Fault(DKIM, &[], "Fault dkim-record: there is no DKIM record, so"),
    Fault(DKIM, &["letters._domainkey.ORIGIN TXT \"v=DKIM1; k=ed25519; p=KEY\""], "Fault dkim-record: there is no DKIM record, but there is one at the wrong name"),
    Fault(DKIM, &["letters._domainkey TXT \"v=DKIM1; k=ed25519; p=AAAA\""], "Fault dkim-key"),
    Fault(DKIM, &["letters._domainkey TXT \"v=DKIM1; k=ed25519; p=11qYAYKxCrfVS\""], "Fault dkim-key: the key in DNS is the one on disk, but it ends after 13"),
    Fault(DKIM, &["letters._domainkey TXT \"v=DKIM1; k=ed25519; p=\""], "Fault dkim-revoked"),
    Fault(DKIM, &["letters._domainkey TXT \"v=DKIM1; k=ed25519; t=y; p=KEY\""], "Warning dkim-testing"),
    Fault(DKIM, &["letters._domainkey TXT \"v=DKIM1; p=KEY\""], "Fault dkim-syntax"),
    Fault(DKIM, &["letters._domainkey TXT \"\\\"v=DKIM1; k=ed25519; p=KEY\\\"\""], "Fault dkim-syntax: the record holds \""),
    Fault(DKIM, &["letters._domainkey TXT \"v=DKIM1; k=ed25519; p=KEY\"", "letters._domainkey TXT \"v=DKIM1; p=AAAA\""], "Fault dkim-several"),
    Fault(DKIM, &["letters._domainkey TXT \"\\000\\027\\255\\200\""], "Fault dkim-syntax"),
    Fault(DKIM, &["letters._domainkey CNAME round", "round CNAME letters._domainkey"], "Fault dkim-record: the DKIM record cannot be read"),
    Fault(DMARC, &[], "Fault dmarc: there is no DMARC record;"),
    Fault(DMARC, &["_dmarc.ORIGIN TXT \"v=DMARC1; p=none\""], "Fault dmarc: there is no DMARC record, but there is one at the wrong name"),
    Fault(DMARC, &["_dmarc TXT \"v=DMARC1; p=reject\"", "_dmarc TXT \"v=DMARC1; p=none\""], "Fault dmarc-several"),
    Fault(DMARC, &["_dmarc TXT \"v=DMARC1; p=none; rua=mailto:dmarc@ORIGIN\""], "Warning dmarc-policy"),
    Fault(DMARC, &["_dmarc TXT \"v=DMARC1; p=reject; pct=20; rua=mailto:dmarc@ORIGIN\""], "Warning dmarc-tags"),
    Fault(DMARC, &["_dmarc TXT \"v=DMARC1; p=reject; rua=mailto:x@reports.test\""], "Warning dmarc-permission"),
    Fault(DMARC, &["_dmarc TXT \"v=DMARC1; p=reject; aspf=s; rua=mailto:dmarc@ORIGIN\""], "Warning dmarc-alignment"),
    Fault(DMARC, &["_dmarc NS ns.dead.example."], "Fault dmarc: the DMARC record cannot be read"),
    Fault("@ MX", &["@ MX 0 ."], "Fault mx: the domain says that it takes no mail"),
    Fault("@ MX", &["@ MX 10 198.51.100.30."], "Fault mx: the MX record names the address"),
    Fault("@ MX", &["@ MX 10 alias", "alias CNAME mail"], "Warning mx: the mail host alias."),
    Fault("@ MX", &["@ MX 10 nowhere"], "Fault mx: the mail host nowhere."),
    Fault("@ MX", &[], "Fault mx: there is no MX record"),
    Fault("bounce MX", &["bounce MX 10 mail.dead.example."], "Fault bounce-mx: the address of the mail host mail.dead.example cannot be read"),
    Fault("", &["_mta-sts TXT \"v=STSv1; id=1.2\""], "Warning mta-sts"),
    Fault("", &["default._bimi TXT \"v=BIMI1; l=http://example.com/logo.svg\""], "Warning bimi"),
];

/// Zones that are unusual, but as they must be: what is replaced, and by what.
const UNUSUAL: [(&str, &[&str]); 5] = [
    ("", &["* TXT \"a wildcard\"", "* A 198.51.100.1"]),
    ("", &["bounce TXT \"\\000\\255\\128 not text\"", "bounce TXT LONG"]),
    (DKIM, &["_domainkey DNAME keys", "letters.keys TXT \"v=DKIM1; k=ed25519; p=KEY\""]),
    (
        DKIM,
        &[
            "letters._domainkey CNAME key",
            "key TXT \"k=ed25519; p=11qYAYKxCrfVS/7TyWQHOg7h cvPapiMlrwIaaPcHURo=\"",
        ],
    ),
    (DMARC, &["_dmarc CNAME policy", "policy TXT \"v=DMARC1; p=quarantine; rua=mailto:dmarc@ORIGIN\""]),
];

/// The good zone with records in place of others.
fn zone(name: &str, without: &str, records: &[&str]) -> ZoneFile {
    let kept = GOOD.iter().map(|(at, record)| format!("{at} {record}"));
    let kept = kept.filter(|line| without.is_empty() || !line.starts_with(without));
    // 61,200 bytes in 240 strings: the answer comes over TCP only.
    let long = format!("( {} )", vec![format!("\"{}\"", "x".repeat(255)); 240].join("\n"));
    let lines = kept.chain(records.iter().map(|record| (*record).to_owned()));
    let filled = lines.map(|line| line.replace("ORIGIN", name).replace("KEY", KEY).replace("LONG", &long));
    ZoneFile { name: name.to_owned(), lines: filled.collect() }
}

fn sender(domain: &str) -> SenderDomain {
    SenderDomain {
        from: domain.to_owned(),
        envelope: format!("bounce.{domain}"),
        relay: vec!["198.51.100.25".parse().unwrap()],
        relay_host: Some("relay.example".to_owned()),
        helo: None,
        dkim: vec![DkimKey {
            domain: domain.to_owned(),
            selector: "letters".to_owned(),
            public: KEY.to_owned(),
        }],
    }
}

/// What is not as it must be. Nothing of it may disturb a terminal.
fn findings(checks: &[Check]) -> Vec<String> {
    let found = checks.iter().filter(|check| check.level >= Level::Warning);
    let found: Vec<_> =
        found.map(|check| format!("{:?} {}: {}", check.level, check.id, check.message)).collect();
    for text in &found {
        assert!(!text.chars().any(char::is_control) && text.len() < 600, "{text:?}");
    }
    found
}

#[tokio::test(flavor = "multi_thread")]
async fn each_fault_in_a_zone_of_bind_is_named_and_nothing_else() {
    let faults = FAULTS.iter().enumerate();
    let faults = faults
        .map(|(number, Fault(without, records, _))| zone(&format!("f{number}.example"), without, records));
    let unusual = UNUSUAL.iter().enumerate();
    let unusual =
        unusual.map(|(number, (without, records))| zone(&format!("u{number}.example"), without, records));
    let broken = ZoneFile { name: "broken.example".to_owned(), lines: Vec::new() };
    let reports = ZoneFile { name: "reports.test".to_owned(), lines: vec!["@ MX 0 mail".to_owned()] };
    let zones: Vec<_> =
        faults.chain(unusual).chain([zone("good.example", "", &[]), broken, reports]).collect();
    let Some(bind) = Bind::start(&zones).await else { return };

    let (good, facts) = check(&bind.resolver(), &sender("good.example")).await;
    assert_eq!(findings(&good), [""; 0]);
    assert_eq!(
        (facts.spf, facts.spf_aligned, facts.dkim_aligned, facts.dmarc),
        (Some(true), Some(true), Some(true), Some(true))
    );
    for (number, (_, records)) in UNUSUAL.iter().enumerate() {
        let (checks, _) = check(&bind.resolver(), &sender(&format!("u{number}.example"))).await;
        assert_eq!(findings(&checks), [""; 0], "{records:?}");
    }
    for (number, Fault(_, records, expected)) in FAULTS.iter().enumerate() {
        let (checks, _) = check(&bind.resolver(), &sender(&format!("f{number}.example"))).await;
        let found = findings(&checks);
        assert!(
            found.len() == 1 && found[0].starts_with(expected),
            "{records:?}: {expected:?}, but {found:#?}"
        );
    }
    for (domain, expected) in [
        ("gone.example", "Fault domain: the domain of From does not exist in DNS"),
        ("broken.example", "Fault domain: DNS fails with SERVFAIL, for every record of the domain of From"),
        ("dead.example", "Fault domain: DNS fails with SERVFAIL, for every record of the domain of From"),
    ] {
        let (checks, _) = check(&bind.resolver(), &sender(domain)).await;
        assert_eq!(findings(&checks), [expected], "{domain}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn the_name_of_a_relay_on_this_machine_is_asked_backwards_and_forwards() {
    let lines = |lines: &[&str]| lines.iter().map(|line| (*line).to_owned()).collect();
    let reverse = lines(&["30 PTR mail.own.example.", "31 PTR other.own.example."]);
    let zones = [
        zone(
            "own.example",
            SPF,
            &[
                "bounce TXT \"v=spf1 a:mail.own.example a:second.own.example a:third.own.example -all\"",
                "second A 198.51.100.31",
                "third A 198.51.100.32",
                "other A 198.51.100.99",
            ],
        ),
        ZoneFile { name: "100.51.198.in-addr.arpa".to_owned(), lines: reverse },
    ];
    let Some(bind) = Bind::start(&zones).await else { return };
    for (helo, expected, reverse_name) in [
        ("mail.own.example", &[][..], true),
        (
            "second.own.example",
            &[
                "Fault reverse-name: the name of the sending address is other.own.example, but that name does not lead back to it",
            ],
            false,
        ),
        (
            "third.own.example",
            &[
                "Fault reverse-name: the sending address has no name (PTR record), and large receivers reject its mail",
            ],
            false,
        ),
    ] {
        let relay = vec!["127.0.0.1".parse().unwrap()];
        let own =
            SenderDomain { relay, relay_host: None, helo: Some(helo.to_owned()), ..sender("own.example") };
        let (checks, facts) = check(&bind.resolver(), &own).await;
        assert_eq!(findings(&checks), expected, "{helo}");
        assert_eq!((facts.reverse_name, facts.spf), (Some(reverse_name), Some(true)), "{helo}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_server_that_lies_costs_its_time_and_nothing_else() {
    let asked = Lie::ALL.map(|lie| async move {
        let liar = Liar::start(lie).await;
        let started = Instant::now();
        let answer = Resolver::new(Some(liar.address)).unwrap().txt("notes.example").await;
        (lie, answer, started.elapsed())
    });
    for (lie, answer, elapsed) in futures_util::future::join_all(asked).await {
        println!("{lie:?} in {elapsed:?}: {answer:?}");
        assert!(answer.is_err(), "{lie:?}: {answer:?}");
        // One question is given five seconds; a busy machine may come back to it later.
        assert!(elapsed < Duration::from_secs(15), "{lie:?}: {elapsed:?}");
        if lie == Lie::Silence {
            assert_eq!(answer, Err(DnsError::Timeout));
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn without_a_dns_server_there_is_one_finding() {
    let liar = Liar::start(Lie::Silence).await;
    let resolver = Resolver::new(Some(liar.address)).unwrap();
    let (checks, _) = check(&resolver, &sender("notes.example")).await;
    assert_eq!(findings(&checks), ["Fault dns: no DNS server answers in time"]);
    let nobody = std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
    let (checks, _) = check(&Resolver::new(Some(nobody)).unwrap(), &sender("notes.example")).await;
    let found = findings(&checks);
    assert!(found.len() == 1 && found[0].starts_with("Fault dns: "), "{found:?}");
}
