//! The HTTP client for every address that a user or a document names: it reaches only the public internet, with
//! limits on time and size.
//!
//! A name is looked up once, and the connection goes to the addresses that were checked, so a second DNS reply
//! cannot redirect it. No proxy, no cookies, no retries.

mod content_coding;
mod download_error;
mod glance;
mod retry_after;

use std::net::{IpAddr, SocketAddr};
use std::sync::{Arc, OnceLock};
use std::time::Duration;

use async_trait::async_trait;
use reqwest::header::{
    ACCEPT, ACCEPT_ENCODING, CONTENT_TYPE, ETAG, HeaderMap, HeaderName, IF_MODIFIED_SINCE, IF_NONE_MATCH,
    LAST_MODIFIED, LOCATION, RETRY_AFTER,
};
use reqwest::{Client, Method, Response, StatusCode, dns, redirect};
use rustls::ClientConfig;
use serde::{Deserialize, Serialize};
use url::{Host, Url};

use super::address_filter::is_public;
use super::tls;
use content_coding::DecodeError;
pub(crate) use download_error::DownloadError;
use download_error::MOST_REDIRECTS;
pub(crate) use glance::Glance;
pub(crate) use retry_after::RetryAfter;

/// The program. A request also names the site that makes it, if there is one.
const USER_AGENT: &str = concat!("letterpress/", env!("CARGO_PKG_VERSION"));

/// Media types in the order of preference; a server that knows none of them sends what it has.
const WANTED: &str = "application/atom+xml, application/rss+xml, application/feed+json, application/xml;q=0.9, \
                      text/xml;q=0.9, application/json;q=0.8, */*;q=0.5";

/// How addresses are fetched.
#[derive(Clone)]
pub(crate) struct Download {
    /// A body that is longer, as transferred or as decompressed, is refused, whatever length the server announced.
    pub(crate) max_bytes: usize,
    /// The time limit for everything together: lookup, connecting, redirects, the body.
    pub(crate) timeout: Duration,
    /// The owner configured this address, and it may be on their own network, so its host is not checked. A
    /// redirect may only lead to a public address.
    pub(crate) allow_private_host: bool,
    /// The site that makes the requests, by which its owner can be found.
    pub(crate) site: Option<Url>,
    /// Tests also allow servers on this machine.
    is_allowed: fn(IpAddr) -> bool,
    names: Arc<dyn Resolver>,
    /// Created at the first request, because loading the system's certificate authorities reads many files.
    tls: OnceLock<Result<ClientConfig, String>>,
}

impl Default for Download {
    fn default() -> Self {
        Self {
            max_bytes: 10 * 1024 * 1024,
            timeout: Duration::from_secs(10),
            allow_private_host: false,
            site: None,
            is_allowed: is_public,
            names: Arc::new(SystemResolver),
            tls: OnceLock::new(),
        }
    }
}

/// The validators of a version, to be sent back with the next request.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Validators {
    /// The `ETag`, with its quotation marks.
    pub(crate) etag: Option<String>,
    /// The `Last-Modified`, as the server wrote it.
    pub(crate) last_modified: Option<String>,
}

/// The result of [`Download::fetch`].
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Fetched {
    /// The server still has the version that the validators name.
    NotModified {
        /// As in [`Body`].
        moved: Option<Url>,
    },
    /// A document.
    Document(Body),
}

/// A document and its metadata.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Body {
    /// The final address, after redirects.
    pub(crate) url: Url,
    /// The new address, if the one that was asked for moved permanently.
    pub(crate) moved: Option<Url>,
    /// The `Content-Type` header, if it is ASCII.
    pub(crate) media_type: Option<String>,
    /// The validators for the next request.
    pub(crate) validators: Validators,
    /// The body, decompressed.
    pub(crate) bytes: Vec<u8>,
}

/// The address that the caller named.
struct Named {
    url: Url,
    /// A service that receives messages may require a login, which its owner writes into the address.
    may_hold_password: bool,
}

/// The response at the end of all redirects.
struct Answer {
    url: Url,
    /// Where the permanent redirects at the beginning lead.
    moved: Option<Url>,
    response: Response,
}

/// The method and the body of a request.
enum Request<'q> {
    Head,
    Get(Option<&'q Validators>),
    Post { headers: &'q [(&'static str, String)], body: String },
}

impl Download {
    /// For an address that the owner configured; see [`Download::allow_private_host`].
    pub(crate) fn for_own_host(timeout: Duration) -> Self {
        Self { timeout, allow_private_host: true, ..Self::default() }
    }

    /// Fetches `url`, or reports that it is still the version that `validators` name.
    pub(crate) async fn fetch(
        &self,
        url: &str,
        validators: Option<&Validators>,
    ) -> Result<Fetched, DownloadError> {
        self.within(url, async {
            let answer = self.follow(url, Request::Get(validators)).await?;
            self.take(answer, validators.is_some()).await
        })
        .await
    }

    /// Sends `body` to `url`; any status but a success is an error. The body of the response is not read.
    pub(crate) async fn post(
        &self,
        url: &str,
        headers: &[(&'static str, String)],
        body: String,
    ) -> Result<(), DownloadError> {
        self.within(url, async {
            let Answer { url, response, .. } = self.follow(url, Request::Post { headers, body }).await?;
            if response.status().is_success() { Ok(()) } else { Err(refused(url, &response)) }
        })
        .await
    }

    /// Sends `body` to `url` and returns the status and the body of the response. A redirect is not followed: `body`
    /// has secrets that are for this address only.
    pub(crate) async fn exchange(
        &self,
        url: &Url,
        headers: &[(&'static str, String)],
        body: String,
    ) -> Result<(StatusCode, Vec<u8>), DownloadError> {
        self.within(url.as_str(), async {
            let named = Named { url: url.clone(), may_hold_password: false };
            let addresses = self.check_address(url, &named).await?;
            let response =
                self.send_once(url, addresses, &self.tls(url)?, &Request::Post { headers, body }).await?;
            Ok((response.status(), self.read_body(url, response).await?))
        })
        .await
    }

    async fn within<T>(
        &self,
        url: &str,
        work: impl Future<Output = Result<T, DownloadError>>,
    ) -> Result<T, DownloadError> {
        let late = |_| Err(DownloadError::TimedOut(url.to_owned(), self.timeout));
        tokio::time::timeout(self.timeout, work).await.unwrap_or_else(late)
    }

    /// Requests `url` and each address that it redirects to; returns the last response.
    async fn follow(&self, url: &str, mut request: Request<'_>) -> Result<Answer, DownloadError> {
        let mut here = Url::parse(url).map_err(|why| DownloadError::Url(url.to_owned(), why.to_string()))?;
        let named = Named { url: here.clone(), may_hold_password: matches!(request, Request::Post { .. }) };
        let tls = self.tls(&here)?;
        let (mut is_permanent, mut moved) = (true, None);
        for _ in 0..=MOST_REDIRECTS {
            let addresses = self.check_address(&here, &named).await?;
            let response = self.send_once(&here, addresses, &tls, &request).await?;
            let status = response.status().as_u16();
            if !matches!(status, 301..=303 | 307 | 308) {
                return Ok(Answer { url: here, moved: moved.filter(|moved| *moved != named.url), response });
            }
            // Every client turns a redirected POST into a GET here (RFC 9110, 15.4).
            if status <= 303 && matches!(request, Request::Post { .. }) {
                request = Request::Get(None);
            }
            here = next(&here, &header(response.headers(), LOCATION).unwrap_or_default())?;
            is_permanent &= matches!(status, 301 | 308);
            if is_permanent {
                moved = Some(here.clone());
            }
        }
        Err(DownloadError::TooManyRedirects(here))
    }

    fn tls(&self, url: &Url) -> Result<ClientConfig, DownloadError> {
        let tls = self.tls.get_or_init(tls_config).clone();
        tls.map_err(|why| DownloadError::Http { url: url.clone(), why })
    }

    /// The addresses of `url`'s host, if each of them is allowed. If a single one is private, the host is refused:
    /// an attacker could choose which address is tried first.
    async fn check_address(&self, url: &Url, named: &Named) -> Result<Vec<SocketAddr>, DownloadError> {
        if !matches!(url.scheme(), "https" | "http") {
            return Err(DownloadError::Scheme(url.clone()));
        }
        let is_meant = self.allow_private_host
            && (url.host(), url.port_or_known_default())
                == (named.url.host(), named.url.port_or_known_default());
        let has_password = !url.username().is_empty() || url.password().is_some();
        if has_password && !(is_meant && named.may_hold_password) {
            let mut bare = url.clone();
            let _ = (bare.set_username(""), bare.set_password(None));
            return Err(DownloadError::Url(bare.into(), "it contains a name or a password".to_owned()));
        }
        let port = url.port_or_known_default().unwrap_or_default();
        let addresses = match url.host() {
            Some(Host::Ipv4(ip)) => vec![SocketAddr::new(ip.into(), port)],
            Some(Host::Ipv6(ip)) => vec![SocketAddr::new(ip.into(), port)],
            Some(Host::Domain(host)) => self
                .names
                .look_up(host, port)
                .await
                .map_err(|why| DownloadError::Lookup { host: host.to_owned(), why: why.to_string() })?,
            None => return Err(DownloadError::Url(url.to_string(), "it has no host".to_owned())),
        };
        let bad = addresses.iter().find(|address| !is_meant && !(self.is_allowed)(address.ip()));
        if let Some(bad) = bad {
            return Err(DownloadError::NotPublic { url: url.clone(), ip: bad.ip() });
        }
        if addresses.is_empty() {
            let host = url.host_str().unwrap_or_default().to_owned();
            return Err(DownloadError::Lookup { host, why: "it has no address".to_owned() });
        }
        Ok(addresses)
    }

    /// One request, to one of `addresses` only.
    async fn send_once(
        &self,
        url: &Url,
        addresses: Vec<SocketAddr>,
        tls: &ClientConfig,
        asked: &Request<'_>,
    ) -> Result<Response, DownloadError> {
        let client = Client::builder()
            .tls_backend_preconfigured(tls.clone())
            .dns_resolver(CheckedAddress(addresses))
            .redirect(redirect::Policy::none())
            .retry(reqwest::retry::never())
            .no_proxy()
            .referer(false)
            .http1_only()
            .timeout(self.timeout)
            .tls_info(true)
            .user_agent(self.user_agent())
            .build()
            .map_err(|error| http_error(url, &error))?;
        let method = match asked {
            Request::Head => Method::HEAD,
            Request::Get(_) => Method::GET,
            Request::Post { .. } => Method::POST,
        };
        let mut request = client.request(method, url.clone());
        match asked {
            Request::Head => request = request.header(ACCEPT, WANTED),
            Request::Get(validators) => {
                request = request.header(ACCEPT, WANTED).header(ACCEPT_ENCODING, content_coding::ACCEPTED);
                if let Some(etag) = validators.and_then(|known| known.etag.as_deref()) {
                    request = request.header(IF_NONE_MATCH, etag);
                }
                if let Some(date) = validators.and_then(|known| known.last_modified.as_deref()) {
                    request = request.header(IF_MODIFIED_SINCE, date);
                }
            }
            Request::Post { headers, body } => {
                request = headers.iter().fold(request, |request, (name, value)| request.header(*name, value));
                request = request.body(body.clone());
            }
        }
        request.send().await.map_err(|error| http_error(url, &error))
    }

    fn user_agent(&self) -> String {
        self.site.as_ref().map_or_else(|| USER_AGENT.to_owned(), |site| format!("{USER_AGENT} (+{site})"))
    }

    async fn take(&self, answer: Answer, conditional: bool) -> Result<Fetched, DownloadError> {
        let Answer { url, moved, response } = answer;
        let status = response.status();
        if status == StatusCode::NOT_MODIFIED && conditional {
            return Ok(Fetched::NotModified { moved });
        }
        if status != StatusCode::OK {
            return Err(refused(url, &response));
        }
        let headers = response.headers();
        let codings = content_coding::codings(headers)
            .map_err(|coding| DownloadError::Coding { url: url.clone(), coding })?;
        let media_type = header(headers, CONTENT_TYPE);
        let validators =
            Validators { etag: header(headers, ETAG), last_modified: header(headers, LAST_MODIFIED) };
        let mut bytes = self.read_body(&url, response).await?;
        if !codings.is_empty() {
            let most = self.max_bytes;
            // It can take a second, in which the time limit must be kept.
            let decoded =
                tokio::task::spawn_blocking(move || content_coding::decode(bytes, &codings, most)).await;
            bytes = match decoded {
                Ok(Ok(bytes)) => bytes,
                Ok(Err(DecodeError::TooLong)) => return Err(DownloadError::TooLong { url, most }),
                Ok(Err(DecodeError::Damaged(coding, error))) => {
                    return Err(DownloadError::Damaged { url, why: format!("{coding}: {error}") });
                }
                Err(error) => return Err(DownloadError::Damaged { url, why: error.to_string() }),
            };
        }
        Ok(Fetched::Document(Body { url, moved, media_type, validators, bytes }))
    }

    async fn read_body(&self, url: &Url, mut response: Response) -> Result<Vec<u8>, DownloadError> {
        let too_long = || DownloadError::TooLong { url: url.clone(), most: self.max_bytes };
        let announced = response.content_length().unwrap_or_default();
        if usize::try_from(announced).is_ok_and(|length| length > self.max_bytes) {
            return Err(too_long());
        }
        let mut bytes = Vec::new();
        while let Some(chunk) = response.chunk().await.map_err(|error| http_error(url, &error))? {
            if bytes.len() + chunk.len() > self.max_bytes {
                return Err(too_long());
            }
            bytes.extend_from_slice(&chunk);
        }
        Ok(bytes)
    }
}

/// The error for a status that is not a success.
fn refused(url: Url, response: &Response) -> DownloadError {
    let retry_after = header(response.headers(), RETRY_AFTER).and_then(|value| RetryAfter::parse(&value));
    DownloadError::Status { url, status: response.status(), retry_after }
}

/// The target of a redirect.
fn next(here: &Url, location: &str) -> Result<Url, DownloadError> {
    let there =
        here.join(location).map_err(|why| DownloadError::Url(location.to_owned(), why.to_string()))?;
    if here.scheme() == "https" && there.scheme() == "http" {
        return Err(DownloadError::Downgrade { from: here.to_string(), to: there.into() });
    }
    Ok(there)
}

fn header(headers: &HeaderMap, name: HeaderName) -> Option<String> {
    headers.get(name)?.to_str().ok().map(str::to_owned)
}

/// reqwest reports only "error sending request"; the causes have the details.
fn http_error(url: &Url, error: &reqwest::Error) -> DownloadError {
    let mut why = Vec::new();
    let mut cause = std::error::Error::source(error);
    while let Some(deeper) = cause {
        why.push(deeper.to_string());
        cause = deeper.source();
    }
    if why.is_empty() {
        why.push(error.to_string());
    }
    DownloadError::Http { url: url.clone(), why: why.join(": ") }
}

/// A machine without any certificate authority can still fetch over http; over https it trusts no server.
fn tls_config() -> Result<ClientConfig, String> {
    tls::client_config(tls::system_roots()).map_err(|error| error.to_string())
}

/// Looks up names; tests replace it with scripted replies.
#[async_trait]
trait Resolver: Send + Sync {
    async fn look_up(&self, host: &str, port: u16) -> std::io::Result<Vec<SocketAddr>>;
}

struct SystemResolver;

#[async_trait]
impl Resolver for SystemResolver {
    async fn look_up(&self, host: &str, port: u16) -> std::io::Result<Vec<SocketAddr>> {
        Ok(tokio::net::lookup_host((host, port)).await?.collect())
    }
}

/// A resolver with a fixed reply: the addresses that were checked.
struct CheckedAddress(Vec<SocketAddr>);

impl dns::Resolve for CheckedAddress {
    fn resolve(&self, _: dns::Name) -> dns::Resolving {
        let addresses: dns::Addrs = Box::new(self.0.clone().into_iter());
        Box::pin(std::future::ready(Ok(addresses)))
    }
}

#[cfg(test)]
mod tests;
