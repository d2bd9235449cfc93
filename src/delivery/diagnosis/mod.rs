//! Explains why a mail server could not be reached or rejected the login, and what to change: turns an outcome and the
//! settings into a sentence and a hint.
//!
//! Pure: the outcome is an [`SmtpOutcome`], the user's configuration is in [`Settings`]. Texts for connections and
//! protocols are here, those for certificates in `certificate`, those for logins and rejections in `login`
//! and `token`.

mod certificate;
mod login;
#[cfg(test)]
mod tests;
mod token;

use camino::Utf8Path;

use super::{Phase, SmtpOutcome, TlsError, TransportError, Unreachable, WrongProtocol};
use crate::config::{Inbox, LoginSource, Smtp, SuspectCharacter, Tls};

/// The user's configuration of a mail server.
#[derive(Debug, Clone, Copy)]
pub struct Settings<'a> {
    /// `smtp` or `inbox`.
    pub section: &'static str,
    /// The server.
    pub host: &'a str,
    /// Its port, configured or the default.
    pub port: u16,
    /// The TLS mode.
    pub tls: Tls,
    /// The user name for the login.
    pub user: Option<&'a str>,
    /// Where the password or the token came from.
    pub login: Option<LoginSource<'a>>,
    /// The suspect character in the password.
    pub blemish: Option<SuspectCharacter>,
    /// An additional certificate authority.
    pub ca_file: Option<&'a Utf8Path>,
}

/// Where the cause of a failure is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Blame {
    /// The settings are wrong, or the provider must supply other ones.
    Settings,
    /// The network or the server has failed; the same settings may work later.
    Surroundings,
}

/// The explanation of a failure.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Diagnosis {
    /// A short stable name.
    pub rule: &'static str,
    /// The key of the configuration to look at, such as `smtp.tls`.
    pub key: String,
    /// What is wrong.
    pub title: String,
    /// What to do.
    pub hint: String,
    /// Where the cause is.
    pub blame: Blame,
}

impl<'a> Settings<'a> {
    /// The settings of `[smtp]`. `blemish` is the suspect character in the password.
    pub fn of_smtp(smtp: &'a Smtp, blemish: Option<SuspectCharacter>) -> Self {
        Self {
            section: "smtp",
            host: &smtp.host,
            port: smtp.port(),
            tls: smtp.tls,
            user: smtp.user.as_deref(),
            login: smtp.login(),
            blemish,
            ca_file: smtp.ca_file.as_deref(),
        }
    }

    /// The settings of `[inbox]`.
    pub fn of_inbox(inbox: &'a Inbox, blemish: Option<SuspectCharacter>) -> Self {
        Self {
            section: "inbox",
            host: &inbox.host,
            port: inbox.port(),
            tls: inbox.tls,
            user: Some(&inbox.user),
            login: inbox.login(),
            blemish,
            ca_file: inbox.ca_file.as_deref(),
        }
    }

    fn is_smtp(&self) -> bool {
        self.section == "smtp"
    }

    fn server(&self) -> String {
        format!("{}:{}", self.host, self.port)
    }

    /// The two ports of this protocol: TLS from the first byte, and STARTTLS.
    fn ports(&self) -> (u16, u16) {
        if self.is_smtp() { (465, 587) } else { (993, 143) }
    }

    fn wrong(
        &self,
        rule: &'static str,
        key: &str,
        title: impl Into<String>,
        hint: impl Into<String>,
    ) -> Diagnosis {
        let key = if key.is_empty() { self.section.to_owned() } else { format!("{}.{key}", self.section) };
        Diagnosis { rule, key, title: title.into(), hint: hint.into(), blame: Blame::Settings }
    }

    fn later(
        &self,
        rule: &'static str,
        key: &str,
        title: impl Into<String>,
        hint: impl Into<String>,
    ) -> Diagnosis {
        Diagnosis { blame: Blame::Surroundings, ..self.wrong(rule, key, title, hint) }
    }
}

/// Explains the outcome, if it concerns the server or the settings and not a single recipient.
pub fn diagnose(outcome: &SmtpOutcome, settings: &Settings<'_>) -> Option<Diagnosis> {
    match &outcome.result {
        Ok(reply) => login::refused(outcome.phase, reply, settings),
        Err(error) => explain_error(outcome.phase, error, settings),
    }
}

/// Explains why a mailbox rejected the login with this reply.
pub fn login_refused(reply: &str, settings: &Settings<'_>) -> Diagnosis {
    login::wrong_password(reply, settings)
}

fn explain_error(phase: Phase, error: &TransportError, settings: &Settings<'_>) -> Option<Diagnosis> {
    let server = settings.server();
    match error {
        TransportError::NoSuchHost(_) => Some(no_such_host(settings)),
        TransportError::Dns(reason) => Some(no_resolver(reason, settings)),
        TransportError::Unreachable(unreachable) => Some(no_connection(unreachable, settings)),
        TransportError::WrongProtocol(protocol) => Some(other_protocol(protocol, settings)),
        TransportError::Tls(TlsError::Certificate(bad)) => Some(certificate::rejected(bad, settings)),
        TransportError::Tls(TlsError::NoCommonParameters(reason)) => Some(settings.wrong(
            "tls-version",
            "host",
            format!("{server} supports no secure version of TLS ({reason}); at least 1.2 is required"),
            "ask the operator of the server to enable TLS 1.2 or 1.3",
        )),
        TransportError::Tls(TlsError::Other(reason)) => Some(settings.wrong(
            "tls-failed",
            "tls",
            format!("no protected connection to {server}: {reason}"),
            fitting_modes(settings),
        )),
        TransportError::Token(error) => Some(token::none(error, settings)),
        TransportError::Missing(capability) => login::missing(capability, settings),
        TransportError::Deadline if phase == Phase::Connect => Some(silent_connect(settings)),
        TransportError::Deadline | TransportError::Closed | TransportError::Io(_)
            if phase <= Phase::Hello =>
        {
            Some(no_greeting(phase, error, settings))
        }
        TransportError::Closed | TransportError::Deadline | TransportError::Io(_) if phase == Phase::Tls => {
            Some(settings.later(
                "tls-hung-up",
                "tls",
                format!("{server} aborted the TLS handshake ({error})"),
                fitting_modes(settings),
            ))
        }
        TransportError::Protocol(reason) if phase <= Phase::Hello => Some(settings.wrong(
            "not-a-mail-server",
            "port",
            format!("what answers at {server} is not an {} server: {reason}", protocol(settings)),
            fitting_modes(settings),
        )),
        _ => None,
    }
}

fn protocol(settings: &Settings<'_>) -> &'static str {
    if settings.is_smtp() { "SMTP" } else { "IMAP" }
}

/// Names that never resolve (RFC 2606 and RFC 6761).
fn is_placeholder(host: &str) -> bool {
    let host = host.trim_end_matches('.').to_ascii_lowercase();
    let ends = |name: &str| host == name || host.ends_with(&format!(".{name}"));
    ["example.com", "example.org", "example.net", "example", "invalid", "test"].into_iter().any(ends)
}

/// Well-known servers, to recognise typing errors.
const WELL_KNOWN: [&str; 18] = [
    "smtp.gmail.com",
    "imap.gmail.com",
    "smtp.office365.com",
    "outlook.office365.com",
    "smtp.mail.yahoo.com",
    "imap.mail.yahoo.com",
    "smtp.fastmail.com",
    "imap.fastmail.com",
    "smtp.mail.me.com",
    "imap.mail.me.com",
    "smtp.naver.com",
    "imap.naver.com",
    "smtp.zoho.com",
    "smtp.mailgun.org",
    "smtp.sendgrid.net",
    "smtp.postmarkapp.com",
    "smtp-relay.brevo.com",
    "in-v3.mailjet.com",
];

fn no_such_host(settings: &Settings<'_>) -> Diagnosis {
    let Settings { section, host, .. } = settings;
    let title = format!("there is no server called {host:?}");
    if is_placeholder(host) {
        let title = format!("{title}: the name is reserved for examples");
        return settings.wrong(
            "host-placeholder",
            "host",
            title,
            format!(
                "set {section}.host to the server that your mail provider gives for {}",
                if settings.is_smtp() { "sending (SMTP)" } else { "reading (IMAP)" }
            ),
        );
    }
    let near = WELL_KNOWN
        .into_iter()
        .map(|known| (strsim::damerau_levenshtein(&host.to_ascii_lowercase(), known), known))
        .filter(|(distance, _)| (1..=2).contains(distance))
        .min();
    let hint = match near {
        Some((_, known)) => format!("did you mean {known:?}?"),
        None => format!(
            "check the spelling of {section}.host; your mail provider documents the name of its server"
        ),
    };
    settings.wrong("host-unknown", "host", title, hint)
}

fn no_resolver(reason: &str, settings: &Settings<'_>) -> Diagnosis {
    if is_placeholder(settings.host) {
        return no_such_host(settings);
    }
    settings.later(
        "no-network",
        "host",
        format!("the address of {} cannot be looked up: the DNS does not answer ({reason})", settings.host),
        format!(
            "this machine may be offline: check whether other names resolve (`getent hosts example.com`); if they do, check \
             the spelling of {}.host",
            settings.section
        ),
    )
}

fn no_connection(unreachable: &Unreachable, settings: &Settings<'_>) -> Diagnosis {
    let (server, address) = (settings.server(), unreachable.address);
    if unreachable.is_refused {
        let title = format!("nothing listens at {server} ({address} refused the connection)");
        return settings.wrong("port-closed", "port", title, usual_ports(settings));
    }
    settings.later(
        "no-route",
        "host",
        format!("cannot reach {server} from this machine ({unreachable})"),
        "check the network of this machine and the firewalls on the way",
    )
}

/// The usual ports, for a wrong port.
fn usual_ports(settings: &Settings<'_>) -> String {
    let (implicit, starttls) = settings.ports();
    let what = if settings.is_smtp() { "accept mail" } else { "serve IMAP" };
    let mut hint = format!(
        "most providers {what} on port {implicit} (tls = \"implicit\") or {starttls} (tls = \"starttls\"); check {0}.host and \
         {0}.port",
        settings.section
    );
    if settings.host == "localhost" || settings.host.starts_with("127.") || settings.host == "::1" {
        hint = format!("is the mail server of this machine running, and at this port? Otherwise: {hint}");
    }
    hint
}

fn silent_connect(settings: &Settings<'_>) -> Diagnosis {
    let title = format!(
        "{} does not answer: the connection was neither accepted nor refused in time",
        settings.server()
    );
    if settings.is_smtp() && settings.port == 25 {
        return settings.wrong(
            "port-25-blocked",
            "port",
            title,
            "port 25 is closed to the outside in most home and cloud networks; write port = 587 with tls = \"starttls\", or port = \
             465 with tls = \"implicit\"",
        );
    }
    let hint = format!(
        "a firewall may drop the packets, here or at your hosting provider; otherwise the port is wrong: {}",
        usual_ports(settings)
    );
    settings.wrong("port-silent", "port", title, hint)
}

fn no_greeting(phase: Phase, error: &TransportError, settings: &Settings<'_>) -> Diagnosis {
    let server = settings.server();
    let what = match error {
        TransportError::Deadline => "sends nothing",
        _ => "hangs up at once",
    };
    settings.later(
        "no-greeting",
        "port",
        format!("{server} takes the connection and {what} (at {phase}: {error})"),
        format!(
            "it may be overloaded, or may block the address of this machine; if it never worked: {}",
            usual_ports(settings)
        ),
    )
}

/// The server speaks another protocol than we do.
fn other_protocol(protocol: &WrongProtocol, settings: &Settings<'_>) -> Diagnosis {
    let (server, section) = (settings.server(), settings.section);
    let (implicit, starttls) = settings.ports();
    match protocol {
        WrongProtocol::Tls => settings.wrong(
            "tls-mode",
            "tls",
            format!("{server} wants TLS from the first byte, and {section}.tls is {}", mode(settings.tls)),
            format!(
                "write tls = \"implicit\" below [{section}]{}",
                if settings.port == implicit {
                    String::new()
                } else {
                    format!(", or port = {starttls} if you want STARTTLS")
                }
            ),
        ),
        WrongProtocol::Smtp(_) if !settings.is_smtp() => {
            other_server(settings, "an SMTP server, which takes mail in")
        }
        WrongProtocol::Imap(_) if settings.is_smtp() => {
            other_server(settings, "an IMAP server, where mail is read")
        }
        WrongProtocol::Smtp(greeting) | WrongProtocol::Imap(greeting) => settings.wrong(
            "tls-mode",
            "tls",
            format!(
                "{server} begins in plain text ({greeting:?}), and {section}.tls is {}",
                mode(settings.tls)
            ),
            format!(
                "write tls = \"starttls\" below [{section}]{}",
                if settings.port == starttls {
                    String::new()
                } else {
                    format!(", or port = {implicit} for TLS from the first byte")
                }
            ),
        ),
        WrongProtocol::Pop3 => other_server(settings, "a POP3 server, where mail is fetched"),
        WrongProtocol::Http => other_server(settings, "a web server"),
        WrongProtocol::Ssh => other_server(settings, "an SSH server"),
    }
}

fn other_server(settings: &Settings<'_>, what: &str) -> Diagnosis {
    let title = format!("what answers at {} is {what}", settings.server());
    settings.wrong("not-a-mail-server", "port", title, usual_ports(settings))
}

fn mode(tls: Tls) -> &'static str {
    match tls {
        Tls::Implicit => "\"implicit\"",
        Tls::Starttls => "\"starttls\"",
        Tls::None => "\"none\"",
    }
}

fn fitting_modes(settings: &Settings<'_>) -> String {
    let (implicit, starttls) = settings.ports();
    format!(
        "tls = \"implicit\" goes with port {implicit}, tls = \"starttls\" with port {starttls}; {0}.tls is {1} and the port {2}",
        settings.section,
        mode(settings.tls),
        settings.port
    )
}
