//! Copies the ledger and its keys, also while a run is in progress: `backup`.

use std::fs::File;
use std::io::Write as _;

use camino::{Utf8Path, Utf8PathBuf};

use super::{Office, RunError, World};

/// The files that were written.
#[derive(Debug)]
pub struct Backup {
    /// The copy of the database.
    pub store: Utf8PathBuf,
    /// The copy of the keys.
    pub keys: Utf8PathBuf,
}

/// Copies the database to `target` and the keys to a file beside it; never overwrites a file.
pub async fn back_up(world: &World, target: &Utf8Path) -> Result<Backup, RunError> {
    let office = Office::open_begun(&world.config, world.clock.as_ref()).await?;
    let keys = Utf8PathBuf::from(format!("{target}.keys"));
    for path in [target, &keys] {
        if path.symlink_metadata().is_ok() {
            return Err(RunError::user(
                format!("{path} already exists, and a backup is never overwritten"),
                "choose another file name, for example with the date",
            ));
        }
    }
    // The keys first, so that there is never a copy of the database without its keys.
    copy_keys(world, &keys)?;
    let copied = office.store.backup(target, world.clock.now()).await;
    if let Err(error) = copied {
        let _ = std::fs::remove_file(&keys);
        return Err(error.into());
    }
    Ok(Backup { store: target.to_owned(), keys })
}

/// Copies through a temporary file: it has mode 0600, and gets its final name when it is complete.
fn copy_keys(world: &World, target: &Utf8Path) -> Result<(), RunError> {
    let source = world.config.resolve(&world.config.store.keys);
    let folder = target.parent().filter(|parent| !parent.as_str().is_empty()).unwrap_or(Utf8Path::new("."));
    std::fs::read(&source)
        .and_then(|text| {
            let mut temp = tempfile::NamedTempFile::new_in(folder)?;
            temp.write_all(&text)?;
            temp.as_file().sync_all()?;
            temp.persist_noclobber(target).map_err(|error| error.error)?;
            File::open(folder)?.sync_all()
        })
        .map_err(|error| RunError::io(format!("copying the keys to {target}"), error))
}
