//! The relay: whether it can be reached, and whether it takes our emails. No message is sent.

mod offers;

use std::net::{IpAddr, SocketAddr};
use std::time::Duration;

use tokio::net::{TcpStream, lookup_host};
use tokio::time::timeout;

use super::domain::is_this_machine;
use super::newest_emails::{NewestEmails, envelope_sender};
use super::{Check, Section, certificate, explained};
use crate::config::{Deadlines, Smtp, Span, Tls};
use crate::delivery::diagnosis::Blame;
use crate::delivery::smtp::Examination;
use crate::delivery::{Phase, SmtpOutcome, TransportError};
use crate::pipeline::session::{RunContext, relay_transport};
use crate::pipeline::status::relay_failure;
use crate::text::clipped;

/// The timeout for looking up a name, and for one connection.
const CONNECTING: Duration = Duration::from_secs(5);

/// The timeout for the whole session. A relay may greet late on purpose, against spam.
const SESSION: Duration = Duration::from_secs(14);

/// What the other sections need to know of the relay.
#[derive(Debug, Default)]
pub(super) struct Relay {
    /// Its addresses.
    pub(super) addresses: Vec<IpAddr>,
    /// The name with which it greets, once it was asked.
    pub(super) name: Option<String>,
}

impl Relay {
    /// Whether it is on this machine, and sends to receivers by the name with which it greets.
    pub(super) fn is_here(&self) -> bool {
        self.addresses.iter().any(|address| is_this_machine(*address))
    }
}

/// Looks the relay up.
pub(super) async fn look_up(smtp: &Smtp) -> (Relay, Check) {
    let host = idna::domain_to_ascii(&smtp.host).unwrap_or_else(|_| smtp.host.clone());
    let found = timeout(CONNECTING, lookup_host((host.as_str(), smtp.port()))).await;
    let failed = |why: String| {
        Check::fault(
            Section::Relay,
            "relay-name",
            format!("the name of the relay cannot be looked up: {why}"),
            "check smtp.host in config.toml, and that this machine reaches a name server",
        )
        .passing()
    };
    let mut addresses: Vec<IpAddr> = match found {
        Ok(Ok(found)) => found.map(|address| address.ip().to_canonical()).collect(),
        Ok(Err(error)) => return (Relay::default(), failed(error.to_string()).about(&smtp.host)),
        Err(_) => {
            let why = format!("no answer within {} seconds", CONNECTING.as_secs());
            return (Relay::default(), failed(why).about(&smtp.host));
        }
    };
    addresses.sort();
    addresses.dedup();
    let shown: Vec<String> = addresses.iter().take(4).map(IpAddr::to_string).collect();
    let more = if addresses.len() > shown.len() { " and more" } else { "" };
    let check =
        Check::good(Section::Relay, "relay-name", format!("its addresses are {}{more}", shown.join(", ")));
    (Relay { addresses, name: None }, check.about(&smtp.host))
}

/// All checks of a relay that was looked up, and the name with which it greets.
pub(super) async fn check(
    context: &RunContext,
    smtp: &Smtp,
    relay: &Relay,
    emails: &NewestEmails,
) -> (Vec<Check>, Option<String>) {
    if relay.addresses.is_empty() {
        return (Vec::new(), None);
    }
    let (paths, (session, name)) =
        tokio::join!(paths(smtp, &relay.addresses), session(context, smtp, emails));
    let is_reached = session.iter().all(|check| check.id != "relay-connection");
    // A relay without any path has one problem and not three.
    let paths = paths.into_iter().filter(|check| is_reached || !check.is_bad());
    (paths.chain(session).map(|check| check.about(&smtp.host)).collect(), name)
}

/// Connects by IPv4 and by IPv6, each by itself.
async fn paths(smtp: &Smtp, addresses: &[IpAddr]) -> Vec<Check> {
    let port = smtp.port();
    let first = |is_wanted: fn(&IpAddr) -> bool| addresses.iter().copied().find(is_wanted);
    let (four, six) = tokio::join!(
        path("relay-ipv4", "IPv4", first(IpAddr::is_ipv4), port),
        path("relay-ipv6", "IPv6", first(IpAddr::is_ipv6), port),
    );
    vec![four, six]
}

async fn path(id: &'static str, family: &str, address: Option<IpAddr>, port: u16) -> Check {
    let Some(ip) = address else {
        return Check::skipped(Section::Relay, id, format!("the relay has no {family} address"));
    };
    let slow = format!("each connection by {family} fails first and costs time");
    let failed = |why: &str| {
        let message = format!("no connection by {family} to {ip} port {port}: {why}");
        let next = format!("{slow}: check the firewall, or ask the provider of the relay or of this machine");
        Check::warning(Section::Relay, id, message, next).passing()
    };
    match timeout(CONNECTING, TcpStream::connect(SocketAddr::new(ip, port))).await {
        Ok(Ok(_)) => Check::good(Section::Relay, id, format!("connects by {family}")),
        Ok(Err(error)) if is_without_family(&error) => {
            Check::skipped(Section::Relay, id, format!("this machine has no {family}"))
        }
        Ok(Err(error)) => failed(&error.to_string()),
        Err(_) => failed(&format!("no answer within {} seconds", CONNECTING.as_secs())),
    }
}

/// Whether there is no way to send anything to such an address.
fn is_without_family(error: &std::io::Error) -> bool {
    use std::io::ErrorKind;
    matches!(error.kind(), ErrorKind::NetworkUnreachable | ErrorKind::AddrNotAvailable)
        // EAFNOSUPPORT of Linux and of the BSDs has no kind.
        || matches!(error.raw_os_error(), Some(97 | 47))
}

/// One session, up to MAIL FROM.
async fn session(context: &RunContext, smtp: &Smtp, emails: &NewestEmails) -> (Vec<Check>, Option<String>) {
    let mut hurried = smtp.clone();
    let most = |span: Span, limit: u32| if span > Span::seconds(limit) { Span::seconds(limit) } else { span };
    hurried.deadlines = Deadlines {
        connect: most(smtp.deadlines.connect, 5),
        command: most(smtp.deadlines.command, 10),
        ..smtp.deadlines
    };
    let transport = match relay_transport(&context.config, hurried, &context.clock) {
        Ok(transport) => transport,
        Err(error) => {
            let (what, next) = explained(&error);
            return (vec![Check::fault(Section::Relay, "relay-settings", what, next)], None);
        }
    };
    let from = envelope_sender(&context.config);
    let size = emails.largest.unwrap_or(0);
    let examined = timeout(SESSION, transport.examine(from.as_ref(), size))
        .await
        .unwrap_or(Err(SmtpOutcome { phase: Phase::Greeting, result: Err(TransportError::Deadline) }));
    match examined {
        Ok(examined) => {
            let name = Some(examined.offered.host.clone()).filter(|name| name.contains('.'));
            (accepted(context, smtp, emails, &examined), name)
        }
        Err(outcome) => {
            let rest = "what the relay offers was not asked, because the session ended before";
            (vec![failure(context, &outcome), Check::skipped(Section::Relay, "relay-offers", rest)], None)
        }
    }
}

/// A session that did not get as far as MAIL.
fn failure(context: &RunContext, outcome: &SmtpOutcome) -> Check {
    let id = match outcome.phase {
        Phase::Connect => "relay-connection",
        Phase::Tls => "relay-tls",
        Phase::Auth => "relay-login",
        _ => "relay-session",
    };
    let explained = relay_failure(&context.config, outcome);
    let next = explained.finding.hint.unwrap_or_else(|| {
        "try again in a while; with `--smtp-trace FILE`, `letterpress check --live` writes down what was said"
            .to_owned()
    });
    let check = Check::fault(Section::Relay, id, explained.finding.message, next);
    if explained.blame == Blame::Surroundings { check.passing() } else { check }
}

fn accepted(context: &RunContext, smtp: &Smtp, emails: &NewestEmails, examined: &Examination) -> Vec<Check> {
    let mut checks = vec![protection(smtp, examined)];
    checks.extend(
        examined
            .certificate_end
            .map(|end| certificate(Section::Relay, "relay-certificate", end, context.clock.now())),
    );
    checks.push(if smtp.user.is_some() {
        Check::good(Section::Relay, "relay-login", "the log-in works")
    } else {
        Check::good(Section::Relay, "relay-login", "it takes mail without a log-in, as configured")
    });
    checks.extend(offers::check(&examined.offered, smtp, emails.largest));
    checks.extend(examined.mail.as_ref().map(|mail| envelope(context, mail)));
    checks
}

fn protection(smtp: &Smtp, examined: &Examination) -> Check {
    match smtp.tls {
        Tls::Implicit => {
            Check::good(Section::Relay, "relay-tls", "TLS from the first byte, with a valid certificate")
        }
        Tls::Starttls => {
            Check::good(Section::Relay, "relay-tls", "STARTTLS is offered, with a valid certificate")
        }
        Tls::None if examined.offered.starttls => Check::warning(
            Section::Relay,
            "relay-tls",
            "the connection is not encrypted, although the relay offers STARTTLS",
            "set tls = \"starttls\" in [smtp] in config.toml",
        ),
        Tls::None => Check::good(Section::Relay, "relay-tls", "not encrypted, on this machine only"),
    }
}

/// The answer to MAIL FROM.
fn envelope(context: &RunContext, outcome: &SmtpOutcome) -> Check {
    let newsletter = &context.config.newsletter;
    let from = match (&newsletter.bounces, &newsletter.from) {
        (Some(bounces), _) => format!("{}+…@{}", bounces.local_part(), bounces.domain()),
        (None, from) => from.as_ref().map(|from| from.address.to_string()).unwrap_or_default(),
    };
    let id = "relay-envelope";
    match &outcome.result {
        Ok(reply) if reply.class() == 2 => Check::good(
            Section::Relay,
            id,
            format!("it accepts the envelope sender {from}; nothing was sent"),
        ),
        Ok(reply) if reply.class() == 4 => Check::warning(
            Section::Relay,
            id,
            format!("it does not accept the envelope sender {from} now: {}", clipped(&outcome.reply_text())),
            "try again in a while; emails wait until then",
        )
        .passing(),
        _ => Check::fault(
            Section::Relay,
            id,
            format!("it refuses the envelope sender {from}: {}", clipped(&outcome.reply_text())),
            "let the relay accept this address for your login, or change newsletter.bounces or newsletter.from",
        ),
    }
}
