//! A DKIM key: reads PEM, signs a hash, and gives the DNS record (RFC 6376, 3.6.1; RFC 8463).
//!
//! The private key never leaves this file: there is no `Display`, and `Debug` shows only the public key.

use std::fmt;

use aws_lc_rs::digest::Digest;
use aws_lc_rs::encoding::AsDer as _;
use aws_lc_rs::signature::{
    ED25519, Ed25519KeyPair, KeyPair as _, ParsedPublicKey, RSA_PKCS1_2048_8192_SHA256, RSA_PKCS1_SHA256,
    RsaKeyPair,
};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use zeroize::Zeroizing;

/// The largest PEM file that is read: an RSA key of 8,192 bits has 6,400 bytes.
const LONGEST: usize = 64 * 1024;

/// The signature algorithm.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Algorithm {
    /// `rsa-sha256`, which every receiver supports.
    Rsa,
    /// `ed25519-sha256` (RFC 8463). Not all receivers support it, so it is used next to an RSA signature.
    Ed25519,
}

impl Algorithm {
    /// The `a=` of a signature.
    pub(super) fn tag(self) -> &'static str {
        match self {
            Self::Rsa => "rsa-sha256",
            Self::Ed25519 => "ed25519-sha256",
        }
    }

    /// The `k=` of a record.
    pub(super) fn kind(self) -> &'static str {
        match self {
            Self::Rsa => "rsa",
            Self::Ed25519 => "ed25519",
        }
    }
}

/// Why a file contains no usable key.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum KeyError {
    /// There is no `-----BEGIN … PRIVATE KEY-----`.
    #[error("it holds no private key in PEM form (-----BEGIN PRIVATE KEY-----)")]
    NoPem,
    /// It is a public key.
    #[error("it holds the public key; the private one is needed to sign")]
    Public,
    /// It is encrypted with a passphrase.
    #[error("the key is encrypted; take the passphrase off with `openssl pkey -in FILE -out OTHER`")]
    Encrypted,
    /// The content between the markers is invalid.
    #[error("the text between BEGIN and END is not base64, or is truncated")]
    Damaged,
    /// An unsupported kind of key.
    #[error("it is neither an RSA nor an Ed25519 key ({0})")]
    Kind(&'static str),
    /// The key is too short; receivers no longer accept it.
    #[error("the RSA key has less than 2048 bits, and large receivers do not count such signatures")]
    Short,
    /// The key is too long for resolvers and receivers.
    #[error("the RSA key has more than 8192 bits, and no receiver takes such signatures")]
    Long,
    /// The public and the private key don't match.
    #[error("what it signs does not verify: the key is damaged")]
    Inconsistent,
}

/// The public key.
pub(super) struct PublicKey {
    pub(super) algorithm: Algorithm,
    pub(super) parsed: ParsedPublicKey,
}

impl PublicKey {
    pub(super) fn verifies(&self, hash: &Digest, signature: &[u8]) -> bool {
        let verified = match self.algorithm {
            Algorithm::Rsa => self.parsed.verify_digest_sig(hash, signature),
            // RFC 8463, 3: what Ed25519 signs is the hash, not the text.
            Algorithm::Ed25519 => self.parsed.verify_sig(hash.as_ref(), signature),
        };
        verified.is_ok()
    }
}

enum PrivateKey {
    Rsa(RsaKeyPair),
    Ed25519(Ed25519KeyPair),
}

/// A private key with its public key.
pub struct Key {
    private: PrivateKey,
    public: PublicKey,
    /// The `p=` of its record, not yet in base64.
    published: Vec<u8>,
}

impl fmt::Debug for Key {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Key({})", self.record())
    }
}

impl Key {
    /// Reads a key as `openssl genpkey` (PKCS#8) and `openssl genrsa -traditional` (PKCS#1) write it, and tests it.
    pub fn from_pem(text: &str) -> Result<Self, KeyError> {
        let (der, label) = unarmoured(text)?;
        let rejected = |why: aws_lc_rs::error::KeyRejected| match why.description_() {
            "TooSmall" => KeyError::Short,
            "TooLarge" => KeyError::Long,
            why => KeyError::Kind(why),
        };
        let private = match (label, Ed25519KeyPair::from_pkcs8(&der)) {
            (PemLabel::Pkcs1, _) => PrivateKey::Rsa(RsaKeyPair::from_der(&der).map_err(rejected)?),
            (PemLabel::Pkcs8, Ok(pair)) => PrivateKey::Ed25519(pair),
            (PemLabel::Pkcs8, Err(_)) => PrivateKey::Rsa(RsaKeyPair::from_pkcs8(&der).map_err(rejected)?),
        };
        Self::new(private)
    }

    fn new(private: PrivateKey) -> Result<Self, KeyError> {
        let damaged = |_| KeyError::Inconsistent;
        let (algorithm, published) = match &private {
            PrivateKey::Rsa(pair) => {
                let der = pair.public_key().as_der().map_err(|_| KeyError::Inconsistent)?;
                (Algorithm::Rsa, der.as_ref().to_vec())
            }
            PrivateKey::Ed25519(pair) => (Algorithm::Ed25519, pair.public_key().as_ref().to_vec()),
        };
        let parsed = match algorithm {
            Algorithm::Rsa => ParsedPublicKey::new(&RSA_PKCS1_2048_8192_SHA256, &published),
            Algorithm::Ed25519 => ParsedPublicKey::new(&ED25519, &published),
        };
        let public = PublicKey { algorithm, parsed: parsed.map_err(damaged)? };
        let key = Self { private, public, published };
        let trial = super::sha256(b"letterpress");
        match key.sign(&trial) {
            Some(signature) if key.public.verifies(&trial, &signature) => Ok(key),
            _ => Err(KeyError::Inconsistent),
        }
    }

    /// How it signs.
    pub fn algorithm(&self) -> Algorithm {
        self.public.algorithm
    }

    pub(super) fn public(&self) -> &PublicKey {
        &self.public
    }

    /// Signs a hash. Both PKCS#1 v1.5 and Ed25519 are deterministic.
    pub(super) fn sign(&self, hash: &Digest) -> Option<Vec<u8>> {
        match &self.private {
            PrivateKey::Rsa(pair) => {
                let mut signature = vec![0; pair.public_modulus_len()];
                pair.sign_digest(&RSA_PKCS1_SHA256, hash, &mut signature).ok().map(|()| signature)
            }
            PrivateKey::Ed25519(pair) => {
                pair.try_sign(hash.as_ref()).ok().map(|signature| signature.as_ref().to_vec())
            }
        }
    }

    /// The DNS record: `v=DKIM1; k=rsa; p=…`.
    pub fn record(&self) -> String {
        format!("v=DKIM1; k={}; p={}", self.algorithm().kind(), STANDARD.encode(&self.published))
    }
}

#[derive(Clone, Copy)]
enum PemLabel {
    Pkcs8,
    Pkcs1,
}

/// The first private key of a PEM text (RFC 7468).
fn unarmoured(text: &str) -> Result<(Zeroizing<Vec<u8>>, PemLabel), KeyError> {
    const BEGIN: &str = "-----BEGIN ";
    if text.len() > LONGEST {
        return Err(KeyError::NoPem);
    }
    let mut otherwise = KeyError::NoPem;
    for block in text.split(BEGIN).skip(1) {
        let Some((name, inside)) = block.split_once("-----") else { continue };
        let label = match name {
            "PRIVATE KEY" => PemLabel::Pkcs8,
            "RSA PRIVATE KEY" if inside.contains("ENCRYPTED") => return Err(KeyError::Encrypted),
            "RSA PRIVATE KEY" => PemLabel::Pkcs1,
            "ENCRYPTED PRIVATE KEY" => return Err(KeyError::Encrypted),
            "EC PRIVATE KEY" => return Err(KeyError::Kind("it is an elliptic curve of another kind")),
            "PUBLIC KEY" | "RSA PUBLIC KEY" => {
                otherwise = KeyError::Public;
                continue;
            }
            _ => continue,
        };
        let (inside, _) = inside.split_once("-----END").ok_or(KeyError::Damaged)?;
        let packed: Zeroizing<String> =
            Zeroizing::new(inside.chars().filter(|c| !c.is_ascii_whitespace()).collect());
        let der = STANDARD.decode(packed.as_bytes()).map_err(|_| KeyError::Damaged)?;
        return Ok((Zeroizing::new(der), label));
    }
    Err(otherwise)
}

/// A private key in PKCS#8 as PEM (RFC 7468), in lines of 64.
pub fn to_pem(pkcs8: &[u8]) -> Zeroizing<String> {
    let packed = Zeroizing::new(STANDARD.encode(pkcs8));
    let mut pem = Zeroizing::new(String::with_capacity(packed.len() * 66 / 64 + 64));
    pem.push_str("-----BEGIN PRIVATE KEY-----\n");
    let mut rest = packed.as_str();
    while !rest.is_empty() {
        let (line, tail) = rest.split_at(rest.len().min(64));
        pem.push_str(line);
        pem.push('\n');
        rest = tail;
    }
    pem.push_str("-----END PRIVATE KEY-----\n");
    pem
}
