//! Why a request failed, in words that name no password.

use std::fmt;
use std::net::IpAddr;
use std::time::Duration;

use reqwest::StatusCode;
use url::Url;

use super::RetryAfter;
use crate::text::{clipped, without_user_info};

/// How many redirects are followed.
pub(super) const MOST_REDIRECTS: usize = 3;

/// Why a request failed.
#[derive(Debug)]
pub(crate) enum DownloadError {
    /// Not an address, or an address with a password in it; with the reason.
    Url(String, String),
    /// Files, mail, scripts and so on.
    Scheme(Url),
    /// An address of a private network, or one that reaches many machines.
    NotPublic { url: Url, ip: IpAddr },
    /// The name has no address.
    Lookup { host: String, why: String },
    /// A redirect from https to http, where an attacker on the path could answer.
    Downgrade { from: String, to: String },
    /// More redirects than [`MOST_REDIRECTS`].
    TooManyRedirects(Url),
    /// The server sent an error status.
    Status { url: Url, status: StatusCode, retry_after: Option<RetryAfter> },
    /// The body is compressed in a way that was not requested, or too many times.
    Coding { url: Url, coding: String },
    /// The body cannot be decompressed, or its end is missing.
    Damaged { url: Url, why: String },
    /// The body is longer than the limit, as transferred or as decompressed.
    TooLong { url: Url, most: usize },
    /// The deadline has passed.
    TimedOut(String, Duration),
    /// No connection, no trusted certificate, or a response that is not HTTP. The outermost cause is first.
    Http { url: Url, why: String },
}

impl fmt::Display for DownloadError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let what = self.predicate();
        let public = |url: &dyn fmt::Display| without_user_info(&url.to_string()).into_owned();
        match self {
            Self::Url(text, _) => write!(f, "{:?} {what}", without_user_info(text)),
            Self::Lookup { host, .. } => write!(f, "{host} {what}"),
            Self::Downgrade { from, to } => {
                write!(f, "{} redirects to {}, from https to http", public(from), public(to))
            }
            Self::TimedOut(url, _) => write!(f, "{} {what}", public(url)),
            Self::Scheme(url)
            | Self::NotPublic { url, .. }
            | Self::TooManyRedirects(url)
            | Self::Status { url, .. }
            | Self::Coding { url, .. }
            | Self::Damaged { url, .. }
            | Self::TooLong { url, .. }
            | Self::Http { url, .. } => write!(f, "{} {what}", public(url)),
        }
    }
}

impl std::error::Error for DownloadError {}

impl DownloadError {
    /// The error without any address: an address can be secret and must not get into a message.
    pub(crate) fn without_url(&self) -> String {
        match self {
            Self::Http { why, .. } => why.clone(),
            _ => format!("it {}", self.predicate()),
        }
    }

    /// What to do about a status that asks for something else than another try.
    pub(crate) fn advice(&self) -> Option<&'static str> {
        match self {
            Self::Status { status: StatusCode::GONE, .. } => Some("ask its site for the new address"),
            Self::Status { status: StatusCode::TOO_MANY_REQUESTS, .. }
            | Self::Status { retry_after: Some(_), .. } => {
                Some("the server is busy or limits requests: wait, and try again")
            }
            _ => None,
        }
    }

    fn predicate(&self) -> String {
        match self {
            Self::Url(_, why) => format!("is not an address that can be fetched: {why}"),
            Self::Scheme(_) => "is neither https nor http".to_owned(),
            Self::NotPublic { ip, .. } => format!("leads to {ip}, which is not in the open internet"),
            Self::Lookup { why, .. } => format!("cannot be looked up: {why}"),
            Self::Downgrade { .. } => "redirects from https to http".to_owned(),
            Self::TooManyRedirects(_) => format!("redirects more than {MOST_REDIRECTS} times"),
            Self::Status { status, retry_after: Some(after), .. } => {
                format!("answers {status} (Retry-After: {after})")
            }
            Self::Status { status, .. } => format!("answers {status}"),
            Self::Coding { coding, .. } => {
                format!("is sent with Content-Encoding {:?}, which was not requested", clipped(coding))
            }
            Self::Damaged { why, .. } => format!("is damaged or cut off: {why}"),
            Self::TooLong { most, .. } => format!("is longer than {most} bytes"),
            Self::TimedOut(_, limit) => format!("took longer than {limit:?}"),
            Self::Http { why, .. } => format!("cannot be fetched: {why}"),
        }
    }
}
