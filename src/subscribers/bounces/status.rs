//! The action and the status code of a delivery report. Only parses and groups them.

use std::fmt;

/// How many codes of replies are looked at in one text.
const MOST_CODES: usize = 64;

/// What a server did with a message (RFC 3464, 2.3.3).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Action {
    /// It gave up.
    Failed,
    /// It keeps trying.
    Delayed,
    /// It delivered the message.
    Delivered,
    /// It passed the message on to a server that does not report deliveries.
    Relayed,
    /// It passed the message on to several addresses.
    Expanded,
}

impl Action {
    /// All of them.
    pub const ALL: [Self; 5] = [Self::Failed, Self::Delayed, Self::Delivered, Self::Relayed, Self::Expanded];

    /// The keyword of RFC 3464.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Failed => "failed",
            Self::Delayed => "delayed",
            Self::Delivered => "delivered",
            Self::Relayed => "relayed",
            Self::Expanded => "expanded",
        }
    }

    /// Reads the keyword; text after it ("failed (too big)") is ignored.
    pub fn from_code(raw: &str) -> Option<Self> {
        let keyword = raw.trim_start().split(|c: char| !c.is_ascii_alphabetic()).next().unwrap_or_default();
        Self::ALL.into_iter().find(|action| action.as_str().eq_ignore_ascii_case(keyword))
    }
}

/// An enhanced status code (RFC 3463).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Status {
    /// 2 success, 4 temporary failure, 5 permanent failure.
    pub class: u16,
    /// The subject: 1 the address, 2 the mailbox, 4 the network, 7 policy.
    pub subject: u16,
    /// The detail.
    pub detail: u16,
}

impl Status {
    /// Reads `5.1.1`; no digit or dot may follow it.
    pub fn parse(raw: &str) -> Option<Self> {
        let raw = raw.trim_start();
        let end = raw.find(|c: char| !c.is_ascii_digit() && c != '.').unwrap_or(raw.len());
        let mut numbers = raw[..end].trim_end_matches('.').split('.').map(number);
        let (class, subject, detail) = (numbers.next()??, numbers.next()??, numbers.next()??);
        (numbers.next().is_none() && matches!(class, 2 | 4 | 5)).then_some(Self { class, subject, detail })
    }

    /// Whether the mailbox or the domain does not exist. A full mailbox, a filter or an unexplained rejection is
    /// not enough.
    pub const fn is_invalid_mailbox(self) -> bool {
        matches!((self.class, self.subject, self.detail), (5, 1, 1 | 2 | 3 | 6 | 10) | (5, 2, 1))
    }

    /// Whether it rejects the sender or the message: limits of the system, the protocol, the content, security, or
    /// the sender's address.
    pub(super) const fn is_policy_rejection(self) -> bool {
        matches!((self.subject, self.detail), (3 | 5 | 6 | 7, _) | (1, 7 | 8) | (2, 3))
    }

    /// `5.0.0` means no more than `5`.
    pub(super) const fn is_unspecific(self) -> bool {
        self.subject == 0
    }

    /// Whether servers use it for rejections of any kind: no subject, the system, the protocol.
    pub(super) const fn is_vague(self) -> bool {
        matches!(self.subject, 0 | 3 | 5)
    }

    /// Whether it names a cause.
    pub const fn is_precise(self) -> bool {
        !self.is_vague() && !matches!((self.subject, self.detail), (1, 0))
    }

    /// The code in a reply that is quoted anywhere in a text: `550 5.1.1 <kim@example.com>: no such user`,
    /// `550-5.1.1 The email account …`, `Sorry, no mailbox here by that name. (#5.1.1)`.
    pub fn find(text: &str) -> Option<Self> {
        let bytes = text.as_bytes();
        let codes = memchr::memchr2_iter(b'4', b'5', bytes).filter(|at| {
            let at = *at;
            let has_end = |end: usize| bytes.get(end).is_some_and(|byte| matches!(byte, b' ' | b'-'));
            let is_code = |at: usize| {
                bytes.get(at..at + 3).is_some_and(|code| code.iter().all(u8::is_ascii_digit))
                    && has_end(at + 3)
            };
            let before = at.checked_sub(1).map(|before| bytes[before]);
            !before.is_some_and(|byte| byte.is_ascii_alphanumeric() || byte == b'.')
                && (is_code(at) || before == Some(b'#'))
        });
        codes.take(MOST_CODES).find_map(|at| {
            let rest = &text[at..];
            // A code that contradicts its reply ("450 5.1.1") is ignored.
            let status = if rest.as_bytes().get(1) == Some(&b'.') { rest } else { rest.get(3..)? };
            Self::parse(status.trim_start_matches([' ', '-', '#', '\'', '"']))
                .filter(|status| rest.starts_with(if status.class == 4 { '4' } else { '5' }))
                .filter(|status| status.class != 2)
        })
    }
}

/// At most three digits, as RFC 3463 has them.
fn number(digits: &str) -> Option<u16> {
    if (1..=3).contains(&digits.len()) { digits.parse().ok() } else { None }
}

impl fmt::Display for Status {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}.{}.{}", self.class, self.subject, self.detail)
    }
}
