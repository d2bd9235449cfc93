//! `letterpress check --live`: whether the "Read online" links of the newest posts work.

use std::collections::BTreeSet;

use crate::archive::Archive;
use crate::config::Config;
use crate::email::online;
use crate::finding::Finding;
use crate::net::http::{Download, DownloadError};

/// How many of the newest posts are checked.
const CHECKED: usize = 5;

/// Requests the page of each of the newest posts that are mailed.
pub(super) async fn check(config: &Config, archive: &Archive, findings: &mut Vec<Finding>) {
    // The owner configured these addresses; they may be in a private network.
    let mut download = Download::default();
    download.allow_private_host = true;
    let posts = archive.posts.iter().filter(|post| post.newsletter).take(CHECKED);
    let mut requested = BTreeSet::new();
    for post in posts {
        let url = page(post, config);
        if !requested.insert(url.clone()) {
            continue;
        }
        match download.fetch(&url, None).await {
            // A page that is too long, or compressed in a way of its own, exists.
            Ok(_) | Err(DownloadError::TooLong { .. } | DownloadError::Coding { .. }) => {}
            Err(DownloadError::Status { status, .. }) => findings.push(
                Finding::error(
                    "live-page",
                    url.as_str(),
                    format!("emails link here, but the server replies {status}"),
                )
                .hint(hint(config, &url)),
            ),
            Err(error) => {
                let message = format!("emails link here, but the page cannot be loaded: {error}");
                findings.push(Finding::error("live-page", url.as_str(), message).hint(hint(config, &url)));
                // The other pages would take as long and fail too.
                break;
            }
        }
    }
}

/// The link of an email. The page of an issue does not exist before it is sent, so the list of issues is checked instead.
fn page(post: &crate::archive::Post, config: &Config) -> String {
    let url = online(post, config);
    let issues = config.web.url.as_ref().map(|web| web.join("issues/"));
    issues.filter(|issues| url.starts_with(issues.as_str())).unwrap_or(url)
}

fn hint(config: &Config, url: &str) -> &'static str {
    let is_served = config.web.url.as_ref().is_some_and(|web| url.starts_with(web.as_str()));
    if is_served {
        "start `letterpress serve`, and configure the proxy to forward to it"
    } else {
        "upload the public folder, or the site that contains these pages"
    }
}
