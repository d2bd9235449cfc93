//! OAuth 2.0 for mail servers: where an access token comes from, and how SMTP and IMAP receive it.
//!
//! A token is printed by a program of the user (`command`), or refreshed from what `letterpress login` stored
//! (`stored`). `device` and `browser` are the two ways in which a person approves the log-in, `endpoint` speaks with the
//! provider, and `mechanism` is the part that mail servers see. Nothing here sends mail or prints.

pub(crate) mod browser;
mod command;
pub(crate) mod device;
pub(crate) mod endpoint;
pub(crate) mod mechanism;
pub(crate) mod stored;
#[cfg(test)]
mod tests;

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use chrono::{DateTime, TimeDelta, Utc};
use tokio::sync::Mutex;
use tokio::time::Instant;

use crate::clock::Clock;
use crate::config::Secret;
use command::TokenCommand;
use stored::Account;

/// How long a token of a program is kept: it does not say when it expires.
const KEPT: TimeDelta = TimeDelta::minutes(5);
/// A token that was refused is renewed once in this time. A server that refuses every token must not cause a request
/// for each connection.
const RENEWAL_PAUSE: Duration = Duration::from_secs(5 * 60);

/// What proves the identity of a user to a mail server.
#[derive(Debug, Clone)]
pub enum Credential {
    /// A password.
    Password(Secret),
    /// Tokens that are issued for an hour or so.
    Token(Arc<TokenSource>),
}

impl From<Secret> for Credential {
    fn from(password: Secret) -> Self {
        Self::Password(password)
    }
}

/// Why there is no token.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{what}")]
pub struct TokenError {
    /// What is wrong.
    pub what: String,
    /// What to do.
    pub help: String,
    /// Whether it stays so until somebody changes something.
    pub is_lasting: bool,
}

impl TokenError {
    fn lasting(what: impl Into<String>, help: impl Into<String>) -> Self {
        Self { what: what.into(), help: help.into(), is_lasting: true }
    }

    fn passing(what: impl Into<String>, help: impl Into<String>) -> Self {
        Self { what: what.into(), help: help.into(), is_lasting: false }
    }
}

/// An access token, and until when to use it.
#[derive(Debug, Clone)]
struct AccessToken {
    secret: Secret,
    use_until: Option<DateTime<Utc>>,
}

impl AccessToken {
    fn is_usable(&self, now: DateTime<Utc>) -> bool {
        self.use_until.is_none_or(|until| now < until)
    }
}

/// Whether `text` can be an access token (RFC 6750, 2.1): anything else could end the line or the field it is in.
fn is_token(text: &str) -> bool {
    !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_graphic())
}

/// Where the tokens of one login come from. All connections of a run share it, and with it one token.
pub struct TokenSource {
    origin: Origin,
    clock: Arc<dyn Clock>,
    state: Mutex<State>,
}

#[derive(Debug)]
enum Origin {
    Command(TokenCommand),
    Stored(Box<Account>),
}

#[derive(Debug, Default)]
struct State {
    token: Option<AccessToken>,
    renewed: Option<Instant>,
}

impl fmt::Debug for TokenSource {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("TokenSource").field("origin", &self.origin).finish_non_exhaustive()
    }
}

impl TokenSource {
    /// The tokens that a program prints.
    pub(crate) fn command(command: &[String], clock: Arc<dyn Clock>) -> Self {
        Self::new(Origin::Command(TokenCommand::new(command)), clock)
    }

    /// The tokens of an account that has logged in.
    pub(crate) fn stored(account: Account, clock: Arc<dyn Clock>) -> Self {
        Self::new(Origin::Stored(Box::new(account)), clock)
    }

    fn new(origin: Origin, clock: Arc<dyn Clock>) -> Self {
        Self { origin, clock, state: Mutex::default() }
    }

    /// A token that should be valid.
    pub(crate) async fn token(&self) -> Result<Secret, TokenError> {
        let mut state = self.state.lock().await;
        match &state.token {
            Some(token) if token.is_usable(self.clock.now()) => Ok(token.secret.clone()),
            _ => Ok(state.token.insert(self.fetch(None).await?).secret.clone()),
        }
    }

    /// Another token, because a server refused this one; `None` if there is none or it was renewed just now.
    pub(crate) async fn renew(&self, refused: &Secret) -> Result<Option<Secret>, TokenError> {
        let mut state = self.state.lock().await;
        if let Some(other) = state.token.as_ref().filter(|token| token.secret != *refused) {
            return Ok(Some(other.secret.clone()));
        }
        if state.renewed.is_some_and(|at| at.elapsed() < RENEWAL_PAUSE) {
            return Ok(None);
        }
        state.renewed = Some(Instant::now());
        tracing::info!("the server refused the token; asking for another one");
        let token = self.fetch(Some(refused)).await?;
        let secret = token.secret.clone();
        state.token = Some(token);
        Ok((secret != *refused).then_some(secret))
    }

    async fn fetch(&self, refused: Option<&Secret>) -> Result<AccessToken, TokenError> {
        match &self.origin {
            Origin::Command(command) => {
                Ok(AccessToken { secret: command.run().await?, use_until: Some(self.clock.now() + KEPT) })
            }
            Origin::Stored(account) => account.token(self.clock.as_ref(), refused).await,
        }
    }
}
