//! TLS to the database. Certificates are always verified; there is no option to turn that off.

use std::future::Future;
use std::io;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};

use rustls::pki_types::ServerName;
use rustls::{ClientConfig, RootCertStore};
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio_postgres::tls::{ChannelBinding, MakeTlsConnect, TlsConnect};
use tokio_rustls::TlsConnector;
use tokio_rustls::client::TlsStream;

use super::open::Access;
use crate::config::Encryption;
use crate::net::tls;

/// The TLS configuration of all connections to this server; `None` without encryption.
#[derive(Clone)]
pub(super) struct Maker(Option<Arc<ClientConfig>>);

impl Maker {
    /// Trusts the authorities of the file that the URL names, or else the system's.
    pub(super) fn new(access: &Access) -> Result<Self, String> {
        if access.encryption == Encryption::Never {
            return Ok(Self(None));
        }
        let roots = match &access.root {
            // A named authority replaces those of the system.
            Some(path) => {
                let mut roots = RootCertStore::empty();
                tls::add_pem_file(&mut roots, path)
                    .map_err(|why| format!("cannot use sslrootcert={path}: {why}"))?;
                roots
            }
            None => tls::system_roots(),
        };
        if roots.is_empty() {
            return Err("no certificate authorities are installed; add one with ?sslrootcert=FILE".to_owned());
        }
        let config = tls::client_config(roots).map_err(|error| error.to_string())?;
        Ok(Self(Some(Arc::new(config))))
    }
}

/// The handshake with one server.
pub(super) struct Handshake {
    config: Option<Arc<ClientConfig>>,
    name: ServerName<'static>,
}

impl<S> MakeTlsConnect<S> for Maker
where
    S: AsyncRead + AsyncWrite + Unpin + Send + 'static,
{
    type Stream = Encrypted<S>;
    type TlsConnect = Handshake;
    type Error = io::Error;

    fn make_tls_connect(&mut self, domain: &str) -> Result<Handshake, io::Error> {
        // A local socket has no host name, and is not encrypted.
        let name = if domain.is_empty() { "localhost" } else { domain };
        let name = ServerName::try_from(name.to_owned()).map_err(io::Error::other)?;
        Ok(Handshake { config: self.0.clone(), name })
    }
}

impl<S> TlsConnect<S> for Handshake
where
    S: AsyncRead + AsyncWrite + Unpin + Send + 'static,
{
    type Stream = Encrypted<S>;
    type Error = io::Error;
    type Future = Pin<Box<dyn Future<Output = io::Result<Encrypted<S>>> + Send>>;

    fn connect(self, stream: S) -> Self::Future {
        Box::pin(async move {
            let config = self.config.ok_or_else(|| io::Error::other("TLS is not enabled"))?;
            Ok(Encrypted(TlsConnector::from(config).connect(self.name, stream).await?))
        })
    }
}

/// An encrypted stream. The certificate is verified, so channel binding is not needed.
pub(super) struct Encrypted<S>(TlsStream<S>);

impl<S: AsyncRead + AsyncWrite + Unpin> tokio_postgres::tls::TlsStream for Encrypted<S> {
    fn channel_binding(&self) -> ChannelBinding {
        ChannelBinding::none()
    }
}

impl<S: AsyncRead + AsyncWrite + Unpin> AsyncRead for Encrypted<S> {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        Pin::new(&mut self.0).poll_read(cx, buf)
    }
}

impl<S: AsyncRead + AsyncWrite + Unpin> AsyncWrite for Encrypted<S> {
    fn poll_write(mut self: Pin<&mut Self>, cx: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.0).poll_write(cx, bytes)
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.0).poll_flush(cx)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.0).poll_shutdown(cx)
    }
}
