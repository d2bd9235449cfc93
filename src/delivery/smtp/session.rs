//! Opens a session, up to a server that is ready for an envelope: connect, greeting, EHLO, STARTTLS, and then `auth`.
//!
//! A missing required capability ends the session; there is no fallback to plain text. No error contains the password.

use std::net::{IpAddr, SocketAddr};
use std::time::Duration;

use tracing::Instrument as _;

use super::auth::{self, expect, missing, outcome};
use super::capabilities::Capabilities;
use super::connector::{Connected, dial, probe};
use super::line_stream::{LineStream, within};
use super::{Security, SmtpTransport, TlsSetup};
use crate::config::Secret;
use crate::delivery::{MissingCapability, Phase, SmtpOutcome, TransportError, WrongProtocol};
use crate::logging::transcript::Transcript;

/// Opens a session; on failure returns the phase that was reached. A server that refuses a token is tried once more, with
/// another token and over another connection, because some close theirs.
pub(super) async fn open(transport: &SmtpTransport) -> Result<(LineStream, Capabilities), SmtpOutcome> {
    let secret = auth::secret(transport).await?;
    let opened = attempt(transport, secret.as_ref()).await;
    let Err(refused) = &opened else { return opened };
    match auth::renewed(transport, secret.as_ref(), refused).await? {
        Some(other) => attempt(transport, Some(&other)).await,
        None => opened,
    }
}

async fn attempt(
    transport: &SmtpTransport,
    secret: Option<&Secret>,
) -> Result<(LineStream, Capabilities), SmtpOutcome> {
    let transcript = Transcript::begin();
    let span = tracing::info_span!(parent: None, "connection", number = transcript.connection());
    async {
        let opened = connect(transport, secret, transcript).await;
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
    transport: &SmtpTransport,
    secret: Option<&Secret>,
    transcript: Transcript,
) -> Result<(LineStream, Capabilities), SmtpOutcome> {
    let deadlines = &transport.deadlines;
    let Connected { stream: tcp, local, peer, address } =
        within(deadlines.connect.duration(), dial(&transport.host, transport.port))
            .await
            .map_err(outcome(Phase::Connect))?;
    tracing::info!(relay = transport.host, %address, "connected");
    transcript.note(|| format!("connected to {address}"));
    let stream = LineStream::new(Box::new(tcp), transcript);
    let mut session = Session { transport, address, hello: hello_name(transport, local), stream };
    if let Security::Implicit(tls) = &transport.security {
        session = session.handshake(tls).await?;
    }
    session.greeting().await?;
    let mut offered = session.hello().await?;
    if let Security::Starttls(tls) = &transport.security {
        session = session.starttls(&offered, tls).await?;
        // A third party may have changed the unencrypted reply (RFC 3207, 4.2).
        offered = session.hello().await?;
    }
    if let (Some(login), Some(secret)) = (&transport.login, secret) {
        let in_clear = matches!(transport.security, Security::None);
        if in_clear && !peer.is_loopback() {
            return Err(missing(Phase::Auth, MissingCapability::TlsForPassword));
        }
        auth::log_in(transport, (login, secret), &mut session.stream, &offered).await?;
    }
    Ok((session.stream, offered))
}

/// After this much silence, a probe checks whether the server waits for TLS.
const LONG_SILENCE: Duration = Duration::from_secs(8);

async fn probe_of(address: SocketAddr) -> Result<Option<WrongProtocol>, TransportError> {
    Ok(probe(address).await)
}

struct Session<'a> {
    transport: &'a SmtpTransport,
    address: SocketAddr,
    hello: String,
    stream: LineStream,
}

impl Session<'_> {
    async fn greeting(&mut self) -> Result<(), SmtpOutcome> {
        let limit = self.transport.deadlines.command.duration();
        let is_protected = matches!(self.transport.security, Security::Implicit(_));
        let soon = if is_protected { limit } else { LONG_SILENCE.min(limit / 2) };
        let mut reply = within(soon, self.stream.reply()).await;
        if reply.is_err() && !is_protected && self.stream.is_silent() {
            if let Some(protocol) = within(soon, probe_of(self.address)).await.ok().flatten() {
                return Err(outcome(Phase::Greeting)(TransportError::WrongProtocol(protocol)));
            }
            if reply == Err(TransportError::Deadline) {
                reply = within(limit.saturating_sub(2 * soon), self.stream.reply()).await;
            }
        }
        expect(Phase::Greeting, 2, reply)
    }

    /// EHLO, or HELO if the server is too old for EHLO and no extension is required.
    async fn hello(&mut self) -> Result<Capabilities, SmtpOutcome> {
        let limit = self.transport.deadlines.command.duration();
        let ehlo = format!("EHLO {}\r\n", self.hello);
        let stream = &mut self.stream;
        let (reply, offered) = within(limit, async {
            if let Some(unexpected) = stream.unexpected_reply().await {
                return unexpected.map(|reply| (reply, Capabilities::default()));
            }
            stream.command(ehlo.as_bytes()).await;
            stream.hello_reply().await
        })
        .await
        .map_err(outcome(Phase::Hello))?;
        let bare = matches!(self.transport.security, Security::None) && self.transport.login.is_none();
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
        let limit = self.transport.deadlines.connect.duration();
        let (plain, transcript) = self.stream.into_stream().map_err(outcome(Phase::Tls))?;
        let protected = within(limit, tls.handshake(plain)).await.map_err(outcome(Phase::Tls))?;
        tracing::info!("TLS established");
        transcript.note(|| "TLS established".to_owned());
        let mut stream = LineStream::new(protected.stream, transcript);
        stream.certificate_end = protected.certificate_end;
        Ok(Self { stream, ..self })
    }

    /// Sends one command and reads its reply, which must be of `class`. Nothing is written after an unexpected reply.
    async fn command(&mut self, phase: Phase, line: &[u8], class: u16) -> Result<(), SmtpOutcome> {
        let limit = self.transport.deadlines.command.duration();
        let stream = &mut self.stream;
        let reply = within(limit, async {
            if let Some(unexpected) = stream.unexpected_reply().await {
                return unexpected;
            }
            stream.command(line).await;
            stream.reply().await
        });
        expect(phase, class, reply.await)
    }
}

/// The name for EHLO: the configured one, or the local address (RFC 5321, 4.1.3).
fn hello_name(transport: &SmtpTransport, local: IpAddr) -> String {
    match (&transport.hello, local) {
        (Some(name), _) => name.clone(),
        (None, IpAddr::V4(address)) => format!("[{address}]"),
        (None, IpAddr::V6(address)) => format!("[IPv6:{address}]"),
    }
}
