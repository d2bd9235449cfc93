//! The newsletter's office: the run lock, the ledger, and the keys that belong to it.
//!
//! Keys and ledger are made together and belong together: with other keys nobody who left would be recognised.

use std::io::Write;
use std::sync::Arc;

use camino::Utf8Path;

use super::RunError;
use crate::clock::Clock;
use crate::config::Config;
use crate::store::{RunLock, Store, open_sqlite};
use crate::subscribers::AddressKey;
use crate::subscribers::token::Keys;
use crate::text::hex;

/// The note in the store that names the keys it was made with.
const KEYS: &str = "keys";

/// An open office.
pub struct Office {
    /// The ledger and the readers.
    pub store: Arc<dyn Store>,
    /// What signs the tokens and names the readers.
    pub keys: Arc<Keys>,
    /// Held while this run may send; `None` for commands that only look or add.
    pub lock: Option<RunLock>,
}

impl Office {
    /// Opens the office for a run that may send: nobody else may.
    pub async fn open_to_send(config: &Config, clock: &dyn Clock) -> Result<Self, RunError> {
        let lock = RunLock::take(&path(config))?;
        let mut office = Self::open(config, clock).await?;
        office.lock = Some(lock);
        Ok(office)
    }

    /// Opens the office for a look, or to add and remove readers.
    pub async fn open(config: &Config, clock: &dyn Clock) -> Result<Self, RunError> {
        let keys = config.resolve(&config.store.keys);
        let instance = hex(&clock.random());
        let store = open_sqlite(&path(config), &keys, &instance)?;
        let keys = if let Some(fingerprint) = store.recall(KEYS).await? {
            kept(&keys, &fingerprint)?
        } else {
            let made = made(&keys, clock)?;
            store.remember(KEYS, &made.fingerprint()).await?;
            made
        };
        Ok(Self { store, keys: Arc::new(keys), lock: None })
    }

    /// Whether a run that may send is at work now, this one apart.
    pub fn another_run(&self, config: &Config) -> bool {
        self.lock.is_none() && RunLock::is_held(&path(config))
    }

    /// The key under which the store knows an address.
    pub fn key_of(&self, address: &crate::address::EmailAddress) -> AddressKey {
        AddressKey(self.keys.address_key(address))
    }
}

fn path(config: &Config) -> camino::Utf8PathBuf {
    config.resolve(config.store.sqlite_path().unwrap_or_default())
}

/// The keys that this store was made with.
fn kept(path: &Utf8Path, fingerprint: &str) -> Result<Keys, RunError> {
    let text = std::fs::read_to_string(path).map_err(|error| {
        RunError::user(
            format!("cannot read the keys at {path}: {error}"),
            "restore them from a backup: without them nobody who left would be recognised, so nothing is sent",
        )
    })?;
    let keys =
        Keys::parse(&text).map_err(|error| RunError::user(format!("{path}: {error}"), "nothing was sent"))?;
    if keys.fingerprint() == fingerprint {
        return Ok(keys);
    }
    Err(RunError::user(
        format!("{path} holds other keys than those that the store was made with"),
        "put the keys that belong to this store back; with these, readers who left would be mailed again",
    ))
}

/// New keys for a new store, or those that an interrupted first run left behind.
fn made(path: &Utf8Path, clock: &dyn Clock) -> Result<Keys, RunError> {
    if let Ok(text) = std::fs::read_to_string(path)
        && let Ok(keys) = Keys::parse(&text)
    {
        return Ok(keys);
    }
    let mut secret = [0; 32];
    secret[..16].copy_from_slice(&clock.random());
    secret[16..].copy_from_slice(&clock.random());
    let keys = Keys::generate(secret);
    // Whole or not at all, and never over somebody else's: a temporary file has mode 0600.
    let folder = path.parent().filter(|parent| !parent.as_str().is_empty()).unwrap_or(Utf8Path::new("."));
    let written = tempfile::NamedTempFile::new_in(folder).and_then(|mut temp| {
        temp.write_all(keys.to_text().as_bytes())?;
        temp.as_file().sync_all()?;
        temp.persist_noclobber(path).map(drop).map_err(|error| error.error)
    });
    match written {
        Ok(()) => Ok(keys),
        Err(error) if error.kind() == std::io::ErrorKind::AlreadyExists => made(path, clock),
        Err(error) => Err(RunError::io(format!("writing the keys to {path}"), error)),
    }
}
