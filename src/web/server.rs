//! Accepts connections, limits their number and duration, and shuts down gracefully.

use std::convert::Infallible;
use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use axum::extract::State;
use axum::http::{HeaderValue, Request, StatusCode, Uri, header};
use axum::response::{IntoResponse as _, Response};
use axum::routing::get;
use hyper::body::Incoming;
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::{TokioIo, TokioTimer};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::watch;
use tokio::task::JoinSet;
use tower_service::Service as _;

use super::client_address;
use super::connection_slots::{Activity, ConnectionSlot, ConnectionSlots, within_limits};
use super::request_body::{TrackedBody, close_after, read_request, too_many, too_slow};
use super::sockets::notify;
use super::write_timeout::WriteTimeout;
use super::{Peer, SharedApp, Sockets, background, router};
use crate::config::Network;
use crate::pipeline::session::RunError;

/// The most connections at once. Above it, the longest idle connection is closed.
const MOST_CONNECTIONS: usize = 1_024;
/// The most connections of one client network (/24 or /56): enough for an office, and a small part of all.
const MOST_OF_NETWORK: usize = 128;
/// The read timeout for a request's head, also between two requests.
const HEAD_TIMEOUT: Duration = Duration::from_secs(10);
/// The write timeout.
const WRITE_TIMEOUT: Duration = Duration::from_secs(30);
/// The size limit of the request line and headers.
const LONGEST_HEAD: usize = 16 * 1024;
const MOST_HEADERS: usize = 64;
/// How long requests may continue after a shutdown request.
const GRACE: Duration = Duration::from_secs(10);
/// How often to check for a shutdown request.
const SHUTDOWN_CHECK: Duration = Duration::from_millis(50);
/// How long to wait before trying again when all connections are busy.
const SLOT_RETRY: Duration = Duration::from_millis(20);
/// The pause after `accept` failed, for example because of too many open files.
const ACCEPT_PAUSE: Duration = Duration::from_millis(200);

/// Serves until the breaker stops it.
pub async fn serve(app: SharedApp, sockets: Sockets) -> Result<(), RunError> {
    let (stop, stopped) = watch::channel(false);
    let mut listeners = JoinSet::new();
    let prefix = app.url().as_url().path().to_owned();
    let proxies: Arc<[Network]> = app.config().web.proxies.clone().into();
    let pages = Listener { router: router(SharedApp::clone(&app)), prefix: prefix.into(), proxies };
    listeners.spawn(listen(socket(sockets.pages)?, pages.clone(), stopped.clone()));
    if let Some(metrics) = sockets.metrics {
        let metrics_listener =
            Router::new().route("/metrics", get(serve_metrics)).with_state(SharedApp::clone(&app));
        let metrics_listener = Listener { router: metrics_listener, prefix: "/".into(), ..pages };
        listeners.spawn(listen(socket(metrics)?, metrics_listener, stopped));
    }
    let mut tasks = background::start(&app);
    notify("READY=1");
    while app.context.breaker.stop_reason().is_none() {
        tokio::time::sleep(SHUTDOWN_CHECK).await;
    }
    notify("STOPPING=1");
    let _ = stop.send(true);
    let ended = async { while listeners.join_next().await.is_some() {} };
    let _ = tokio::time::timeout(GRACE, ended).await;
    tasks.shutdown().await;
    Ok(())
}

fn socket(socket: std::net::TcpListener) -> Result<TcpListener, RunError> {
    let ready = socket.set_nonblocking(true).and_then(|()| TcpListener::from_std(socket));
    ready.map_err(|error| RunError::io("listening", error))
}

/// What a listening socket serves.
#[derive(Clone)]
struct Listener {
    router: Router,
    prefix: Arc<str>,
    proxies: Arc<[Network]>,
}

impl Listener {
    /// The network of an address; `None` for a trusted proxy, which serves many clients, and for this machine.
    fn network(&self, address: IpAddr) -> Option<String> {
        let address = address.to_canonical();
        let is_proxy = address.is_loopback() || self.proxies.iter().any(|proxy| proxy.contains(address));
        (!is_proxy).then(|| client_address::network(address))
    }

    /// Answers one request. A deadline bounds the connection and not only the handler: after an answer for which something of
    /// the client was not waited for, or that came without its handler, nothing more of this connection is read.
    async fn answer(mut self, request: Request<Incoming>, peer: IpAddr, slot: &ConnectionSlot) -> Response {
        let client = client_address::of(request.headers(), peer, &self.proxies);
        if self.network(peer).is_none()
            && let Some(network) = self.network(client)
            && !slot.begin_request_of(&network)
        {
            return too_many();
        }
        let Some((mut request, is_whole)) = read_request(request).await else { return too_slow() };
        slot.set(Activity::Working);
        request.extensions_mut().insert(Peer(peer));
        unprefix(request.uri_mut(), &self.prefix);
        let mut response = self.router.call(request).await.into_response();
        if !is_whole || response.status() == StatusCode::SERVICE_UNAVAILABLE {
            close_after(&mut response);
        }
        response
    }
}

/// Accepts connections until shutdown, then waits for the open ones.
async fn listen(socket: TcpListener, listener: Listener, mut stopped: watch::Receiver<bool>) {
    let slots = ConnectionSlots::new(within_limits(MOST_CONNECTIONS), MOST_OF_NETWORK);
    let mut connections = JoinSet::new();
    loop {
        let accepted = tokio::select! {
            accepted = socket.accept() => accepted,
            _ = stopped.changed() => break,
        };
        if let Ok((stream, peer)) = accepted {
            if let Some(slot) = accept(&slots, listener.network(peer.ip())).await {
                connections.spawn(serve_connection(stream, peer, listener.clone(), slot, stopped.clone()));
            }
        } else {
            slots.free_one();
            tokio::time::sleep(ACCEPT_PAUSE).await;
        }
        while connections.try_join_next().is_some() {}
    }
    drop(socket);
    while connections.join_next().await.is_some() {}
}

/// Waits for a place for a new connection.
async fn accept(slots: &Arc<ConnectionSlots>, network: Option<String>) -> Option<ConnectionSlot> {
    for _ in 0..GRACE.as_millis() / SLOT_RETRY.as_millis() {
        if let Some(slot) = slots.take(network.clone()) {
            return Some(slot);
        }
        if network.is_some() && slots.has_room() {
            return None;
        }
        tokio::time::sleep(SLOT_RETRY).await;
    }
    None
}

/// Serves all requests of one connection.
async fn serve_connection(
    stream: TcpStream,
    peer: SocketAddr,
    listener: Listener,
    slot: ConnectionSlot,
    mut stopped: watch::Receiver<bool>,
) {
    let _ = stream.set_nodelay(true);
    let slot = Arc::new(slot);
    let served = Arc::clone(&slot);
    let service = service_fn(move |request: Request<Incoming>| {
        let (listener, slot) = (listener.clone(), Arc::clone(&served));
        async move {
            let response = listener.answer(request, peer.ip(), &slot).await;
            Ok::<_, Infallible>(TrackedBody::to(slot, response))
        }
    });
    let io = TokioIo::new(WriteTimeout::new(stream, WRITE_TIMEOUT));
    let connection = http1::Builder::new()
        .timer(TokioTimer::new())
        .header_read_timeout(HEAD_TIMEOUT)
        .max_buf_size(LONGEST_HEAD)
        .max_headers(MOST_HEADERS)
        .serve_connection(io, service);
    let mut connection = std::pin::pin!(connection);
    // A protocol error of the client only ends its own connection.
    tokio::select! {
        _ = connection.as_mut() => return,
        () = slot.evicted() => return,
        _ = stopped.changed() => connection.as_mut().graceful_shutdown(),
    }
    let _ = connection.await;
}

/// Removes the path of `web.url`, so that it works whether or not the proxy strips it.
fn unprefix(uri: &mut Uri, prefix: &str) {
    let Some(rest) = uri.path_and_query().and_then(|path| path.as_str().strip_prefix(prefix)) else { return };
    if let Ok(below) = format!("/{rest}").parse() {
        *uri = below;
    }
}

async fn serve_metrics(State(app): State<SharedApp>) -> Response {
    let store = app.within_timeout(app.session.store.metrics()).await.ok();
    let kind = HeaderValue::from_static("text/plain; version=0.0.4; charset=utf-8");
    ([(header::CONTENT_TYPE, kind)], app.metrics.print(store.as_ref())).into_response()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_path_prefix_is_removed_once() {
        for (uri, prefix, expected) in [
            ("/news/leave/a?lang=ko", "/news/", "/leave/a?lang=ko"),
            ("/leave/a", "/news/", "/leave/a"),
            ("/news/", "/news/", "/"),
            ("/a/b", "/", "/a/b"),
            ("/news/news/", "/news/", "/news/"),
        ] {
            let mut uri: Uri = uri.parse().unwrap();
            unprefix(&mut uri, prefix);
            assert_eq!(uri.to_string(), expected);
        }
    }
}
