//! What a request says beside its path: who asks, in which language, and the fields of a form.

use std::convert::Infallible;
use std::net::{IpAddr, Ipv4Addr};
use std::sync::Arc;

use axum::extract::FromRequestParts;
use axum::http::request::Parts;

use super::state::Site;
use super::words::Language;

/// The other end of the connection: a reader, or the proxy before us.
#[derive(Debug, Clone, Copy)]
pub(super) struct Peer(pub(super) IpAddr);

/// Who asks.
pub(super) struct Asked {
    pub(super) language: Language,
    /// The network that the request came from.
    pub(super) network: String,
}

impl FromRequestParts<Arc<Site>> for Asked {
    type Rejection = Infallible;

    async fn from_request_parts(parts: &mut Parts, site: &Arc<Site>) -> Result<Self, Infallible> {
        // A connection without an address came over a Unix socket.
        let Peer(peer) =
            parts.extensions.get::<Peer>().copied().unwrap_or(Peer(IpAddr::V4(Ipv4Addr::LOCALHOST)));
        Ok(Self {
            language: site.language(parts.uri.query(), &parts.headers),
            network: site.network(peer, &parts.headers),
        })
    }
}

/// The fields of a form (`application/x-www-form-urlencoded`), in order.
pub(super) struct Fields(Vec<(String, String)>);

impl Fields {
    /// Reads a body that is small already.
    pub(super) fn parse(body: &[u8]) -> Self {
        Self(url::form_urlencoded::parse(body).into_owned().collect())
    }

    /// The first field of this name; empty if there is none.
    pub(super) fn get(&self, name: &str) -> &str {
        self.0.iter().find(|(key, _)| key == name).map_or("", |(_, value)| value)
    }

    /// Every field of this name.
    pub(super) fn all<'a>(&'a self, name: &'a str) -> impl Iterator<Item = &'a str> {
        self.0.iter().filter(move |(key, _)| key == name).map(|(_, value)| value.as_str())
    }
}
