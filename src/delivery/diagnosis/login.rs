//! Logins that failed, and other refusals of the sender.

use super::{Diagnosis, PasswordFrom, Settings};
use crate::config::{Blemish, Tls};
use crate::delivery::{Lack, Phase, Reply};

/// What a reply of the server to the sender's own commands means.
pub(super) fn refused(phase: Phase, reply: &Reply, settings: &Settings<'_>) -> Option<Diagnosis> {
    let said = reply.to_string();
    let text = reply.text.to_ascii_lowercase();
    let server = settings.server();
    if text.contains("starttls") && reply.class() == 5 && settings.tls != Tls::Starttls {
        return Some(starttls_first(&said, settings));
    }
    match (phase, reply.class()) {
        (Phase::Greeting | Phase::Hello, 5) => Some(settings.wrong(
            "sender-shut-out",
            "host",
            format!("{server} takes no mail from this machine: {said}"),
            "it may have put this machine's address on a list: send through your mail provider's server, with a login, at port 587 \
             or 465",
        )),
        (Phase::Auth, 5) if reply.code == 538 || text.contains("encryption required") => {
            Some(starttls_first(&said, settings))
        }
        (Phase::Auth, 5) => Some(wrong_password(&said, settings)),
        (Phase::Auth, 4) => Some(settings.later(
            "login-later",
            "user",
            format!("{server} cannot check the password now: {said}"),
            "nothing needs to change here; the next run tries again",
        )),
        (Phase::Mail | Phase::Rcpt | Phase::Data, 5) if wants_login(reply, &text) => {
            Some(login_missing(&said, settings))
        }
        (Phase::Mail, 5) => Some(settings.sender_refused(&said)),
        _ => None,
    }
}

/// Whether a refusal is that of a relay that does not know us.
fn wants_login(reply: &Reply, text: &str) -> bool {
    let speaks = [
        "relay access denied",
        "relaying denied",
        "relay not permitted",
        "unable to relay",
        "not permitted to relay",
    ];
    let asks =
        ["authentication required", "authentication is required", "must authenticate", "auth required"];
    reply.code == 530 || speaks.iter().chain(&asks).any(|words| text.contains(words))
}

impl Settings<'_> {
    fn sender_refused(&self, said: &str) -> Diagnosis {
        let login = self.user.map_or_else(String::new, |user| format!(" for the login {user:?}"));
        Diagnosis {
            key: "newsletter.from".to_owned(),
            ..self.wrong(
                "sender-refused",
                "",
                format!("{} does not let letters leave from this sender{login}: {said}", self.server()),
                "write an address as newsletter.from (and newsletter.bounces) that this login may send from, or let the provider \
                 allow it",
            )
        }
    }
}

fn login_missing(said: &str, settings: &Settings<'_>) -> Diagnosis {
    let server = settings.server();
    match settings.user {
        None => settings.wrong(
            "login-missing",
            "user",
            format!("{server} takes letters only after a login: {said}"),
            "add user = \"…\" and password_file = \"…\" below [smtp]",
        ),
        Some(user) => settings.wrong(
            "login-not-enough",
            "user",
            format!("{server} passes no mail on for {user:?}: {said}"),
            "ask the provider which server and which sender address belong to this login",
        ),
    }
}

fn starttls_first(said: &str, settings: &Settings<'_>) -> Diagnosis {
    settings.wrong(
        "starttls-first",
        "tls",
        format!("{} wants STARTTLS before anything else: {said}", settings.server()),
        format!("write tls = \"starttls\" below [{}]", settings.section),
    )
}

/// What a server lacks that was demanded.
pub(super) fn lacks(lack: &Lack, settings: &Settings<'_>) -> Option<Diagnosis> {
    let (server, section) = (settings.server(), settings.section);
    let (implicit, starttls) = settings.ports();
    match lack {
        Lack::Starttls => Some(settings.wrong(
            "starttls-missing",
            "tls",
            format!("{server} offers no STARTTLS, and {section}.tls is \"starttls\""),
            format!(
                "most providers have it at port {starttls}, and TLS from the first byte (tls = \"implicit\") at {implicit}; where \
                 STARTTLS vanishes on the way, a firewall or a virus scanner may have taken it out"
            ),
        )),
        Lack::TlsForPassword => Some(settings.wrong(
            "password-in-clear",
            "tls",
            format!("the password would cross the network to {server} in the clear, for {section}.tls is \"none\""),
            format!("write tls = \"starttls\" (port {starttls}) or \"implicit\" (port {implicit})"),
        )),
        Lack::Auth { offers_starttls: true, .. } if settings.tls == Tls::None => Some(settings.wrong(
            "starttls-first",
            "tls",
            format!("{server} offers a login only after STARTTLS, and {section}.tls is \"none\""),
            format!("write tls = \"starttls\" below [{section}]"),
        )),
        Lack::Auth { mechanisms, .. } if mechanisms.is_empty() => Some(settings.wrong(
            "login-not-offered",
            "user",
            format!("{server} offers no login, and {section}.user is set"),
            format!(
                "port 25 is for mail between servers: providers take logins at {starttls} and {implicit}; a relay of your own that \
                 knows this machine needs no user and no password"
            ),
        )),
        Lack::Auth { mechanisms, .. } => Some(settings.wrong(
            "login-other-kind",
            "user",
            format!("{server} offers no login with a password, only {}", mechanisms.join(", ")),
            "ask the provider for a login with a password (often an app password or an API key); Letterpress knows PLAIN and LOGIN",
        )),
        Lack::Extension(_) => None,
    }
}

/// The server does not believe the password.
pub(super) fn wrong_password(said: &str, settings: &Settings<'_>) -> Diagnosis {
    let lower = said.to_ascii_lowercase();
    let user = settings.user.unwrap_or_default();
    let title = format!("{} refuses the login of {user:?}: {said}", settings.server());
    let (key, place) = match settings.password {
        Some(PasswordFrom::File(file, _)) => ("password_file", format!("the file {file}")),
        Some(PasswordFrom::Variable(name, _)) => ("password_env", format!("the variable {name}")),
        None => ("user", "the password".to_owned()),
    };
    let blemish = match settings.password {
        Some(PasswordFrom::File(_, blemish) | PasswordFrom::Variable(_, blemish)) => blemish,
        None => None,
    };
    let section = settings.section;
    let from = format!("the password came from {place} ({section}.{key})");
    if lower.contains("smtpclientauthentication is disabled")
        || lower.contains("basic authentication is disabled")
    {
        return settings.wrong(
            "login-switched-off",
            "user",
            title,
            "the provider has switched logins with a password off for this account; its administrator can allow SMTP AUTH, or \
             choose another relay",
        );
    }
    if let Some(blemish) = blemish {
        return settings.wrong(
            "login-wrong",
            key,
            title,
            format!("{from}, which {}; put that right first", odd(blemish)),
        );
    }
    if wants_app_password(&lower, settings.host) {
        return settings.wrong(
            "login-app-password",
            key,
            title,
            format!(
                "this provider wants an app password, made on its pages for this one program, and not that of the account; {from}"
            ),
        );
    }
    settings.wrong(
        "login-wrong",
        key,
        title,
        format!(
            "{from}: is it that of {section}.user = {user:?}? Many providers want the whole address there"
        ),
    )
}

/// Whether the server says, or is known to mean, that the password of the account is not what it wants.
fn wants_app_password(said: &str, host: &str) -> bool {
    const SAY: [&str; 7] = [
        "application-specific",
        "app password",
        "app-specific",
        "app-password",
        "invalidsecondfactor",
        "5.7.9",
        "two-factor",
    ];
    const MEAN: [&str; 7] =
        ["gmail.com", "googlemail.com", "yahoo.com", "me.com", "icloud.com", "fastmail.com", "aol.com"];
    let host = host.to_ascii_lowercase();
    SAY.iter().any(|words| said.contains(words))
        || said.starts_with("534 ")
        || MEAN.iter().any(|name| host == *name || host.ends_with(&format!(".{name}")))
}

fn odd(blemish: Blemish) -> &'static str {
    match blemish {
        Blemish::OuterSpace => "begins or ends with a space or a tab",
        Blemish::Lines => "holds more than one line",
        Blemish::Quotes => "stands in quotation marks, which count as part of it",
        Blemish::Mark => "begins with an invisible byte order mark",
        Blemish::Invisible => "holds an invisible character",
    }
}
