//! The SMTP conversation, line by line: `C:` the client, `S:` the server, `--` events of the connection.
//!
//! A message is shown only as its size, credentials as `***`; see [`super`] for the rest.

use std::sync::atomic::{AtomicU64, Ordering};

use tracing::Level;

use super::mask::repeats;
use crate::config::Secret;

/// The target of these events.
pub(super) const TARGET: &str = "letterpress::smtp";

/// The part of a conversation that belongs to one connection.
#[derive(Debug)]
pub(crate) struct Transcript {
    connection: u64,
    /// The password of this connection, because some servers repeat it.
    hidden: Option<Secret>,
}

impl Transcript {
    /// Begins the transcript of a new connection, with the next number of this process.
    pub(crate) fn begin() -> Self {
        static NEXT: AtomicU64 = AtomicU64::new(1);
        Self { connection: NEXT.fetch_add(1, Ordering::Relaxed), hidden: None }
    }

    /// The connection's number.
    pub(crate) fn connection(&self) -> u64 {
        self.connection
    }

    /// From now on, hides every line from the server that repeats `password`.
    pub(crate) fn hide(&mut self, password: Secret) {
        self.hidden = Some(password);
    }

    /// Records commands without secrets.
    pub(crate) fn client(&self, commands: &[u8]) {
        self.lines("C", commands, without_envelope_id);
    }

    /// Records a command with a secret, as `shown`.
    pub(crate) fn credentials(&self, shown: &str) {
        self.event("C", shown);
    }

    /// Records the size of a message, dot-stuffed and without its final dot.
    pub(crate) fn message(&self, bytes: usize) {
        if is_on() {
            self.event("C", &format!("(message, {bytes} bytes)"));
        }
    }

    /// Records a reply with all its lines.
    pub(crate) fn server(&self, reply: &[u8]) {
        self.lines("S", reply, |line| match &self.hidden {
            Some(password) if repeats(line, password.expose()) => {
                "(not shown: the server repeated the password)".to_owned()
            }
            _ => line.to_owned(),
        });
    }

    /// Records an event of the connection.
    pub(crate) fn note(&self, what: impl FnOnce() -> String) {
        if is_on() {
            self.event("--", &what());
        }
    }

    fn lines(&self, side: &str, raw: &[u8], shown: impl Fn(&str) -> String) {
        if is_on() {
            for line in String::from_utf8_lossy(raw).lines() {
                self.event(side, &shown(line));
            }
        }
    }

    fn event(&self, side: &str, line: &str) {
        let mark = if side == "--" { "" } else { ":" };
        tracing::trace!(target: TARGET, connection = self.connection, "{side}{mark} {line}");
    }
}

fn is_on() -> bool {
    tracing::enabled!(target: TARGET, Level::TRACE)
}

/// ENVID repeats the local part of the return path, which contains the token of the delivery.
fn without_envelope_id(line: &str) -> String {
    match line.split_once(" ENVID=") {
        Some((before, id)) => {
            let after = id.split_once(' ').map_or(String::new(), |(_, after)| format!(" {after}"));
            format!("{before} ENVID=…{after}")
        }
        None => line.to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_envelope_id_is_left_out() {
        assert_eq!(
            without_envelope_id("MAIL FROM:<b@x.example> RET=HDRS ENVID=b+2Bv1.k1 BODY=8BITMIME"),
            "MAIL FROM:<b@x.example> RET=HDRS ENVID=… BODY=8BITMIME"
        );
        assert_eq!(without_envelope_id("RSET"), "RSET");
    }
}
