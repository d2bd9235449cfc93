//! Listens on this machine, and answers a bounded number of connections until the breaker stops it.

use std::convert::Infallible;
use std::net::Ipv4Addr;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use hyper::body::Incoming;
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::{TokioIo, TokioTimer};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::Semaphore;

use super::desk::Desk;
use super::editor::EditorLink;
use super::guard::AddressToken;
use super::routes::Routes;
use super::watch::{Watching, watch};
use crate::pipeline::session::{RunContext, RunError};

/// The most connections at once: a browser opens six for each name, and one for events in each tab.
const MOST_CONNECTIONS: usize = 64;
/// The read timeout for the head of a request.
const HEAD_TIMEOUT: Duration = Duration::from_secs(10);
/// The size limit of the request line and headers.
const LONGEST_HEAD: usize = 32 * 1024;
/// How often to check for a shutdown request.
const SHUTDOWN_CHECK: Duration = Duration::from_millis(50);
/// The pause after `accept` failed, for example because of too many open files.
const ACCEPT_PAUSE: Duration = Duration::from_millis(200);

/// The page, before it answers.
pub struct PreviewServer {
    listener: TcpListener,
    routes: Arc<Routes>,
    context: RunContext,
    watching: Watching,
}

impl PreviewServer {
    /// Takes a port, where 0 is any free one, begins to watch, and reads the posts. `log` gets a line if a folder cannot be watched.
    pub async fn open(
        context: &RunContext,
        port: u16,
        editor: EditorLink,
        log: Box<dyn Fn(&str) + Send + Sync>,
    ) -> Result<Self, RunError> {
        let taken = |error: std::io::Error| match error.kind() {
            std::io::ErrorKind::AddrInUse => RunError::user(
                format!("another program uses port {port} of 127.0.0.1"),
                "end it, or name another port with --port; 0 is any free one",
            ),
            _ => RunError::io(format!("listening on 127.0.0.1:{port}"), error),
        };
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, port)).await.map_err(taken)?;
        let port = listener.local_addr().map_err(taken)?.port();
        let reading = context.clone();
        let read = move || {
            let watching = Watching::begin(&reading.config, log);
            (Desk::open(reading), watching)
        };
        let (desk, watching) = tokio::task::spawn_blocking(read).await.map_err(RunError::internal)?;
        let routes = Routes {
            desk: Arc::new(desk),
            token: AddressToken::new(context.clock.random()),
            port,
            editor,
            notice: Mutex::new(None),
        };
        Ok(Self { listener, routes: Arc::new(routes), context: context.clone(), watching })
    }

    /// The address of the page, with its secret part.
    pub fn address(&self) -> String {
        format!("http://127.0.0.1:{}/{}/", self.routes.port, self.routes.token.as_str())
    }
}

/// Serves until the breaker stops it.
pub async fn serve(server: PreviewServer) {
    let PreviewServer { listener, routes, context, watching } = server;
    let watching = tokio::spawn(watch(Arc::clone(&routes.desk), watching));
    let accepting = tokio::spawn(accept(listener, routes));
    while context.breaker.stop_reason().is_none() {
        tokio::time::sleep(SHUTDOWN_CHECK).await;
    }
    watching.abort();
    accepting.abort();
}

async fn accept(listener: TcpListener, routes: Arc<Routes>) {
    let slots = Arc::new(Semaphore::new(MOST_CONNECTIONS));
    loop {
        let Ok(slot) = Arc::clone(&slots).acquire_owned().await else { return };
        match listener.accept().await {
            Ok((stream, _)) => {
                let routes = Arc::clone(&routes);
                tokio::spawn(async move {
                    answer(stream, routes).await;
                    drop(slot);
                });
            }
            Err(_) => tokio::time::sleep(ACCEPT_PAUSE).await,
        }
    }
}

/// Answers all requests of one connection. An error of the client ends only its own connection.
async fn answer(stream: TcpStream, routes: Arc<Routes>) {
    let _ = stream.set_nodelay(true);
    let service = service_fn(move |request: hyper::Request<Incoming>| {
        let routes = Arc::clone(&routes);
        async move { Ok::<_, Infallible>(routes.answer(request).await) }
    });
    let _ = http1::Builder::new()
        .timer(TokioTimer::new())
        .header_read_timeout(HEAD_TIMEOUT)
        .max_buf_size(LONGEST_HEAD)
        .serve_connection(TokioIo::new(stream), service)
        .await;
}
