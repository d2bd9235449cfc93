//! Reads and writes the bytes of one IMAP connection. Sizes are bounded here, times by the callers.

use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};

use super::ImapError;
use super::response::{Response, announced};
use crate::delivery::smtp::line_stream::{Stream, transport_error};
use crate::delivery::{TransportError, WrongProtocol};
use crate::inbox::MOST_BYTES;

/// The longest line; enough for a search that finds half a million mails.
const MOST_LINE: usize = 4 * 1024 * 1024;
/// The longest literal; a server may send a little more of a mail than was requested.
const MOST_LITERAL: usize = MOST_BYTES + 64 * 1024;
/// The most literals of one response; a mail is one.
const MOST_LITERALS: usize = 16;
const CHUNK: usize = 16 * 1024;

/// A connection, with the bytes that were read but not yet parsed.
pub(super) struct ResponseReader {
    stream: Box<dyn Stream>,
    buffer: Vec<u8>,
}

impl ResponseReader {
    pub(super) fn new(stream: Box<dyn Stream>) -> Self {
        Self { stream, buffer: Vec::new() }
    }

    /// Returns the stream for the TLS handshake, unless unencrypted bytes are left: after the handshake they would
    /// pass for the server's protected responses.
    pub(super) fn into_stream(self) -> Result<Box<dyn Stream>, ImapError> {
        if self.buffer.is_empty() {
            Ok(self.stream)
        } else {
            Err(ImapError::Protocol("starting TLS", "it sent extra data before the handshake".to_owned()))
        }
    }

    /// Whether there are no unparsed bytes.
    pub(super) fn is_silent(&self) -> bool {
        self.buffer.is_empty()
    }

    /// Recognises another protocol in the unparsed bytes.
    pub(super) fn other_protocol(&self) -> Option<WrongProtocol> {
        WrongProtocol::recognise(&self.buffer).filter(|protocol| !matches!(protocol, WrongProtocol::Imap(_)))
    }

    pub(super) async fn write(&mut self, bytes: &[u8], action: &'static str) -> Result<(), ImapError> {
        let written = match self.stream.write_all(bytes).await {
            Ok(()) => self.stream.flush().await,
            Err(error) => Err(error),
        };
        written.map_err(|error| failed(action, &error))
    }

    /// Reads one response with its literals.
    pub(super) async fn response(&mut self, action: &'static str) -> Result<Response, ImapError> {
        let broken = |what: &str| Err(ImapError::Protocol(action, what.to_owned()));
        let mut response = Response::default();
        loop {
            let line = self.line(action).await?;
            let Some(length) = announced(&line) else {
                response.texts.push(line);
                return Ok(response);
            };
            match length {
                Ok(length) if length <= MOST_LITERAL && response.literals.len() < MOST_LITERALS => {
                    let text = line.rsplit_once('{').map_or("", |(text, _)| text);
                    response.texts.push(text.to_owned());
                    response.literals.push(self.take(length, action).await?);
                }
                _ => return broken("it announced more bytes than requested"),
            }
        }
    }

    /// Reads a line, without its end.
    async fn line(&mut self, action: &'static str) -> Result<String, ImapError> {
        let mut scanned = 0;
        loop {
            if let Some(at) = memchr::memchr(b'\n', &self.buffer[scanned..]) {
                let line: Vec<u8> = self.buffer.drain(..=scanned + at).collect();
                return Ok(String::from_utf8_lossy(line.trim_ascii_end()).into_owned());
            }
            scanned = self.buffer.len();
            if scanned > MOST_LINE {
                return Err(ImapError::Protocol(action, "its line is too long".to_owned()));
            }
            self.fill(action).await?;
        }
    }

    async fn take(&mut self, length: usize, action: &'static str) -> Result<Vec<u8>, ImapError> {
        while self.buffer.len() < length {
            self.fill(action).await?;
        }
        let rest = self.buffer.split_off(length);
        Ok(std::mem::replace(&mut self.buffer, rest))
    }

    async fn fill(&mut self, action: &'static str) -> Result<(), ImapError> {
        self.buffer.reserve(CHUNK);
        match self.stream.read_buf(&mut self.buffer).await {
            Ok(0) => Err(ImapError::Closed(action)),
            Ok(_) => Ok(()),
            Err(error) => Err(failed(action, &error)),
        }
    }
}

fn failed(action: &'static str, error: &std::io::Error) -> ImapError {
    match transport_error(error) {
        TransportError::Closed => ImapError::Closed(action),
        other => ImapError::Io(action, other.to_string()),
    }
}
