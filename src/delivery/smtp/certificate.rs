//! Why a certificate was rejected: the verifier's error, and facts from the chain that the server sent.
//!
//! Nothing is decided here: rustls has already verified and rejected the certificate.

use std::fmt;
use std::sync::Arc;

use chrono::{DateTime, Utc};
use rustls::client::WebPkiServerVerifier;
use rustls::client::danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier};
use rustls::pki_types::{CertificateDer, ServerName, UnixTime};
use rustls::{CertificateError, DigitallySignedStruct, OtherError, SignatureScheme};

use crate::net::certificate::{self, element};

/// A certificate that was rejected.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct BadCertificate {
    /// What is wrong with it.
    pub problem: CertificateProblem,
    /// The error of the TLS library.
    pub detail: String,
}

/// What can be wrong with a certificate.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum CertificateProblem {
    /// It has expired.
    Expired {
        /// When.
        not_after: DateTime<Utc>,
        /// The clock of this machine.
        now: DateTime<Utc>,
    },
    /// It is not valid yet.
    NotYet {
        /// When it becomes valid.
        not_before: DateTime<Utc>,
        /// The clock of this machine.
        now: DateTime<Utc>,
    },
    /// It is for other names.
    OtherName(Vec<String>),
    /// No trusted authority has signed it.
    UnknownIssuer(Chain),
    /// A self-signed certificate with CA:TRUE, as `openssl req -x509` makes them.
    AuthorityAsServer,
    /// Anything else.
    Other,
}

/// Facts about a chain with an unknown issuer.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Chain {
    /// How many certificates the server sent.
    pub sent: usize,
    /// Whether the first one is self-signed.
    pub is_self_signed: bool,
    /// The issuer of the last one.
    pub issuer: String,
    /// Whether the first one contains the URL of its issuer's certificate, as those of public authorities do.
    pub is_public: bool,
}

impl fmt::Display for BadCertificate {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.detail)
    }
}

/// Verifies as rustls does, and keeps facts about a rejected chain that help to fix it.
#[derive(Debug)]
pub(super) struct Verifier(pub(super) Arc<WebPkiServerVerifier>);

/// The verifier's error and the chain that it was about.
#[derive(Debug)]
struct Refused {
    error: CertificateError,
    chain: Chain,
}

impl fmt::Display for Refused {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.error.fmt(f)
    }
}

impl std::error::Error for Refused {}

impl ServerCertVerifier for Verifier {
    fn verify_server_cert(
        &self,
        end_entity: &CertificateDer<'_>,
        intermediates: &[CertificateDer<'_>],
        name: &ServerName<'_>,
        ocsp_response: &[u8],
        now: UnixTime,
    ) -> Result<ServerCertVerified, rustls::Error> {
        match self.0.verify_server_cert(end_entity, intermediates, name, ocsp_response, now) {
            Err(rustls::Error::InvalidCertificate(
                error @ (CertificateError::UnknownIssuer
                | CertificateError::BadSignature
                | CertificateError::Other(_)),
            )) => {
                let refused = Refused { error, chain: Chain::of(end_entity, intermediates) };
                Err(CertificateError::Other(OtherError(Arc::new(refused))).into())
            }
            verified => verified,
        }
    }

    fn verify_tls12_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signature: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        self.0.verify_tls12_signature(message, certificate, signature)
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signature: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        self.0.verify_tls13_signature(message, certificate, signature)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.0.supported_verify_schemes()
    }
}

impl BadCertificate {
    /// Converts the error of rustls.
    pub(super) fn new(error: &CertificateError) -> Self {
        let refused = match error {
            CertificateError::Other(OtherError(inner)) => inner.downcast_ref::<Refused>(),
            _ => None,
        };
        let error = refused.map_or(error, |refused| &refused.error);
        let why = match error {
            CertificateError::ExpiredContext { time, not_after } => {
                CertificateProblem::Expired { not_after: date(*not_after), now: date(*time) }
            }
            CertificateError::NotValidYetContext { time, not_before } => {
                CertificateProblem::NotYet { not_before: date(*not_before), now: date(*time) }
            }
            CertificateError::NotValidForNameContext { presented, .. } => CertificateProblem::OtherName(
                presented.iter().map(|name| bare_name(name).to_owned()).collect(),
            ),
            CertificateError::NotValidForName => CertificateProblem::OtherName(Vec::new()),
            CertificateError::UnknownIssuer => CertificateProblem::UnknownIssuer(
                refused.map(|refused| refused.chain.clone()).unwrap_or_default(),
            ),
            // It names itself, or an authority of the same name, as its issuer.
            CertificateError::BadSignature if refused.is_some_and(|refused| refused.chain.is_self_signed) => {
                CertificateProblem::UnknownIssuer(
                    refused.map(|refused| refused.chain.clone()).unwrap_or_default(),
                )
            }
            other if format!("{other:?}").contains("CaUsedAsEndEntity") => {
                CertificateProblem::AuthorityAsServer
            }
            _ => CertificateProblem::Other,
        };
        Self { problem: why, detail: rustls::Error::InvalidCertificate(error.clone()).to_string() }
    }
}

fn date(time: UnixTime) -> DateTime<Utc> {
    let seconds = i64::try_from(time.as_secs()).unwrap_or(i64::MAX);
    DateTime::from_timestamp(seconds, 0).unwrap_or(DateTime::<Utc>::MAX_UTC)
}

/// `mail.example.com` from `DnsName("mail.example.com")`, the verifier's notation.
fn bare_name(presented: &str) -> &str {
    let inner = presented.split_once('(').map_or(presented, |(_, inner)| inner.trim_end_matches(')'));
    inner.trim_matches('"')
}

impl Chain {
    fn of(first: &CertificateDer<'_>, more: &[CertificateDer<'_>]) -> Self {
        /// id-ad-caIssuers (RFC 5280, 4.2.2.1): the URL of the issuer's certificate.
        const CA_ISSUERS: &[u8] = &[0x2b, 6, 1, 5, 5, 7, 0x30, 2];
        let names = certificate::names(first);
        Self {
            sent: 1 + more.len(),
            is_self_signed: names.is_some_and(|(issuer, subject)| issuer == subject),
            issuer: certificate::names(more.last().unwrap_or(first))
                .and_then(|(issuer, _)| common_name(issuer))
                .unwrap_or_default(),
            is_public: memchr::memmem::find(first, CA_ISSUERS).is_some(),
        }
    }
}

/// The common name in a distinguished name, or otherwise the organisation.
fn common_name(mut name: &[u8]) -> Option<String> {
    const COMMON_NAME: &[u8] = &[0x55, 4, 3];
    const ORGANISATION: &[u8] = &[0x55, 4, 10];
    let (mut common, mut organisation) = (None, None);
    while let Some((_, set, rest)) = element(name) {
        name = rest;
        let Some((_, pair, _)) = element(set) else { continue };
        let Some((_, kind, value)) = element(pair) else { continue };
        let Some((_, text, _)) = element(value) else { continue };
        let text = || {
            let text = String::from_utf8_lossy(&text[..text.len().min(100)]);
            text.chars().filter(|character| !character.is_control()).collect::<String>()
        };
        match kind {
            COMMON_NAME => common = Some(text()),
            ORGANISATION => organisation = Some(text()),
            _ => {}
        }
    }
    common.or(organisation)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use rcgen::{BasicConstraints, CertificateParams, CertifiedIssuer, DnType, IsCa, KeyPair};

    use super::*;

    fn authority(name: &str) -> CertifiedIssuer<'static, KeyPair> {
        let mut params = CertificateParams::default();
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        params.distinguished_name.push(DnType::CommonName, name);
        CertifiedIssuer::self_signed(params, KeyPair::generate().unwrap()).unwrap()
    }

    #[test]
    fn a_chain_names_its_issuer_and_whether_it_is_self_signed() {
        let root = authority("우리 집 CA");
        let leaf = CertificateParams::new(["mail.example.com".to_owned()]).unwrap();
        let key = KeyPair::generate().unwrap();
        let signed = leaf.clone().signed_by(&key, &root).unwrap();
        let chain = Chain::of(signed.der(), &[]);
        assert_eq!((chain.sent, chain.is_self_signed, chain.is_public), (1, false, false));
        assert_eq!(chain.issuer, "우리 집 CA");
        let alone = leaf.self_signed(&key).unwrap();
        assert!(Chain::of(alone.der(), &[]).is_self_signed);
    }

    #[test]
    fn a_self_signed_certificate_whose_signature_fits_no_authority_is_called_self_signed() {
        let leaf = CertificateParams::new(["mail.example.com".to_owned()]).unwrap();
        let key = KeyPair::generate().unwrap();
        let root = authority("CA");
        let problem = |certificate: &CertificateDer<'_>| {
            let refused =
                Refused { error: CertificateError::BadSignature, chain: Chain::of(certificate, &[]) };
            BadCertificate::new(&CertificateError::Other(OtherError(Arc::new(refused)))).problem
        };
        let alone = leaf.clone().self_signed(&key).unwrap();
        let CertificateProblem::UnknownIssuer(chain) = problem(alone.der()) else { panic!() };
        assert!(chain.is_self_signed);
        assert_eq!(problem(leaf.signed_by(&key, &root).unwrap().der()), CertificateProblem::Other);
    }

    #[test]
    fn names_are_shown_without_their_type() {
        for (presented, bare) in
            [("DnsName(\"a.example\")", "a.example"), ("IpAddress(127.0.0.1)", "127.0.0.1"), ("b", "b")]
        {
            assert_eq!(bare_name(presented), bare);
        }
    }

    proptest! {
        #[test]
        fn arbitrary_bytes_instead_of_a_certificate_do_not_panic(bytes in prop::collection::vec(any::<u8>(), 0..200)) {
            let certificate = CertificateDer::from(bytes.as_slice());
            let chain = Chain::of(&certificate, &[]);
            prop_assert!(chain.sent == 1 && !chain.issuer.chars().any(char::is_control));
        }
    }
}
