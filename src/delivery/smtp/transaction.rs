//! The phases of one message: MAIL, RCPT and DATA in one write if the server supports pipelining (RFC 2920), then the
//! message without its final dot, then the dot, with the next envelope behind it.
//!
//! A connection that may be out of step with its server is never used again: misattributing a reply would record a
//! rejected message as sent. Nothing is interpreted here.

use std::mem;
use std::time::Duration;

use async_trait::async_trait;
use tracing::Span;

use super::body;
use super::capabilities::Capabilities;
use super::command::CommandBatch;
use super::line_stream::{LineStream, within};
use super::reply::Reply;
use crate::config::Deadlines;
use crate::crash;
use crate::delivery::{Connection, Envelope, Phase, SmtpOutcome, TransportError};

/// The timeout for QUIT.
const QUIT_TIMEOUT: Duration = Duration::from_secs(2);

/// The end of the data; the CR LF before it belongs to the message.
const DOT: &[u8] = b".\r\n";

/// The limits of a connection.
#[derive(Debug, Clone, Copy)]
pub(super) struct Timeouts {
    pub(super) deadlines: Deadlines,
    pub(super) messages: u32,
}

/// The state of the dialogue.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Stage {
    /// The server waits for MAIL.
    Idle,
    /// MAIL, RCPT and DATA were sent; their replies have not been read.
    Pipelined,
    /// 354 was read.
    Data,
    /// The message was written, without its final dot.
    Body,
    /// Out of step, permanently. Every operation starts by setting this state and leaves it only on success, so that a
    /// caller that drops a future midway leaves the connection unusable.
    Broken,
}

/// One SMTP connection after AUTH.
pub(super) struct SmtpConnection {
    stream: LineStream,
    offered: Capabilities,
    deadlines: Deadlines,
    messages_left: u32,
    stage: Stage,
    /// The server still has the envelope of a rejected message.
    must_reset: bool,
    /// Whether the current message may contain bytes above 127.
    eight_bit: bool,
    /// The last commands; after a final dot, also the envelope that was sent with it.
    commands: Vec<u8>,
    scratch: Vec<u8>,
}

impl SmtpConnection {
    /// A connection that is ready for its first envelope.
    pub(super) fn new(stream: LineStream, offered: Capabilities, limits: Timeouts) -> Self {
        Self {
            stream,
            offered,
            deadlines: limits.deadlines,
            messages_left: limits.messages,
            stage: Stage::Idle,
            must_reset: false,
            eight_bit: false,
            commands: Vec::new(),
            scratch: Vec::new(),
        }
    }

    /// Sends the commands before the message, and sets the stage from the replies.
    async fn pipeline_envelope(&mut self, envelope: &Envelope) -> Result<(), SmtpOutcome> {
        let outgoing = match CommandBatch::check(envelope, &self.offered) {
            Ok(outgoing) => outgoing,
            Err(refusal) => {
                self.stage = Stage::Idle;
                return Err(refusal);
            }
        };
        if let Some(result) = self.stream.unexpected_reply().await {
            return Err(SmtpOutcome { phase: Phase::Mail, result });
        }
        self.eight_bit = outgoing.eight_bit();
        let reset = mem::take(&mut self.must_reset);
        self.commands.clear();
        if self.offered.pipelining {
            if reset {
                self.commands.extend_from_slice(b"RSET\r\n");
            }
            outgoing.batch(&mut self.commands);
            self.send(Phase::Mail).await?;
            if reset {
                self.reset_done().await?;
            }
            return self.pipelined_replies().await;
        }
        let (mut mail, mut rcpt) = (Vec::new(), Vec::new());
        outgoing.mail(&mut mail);
        outgoing.rcpt(&mut rcpt);
        if reset {
            self.commands.extend_from_slice(b"RSET\r\n");
            self.send(Phase::Mail).await?;
            self.reset_done().await?;
        }
        for (phase, line) in [(Phase::Mail, mail), (Phase::Rcpt, rcpt), (Phase::Data, b"DATA\r\n".to_vec())] {
            self.commands = line;
            self.send(phase).await?;
            let reply = self.reply(phase).await?;
            if !is_go(phase, &reply) {
                self.must_reset = phase != Phase::Mail;
                self.stage = if is_orderly(&reply) { Stage::Idle } else { Stage::Broken };
                return Err(SmtpOutcome { phase, result: Ok(reply) });
            }
        }
        self.stage = Stage::Data;
        Ok(())
    }

    /// Reads the replies to MAIL, RCPT and DATA. All three come, even if the first is a rejection.
    async fn pipelined_replies(&mut self) -> Result<(), SmtpOutcome> {
        let mut refusal: Option<SmtpOutcome> = None;
        let mut accepted = [false; 3];
        let mut orderly = true;
        for (place, phase) in [Phase::Mail, Phase::Rcpt, Phase::Data].into_iter().enumerate() {
            let reply = match self.reply(phase).await {
                Ok(reply) => reply,
                Err(outcome) => return Err(refusal.unwrap_or(outcome)),
            };
            accepted[place] = is_go(phase, &reply);
            if !accepted[place] {
                orderly &= is_orderly(&reply);
                let closing = reply.code == 421;
                let first = refusal.get_or_insert(SmtpOutcome { phase, result: Ok(reply) });
                if closing {
                    return Err(first.clone());
                }
            }
        }
        let Some(refusal) = refusal else {
            self.stage = Stage::Data;
            return Ok(());
        };
        let [_, recipient, data] = accepted;
        // A server that replies 354 to an envelope that it rejected waits for data (RFC 2920, 3.1). If it accepted the
        // recipient, a lone dot might be an empty message; then closing the connection is the only safe way.
        let settled = match (data, recipient) {
            (false, _) => true,
            (true, false) => self.lone_dot().await,
            (true, true) => false,
        };
        if orderly && settled {
            self.must_reset = recipient || data || refusal.phase != Phase::Mail;
            self.stage = Stage::Idle;
        }
        Err(refusal)
    }

    /// Ends a message that has no recipient. Whatever the reply, no message was accepted.
    async fn lone_dot(&mut self) -> bool {
        let stream = &mut self.stream;
        let ended = within(self.deadlines.dot.duration(), async {
            stream.command(DOT).await;
            stream.reply().await
        });
        matches!(ended.await, Ok(reply) if reply.class() == 2 || is_orderly(&reply))
    }

    async fn reset_done(&mut self) -> Result<(), SmtpOutcome> {
        let reply = self.reply(Phase::Mail).await?;
        match reply.class() {
            2 => Ok(()),
            _ if reply.code == 421 => Err(SmtpOutcome { phase: Phase::Mail, result: Ok(reply) }),
            // Unlike a rejected MAIL, any other rejection of RSET is not about the sender.
            _ => Err(SmtpOutcome {
                phase: Phase::Mail,
                result: Err(TransportError::Protocol(format!("reply to RSET: {reply}"))),
            }),
        }
    }

    async fn send(&mut self, phase: Phase) -> Result<(), SmtpOutcome> {
        let (stream, commands) = (&mut self.stream, &self.commands);
        let sent = within(self.deadlines.command.duration(), async {
            stream.command(commands).await;
            Ok(())
        });
        sent.await.map_err(|error| SmtpOutcome { phase, result: Err(error) })
    }

    async fn reply(&mut self, phase: Phase) -> Result<Reply, SmtpOutcome> {
        let limit = if phase == Phase::Data { self.deadlines.data } else { self.deadlines.command };
        let reply = within(limit.duration(), self.stream.reply()).await;
        crash::point(match phase {
            Phase::Mail => "mail-answered",
            Phase::Rcpt => "rcpt-answered",
            _ => "data-answered",
        });
        reply.map_err(|error| SmtpOutcome { phase, result: Err(error) })
    }
}

#[async_trait]
impl Connection for SmtpConnection {
    async fn offer(&mut self, envelope: &Envelope) -> Result<(), SmtpOutcome> {
        Span::current().record("connection", self.stream.transcript.connection());
        match mem::replace(&mut self.stage, Stage::Broken) {
            Stage::Idle => self.pipeline_envelope(envelope).await,
            Stage::Pipelined => {
                let outgoing = CommandBatch::check(envelope, &self.offered)?;
                self.scratch.clear();
                outgoing.batch(&mut self.scratch);
                if self.commands.strip_prefix(DOT) != Some(&self.scratch) {
                    return Err(out_of_order(Phase::Mail, "another envelope was sent with the last dot"));
                }
                self.eight_bit = outgoing.eight_bit();
                self.pipelined_replies().await
            }
            Stage::Data | Stage::Body | Stage::Broken => {
                Err(out_of_order(Phase::Mail, "this connection cannot be used again"))
            }
        }
    }

    async fn body(&mut self, message: &[u8]) -> Result<(), SmtpOutcome> {
        if mem::replace(&mut self.stage, Stage::Broken) != Stage::Data {
            return Err(out_of_order(Phase::Body, "the server gave no permission to send"));
        }
        let in_body = |result| Err(SmtpOutcome { phase: Phase::Body, result });
        let bytes = match body::prepare(message, self.eight_bit, &mut self.scratch) {
            Ok(bytes) => bytes,
            Err(why) => return in_body(Err(TransportError::Unsendable(why.to_string()))),
        };
        let stream = &mut self.stream;
        if crash::due("mid-body") {
            stream.write(&bytes[..bytes.len() / 2]).await;
            crash::now();
        }
        let written = within(self.deadlines.data.duration(), async {
            if stream.write_listening(bytes).await { Ok(None) } else { stream.reply().await.map(Some) }
        });
        match written.await {
            Ok(None) => {
                self.stage = Stage::Body;
                Ok(())
            }
            Ok(Some(reply)) => in_body(Ok(reply)),
            Err(error) => in_body(Err(error)),
        }
    }

    async fn final_dot(&mut self, next: Option<&Envelope>) -> SmtpOutcome {
        if mem::replace(&mut self.stage, Stage::Broken) != Stage::Body {
            return out_of_order(Phase::Body, "there is no message to end");
        }
        // Until the first byte of the dot is written, the message is definitely not accepted; the phase reflects that.
        if let Some(result) = self.stream.unexpected_reply().await {
            return SmtpOutcome { phase: Phase::Body, result };
        }
        self.messages_left = self.messages_left.saturating_sub(1);
        self.commands.clear();
        self.commands.extend_from_slice(DOT);
        let room = self.offered.pipelining && self.messages_left > 0;
        let pipelined = next.filter(|_| room).and_then(|next| CommandBatch::check(next, &self.offered).ok());
        if let Some(outgoing) = &pipelined {
            outgoing.batch(&mut self.commands);
        }
        let after = if pipelined.is_some() { Stage::Pipelined } else { Stage::Idle };
        let (stream, commands) = (&mut self.stream, &self.commands);
        let result = within(self.deadlines.dot.duration(), async {
            stream.command(commands).await;
            crash::point("dot-written");
            let write_failed = stream.write_failed();
            match stream.reply().await {
                // The dot may not have been sent, so this cannot be its reply.
                Ok(reply) if write_failed && !is_orderly(&reply) => Err(TransportError::Closed),
                outcome => outcome,
            }
        });
        let result = result.await;
        if let Ok(reply) = &result
            && (reply.class() == 2 || is_orderly(reply))
            && !self.stream.write_failed()
        {
            self.stage = after;
        }
        SmtpOutcome { phase: Phase::Dot, result }
    }

    fn is_usable(&self) -> bool {
        self.messages_left > 0 && matches!(self.stage, Stage::Idle | Stage::Pipelined)
    }

    async fn quit(mut self: Box<Self>) {
        // After DATA, QUIT would be part of the message; then only closing the connection ends the session.
        let idle = self.stage == Stage::Idle;
        let stream = &mut self.stream;
        // Do not wait longer for a server that does not reply in time.
        let _ = tokio::time::timeout(QUIT_TIMEOUT, async {
            if idle {
                stream.command(b"QUIT\r\n").await;
                let _ = stream.reply().await;
            }
            stream.close().await;
        })
        .await;
    }
}

/// Whether `reply` allows the next phase.
fn is_go(phase: Phase, reply: &Reply) -> bool {
    if phase == Phase::Data { reply.code == 354 } else { reply.class() == 2 }
}

/// A rejection after which the server waits for the next command. 421 announces that it disconnects.
fn is_orderly(reply: &Reply) -> bool {
    matches!(reply.class(), 4 | 5) && reply.code != 421
}

fn out_of_order(phase: Phase, why: &str) -> SmtpOutcome {
    SmtpOutcome { phase, result: Err(TransportError::Io(why.to_owned())) }
}
