//! The phases of one copy: MAIL, RCPT and DATA in one write where the server pipelines (RFC 2920), the message
//! without its dot, and the dot apart, with the next envelope behind it.
//!
//! A channel that is out of step with its server, for whatever reason, is never used again: a reply that is taken
//! for the answer to another command is a letter reported sent that was refused. Nothing is judged here.

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

/// How long a goodbye may take.
const GOODBYE: Duration = Duration::from_secs(2);

/// The end of the data; the CR LF before it belongs to the message.
const DOT: &[u8] = b".\r\n";

/// What a channel may do at most.
#[derive(Debug, Clone, Copy)]
pub(super) struct Timeouts {
    pub(super) deadlines: Deadlines,
    pub(super) messages: u32,
}

/// Where the dialogue stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Stage {
    /// The server waits for MAIL.
    Idle,
    /// MAIL, RCPT and DATA are on their way; their replies have not been read.
    Pipelined,
    /// 354 was read.
    Data,
    /// The message was written, without its dot.
    Body,
    /// Out of step, for ever. Every operation begins here and leaves only on success, so that a caller who drops a
    /// future in the middle leaves the channel here too.
    Broken,
}

/// One SMTP connection behind its AUTH.
pub(super) struct SmtpConnection {
    link: LineStream,
    offered: Capabilities,
    deadlines: Deadlines,
    messages_left: u32,
    stage: Stage,
    /// The server still holds the envelope of a refused copy.
    must_reset: bool,
    /// Whether the present transaction may carry bytes above 127.
    eight_bit: bool,
    /// The last commands; after a dot, the envelope that travelled with it.
    commands: Vec<u8>,
    scratch: Vec<u8>,
}

impl SmtpConnection {
    /// A channel that waits for its first envelope.
    pub(super) fn new(link: LineStream, offered: Capabilities, limits: Timeouts) -> Self {
        Self {
            link,
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

    /// Says everything that leads up to the message and leaves the step at what became of it.
    async fn pipeline_envelope(&mut self, envelope: &Envelope) -> Result<(), SmtpOutcome> {
        let outgoing = match CommandBatch::check(envelope, &self.offered) {
            Ok(outgoing) => outgoing,
            Err(refusal) => {
                self.stage = Stage::Idle;
                return Err(refusal);
            }
        };
        if let Some(result) = self.link.unexpected_reply().await {
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

    /// Reads the replies to MAIL, RCPT and DATA, which all come, whatever the first of them says.
    async fn pipelined_replies(&mut self) -> Result<(), SmtpOutcome> {
        let mut refusal: Option<SmtpOutcome> = None;
        let mut went_well = [false; 3];
        let mut orderly = true;
        for (place, phase) in [Phase::Mail, Phase::Rcpt, Phase::Data].into_iter().enumerate() {
            let reply = match self.reply(phase).await {
                Ok(reply) => reply,
                Err(outcome) => return Err(refusal.unwrap_or(outcome)),
            };
            went_well[place] = is_go(phase, &reply);
            if !went_well[place] {
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
        let [_, recipient, data] = went_well;
        // A server that says 354 to an envelope that it refused waits for data (RFC 2920, 3.1). With a recipient that
        // it took, a lone dot might be an empty letter; then only hanging up is safe.
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

    /// Ends a message that has no recipient. Whatever the server answers, no copy was accepted.
    async fn lone_dot(&mut self) -> bool {
        let link = &mut self.link;
        let ended = within(self.deadlines.dot.duration(), async {
            link.command(DOT).await;
            link.reply().await
        });
        matches!(ended.await, Ok(reply) if reply.class() == 2 || is_orderly(&reply))
    }

    async fn reset_done(&mut self) -> Result<(), SmtpOutcome> {
        let reply = self.reply(Phase::Mail).await?;
        match reply.class() {
            2 => Ok(()),
            _ if reply.code == 421 => Err(SmtpOutcome { phase: Phase::Mail, result: Ok(reply) }),
            // Any other refusal of RSET says nothing about the sender, as a refusal of MAIL would.
            _ => Err(SmtpOutcome {
                phase: Phase::Mail,
                result: Err(TransportError::Protocol(format!("reply to RSET: {reply}"))),
            }),
        }
    }

    async fn send(&mut self, phase: Phase) -> Result<(), SmtpOutcome> {
        let (link, commands) = (&mut self.link, &self.commands);
        let sent = within(self.deadlines.command.duration(), async {
            link.command(commands).await;
            Ok(())
        });
        sent.await.map_err(|trouble| SmtpOutcome { phase, result: Err(trouble) })
    }

    async fn reply(&mut self, phase: Phase) -> Result<Reply, SmtpOutcome> {
        let limit = if phase == Phase::Data { self.deadlines.data } else { self.deadlines.command };
        let reply = within(limit.duration(), self.link.reply()).await;
        crash::point(match phase {
            Phase::Mail => "mail-answered",
            Phase::Rcpt => "rcpt-answered",
            _ => "data-answered",
        });
        reply.map_err(|trouble| SmtpOutcome { phase, result: Err(trouble) })
    }
}

#[async_trait]
impl Connection for SmtpConnection {
    async fn offer(&mut self, envelope: &Envelope) -> Result<(), SmtpOutcome> {
        Span::current().record("connection", self.link.transcript.connection());
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
        let link = &mut self.link;
        if crash::due("mid-body") {
            link.write(&bytes[..bytes.len() / 2]).await;
            crash::now();
        }
        let written = within(self.deadlines.data.duration(), async {
            if link.write_listening(bytes).await { Ok(None) } else { link.reply().await.map(Some) }
        });
        match written.await {
            Ok(None) => {
                self.stage = Stage::Body;
                Ok(())
            }
            Ok(Some(reply)) => in_body(Ok(reply)),
            Err(trouble) => in_body(Err(trouble)),
        }
    }

    async fn final_dot(&mut self, next: Option<&Envelope>) -> SmtpOutcome {
        if mem::replace(&mut self.stage, Stage::Broken) != Stage::Body {
            return out_of_order(Phase::Body, "there is no message to end");
        }
        // Until the first byte of the dot is written the copy is definitely not accepted, and the phase says so.
        if let Some(result) = self.link.unexpected_reply().await {
            return SmtpOutcome { phase: Phase::Body, result };
        }
        self.messages_left = self.messages_left.saturating_sub(1);
        self.commands.clear();
        self.commands.extend_from_slice(DOT);
        let room = self.offered.pipelining && self.messages_left > 0;
        let carried = next.filter(|_| room).and_then(|next| CommandBatch::check(next, &self.offered).ok());
        if let Some(outgoing) = &carried {
            outgoing.batch(&mut self.commands);
        }
        let after = if carried.is_some() { Stage::Pipelined } else { Stage::Idle };
        let (link, commands) = (&mut self.link, &self.commands);
        let result = within(self.deadlines.dot.duration(), async {
            link.command(commands).await;
            crash::point("dot-written");
            let cut = link.is_cut();
            match link.reply().await {
                // The dot may never have left, so this cannot be its answer.
                Ok(reply) if cut && !is_orderly(&reply) => Err(TransportError::Closed),
                outcome => outcome,
            }
        });
        let result = result.await;
        if let Ok(reply) = &result
            && (reply.class() == 2 || is_orderly(reply))
            && !self.link.is_cut()
        {
            self.stage = after;
        }
        SmtpOutcome { phase: Phase::Dot, result }
    }

    fn is_usable(&self) -> bool {
        self.messages_left > 0 && matches!(self.stage, Stage::Idle | Stage::Pipelined)
    }

    async fn quit(mut self: Box<Self>) {
        // After DATA the word would be part of a letter; then hanging up is the only goodbye.
        let idle = self.stage == Stage::Idle;
        let link = &mut self.link;
        // A server that does not say goodbye in time is left without one.
        let _ = tokio::time::timeout(GOODBYE, async {
            if idle {
                link.command(b"QUIT\r\n").await;
                let _ = link.reply().await;
            }
            link.close().await;
        })
        .await;
    }
}

/// Whether `reply` lets the dialogue go on to the next phase.
fn is_go(phase: Phase, reply: &Reply) -> bool {
    if phase == Phase::Data { reply.code == 354 } else { reply.class() == 2 }
}

/// A refusal after which the server waits for the next command. 421 announces that it hangs up.
fn is_orderly(reply: &Reply) -> bool {
    matches!(reply.class(), 4 | 5) && reply.code != 421
}

fn out_of_order(phase: Phase, why: &str) -> SmtpOutcome {
    SmtpOutcome { phase, result: Err(TransportError::Io(why.to_owned())) }
}
