//! Where the server listens: sockets that systemd hands over, or addresses of its own; and what systemd is told.

use std::net::{IpAddr, SocketAddr, TcpListener};
use std::os::linux::net::SocketAddrExt as _;
use std::os::unix::net::{SocketAddr as UnixAddress, UnixDatagram};

use listenfd::ListenFd;

use crate::config::{SiteUrl, Web, environment};
use crate::pipeline::RunError;

/// The sockets of a server, bound.
pub struct Sockets {
    pub(super) pages: TcpListener,
    pub(super) metrics: Option<TcpListener>,
}

impl Sockets {
    /// Takes the socket that systemd hands over, or binds those that the configuration names.
    pub fn bind(web: &Web) -> Result<Self, RunError> {
        let handed = ListenFd::from_env().take_tcp_listener(0);
        let pages =
            match handed.map_err(|error| RunError::io("taking the socket that systemd hands over", error))? {
                Some(socket) => socket,
                None => listen(web.listen, "web.listen")?,
            };
        let metrics = web.metrics.map(|address| listen(address, "web.metrics")).transpose()?;
        Ok(Self { pages, metrics })
    }

    /// Where the pages answer.
    pub fn address(&self) -> Option<SocketAddr> {
        self.pages.local_addr().ok()
    }

    /// Where the figures answer.
    pub fn metrics_address(&self) -> Option<SocketAddr> {
        self.metrics.as_ref()?.local_addr().ok()
    }
}

fn listen(address: SocketAddr, key: &str) -> Result<TcpListener, RunError> {
    TcpListener::bind(address).map_err(|error| {
        RunError::user(
            format!("cannot listen on {address}: {error}"),
            format!("stop what listens there, or name another address as {key} in config.toml"),
        )
    })
}

/// The address of the pages while `web.url` does not name one: for a trial on this machine.
pub(super) fn own_url(listen: SocketAddr) -> Result<SiteUrl, RunError> {
    let host = match listen.ip() {
        IpAddr::V4(ip) if ip.is_unspecified() => "127.0.0.1".to_owned(),
        IpAddr::V6(ip) if ip.is_unspecified() => "[::1]".to_owned(),
        IpAddr::V4(ip) => ip.to_string(),
        IpAddr::V6(ip) => format!("[{ip}]"),
    };
    SiteUrl::parse(&format!("http://{host}:{}/", listen.port()))
        .map_err(|message| RunError::user(message, "look at web.listen in config.toml"))
}

/// Says a word to the service manager (`sd_notify(3)`), if there is one. That nobody listens is no fault.
pub(super) fn notify(word: &str) {
    let Some(path) = environment("NOTIFY_SOCKET") else { return };
    let address = match path.strip_prefix('@') {
        Some(name) => UnixAddress::from_abstract_name(name.as_bytes()),
        None => UnixAddress::from_pathname(&path),
    };
    if let (Ok(address), Ok(socket)) = (address, UnixDatagram::unbound()) {
        let _ = socket.send_to_addr(word.as_bytes(), &address);
    }
}
