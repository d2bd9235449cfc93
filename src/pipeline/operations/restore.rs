//! Replacing the ledger with a backup: `backup restore`.
//!
//! Everything is checked before any file changes. The fence stays unchanged, so the next run sees that the ledger was
//! restored and requires `ledger adopt-restored` before it sends.

use std::{fs, io};

use camino::{Utf8Path, Utf8PathBuf};

use crate::config::Config;
use crate::durable::{self, Mode};
use crate::pipeline::session::context::RunContext;
use crate::pipeline::session::ledger_session::KEYS;
use crate::pipeline::session::run_error::RunError;
use crate::store::{
    Candidate, ExclusiveFile, Fence, FenceRecord, Holder, RunLock, StoreError, put_in_place, stage,
};
use crate::subscribers::token::TokenKeys;

/// What was restored.
#[derive(Debug)]
pub struct RestoredBackup {
    /// The path of the ledger.
    pub store: Utf8PathBuf,
    /// When the backup was made, if it contains that.
    pub copied: Option<String>,
    /// The path of the keys, if they were restored too.
    pub keys: Option<Utf8PathBuf>,
    /// The replaced files, under their new names.
    pub kept_as: Vec<Utf8PathBuf>,
}

/// The files of a site's ledger.
struct RestorePaths {
    store: Utf8PathBuf,
    keys: Utf8PathBuf,
    /// The suffix of the replaced files.
    suffix: String,
}

impl RestorePaths {
    fn aside(&self, file: &Utf8Path) -> Utf8PathBuf {
        Utf8PathBuf::from(format!("{file}{}", self.suffix))
    }
}

/// Replaces the ledger with the backup `file`, and renames the replaced files.
pub fn restore_backup(context: &RunContext, file: &Utf8Path) -> Result<RestoredBackup, RunError> {
    let config = &context.config;
    let places = restore_paths(context)?;
    if !file.is_file() {
        return Err(RunError::user(
            format!("{file} does not exist or is not a file"),
            "give a file created by `letterpress backup`",
        ));
    }
    if is_same(file, &places.store) {
        return Err(RunError::user(
            format!("{file} is the ledger itself"),
            "give the backup that should replace it",
        ));
    }
    let _lock = RunLock::take(&places.store)?;
    let _alone = ExclusiveFile::take(&places.store).map_err(|holders| in_use(&places.store, &holders))?;
    let staged = Utf8PathBuf::from(format!("{}.restoring", places.store));
    let found = stage(file, &staged, KEYS, context.clock.now()).map_err(|error| match error {
        StoreError::Unusable { .. } => {
            RunError::user(error.to_string(), "use another backup; the current ledger was not changed")
        }
        error => error.into(),
    })?;
    let put = checked_keys(file, &places, &found)
        .and_then(|keys| fits(config, file, &found).map(|()| keys))
        .and_then(|keys| exchange(&places, &staged, keys));
    if put.is_err() {
        let _ = fs::remove_file(&staged);
    }
    let (keys, aside) = put?;
    Ok(RestoredBackup { store: places.store, copied: found.copied, keys, kept_as: aside })
}

fn restore_paths(context: &RunContext) -> Result<RestorePaths, RunError> {
    let config = &context.config;
    let Some(store) = config.store.sqlite_path() else {
        return Err(RunError::user(
            "this ledger is a PostgreSQL database, not a file",
            "stop all programs that use it, restore the dump with `pg_restore --clean`, and run \
             `letterpress ledger adopt-restored --reason …`; docs/ledger.md has the details",
        ));
    };
    let (store, keys) = (config.resolve(store), config.resolve(&config.store.keys));
    let time = context.clock.now().format("%Y%m%dT%H%M%SZ").to_string();
    // Two restores within one second need different names.
    let is_free = |suffix: &String| {
        [&store, &keys].iter().all(|file| !Utf8PathBuf::from(format!("{file}{suffix}")).exists())
    };
    let suffix = std::iter::once(format!(".before-restore-{time}"))
        .chain((2..1_000).map(|nth| format!(".before-restore-{time}-{nth}")))
        .find(is_free)
        .unwrap_or_default();
    Ok(RestorePaths { store, keys, suffix })
}

pub(super) fn in_use(store: &Utf8Path, holders: &[Holder]) -> RunError {
    let named: Vec<String> = holders
        .iter()
        .map(|holder| match holder.command.as_str() {
            "" => format!("process {}", holder.process),
            command => format!("process {}: {command}", holder.process),
        })
        .collect();
    let who = if named.is_empty() { "another process".to_owned() } else { named.join("; ") };
    RunError::user(
        format!("{store} is in use ({who})"),
        "stop it first (`letterpress serve` ends with `kill PID` or `systemctl stop`), run this command again, and start it again",
    )
}

/// Refuses a backup of another ledger than the one of the fence.
fn fits(config: &Config, file: &Utf8Path, found: &Candidate) -> Result<(), RunError> {
    let fence = Fence::at(config.resolve(&config.store.fence));
    match fence.read()? {
        Some(FenceRecord { mark, .. }) if mark.instance != found.instance => Err(RunError::user(
            format!(
                "{file} is a backup of the ledger {}, but the ledger of this site is {} (fence: {})",
                found.instance,
                mark.instance,
                fence.path()
            ),
            "give a backup of this site; if the other ledger should replace that of this site, move the fence file away first",
        )),
        _ => Ok(()),
    }
}

/// The keys of the backup; `None` if they are already in place.
fn checked_keys(
    file: &Utf8Path,
    places: &RestorePaths,
    found: &Candidate,
) -> Result<Option<String>, RunError> {
    let Some(fingerprint) = &found.note else {
        return Err(RunError::user(
            format!("{file} contains no keys, so its ledger was empty"),
            "there is nothing to restore; start with `letterpress publish`",
        ));
    };
    let beside = Utf8PathBuf::from(format!("{file}.keys"));
    let fitting = |path: &Utf8Path| {
        fs::read_to_string(path)
            .ok()
            .filter(|text| TokenKeys::parse(text).is_ok_and(|keys| keys.fingerprint() == *fingerprint))
    };
    if fitting(&places.keys).is_some() {
        return Ok(None);
    }
    fitting(&beside).map(Some).ok_or_else(|| {
        RunError::user(
            format!("the keys of {file} are neither in {beside} nor in {}", places.keys),
            "put the key file of this backup beside it under that name; without the keys, links in emails already sent \
             would stop working",
        )
    })
}

type Exchanged = (Option<Utf8PathBuf>, Vec<Utf8PathBuf>);

fn exchange(places: &RestorePaths, staged: &Utf8Path, keys: Option<String>) -> Result<Exchanged, RunError> {
    let aside = places.aside(&places.store);
    let mut moved = Vec::new();
    let (old_keys, had_keys) = (places.aside(&places.keys), keys.is_some() && places.keys.exists());
    let there = put_in_place(staged, &places.store, &aside, || match &keys {
        Some(text) => replace_keys(&places.keys, &old_keys, text),
        None => Ok(()),
    })?;
    moved.extend(there.then_some(aside));
    moved.extend(had_keys.then_some(old_keys));
    Ok((keys.map(|_| places.keys.clone()), moved))
}

/// Keeps the replaced keys under another name, and replaces them atomically.
fn replace_keys(path: &Utf8Path, aside: &Utf8Path, text: &str) -> io::Result<()> {
    if path.exists() {
        fs::hard_link(path, aside).or_else(|_| fs::copy(path, aside).map(drop))?;
    }
    durable::replace(path, text.as_bytes(), Mode::Private)
}

fn is_same(one: &Utf8Path, other: &Utf8Path) -> bool {
    one.canonicalize_utf8().is_ok_and(|one| other.canonicalize_utf8().is_ok_and(|other| one == other))
}
