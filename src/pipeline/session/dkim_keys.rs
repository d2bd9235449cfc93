//! The DKIM keys: read from their files for a run, generated for `letterpress dkim new`.
//!
//! Keys are not frozen with an issue, because the ledger must not contain secrets.

use std::sync::Arc;

use aws_lc_rs::encoding::AsDer as _;
use aws_lc_rs::rsa::KeySize;
use aws_lc_rs::signature::{Ed25519KeyPair, RsaKeyPair};
use camino::Utf8Path;
use zeroize::Zeroizing;

use crate::config::{Config, Dkim};
use crate::durable::{self, Mode};
use crate::email::dkim::{Algorithm, Identity, Key, Signer, to_pem};
use crate::pipeline::session::run_error::RunError;
use crate::pipeline::session::transport::no_sender;

/// The signer of the emails; `None` if no key is configured.
pub(crate) fn signer(config: &Config) -> Result<Option<Arc<Signer>>, RunError> {
    let identities = identities(config)?;
    Ok((!identities.is_empty()).then(|| Arc::new(Signer::new(identities))))
}

/// The configured keys, each tested.
pub(crate) fn identities(config: &Config) -> Result<Vec<Identity>, RunError> {
    config.dkim.iter().map(|dkim| identity(config, dkim)).collect()
}

fn identity(config: &Config, dkim: &Dkim) -> Result<Identity, RunError> {
    let from = config.newsletter.from.as_ref().map(|from| from.address.domain());
    let path = config.resolve(&dkim.key_file);
    let text = std::fs::read_to_string(&path).map_err(|error| {
        RunError::user(
            format!("cannot read the DKIM key {path}: {error}"),
            "`letterpress dkim new` creates a key; or remove [dkim] from config.toml to send unsigned emails",
        )
    })?;
    let key = Key::from_pem(&Zeroizing::new(text)).map_err(|error| {
        RunError::user(
            format!("invalid DKIM key {path}: {error}"),
            "`letterpress dkim new` creates a new key; use another selector",
        )
    })?;
    let domain = dkim.signing_domain(from).ok_or_else(no_sender)?;
    Ok(Identity { domain, selector: dkim.selector.clone(), key })
}

/// Generates a key and writes it to `path`, readable only by this user and never over an existing file.
///
/// The library takes its randomness from the operating system; a `Clock` cannot generate an RSA key.
pub(crate) fn new_key(algorithm: Algorithm, path: &Utf8Path) -> Result<Key, RunError> {
    let failed =
        || RunError::io("generating a key", std::io::Error::other("the cryptographic library failed"));
    let pem = match algorithm {
        Algorithm::Rsa => {
            let pair = RsaKeyPair::generate(KeySize::Rsa2048).map_err(|_| failed())?;
            to_pem(pair.as_der().map_err(|_| failed())?.as_ref())
        }
        Algorithm::Ed25519 => {
            let pair = Ed25519KeyPair::generate().map_err(|_| failed())?;
            to_pem(pair.to_pkcs8v1().map_err(|_| failed())?.as_ref())
        }
    };
    let key = Key::from_pem(&pem).map_err(RunError::internal)?;
    match durable::create_new(path, pem.as_bytes(), Mode::Private) {
        Ok(()) => Ok(key),
        Err(error) if error.kind() == std::io::ErrorKind::AlreadyExists => Err(RunError::user(
            format!("{path} already exists, and a key is never overwritten"),
            "choose another file with --selector or --out; `letterpress dkim show` prints the records of the configured keys",
        )),
        Err(error) => Err(RunError::io(format!("writing the key to {path}"), error)),
    }
}
