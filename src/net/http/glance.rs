//! The head of a response: whether an address answers, by which clock, and until when its certificate is valid.

use chrono::{DateTime, TimeDelta, Utc};
use reqwest::StatusCode;
use reqwest::header::{AGE, DATE};
use reqwest::tls::TlsInfo;

use super::{Answer, Download, DownloadError, Request, header};
use crate::net::certificate;

/// What the head of a response says. Its body is not read.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Glance {
    /// The status at the end of all redirects.
    pub(crate) status: StatusCode,
    /// The clock of the server.
    pub(crate) clock: Option<DateTime<Utc>>,
    /// When the certificate of the last server expires.
    pub(crate) certificate_end: Option<DateTime<Utc>>,
}

impl Download {
    /// Requests the head of `url`. Servers that refuse HEAD are asked for the whole, which is not read. Every status is an
    /// answer, and not an error.
    pub(crate) async fn glance(&self, url: &str) -> Result<Glance, DownloadError> {
        self.within(url, async {
            let head = self.follow(url, Request::Head).await?;
            let status = head.response.status();
            if status.is_success() || status == StatusCode::TOO_MANY_REQUESTS {
                return Ok(Glance::of(&head));
            }
            Ok(Glance::of(&self.follow(url, Request::Get(None)).await?))
        })
        .await
    }
}

impl Glance {
    fn of(answer: &Answer) -> Self {
        let headers = answer.response.headers();
        let info = answer.response.extensions().get::<TlsInfo>();
        Self {
            status: answer.response.status(),
            clock: header(headers, DATE).and_then(|date| {
                let date = httpdate::parse_http_date(&date).ok()?;
                // A cache sends the date of the server behind it, and how long ago that was (RFC 9111, 5.1).
                let age = header(headers, AGE).and_then(|age| age.trim().parse().ok()).unwrap_or(0);
                DateTime::<Utc>::from(date).checked_add_signed(TimeDelta::try_seconds(age)?)
            }),
            certificate_end: info.and_then(TlsInfo::peer_certificate).and_then(certificate::not_after),
        }
    }
}
