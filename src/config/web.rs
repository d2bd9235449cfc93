//! `[web]`: the half of Letterpress that answers readers.

use std::net::SocketAddr;

use serde::Deserialize;

use super::{SiteUrl, Span};

/// The `[web]` section.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Web {
    /// Where the pages answer, as readers see it; `None` means that letters name no page.
    pub url: Option<SiteUrl>,
    /// Where `letterpress serve` listens.
    pub listen: SocketAddr,
    /// Where it shows its figures; `None`: nowhere.
    pub metrics: Option<SocketAddr>,
    /// Addresses or networks of proxies whose `X-Forwarded-For` is believed: `127.0.0.1`, `10.0.0.0/8`.
    pub proxies: Vec<String>,
    /// Whether there is a form at all.
    pub sign_up: bool,
    /// Whether every issue has a page.
    pub issues: bool,
    /// Whether search engines may list those pages.
    pub index: bool,
    /// How long a browser or a feed reader may keep a feed before it asks again.
    pub max_age: Span,
    /// How many sign-ups are answered.
    pub limits: WebLimits,
    /// A page about privacy that the form links to.
    pub privacy: Option<SiteUrl>,
}

impl Web {
    /// Where the links of small letters lead: `url`, or, while one tries it out, the address on this machine.
    pub fn address(&self) -> Option<SiteUrl> {
        self.url.clone().or_else(|| SiteUrl::parse(&format!("http://{}/", self.listen)).ok())
    }
}

/// How many sign-ups are answered with a letter in an hour.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct WebLimits {
    /// From everybody together.
    pub per_hour: u32,
    /// From one network: a /24 or a /56.
    pub per_network_per_hour: u32,
    /// To the addresses of one domain.
    pub per_domain_per_hour: u32,
}
