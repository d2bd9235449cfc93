//! Listening sockets, from systemd socket activation or the configuration, and `sd_notify`.

use std::net::{IpAddr, SocketAddr, TcpListener};

use listenfd::ListenFd;

use crate::config::{SiteUrl, Web, environment};
use crate::pipeline::session::RunError;
use crate::platform;

/// The bound sockets of a server.
pub struct Sockets {
    pub(super) pages: TcpListener,
    pub(super) metrics: Option<TcpListener>,
}

impl Sockets {
    /// Takes the socket passed by systemd, or binds the configured addresses.
    pub fn bind(web: &Web) -> Result<Self, RunError> {
        let inherited = ListenFd::from_env().take_tcp_listener(0);
        let pages = match inherited.map_err(|error| RunError::io("taking the socket from systemd", error))? {
            Some(socket) => socket,
            None => listen(web.listen, "web.listen")?,
        };
        let metrics = web.metrics.map(|address| listen(address, "web.metrics")).transpose()?;
        Ok(Self { pages, metrics })
    }

    /// The address of the pages.
    pub fn address(&self) -> Option<SocketAddr> {
        self.pages.local_addr().ok()
    }

    /// The address of the metrics.
    pub fn metrics_address(&self) -> Option<SocketAddr> {
        self.metrics.as_ref()?.local_addr().ok()
    }
}

fn listen(address: SocketAddr, key: &str) -> Result<TcpListener, RunError> {
    TcpListener::bind(address).map_err(|error| {
        RunError::user(
            format!("cannot listen on {address}: {error}"),
            format!("stop the program that listens there, or set another address as {key} in config.toml"),
        )
    })
}

/// The URL of the pages when `web.url` is not set, for a trial on this machine.
pub(super) fn own_url(listen: SocketAddr) -> Result<SiteUrl, RunError> {
    let host = match listen.ip() {
        IpAddr::V4(ip) if ip.is_unspecified() => "127.0.0.1".to_owned(),
        IpAddr::V6(ip) if ip.is_unspecified() => "[::1]".to_owned(),
        IpAddr::V4(ip) => ip.to_string(),
        IpAddr::V6(ip) => format!("[{ip}]"),
    };
    SiteUrl::parse(&format!("http://{host}:{}/", listen.port()))
        .map_err(|message| RunError::user(message, "check web.listen in config.toml"))
}

/// Notifies the service manager (`sd_notify(3)`), if there is one.
pub(super) fn notify(state: &str) {
    if let Some(socket) = environment("NOTIFY_SOCKET") {
        let _ = platform::notify_service_manager(&socket, state);
    }
}
