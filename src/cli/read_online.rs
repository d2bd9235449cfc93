//! Whether "Read online" in a letter leads anywhere: asked of the web servers themselves, a few times.

use std::collections::BTreeSet;

use crate::archive::Archive;
use crate::config::Config;
use crate::finding::Finding;
use crate::letters::online;
use crate::net::http::{Download, DownloadError};

/// So many of the newest posts are asked for.
const ASKED: usize = 5;

/// Asks for the page of each of the newest posts that are mailed.
pub(super) async fn check(config: &Config, archive: &Archive, findings: &mut Vec<Finding>) {
    // The site's own addresses are the owner's word, and may be on a machine of theirs.
    let mut download = Download::default();
    download.allow_private_host = true;
    let posts = archive.posts.iter().filter(|post| post.newsletter).take(ASKED);
    let mut asked = BTreeSet::new();
    for post in posts {
        let url = page(post, config);
        if !asked.insert(url.clone()) {
            continue;
        }
        match download.fetch(&url, None).await {
            // A long page is one, and so is one that comes compressed.
            Ok(_) | Err(DownloadError::TooLong { .. } | DownloadError::Compressed { .. }) => {}
            Err(DownloadError::Status { status, .. }) => findings.push(
                Finding::error(
                    "live-page",
                    url.as_str(),
                    format!("letters link here, and the server answers {status}"),
                )
                .hint(hint(config, &url)),
            ),
            Err(error) => {
                let message = format!("letters link here, and it cannot be fetched: {error}");
                findings.push(Finding::error("live-page", url.as_str(), message).hint(hint(config, &url)));
                // The next ones would take as long and fail as well.
                break;
            }
        }
    }
}

/// Where a letter would lead. An issue has no page before it is sent, but the list of issues has.
fn page(post: &crate::archive::Post, config: &Config) -> String {
    let url = online(post, config);
    let issues = config.web.url.as_ref().map(|web| web.join("issues/"));
    issues.filter(|issues| url.starts_with(issues.as_str())).unwrap_or(url)
}

fn hint(config: &Config, url: &str) -> &'static str {
    let is_served = config.web.url.as_ref().is_some_and(|web| url.starts_with(web.as_str()));
    if is_served {
        "start `letterpress serve`, and let the proxy lead there"
    } else {
        "upload the public folder, or the site that has these pages"
    }
}
