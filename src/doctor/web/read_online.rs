//! Whether the "Read online" links of the newest posts work.

use std::collections::BTreeSet;

use super::feeds::UNREACHABLE;
use crate::archive::{Archive, Post};
use crate::config::Config;
use crate::doctor::{Check, Section};
use crate::email::online;
use crate::net::http::{Download, DownloadError};

/// How many of the newest posts are checked.
const CHECKED: usize = 5;

/// Requests the page of each of the newest posts that are mailed. Returns how many, and what is wrong.
pub(crate) async fn newest(config: &Config, archive: &Archive) -> (usize, Vec<Check>) {
    // The owner configured these addresses; they may be in a private network.
    let mut download = Download::default();
    download.allow_private_host = true;
    let posts = archive.posts.iter().filter(|post| post.newsletter).take(CHECKED);
    let mut requested = BTreeSet::new();
    let mut wrong = Vec::new();
    for post in posts {
        let url = page(post, config);
        if !requested.insert(url.clone()) {
            continue;
        }
        let fault = |message: String| {
            Check::fault(Section::Web, "live-page", message, hint(config, &url)).about(url.as_str())
        };
        match download.fetch(&url, None).await {
            // A page that is too long, or compressed in a way of its own, exists.
            Ok(_) | Err(DownloadError::TooLong { .. } | DownloadError::Coding { .. }) => {}
            Err(DownloadError::Status { status, .. }) => {
                wrong.push(fault(format!("emails link here, but the server replies {status}")));
            }
            Err(error) => {
                let message = format!("emails link here, but the page cannot be loaded: {error}");
                let next = if is_served(config, &url) { hint(config, &url) } else { UNREACHABLE };
                wrong.push(
                    Check::fault(Section::Web, "live-page", message, next).about(url.as_str()).passing(),
                );
                // The other pages would take as long and fail too.
                break;
            }
        }
    }
    (requested.len(), wrong)
}

/// The link of an email. The page of an issue does not exist before it is sent, so the list of issues is checked instead.
fn page(post: &Post, config: &Config) -> String {
    let url = online(post, config);
    let issues = config.web.url.as_ref().map(|web| web.join("issues/"));
    issues.filter(|issues| url.starts_with(issues.as_str())).unwrap_or(url)
}

fn is_served(config: &Config, url: &str) -> bool {
    config.web.url.as_ref().is_some_and(|web| url.starts_with(web.as_str()))
}

fn hint(config: &Config, url: &str) -> &'static str {
    if is_served(config, url) {
        "start `letterpress serve`, and configure the proxy to forward to it"
    } else {
        "upload the public folder, or the site that contains these pages"
    }
}
