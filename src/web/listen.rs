//! Sockets: bound here or handed over by systemd, connections with limits, and an orderly end.

use std::io;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use axum::extract::Request;
use hyper::body::Incoming;
use hyper::server::conn::http1;
use hyper_util::rt::{TokioIo, TokioTimer};
use hyper_util::server::graceful::GracefulShutdown;
use hyper_util::service::TowerToHyperService;
use tokio::net::TcpListener;
use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tower::ServiceExt as _;

use super::asked::Peer;
use crate::pipeline::RunError;

/// More connections than this wait at the door.
const MOST_CONNECTIONS: usize = 1_024;
/// How long a client may take to send the head of a request, and how long a connection may stay idle.
const HEAD_DEADLINE: Duration = Duration::from_secs(10);
/// The largest head of a request.
const LARGEST_HEAD: usize = 32 * 1024;
/// How long what is being answered may take after the signal to stop.
const END_WITHIN: Duration = Duration::from_secs(10);

/// The socket that systemd hands over, or a new one at `address`.
pub(super) async fn listener(address: SocketAddr) -> Result<TcpListener, RunError> {
    let handed = listenfd::ListenFd::from_env().take_tcp_listener(0);
    let listening = |error| {
        let help = "name another address and port as web.listen, or stop what listens there";
        match io::Error::kind(&error) {
            io::ErrorKind::AddrInUse => RunError::user(format!("{address} is taken already"), help),
            _ => RunError::io(format!("listening at {address}"), error),
        }
    };
    match handed.map_err(|error| RunError::io("taking over the socket of systemd", error))? {
        Some(socket) => {
            socket.set_nonblocking(true).map_err(listening)?;
            TcpListener::from_std(socket).map_err(listening)
        }
        None => TcpListener::bind(address).await.map_err(listening),
    }
}

/// Answers until `stop` is done, then lets what is being answered finish.
pub(super) async fn serve(listener: TcpListener, router: Router, stop: impl Future<Output = ()>) {
    let places = Arc::new(Semaphore::new(MOST_CONNECTIONS));
    let graceful = GracefulShutdown::new();
    tokio::pin!(stop);
    loop {
        let Ok(place) = Arc::clone(&places).acquire_owned().await else { break };
        let (stream, peer) = tokio::select! {
            accepted = listener.accept() => {
                // Out of file descriptors, or the client is gone already: the next one may do better.
                let Ok(accepted) = accepted else {
                    tokio::time::sleep(Duration::from_millis(50)).await;
                    continue;
                };
                accepted
            }
            () = &mut stop => break,
        };
        let _ = stream.set_nodelay(true);
        connection(stream, peer, router.clone(), &graceful, place);
    }
    drop(listener);
    let _ = tokio::time::timeout(END_WITHIN, graceful.shutdown()).await;
}

fn connection(
    stream: tokio::net::TcpStream,
    peer: SocketAddr,
    router: Router,
    graceful: &GracefulShutdown,
    place: OwnedSemaphorePermit,
) {
    let service = router.map_request(move |mut request: Request<Incoming>| {
        request.extensions_mut().insert(Peer(peer.ip()));
        request.map(axum::body::Body::new)
    });
    let connection = http1::Builder::new()
        .timer(TokioTimer::new())
        .header_read_timeout(HEAD_DEADLINE)
        .max_buf_size(LARGEST_HEAD)
        .serve_connection(TokioIo::new(stream), TowerToHyperService::new(service));
    let watched = graceful.watch(connection);
    tokio::spawn(async move {
        // A client that breaks off or speaks nonsense is nobody's trouble but its own.
        let _ = watched.await;
        drop(place);
    });
}
