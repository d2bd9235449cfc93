//! What a scripted server offers and where it misbehaves, as a chain of calls:
//! `Script::polite().pipelining(true).on(At::Rcpt, reply_line("550 5.1.1 gone")).nth(At::Dot, 3, Do::Cut)`.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use super::{Certificates, Provider};

/// A point of the dialogue at which the server replies.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(crate) enum At {
    /// The client has connected.
    Greeting,
    /// EHLO.
    Ehlo,
    /// HELO.
    Helo,
    /// STARTTLS.
    StartTls,
    /// The first line of AUTH.
    Auth,
    /// MAIL FROM.
    Mail,
    /// RCPT TO.
    Rcpt,
    /// DATA.
    Data,
    /// The first bytes of a message, before its end; no reply by default.
    Body,
    /// The final dot.
    Dot,
    /// RSET.
    Rset,
    /// QUIT.
    Quit,
}

/// What the server does at that point.
#[derive(Debug, Clone)]
pub(crate) enum Do {
    /// Writes exactly these bytes.
    Write(Vec<u8>),
    /// Writes nothing more and reads until the client disconnects.
    Stall,
    /// Closes the connection.
    Cut,
    /// Closes it with a reset.
    Reset,
    /// Waits.
    Wait(Duration),
    /// Waits until the test opens the gate.
    Until(Gate),
    /// Writes one byte at a time and waits before each.
    Drip(Vec<u8>, Duration),
    /// Waits until the client has also sent these bytes, which only a pipelining client does.
    Await(&'static str),
    /// Several actions in order.
    Each(Vec<Do>),
}

/// Holds the server at a point while the test does what must happen before its reply.
#[derive(Debug, Clone, Default)]
pub(crate) struct Gate(Arc<AtomicBool>);

impl Gate {
    pub(crate) fn open(&self) {
        self.0.store(true, Ordering::SeqCst);
    }

    pub(super) fn is_open(&self) -> bool {
        self.0.load(Ordering::SeqCst)
    }

    /// This reply, once the gate is open.
    pub(crate) fn then(&self, reply: &str) -> Do {
        Do::Each(vec![Do::Until(self.clone()), reply_line(reply)])
    }
}

/// One reply line.
pub(crate) fn reply_line(line: &str) -> Do {
    Do::Write(format!("{line}\r\n").into_bytes())
}

/// The behaviour of a server.
#[derive(Debug, Clone)]
pub(crate) struct Script {
    pub(super) keywords: Vec<String>,
    pub(super) implicit_tls: bool,
    pub(super) certificates: Option<Certificates>,
    pub(super) login: Option<(String, String)>,
    pub(super) tokens: Option<(String, Provider)>,
    pub(super) most_messages: Option<usize>,
    pub(super) greylists: Option<String>,
    rules: Vec<Rule>,
}

#[derive(Debug, Clone)]
struct Rule {
    at: At,
    nth: Option<usize>,
    recipient: Option<String>,
    action: Do,
}

impl Script {
    /// Offers no extensions and accepts everything.
    pub(crate) fn polite() -> Self {
        Self {
            keywords: Vec::new(),
            implicit_tls: false,
            certificates: None,
            login: None,
            tokens: None,
            most_messages: None,
            greylists: None,
            rules: Vec::new(),
        }
    }

    /// Whether it offers PIPELINING.
    pub(crate) fn pipelining(self, offered: bool) -> Self {
        if offered { self.keyword("PIPELINING") } else { self }
    }

    /// Offers a keyword in its reply to EHLO.
    pub(crate) fn keyword(mut self, keyword: &str) -> Self {
        self.keywords.push(keyword.to_owned());
        self
    }

    /// TLS from the first byte.
    pub(crate) fn tls(mut self, certificates: &Certificates) -> Self {
        self.certificates = Some(certificates.clone());
        self.implicit_tls = true;
        self
    }

    /// Offers STARTTLS.
    pub(crate) fn starttls(mut self, certificates: &Certificates) -> Self {
        self.certificates = Some(certificates.clone());
        self.keyword("STARTTLS")
    }

    /// Offers AUTH with these mechanisms, for one user.
    pub(crate) fn auth(mut self, mechanisms: &str, user: &str, password: &str) -> Self {
        self.login = Some((user.to_owned(), password.to_owned()));
        self.keyword(&format!("AUTH {mechanisms}"))
    }

    /// Offers AUTH with these mechanisms, for one user with a token of the provider.
    pub(crate) fn oauth(mut self, mechanisms: &str, user: &str, provider: &Provider) -> Self {
        self.tokens = Some((user.to_owned(), provider.clone()));
        self.keyword(&format!("AUTH {mechanisms}"))
    }

    /// Closes each connection with a 421 at the MAIL after this many messages.
    pub(crate) fn most_messages(mut self, most: usize) -> Self {
        self.most_messages = Some(most);
        self
    }

    /// Refuses each recipient the first time, with this reply.
    pub(crate) fn greylist(mut self, reply: &str) -> Self {
        self.greylists = Some(format!("{reply}\r\n"));
        self
    }

    /// Performs this action every time.
    pub(crate) fn on(self, at: At, action: Do) -> Self {
        self.rule(at, None, None, action)
    }

    /// Performs this action the `nth` time, counted from 1 over all connections.
    pub(crate) fn nth(self, at: At, nth: usize, action: Do) -> Self {
        self.rule(at, Some(nth), None, action)
    }

    /// Performs this action at RCPT for one recipient.
    pub(crate) fn recipient(self, address: &str, action: Do) -> Self {
        self.rule(At::Rcpt, None, Some(address), action)
    }

    /// The action of the first rule that matches.
    pub(super) fn action(&self, at: At, nth: usize, line: &str) -> Option<&Do> {
        let fits = |rule: &&Rule| {
            rule.at == at
                && rule.nth.is_none_or(|wanted| wanted == nth)
                && rule.recipient.as_ref().is_none_or(|address| line.contains(&format!("<{address}>")))
        };
        self.rules.iter().find(fits).map(|rule| &rule.action)
    }

    fn rule(mut self, at: At, nth: Option<usize>, recipient: Option<&str>, action: Do) -> Self {
        self.rules.push(Rule { at, nth, recipient: recipient.map(str::to_owned), action });
        self
    }
}
