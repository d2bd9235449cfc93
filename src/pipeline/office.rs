//! The newsletter's office: the run lock, the ledger, the keys that belong to it, and the fence that it may not be behind.
//!
//! Keys and ledger are made together and belong together: with other keys nobody who left would be recognised. Whoever
//! opens the office to send raises the ledger's epoch first, then the fence's, and only then may anything happen.

use std::io::Write;
use std::sync::Arc;

use camino::{Utf8Path, Utf8PathBuf};

use super::{RunError, way_out};
use crate::clock::Clock;
use crate::config::Config;
use crate::crash;
use crate::store::{
    Custody, Fence, Mark, Mismatch, PostgresAccess, RunLock, Store, StoreError, judge, open_postgres,
    open_sqlite,
};
use crate::subscribers::AddressKey;
use crate::subscribers::token::Keys;
use crate::text::hex;

/// The note in the store that names the keys it was made with.
pub(super) const KEYS: &str = "keys";

/// An open office.
pub struct Office {
    /// The ledger, the readers and the front desk.
    pub store: Arc<Store>,
    /// What signs the tokens and names the readers.
    pub keys: Arc<Keys>,
    /// How far the ledger has got, outside of it.
    pub fence: Fence,
    /// Held while this run alone may send; `None` for commands that only look or add, and where senders share a database.
    pub lock: Option<RunLock>,
    /// Whether the ledger is a database that other machines may send from too.
    is_shared: bool,
}

impl Office {
    /// Opens the office for a run that may send: nobody else may, unless the store is a database, and the ledger is the
    /// one that sent last.
    pub async fn open_to_send(config: &Config, clock: &dyn Clock) -> Result<Self, RunError> {
        let office = Self::open_alone(config, clock).await?;
        office.admit(config).await?;
        // A first fence is written before the first raise: a death between the two must not look like a lost fence.
        if office.fence.read()?.is_none() {
            office.fence.write(&office.store.custody().await?.mark)?;
        }
        office.raise().await?;
        Ok(office)
    }

    /// Opens the office while no run is at work, whatever the fence says.
    pub async fn open_alone(config: &Config, clock: &dyn Clock) -> Result<Self, RunError> {
        // Senders of several machines share a database; a file is sent from by one run at a time.
        let lock = match path(config) {
            Some(path) if !crash::run_lock_is_bypassed() => Some(RunLock::take(&path)?),
            _ => None,
        };
        let mut office = Self::open(config, clock).await?;
        office.lock = lock;
        office.store.pin();
        Ok(office)
    }

    /// Opens the office for a look, or to add and remove readers.
    pub async fn open(config: &Config, clock: &dyn Clock) -> Result<Self, RunError> {
        let keys = config.resolve(&config.store.keys);
        let fence = Fence::at(config.resolve(&config.store.fence));
        // Where the fence stands there was a ledger, also if its keys are gone with it.
        if let Some(path) = path(config).filter(|path| is_empty(path))
            && !keys.exists()
            && fence.path().exists()
        {
            let (store, witness) = (path.to_string(), fence.path().to_string());
            return Err(StoreError::Vanished { store, witness }.into());
        }
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
        Ok(Self { store, keys: Arc::new(keys), fence, lock: None, is_shared: path(config).is_none() })
    }

    /// Opens the office for a look at a ledger that must be there.
    pub async fn open_begun(config: &Config, clock: &dyn Clock) -> Result<Self, RunError> {
        demand_begun(config)?;
        Self::open(config, clock).await
    }

    /// Why this ledger may not send, if so.
    pub async fn mismatch(&self) -> Result<Option<Mismatch>, RunError> {
        self.guard().mismatch().await
    }

    /// What tells, at any time, whether this ledger may send.
    pub(super) fn guard(&self) -> FenceGuard {
        FenceGuard { store: Arc::clone(&self.store), fence: self.fence.clone(), is_shared: self.is_shared }
    }

    /// Goes on only if this ledger may send.
    pub async fn admit(&self, config: &Config) -> Result<(), RunError> {
        match self.mismatch().await? {
            None => Ok(()),
            Some(mismatch) => Err(RunError::user(self.barred(&mismatch, config), mismatch.help())),
        }
    }

    /// What bars this ledger, for people.
    pub fn barred(&self, mismatch: &Mismatch, config: &Config) -> String {
        format!("nothing is sent from {}: {mismatch} (fence: {})", shown(config), self.fence.path())
    }

    /// The ledger gets one epoch further, and then the fence.
    pub async fn raise(&self) -> Result<(), RunError> {
        let epoch = self.store.raise_epoch().await?;
        let mark = Mark { instance: self.store.instance().to_owned(), epoch };
        // Another sender on this machine may have got further meanwhile; a fence never goes back.
        let is_further = |fence: &Mark| fence.instance == mark.instance && fence.epoch >= epoch;
        if self.fence.read()?.as_ref().is_some_and(is_further) {
            return Ok(());
        }
        Ok(self.fence.write(&mark)?)
    }

    /// Whether a run that may send is at work now, this one apart.
    pub fn another_run(&self, config: &Config) -> bool {
        self.lock.is_none() && path(config).is_some_and(|path| RunLock::is_held(&path))
    }

    /// The key under which the store knows an address.
    pub fn key_of(&self, address: &crate::address::EmailAddress) -> AddressKey {
        AddressKey(self.keys.address_key(address))
    }
}

/// A ledger and its fence.
pub(super) struct FenceGuard {
    store: Arc<Store>,
    fence: Fence,
    is_shared: bool,
}

impl FenceGuard {
    /// Why the ledger may not send, if so.
    pub(super) async fn mismatch(&self) -> Result<Option<Mismatch>, RunError> {
        // In this order: where senders share a database, one of them may raise both between the two looks, and a fence
        // that is read later than the epoch would look as if the ledger had been put back.
        let fence = self.fence.read()?;
        let Custody { mark, copied } = self.store.custody().await?;
        let mismatch = judge(&mark, copied.as_deref(), fence.as_ref()).err();
        // A machine that begins to share a database has no fence yet; those that sent before have theirs.
        Ok(mismatch.filter(|mismatch| !(self.is_shared && matches!(mismatch, Mismatch::Unfenced(_)))))
    }
}

/// The ledger's file; `None` if it is a database.
fn path(config: &Config) -> Option<Utf8PathBuf> {
    config.store.sqlite_path().map(|path| config.resolve(path))
}

/// The ledger, for people.
pub(super) fn shown(config: &Config) -> String {
    path(config)
        .map(Utf8PathBuf::into_string)
        .or_else(|| config.store.postgres().map(|url| url.shown))
        .unwrap_or_default()
}

/// The file or the database, on a thread that may wait for it.
async fn open_store(
    config: &Config,
    keys: Utf8PathBuf,
    instance: String,
    chance: [u8; 16],
) -> Result<Arc<Store>, RunError> {
    let Some(url) = config.store.postgres() else {
        return Ok(open_sqlite(&path(config).unwrap_or_default(), &keys, &instance)?);
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

/// A look must not begin a ledger.
pub(super) fn demand_begun(config: &Config) -> Result<(), RunError> {
    let Some(path) = path(config) else { return Ok(()) };
    let witness = [&config.store.keys, &config.store.fence].map(|file| config.resolve(file));
    if !is_empty(&path) || witness.iter().any(|file| file.exists()) {
        return Ok(());
    }
    Err(RunError::user(
        format!("there is no ledger at {path} yet"),
        "the first `letterpress publish` begins one",
    ))
}

fn is_empty(path: &Utf8Path) -> bool {
    path.metadata().map_or(true, |meta| meta.len() == 0)
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
