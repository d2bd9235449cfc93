//! Putting a backup back in the place of the ledger: `backup restore`.
//!
//! All that can be wrong is found out before anything is touched. The fence stays as it is: by it the next run knows that
//! the ledger was put back, and asks for `ledger adopt-restored` before it sends.

use std::fs;
use std::io;

use camino::{Utf8Path, Utf8PathBuf};

use super::office::KEYS;
use super::{RunError, World};
use crate::config::Config;
use crate::durable::{self, Mode};
use crate::store::{Alone, Candidate, Fence, Holder, RunLock, StoreError, put_in_place, stage};
use crate::subscribers::token::Keys;

/// What was put back.
#[derive(Debug)]
pub struct PutBack {
    /// Where the ledger stands.
    pub store: Utf8PathBuf,
    /// When the copy was made, if it says so.
    pub copied: Option<String>,
    /// Where the keys were put, if they were not there already.
    pub keys: Option<Utf8PathBuf>,
    /// What stood in their places before, under its new names.
    pub aside: Vec<Utf8PathBuf>,
}

/// The files of a site's ledger.
struct Places {
    store: Utf8PathBuf,
    keys: Utf8PathBuf,
    /// What is added to the name of each that is put aside.
    suffix: String,
}

impl Places {
    fn aside(&self, file: &Utf8Path) -> Utf8PathBuf {
        Utf8PathBuf::from(format!("{file}{}", self.suffix))
    }
}

/// Puts the backup `file` in the place of the ledger, and what stands there aside.
pub fn put_back(world: &World, file: &Utf8Path) -> Result<PutBack, RunError> {
    let config = &world.config;
    let places = places(world)?;
    if !file.is_file() {
        return Err(RunError::user(
            format!("there is no file {file}"),
            "name a file that `letterpress backup` made",
        ));
    }
    if is_same(file, &places.store) {
        return Err(RunError::user(
            format!("{file} is the ledger itself"),
            "name the copy that is to take its place",
        ));
    }
    let _lock = RunLock::take(&places.store)?;
    let _alone = Alone::take(&places.store).map_err(|holders| in_use(&places.store, &holders))?;
    let staged = Utf8PathBuf::from(format!("{}.restoring", places.store));
    let found = stage(file, &staged, KEYS, world.clock.now()).map_err(|error| match error {
        StoreError::Unfit { .. } => RunError::user(
            error.to_string(),
            "name another backup; the ledger that stands there was not touched",
        ),
        error => error.into(),
    })?;
    let put = checked_keys(file, &places, &found)
        .and_then(|keys| fits(config, file, &found).map(|()| keys))
        .and_then(|keys| exchange(&places, &staged, keys));
    if put.is_err() {
        let _ = fs::remove_file(&staged);
    }
    let (keys, aside) = put?;
    Ok(PutBack { store: places.store, copied: found.copied, keys, aside })
}

fn places(world: &World) -> Result<Places, RunError> {
    let config = &world.config;
    let Some(store) = config.store.sqlite_path() else {
        return Err(RunError::user(
            "this ledger is in PostgreSQL, and not a file that could be put back",
            "stop what uses it, put the dump back with `pg_restore --clean`, and run \
             `letterpress ledger adopt-restored --why …`; docs/ledger.md says it in full",
        ));
    };
    let (store, keys) = (config.resolve(store), config.resolve(&config.store.keys));
    let time = world.clock.now().format("%Y%m%dT%H%M%SZ").to_string();
    // Twice within a second, each gets a name of its own.
    let is_free = |suffix: &String| {
        [&store, &keys].iter().all(|file| !Utf8PathBuf::from(format!("{file}{suffix}")).exists())
    };
    let suffix = std::iter::once(format!(".before-restore-{time}"))
        .chain((2..1_000).map(|nth| format!(".before-restore-{time}-{nth}")))
        .find(is_free)
        .unwrap_or_default();
    Ok(Places { store, keys, suffix })
}

fn in_use(store: &Utf8Path, holders: &[Holder]) -> RunError {
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
        "stop it first (`letterpress serve` ends with `kill PID` or `systemctl stop`), restore, and start it again",
    )
}

/// The copy must be of the ledger that the fence knows.
fn fits(config: &Config, file: &Utf8Path, found: &Candidate) -> Result<(), RunError> {
    let fence = Fence::at(config.resolve(&config.store.fence));
    match fence.read()? {
        Some(mark) if mark.instance != found.instance => Err(RunError::user(
            format!(
                "{file} is the ledger {}, and this site's is {} (fence: {})",
                found.instance,
                mark.instance,
                fence.path()
            ),
            "name a backup of this site; only if this site's ledger is given up for the other, move the fence away first",
        )),
        _ => Ok(()),
    }
}

/// The keys that belong to the copy: `None` if they stand in their place already.
fn checked_keys(file: &Utf8Path, places: &Places, found: &Candidate) -> Result<Option<String>, RunError> {
    let Some(fingerprint) = &found.note else {
        return Err(RunError::user(
            format!("{file} was copied before its ledger had keys"),
            "there is nothing in it to put back; begin anew with `letterpress publish`",
        ));
    };
    let beside = Utf8PathBuf::from(format!("{file}.keys"));
    let fitting = |path: &Utf8Path| {
        fs::read_to_string(path)
            .ok()
            .filter(|text| Keys::parse(text).is_ok_and(|keys| keys.fingerprint() == *fingerprint))
    };
    if fitting(&places.keys).is_some() {
        return Ok(None);
    }
    fitting(&beside).map(Some).ok_or_else(|| {
        RunError::user(
            format!("the keys that belong to {file} are neither in {beside} nor in {}", places.keys),
            "put the file of keys that was made with this backup beside it, under that name: without them no link in a \
             letter that was sent would work",
        )
    })
}

type Exchanged = (Option<Utf8PathBuf>, Vec<Utf8PathBuf>);

fn exchange(places: &Places, staged: &Utf8Path, keys: Option<String>) -> Result<Exchanged, RunError> {
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

/// The keys that stood there keep a name; the new ones take their place whole.
fn replace_keys(path: &Utf8Path, aside: &Utf8Path, text: &str) -> io::Result<()> {
    if path.exists() {
        fs::hard_link(path, aside).or_else(|_| fs::copy(path, aside).map(drop))?;
    }
    durable::replace(path, text.as_bytes(), Mode::Private)
}

fn is_same(one: &Utf8Path, other: &Utf8Path) -> bool {
    one.canonicalize_utf8().is_ok_and(|one| other.canonicalize_utf8().is_ok_and(|other| one == other))
}
