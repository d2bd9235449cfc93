//! The relay scripts that are combined with each crash point.

use std::time::Duration;

use super::support::{At, Do, Script, reply_line};

/// Which message, command or connection of a run the relay treats differently.
const ODD: usize = 2;

fn polite() -> Script {
    Script::polite().pipelining(true)
}

fn at_dot(action: Do) -> Script {
    polite().nth(At::Dot, ODD, action)
}

fn raw(bytes: &[u8]) -> Do {
    Do::Write(bytes.to_vec())
}

/// Every relay script by name. Faulty relays fail at the second message.
pub(crate) fn all() -> Vec<(&'static str, Script)> {
    let slow = Do::Drip(b"250 2.0.0 ok\r\n".to_vec(), Duration::from_millis(5));
    let slower = Do::Each(vec![Do::Wait(Duration::from_millis(1_300)), reply_line("250 2.0.0 too late")]);
    let endless = Do::Each(vec![Do::Write(b"250-".repeat(3_000)), Do::Cut]);
    let ladder = Do::Write(b"250-and on\r\n".repeat(10_000));
    vec![
        ("accepts", polite()),
        ("accepts, without PIPELINING", Script::polite()),
        ("421 to the connection", polite().nth(At::Greeting, 1, reply_line("421 4.3.2 later"))),
        ("450 to MAIL", polite().nth(At::Mail, ODD, reply_line("450 4.3.0 later"))),
        ("450 to RCPT", polite().nth(At::Rcpt, ODD, reply_line("450 4.2.0 greylisted"))),
        ("550 to RCPT", polite().recipient("reader1@example.org", reply_line("550 5.1.1 no such user"))),
        ("421 to RCPT, R15", polite().nth(At::Rcpt, ODD, reply_line("421 4.7.0 slow down"))),
        ("250 to DATA, F43", polite().nth(At::Data, ODD, reply_line("250 go ahead"))),
        ("hangs up in the body", polite().nth(At::Body, ODD, Do::Reset)),
        ("250 before the dot, R14", polite().nth(At::Body, ODD, reply_line("250 2.0.0 queued already"))),
        ("451 to the dot", at_dot(reply_line("451 4.3.0 disk full"))),
        ("554 to the dot", at_dot(reply_line("554 5.6.0 no"))),
        ("571 to the dot, R1", at_dot(reply_line("571 x"))),
        ("421 to the dot, R15", at_dot(reply_line("421 4.7.0 slow down"))),
        ("hangs up at the dot", at_dot(Do::Cut)),
        ("resets at the dot", at_dot(Do::Reset)),
        ("silent at the dot", at_dot(Do::Stall)),
        ("250 after the deadline, F48", at_dot(slower)),
        ("half a reply", at_dot(Do::Each(vec![raw(b"250-ha"), Do::Cut]))),
        ("354 to the dot, R13", at_dot(reply_line("354 go ahead"))),
        ("two codes in one reply, R5", at_dot(raw(b"250-a\r\n251 b\r\n"))),
        ("a long line, R6", at_dot(endless)),
        ("10,000 lines, R7", at_dot(ladder)),
        ("a space before 250, R8", at_dot(raw(b"  250 ok\r\n"))),
        ("2500, R9", at_dot(raw(b"2500 ok\r\n"))),
        ("an empty line first, R10", at_dot(raw(b"\r\n250 ok\r\n"))),
        ("two replies, R11", at_dot(raw(b"250 ok\r\n250 ok\r\n"))),
        ("250 without text, R2", at_dot(raw(b"250\r\n"))),
        ("250 in Latin-1, R3", at_dot(raw(b"250 \xf6k\r\n"))),
        ("250 and LF, R4", at_dot(raw(b"250 ok\n"))),
        ("250 byte by byte, R12", at_dot(slow)),
        ("250 with escapes, R16", at_dot(raw(b"250 \x1b[31mok\x07\r\n"))),
        ("250 5.1.1, R20", at_dot(reply_line("250 5.1.1 no such user"))),
    ]
}
