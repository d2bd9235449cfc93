//! Reads and writes the bytes of one connection.
//!
//! Knows replies but neither commands nor timeouts: its callers bound each phase as a whole.

use std::future::poll_fn;
use std::io;
use std::pin::Pin;
use std::task::{Context, Poll, ready};
use std::time::Duration;

use chrono::{DateTime, Utc};
use tokio::io::{AsyncRead, AsyncWrite, AsyncWriteExt, ReadBuf};

use super::capabilities::Capabilities;
use super::certificate::BadCertificate;
use super::reply::{Parse, Reply, ReplyParser};
use crate::delivery::{TlsError, TransportError, WrongProtocol};
use crate::logging::transcript::Transcript;

/// Bytes per read; a reply rarely has more than a hundred.
const CHUNK: usize = 4 * 1024;

/// TCP, or TLS over it.
pub(crate) trait Stream: AsyncRead + AsyncWrite + Send + Unpin {}

impl<T: AsyncRead + AsyncWrite + Send + Unpin> Stream for T {}

/// A connection, with the bytes that were read but not yet parsed.
pub(super) struct LineStream {
    stream: Box<dyn Stream>,
    pub(super) transcript: Transcript,
    /// When the certificate of the server expires.
    pub(super) certificate_end: Option<DateTime<Utc>>,
    chunk: Box<[u8]>,
    inbox: Vec<u8>,
    parser: ReplyParser,
    /// A failed write does not end the dialogue: a server that disconnects often sends a reply first.
    write_error: Option<TransportError>,
}

impl LineStream {
    /// Wraps a new stream.
    pub(super) fn new(stream: Box<dyn Stream>, transcript: Transcript) -> Self {
        Self {
            stream,
            transcript,
            certificate_end: None,
            chunk: vec![0; CHUNK].into_boxed_slice(),
            inbox: Vec::new(),
            parser: ReplyParser::default(),
            write_error: None,
        }
    }

    /// Returns the stream for the TLS handshake, unless unencrypted bytes are left: after the handshake they would pass
    /// for the server's protected replies (RFC 3207, 6).
    pub(super) fn into_stream(self) -> Result<(Box<dyn Stream>, Transcript), TransportError> {
        if self.inbox.is_empty() {
            Ok((self.stream, self.transcript))
        } else {
            Err(TransportError::Protocol("it sent extra data before the TLS handshake".to_owned()))
        }
    }

    /// Writes commands that may be shown in the transcript.
    pub(super) async fn command(&mut self, lines: &[u8]) {
        self.transcript.client(lines);
        self.write(lines).await;
    }

    /// Writes all of `bytes`. A failure is kept until the next reply is read.
    pub(super) async fn write(&mut self, bytes: &[u8]) {
        if self.write_error.is_some() {
            return;
        }
        let written = match self.stream.write_all(bytes).await {
            Ok(()) => self.stream.flush().await,
            Err(error) => Err(error),
        };
        self.write_error = written.err().map(|error| transport_error(&error));
    }

    /// Writes all of `bytes` while reading. Returns `false` if the server replied or disconnected before the end; then
    /// [`LineStream::reply`] returns the reason.
    pub(super) async fn write_listening(&mut self, bytes: &[u8]) -> bool {
        self.transcript.message(bytes.len());
        let mut written = 0;
        poll_fn(|cx| {
            loop {
                if let Poll::Ready(outcome) = self.poll_fill(cx) {
                    self.write_error = outcome.err();
                    return Poll::Ready(false);
                }
                let failure = if written == bytes.len() {
                    match ready!(Pin::new(&mut self.stream).poll_flush(cx)) {
                        Ok(()) => return Poll::Ready(true),
                        Err(error) => transport_error(&error),
                    }
                } else {
                    match ready!(Pin::new(&mut self.stream).poll_write(cx, &bytes[written..])) {
                        Ok(0) => TransportError::Closed,
                        Ok(more) => {
                            written += more;
                            continue;
                        }
                        Err(error) => transport_error(&error),
                    }
                };
                self.write_error = Some(failure);
                return Poll::Ready(false);
            }
        })
        .await
    }

    /// Whether a write has failed. Then a reply can still reject the message, but no longer accept it.
    pub(super) fn write_failed(&self) -> bool {
        self.write_error.is_some()
    }

    /// Before a command, checks whether the server has sent something or disconnected. Such a reply must not be taken
    /// for the reply to the next command.
    pub(super) async fn unexpected_reply(&mut self) -> Option<Result<Reply, TransportError>> {
        if let Poll::Ready(Err(closed)) = poll_fn(|cx| Poll::Ready(self.poll_fill(cx))).await
            && self.inbox.is_empty()
        {
            return Some(Err(closed));
        }
        if self.inbox.is_empty() {
            return None;
        }
        Some(match self.parser.push(&self.inbox) {
            // Servers send "421 timeout" without a command when they close an idle connection.
            Parse::Done { reply, used } if matches!(reply.class(), 4 | 5) => {
                self.transcript.server(&self.inbox[..used]);
                Ok(reply)
            }
            _ => Err(TransportError::Protocol("it sent data without a command".to_owned())),
        })
    }

    /// Reads one reply. If a write failed and no reply comes, returns the error of the write.
    pub(super) async fn reply(&mut self) -> Result<Reply, TransportError> {
        self.whole_reply().await.map(|(reply, used)| {
            self.transcript.server(&self.inbox[..used]);
            self.inbox.drain(..used);
            reply
        })
    }

    /// Reads one reply, and the server's capabilities from its lines.
    pub(super) async fn hello_reply(&mut self) -> Result<(Reply, Capabilities), TransportError> {
        let (reply, used) = self.whole_reply().await?;
        self.transcript.server(&self.inbox[..used]);
        let offered = Capabilities::read(&self.inbox[..used]);
        self.inbox.drain(..used);
        Ok((reply, offered))
    }

    /// Shuts the connection down.
    pub(super) async fn close(&mut self) {
        // Ignore a failure: the connection is over.
        let _ = self.stream.shutdown().await;
        self.transcript.note(|| "closed".to_owned());
    }

    async fn whole_reply(&mut self) -> Result<(Reply, usize), TransportError> {
        loop {
            match self.parser.push(&self.inbox) {
                Parse::Done { reply, used } => {
                    self.parser = ReplyParser::default();
                    return Ok((reply, used));
                }
                Parse::Broken(why) => {
                    return Err(self.other_protocol().unwrap_or(TransportError::Protocol(why)));
                }
                Parse::Need => {}
            }
            if let Err(error) = poll_fn(|cx| self.poll_fill(cx)).await {
                let known = self.write_error.take().or_else(|| self.other_protocol());
                return Err(known.unwrap_or(error));
            }
        }
    }

    /// Whether nothing has been read yet.
    pub(super) fn is_silent(&self) -> bool {
        self.inbox.is_empty()
    }

    /// Recognises another protocol in bytes that are not an SMTP reply.
    fn other_protocol(&self) -> Option<TransportError> {
        let protocol = WrongProtocol::recognise(&self.inbox)
            .filter(|protocol| !matches!(protocol, WrongProtocol::Smtp(_)));
        protocol.map(TransportError::WrongProtocol)
    }

    /// Reads the available bytes into the inbox; the end of the stream is an error too.
    fn poll_fill(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), TransportError>> {
        let mut chunk = ReadBuf::new(&mut self.chunk);
        Poll::Ready(match ready!(Pin::new(&mut self.stream).poll_read(cx, &mut chunk)) {
            Ok(()) if chunk.filled().is_empty() => Err(TransportError::Closed),
            Ok(()) => {
                self.inbox.extend_from_slice(chunk.filled());
                Ok(())
            }
            Err(error) => Err(transport_error(&error)),
        })
    }
}

/// Limits the time of a whole phase, however many reads and writes it takes; a limit for each read would let a server
/// that sends a byte a second keep it alive.
pub(super) async fn within<T>(
    limit: Duration,
    phase: impl Future<Output = Result<T, TransportError>>,
) -> Result<T, TransportError> {
    tokio::time::timeout(limit, phase).await.unwrap_or(Err(TransportError::Deadline))
}

fn tls_error(error: &rustls::Error) -> TlsError {
    use rustls::{AlertDescription, Error};
    match error {
        Error::InvalidCertificate(bad) => TlsError::Certificate(Box::new(BadCertificate::new(bad))),
        Error::PeerIncompatible(_)
        | Error::AlertReceived(
            AlertDescription::ProtocolVersion
            | AlertDescription::HandshakeFailure
            | AlertDescription::InsufficientSecurity,
        ) => TlsError::NoCommonParameters(error.to_string()),
        _ => TlsError::Other(error.to_string()),
    }
}

/// Converts an error of the system or of TLS.
pub(crate) fn transport_error(error: &io::Error) -> TransportError {
    match error.get_ref().and_then(|inner| inner.downcast_ref::<rustls::Error>()) {
        Some(tls) => TransportError::Tls(tls_error(tls)),
        None if error.kind() == io::ErrorKind::UnexpectedEof => TransportError::Closed,
        None => TransportError::Io(error.to_string()),
    }
}
