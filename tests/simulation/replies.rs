//! The replies of a relay as bytes; the real parser reads them.

use std::time::Duration;

use letterpress::internals::delivery::smtp::reply::{Parse, ReplyParser};
use letterpress::internals::delivery::{Phase, Reply, TransportError};

use super::chance::Chance;

/// What the relay does after these bytes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Then {
    /// It waits for the next command.
    Listen,
    /// It closes the connection.
    Close,
    /// The connection is reset.
    Reset,
    /// It sends nothing more.
    Stall,
}

/// One reply: bytes, and what follows them.
#[derive(Debug, Clone)]
pub(crate) struct Response {
    pub(crate) bytes: Vec<u8>,
    pub(crate) then: Then,
}

impl Response {
    pub(crate) fn new(bytes: &[u8], then: Then) -> Self {
        Self { bytes: bytes.to_vec(), then }
    }

    /// The reply that a client reads, and whether unread bytes are left.
    pub(crate) fn read(&self) -> (Result<Reply, TransportError>, bool) {
        let mut parser = ReplyParser::default();
        // In small pieces, like packets of a network.
        for end in (0..self.bytes.len()).step_by(7).chain([self.bytes.len()]) {
            match parser.push(&self.bytes[..end]) {
                Parse::Need => {}
                // Bytes of the same packet are in the buffer, whatever the size of a piece.
                Parse::Done { reply, used } => return (Ok(reply), used < self.bytes.len()),
                Parse::Broken(why) => return (Err(TransportError::Protocol(why)), false),
            }
        }
        let trouble = match self.then {
            Then::Close => TransportError::Closed,
            Then::Reset => TransportError::Io("connection reset by peer".to_owned()),
            Then::Listen | Then::Stall => TransportError::Deadline,
        };
        (Err(trouble), false)
    }
}

/// The client's deadline for a phase.
pub(crate) fn deadline(phase: Phase) -> Duration {
    match phase {
        Phase::Data | Phase::Body => Duration::from_secs(2 * 60),
        Phase::Dot => Duration::from_secs(10 * 60),
        _ => Duration::from_secs(5 * 60),
    }
}

/// The reply of a correct relay.
pub(crate) fn yes(phase: Phase) -> Response {
    let bytes: &[u8] = match phase {
        Phase::Greeting => b"220 relay.example ESMTP\r\n",
        Phase::Data => b"354 go ahead\r\n",
        Phase::Auth => b"235 2.7.0 welcome\r\n",
        _ => b"250 2.0.0 ok\r\n",
    };
    Response::new(bytes, Then::Listen)
}

/// Wrong replies that are possible in every phase.
fn noise(chance: &mut Chance) -> Response {
    let (bytes, then): (&[u8], Then) = *chance.pick(&[
        (b"".as_slice(), Then::Close),
        (b"", Then::Reset),
        (b"", Then::Stall),
        (b"25", Then::Close),
        (b"250-half", Then::Reset),
        (b"250-half\r\n", Then::Close),
        (b"250-half\r\n", Then::Stall),
        (b"250-a\r\n251 b\r\n", Then::Listen),
        (b"  250 ok\r\n", Then::Listen),
        (b"2500 ok\r\n", Then::Listen),
        (b"\r\n250 ok\r\n", Then::Listen),
        (b"100 go on\r\n", Then::Listen),
        (b"334 VXNlcm5hbWU6\r\n", Then::Listen),
        (b"\x16\x03\x01\x02\x00\x01", Then::Stall),
        (b"XXXXXXXX 250\r\n", Then::Listen),
    ]);
    Response::new(bytes, then)
}

/// A wrong reply before the dot; the message is not accepted.
pub(crate) fn no(phase: Phase, chance: &mut Chance) -> Response {
    if chance.percent(35) {
        return noise(chance);
    }
    let common: &[&[u8]] = &[
        b"421 4.3.2 closing\r\n",
        b"450 4.2.0 greylisted\r\n",
        b"451 4.7.650 slow down\r\n",
        b"452 4.2.2 mailbox full\r\n",
        b"451\r\n",
    ];
    let own: &[&[u8]] = match phase {
        Phase::Rcpt => &[
            b"550 5.1.1 no such user\r\n",
            b"571 x\r\n",
            b"550 5.7.1 spam\r\n",
            b"552 too many recipients\r\n",
        ],
        Phase::Data => {
            &[b"250 2.0.0 ok\r\n", b"554 5.7.1 no\r\n", b"354 go\r\n250 2.0.0 early\r\n", b"503 x\r\n"]
        }
        Phase::Mail => &[b"550 5.7.26 who are you\r\n", b"552 5.3.4 too big\r\n"],
        Phase::Body => &[b"552 5.3.4 too big\r\n", b"250 2.0.0 early\r\n"],
        _ => &[b"554 5.7.1 go away\r\n", b"535 5.7.8 wrong password\r\n"],
    };
    let bytes = if chance.percent(50) { *chance.pick(common) } else { *chance.pick(own) };
    let then = if bytes.starts_with(b"421") { Then::Close } else { Then::Listen };
    Response::new(bytes, then)
}

/// Whether the relay accepts the message, and its reply; a definite reply is truthful.
pub(crate) fn at_the_dot(chance: &mut Chance) -> (bool, Response) {
    match chance.below(10) {
        0..=3 => (chance.percent(60), lost(chance)),
        4 => {
            let text: &[u8] = chance.pick::<&[u8]>(&[
                b"250\r\n".as_slice(),
                b"250 \xf6\xb0\r\n",
                b"250 ok\n",
                b"250-2.0.0 first\r\n250-second\r\n250 last\r\n",
                b"250 5.1.1 what\r\n",
                b"299 \x1b[2Jok\r\n",
            ]);
            (true, Response::new(text, *chance.pick(&[Then::Listen, Then::Close])))
        }
        5 => (true, Response::new(b"250 2.0.0 ok\r\n250 2.0.0 again\r\n", Then::Listen)),
        6 | 7 => {
            let text: &[u8] = chance.pick::<&[u8]>(&[
                b"451 4.3.0 later\r\n".as_slice(),
                b"452 4.2.2 mailbox full\r\n",
                b"451 4.7.1 slow\r\n",
                b"421 4.3.2 closing\r\n",
            ]);
            let then = if text.starts_with(b"421") { Then::Close } else { Then::Listen };
            (false, Response::new(text, then))
        }
        _ => {
            let text: &[u8] = chance.pick::<&[u8]>(&[
                b"554 5.7.1 spam\r\n".as_slice(),
                b"550 5.1.1 no such user\r\n",
                b"571\r\n",
                b"599 x\r\n",
            ]);
            (false, Response::new(text, Then::Listen))
        }
    }
}

/// A reply to the dot that does not tell the outcome.
fn lost(chance: &mut Chance) -> Response {
    if chance.percent(15) {
        return Response::new(b"354 after the dot\r\n", Then::Listen);
    }
    noise(chance)
}
