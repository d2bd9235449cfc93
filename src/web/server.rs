//! Connections: how many, how slow, and how they end.

use std::convert::Infallible;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use axum::body::Body;
use axum::extract::State;
use axum::http::{HeaderValue, Request, Uri, header};
use axum::response::{IntoResponse as _, Response};
use axum::routing::get;
use hyper::body::Incoming;
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::{TokioIo, TokioTimer};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::{Semaphore, watch};
use tokio::task::JoinSet;
use tower_service::Service as _;

use super::patient::Patient;
use super::sockets::notify;
use super::{Peer, Shared, Sockets, background, router};
use crate::pipeline::RunError;

/// So many connections at once; the next one waits.
const MOST_CONNECTIONS: usize = 1_024;
/// How long a client may take to ask, also between two requests.
const ASKING: Duration = Duration::from_secs(10);
/// How long a client may take nothing of an answer.
const TAKING: Duration = Duration::from_secs(30);
/// The request line and the headers together.
const LONGEST_HEAD: usize = 16 * 1024;
const MOST_HEADERS: usize = 64;
/// How long requests may go on after the server was asked to stop.
const GRACE: Duration = Duration::from_secs(10);
/// How often it is looked whether the server is to stop.
const GLANCE: Duration = Duration::from_millis(50);
/// After a connection could not be taken: file descriptors may be short.
const BREATH: Duration = Duration::from_millis(200);

/// Answers until the breaker of the world is asked to stop.
pub async fn serve(app: Shared, sockets: Sockets) -> Result<(), RunError> {
    let (stop, stopped) = watch::channel(false);
    let mut listeners = JoinSet::new();
    let prefix = app.url().as_url().path().to_owned();
    listeners.spawn(listen(socket(sockets.pages)?, router(Shared::clone(&app)), prefix, stopped.clone()));
    if let Some(metrics) = sockets.metrics {
        let figures = Router::new().route("/metrics", get(figures)).with_state(Shared::clone(&app));
        listeners.spawn(listen(socket(metrics)?, figures, "/".to_owned(), stopped));
    }
    let mut tasks = background::start(&app);
    notify("READY=1");
    while app.world.breaker.stopped().is_none() {
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

/// Takes connections until it is told to stop, and then waits for those that it has.
async fn listen(socket: TcpListener, router: Router, prefix: String, mut stopped: watch::Receiver<bool>) {
    let prefix: Arc<str> = prefix.into();
    let room = Arc::new(Semaphore::new(MOST_CONNECTIONS));
    let mut connections = JoinSet::new();
    loop {
        let Ok(place) = Arc::clone(&room).acquire_owned().await else { break };
        let accepted = tokio::select! {
            accepted = socket.accept() => accepted,
            _ = stopped.changed() => break,
        };
        match accepted {
            Ok((stream, peer)) => {
                let answered = answer(stream, peer, router.clone(), Arc::clone(&prefix), stopped.clone());
                connections.spawn(async move {
                    answered.await;
                    drop(place);
                });
            }
            Err(_) => tokio::time::sleep(BREATH).await,
        }
        while connections.try_join_next().is_some() {}
    }
    drop(socket);
    while connections.join_next().await.is_some() {}
}

/// One connection, with all its requests.
async fn answer(
    stream: TcpStream,
    peer: SocketAddr,
    router: Router,
    prefix: Arc<str>,
    mut stopped: watch::Receiver<bool>,
) {
    let _ = stream.set_nodelay(true);
    let service = service_fn(move |mut request: Request<Incoming>| {
        request.extensions_mut().insert(Peer(peer.ip()));
        unprefix(request.uri_mut(), &prefix);
        let mut router = router.clone();
        async move { Ok::<_, Infallible>(router.call(request.map(Body::new)).await.into_response()) }
    });
    let io = TokioIo::new(Patient::new(stream, TAKING));
    let connection = http1::Builder::new()
        .timer(TokioTimer::new())
        .header_read_timeout(ASKING)
        .max_buf_size(LONGEST_HEAD)
        .max_headers(MOST_HEADERS)
        .serve_connection(io, service);
    let mut connection = std::pin::pin!(connection);
    // Whatever a client does wrong ends its own connection; there is nobody to tell.
    tokio::select! {
        _ = connection.as_mut() => return,
        _ = stopped.changed() => connection.as_mut().graceful_shutdown(),
    }
    let _ = connection.await;
}

/// Takes the path of `web.url` off, so that a proxy may leave it on or not.
fn unprefix(uri: &mut Uri, prefix: &str) {
    let Some(rest) = uri.path_and_query().and_then(|path| path.as_str().strip_prefix(prefix)) else { return };
    if let Ok(below) = format!("/{rest}").parse() {
        *uri = below;
    }
}

async fn figures(State(app): State<Shared>) -> Response {
    let store = app.ask(app.office.store.figures()).await.ok();
    let kind = HeaderValue::from_static("text/plain; version=0.0.4; charset=utf-8");
    ([(header::CONTENT_TYPE, kind)], app.figures.print(store.as_ref())).into_response()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_path_of_the_site_is_taken_off_once() {
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
