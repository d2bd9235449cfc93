//! The login: a password with AUTHENTICATE PLAIN (RFC 4616) or LOGIN, a token with OAUTHBEARER (RFC 7628) or XOAUTH2.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD as BASE64;

use super::folder::quoted;
use super::session::{Session, unusable};
use super::{ImapError, Mailbox};
use crate::config::Secret;
use crate::delivery::{MissingCapability, Phase, TransportError};
use crate::oauth::mechanism::{Identity, Mechanism};
use crate::oauth::{Credential, TokenError};

const ACTION: &str = "logging in";

/// Connects and logs in. A server that refuses a token is tried once more, with another token and over another
/// connection, because some close theirs.
pub(super) async fn open(mailbox: &Mailbox) -> Result<Session, ImapError> {
    let source = match &mailbox.credential {
        Credential::Password(password) => return with_password(mailbox, password).await,
        Credential::Token(source) => source,
    };
    let token = source.token().await.map_err(no_token)?;
    let opened = with_token(mailbox, &token).await;
    if !matches!(opened, Err(ImapError::LoginRefused(_))) {
        return opened;
    }
    match source.renew(&token).await.map_err(no_token)? {
        Some(other) => with_token(mailbox, &other).await,
        None => opened,
    }
}

async fn with_password(mailbox: &Mailbox, password: &Secret) -> Result<Session, ImapError> {
    let mut session = Session::connect(mailbox).await?;
    let (user, password) = (&mailbox.user, password.expose());
    if session.offers("AUTH=PLAIN") && !user.contains('\0') && !password.contains('\0') {
        let answer = format!("{}\r\n", BASE64.encode(format!("\0{user}\0{password}")));
        let answered = session.dialogue("AUTHENTICATE PLAIN", &[&answer], ACTION).await;
        return logged_in(session, answered.map(drop)).await;
    }
    let plain = |text: &str| text.chars().all(|c| matches!(c, ' '..='~'));
    if session.offers("LOGINDISABLED") {
        return Err(missing(&session, false));
    }
    if !plain(user) || !plain(password) {
        return Err(ImapError::Missing("AUTH=PLAIN, which this login requires"));
    }
    let command = format!("LOGIN {} {}", quoted(user), quoted(password));
    let answered = session.command(&command, ACTION).await;
    logged_in(session, answered.map(drop)).await
}

/// A server that refuses the token first says why, and waits for an answer to that.
async fn with_token(mailbox: &Mailbox, token: &Secret) -> Result<Session, ImapError> {
    let mut session = Session::connect(mailbox).await?;
    let Some(mechanism) = Mechanism::choose(session.mechanisms()) else {
        return Err(missing(&session, true));
    };
    let identity = Identity { user: &mailbox.user, host: &mailbox.host, port: mailbox.port };
    let command = format!("AUTHENTICATE {}", mechanism.name());
    let acknowledgement = mechanism.acknowledgement();
    let answered = if session.offers("SASL-IR") {
        let command = mechanism.line(&format!("{command} "), identity, token).map_err(no_token)?;
        session.dialogue(command.trim_end(), &[acknowledgement], ACTION).await
    } else {
        let response = mechanism.line("", identity, token).map_err(no_token)?;
        session.dialogue(&command, &[&response, acknowledgement], ACTION).await
    };
    logged_in(session, answered.map(drop)).await
}

/// The session after its login, which may have changed the capabilities.
async fn logged_in(mut session: Session, answered: Result<(), ImapError>) -> Result<Session, ImapError> {
    answered.map_err(|error| match error {
        ImapError::Refused(_, reply) => ImapError::LoginRefused(reply),
        other => other,
    })?;
    session.ask_for_capabilities().await?;
    Ok(session)
}

fn no_token(error: TokenError) -> ImapError {
    unusable(Phase::Auth)(TransportError::Token(error))
}

fn missing(session: &Session, with_token: bool) -> ImapError {
    unusable(Phase::Auth)(TransportError::Missing(MissingCapability::Auth {
        offers_starttls: session.offers("STARTTLS"),
        mechanisms: session.mechanisms().map(str::to_owned).collect(),
        with_token,
    }))
}

#[cfg(test)]
mod tests;
