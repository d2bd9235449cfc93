//! The relay: it decides at the dot what it accepts, and records that even if its reply is lost.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use letterpress::internals::delivery::{
    Connection, Envelope, Phase, Reply, SmtpOutcome, TlsError, Transport, TransportError,
};
use tokio::sync::oneshot;

use super::checker;
use super::replies::{self, Response, Then, deadline};
use super::world::Process;

/// One accepted message.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Accepted {
    /// The recipient.
    pub(crate) subscriber: String,
    /// Its `Message-ID`.
    pub(crate) message_id: String,
    /// The whole message.
    pub(crate) message: Vec<u8>,
}

/// The state of the relay and its clients.
#[derive(Debug, Default)]
pub(crate) struct Relay {
    /// The accepted messages, by the token of the envelope sender.
    pub(crate) accepted: BTreeMap<[u8; 16], Accepted>,
    /// Tokens for which a client read a 2yz reply after the dot.
    pub(crate) confirmed: BTreeSet<[u8; 16]>,
    /// Recipients that the relay does not know.
    pub(crate) strangers: BTreeSet<String>,
    /// Recipients that the relay always defers.
    pub(crate) greylisted: BTreeSet<String>,
}

/// The transport of one process.
pub(crate) struct SimTransport(pub(crate) Arc<Process>);

#[async_trait]
impl Transport for SimTransport {
    async fn connect(&self) -> Result<Box<dyn Connection>, SmtpOutcome> {
        let process = &self.0;
        let world = &process.world;
        process.gate("connect").await;
        if !world.is_healthy() && world.chance().percent(world.plan.temper.connect) {
            let phase = *world.chance().pick(&[
                Phase::Connect,
                Phase::Greeting,
                Phase::Hello,
                Phase::Tls,
                Phase::Auth,
            ]);
            let (what, wait) = {
                let mut chance = world.chance();
                match phase {
                    Phase::Connect => (Err(TransportError::Dns("no such host".to_owned())), false),
                    Phase::Tls => (
                        Err(TransportError::Tls(TlsError::Other("the certificate expired".to_owned()))),
                        false,
                    ),
                    _ => {
                        let response = replies::no(phase, &mut chance);
                        let outcome = response.read().0;
                        let late = outcome == Err(TransportError::Deadline);
                        (outcome, late)
                    }
                }
            };
            let refused = match &what {
                Ok(reply) => reply.class() > 3,
                Err(_) => true,
            };
            if refused {
                world.count("fault: refused connections");
                world.log(|| format!("{} no connection at {phase}: {what:?}", process.number));
                if wait {
                    tokio::time::sleep(deadline(phase)).await;
                }
                return Err(SmtpOutcome { phase, result: what });
            }
        }
        world.count("connections");
        Ok(Box::new(SimConnection {
            process: Arc::clone(process),
            remaining: world.plan.temper.messages,
            open: true,
            unasked: false,
            carried: None,
            envelope: None,
            message: Vec::new(),
        }))
    }

    fn max_connections(&self) -> usize {
        self.0.sender.connections
    }

    fn name(&self) -> String {
        "relay.example:25".to_owned()
    }
}

/// One connection. Like the real one, every operation marks it as broken first and clears the mark on success.
struct SimConnection {
    process: Arc<Process>,
    remaining: u64,
    open: bool,
    /// Unsolicited bytes were received.
    unasked: bool,
    /// The envelope that was pipelined with the last dot.
    carried: Option<Envelope>,
    /// The envelope for which the relay replied 354.
    envelope: Option<Envelope>,
    message: Vec<u8>,
}

impl SimConnection {
    fn rate(&self, phase: Phase) -> u64 {
        let temper = &self.process.world.plan.temper;
        match phase {
            _ if self.process.world.is_healthy() => 0,
            Phase::Body => temper.body,
            Phase::Dot => temper.dot,
            _ => temper.envelope,
        }
    }

    fn response(&self, phase: Phase, to: &Envelope) -> Response {
        let world = &self.process.world;
        if phase == Phase::Rcpt {
            let relay = world.relay();
            if relay.strangers.contains(&to.to.to_string()) {
                return Response::new(b"550 5.1.1 no such user\r\n", Then::Listen);
            }
            if relay.greylisted.contains(&to.to.to_string()) {
                return Response::new(b"450 4.2.0 greylisted\r\n", Then::Listen);
            }
        }
        let mut chance = world.chance();
        if chance.percent(self.rate(phase)) {
            world.count("fault: answers before the dot");
            replies::no(phase, &mut chance)
        } else {
            replies::yes(phase)
        }
    }

    /// Reads the reply; without one, waits for the deadline of the phase.
    async fn hear(&mut self, phase: Phase, response: &Response) -> SmtpOutcome {
        let (what, unasked) = response.read();
        if what == Err(TransportError::Deadline) {
            tokio::time::sleep(deadline(phase)).await;
        }
        self.process.gate("an answer").await;
        self.unasked |= unasked;
        self.open &= response.then == Then::Listen;
        let outcome = SmtpOutcome { phase, result: what };
        self.process.world.log(|| format!("{} {phase}: {}", self.process.number, outcome.reply_text()));
        outcome
    }
}

#[async_trait]
impl Connection for SimConnection {
    async fn offer(&mut self, envelope: &Envelope) -> Result<(), SmtpOutcome> {
        if let Some(carried) = self.carried.take()
            && carried != *envelope
        {
            self.process.world.broken(format!("{} was announced and {} offered", carried.to, envelope.to));
        }
        self.process.gate("the envelope").await;
        for phase in [Phase::Mail, Phase::Rcpt, Phase::Data] {
            if self.unasked || !self.open {
                let trouble = if self.open {
                    TransportError::Protocol("unasked".to_owned())
                } else {
                    TransportError::Closed
                };
                self.open = false;
                return Err(SmtpOutcome { phase, result: Err(trouble) });
            }
            let response = self.response(phase, envelope);
            let outcome = self.hear(phase, &response).await;
            let go = matches!(&outcome.result, Ok(reply)
                if reply.class() == if phase == Phase::Data { 3 } else { 2 });
            if !go {
                self.open &= !drops_connection(&outcome);
                return Err(outcome);
            }
        }
        self.envelope = Some(envelope.clone());
        Ok(())
    }

    async fn body(&mut self, message: &[u8]) -> Result<(), SmtpOutcome> {
        self.process.gate("half the message").await;
        let world = Arc::clone(&self.process.world);
        let fails = world.chance().percent(self.rate(Phase::Body));
        if fails {
            world.count("fault: answers in the message");
            let response = replies::no(Phase::Body, &mut world.chance());
            let outcome = self.hear(Phase::Body, &response).await;
            self.open = false;
            self.envelope = None;
            return Err(outcome);
        }
        self.process.gate("the whole message").await;
        self.message = message.to_vec();
        Ok(())
    }

    async fn final_dot(&mut self, next: Option<&Envelope>) -> SmtpOutcome {
        self.process.gate("the dot").await;
        let world = Arc::clone(&self.process.world);
        let Some(envelope) = self.envelope.take() else {
            world.broken("a dot without an envelope".to_owned());
            return SmtpOutcome { phase: Phase::Dot, result: Err(TransportError::Closed) };
        };
        let token = checker::dot(&self.process, &envelope);
        self.carried = next.filter(|_| world.plan.temper.pipelines).cloned();
        self.remaining = self.remaining.saturating_sub(1);
        let message = std::mem::take(&mut self.message);
        // The connection was lost before the dot arrived; the client cannot know that.
        let (response, slow, cut) = {
            let mut chance = world.chance();
            let rate = self.rate(Phase::Dot);
            let cut = chance.percent(rate / 3);
            let odd = !cut && chance.percent(rate);
            let slow = !world.is_healthy() && chance.percent(world.plan.temper.slow_dot);
            let slow = if slow { Duration::from_millis(chance.below(900_000)) } else { Duration::ZERO };
            (odd.then(|| replies::at_the_dot(&mut chance)), slow, cut)
        };
        if cut {
            world.count("fault: dots cut off");
            self.open = false;
            return self.hear(Phase::Dot, &Response::new(b"", Then::Reset)).await;
        }
        if response.is_some() {
            world.count("fault: replies to the dot");
        }
        let (taken, response) = response.unwrap_or_else(|| (true, replies::yes(Phase::Dot)));
        let accepted =
            Accepted { subscriber: envelope.to.to_string(), message_id: message_id(&message), message };
        // The dot was sent and arrives even if its sender dies.
        let (arrived, arrival) = oneshot::channel();
        let deliver = {
            let world = Arc::clone(&world);
            move || {
                if taken {
                    world.log(|| format!("the relay accepts the message to {}", accepted.subscriber));
                    checker::accept(&world, token, accepted);
                }
                let _ = arrived.send(());
            }
        };
        if slow.is_zero() {
            deliver();
        } else {
            world.count("fault: slow dots");
            tokio::spawn(async move {
                tokio::time::sleep(slow).await;
                deliver();
            });
        }
        if tokio::time::timeout(deadline(Phase::Dot), arrival).await.is_err() {
            self.open = false;
            self.process.gate("no answer").await;
            return SmtpOutcome { phase: Phase::Dot, result: Err(TransportError::Deadline) };
        }
        let outcome = self.hear(Phase::Dot, &response).await;
        if matches!(&outcome.result, Ok(reply) if reply.class() == 2) {
            world.relay().confirmed.insert(token);
        }
        self.open &= !drops_connection(&outcome);
        outcome
    }

    fn is_usable(&self) -> bool {
        self.open && self.remaining > 0
    }

    async fn quit(self: Box<Self>) {
        self.process.gate("QUIT").await;
    }
}

fn message_id(message: &[u8]) -> String {
    let text = String::from_utf8_lossy(message);
    let line = text.lines().find_map(|line| line.strip_prefix("Message-ID: "));
    line.unwrap_or_default().to_owned()
}

/// Whether a real connection must be closed after this outcome: only a regular reply keeps it open.
fn drops_connection(outcome: &SmtpOutcome) -> bool {
    let orderly = |reply: &Reply| matches!(reply.class(), 4 | 5) && reply.code != 421;
    !match (outcome.phase, &outcome.result) {
        (Phase::Dot, Ok(reply)) => reply.class() == 2 || orderly(reply),
        (Phase::Mail | Phase::Rcpt | Phase::Data, Ok(reply)) => orderly(reply),
        (Phase::Mail | Phase::Rcpt, Err(TransportError::Missing(_) | TransportError::Unsendable(_))) => true,
        _ => false,
    }
}

#[test]
fn only_a_regular_reply_keeps_the_connection_open() {
    let drops = |phase, code, text: &str| {
        drops_connection(&SmtpOutcome { phase, result: Ok(Reply { code, text: text.to_owned() }) })
    };
    for phase in [Phase::Rcpt, Phase::Dot] {
        assert!(!drops(phase, 550, "5.1.1 x") && !drops(phase, 450, "x"), "{phase}");
    }
    assert!(!drops(Phase::Dot, 250, "ok"));
    assert!(drops(Phase::Rcpt, 421, "x") && drops(Phase::Data, 250, "x"));
    assert!(drops(Phase::Dot, 354, "x") && drops(Phase::Body, 550, "x"));
    for phase in [Phase::Mail, Phase::Rcpt] {
        let unsendable = TransportError::Unsendable("bare LF".to_owned());
        assert!(!drops_connection(&SmtpOutcome { phase, result: Err(unsendable) }), "{phase}");
        assert!(drops_connection(&SmtpOutcome { phase, result: Err(TransportError::Closed) }), "{phase}");
    }
    assert!(drops_connection(&SmtpOutcome { phase: Phase::Dot, result: Err(TransportError::Closed) }));
}
