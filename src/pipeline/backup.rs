//! A copy of the ledger and its keys, made while runs may be at work: `backup`.

use camino::{Utf8Path, Utf8PathBuf};

use super::{Office, RunError, World};
use crate::durable::{self, Mode};

/// What was written.
#[derive(Debug)]
pub struct Backup {
    /// The copy of the database.
    pub store: Utf8PathBuf,
    /// The copy of the keys.
    pub keys: Utf8PathBuf,
}

/// Writes a copy of the database to `target` and of the keys beside it; never over anything that is there.
pub async fn back_up(world: &World, target: &Utf8Path) -> Result<Backup, RunError> {
    let office = Office::open_begun(&world.config, world.clock.as_ref()).await?;
    let keys = Utf8PathBuf::from(format!("{target}.keys"));
    for path in [target, &keys] {
        if path.symlink_metadata().is_ok() {
            return Err(RunError::user(
                format!("{path} is there already, and a backup is never overwritten"),
                "give it another name, such as one with the date",
            ));
        }
    }
    // The keys first: a copy of the database that has its name is never without them.
    copy_keys(world, &keys)?;
    let copied = office.store.backup(target, world.clock.now()).await;
    if let Err(error) = copied {
        let _ = std::fs::remove_file(&keys);
        return Err(error.into());
    }
    Ok(Backup { store: target.to_owned(), keys })
}

fn copy_keys(world: &World, target: &Utf8Path) -> Result<(), RunError> {
    let source = world.config.resolve(&world.config.store.keys);
    std::fs::read(&source)
        .and_then(|text| durable::create_new(target, &text, Mode::Private))
        .map_err(|error| RunError::io(format!("copying the keys to {target}"), error))
}
