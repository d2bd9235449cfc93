//! The state that all handlers share, and extractors for requests.

use std::future::Future;
use std::net::IpAddr;
use std::sync::Arc;
use std::time::Duration;

use aws_lc_rs::digest::{SHA256, digest};
use axum::extract::{FromRequestParts, RawPathParams};
use axum::http::request::Parts;
use axum::http::{HeaderMap, HeaderName, header};
use chrono::{DateTime, Utc};
use tokio::sync::Mutex;
use tokio::time::Instant;
use url::form_urlencoded;

use super::files::Files;
use super::metrics::Metrics;
use super::pages::Pages;
use super::refused_sign_ups::RefusedSignUps;
use super::topics::TopicList;
use super::{accept, client_address, sockets};
use crate::clock::Clock;
use crate::config::{Config, SiteUrl};
use crate::i18n::Strings;
use crate::pipeline::newsletter::sign_up_limits;
use crate::pipeline::session::{LedgerSession, RunContext, RunError};
use crate::store::StoreError;
use crate::store::subscriber_store::{ConsentContext, SignUpLimits};
use crate::subscribers::AddressKey;
use crate::subscribers::token::Purpose;

/// How long a handler waits for the store, which a publishing run may have locked. After that, the visitor is asked to
/// try again.
const STORE_TIMEOUT: Duration = Duration::from_secs(8);

/// The state of the server, without its sockets.
pub struct App {
    /// The configuration, the clock and the breaker.
    pub(super) context: RunContext,
    /// The store and the keys.
    pub(super) session: LedgerSession,
    pub(super) pages: Pages,
    pub(super) files: Files,
    pub(super) topics: TopicList,
    pub(super) metrics: Metrics,
    /// The latest page of the report, and when it was made.
    pub(super) report: Mutex<Option<(Instant, Arc<str>)>>,
    pub(super) limits: SignUpLimits,
    /// The public URL of these pages; never taken from a `Host` header.
    pub(super) url: SiteUrl,
    pub(super) store_timeout: Duration,
    /// Logs a line. Must not be given an email address or a token.
    pub(super) log: Box<dyn Fn(&str) + Send + Sync>,
    /// Sign-ups over a limit that are not logged yet.
    pub(super) refused: RefusedSignUps,
    /// Whether to log each request.
    pub(super) logs_access: bool,
}

/// The state, shared by the handlers.
pub type SharedApp = Arc<App>;

/// The peer address of the connection.
#[derive(Debug, Clone, Copy)]
pub struct Peer(pub IpAddr);

/// The store did not respond in time, or not at all.
pub(super) struct Unavailable;

/// The contents of a valid token.
pub(super) struct AuthenticatedSubscriber {
    pub(super) key: AddressKey,
    pub(super) generation: u32,
    /// The token, without characters that mail programs add around it. No other part of a request is repeated in a page.
    pub(super) token: String,
}

impl App {
    /// Opens the store, creating it and its keys if they are missing. Sends nothing.
    pub async fn open(context: RunContext, log: Box<dyn Fn(&str) + Send + Sync>) -> Result<Self, RunError> {
        let config = Arc::clone(&context.config);
        let session = LedgerSession::open(&config, context.clock.as_ref()).await?;
        let url = match &config.web.url {
            Some(url) => url.clone(),
            None => sockets::own_url(config.web.listen)?,
        };
        Ok(Self {
            pages: Pages::new(&config, url.as_url().path())?,
            files: Files::below(config.resolve(&config.output.directory)),
            topics: TopicList::default(),
            metrics: Metrics::default(),
            refused: RefusedSignUps::default(),
            report: Mutex::default(),
            limits: sign_up_limits(&config.web)?,
            url,
            store_timeout: STORE_TIMEOUT,
            log,
            logs_access: false,
            session,
            context,
        })
    }

    /// Sets how long a handler waits for the store.
    #[must_use]
    pub fn with_store_timeout(self, timeout: Duration) -> Self {
        Self { store_timeout: timeout, ..self }
    }

    /// Enables the access log: method, route, status and duration of each request.
    #[must_use]
    pub fn with_access_log(self, logs_access: bool) -> Self {
        Self { logs_access, ..self }
    }

    /// The public URL of these pages.
    pub fn url(&self) -> &SiteUrl {
        &self.url
    }

    /// The configuration.
    pub(super) fn config(&self) -> &Config {
        &self.context.config
    }

    pub(super) fn clock(&self) -> &dyn Clock {
        self.context.clock.as_ref()
    }

    pub(super) fn now(&self) -> DateTime<Utc> {
        self.clock().now()
    }

    /// Verifies a token for `purpose`.
    pub(super) fn authenticate(&self, purpose: Purpose, token: &str) -> Option<AuthenticatedSubscriber> {
        let claim = self.session.keys.verify(purpose, token).ok()?;
        let token = token.trim_matches(|c: char| !c.is_ascii_alphanumeric()).to_ascii_lowercase();
        Some(AuthenticatedSubscriber {
            key: AddressKey(claim.subject.address_key()?),
            generation: claim.generation,
            token,
        })
    }

    /// Waits for the store with a time limit. A started change continues after it; only its result is lost.
    pub(super) async fn within_timeout<T>(
        &self,
        query: impl Future<Output = Result<T, StoreError>> + Send,
    ) -> Result<T, Unavailable> {
        match tokio::time::timeout(self.store_timeout, query).await {
            Ok(Ok(result)) => Ok(result),
            Ok(Err(error)) => {
                (self.log)(&format!("error: {error}"));
                Err(Unavailable)
            }
            Err(_) => {
                (self.log)("warning: the store is busy; a visitor was asked to try again");
                Err(Unavailable)
            }
        }
    }
}

/// The sign-up form as HTML to embed in other pages.
pub fn snippet(config: &Config) -> Result<String, RunError> {
    let url = config.web.url.as_ref().ok_or_else(|| {
        RunError::user(
            "the form needs the URL to submit to, and web.url is not set",
            "url = \"https://news.example.com/\" under [web] in config.toml",
        )
    })?;
    let fields = minijinja::context! { action => url.join("subscribe") };
    Pages::new(config, "/")?
        .print(config.words.of(&config.site.language), "snippet.html", fields)
        .map_err(|error| RunError::io("printing the form", std::io::Error::other(error)))
}

/// The record of a consent: the form, a hash of the text it showed, and the network.
pub(super) fn consent_context(visit: &RequestContext, form: &str, shown: &[&str]) -> ConsentContext {
    let mut wording = [0; 32];
    wording.copy_from_slice(digest(&SHA256, shown.join("\n").as_bytes()).as_ref());
    let form = format!("{form} ({})", visit.strings.tag);
    ConsentContext { form, wording, network: visit.network.clone() }
}

/// The language and the client network of a request.
pub(super) struct RequestContext {
    pub(super) strings: Arc<Strings>,
    pub(super) network: Option<String>,
    /// Whether the connection seems to come from a proxy that does not say for whom.
    pub(super) is_behind_silent_proxy: bool,
}

impl RequestContext {
    pub(super) fn of(parts: &mut Parts, app: &App) -> Self {
        let requested = query(parts, "lang");
        let accepted = text(&parts.headers, header::ACCEPT_LANGUAGE);
        let peer = parts.extensions.get::<Peer>().map(|Peer(peer)| *peer);
        let client = peer.map(|peer| client_address::of(&parts.headers, peer, &app.config().web.proxies));
        Self {
            strings: Arc::clone(accept::language(
                &app.config().words,
                requested.as_deref(),
                accepted,
                &app.config().site.language,
            )),
            network: client.map(client_address::network),
            is_behind_silent_proxy: client.is_some_and(|client| {
                peer == Some(client) && client_address::is_of_a_proxy(client, &app.config().web.proxies)
            }),
        }
    }
}

impl FromRequestParts<SharedApp> for RequestContext {
    type Rejection = std::convert::Infallible;

    async fn from_request_parts(parts: &mut Parts, app: &SharedApp) -> Result<Self, Self::Rejection> {
        Ok(Self::of(parts, app))
    }
}

/// The rest of the path after the route; empty if it is not UTF-8.
pub(super) struct PathToken(pub(super) String);

impl<S: Send + Sync> FromRequestParts<S> for PathToken {
    type Rejection = std::convert::Infallible;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self, Self::Rejection> {
        let params = RawPathParams::from_request_parts(parts, state).await;
        let first = params.ok().and_then(|params| params.iter().next().map(|(_, value)| value.to_owned()));
        Ok(Self(first.unwrap_or_default()))
    }
}

/// The fields of the query string.
pub(super) struct Query(Vec<(String, String)>);

impl Query {
    pub(super) fn field(&self, name: &str) -> Option<&str> {
        self.0.iter().find(|(key, _)| key == name).map(|(_, value)| value.as_str())
    }
}

impl<S: Send + Sync> FromRequestParts<S> for Query {
    type Rejection = std::convert::Infallible;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, Self::Rejection> {
        let raw = parts.uri.query().unwrap_or_default().as_bytes();
        Ok(Self(form_urlencoded::parse(raw).into_owned().collect()))
    }
}

fn query(parts: &Parts, name: &str) -> Option<String> {
    let raw = parts.uri.query().unwrap_or_default().as_bytes();
    form_urlencoded::parse(raw).find(|(key, _)| key == name).map(|(_, value)| value.into_owned())
}

/// A header as text.
pub(super) fn text(headers: &HeaderMap, name: HeaderName) -> Option<&str> {
    headers.get(name)?.to_str().ok()
}
