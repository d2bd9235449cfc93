//! A certificate authority for one test, and a server certificate that it signed.

use std::sync::Arc;

use camino::Utf8PathBuf;
use chrono::{Datelike as _, TimeDelta};
use letterpress::internals::clock::{Clock as _, SystemClock};
use rcgen::{BasicConstraints, CertificateParams, CertifiedIssuer, DnType, IsCa, KeyPair};
use rustls::ServerConfig;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};

/// The authority's certificate file and the server's TLS configuration.
#[derive(Debug, Clone)]
pub(crate) struct Certificates {
    folder: Arc<tempfile::TempDir>,
    server: Arc<ServerConfig>,
}

impl Certificates {
    /// A certificate for `name` that is valid now.
    pub(crate) fn for_name(name: &str) -> Self {
        Self::with(name, |_| {})
    }

    /// A certificate for `name` that expired long ago.
    pub(crate) fn expired(name: &str) -> Self {
        Self::with(name, |leaf| leaf.not_after = rcgen::date_time_ymd(2001, 1, 1))
    }

    /// A certificate for `name` that expires in so many days.
    pub(crate) fn expiring(name: &str, days: i64) -> Self {
        let end = SystemClock.now() + TimeDelta::days(days);
        let day = |number: u32| u8::try_from(number).unwrap();
        let end = rcgen::date_time_ymd(end.year(), day(end.month()), day(end.day()));
        Self::with(name, |leaf| leaf.not_after = end)
    }

    /// A certificate for `name` that is not valid yet.
    pub(crate) fn not_yet(name: &str) -> Self {
        Self::with(name, |leaf| leaf.not_before = rcgen::date_time_ymd(3001, 1, 1))
    }

    /// A self-signed certificate for `name`; `ca_file` contains another one.
    pub(crate) fn self_signed(name: &str) -> Self {
        let key = KeyPair::generate().unwrap();
        let leaf = CertificateParams::new([name.to_owned()]).unwrap().self_signed(&key).unwrap();
        Self::of(&authority("Somebody Else"), vec![leaf.der().clone()], &key)
    }

    /// A self-signed certificate for `name`; `ca_file` contains it.
    pub(crate) fn self_signed_and_trusted(name: &str) -> Self {
        let key = KeyPair::generate().unwrap();
        let leaf = CertificateParams::new([name.to_owned()]).unwrap().self_signed(&key).unwrap();
        let own = Self::of(&authority("Somebody Else"), vec![leaf.der().clone()], &key);
        std::fs::write(own.ca_file(), leaf.pem()).unwrap();
        own
    }

    /// A certificate for `name` from an intermediate authority whose certificate the server does not send.
    pub(crate) fn without_intermediate(name: &str) -> Self {
        let root = authority("Letters Root");
        let mut params = CertificateParams::default();
        params.is_ca = IsCa::Ca(BasicConstraints::Constrained(0));
        params.distinguished_name.push(DnType::CommonName, "Letters Intermediate");
        let between = CertifiedIssuer::signed_by(params, KeyPair::generate().unwrap(), &root).unwrap();
        let key = KeyPair::generate().unwrap();
        let leaf = CertificateParams::new([name.to_owned()]).unwrap().signed_by(&key, &between).unwrap();
        Self::of(&root, vec![leaf.der().clone()], &key)
    }

    /// The authority's certificate, for `smtp.ca_file`.
    pub(crate) fn ca_file(&self) -> Utf8PathBuf {
        Utf8PathBuf::from_path_buf(self.folder.path().join("ca.pem")).unwrap()
    }

    pub(crate) fn server(&self) -> Arc<ServerConfig> {
        Arc::clone(&self.server)
    }

    fn with(name: &str, change: impl FnOnce(&mut CertificateParams)) -> Self {
        let authority = authority("Letters CA");
        let mut leaf = CertificateParams::new([name.to_owned()]).unwrap();
        change(&mut leaf);
        let key = KeyPair::generate().unwrap();
        let leaf = leaf.signed_by(&key, &authority).unwrap();
        Self::of(&authority, vec![leaf.der().clone()], &key)
    }

    fn of(
        trusted: &CertifiedIssuer<'static, KeyPair>,
        chain: Vec<CertificateDer<'static>>,
        key: &KeyPair,
    ) -> Self {
        let folder = tempfile::tempdir().unwrap();
        std::fs::write(folder.path().join("ca.pem"), trusted.pem()).unwrap();
        let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
        let server = ServerConfig::builder_with_provider(provider)
            .with_safe_default_protocol_versions()
            .unwrap()
            .with_no_client_auth()
            .with_single_cert(chain, PrivateKeyDer::try_from(key.serialize_der()).unwrap())
            .unwrap();
        Self { folder: Arc::new(folder), server: Arc::new(server) }
    }
}

fn authority(name: &str) -> CertifiedIssuer<'static, KeyPair> {
    let mut params = CertificateParams::default();
    params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
    params.distinguished_name.push(DnType::CommonName, name);
    CertifiedIssuer::self_signed(params, KeyPair::generate().unwrap()).unwrap()
}
