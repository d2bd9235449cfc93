//! Requests the links of an email, when the writer asks for it.

use std::time::Duration;

use futures_util::StreamExt as _;
use futures_util::stream;
use serde::Serialize;
use url::Url;

use crate::config::Config;
use crate::net::http::{Download, DownloadError};

/// The most links that are requested.
const MOST: usize = 60;
/// How many at a time.
const AT_A_TIME: usize = 6;
/// The time limit for one.
const TIMEOUT: Duration = Duration::from_secs(8);
/// The beginning of a page is enough to know that it exists.
const MAX_BYTES: usize = 256 * 1024;

/// A link and what its server says.
#[derive(Debug, Clone, Serialize)]
pub(super) struct CheckedLink {
    pub(super) url: String,
    pub(super) is_good: bool,
    pub(super) answer: String,
}

/// Requests each link. Those that would unsubscribe, and those that are not pages, are left out.
pub(super) async fn check(links: Vec<String>, config: &Config) -> Vec<CheckedLink> {
    let mut download = Download::default();
    (download.timeout, download.max_bytes) = (TIMEOUT, MAX_BYTES);
    let download = &download;
    let wanted = links.into_iter().filter(|link| is_page(link, config)).take(MOST);
    stream::iter(wanted)
        .map(|url| async move {
            let (is_good, answer) = match download.fetch(&url, None).await {
                Ok(_) | Err(DownloadError::TooLong { .. } | DownloadError::Coding { .. }) => {
                    (true, "works".to_owned())
                }
                Err(DownloadError::Status { status, .. }) => (false, format!("the server replies {status}")),
                Err(error) => (false, error.to_string()),
            };
            CheckedLink { url, is_good, answer }
        })
        .buffered(AT_A_TIME)
        .collect()
        .await
}

/// Whether a link leads to a page that is the same for everybody.
fn is_page(link: &str, config: &Config) -> bool {
    let is_web = Url::parse(link).is_ok_and(|url| matches!(url.scheme(), "http" | "https"));
    let own = config.web.url.as_ref().map(crate::config::SiteUrl::as_str);
    let is_personal = own.and_then(|own| link.strip_prefix(own)).is_some_and(|path| {
        ["u/", "leave/", "confirm/", "choose/", "data/"].iter().any(|page| path.starts_with(page))
    });
    is_web && !is_personal
}

#[cfg(test)]
mod tests {
    use super::*;

    fn config() -> Config {
        let text = "[site]\ntitle = \"a\"\nurl = \"https://a.example/\"\n[web]\nurl = \"https://news.a.example/x/\"\n";
        crate::config::parse(text, "config.toml", camino::Utf8Path::new(".")).unwrap()
    }

    #[test]
    fn personal_links_and_other_schemes_are_not_requested() {
        let config = config();
        for link in ["https://a.example/leave/1", "http://b.example/", "https://news.a.example/x/issues/1"] {
            assert!(is_page(link, &config), "{link}");
        }
        for link in
            ["https://news.a.example/x/leave/v1.k1", "mailto:a@b.example", "tel:1", "/a", "javascript:x"]
        {
            assert!(!is_page(link, &config), "{link}");
        }
    }

    #[tokio::test]
    async fn an_address_of_this_machine_is_not_requested() {
        let checked = check(vec!["http://127.0.0.1:9/".to_owned()], &config()).await;
        assert!(checked.len() == 1 && !checked[0].is_good, "{checked:?}");
        assert!(checked[0].answer.contains("127.0.0.1"), "{checked:?}");
    }
}
