//! The bytes of one IMAP connection: commands out, whole responses in. Bounded in size; its callers bound the time.

use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};

use super::ImapError;
use super::response::{Response, announced};
use crate::delivery::smtp::line_stream::{Stream, transport_error};
use crate::delivery::{TransportError, WrongProtocol};
use crate::inbox::MOST_BYTES;

/// The longest line: a search that finds half a million mails.
const MOST_LINE: usize = 4 * 1024 * 1024;
/// A server may send a little more of a mail than was asked for.
const MOST_LITERAL: usize = MOST_BYTES + 64 * 1024;
/// Literals in one response; a mail is one.
const MOST_LITERALS: usize = 16;
const CHUNK: usize = 16 * 1024;

/// A connection, with the bytes that were read and not yet understood.
pub(super) struct ResponseReader {
    stream: Box<dyn Stream>,
    buffer: Vec<u8>,
}

impl ResponseReader {
    pub(super) fn new(stream: Box<dyn Stream>) -> Self {
        Self { stream, buffer: Vec::new() }
    }

    /// Gives the stream back for the TLS handshake, unless there are bytes that came in the clear: behind the
    /// handshake they would pass for the server's protected answers.
    pub(super) fn into_stream(self) -> Result<Box<dyn Stream>, ImapError> {
        if self.buffer.is_empty() {
            Ok(self.stream)
        } else {
            Err(ImapError::Protocol("starting TLS", "it sent extra data before the handshake".to_owned()))
        }
    }

    /// Whether nothing was heard yet, or all that was heard has been understood.
    pub(super) fn is_silent(&self) -> bool {
        self.buffer.is_empty()
    }

    /// Which other protocol the bytes belong to that were not understood.
    pub(super) fn speaks(&self) -> Option<WrongProtocol> {
        WrongProtocol::recognise(&self.buffer).filter(|speaks| !matches!(speaks, WrongProtocol::Imap(_)))
    }

    pub(super) async fn write(&mut self, bytes: &[u8], doing: &'static str) -> Result<(), ImapError> {
        let written = match self.stream.write_all(bytes).await {
            Ok(()) => self.stream.flush().await,
            Err(error) => Err(error),
        };
        written.map_err(|error| failed(doing, &error))
    }

    /// One response, with its literals.
    pub(super) async fn response(&mut self, doing: &'static str) -> Result<Response, ImapError> {
        let broken = |what: &str| Err(ImapError::Protocol(doing, what.to_owned()));
        let mut response = Response::default();
        loop {
            let line = self.line(doing).await?;
            let Some(length) = announced(&line) else {
                response.texts.push(line);
                return Ok(response);
            };
            match length {
                Ok(length) if length <= MOST_LITERAL && response.literals.len() < MOST_LITERALS => {
                    let text = line.rsplit_once('{').map_or("", |(text, _)| text);
                    response.texts.push(text.to_owned());
                    response.literals.push(self.take(length, doing).await?);
                }
                _ => return broken("it announced more bytes than requested"),
            }
        }
    }

    /// A line without its end.
    async fn line(&mut self, doing: &'static str) -> Result<String, ImapError> {
        let mut looked = 0;
        loop {
            if let Some(at) = memchr::memchr(b'\n', &self.buffer[looked..]) {
                let line: Vec<u8> = self.buffer.drain(..=looked + at).collect();
                return Ok(String::from_utf8_lossy(line.trim_ascii_end()).into_owned());
            }
            looked = self.buffer.len();
            if looked > MOST_LINE {
                return Err(ImapError::Protocol(doing, "its line is too long".to_owned()));
            }
            self.fill(doing).await?;
        }
    }

    async fn take(&mut self, length: usize, doing: &'static str) -> Result<Vec<u8>, ImapError> {
        while self.buffer.len() < length {
            self.fill(doing).await?;
        }
        let rest = self.buffer.split_off(length);
        Ok(std::mem::replace(&mut self.buffer, rest))
    }

    async fn fill(&mut self, doing: &'static str) -> Result<(), ImapError> {
        self.buffer.reserve(CHUNK);
        match self.stream.read_buf(&mut self.buffer).await {
            Ok(0) => Err(ImapError::Closed(doing)),
            Ok(_) => Ok(()),
            Err(error) => Err(failed(doing, &error)),
        }
    }
}

fn failed(doing: &'static str, error: &std::io::Error) -> ImapError {
    match transport_error(error) {
        TransportError::Closed => ImapError::Closed(doing),
        other => ImapError::Io(doing, other.to_string()),
    }
}
