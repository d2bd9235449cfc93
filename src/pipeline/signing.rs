//! The DKIM keys: read from their files for a run, drawn and written for `letterpress dkim new`.
//!
//! Keys are not frozen with a letter, because the ledger is no place for secrets; they travel beside the edition.

use std::sync::Arc;

use aws_lc_rs::encoding::AsDer as _;
use aws_lc_rs::rsa::KeySize;
use aws_lc_rs::signature::{Ed25519KeyPair, RsaKeyPair};
use camino::Utf8Path;
use zeroize::Zeroizing;

use super::RunError;
use super::way_out::no_sender;
use crate::config::{Config, Dkim};
use crate::durable::{self, Mode};
use crate::letters::dkim::{Algorithm, Identity, Key, Signer, to_pem};

/// What signs the letters; `None` if no key is configured.
pub(super) fn signer(config: &Config) -> Result<Option<Arc<Signer>>, RunError> {
    let identities = identities(config)?;
    Ok((!identities.is_empty()).then(|| Arc::new(Signer::new(identities))))
}

/// The configured keys, each tried out.
pub(crate) fn identities(config: &Config) -> Result<Vec<Identity>, RunError> {
    config.dkim.iter().map(|dkim| identity(config, dkim)).collect()
}

fn identity(config: &Config, dkim: &Dkim) -> Result<Identity, RunError> {
    let from = config.newsletter.from.as_ref().map(|from| from.address.domain());
    let path = config.resolve(&dkim.key_file);
    let text = std::fs::read_to_string(&path).map_err(|error| {
        RunError::user(
            format!("cannot read the DKIM key {path}: {error}"),
            "`letterpress dkim new` makes a key; or take [dkim] out of config.toml, and letters leave unsigned",
        )
    })?;
    let key = Key::from_pem(&Zeroizing::new(text)).map_err(|error| {
        RunError::user(
            format!("the DKIM key {path} cannot be used: {error}"),
            "`letterpress dkim new` makes a new one, with a selector of its own",
        )
    })?;
    let domain = dkim.signing_domain(from).ok_or_else(no_sender)?;
    Ok(Identity { domain, selector: dkim.selector.clone(), key })
}

/// Draws a key and writes it to `path`, for this user alone and never over another file.
///
/// The randomness is the operating system's, taken by the library itself: a `Clock` cannot draw an RSA key.
pub(crate) fn new_key(algorithm: Algorithm, path: &Utf8Path) -> Result<Key, RunError> {
    let failed = || RunError::io("drawing a key", std::io::Error::other("the library gave none"));
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
            format!("{path} is there already, and a key is never written over"),
            "name another with --selector or --out; `letterpress dkim show` prints the records of the configured keys",
        )),
        Err(error) => Err(RunError::io(format!("writing the key to {path}"), error)),
    }
}
