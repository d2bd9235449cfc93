//! A certificate authority for one test, and a server certificate that it signed.

use std::sync::Arc;

use camino::Utf8PathBuf;
use rcgen::{BasicConstraints, CertificateParams, CertifiedIssuer, IsCa, KeyPair};
use rustls::ServerConfig;
use rustls::pki_types::PrivateKeyDer;

/// The authority's file and the server's side of TLS.
#[derive(Debug, Clone)]
pub(crate) struct Certificates {
    folder: Arc<tempfile::TempDir>,
    server: Arc<ServerConfig>,
}

impl Certificates {
    /// A certificate for `name`, valid now.
    pub(crate) fn for_name(name: &str) -> Self {
        Self::new(name, 4096)
    }

    /// A certificate for `name` that ended long ago.
    pub(crate) fn expired(name: &str) -> Self {
        Self::new(name, 2001)
    }

    /// The authority's certificate, for `smtp.ca_file`.
    pub(crate) fn ca_file(&self) -> Utf8PathBuf {
        Utf8PathBuf::from_path_buf(self.folder.path().join("ca.pem")).unwrap()
    }

    pub(super) fn server(&self) -> Arc<ServerConfig> {
        Arc::clone(&self.server)
    }

    fn new(name: &str, last_year: i32) -> Self {
        let mut authority = CertificateParams::default();
        authority.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        let authority = CertifiedIssuer::self_signed(authority, KeyPair::generate().unwrap()).unwrap();
        let mut leaf = CertificateParams::new([name.to_owned()]).unwrap();
        leaf.not_after = rcgen::date_time_ymd(last_year, 1, 1);
        let key = KeyPair::generate().unwrap();
        let leaf = leaf.signed_by(&key, &authority).unwrap();
        let folder = tempfile::tempdir().unwrap();
        std::fs::write(folder.path().join("ca.pem"), authority.pem()).unwrap();
        let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
        let server = ServerConfig::builder_with_provider(provider)
            .with_safe_default_protocol_versions()
            .unwrap()
            .with_no_client_auth()
            .with_single_cert(vec![leaf.der().clone()], PrivateKeyDer::try_from(key.serialize_der()).unwrap())
            .unwrap();
        Self { folder: Arc::new(folder), server: Arc::new(server) }
    }
}
