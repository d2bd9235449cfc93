//! The one way to fetch an address that somebody else wrote: into the open internet only, and never too much.
//!
//! A name is looked up once and the connection goes to the very addresses that were judged, so that a second answer
//! cannot lead elsewhere. No proxy, no cookies, no decompression, no retries. It knows nothing of feeds.

mod reach;

use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use reqwest::header::{
    ACCEPT, ACCEPT_ENCODING, CONTENT_ENCODING, CONTENT_TYPE, ETAG, HeaderMap, HeaderName, IF_MODIFIED_SINCE,
    IF_NONE_MATCH, LAST_MODIFIED, LOCATION,
};
use reqwest::{Client, Response, StatusCode, dns, redirect};
use rustls::{ClientConfig, RootCertStore};
use serde::{Deserialize, Serialize};
use thiserror::Error;
use url::{Host, Url};

use reach::is_public;

/// How often an answer may send us on.
const MOST_REDIRECTS: usize = 3;

/// Types are named in the order of preference; a server that knows none of them sends what it has.
const WANTED: &str = "application/atom+xml, application/rss+xml, application/feed+json, application/xml;q=0.9, \
                      text/xml;q=0.9, application/json;q=0.8, */*;q=0.5";

/// How addresses are fetched.
#[derive(Clone)]
pub struct Download {
    /// A body longer than this is refused, whatever the server announced.
    pub max_bytes: usize,
    /// For everything together: looking up, connecting, redirects, the body.
    pub timeout: Duration,
    /// What the server is told about who asks.
    pub user_agent: String,
    /// Lets tests fetch from servers on this machine; nothing else should.
    pub allow_loopback_for_tests: bool,
    /// The address is the owner's own word, who means a machine of theirs: its host may be anywhere. Where it sends us on
    /// to may not.
    pub allow_private_host: bool,
    names: Arc<dyn Names>,
}

impl Default for Download {
    fn default() -> Self {
        Self {
            max_bytes: 10 * 1024 * 1024,
            timeout: Duration::from_secs(10),
            user_agent: concat!("letterpress/", env!("CARGO_PKG_VERSION")).to_owned(),
            allow_loopback_for_tests: false,
            allow_private_host: false,
            names: Arc::new(SystemNames),
        }
    }
}

/// What a server said about the version it sent, to be given back to it the next time.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Validators {
    /// The `ETag`, quotes and all.
    pub etag: Option<String>,
    /// The `Last-Modified`, as the server wrote it.
    pub last_modified: Option<String>,
}

/// How a fetch ended well.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Fetched {
    /// The server still has the version that the validators name.
    NotModified,
    /// A document.
    Document(Body),
}

/// A document and what was said about it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Body {
    /// Where it was in the end, after redirects.
    pub url: Url,
    /// The `Content-Type` header, where there was one in ASCII.
    pub media_type: Option<String>,
    /// For the next time.
    pub validators: Validators,
    /// The bytes, as sent.
    pub bytes: Vec<u8>,
}

/// Why nothing was fetched.
#[derive(Debug, Error)]
pub enum DownloadError {
    /// It is not an address, or one with a password in it.
    #[error("{0:?} is not an address that can be fetched: {1}")]
    Url(String, String),
    /// Files, mail, scripts and so on.
    #[error("{0} is neither https nor http")]
    Scheme(Url),
    /// An address inside of somebody's network, or one that reaches many machines.
    #[error("{url} leads to {ip}, which is not in the open internet")]
    NotPublic {
        /// What was to be fetched.
        url: Url,
        /// Where that is.
        ip: IpAddr,
    },
    /// The name has no address.
    #[error("{host} cannot be looked up: {why}")]
    Lookup {
        /// The name.
        host: String,
        /// The resolver's words.
        why: String,
    },
    /// A redirect from https to http, where anybody on the way could answer.
    #[error("{from} sends us on to {to}, from https to http")]
    Downgrade {
        /// The page that sent us on.
        from: String,
        /// Where to.
        to: String,
    },
    /// It goes on and on.
    #[error("{0} sends us on more than {MOST_REDIRECTS} times")]
    TooManyRedirects(Url),
    /// The server said no.
    #[error("{url} answers {status}")]
    Status {
        /// What was asked for.
        url: Url,
        /// The answer.
        status: StatusCode,
    },
    /// It was asked not to compress, and did.
    #[error("{url} is sent with Content-Encoding {encoding:?}, which was not asked for")]
    Compressed {
        /// What was asked for.
        url: Url,
        /// The header.
        encoding: String,
    },
    /// The body is longer than the limit.
    #[error("{url} is longer than {most} bytes")]
    TooLong {
        /// What was asked for.
        url: Url,
        /// The limit.
        most: usize,
    },
    /// The time is over.
    #[error("{0} took longer than {1:?}")]
    TimedOut(String, Duration),
    /// No connection, no certificate that can be trusted, or an answer that is not HTTP.
    #[error("{url} cannot be fetched: {why}")]
    Http {
        /// What was asked for.
        url: Url,
        /// The causes, the outermost first.
        why: String,
    },
}

impl Download {
    /// Fetches `url`, or learns that it still is the version that `validators` name.
    pub async fn fetch(&self, url: &str, validators: Option<&Validators>) -> Result<Fetched, DownloadError> {
        tokio::time::timeout(self.timeout, self.follow(url, validators))
            .await
            .unwrap_or_else(|_| Err(DownloadError::TimedOut(url.to_owned(), self.timeout)))
    }

    async fn follow(&self, url: &str, validators: Option<&Validators>) -> Result<Fetched, DownloadError> {
        let mut here = Url::parse(url).map_err(|why| DownloadError::Url(url.to_owned(), why.to_string()))?;
        let named = here.clone();
        let tls = tls_config().map_err(|why| DownloadError::Http { url: here.clone(), why })?;
        for _ in 0..=MOST_REDIRECTS {
            let addresses = self.judge(&here, &named).await?;
            let response = self.ask(&here, addresses, &tls, validators).await?;
            if !matches!(response.status().as_u16(), 301 | 302 | 303 | 307 | 308) {
                return self.take(here, response, validators.is_some()).await;
            }
            here = next(&here, &header(response.headers(), LOCATION).unwrap_or_default())?;
        }
        Err(DownloadError::TooManyRedirects(here))
    }

    /// The addresses behind `url`, if each of them may be connected to. One bad address among good ones is no
    /// accident, and which of them would be tried first is the attacker's choice.
    async fn judge(&self, url: &Url, named: &Url) -> Result<Vec<SocketAddr>, DownloadError> {
        if !matches!(url.scheme(), "https" | "http") {
            return Err(DownloadError::Scheme(url.clone()));
        }
        if !url.username().is_empty() || url.password().is_some() {
            let mut bare = url.clone();
            let _ = (bare.set_username(""), bare.set_password(None));
            return Err(DownloadError::Url(bare.into(), "it holds a name or a password".to_owned()));
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
            None => return Err(DownloadError::Url(url.to_string(), "it names no host".to_owned())),
        };
        let is_meant = self.allow_private_host
            && (url.host(), url.port_or_known_default()) == (named.host(), named.port_or_known_default());
        let bad = addresses.iter().find(|address| !is_meant && !self.may_reach(address.ip()));
        if let Some(bad) = bad {
            return Err(DownloadError::NotPublic { url: url.clone(), ip: bad.ip() });
        }
        if addresses.is_empty() {
            let host = url.host_str().unwrap_or_default().to_owned();
            return Err(DownloadError::Lookup { host, why: "it has no address".to_owned() });
        }
        Ok(addresses)
    }

    fn may_reach(&self, ip: IpAddr) -> bool {
        is_public(ip) || (self.allow_loopback_for_tests && ip.is_loopback())
    }

    /// One request, to one of `addresses` and nowhere else.
    async fn ask(
        &self,
        url: &Url,
        addresses: Vec<SocketAddr>,
        tls: &ClientConfig,
        validators: Option<&Validators>,
    ) -> Result<Response, DownloadError> {
        let client = Client::builder()
            .tls_backend_preconfigured(tls.clone())
            .dns_resolver(Judged(addresses))
            .redirect(redirect::Policy::none())
            .retry(reqwest::retry::never())
            .no_proxy()
            .referer(false)
            .http1_only()
            .timeout(self.timeout)
            .user_agent(&self.user_agent)
            .build()
            .map_err(|error| trouble(url, &error))?;
        let mut request = client.get(url.clone()).header(ACCEPT, WANTED).header(ACCEPT_ENCODING, "identity");
        if let Some(etag) = validators.and_then(|known| known.etag.as_deref()) {
            request = request.header(IF_NONE_MATCH, etag);
        }
        if let Some(date) = validators.and_then(|known| known.last_modified.as_deref()) {
            request = request.header(IF_MODIFIED_SINCE, date);
        }
        request.send().await.map_err(|error| trouble(url, &error))
    }

    async fn take(
        &self,
        url: Url,
        mut response: Response,
        conditional: bool,
    ) -> Result<Fetched, DownloadError> {
        let status = response.status();
        if status == StatusCode::NOT_MODIFIED && conditional {
            return Ok(Fetched::NotModified);
        }
        if status != StatusCode::OK {
            return Err(DownloadError::Status { url, status });
        }
        let headers = response.headers();
        if let Some(encoding) = header(headers, CONTENT_ENCODING).filter(|encoding| encoding != "identity") {
            return Err(DownloadError::Compressed { url, encoding });
        }
        let media_type = header(headers, CONTENT_TYPE);
        let validators =
            Validators { etag: header(headers, ETAG), last_modified: header(headers, LAST_MODIFIED) };
        let announced = response.content_length().unwrap_or_default();
        if usize::try_from(announced).is_ok_and(|length| length > self.max_bytes) {
            return Err(DownloadError::TooLong { url, most: self.max_bytes });
        }
        let mut bytes = Vec::new();
        while let Some(chunk) = response.chunk().await.map_err(|error| trouble(&url, &error))? {
            if bytes.len() + chunk.len() > self.max_bytes {
                return Err(DownloadError::TooLong { url, most: self.max_bytes });
            }
            bytes.extend_from_slice(&chunk);
        }
        Ok(Fetched::Document(Body { url, media_type, validators, bytes }))
    }
}

/// Where a redirect sends us.
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

/// reqwest says only "error sending request"; what happened stands in the causes.
fn trouble(url: &Url, error: &reqwest::Error) -> DownloadError {
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

/// Trusts the system's authorities. A machine without any can still fetch over http; over https it trusts nobody.
fn tls_config() -> Result<ClientConfig, String> {
    let mut roots = RootCertStore::empty();
    roots.add_parsable_certificates(rustls_native_certs::load_native_certs().certs);
    let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
    let config = ClientConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .map_err(|error| error.to_string())?;
    Ok(config.with_root_certificates(roots).with_no_client_auth())
}

/// Turns names into addresses; in tests, into those of a script.
#[async_trait]
trait Names: Send + Sync {
    async fn look_up(&self, host: &str, port: u16) -> std::io::Result<Vec<SocketAddr>>;
}

struct SystemNames;

#[async_trait]
impl Names for SystemNames {
    async fn look_up(&self, host: &str, port: u16) -> std::io::Result<Vec<SocketAddr>> {
        Ok(tokio::net::lookup_host((host, port)).await?.collect())
    }
}

/// A resolver with one answer: the addresses that were judged.
struct Judged(Vec<SocketAddr>);

impl dns::Resolve for Judged {
    fn resolve(&self, _: dns::Name) -> dns::Resolving {
        let addresses: dns::Addrs = Box::new(self.0.clone().into_iter());
        Box::pin(std::future::ready(Ok(addresses)))
    }
}

#[cfg(test)]
mod tests;
