//! The resolver of this machine, or a given DNS server, asked with hickory-resolver.

use std::net::SocketAddr;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use hickory_resolver::TokioResolver;
use hickory_resolver::config::{
    ConnectionConfig, NameServerConfig, ResolveHosts, ResolverConfig, ResolverOpts,
};
use hickory_resolver::net::runtime::TokioRuntimeProvider;
use hickory_resolver::net::{DnsError as Negative, NetError};
use hickory_resolver::proto::op::ResponseCode;
use hickory_resolver::proto::rr::{Name, RData, RecordType};
use hickory_resolver::system_conf::read_system_conf;
use tokio::time::{Instant, timeout};

use super::{Answer, Dns, DnsError, DnsResult, MailHost, RecordKind, labels};
use crate::text::clipped;

/// The time for one question, with its repetitions and the way to TCP.
const QUESTION: Duration = Duration::from_secs(5);
/// The time for all questions of one resolver.
const ALL: Duration = Duration::from_secs(20);
/// The most questions that one resolver asks.
const MOST_QUESTIONS: usize = 1000;
/// The most records of an answer that are looked at.
const MOST_RECORDS: usize = 200;

/// Asks the DNS servers of this machine, or one that was given.
pub struct Resolver {
    client: TokioResolver,
    deadline: Instant,
    questions: AtomicUsize,
}

/// Why there is no resolver.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("the DNS servers of this machine are not known: {0}")]
pub struct ResolverError(String);

/// Windows has another type of error than the other systems.
fn unknown(error: &impl ToString) -> ResolverError {
    ResolverError(clipped(&error.to_string()))
}

impl Resolver {
    /// The resolver of the system, or the server at an address. Its time runs from here.
    pub fn new(server: Option<SocketAddr>) -> Result<Self, ResolverError> {
        let config = match server {
            Some(server) => ResolverConfig::from_name_servers(vec![name_server(server)]),
            None => read_system_conf().map_err(|error| unknown(&error))?.0,
        };
        let mut builder = TokioResolver::builder_with_config(config, TokioRuntimeProvider::default());
        *builder.options_mut() = options();
        Ok(Self {
            client: builder.build().map_err(|error| unknown(&error))?,
            deadline: Instant::now() + ALL,
            questions: AtomicUsize::new(0),
        })
    }

    async fn ask(&self, name: Name, kind: RecordType) -> DnsResult<Answer> {
        let left = self.deadline.saturating_duration_since(Instant::now());
        if left.is_zero() || self.questions.fetch_add(1, Ordering::Relaxed) >= MOST_QUESTIONS {
            return Err(DnsError::Timeout);
        }
        let lookup = self.client.lookup(name, kind);
        let lookup = timeout(QUESTION.min(left), lookup).await.map_err(|_| DnsError::Timeout)?;
        let answers: Vec<Answer> = match lookup {
            Ok(lookup) => {
                let of_kind = lookup.answers().iter().filter(|record| record.record_type() == kind);
                of_kind.filter_map(|record| answer(&record.data)).take(MOST_RECORDS).collect()
            }
            Err(error) => return Err(explained(&error)),
        };
        if answers.is_empty() { Err(DnsError::NoRecords) } else { Ok(answers) }
    }
}

impl Dns for Resolver {
    async fn lookup(&self, name: &str, kind: RecordKind) -> DnsResult<Answer> {
        // From labels the name is absolute, and no character of it is an escape.
        let name = Name::from_labels(labels(name)?.into_iter().map(str::as_bytes));
        let kind = match kind {
            RecordKind::A => RecordType::A,
            RecordKind::Aaaa => RecordType::AAAA,
            RecordKind::Cname => RecordType::CNAME,
            RecordKind::Mx => RecordType::MX,
            RecordKind::Ptr => RecordType::PTR,
            RecordKind::Txt => RecordType::TXT,
        };
        self.ask(name.map_err(|_| DnsError::BadName)?, kind).await
    }
}

fn name_server(server: SocketAddr) -> NameServerConfig {
    let connections = [ConnectionConfig::udp(), ConnectionConfig::tcp()].map(|mut connection| {
        connection.port = server.port();
        connection
    });
    NameServerConfig::new(server.ip(), true, connections.into())
}

fn options() -> ResolverOpts {
    let mut options = ResolverOpts::default();
    // Two attempts and the way to TCP fit into the time for a question, whatever resolv.conf says.
    options.timeout = Duration::from_secs(2);
    options.attempts = 1;
    options.edns0 = true;
    options.use_hosts_file = ResolveHosts::Never;
    options
}

fn answer(data: &RData) -> Option<Answer> {
    let text = |name: &Name| {
        let text = name.to_lowercase().to_ascii();
        text.strip_suffix('.').map_or_else(|| text.clone(), str::to_owned)
    };
    match data {
        RData::A(address) => Some(Answer::Address(address.0.into())),
        RData::AAAA(address) => Some(Answer::Address(address.0.into())),
        RData::CNAME(name) => Some(Answer::Name(text(&name.0))),
        RData::PTR(name) => Some(Answer::Name(text(&name.0))),
        RData::MX(mx) => Some(Answer::Mail(MailHost { preference: mx.preference, host: text(&mx.exchange) })),
        RData::TXT(txt) => Some(Answer::Text(txt.txt_data.concat())),
        _ => None,
    }
}

fn explained(error: &NetError) -> DnsError {
    match error {
        NetError::Dns(Negative::NoRecordsFound(none)) if none.response_code == ResponseCode::NXDomain => {
            DnsError::NoName
        }
        NetError::Dns(Negative::NoRecordsFound(_)) => DnsError::NoRecords,
        NetError::Dns(Negative::ResponseCode(ResponseCode::ServFail)) => {
            DnsError::Failed("SERVFAIL".to_owned())
        }
        NetError::Dns(Negative::ResponseCode(ResponseCode::Refused)) => {
            DnsError::Failed("REFUSED".to_owned())
        }
        NetError::Timeout => DnsError::Timeout,
        error => DnsError::Failed(clipped(&error.to_string())),
    }
}
