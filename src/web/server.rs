//! Accepts connections, limits their number and duration, and shuts down gracefully.

use std::convert::Infallible;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use axum::extract::State;
use axum::http::{HeaderValue, Request, Uri, header};
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

use super::client_address::network;
use super::connection_slots::{Activity, ConnectionSlot, ConnectionSlots, within_limits};
use super::request_body::{Answer, read_request, too_slow};
use super::sockets::notify;
use super::write_timeout::WriteTimeout;
use super::{Peer, SharedApp, Sockets, background, router};
use crate::config::Network;
use crate::pipeline::session::RunError;

/// The most connections at once. Above it, the longest idle connection is closed.
const MOST_CONNECTIONS: usize = 1_024;
/// The most connections of one client network (/24 or /56).
const MOST_OF_NETWORK: usize = 128;
/// The read timeout for a request's head, also between two requests.
const ASKING: Duration = Duration::from_secs(10);
/// The write timeout.
const TAKING: Duration = Duration::from_secs(30);
/// The size limit of the request line and headers.
const LONGEST_HEAD: usize = 16 * 1024;
const MOST_HEADERS: usize = 64;
/// How long requests may continue after a shutdown request.
const GRACE: Duration = Duration::from_secs(10);
/// How often to check for a shutdown request.
const GLANCE: Duration = Duration::from_millis(50);
/// How long to wait before trying again when all connections are busy.
const MOMENT: Duration = Duration::from_millis(20);
/// The pause after `accept` failed, for example because of too many open files.
const BREATH: Duration = Duration::from_millis(200);

/// Serves until the world's breaker asks it to stop.
pub async fn serve(app: SharedApp, sockets: Sockets) -> Result<(), RunError> {
    let (stop, stopped) = watch::channel(false);
    let mut listeners = JoinSet::new();
    let prefix = app.url().as_url().path().to_owned();
    let proxies: Arc<[Network]> = app.config().web.proxies.clone().into();
    let pages = Listener { router: router(SharedApp::clone(&app)), prefix: prefix.into(), proxies };
    listeners.spawn(listen(socket(sockets.pages)?, pages.clone(), stopped.clone()));
    if let Some(metrics) = sockets.metrics {
        let figures = Router::new().route("/metrics", get(serve_metrics)).with_state(SharedApp::clone(&app));
        let figures = Listener { router: figures, prefix: "/".into(), ..pages };
        listeners.spawn(listen(socket(metrics)?, figures, stopped));
    }
    let mut tasks = background::start(&app);
    notify("READY=1");
    while app.context.breaker.stop_reason().is_none() {
        tokio::time::sleep(GLANCE).await;
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
    /// The network that a connection counts towards; `None` for a trusted proxy, which serves many clients.
    fn network(&self, peer: SocketAddr) -> Option<String> {
        let ip = peer.ip().to_canonical();
        let stands_for_many = ip.is_loopback() || self.proxies.iter().any(|proxy| proxy.contains(ip));
        (!stands_for_many).then(|| network(ip))
    }
}

/// Accepts connections until shutdown, then waits for the open ones.
async fn listen(socket: TcpListener, door: Listener, mut stopped: watch::Receiver<bool>) {
    let seats = ConnectionSlots::new(within_limits(MOST_CONNECTIONS), MOST_OF_NETWORK);
    let mut connections = JoinSet::new();
    loop {
        let accepted = tokio::select! {
            accepted = socket.accept() => accepted,
            _ = stopped.changed() => break,
        };
        if let Ok((stream, peer)) = accepted {
            if let Some(seat) = accept(&seats, door.network(peer)).await {
                connections.spawn(answer(stream, peer, door.clone(), seat, stopped.clone()));
            }
        } else {
            seats.free_one();
            tokio::time::sleep(BREATH).await;
        }
        while connections.try_join_next().is_some() {}
    }
    drop(socket);
    while connections.join_next().await.is_some() {}
}

/// Waits for a place for a new connection.
async fn accept(seats: &Arc<ConnectionSlots>, network: Option<String>) -> Option<ConnectionSlot> {
    for _ in 0..GRACE.as_millis() / MOMENT.as_millis() {
        if let Some(seat) = seats.take(network.clone()) {
            return Some(seat);
        }
        if network.is_some() && seats.has_room() {
            return None;
        }
        tokio::time::sleep(MOMENT).await;
    }
    None
}

/// Serves all requests of one connection.
async fn answer(
    stream: TcpStream,
    peer: SocketAddr,
    door: Listener,
    seat: ConnectionSlot,
    mut stopped: watch::Receiver<bool>,
) {
    let _ = stream.set_nodelay(true);
    let seat = Arc::new(seat);
    let served = Arc::clone(&seat);
    let service = service_fn(move |request: Request<Incoming>| {
        let (mut router, prefix, seat) = (door.router.clone(), Arc::clone(&door.prefix), Arc::clone(&served));
        async move {
            let Some(mut request) = read_request(request).await else {
                return Ok::<_, Infallible>(Answer::to(seat, too_slow()));
            };
            seat.is(Activity::Working);
            request.extensions_mut().insert(Peer(peer.ip()));
            unprefix(request.uri_mut(), &prefix);
            let answer = router.call(request).await.into_response();
            Ok(Answer::to(seat, answer))
        }
    });
    let io = TokioIo::new(WriteTimeout::new(stream, TAKING));
    let connection = http1::Builder::new()
        .timer(TokioTimer::new())
        .header_read_timeout(ASKING)
        .max_buf_size(LONGEST_HEAD)
        .max_headers(MOST_HEADERS)
        .serve_connection(io, service);
    let mut connection = std::pin::pin!(connection);
    // A protocol error of the client only ends its own connection.
    tokio::select! {
        _ = connection.as_mut() => return,
        () = seat.is_wanted() => return,
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
        for (asked, prefix, answered) in [
            ("/news/leave/a?lang=ko", "/news/", "/leave/a?lang=ko"),
            ("/leave/a", "/news/", "/leave/a"),
            ("/news/", "/news/", "/"),
            ("/a/b", "/", "/a/b"),
            ("/news/news/", "/news/", "/news/"),
        ] {
            let mut uri: Uri = asked.parse().unwrap();
            unprefix(&mut uri, prefix);
            assert_eq!(uri.to_string(), answered);
        }
    }
}
