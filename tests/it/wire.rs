//! The SMTP client against a scripted server: for every fault the outcome, the verdict, and what the server received.

mod dot;
mod phases;
mod random;
mod session;

use letterpress::address::EmailAddress;
use letterpress::config::{Secret, Smtp, Span};
use letterpress::delivery::smtp::SmtpTransport;
use letterpress::delivery::verdict::{Verdict, classify};
use letterpress::delivery::{Connection, Envelope, Phase, SmtpOutcome, Transport as _};
use serde_json::json;

use super::support::{At, Certificates, Do, Script, Server, say};

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

fn wire(smtp: &Smtp) -> SmtpTransport {
    let password = smtp.user.as_ref().map(|_| Secret::new("correct horse", "test").unwrap());
    SmtpTransport::new(smtp, password).unwrap()
}

/// The shortest deadline that the configuration allows.
fn a_second() -> Span {
    Span::seconds(1)
}

fn letter(reader: &str) -> Vec<u8> {
    format!("To: {reader}\r\nSubject: 42\r\n\r\n.a dot\r\n.\r\nend\r\n").into_bytes()
}

fn envelope(reader: &str) -> Envelope {
    let address = |raw: &str| EmailAddress::parse(raw).unwrap();
    let name: String = reader.split('@').take(1).flat_map(str::chars).filter(char::is_ascii).collect();
    let from = format!("b+{name}@news.example");
    Envelope { from: address(&from), to: address(reader), size: letter(reader).len() }
}

/// Sends one message through all phases.
async fn one(channel: &mut dyn Connection, reader: &str, next: Option<&Envelope>) -> SmtpOutcome {
    if let Err(heard) = channel.offer(&envelope(reader)).await {
        return heard;
    }
    if let Err(heard) = channel.body(&letter(reader)).await {
        return heard;
    }
    channel.final_dot(next).await
}

/// Sends one message to each recipient over as few connections as possible; returns the outcomes.
async fn send(smtp: &Smtp, readers: &[&str]) -> Vec<SmtpOutcome> {
    let wire = wire(smtp);
    let mut open: Option<Box<dyn Connection>> = None;
    let mut all = Vec::new();
    for (place, reader) in readers.iter().enumerate() {
        let mut channel = match open.take().filter(|channel| channel.is_usable()) {
            Some(channel) => channel,
            None => match wire.connect().await {
                Ok(channel) => channel,
                Err(heard) => {
                    all.push(heard);
                    continue;
                }
            },
        };
        let next = readers.get(place + 1).map(|reader| envelope(reader));
        all.push(one(&mut *channel, reader, next.as_ref()).await);
        open = Some(channel);
    }
    if let Some(channel) = open {
        channel.quit().await;
    }
    all
}

/// Sends one message to one recipient at a server with this script.
async fn alone(script: Script) -> (Server, SmtpOutcome) {
    let server = Server::start(script);
    let mut heard = send(&relay(&server), &["kim@example.com"]).await;
    (server, heard.remove(0))
}

fn verdicts(heard: &[SmtpOutcome]) -> Vec<Verdict> {
    heard.iter().map(classify).collect()
}
