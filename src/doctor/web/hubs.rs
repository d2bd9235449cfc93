//! The `WebSub` hubs: whether they can be reached. Nothing is announced.

use super::{Answers, own_host};
use crate::config::{Config, PrivateUrl};
use crate::doctor::{Check, Section};
use crate::net::http::Download;

const ID: &str = "hub";

pub(super) async fn check(config: &Config) -> Answers {
    let download = own_host();
    let asked = config.feeds.hubs.iter().map(|hub| ask(&download, hub));
    futures_util::future::join_all(asked).await.into()
}

/// A hub answers a GET as it likes: it expects a POST.
async fn ask(download: &Download, hub: &PrivateUrl) -> Check {
    let next = "check feeds.hubs in config.toml; if the hub is gone, remove it";
    let shown = hub.to_string();
    let check = match download.glance(hub.expose()).await {
        Ok(glance) if glance.status.is_server_error() => {
            Check::warning(Section::Web, ID, format!("the hub answers {}", glance.status), next).passing()
        }
        Ok(_) => Check::good(Section::Web, ID, "the hub answers"),
        Err(error) => {
            let message = format!("the hub does not answer: {}", error.without_url());
            Check::warning(Section::Web, ID, message, next).passing()
        }
    };
    check.about(shown)
}
