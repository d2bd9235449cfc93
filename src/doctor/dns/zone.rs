//! A few zones in memory, for tests.

use std::collections::{BTreeMap, BTreeSet};
use std::net::IpAddr;
use std::sync::Mutex;

use super::{Answer, Dns, DnsError, DnsResult, MailHost, RecordKind, labels};

/// Records, failures, and what was asked for.
#[derive(Default)]
pub(crate) struct Zone {
    records: BTreeMap<(String, RecordKind), DnsResult<Answer>>,
    names: BTreeSet<String>,
    asked: Mutex<Vec<String>>,
}

impl Zone {
    /// Reads lines such as `example.com MX 10 mail.example.com` and `example.com TXT SERVFAIL`. A text is the rest of
    /// its line.
    pub(crate) fn read(text: &str) -> Self {
        let mut zone = Self::default();
        for line in text.lines().map(str::trim).filter(|line| !line.is_empty()) {
            let (name, rest) = line.split_once(' ').unwrap();
            let (kind, value) = rest.split_once(' ').unwrap();
            zone.add(name, kind, value);
        }
        zone
    }

    /// The same with more records.
    pub(crate) fn and(mut self, text: &str) -> Self {
        let Self { records, names, .. } = Self::read(text);
        for (key, answer) in records {
            match (self.records.get_mut(&key), answer) {
                (Some(Ok(all)), Ok(more)) => all.extend(more),
                (_, answer) => drop(self.records.insert(key, answer)),
            }
        }
        self.names.extend(names);
        self
    }

    /// The same without the records of a kind at a name.
    pub(crate) fn without(mut self, name: &str, kind: RecordKind) -> Self {
        assert!(self.records.remove(&(name.to_owned(), kind)).is_some(), "{name} has none");
        self
    }

    /// What was asked for, in order.
    pub(crate) fn asked(&self) -> Vec<String> {
        self.asked.lock().unwrap().clone()
    }

    fn add(&mut self, name: &str, kind: &str, value: &str) {
        let (kind, answer) = match kind {
            "A" => (RecordKind::A, Answer::Address(value.parse().unwrap_or([0, 0, 0, 0].into()))),
            "AAAA" => (RecordKind::Aaaa, Answer::Address(value.parse().unwrap_or([0, 0, 0, 0].into()))),
            "CNAME" => (RecordKind::Cname, Answer::Name(value.to_owned())),
            "PTR" => (RecordKind::Ptr, Answer::Name(value.to_owned())),
            "TXT" => (RecordKind::Txt, Answer::Text(value.as_bytes().to_vec())),
            "MX" => {
                let (preference, host) = value.split_once(' ').unwrap_or(("0", value));
                let preference = preference.parse().unwrap();
                let host = host.trim_end_matches('.').to_owned();
                (RecordKind::Mx, Answer::Mail(MailHost { preference, host }))
            }
            other => panic!("{other} is not a kind of record"),
        };
        let answer = match value {
            "SERVFAIL" => Err(DnsError::Failed("SERVFAIL".to_owned())),
            "TIMEOUT" => Err(DnsError::Timeout),
            _ => Ok(vec![answer]),
        };
        let name = name.to_ascii_lowercase();
        let mut above = name.as_str();
        loop {
            self.names.insert(above.to_owned());
            let Some((_, rest)) = above.split_once('.') else { break };
            above = rest;
        }
        match (self.records.get_mut(&(name.clone(), kind)), answer) {
            (Some(Ok(all)), Ok(more)) => all.extend(more),
            (_, answer) => drop(self.records.insert((name, kind), answer)),
        }
    }
}

impl Dns for Zone {
    async fn lookup(&self, name: &str, kind: RecordKind) -> DnsResult<Answer> {
        let mut name = labels(name)?.join(".").to_ascii_lowercase();
        self.asked.lock().unwrap().push(format!("{name} {kind:?}"));
        for _ in 0..8 {
            if let Some(answer) = self.records.get(&(name.clone(), kind)) {
                return answer.clone();
            }
            match self.records.get(&(name.clone(), RecordKind::Cname)) {
                Some(Ok(alias)) if kind != RecordKind::Cname => {
                    let [Answer::Name(alias)] = alias.as_slice() else { panic!("{name} has two aliases") };
                    name.clone_from(alias);
                }
                _ if self.names.contains(&name) => return Err(DnsError::NoRecords),
                _ => return Err(DnsError::NoName),
            }
        }
        Err(DnsError::Failed("SERVFAIL".to_owned()))
    }
}

/// An address of a test.
pub(crate) fn ip(text: &str) -> IpAddr {
    text.parse().unwrap()
}
