//! The evaluator of SPF against the test suite of RFC 7208, which the Python package `pyspf` contains. It is not copied here, because it
//! names no licence: `tests/spf/cases.py` makes the JSON for `LETTERPRESS_TEST_SPF`.

use std::collections::BTreeMap;

use letterpress::internals::doctor::dns::{Answer, Dns, DnsError, DnsResult, MailHost, RecordKind};
use letterpress::internals::doctor::domain::spf::{Envelope, SpfResult, evaluate};
use serde::Deserialize;
use serde_json::Value;

#[derive(Deserialize)]
struct Scenario {
    description: String,
    tests: BTreeMap<String, Case>,
    zonedata: BTreeMap<String, Vec<Value>>,
}

#[derive(Deserialize)]
struct Case {
    helo: String,
    host: String,
    mailfrom: String,
    result: Value,
    explanation: Option<String>,
}

/// The zone of a scenario. `TIMEOUT` stands for every record that is not there.
struct SuiteZone(BTreeMap<String, Vec<Value>>);

impl SuiteZone {
    fn new(zonedata: BTreeMap<String, Vec<Value>>) -> Self {
        Self(zonedata.into_iter().map(|(name, records)| (name.to_ascii_lowercase(), records)).collect())
    }

    fn records(&self, name: &str, kind: RecordKind) -> DnsResult<Answer> {
        let Some(entries) = self.0.get(name) else { return Err(DnsError::NoName) };
        let of = |kind: &str| entries.iter().filter_map(|entry| entry.get(kind)).cloned().collect::<Vec<_>>();
        let values = match kind {
            RecordKind::A => of("A"),
            RecordKind::Aaaa => of("AAAA"),
            RecordKind::Cname => of("CNAME"),
            RecordKind::Mx => of("MX"),
            RecordKind::Ptr => of("PTR"),
            // Records of the retired type are meant as TXT, unless there is TXT as well.
            RecordKind::Txt if of("TXT").is_empty() => of("SPF"),
            RecordKind::Txt => of("TXT"),
        };
        let answers: Vec<_> =
            values.iter().filter(|value| *value != "NONE").map(|value| answer(kind, value)).collect();
        match answers.is_empty() {
            false => Ok(answers),
            true if entries.iter().any(|entry| entry == "TIMEOUT") => Err(DnsError::Timeout),
            true => Err(DnsError::NoRecords),
        }
    }
}

fn text(value: &Value) -> String {
    match value {
        Value::String(text) => text.clone(),
        Value::Array(parts) => parts.iter().map(text).collect(),
        other => other.to_string(),
    }
}

fn answer(kind: RecordKind, value: &Value) -> Answer {
    let name = |value: &Value| text(value).trim_end_matches('.').to_owned();
    match kind {
        RecordKind::A | RecordKind::Aaaa => Answer::Address(text(value).parse().unwrap()),
        RecordKind::Cname | RecordKind::Ptr => Answer::Name(name(value)),
        RecordKind::Mx => {
            let preference = u16::try_from(value[0].as_u64().unwrap()).unwrap();
            Answer::Mail(MailHost { preference, host: name(&value[1]) })
        }
        RecordKind::Txt => Answer::Text(text(value).into_bytes()),
    }
}

impl Dns for SuiteZone {
    async fn lookup(&self, name: &str, kind: RecordKind) -> DnsResult<Answer> {
        let mut name = name.trim_end_matches('.').to_ascii_lowercase();
        if name.split('.').any(|label| label.is_empty() || label.len() > 63) {
            return Err(DnsError::BadName);
        }
        for _ in 0..8 {
            match self.records(&name, RecordKind::Cname) {
                Ok(alias) if kind != RecordKind::Cname => {
                    let [Answer::Name(alias)] = alias.as_slice() else { panic!("{name}: two aliases") };
                    name = alias.to_ascii_lowercase();
                }
                _ => return self.records(&name, kind),
            }
        }
        Err(DnsError::Failed("a loop of aliases".to_owned()))
    }
}

fn word(result: SpfResult) -> String {
    format!("{result:?}").to_ascii_lowercase()
}

#[tokio::test]
async fn the_test_suite_of_the_rfc_passes() {
    let Some((_, file)) = std::env::vars().find(|(name, _)| name == "LETTERPRESS_TEST_SPF") else {
        println!("NOT RUN spf-suite: LETTERPRESS_TEST_SPF is not set (tests/spf/cases.py)");
        return;
    };
    let scenarios: Vec<Scenario> = serde_json::from_slice(&std::fs::read(file).unwrap()).unwrap();
    let (mut wrong, mut passed) = (Vec::new(), 0);
    for scenario in scenarios {
        let zone = SuiteZone::new(scenario.zonedata);
        for (name, case) in scenario.tests {
            let (local_part, domain) = case.mailfrom.rsplit_once('@').unwrap_or(("", &case.mailfrom));
            let domain = if domain.is_empty() { &case.helo } else { domain };
            let address = case.host.parse().unwrap();
            let verdict = evaluate(&zone, Envelope { address, local_part, domain, helo: &case.helo }).await;
            let result = word(verdict.result);
            let is_expected = match &case.result {
                Value::Array(results) => results.iter().any(|one| *one == *result),
                one => *one == *result,
            };
            // DEFAULT is what a receiver says if the domain says nothing.
            let explained = case.explanation.filter(|text| text != "DEFAULT");
            if is_expected && explained == verdict.explanation {
                passed += 1;
            } else {
                let why = (&verdict.why, &verdict.explanation);
                wrong.push(format!(
                    "{}, {name}: {result}, not {} {explained:?}: {why:?}",
                    scenario.description, case.result
                ));
            }
        }
    }
    println!("{passed} cases of the test suite of RFC 7208");
    assert!(wrong.is_empty() && passed > 150, "{passed} passed, and these not:\n{}", wrong.join("\n"));
}
