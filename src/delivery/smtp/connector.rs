//! TCP and TLS: from a host name to a stream.

use std::io;
use std::net::{IpAddr, SocketAddr};
use std::pin::Pin;
use std::sync::{Arc, Mutex, PoisonError};
use std::task::{Context, Poll};
use std::time::Duration;

use camino::Utf8Path;
use chrono::{DateTime, Utc};
use rustls::RootCertStore;
use rustls::client::WebPkiServerVerifier;
use rustls::pki_types::ServerName;
use tokio::io::{AsyncRead, AsyncReadExt as _, AsyncWrite, AsyncWriteExt as _, ReadBuf};
use tokio::net::TcpStream;
use tokio::task::JoinSet;
use tokio_rustls::TlsConnector;

use super::certificate::Verifier;
use super::line_stream::{Stream, transport_error};
use super::{SmtpError, TlsSetup};
use crate::delivery::{TransportError, Unreachable, WrongProtocol};
use crate::net::certificate::not_after;
use crate::net::tls;

/// How long to wait for one address before the next is tried in parallel (RFC 8305, 5).
const STAGGER: Duration = Duration::from_millis(250);

/// A TCP connection and the addresses of both ends.
pub(crate) struct Connected {
    pub(crate) stream: TcpStream,
    pub(crate) local: IpAddr,
    pub(crate) peer: IpAddr,
    pub(crate) address: SocketAddr,
}

/// A stream after its TLS handshake.
pub(crate) struct Protected {
    pub(crate) stream: Box<dyn Stream>,
    /// When the certificate of the server expires.
    pub(crate) certificate_end: Option<DateTime<Utc>>,
}

/// Resolves `host` and connects to the first address that answers, alternating IPv6 and IPv4: a broken path of one
/// family costs a quarter of a second.
pub(crate) async fn dial(host: &str, port: u16) -> Result<Connected, TransportError> {
    let found = tokio::net::lookup_host((host, port)).await.map_err(|error| not_found(host, &error))?;
    race(try_in_turn(found.collect()), TransportError::NoSuchHost(format!("{host} has no address"))).await
}

/// The standard library does not classify resolver errors, so their text decides: glibc, macOS and the BSDs, and musl
/// each use other words. Any other text means that no name server answered.
fn not_found(host: &str, error: &io::Error) -> TransportError {
    let reason = format!("{host}: {error}");
    let denials = ["not known", "nodename nor servname", "No address associated", "does not resolve"];
    if denials.iter().any(|denial| reason.contains(denial)) {
        TransportError::NoSuchHost(reason)
    } else {
        TransportError::Dns(reason)
    }
}

/// Connects to the first of `addresses` that answers, starting each attempt a moment after the one before; otherwise
/// returns the last error.
async fn race(addresses: Vec<SocketAddr>, mut last: TransportError) -> Result<Connected, TransportError> {
    let mut waiting = addresses.into_iter();
    let mut attempts = JoinSet::new();
    loop {
        if let Some(address) = waiting.next() {
            attempts
                .spawn(async move { connect(address).await.map_err(|error| unreachable(address, &error)) });
        } else if attempts.is_empty() {
            return Err(last);
        }
        tokio::select! {
            Some(ended) = attempts.join_next() => match ended {
                Ok(Ok(connected)) => return Ok(connected),
                Ok(Err(why)) => last = TransportError::Unreachable(why),
                Err(ended) => last = TransportError::Io(ended.to_string()),
            },
            () = tokio::time::sleep(STAGGER), if waiting.len() > 0 => {}
        }
    }
}

fn unreachable(address: SocketAddr, error: &io::Error) -> Unreachable {
    let is_refused = error.kind() == io::ErrorKind::ConnectionRefused;
    Unreachable { address, is_refused, reason: error.to_string() }
}

async fn connect(address: SocketAddr) -> io::Result<Connected> {
    let stream = TcpStream::connect(address).await?;
    // The dot is a separate write: with Nagle's algorithm it would wait 40 ms for the acknowledgement of the body.
    stream.set_nodelay(true)?;
    let (local, peer) = (stream.local_addr()?.ip().to_canonical(), stream.peer_addr()?.ip().to_canonical());
    Ok(Connected { stream, local, peer, address })
}

/// Alternates the address families, beginning with the family that the system put first; keeps the order within each.
fn try_in_turn(addresses: Vec<SocketAddr>) -> Vec<SocketAddr> {
    let six_first = addresses.first().is_some_and(SocketAddr::is_ipv6);
    let (first, second): (Vec<_>, Vec<_>) =
        addresses.into_iter().partition(|address| address.is_ipv6() == six_first);
    let (mut first, mut second) = (first.into_iter(), second.into_iter());
    let mut all = Vec::new();
    loop {
        let pair = [first.next(), second.next()];
        if pair == [None, None] {
            return all;
        }
        all.extend(pair.into_iter().flatten());
    }
}

impl TlsSetup {
    /// Trusts the system's authorities and those of `ca_file`, for the server `host`.
    pub(crate) fn new(host: &str, ca_file: Option<&Utf8Path>) -> Result<Self, SmtpError> {
        let mut roots = tls::system_roots();
        if let Some(path) = ca_file {
            tls::add_pem_file(&mut roots, path)
                .map_err(|reason| SmtpError::CaFile { path: path.to_owned(), reason })?;
        }
        if roots.is_empty() {
            return Err(SmtpError::NoAuthorities);
        }
        let verifier = WebPkiServerVerifier::builder_with_provider(Arc::new(roots), tls::provider())
            .build()
            .map_err(|error| rustls::Error::General(error.to_string()))?;
        let config = tls::builder()?
            .dangerous()
            // It rejects exactly what rustls's own verifier rejects, and explains more.
            .with_custom_certificate_verifier(Arc::new(Verifier(verifier)))
            .with_no_client_auth();
        let name = ServerName::try_from(host.to_owned()).map_err(|_| SmtpError::Host(host.to_owned()))?;
        Ok(Self { config: Arc::new(config), name })
    }

    /// Performs the TLS handshake over a stream without unread bytes.
    pub(crate) async fn handshake(&self, stream: Box<dyn Stream>) -> Result<Protected, TransportError> {
        let connector = TlsConnector::from(Arc::clone(&self.config));
        let first = Arc::new(Mutex::new(Vec::new()));
        let stream = RecordedStream { stream, first: Arc::clone(&first) };
        match connector.connect(self.name.clone(), stream).await {
            Ok(stream) => {
                let chain = stream.get_ref().1.peer_certificates();
                let certificate_end = chain.and_then(<[_]>::first).and_then(|first| not_after(first));
                Ok(Protected { stream: Box::new(stream), certificate_end })
            }
            Err(error) => {
                let first = first.lock().unwrap_or_else(PoisonError::into_inner);
                // If the server speaks TLS, the TLS error is more precise than the first bytes.
                let other =
                    WrongProtocol::recognise(&first).filter(|protocol| *protocol != WrongProtocol::Tls);
                Err(other.map_or_else(|| transport_error(&error), TransportError::WrongProtocol))
            }
        }
    }
}

/// How many of a server's first bytes are enough to recognise its protocol.
const FIRST: usize = 128;

/// A stream that records the first bytes read: they show the protocol of a server that does not speak TLS.
struct RecordedStream {
    stream: Box<dyn Stream>,
    first: Arc<Mutex<Vec<u8>>>,
}

impl AsyncRead for RecordedStream {
    fn poll_read(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let before = buffer.filled().len();
        let read = Pin::new(&mut self.stream).poll_read(context, buffer);
        let mut first = self.first.lock().unwrap_or_else(PoisonError::into_inner);
        let room = FIRST.saturating_sub(first.len());
        first.extend(buffer.filled().iter().skip(before).take(room));
        read
    }
}

impl AsyncWrite for RecordedStream {
    fn poll_write(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.stream).poll_write(context, bytes)
    }

    fn poll_flush(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_flush(context)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_shutdown(context)
    }
}

/// Sends a TLS client hello to `peer` and reads the first bytes of the reply: a server that stays silent after the
/// connection may be waiting for one.
pub(crate) async fn probe(peer: SocketAddr) -> Option<WrongProtocol> {
    let mut stream = TcpStream::connect(peer).await.ok()?;
    stream.write_all(&client_hello()?).await.ok()?;
    let mut first = Vec::with_capacity(FIRST);
    while WrongProtocol::recognise(&first).is_none() && first.len() < FIRST {
        if stream.read_buf(&mut first).await.ok()? == 0 {
            return None;
        }
    }
    WrongProtocol::recognise(&first)
}

/// The bytes of a TLS client hello.
fn client_hello() -> Option<Vec<u8>> {
    let config = tls::client_config(RootCertStore::empty()).ok()?;
    let name = ServerName::try_from("localhost").ok()?;
    let mut connection = rustls::ClientConnection::new(Arc::new(config), name).ok()?;
    let mut bytes = Vec::new();
    connection.write_tls(&mut bytes).ok()?;
    Some(bytes)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ipv6_and_ipv4_addresses_alternate() {
        let addresses =
            |all: &[&str]| all.iter().map(|one| one.parse().unwrap()).collect::<Vec<SocketAddr>>();
        let given = addresses(&["[::1]:25", "[::2]:25", "[::3]:25", "10.0.0.1:25"]);
        assert_eq!(try_in_turn(given), addresses(&["[::1]:25", "10.0.0.1:25", "[::2]:25", "[::3]:25"]));
        assert_eq!(try_in_turn(Vec::new()), []);
    }

    #[tokio::test]
    async fn f54_a_broken_ipv6_path_falls_back_to_ipv4() {
        let good = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let good = good.local_addr().unwrap();
        let none = || TransportError::Dns("nothing".to_owned());
        // Refused at once: there is no listener.
        let refused: SocketAddr = format!("[::1]:{}", good.port()).parse().unwrap();
        let connected = race(vec![refused, good], none()).await.ok().unwrap();
        assert_eq!(connected.peer, good.ip());
        // Silent: a full queue drops packets, as a broken path does. On a machine without IPv6, another address is
        // used.
        let silent = ["[::1]:0", "127.0.0.2:0"].iter().find_map(|address| {
            let address: SocketAddr = address.parse().unwrap();
            let socket = if address.is_ipv6() {
                tokio::net::TcpSocket::new_v6()
            } else {
                tokio::net::TcpSocket::new_v4()
            };
            let socket = socket.ok()?;
            socket.bind(address).ok()?;
            socket.listen(1).ok()
        });
        let silent = silent.unwrap();
        let address = silent.local_addr().unwrap();
        let mut fillers = Vec::new();
        while let Ok(filler) =
            tokio::time::timeout(Duration::from_millis(300), TcpStream::connect(address)).await
        {
            fillers.push(filler.unwrap());
            assert!(fillers.len() < 100, "the queue is never full");
        }
        let begun = tokio::time::Instant::now();
        let connected = race(vec![address, good], none()).await.ok().unwrap();
        assert_eq!(connected.peer, good.ip());
        assert!(begun.elapsed() >= STAGGER && begun.elapsed() < 40 * STAGGER, "{:?}", begun.elapsed());
    }

    #[test]
    fn a_ca_file_that_is_missing_or_empty_is_named_in_the_error() {
        let folder = tempfile::tempdir().unwrap();
        let path = camino::Utf8PathBuf::from_path_buf(folder.path().join("ca.pem")).unwrap();
        for content in [None, Some("no certificate")] {
            if let Some(text) = content {
                std::fs::write(&path, text).unwrap();
            }
            let error = TlsSetup::new("mail.example.com", Some(&path)).unwrap_err().to_string();
            assert!(error.contains("ca.pem"), "{error}");
        }
    }
}
