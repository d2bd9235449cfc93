//! The ledger session of a run: the run lock, the open ledger, its keys, and its fence.
//!
//! Keys and ledger are created together and belong together: with other keys, unsubscribed addresses would not be
//! recognised. A run that sends raises the epoch of the ledger first, then that of the fence, and only then sends.
//! The fence is a file outside the ledger; a ledger behind its fence was restored from a backup and must not send.

use std::sync::Arc;

use camino::{Utf8Path, Utf8PathBuf};

use crate::clock::Clock;
use crate::config::{Config, PostgresUrl};
use crate::crash;
use crate::durable::{self, Mode};
#[cfg(feature = "postgres")]
use crate::pipeline::session::credential;
use crate::pipeline::session::run_error::RunError;
use crate::store::{
    DeliveryView, Fence, FenceRecord, Mismatch, RunLock, Store, StoreError, StoreIdentity, compare,
    open_damaged_sqlite, open_sqlite, open_sqlite_for_reading,
};
#[cfg(feature = "postgres")]
use crate::store::{PostgresAccess, open_postgres};
use crate::subscribers::AddressKey;
use crate::subscribers::token::TokenKeys;
use crate::text::hex;

/// How a ledger in a file is opened.
type OpenFile = fn(&Utf8Path, &Utf8Path, &str) -> Result<Arc<Store>, StoreError>;

/// The database entry with the fingerprint of its keys.
pub(crate) const KEYS: &str = "keys";

/// An open ledger session.
pub struct LedgerSession {
    /// The ledger and the subscribers.
    pub store: Arc<Store>,
    /// The keys that sign tokens and hash addresses.
    pub keys: Arc<TokenKeys>,
    /// The epoch of the ledger, stored outside of it.
    pub fence: Fence,
    /// Held while only this run may send; `None` for commands that do not send, and if senders share a database.
    pub lock: Option<RunLock>,
    /// Whether the ledger is a database that other machines may use too.
    is_shared: bool,
}

impl LedgerSession {
    /// Opens a session for sending. Takes the run lock, unless senders share a database, and checks the fence.
    pub async fn open_for_sending(config: &Config, clock: &dyn Clock) -> Result<Self, RunError> {
        let session = Self::open_exclusive(config, clock).await?;
        session.check_fence(config).await?;
        // Write the first fence before raising the epoch: a crash between the two must not look like a lost fence.
        if session.fence.read()?.is_none() {
            session.fence.write(&session.fence_record().await?)?;
        }
        session.raise_epoch().await?;
        tracing::info!(ledger = shown(config), "session opened");
        Ok(session)
    }

    /// Opens a session while no run is in progress, without checking the fence.
    pub async fn open_exclusive(config: &Config, clock: &dyn Clock) -> Result<Self, RunError> {
        Self::open_locked(config, clock, open_sqlite).await
    }

    /// The same, for a ledger whose log is damaged: what is left of it is accepted.
    pub async fn open_damaged(config: &Config, clock: &dyn Clock) -> Result<Self, RunError> {
        Self::open_locked(config, clock, open_damaged_sqlite).await
    }

    async fn open_locked(config: &Config, clock: &dyn Clock, open: OpenFile) -> Result<Self, RunError> {
        // Several machines may send from a shared database; only one run at a time sends from a file.
        let lock = match path(config) {
            Some(path) if !crash::run_lock_is_bypassed() => Some(RunLock::take(&path)?),
            _ => None,
        };
        let mut session = Self::connect(config, clock, open).await?;
        session.lock = lock;
        session.store.pin();
        session.finish_erasures(config).await?;
        Ok(session)
    }

    /// Opens a session to read the ledger, or to change subscribers.
    pub async fn open(config: &Config, clock: &dyn Clock) -> Result<Self, RunError> {
        let session = Self::connect(config, clock, open_sqlite).await?;
        session.finish_erasures(config).await?;
        Ok(session)
    }

    /// Opens the ledger and reads its keys.
    async fn connect(config: &Config, clock: &dyn Clock, open: OpenFile) -> Result<Self, RunError> {
        let keys = config.resolve(&config.store.keys);
        let fence = Fence::at(config.resolve(&config.store.fence));
        // If the fence exists, there was a ledger, even if its keys are gone too.
        if let Some(path) = path(config).filter(|path| is_empty(path))
            && !keys.exists()
            && fence.path().exists()
        {
            let (store, witness) = (path.to_string(), fence.path().to_string());
            return Err(StoreError::DatabaseMissing { store, witness }.into());
        }
        let instance = hex(&clock.random());
        let store = open_store(config, keys.clone(), instance, clock.random(), open).await?;
        let keys = if let Some(fingerprint) = store.get_meta(KEYS).await? {
            load_keys(&keys, &fingerprint)?
        } else {
            let made = create_keys(&keys, clock)?;
            crash::point("keys-made");
            // Two machines may create keys at the same time: the first keys win.
            let fingerprint = store.set_meta_once(KEYS, &made.fingerprint()).await?;
            if fingerprint == made.fingerprint() { made } else { load_keys(&keys, &fingerprint)? }
        };
        Ok(Self { store, keys: Arc::new(keys), fence, lock: None, is_shared: path(config).is_none() })
    }

    /// Opens a session that only looks: what an erasure still has to remove is left to another command.
    pub(crate) async fn open_unchanged(config: &Config, clock: &dyn Clock) -> Result<Self, RunError> {
        ensure_initialised(config)?;
        Self::connect(config, clock, open_sqlite).await
    }

    /// Opens a session to read an existing ledger.
    pub async fn open_existing(config: &Config, clock: &dyn Clock) -> Result<Self, RunError> {
        ensure_initialised(config)?;
        Self::open(config, clock).await
    }

    /// Opens a session that writes nothing, beside whoever writes; `None` if there is no ledger. A database that other machines
    /// may use too is opened like by any command that reads.
    pub async fn open_for_reading(config: &Config, clock: &dyn Clock) -> Result<Option<Self>, RunError> {
        let Some(path) = path(config) else { return Self::open(config, clock).await.map(Some) };
        if is_empty(&path) {
            return Ok(None);
        }
        let store = open_sqlite_for_reading(&path)?;
        let keys = config.resolve(&config.store.keys);
        let Some(fingerprint) = store.get_meta(KEYS).await? else { return Ok(None) };
        let keys = Arc::new(load_keys(&keys, &fingerprint)?);
        let fence = Fence::at(config.resolve(&config.store.fence));
        Ok(Some(Self { store, keys, fence, lock: None, is_shared: false }))
    }

    /// Why nothing may be sent from this ledger.
    pub async fn mismatch(&self) -> Result<Option<Mismatch>, RunError> {
        self.guard().mismatch().await
    }

    /// A check that tells at any time whether this ledger may send.
    pub(crate) fn guard(&self) -> FenceGuard {
        FenceGuard { store: Arc::clone(&self.store), fence: self.fence.clone(), is_shared: self.is_shared }
    }

    /// Fails if this ledger may not send.
    pub async fn check_fence(&self, config: &Config) -> Result<(), RunError> {
        match self.mismatch().await? {
            None => Ok(()),
            Some(mismatch) => Err(RunError::user(self.refusal(&mismatch, config), mismatch.help())),
        }
    }

    /// The error message for a ledger that may not send.
    pub fn refusal(&self, mismatch: &Mismatch, config: &Config) -> String {
        format!("cannot send from {}: {mismatch} (fence: {})", shown(config), self.fence.path())
    }

    /// Raises the epoch of the ledger, and then that of the fence.
    pub async fn raise_epoch(&self) -> Result<(), RunError> {
        let epoch = self.store.raise_epoch().await?;
        tracing::debug!(epoch, "epoch raised");
        let record = self.fence_record().await?;
        // Another sender on this machine may have raised it further meanwhile; a fence is never lowered.
        let is_further = |fence: &FenceRecord| {
            fence.mark.instance == record.mark.instance && fence.mark.epoch >= record.mark.epoch
        };
        if self.fence.read()?.as_ref().is_some_and(is_further) {
            return Ok(());
        }
        self.fence.write(&record)?;
        if !self.is_shared {
            self.store.set_witness(self.fence.witness()?);
        }
        Ok(())
    }

    /// What the fence says if this ledger is the one that sends.
    pub(crate) async fn fence_record(&self) -> Result<FenceRecord, RunError> {
        Ok(FenceRecord { mark: self.store.identity().await?.epoch_mark, place: self.store.place().await? })
    }

    /// Whether another run that sends is in progress.
    pub fn another_run(&self, config: &Config) -> bool {
        self.lock.is_none() && path(config).is_some_and(|path| RunLock::is_held(&path))
    }

    /// The `Message-ID` of a delivery, without angle brackets; `None` if its address was erased.
    pub fn message_id(&self, view: &DeliveryView) -> Option<String> {
        let derived = || self.keys.message_id(&view.post, &view.address, &view.message_domain);
        view.message_id.clone().or_else(derived)
    }

    /// The key under which the database stores an address.
    pub fn key_of(&self, address: &crate::address::EmailAddress) -> AddressKey {
        AddressKey(self.keys.address_key(address))
    }
}

/// A ledger and its fence.
pub(crate) struct FenceGuard {
    store: Arc<Store>,
    fence: Fence,
    is_shared: bool,
}

impl FenceGuard {
    /// Why nothing may be sent from the ledger.
    pub(crate) async fn mismatch(&self) -> Result<Option<Mismatch>, RunError> {
        // Read the fence first. Another sender may raise both values between the two reads; a fence that is read after the
        // epoch would then look as if the ledger had been restored.
        let fence = self.fence.read()?;
        let StoreIdentity { epoch_mark: mark, copied } = self.store.identity().await?;
        let here = self.store.place().await?;
        let mismatch = compare(&mark, copied.as_deref(), here.as_deref(), fence.as_ref()).err();
        // A machine that is new to a shared database has no fence yet.
        Ok(mismatch.filter(|mismatch| !(self.is_shared && matches!(mismatch, Mismatch::Unfenced(_)))))
    }
}

/// The ledger's file; `None` if it is a database.
fn path(config: &Config) -> Option<Utf8PathBuf> {
    config.store.sqlite_path().map(|path| config.resolve(path))
}

/// The name of the ledger for messages.
pub(crate) fn shown(config: &Config) -> String {
    path(config)
        .map(Utf8PathBuf::into_string)
        .or_else(|| config.store.postgres().map(|url| url.shown))
        .unwrap_or_default()
}

/// Opens the file or the database; on a blocking thread, because connecting can take a while.
async fn open_store(
    config: &Config,
    keys: Utf8PathBuf,
    instance: String,
    chance: [u8; 16],
    open: OpenFile,
) -> Result<Arc<Store>, RunError> {
    match config.store.postgres() {
        None => Ok(open(&path(config).unwrap_or_default(), &keys, &instance)?),
        Some(url) => connect(config, url, keys, instance, chance).await,
    }
}

/// The configuration with `store.url` was refused.
#[cfg(not(feature = "postgres"))]
async fn connect(
    _: &Config,
    _: PostgresUrl,
    _: Utf8PathBuf,
    _: String,
    _: [u8; 16],
) -> Result<Arc<Store>, RunError> {
    Err(RunError::user("this program was built without PostgreSQL", "use an SQLite file"))
}

#[cfg(feature = "postgres")]
async fn connect(
    config: &Config,
    url: PostgresUrl,
    keys: Utf8PathBuf,
    instance: String,
    chance: [u8; 16],
) -> Result<Arc<Store>, RunError> {
    let access = PostgresAccess {
        server: url.server,
        shown: url.shown,
        password: credential::password(
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

/// Fails if there is no ledger: a command that only reads must not create one.
pub(crate) fn ensure_initialised(config: &Config) -> Result<(), RunError> {
    let Some(path) = path(config) else { return Ok(()) };
    let witness = [&config.store.keys, &config.store.fence].map(|file| config.resolve(file));
    if !is_empty(&path) || witness.iter().any(|file| file.exists()) {
        return Ok(());
    }
    Err(RunError::user(
        format!("there is no ledger at {path} yet"),
        "the first `letterpress publish` creates it",
    ))
}

fn is_empty(path: &Utf8Path) -> bool {
    path.metadata().map_or(true, |meta| meta.len() == 0)
}

/// Reads the keys that the database was created with.
fn load_keys(path: &Utf8Path, fingerprint: &str) -> Result<TokenKeys, RunError> {
    let text = std::fs::read_to_string(path).map_err(|error| {
        RunError::user(
            format!("cannot read the keys at {path}: {error}"),
            "restore them from a backup, or copy them from the machine that created the ledger; without them, unsubscribed \
             addresses cannot be recognised, so nothing is sent",
        )
    })?;
    let keys = TokenKeys::parse(&text).map_err(|error| {
        RunError::user(format!("{path}: {error}"), "restore the file from a backup; nothing was sent")
    })?;
    if keys.fingerprint() == fingerprint {
        return Ok(keys);
    }
    Err(RunError::user(
        format!("{path} contains other keys than those that the ledger was created with"),
        "restore the keys of this ledger; with other keys, unsubscribed subscribers would be mailed again",
    ))
}

/// Creates keys for a new ledger, or reads those of an interrupted first run.
fn create_keys(path: &Utf8Path, clock: &dyn Clock) -> Result<TokenKeys, RunError> {
    if let Ok(text) = std::fs::read_to_string(path)
        && let Ok(keys) = TokenKeys::parse(&text)
    {
        return Ok(keys);
    }
    let mut secret = [0; 32];
    secret[..16].copy_from_slice(&clock.random());
    secret[16..].copy_from_slice(&clock.random());
    let keys = TokenKeys::generate(secret);
    let written = durable::stage(path, keys.to_text().as_bytes(), Mode::Private).and_then(|staged| {
        crash::point("keys-staged");
        staged.create_new(path)
    });
    match written {
        Ok(()) => Ok(keys),
        Err(error) if error.kind() == std::io::ErrorKind::AlreadyExists => create_keys(path, clock),
        Err(error) => Err(RunError::io(format!("writing the keys to {path}"), error)),
    }
}
