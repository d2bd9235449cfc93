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
use super::command::Outgoing;
use super::link::{Link, within};
use super::reply::Reply;
use crate::config::Deadlines;
use crate::crash;
use crate::delivery::{Channel, Envelope, Heard, Phase, Trouble};

/// How long a goodbye may take.
const GOODBYE: Duration = Duration::from_secs(2);

/// The end of the data; the CR LF before it belongs to the message.
const DOT: &[u8] = b".\r\n";

/// What a channel may do at most.
#[derive(Debug, Clone, Copy)]
pub(super) struct Limits {
    pub(super) deadlines: Deadlines,
    pub(super) messages: u32,
}

/// Where the dialogue stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Step {
    /// The server waits for MAIL.
    Idle,
    /// MAIL, RCPT and DATA are on their way; their replies have not been read.
    Carried,
    /// 354 was read.
    Data,
    /// The message was written, without its dot.
    Body,
    /// Out of step, for ever. Every operation begins here and leaves only on success, so that a caller who drops a
    /// future in the middle leaves the channel here too.
    Broken,
}

/// One SMTP connection behind its AUTH.
pub(super) struct SmtpChannel {
    link: Link,
    offered: Capabilities,
    deadlines: Deadlines,
    messages_left: u32,
    step: Step,
    /// The server still holds the envelope of a refused copy.
    must_reset: bool,
    /// Whether the present transaction may carry bytes above 127.
    eight_bit: bool,
    /// The last commands; after a dot, the envelope that travelled with it.
    commands: Vec<u8>,
    scratch: Vec<u8>,
}

impl SmtpChannel {
    /// A channel that waits for its first envelope.
    pub(super) fn new(link: Link, offered: Capabilities, limits: Limits) -> Self {
        Self {
            link,
            offered,
            deadlines: limits.deadlines,
            messages_left: limits.messages,
            step: Step::Idle,
            must_reset: false,
            eight_bit: false,
            commands: Vec::new(),
            scratch: Vec::new(),
        }
    }

    /// Says everything that leads up to the message and leaves the step at what became of it.
    async fn announce(&mut self, envelope: &Envelope) -> Result<(), Heard> {
        let outgoing = match Outgoing::check(envelope, &self.offered) {
            Ok(outgoing) => outgoing,
            Err(refusal) => {
                self.step = Step::Idle;
                return Err(refusal);
            }
        };
        if let Some(what) = self.link.unasked().await {
            return Err(Heard { phase: Phase::Mail, what });
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
                self.step = if is_orderly(&reply) { Step::Idle } else { Step::Broken };
                return Err(Heard { phase, what: Ok(reply) });
            }
        }
        self.step = Step::Data;
        Ok(())
    }

    /// Reads the replies to MAIL, RCPT and DATA, which all come, whatever the first of them says.
    async fn pipelined_replies(&mut self) -> Result<(), Heard> {
        let mut refusal: Option<Heard> = None;
        let mut went_well = [false; 3];
        let mut orderly = true;
        for (place, phase) in [Phase::Mail, Phase::Rcpt, Phase::Data].into_iter().enumerate() {
            let reply = match self.reply(phase).await {
                Ok(reply) => reply,
                Err(heard) => return Err(refusal.unwrap_or(heard)),
            };
            went_well[place] = is_go(phase, &reply);
            if !went_well[place] {
                orderly &= is_orderly(&reply);
                let closing = reply.code == 421;
                let first = refusal.get_or_insert(Heard { phase, what: Ok(reply) });
                if closing {
                    return Err(first.clone());
                }
            }
        }
        let Some(refusal) = refusal else {
            self.step = Step::Data;
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
            self.step = Step::Idle;
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

    async fn reset_done(&mut self) -> Result<(), Heard> {
        let reply = self.reply(Phase::Mail).await?;
        match reply.class() {
            2 => Ok(()),
            _ if reply.code == 421 => Err(Heard { phase: Phase::Mail, what: Ok(reply) }),
            // Any other refusal of RSET says nothing about the sender, as a refusal of MAIL would.
            _ => Err(Heard {
                phase: Phase::Mail,
                what: Err(Trouble::Protocol(format!("reply to RSET: {reply}"))),
            }),
        }
    }

    async fn send(&mut self, phase: Phase) -> Result<(), Heard> {
        let (link, commands) = (&mut self.link, &self.commands);
        let sent = within(self.deadlines.command.duration(), async {
            link.command(commands).await;
            Ok(())
        });
        sent.await.map_err(|trouble| Heard { phase, what: Err(trouble) })
    }

    async fn reply(&mut self, phase: Phase) -> Result<Reply, Heard> {
        let limit = if phase == Phase::Data { self.deadlines.data } else { self.deadlines.command };
        let reply = within(limit.duration(), self.link.reply()).await;
        crash::point(match phase {
            Phase::Mail => "mail-answered",
            Phase::Rcpt => "rcpt-answered",
            _ => "data-answered",
        });
        reply.map_err(|trouble| Heard { phase, what: Err(trouble) })
    }
}

#[async_trait]
impl Channel for SmtpChannel {
    async fn offer(&mut self, envelope: &Envelope) -> Result<(), Heard> {
        Span::current().record("connection", self.link.transcript.connection());
        match mem::replace(&mut self.step, Step::Broken) {
            Step::Idle => self.announce(envelope).await,
            Step::Carried => {
                let outgoing = Outgoing::check(envelope, &self.offered)?;
                self.scratch.clear();
                outgoing.batch(&mut self.scratch);
                if self.commands.strip_prefix(DOT) != Some(&self.scratch) {
                    return Err(misused(Phase::Mail, "another envelope was sent with the last dot"));
                }
                self.eight_bit = outgoing.eight_bit();
                self.pipelined_replies().await
            }
            Step::Data | Step::Body | Step::Broken => {
                Err(misused(Phase::Mail, "this connection cannot be used again"))
            }
        }
    }

    async fn body(&mut self, message: &[u8]) -> Result<(), Heard> {
        if mem::replace(&mut self.step, Step::Broken) != Step::Data {
            return Err(misused(Phase::Body, "the server gave no permission to send"));
        }
        let in_body = |what| Err(Heard { phase: Phase::Body, what });
        let bytes = match body::prepare(message, self.eight_bit, &mut self.scratch) {
            Ok(bytes) => bytes,
            Err(why) => return in_body(Err(Trouble::Unsendable(why.to_string()))),
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
                self.step = Step::Body;
                Ok(())
            }
            Ok(Some(reply)) => in_body(Ok(reply)),
            Err(trouble) => in_body(Err(trouble)),
        }
    }

    async fn dot(&mut self, next: Option<&Envelope>) -> Heard {
        if mem::replace(&mut self.step, Step::Broken) != Step::Body {
            return misused(Phase::Body, "there is no message to end");
        }
        // Until the first byte of the dot is written the copy is definitely not accepted, and the phase says so.
        if let Some(what) = self.link.unasked().await {
            return Heard { phase: Phase::Body, what };
        }
        self.messages_left = self.messages_left.saturating_sub(1);
        self.commands.clear();
        self.commands.extend_from_slice(DOT);
        let room = self.offered.pipelining && self.messages_left > 0;
        let carried = next.filter(|_| room).and_then(|next| Outgoing::check(next, &self.offered).ok());
        if let Some(outgoing) = &carried {
            outgoing.batch(&mut self.commands);
        }
        let after = if carried.is_some() { Step::Carried } else { Step::Idle };
        let (link, commands) = (&mut self.link, &self.commands);
        let what = within(self.deadlines.dot.duration(), async {
            link.command(commands).await;
            crash::point("dot-written");
            let cut = link.is_cut();
            match link.reply().await {
                // The dot may never have left, so this cannot be its answer.
                Ok(reply) if cut && !is_orderly(&reply) => Err(Trouble::Closed),
                heard => heard,
            }
        });
        let what = what.await;
        if let Ok(reply) = &what
            && (reply.class() == 2 || is_orderly(reply))
            && !self.link.is_cut()
        {
            self.step = after;
        }
        Heard { phase: Phase::Dot, what }
    }

    fn usable(&self) -> bool {
        self.messages_left > 0 && matches!(self.step, Step::Idle | Step::Carried)
    }

    async fn quit(mut self: Box<Self>) {
        // After DATA the word would be part of a letter; then hanging up is the only goodbye.
        let idle = self.step == Step::Idle;
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

fn misused(phase: Phase, why: &str) -> Heard {
    Heard { phase, what: Err(Trouble::Io(why.to_owned())) }
}
