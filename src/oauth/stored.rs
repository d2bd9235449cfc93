//! The tokens of `letterpress login`, in one private file beside the keys. All processes share it: one of them refreshes,
//! under a lock, and the others read what it wrote.

use std::collections::BTreeMap;
use std::fs::{File, OpenOptions, TryLockError};
use std::io::{self, ErrorKind};
use std::time::Duration;

use camino::{Utf8Path, Utf8PathBuf};
use chrono::{DateTime, TimeDelta, Utc};
use serde::{Deserialize, Serialize};

use super::endpoint::{Client, Issued};
use super::{AccessToken, TokenError};
use crate::clock::Clock;
use crate::config::Secret;
use crate::durable::{self, Mode};

/// A token is refreshed so long before it expires, because a run may start in between; one that lives for less than twice
/// this time, after half of it.
const EARLY: TimeDelta = TimeDelta::minutes(5);
/// How long another process may hold the lock: a little longer than its request.
const PATIENCE: Duration = Duration::from_secs(45);
/// How often the lock is tried.
const GLANCE: Duration = Duration::from_millis(50);

/// The tokens of one account. It has no `Debug`, so that they cannot be printed.
#[derive(Clone, Serialize, Deserialize)]
pub(crate) struct Login {
    pub(crate) refresh_token: String,
    access_token: String,
    /// When the access token expires, if the provider said so.
    pub(crate) expires_at: Option<DateTime<Utc>>,
    /// From when on another one is asked for.
    refresh_at: Option<DateTime<Utc>>,
    /// What the tokens permit.
    pub(crate) scope: String,
    /// When a person approved it.
    pub(crate) logged_in_at: DateTime<Utc>,
}

impl Login {
    /// The login that `issued` begins; `None` without a refresh token.
    pub(crate) fn begin(issued: Issued, client: &Client, now: DateTime<Utc>) -> Option<Self> {
        let mut login = Self {
            refresh_token: issued.refresh_token.clone()?,
            access_token: String::new(),
            expires_at: None,
            refresh_at: None,
            scope: issued.scope.clone().unwrap_or_else(|| client.provider.scope.clone()),
            logged_in_at: now,
        };
        login.take(issued, now);
        Some(login)
    }

    /// Takes refreshed tokens. A provider may rotate the refresh token with each use (RFC 6749, 6).
    fn take(&mut self, issued: Issued, now: DateTime<Utc>) {
        if let Some(rotated) = issued.refresh_token {
            self.refresh_token = rotated;
        }
        self.access_token = issued.access_token;
        let lifetime = issued.expires_in.and_then(TimeDelta::try_seconds);
        self.expires_at = lifetime.and_then(|lifetime| now.checked_add_signed(lifetime));
        self.refresh_at = self.expires_at.zip(lifetime).map(|(at, lifetime)| at - EARLY.min(lifetime / 2));
    }

    fn access(&self) -> Option<AccessToken> {
        let secret = Secret::new(&self.access_token, "the access token").ok()?;
        Some(AccessToken { secret, use_until: self.refresh_at })
    }

    /// Its access token, if that is valid and is not the refused one.
    pub(super) fn usable(&self, now: DateTime<Utc>, refused: Option<&Secret>) -> Option<AccessToken> {
        self.access().filter(|token| token.is_usable(now) && refused != Some(&token.secret))
    }
}

/// All logins, by section and account.
#[derive(Default, Serialize, Deserialize)]
pub(crate) struct Logins(BTreeMap<String, BTreeMap<String, Login>>);

impl Logins {
    pub(crate) fn get(&self, section: &str, user: &str) -> Option<&Login> {
        self.0.get(section)?.get(user)
    }

    pub(crate) fn insert(&mut self, section: &str, user: &str, login: Login) {
        self.0.entry(section.to_owned()).or_default().insert(user.to_owned(), login);
    }

    pub(crate) fn remove(&mut self, section: &str, user: &str) -> Option<Login> {
        let users = self.0.get_mut(section)?;
        let removed = users.remove(user);
        if users.is_empty() {
            self.0.remove(section);
        }
        removed
    }

    /// The accounts of a section.
    pub(crate) fn users(&self, section: &str) -> impl Iterator<Item = &str> {
        self.0.get(section).into_iter().flat_map(BTreeMap::keys).map(String::as_str)
    }
}

/// The file with all logins.
#[derive(Debug, Clone)]
pub(crate) struct TokenFile(Utf8PathBuf);

/// The file while no other process changes it.
pub(crate) struct LockedTokens<'f> {
    file: &'f TokenFile,
    _lock: File,
}

impl TokenFile {
    pub(crate) fn new(path: Utf8PathBuf) -> Self {
        Self(path)
    }

    pub(crate) fn path(&self) -> &Utf8Path {
        &self.0
    }

    /// The logins in the file. It is replaced and never changed, so no lock is needed to read it.
    pub(crate) fn read(&self) -> Result<Logins, TokenError> {
        match std::fs::read(&self.0) {
            Ok(bytes) => serde_json::from_slice(&bytes).map_err(|_| {
                TokenError::lasting(
                    format!("{} has no tokens in a form that can be read", self.0),
                    "remove the file, and run `letterpress login` again",
                )
            }),
            Err(error) if error.kind() == ErrorKind::NotFound => Ok(Logins::default()),
            Err(error) => Err(self.failed("read", &error)),
        }
    }

    /// Waits until no other process refreshes tokens.
    pub(crate) async fn lock(&self) -> Result<LockedTokens<'_>, TokenError> {
        let path = format!("{}.lock", self.0);
        let open = OpenOptions::new().create(true).append(true).open(&path);
        let lock = open.map_err(|error| self.failed("lock", &error))?;
        let wait = async {
            loop {
                match lock.try_lock() {
                    Ok(()) => return Ok(()),
                    Err(TryLockError::WouldBlock) => tokio::time::sleep(GLANCE).await,
                    Err(TryLockError::Error(error)) => return Err(self.failed("lock", &error)),
                }
            }
        };
        tokio::time::timeout(PATIENCE, wait).await.unwrap_or_else(|_| {
            Err(TokenError::passing(
                format!("another process holds {path} for more than {} s", PATIENCE.as_secs()),
                "it waits for the provider; the next run tries again",
            ))
        })?;
        Ok(LockedTokens { file: self, _lock: lock })
    }

    fn failed(&self, what: &str, error: &io::Error) -> TokenError {
        TokenError::lasting(
            format!("cannot {what} the tokens in {}: {error}", self.0),
            "check that this user can read and write the file (store.tokens) and its folder",
        )
    }
}

impl LockedTokens<'_> {
    pub(crate) fn read(&self) -> Result<Logins, TokenError> {
        self.file.read()
    }

    pub(crate) fn write(&self, logins: &Logins) -> Result<(), TokenError> {
        let json = serde_json::to_vec_pretty(logins).map_err(io::Error::from);
        json.and_then(|json| durable::replace(&self.file.0, &json, Mode::Private))
            .map_err(|error| self.file.failed("write", &error))
    }
}

/// An account that has logged in at a provider.
#[derive(Debug)]
pub(crate) struct Account {
    pub(crate) client: Client,
    pub(crate) file: TokenFile,
    pub(crate) user: String,
}

impl Account {
    /// Fails if the account has not logged in.
    pub(crate) fn ensure_logged_in(&self) -> Result<(), TokenError> {
        self.login(&self.file.read()?).map(drop)
    }

    fn login(&self, logins: &Logins) -> Result<Login, TokenError> {
        let (section, user) = (&self.client.name, &self.user);
        logins.get(section, user).cloned().ok_or_else(|| {
            let others: Vec<&str> = logins.users(section).collect();
            let what = if others.is_empty() {
                format!("{user:?} has not logged in with [oauth.{section}]")
            } else {
                format!("{user:?} has not logged in with [oauth.{section}], only {}", others.join(", "))
            };
            TokenError::lasting(
                what,
                format!("run `letterpress login {section}`, as the user that runs Letterpress"),
            )
        })
    }

    /// A valid access token that is not `refused`: the stored one, or a refreshed one.
    pub(super) async fn token(
        &self,
        clock: &dyn Clock,
        refused: Option<&Secret>,
    ) -> Result<AccessToken, TokenError> {
        if let Some(token) = self.login(&self.file.read()?)?.usable(clock.now(), refused) {
            return Ok(token);
        }
        let locked = self.file.lock().await?;
        let mut logins = locked.read()?;
        let mut login = self.login(&logins)?;
        // Another process may have refreshed it while this one waited.
        if let Some(token) = login.usable(clock.now(), refused) {
            return Ok(token);
        }
        let grant = [("grant_type", "refresh_token"), ("refresh_token", login.refresh_token.as_str())];
        let endpoint = &self.client.provider.token_endpoint;
        let issued =
            self.client.tokens(&grant).await.map_err(|error| self.client.explain(endpoint, &error))?;
        login.take(issued, clock.now());
        let token = login.access();
        logins.insert(&self.client.name, &self.user, login);
        locked.write(&logins)?;
        tracing::info!(section = self.client.name, "refreshed the access token");
        token.ok_or_else(|| {
            TokenError::lasting("the provider issued an empty token", "run `letterpress login` again")
        })
    }
}
