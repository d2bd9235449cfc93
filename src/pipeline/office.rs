//! The newsletter's office: the run lock, the ledger, and the keys that belong to it.
//!
//! Keys and ledger are made together and belong together: with other keys nobody who left would be recognised.

use std::io::Write;
use std::sync::Arc;

use camino::{Utf8Path, Utf8PathBuf};

use super::{RunError, way_out};
use crate::clock::Clock;
use crate::config::Config;
use crate::crash;
use crate::store::{PostgresAccess, RunLock, Store, open_postgres, open_sqlite};
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
    /// Held while this run alone may send; `None` for commands that only look or add, and where senders share a database.
    pub lock: Option<RunLock>,
}

impl Office {
    /// Opens the office for a run that may send: nobody else may, unless the store is a database.
    pub async fn open_to_send(config: &Config, clock: &dyn Clock) -> Result<Self, RunError> {
        // Senders of several machines share a database; a file is sent from by one run at a time.
        let lock = match config.store.sqlite_path() {
            Some(path) if !crash::run_lock_is_bypassed() => Some(RunLock::take(&config.resolve(path))?),
            _ => None,
        };
        let mut office = Self::open(config, clock).await?;
        office.lock = lock;
        Ok(office)
    }

    /// Opens the office for a look, or to add and remove readers.
    pub async fn open(config: &Config, clock: &dyn Clock) -> Result<Self, RunError> {
        let keys = config.resolve(&config.store.keys);
        let instance = hex(&clock.random());
        let store = open_store(config, keys.clone(), instance, clock.random()).await?;
        let keys = if let Some(fingerprint) = store.recall(KEYS).await? {
            kept(&keys, &fingerprint)?
        } else {
            let made = made(&keys, clock)?;
            crash::point("keys-made");
            // Two machines may begin at once: the keys of one of them count.
            let fingerprint = store.remember_first(KEYS, &made.fingerprint()).await?;
            if fingerprint == made.fingerprint() { made } else { kept(&keys, &fingerprint)? }
        };
        Ok(Self { store, keys: Arc::new(keys), lock: None })
    }

    /// The key under which the store knows an address.
    pub fn key_of(&self, address: &crate::address::EmailAddress) -> AddressKey {
        AddressKey(self.keys.address_key(address))
    }
}

/// The file or the database, on a thread that may wait for it.
async fn open_store(
    config: &Config,
    keys: Utf8PathBuf,
    instance: String,
    chance: [u8; 16],
) -> Result<Arc<dyn Store>, RunError> {
    let Some(url) = config.store.postgres() else {
        return Ok(open_sqlite(
            &config.resolve(config.store.sqlite_path().unwrap_or_default()),
            &keys,
            &instance,
        )?);
    };
    let access = PostgresAccess {
        server: url.server,
        shown: url.shown,
        password: way_out::password(
            config,
            "store",
            (config.store.password_file.as_deref(), config.store.password_env.as_deref()),
        )?,
        encryption: url.encryption,
        root: url.root.map(|root| config.resolve(root)),
        window: config.store.failover_window.delta(),
        chance,
    };
    match tokio::task::spawn_blocking(move || open_postgres(access, &keys, &instance)).await {
        Ok(opened) => Ok(opened?),
        Err(panic) => std::panic::resume_unwind(panic.into_panic()),
    }
}

/// The keys that this store was made with.
fn kept(path: &Utf8Path, fingerprint: &str) -> Result<Keys, RunError> {
    let text = std::fs::read_to_string(path).map_err(|error| {
        RunError::user(
            format!("cannot read the keys at {path}: {error}"),
            "restore them from a backup, or copy them from the machine that began the ledger: without them nobody who left would be \
             recognised, so nothing is sent",
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
        crash::point("keys-staged");
        temp.persist_noclobber(path).map(drop).map_err(|error| error.error)
    });
    match written {
        Ok(()) => Ok(keys),
        Err(error) if error.kind() == std::io::ErrorKind::AlreadyExists => made(path, clock),
        Err(error) => Err(RunError::io(format!("writing the keys to {path}"), error)),
    }
}
