//! AUTH (RFC 4954): PLAIN and LOGIN with a password, OAUTHBEARER and XOAUTH2 with a token. No error and no transcript
//! contains either.

use std::time::Duration;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD as BASE64;

use super::capabilities::Capabilities;
use super::line_stream::{LineStream, within};
use super::reply::Reply;
use super::{Login, SmtpTransport};
use crate::config::Secret;
use crate::delivery::{MissingCapability, Phase, SmtpOutcome, TransportError};
use crate::logging::repeats;
use crate::oauth::mechanism::{Identity, Mechanism, refusal};
use crate::oauth::{Credential, TokenError};

/// The password or the token to log in with; `None` without a login.
pub(super) async fn secret(transport: &SmtpTransport) -> Result<Option<Secret>, SmtpOutcome> {
    match transport.login.as_ref().map(|login| &login.credential) {
        None => Ok(None),
        Some(Credential::Password(password)) => Ok(Some(password.clone())),
        Some(Credential::Token(source)) => source.token().await.map(Some).map_err(no_token),
    }
}

/// Another token, if the server refused this one. A password stays as it is.
pub(super) async fn renewed(
    transport: &SmtpTransport,
    secret: Option<&Secret>,
    outcome: &SmtpOutcome,
) -> Result<Option<Secret>, SmtpOutcome> {
    let is_refusal =
        outcome.phase == Phase::Auth && outcome.result.as_ref().is_ok_and(|reply| reply.class() == 5);
    match (transport.login.as_ref().map(|login| &login.credential), secret) {
        (Some(Credential::Token(source)), Some(refused)) if is_refusal => {
            source.renew(refused).await.map_err(no_token)
        }
        _ => Ok(None),
    }
}

fn no_token(error: TokenError) -> SmtpOutcome {
    outcome(Phase::Auth)(TransportError::Token(error))
}

/// Logs in with `secret` by the best mechanism that is offered.
pub(super) async fn log_in(
    transport: &SmtpTransport,
    (login, secret): (&Login, &Secret),
    stream: &mut LineStream,
    offered: &Capabilities,
) -> Result<(), SmtpOutcome> {
    stream.transcript.hide(secret.clone());
    let limit = transport.deadlines.command.duration();
    match &login.credential {
        Credential::Password(_) => with_password((&login.user, secret), stream, offered, limit).await?,
        Credential::Token(_) => {
            let identity = Identity { user: &login.user, host: &transport.host, port: transport.port };
            with_token((identity, secret), stream, offered, limit).await?;
        }
    }
    tracing::info!("authenticated");
    Ok(())
}

/// AUTH PLAIN (RFC 4616) or, if only that is offered, LOGIN.
async fn with_password(
    (user, password): (&str, &Secret),
    stream: &mut LineStream,
    offered: &Capabilities,
    limit: Duration,
) -> Result<(), SmtpOutcome> {
    let plain = password.expose();
    let answers = if offered.plain {
        vec![("AUTH PLAIN ***", secret_line("AUTH PLAIN ", &format!("\0{user}\0{plain}")))]
    } else if offered.login {
        vec![
            ("AUTH LOGIN", "AUTH LOGIN\r\n".to_owned()),
            ("***", secret_line("", user)),
            ("***", secret_line("", plain)),
        ]
    } else {
        let mechanisms = offered.other_login.clone();
        return Err(missing(
            Phase::Auth,
            MissingCapability::Auth { offers_starttls: offered.starttls, mechanisms, with_token: false },
        ));
    };
    let last = answers.len() - 1;
    for (step, (shown, line)) in answers.into_iter().enumerate() {
        let reply = exchange(stream, limit, shown, (line, password)).await;
        expect(Phase::Auth, if step == last { 2 } else { 3 }, reply)?;
    }
    Ok(())
}

/// AUTH OAUTHBEARER (RFC 7628) or XOAUTH2. A server that refuses the token first says why in a challenge.
async fn with_token(
    (identity, token): (Identity<'_>, &Secret),
    stream: &mut LineStream,
    offered: &Capabilities,
    limit: Duration,
) -> Result<(), SmtpOutcome> {
    let Some(mechanism) = Mechanism::choose(offered.other_login.iter().map(String::as_str)) else {
        let mechanisms = offered.passwords().map(str::to_owned).chain(offered.other_login.clone()).collect();
        return Err(missing(
            Phase::Auth,
            MissingCapability::Auth { offers_starttls: offered.starttls, mechanisms, with_token: true },
        ));
    };
    let command = format!("AUTH {} ", mechanism.name());
    let line = mechanism.line(&command, identity, token).map_err(no_token)?;
    let mut reply = exchange(stream, limit, &format!("{command}***"), (line, token)).await;
    if let Ok(challenge) = reply.as_ref()
        && challenge.class() == 3
    {
        let reason = refusal(&challenge.text);
        let acknowledgement = mechanism.acknowledgement();
        reply =
            exchange(stream, limit, acknowledgement.trim_end(), (acknowledgement.to_owned(), token)).await;
        if let Ok(refused) = reply.as_mut()
            && !reason.is_empty()
        {
            refused.text.push(' ');
            refused.text.push_str(&reason);
        }
    }
    expect(Phase::Auth, 2, reply)
}

/// Sends a line that appears in the transcript as `shown`, and reads its reply, which must not repeat the secret.
async fn exchange(
    stream: &mut LineStream,
    limit: Duration,
    shown: &str,
    (line, secret): (String, &Secret),
) -> Result<Reply, TransportError> {
    stream.transcript.credentials(shown);
    let mut line = line.into_bytes();
    let reply = within(limit, async {
        if let Some(unexpected) = stream.unexpected_reply().await {
            return unexpected;
        }
        stream.write(&line).await;
        stream.reply().await
    })
    .await;
    wipe(&mut line);
    reply.map(|reply| without_secret(reply, secret.expose()))
}

/// Fails unless there is a reply of `class`.
pub(super) fn expect(
    phase: Phase,
    class: u16,
    what: Result<Reply, TransportError>,
) -> Result<(), SmtpOutcome> {
    match what {
        Ok(reply) if reply.class() == class => Ok(()),
        what => Err(SmtpOutcome { phase, result: what }),
    }
}

pub(super) fn outcome(phase: Phase) -> impl Fn(TransportError) -> SmtpOutcome {
    move |error| SmtpOutcome { phase, result: Err(error) }
}

pub(super) fn missing(phase: Phase, what: MissingCapability) -> SmtpOutcome {
    outcome(phase)(TransportError::Missing(what))
}

fn secret_line(prefix: &str, secret: &str) -> String {
    format!("{prefix}{}\r\n", BASE64.encode(secret))
}

/// Overwrites a line that contained a password; `black_box` keeps the compiler from removing the write.
fn wipe(line: &mut [u8]) {
    line.fill(0);
    std::hint::black_box(line);
}

/// Hides a reply that repeats the password, as some servers do.
fn without_secret(mut reply: Reply, password: &str) -> Reply {
    if repeats(&reply.text, password) {
        "(not shown: the server repeated the password)".clone_into(&mut reply.text);
    }
    reply
}
