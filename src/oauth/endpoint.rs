//! Requests to the provider (RFC 6749, RFC 7009, RFC 8628): forms out, JSON in. No error contains a token or a secret.

use std::fmt;
use std::time::Duration;

use serde::Deserialize;
use serde::de::DeserializeOwned;
use serde_json::Value;
use url::{Url, form_urlencoded};

use super::{TokenError, is_token};
use crate::config::{Provider, Secret};
use crate::net::http::Download;
use crate::text::clipped;

/// How long one request may take.
const LIMIT: Duration = Duration::from_secs(30);
/// More than this is no answer with a few tokens.
const MOST_BYTES: usize = 256 * 1024;

/// An application at a provider.
#[derive(Debug, Clone)]
pub(crate) struct Client {
    /// The name of its section `[oauth.NAME]`.
    pub(crate) name: String,
    pub(crate) provider: Provider,
    pub(crate) id: String,
    pub(crate) secret: Option<Secret>,
}

/// Tokens as they are issued.
pub(crate) struct Issued {
    pub(crate) access_token: String,
    pub(crate) refresh_token: Option<String>,
    /// In seconds.
    pub(crate) expires_in: Option<i64>,
    /// What was granted, if it is not what was asked for.
    pub(crate) scope: Option<String>,
}

/// Why a request was not answered with what was asked for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum RequestError {
    /// The provider refused it: its error code (RFC 6749, 5.2), and what it says about it.
    Refused { code: String, description: String },
    /// No answer, or one that cannot be understood.
    Failed(String),
}

impl fmt::Display for RequestError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Refused { code, description } if description.is_empty() => f.write_str(code),
            Self::Refused { code, description } => write!(f, "{code}: {description}"),
            Self::Failed(why) => f.write_str(why),
        }
    }
}

#[derive(Deserialize)]
struct RawTokens {
    access_token: String,
    refresh_token: Option<String>,
    expires_in: Option<Value>,
    scope: Option<String>,
}

#[derive(Deserialize)]
struct RawError {
    error: String,
    #[serde(default)]
    error_description: String,
}

impl Client {
    /// Asks for tokens with `grant`, the fields that differ between grants.
    pub(super) async fn tokens(&self, grant: &[(&str, &str)]) -> Result<Issued, RequestError> {
        let raw: RawTokens = self.ask(&self.provider.token_endpoint, grant).await?;
        let is_sound = is_token(&raw.access_token) && raw.refresh_token.as_deref().is_none_or(is_token);
        if !is_sound {
            return Err(RequestError::Failed(
                "it sent a token with characters that are not allowed".to_owned(),
            ));
        }
        // Some providers send the number as a text.
        let expires_in = raw.expires_in.as_ref().and_then(|value| match value {
            Value::String(text) => text.parse().ok(),
            other => other.as_i64(),
        });
        let RawTokens { access_token, refresh_token, scope, .. } = raw;
        Ok(Issued { access_token, refresh_token, expires_in, scope })
    }

    /// Sends the fields and the client to `url`, and reads the answer.
    pub(super) async fn ask<T: DeserializeOwned>(
        &self,
        url: &Url,
        fields: &[(&str, &str)],
    ) -> Result<T, RequestError> {
        let bytes = self.send(url, fields).await?;
        serde_json::from_slice(&bytes)
            .map_err(|_| RequestError::Failed("it did not answer as an OAuth server does".to_owned()))
    }

    /// Revokes a token (RFC 7009). A provider without such an endpoint is not asked.
    pub(crate) async fn revoke(&self, token: &str) -> Result<bool, TokenError> {
        let Some(url) = &self.provider.revocation_endpoint else { return Ok(false) };
        self.send(url, &[("token", token)]).await.map(|_| true).map_err(|error| {
            TokenError::passing(
                format!("{} did not revoke the token: {error}", self.place(url)),
                "remove the application from the account on the website of the provider",
            )
        })
    }

    async fn send(&self, url: &Url, fields: &[(&str, &str)]) -> Result<Vec<u8>, RequestError> {
        let headers = [
            ("content-type", "application/x-www-form-urlencoded".to_owned()),
            ("accept", "application/json".to_owned()),
        ];
        let mut download = Download::for_own_host(LIMIT);
        download.max_bytes = MOST_BYTES;
        let answer = download.exchange(url, &headers, self.form(fields)).await;
        let (status, bytes) = answer.map_err(|error| RequestError::Failed(error.without_url()))?;
        if status.is_success() {
            return Ok(bytes);
        }
        Err(match serde_json::from_slice::<RawError>(&bytes) {
            Ok(raw) => RequestError::Refused {
                code: clipped(&raw.error),
                // Microsoft adds lines with numbers for its support.
                description: clipped(raw.error_description.lines().next().unwrap_or_default().trim()),
            },
            Err(_) => RequestError::Failed(format!("it answers {status}")),
        })
    }

    fn form(&self, fields: &[(&str, &str)]) -> String {
        let secret = self.secret.as_ref().map(|secret| ("client_secret", secret.expose()));
        form_urlencoded::Serializer::new(String::new())
            .extend_pairs(fields)
            .append_pair("client_id", &self.id)
            .extend_pairs(secret)
            .finish()
    }

    /// The host of an endpoint, for messages.
    pub(super) fn place(&self, url: &Url) -> String {
        url.host_str().unwrap_or(&self.name).to_owned()
    }

    /// The error for a request that failed while logging in or refreshing.
    pub(super) fn explain(&self, url: &Url, error: &RequestError) -> TokenError {
        let (name, place) = (&self.name, self.place(url));
        match error {
            RequestError::Failed(why) => TokenError::passing(
                format!("cannot get a token from {place}: {why}"),
                "check the network of this machine; the next run tries again",
            ),
            RequestError::Refused { code, .. } => {
                let help = match code.as_str() {
                    "invalid_grant" => format!(
                        "the log-in has expired, or was revoked: run `letterpress login {name}` again"
                    ),
                    "invalid_client" | "unauthorized_client" => format!(
                        "check client_id and the secret in [oauth.{name}], and that the application is registered for this kind of \
                         log-in"
                    ),
                    "invalid_scope" => format!(
                        "check scope in [oauth.{name}], and that the application has these permissions at the provider"
                    ),
                    "access_denied" | "authorization_declined" => {
                        format!("run `letterpress login {name}` again, and approve it")
                    }
                    "interaction_required" | "consent_required" => format!(
                        "the provider wants a person to approve the application again: run `letterpress login {name}`"
                    ),
                    _ => format!(
                        "check [oauth.{name}]; if it was right before, run `letterpress login {name}` again"
                    ),
                };
                TokenError::lasting(format!("{place} refuses to issue a token: {error}"), help)
            }
        }
    }
}
