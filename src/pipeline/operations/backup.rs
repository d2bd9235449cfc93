//! Copies the ledger and its keys, also while a run is in progress: `backup`.

use camino::{Utf8Path, Utf8PathBuf};
use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};

use crate::config::Config;
use crate::durable::{self, Mode};
use crate::pipeline::session::context::RunContext;
use crate::pipeline::session::ledger_session::LedgerSession;
use crate::pipeline::session::run_error::RunError;
use crate::text::shell_quoted;

/// The files that were written.
#[derive(Debug)]
pub struct Backup {
    /// The copy of the database.
    pub store: Utf8PathBuf,
    /// The copy of the keys.
    pub keys: Utf8PathBuf,
}

/// Copies the database to `target` and the keys to a file beside it; never overwrites a file.
pub async fn back_up(context: &RunContext, target: &Utf8Path) -> Result<Backup, RunError> {
    let session = LedgerSession::open_existing(&context.config, context.clock.as_ref()).await?;
    let keys = Utf8PathBuf::from(format!("{target}.keys"));
    for path in [target, &keys] {
        if path.symlink_metadata().is_ok() {
            return Err(RunError::user(
                format!("{path} already exists, and a backup is never overwritten"),
                "choose another file name, for example with the date",
            ));
        }
    }
    let folder = durable::folder_of(target);
    if !folder.is_dir() {
        return Err(RunError::user(
            format!("{folder} is not a folder, so {target} cannot be written"),
            format!("mkdir -p {}", shell_quoted(folder.as_str())),
        ));
    }
    // The keys first, so that there is never a copy of the database without its keys.
    copy_keys(context, &keys)?;
    let copied = session.store.backup(target, context.clock.now()).await;
    if let Err(error) = copied {
        let _ = std::fs::remove_file(&keys);
        return Err(error.into());
    }
    remember(context, target);
    Ok(Backup { store: target.to_owned(), keys })
}

/// When `letterpress backup` was last used, and the file that it wrote.
#[derive(Debug, Serialize, Deserialize)]
pub(crate) struct LastBackup {
    pub(crate) at: DateTime<Utc>,
    pub(crate) file: Utf8PathBuf,
}

/// The last backup, for `letterpress doctor`; `None` if there was none on this machine.
pub(crate) fn last_backup(config: &Config) -> Option<LastBackup> {
    serde_json::from_slice(&std::fs::read(config.resolve(NOTE)).ok()?).ok()
}

/// Where the last backup is noted; not in the ledger, which a restored one would not know.
const NOTE: &str = ".letterpress/backup.json";

/// A note that cannot be written does not spoil the backup.
fn remember(context: &RunContext, target: &Utf8Path) {
    let file = target.canonicalize_utf8().unwrap_or_else(|_| target.to_owned());
    let path = context.config.resolve(NOTE);
    let folder = path.parent().map(std::fs::create_dir_all);
    let note = serde_json::to_vec(&LastBackup { at: context.clock.now(), file });
    if let (Some(Ok(())), Ok(note)) = (folder, note) {
        let _ = durable::replace(&path, &note, Mode::Private);
    }
}

fn copy_keys(context: &RunContext, target: &Utf8Path) -> Result<(), RunError> {
    let source = context.config.resolve(&context.config.store.keys);
    std::fs::read(&source)
        .and_then(|text| durable::create_new(target, &text, Mode::Private))
        .map_err(|error| RunError::io(format!("copying the keys to {target}"), error))
}
