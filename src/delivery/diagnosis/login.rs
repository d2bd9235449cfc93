//! Failed logins, and other rejections of the sender.

use super::{Diagnosis, Settings, token};
use crate::config::{LoginSource, SuspectCharacter, Tls};
use crate::delivery::{MissingCapability, Phase, Reply};

/// Explains a reply to a command that concerns the sender.
pub(super) fn refused(phase: Phase, reply: &Reply, settings: &Settings<'_>) -> Option<Diagnosis> {
    let reply_text = reply.to_string();
    let text = reply.text.to_ascii_lowercase();
    let server = settings.server();
    if text.contains("starttls") && reply.class() == 5 && settings.tls != Tls::Starttls {
        return Some(starttls_first(&reply_text, settings));
    }
    match (phase, reply.class()) {
        (Phase::Greeting | Phase::Hello, 5) => Some(settings.wrong(
            "sender-shut-out",
            "host",
            format!("{server} accepts no mail from this machine: {reply}"),
            "the IP address of this machine may be on a blocklist: send through the server of your mail provider, with a login, on \
             port 587 or 465",
        )),
        (Phase::Auth, 5) if reply.code == 538 || text.contains("encryption required") => {
            Some(starttls_first(&reply_text, settings))
        }
        (Phase::Auth, 5) => Some(wrong_password(&reply_text, settings)),
        (Phase::Auth, 4) => Some(settings.later(
            "login-later",
            "user",
            format!("{server} cannot check the password at the moment: {reply}"),
            "nothing needs to change; the next run tries again",
        )),
        (Phase::Mail | Phase::Rcpt | Phase::Data, 5)
            if wants_login(reply, &text) || token::is_switched_off(&reply_text) =>
        {
            Some(login_missing(&reply_text, settings))
        }
        (Phase::Mail, 5) => Some(settings.sender_refused(&reply_text)),
        _ => None,
    }
}

/// Whether a rejection means that the relay requires a login.
fn wants_login(reply: &Reply, text: &str) -> bool {
    let denials = [
        "relay access denied",
        "relaying denied",
        "relay not permitted",
        "unable to relay",
        "not permitted to relay",
    ];
    let demands =
        ["authentication required", "authentication is required", "must authenticate", "auth required"];
    reply.code == 530 || denials.iter().chain(&demands).any(|phrase| text.contains(phrase))
}

impl Settings<'_> {
    fn sender_refused(&self, reply: &str) -> Diagnosis {
        let login = self.user.map_or_else(String::new, |user| format!(" for the login {user:?}"));
        Diagnosis {
            key: "newsletter.from".to_owned(),
            ..self.wrong(
                "sender-refused",
                "",
                format!("{} rejects this sender address{login}: {reply}", self.server()),
                "set newsletter.from (and newsletter.bounces) to an address that this login may send from, or ask the provider to \
                 allow it",
            )
        }
    }
}

fn login_missing(reply: &str, settings: &Settings<'_>) -> Diagnosis {
    let server = settings.server();
    if token::is_switched_off(reply) && settings.login.is_none_or(LoginSource::is_password) {
        return switched_off(format!("{server} requires a login: {reply}"), settings);
    }
    match settings.user {
        None => settings.wrong(
            "login-missing",
            "user",
            format!("{server} requires a login: {reply}"),
            "add user = \"…\" and password_file = \"…\" to [smtp]",
        ),
        Some(user) => settings.wrong(
            "login-not-enough",
            "user",
            format!("{server} does not relay mail for {user:?}: {reply}"),
            "ask the provider which server and which sender address belong to this login",
        ),
    }
}

fn starttls_first(reply: &str, settings: &Settings<'_>) -> Diagnosis {
    settings.wrong(
        "starttls-first",
        "tls",
        format!("{} requires STARTTLS: {reply}", settings.server()),
        format!("set tls = \"starttls\" in [{}]", settings.section),
    )
}

/// Explains a required capability that the server does not offer.
pub(super) fn missing(capability: &MissingCapability, settings: &Settings<'_>) -> Option<Diagnosis> {
    let (server, section) = (settings.server(), settings.section);
    let (implicit, starttls) = settings.ports();
    match capability {
        MissingCapability::Starttls => Some(settings.wrong(
            "starttls-missing",
            "tls",
            format!("{server} does not offer STARTTLS, but {section}.tls is \"starttls\""),
            format!(
                "most providers offer it on port {starttls}, and implicit TLS (tls = \"implicit\") on {implicit}; if STARTTLS \
                 should be offered, a firewall or a virus scanner may have removed it"
            ),
        )),
        MissingCapability::TlsForPassword => Some(settings.wrong(
            "password-in-clear",
            "tls",
            format!("the password would be sent to {server} unencrypted, because {section}.tls is \"none\""),
            format!("set tls = \"starttls\" (port {starttls}) or \"implicit\" (port {implicit})"),
        )),
        MissingCapability::Auth { offers_starttls: true, .. } if settings.tls == Tls::None => Some(settings.wrong(
            "starttls-first",
            "tls",
            format!("{server} offers a login only after STARTTLS, but {section}.tls is \"none\""),
            format!("set tls = \"starttls\" in [{section}]"),
        )),
        MissingCapability::Auth { mechanisms, .. } if mechanisms.is_empty() => Some(settings.wrong(
            "login-not-offered",
            "user",
            format!("{server} offers no login, but {section}.user is set"),
            format!(
                "port 25 is for mail between servers: providers accept logins on {starttls} and {implicit}; your own relay that \
                 trusts this machine needs neither user nor password"
            ),
        )),
        MissingCapability::Auth { mechanisms, with_token, .. } => {
            Some(other_kind(mechanisms, *with_token, settings))
        }
        MissingCapability::Extension(_) => None,
    }
}

/// The server offers only mechanisms that do not fit the configured login.
fn other_kind(mechanisms: &[String], with_token: bool, settings: &Settings<'_>) -> Diagnosis {
    let (server, offered) = (settings.server(), mechanisms.join(", "));
    let (what, hint) = if with_token {
        let hint = format!(
            "check {}.host; a server without OAuth needs a password: password_file",
            settings.section
        );
        ("login with a token", hint)
    } else {
        let mut hint = "ask the provider for a password login (often an app password or an API key); with a password, Letterpress \
                        supports PLAIN and LOGIN"
            .to_owned();
        if mechanisms.iter().any(|name| name == "XOAUTH2" || name == "OAUTHBEARER") {
            hint = format!("{}; or {hint}", token::advice(settings));
        }
        ("password login", hint)
    };
    settings.wrong("login-other-kind", "user", format!("{server} offers no {what}, only {offered}"), hint)
}

/// The provider has disabled passwords for the account.
fn switched_off(title: String, settings: &Settings<'_>) -> Diagnosis {
    let hint = format!(
        "the provider has disabled password logins for this account, as Microsoft 365 does for all; {}. Until then its administrator \
         may be able to allow SMTP AUTH with a password",
        token::advice(settings)
    );
    settings.wrong("login-switched-off", "user", title, hint)
}

/// The server rejected the password.
pub(super) fn wrong_password(reply: &str, settings: &Settings<'_>) -> Diagnosis {
    let reply = reply.trim_end_matches('.');
    let lower = reply.to_ascii_lowercase();
    let user = settings.user.unwrap_or_default();
    let title = format!("{} rejected the login of {user:?}: {reply}", settings.server());
    let (key, place) = match settings.login {
        Some(source @ LoginSource::PasswordFile(file)) => (source.key(), format!("the file {file}")),
        Some(source @ LoginSource::PasswordEnv(name)) => (source.key(), format!("the variable {name}")),
        Some(source) => return token::refused(reply, source, settings),
        None => ("user", "the password".to_owned()),
    };
    let section = settings.section;
    let from = format!("the password came from {place} ({section}.{key})");
    if token::is_switched_off(reply) {
        return switched_off(title, settings);
    }
    if let Some(blemish) = settings.blemish {
        return settings.wrong(
            "login-wrong",
            key,
            title,
            format!("{from}, which {}; fix that first", unusual(blemish)),
        );
    }
    if wants_app_password(&lower, settings.host) {
        let mut hint = format!(
            "this provider requires an app password, created on its website for this program, instead of the account password; {from}"
        );
        if token::is_google(settings.host) {
            hint = format!("{hint}; or {}", token::advice(settings));
        }
        return settings.wrong("login-app-password", key, title, hint);
    }
    settings.wrong(
        "login-wrong",
        key,
        title,
        format!(
            "{from}: check that it belongs to {section}.user = {user:?}; many providers require the full email address there"
        ),
    )
}

/// Whether the server, by its reply or its name, requires an app password instead of the account password.
fn wants_app_password(reply: &str, host: &str) -> bool {
    const REPLIES: [&str; 7] = [
        "application-specific",
        "app password",
        "app-specific",
        "app-password",
        "invalidsecondfactor",
        "5.7.9",
        "two-factor",
    ];
    const HOSTS: [&str; 7] =
        ["gmail.com", "googlemail.com", "yahoo.com", "me.com", "icloud.com", "fastmail.com", "aol.com"];
    let host = host.to_ascii_lowercase();
    REPLIES.iter().any(|phrase| reply.contains(phrase))
        || reply.starts_with("534 ")
        || HOSTS.iter().any(|name| host == *name || host.ends_with(&format!(".{name}")))
}

fn unusual(blemish: SuspectCharacter) -> &'static str {
    match blemish {
        SuspectCharacter::OuterSpace => "begins or ends with a space or a tab",
        SuspectCharacter::Lines => "contains more than one line",
        SuspectCharacter::Quotes => "is in quotation marks, which count as part of it",
        SuspectCharacter::Mark => "begins with an invisible byte order mark",
        SuspectCharacter::Invisible => "contains an invisible character",
    }
}
