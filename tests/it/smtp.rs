//! The SMTP client against a scripted server: for every fault the outcome, the verdict, and what the server received.

mod dot;
mod phases;
mod random;
mod session;

use letterpress::internals::address::EmailAddress;
use letterpress::internals::config::{Secret, Smtp, Span};
use letterpress::internals::delivery::smtp::SmtpTransport;
use letterpress::internals::delivery::verdict::{Verdict, classify};
use letterpress::internals::delivery::{Connection, Envelope, Phase, SmtpOutcome, Transport as _};
use serde_json::json;

use super::support::{At, Certificates, Do, Script, Server, reply_line};

/// Waits until all that the server writes at this point can be read.
async fn written(server: &Server, at: At) {
    loop {
        let has_performed = server.has_performed(at);
        // The runtime looks at its sockets meanwhile.
        tokio::time::sleep(std::time::Duration::from_millis(10)).await;
        if has_performed {
            return;
        }
    }
}

const LATER: Verdict = Verdict::Deferred { policy: false };
const LATER_POLICY: Verdict = Verdict::Deferred { policy: true };
const FAILED: Verdict = Verdict::Failed { policy: false };
const FAILED_POLICY: Verdict = Verdict::Failed { policy: true };

/// The relay at `server`, without TLS.
fn relay(server: &Server) -> Smtp {
    serde_json::from_value(json!({ "host": "127.0.0.1", "port": server.port(), "tls": "none" })).unwrap()
}

/// The relay at `server`, over TLS; `how` is `implicit` or `starttls`.
fn secure_relay(server: &Server, how: &str, certificates: &Certificates) -> Smtp {
    let ca_file = certificates.ca_file();
    serde_json::from_value(
        json!({ "host": "localhost", "port": server.port(), "tls": how, "ca_file": ca_file }),
    )
    .unwrap()
}

fn transport(smtp: &Smtp) -> SmtpTransport {
    let password = smtp.user.as_ref().map(|_| Secret::new("correct horse", "test").unwrap());
    SmtpTransport::new(smtp, password.map(Into::into)).unwrap()
}

/// The shortest deadline that the configuration allows.
fn a_second() -> Span {
    Span::seconds(1)
}

fn message_to(recipient: &str) -> Vec<u8> {
    format!("To: {recipient}\r\nSubject: 42\r\n\r\n.a dot\r\n.\r\nend\r\n").into_bytes()
}

fn envelope(recipient: &str) -> Envelope {
    let address = |raw: &str| EmailAddress::parse(raw).unwrap();
    let name: String = recipient.split('@').take(1).flat_map(str::chars).filter(char::is_ascii).collect();
    let from = format!("b+{name}@news.example");
    Envelope { from: address(&from), to: address(recipient), size: message_to(recipient).len() }
}

/// Sends one message through all phases.
async fn one(connection: &mut dyn Connection, recipient: &str, next: Option<&Envelope>) -> SmtpOutcome {
    if let Err(outcome) = connection.offer(&envelope(recipient)).await {
        return outcome;
    }
    if let Err(outcome) = connection.body(&message_to(recipient)).await {
        return outcome;
    }
    connection.final_dot(next).await
}

/// Sends one message to each recipient over as few connections as possible; returns the outcomes.
async fn send(smtp: &Smtp, recipients: &[&str]) -> Vec<SmtpOutcome> {
    let transport = transport(smtp);
    let mut open: Option<Box<dyn Connection>> = None;
    let mut all = Vec::new();
    for (place, recipient) in recipients.iter().enumerate() {
        let mut connection = match open.take().filter(|connection| connection.is_usable()) {
            Some(connection) => connection,
            None => match transport.connect().await {
                Ok(connection) => connection,
                Err(outcome) => {
                    all.push(outcome);
                    continue;
                }
            },
        };
        let next = recipients.get(place + 1).map(|recipient| envelope(recipient));
        all.push(one(&mut *connection, recipient, next.as_ref()).await);
        open = Some(connection);
    }
    if let Some(connection) = open {
        connection.quit().await;
    }
    all
}

/// Sends one message to one recipient at a server with this script.
async fn alone(script: Script) -> (Server, SmtpOutcome) {
    let server = Server::start(script);
    let mut outcome = send(&relay(&server), &["kim@example.com"]).await;
    (server, outcome.remove(0))
}

fn verdicts(outcome: &[SmtpOutcome]) -> Vec<Verdict> {
    outcome.iter().map(classify).collect()
}
