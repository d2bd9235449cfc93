//! `[doctor]`: how `letterpress doctor` asks.

use std::net::SocketAddr;

use serde::Deserialize;

/// The `[doctor]` section.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Doctor {
    /// The DNS server to ask; `None` means those of this machine.
    pub dns: Option<SocketAddr>,
}
