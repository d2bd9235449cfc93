//! From nothing to a server that waits for an envelope: connect, greeting, EHLO, STARTTLS, AUTH.
//!
//! What is demanded and not offered ends the session; there is no way back to plaintext. The password is in no error.

use std::net::{IpAddr, SocketAddr};
use std::time::Duration;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD as BASE64;
use tracing::Instrument as _;

use super::capabilities::Capabilities;
use super::connector::{Connected, dial, probe};
use super::line_stream::{LineStream, within};
use super::reply::Reply;
use super::{Credentials, Security, SmtpTransport, TlsSetup};
use crate::delivery::{MissingCapability, Phase, SmtpOutcome, TransportError, WrongProtocol};
use crate::logging::repeats;
use crate::logging::transcript::Transcript;

/// Opens a session; on failure says how far it came.
pub(super) async fn open(wire: &SmtpTransport) -> Result<(LineStream, Capabilities), SmtpOutcome> {
    let transcript = Transcript::begin();
    let span = tracing::info_span!(parent: None, "connection", number = transcript.connection());
    async {
        let opened = connect(wire, transcript).await;
        match &opened {
            Ok(_) => tracing::info!("ready"),
            Err(outcome) => {
                tracing::info!(phase = %outcome.phase, error = outcome.reply_text(), "connection failed");
            }
        }
        opened
    }
    .instrument(span)
    .await
}

async fn connect(
    wire: &SmtpTransport,
    transcript: Transcript,
) -> Result<(LineStream, Capabilities), SmtpOutcome> {
    let deadlines = &wire.deadlines;
    let Connected { stream, local, peer, address } =
        within(deadlines.connect.duration(), dial(&wire.host, wire.port))
            .await
            .map_err(outcome(Phase::Connect))?;
    tracing::info!(relay = wire.host, %address, "connected");
    transcript.note(|| format!("connected to {address}"));
    let link = LineStream::new(Box::new(stream), transcript);
    let mut session = Session { wire, address, hello: hello_name(wire, local), link };
    if let Security::Implicit(tls) = &wire.security {
        session = session.handshake(tls).await?;
    }
    session.greeting().await?;
    let mut offered = session.hello().await?;
    if let Security::Starttls(tls) = &wire.security {
        session = session.starttls(&offered, tls).await?;
        // What was said in the clear may have been somebody else's words (RFC 3207, 4.2).
        offered = session.hello().await?;
    }
    if let Some(login) = &wire.credentials {
        let in_clear = matches!(wire.security, Security::None);
        if in_clear && !peer.is_loopback() {
            return Err(missing(Phase::Auth, MissingCapability::TlsForPassword));
        }
        session.log_in(login, &offered).await?;
    }
    Ok((session.link, offered))
}

/// A server that says nothing for so long is asked whether it waits for TLS.
const LONG_SILENCE: Duration = Duration::from_secs(8);

async fn probe_of(address: SocketAddr) -> Result<Option<WrongProtocol>, TransportError> {
    Ok(probe(address).await)
}

struct Session<'a> {
    wire: &'a SmtpTransport,
    address: SocketAddr,
    hello: String,
    link: LineStream,
}

impl Session<'_> {
    async fn greeting(&mut self) -> Result<(), SmtpOutcome> {
        let limit = self.wire.deadlines.command.duration();
        let is_protected = matches!(self.wire.security, Security::Implicit(_));
        let soon = if is_protected { limit } else { LONG_SILENCE.min(limit / 2) };
        let mut said = within(soon, self.link.reply()).await;
        if said.is_err() && !is_protected && self.link.is_silent() {
            if let Some(speaks) = within(soon, probe_of(self.address)).await.ok().flatten() {
                return Err(outcome(Phase::Greeting)(TransportError::WrongProtocol(speaks)));
            }
            if said == Err(TransportError::Deadline) {
                said = within(limit.saturating_sub(2 * soon), self.link.reply()).await;
            }
        }
        expect(Phase::Greeting, 2, said)
    }

    /// EHLO, or HELO where the server is too old for EHLO and nothing is demanded that needs it.
    async fn hello(&mut self) -> Result<Capabilities, SmtpOutcome> {
        let limit = self.wire.deadlines.command.duration();
        let ehlo = format!("EHLO {}\r\n", self.hello);
        let link = &mut self.link;
        let (reply, offered) = within(limit, async {
            if let Some(early) = link.unexpected_reply().await {
                return early.map(|reply| (reply, Capabilities::default()));
            }
            link.command(ehlo.as_bytes()).await;
            link.hello_reply().await
        })
        .await
        .map_err(outcome(Phase::Hello))?;
        let bare = matches!(self.wire.security, Security::None) && self.wire.credentials.is_none();
        if reply.class() == 5 && bare {
            let helo = format!("HELO {}\r\n", self.hello);
            self.command(Phase::Hello, helo.as_bytes(), 2).await?;
            return Ok(Capabilities::default());
        }
        expect(Phase::Hello, 2, Ok(reply))?;
        Ok(offered)
    }

    async fn starttls(mut self, offered: &Capabilities, tls: &TlsSetup) -> Result<Self, SmtpOutcome> {
        if !offered.starttls {
            return Err(missing(Phase::Tls, MissingCapability::Starttls));
        }
        self.command(Phase::Tls, b"STARTTLS\r\n", 2).await?;
        self.handshake(tls).await
    }

    async fn handshake(self, tls: &TlsSetup) -> Result<Self, SmtpOutcome> {
        let limit = self.wire.deadlines.connect.duration();
        let (stream, transcript) = self.link.into_stream().map_err(outcome(Phase::Tls))?;
        let stream = within(limit, tls.handshake(stream)).await.map_err(outcome(Phase::Tls))?;
        tracing::info!("TLS established");
        transcript.note(|| "TLS established".to_owned());
        Ok(Self { link: LineStream::new(stream, transcript), ..self })
    }

    /// AUTH PLAIN (RFC 4616) or, where only that is offered, LOGIN.
    async fn log_in(&mut self, login: &Credentials, offered: &Capabilities) -> Result<(), SmtpOutcome> {
        let password = login.password.expose();
        self.link.transcript.hide(login.password.clone());
        let answers = if offered.plain {
            vec![("AUTH PLAIN ***", secret_line("AUTH PLAIN ", &format!("\0{}\0{password}", login.user)))]
        } else if offered.login {
            vec![
                ("AUTH LOGIN", b"AUTH LOGIN\r\n".to_vec()),
                ("***", secret_line("", &login.user)),
                ("***", secret_line("", password)),
            ]
        } else {
            let mechanisms = offered.other_login.clone();
            return Err(missing(
                Phase::Auth,
                MissingCapability::Auth { offers_starttls: offered.starttls, mechanisms },
            ));
        };
        let last = answers.len() - 1;
        for (step, (shown, mut line)) in answers.into_iter().enumerate() {
            self.link.transcript.credentials(shown);
            let reply = self.exchange_secret(&line).await;
            wipe(&mut line);
            let reply = reply.map(|reply| without_secret(reply, password));
            expect(Phase::Auth, if step == last { 2 } else { 3 }, reply)?;
        }
        tracing::info!("authenticated");
        Ok(())
    }

    /// A line that is not shown in the transcript, and its reply.
    async fn exchange_secret(&mut self, line: &[u8]) -> Result<Reply, TransportError> {
        let limit = self.wire.deadlines.command.duration();
        let link = &mut self.link;
        within(limit, async {
            if let Some(early) = link.unexpected_reply().await {
                return early;
            }
            link.write(line).await;
            link.reply().await
        })
        .await
    }

    /// One command and its reply, which must be of `class`. Nothing is written if the server has spoken already.
    async fn command(&mut self, phase: Phase, words: &[u8], class: u16) -> Result<(), SmtpOutcome> {
        let limit = self.wire.deadlines.command.duration();
        let link = &mut self.link;
        let reply = within(limit, async {
            if let Some(early) = link.unexpected_reply().await {
                return early;
            }
            link.command(words).await;
            link.reply().await
        });
        expect(phase, class, reply.await)
    }
}

/// What to say in EHLO: the configured name, or the address of this end (RFC 5321, 4.1.3).
fn hello_name(wire: &SmtpTransport, local: IpAddr) -> String {
    match (&wire.hello, local) {
        (Some(name), _) => name.clone(),
        (None, IpAddr::V4(address)) => format!("[{address}]"),
        (None, IpAddr::V6(address)) => format!("[IPv6:{address}]"),
    }
}

fn expect(phase: Phase, class: u16, what: Result<Reply, TransportError>) -> Result<(), SmtpOutcome> {
    match what {
        Ok(reply) if reply.class() == class => Ok(()),
        what => Err(SmtpOutcome { phase, result: what }),
    }
}

fn outcome(phase: Phase) -> impl Fn(TransportError) -> SmtpOutcome {
    move |trouble| SmtpOutcome { phase, result: Err(trouble) }
}

fn missing(phase: Phase, what: MissingCapability) -> SmtpOutcome {
    outcome(phase)(TransportError::Missing(what))
}

fn secret_line(prefix: &str, secret: &str) -> Vec<u8> {
    format!("{prefix}{}\r\n", BASE64.encode(secret)).into_bytes()
}

/// Overwrites a line that held a password; the black box keeps the compiler from seeing that nobody reads it.
fn wipe(line: &mut [u8]) {
    line.fill(0);
    std::hint::black_box(line);
}

/// Some servers repeat what they did not like.
fn without_secret(mut reply: Reply, password: &str) -> Reply {
    if repeats(&reply.text, password) {
        "(not shown: the server repeated the password)".clone_into(&mut reply.text);
    }
    reply
}
