//! Backup: a copy of the file as of one moment, while others read and write it.
//!
//! The copy is made in a private folder beside the target, so that no other process reads it, and gets the target's
//! name when it is complete. It is one file without a write-ahead log, and is marked as a copy.

use std::io;
use std::sync::Arc;
use std::time::Duration;

use camino::Utf8Path;
use chrono::{DateTime, SecondsFormat, Utc};
use rusqlite::backup::{Backup, StepResult};
use rusqlite::{Connection, OpenFlags, TransactionBehavior};

use super::{Open, failed};
use crate::durable::{self, Mode, Partial};
use crate::store::sql::{epoch, meta};
use crate::store::{Fault, StoreError};

const DOING: &str = "writing the backup";

/// How many pages are copied in one step.
const STEP: i32 = 256;

/// Copies the database at `source` to the new file `target`.
pub(super) fn write(source: &str, target: &Utf8Path, copied: DateTime<Utc>) -> Result<(), StoreError> {
    let folder = durable::folder_of(target);
    let room = tempfile::Builder::new().prefix(".letterpress-backup").tempdir_in(folder).map_err(refused)?;
    let room =
        Utf8Path::from_path(room.path()).ok_or_else(|| refused(io::ErrorKind::InvalidFilename.into()))?;
    let partial = Partial::new_in(room, Mode::Private).map_err(refused)?;
    let mut copy = Connection::open(partial.path()).map_err(failed(DOING))?;
    fill(source, OpenFlags::SQLITE_OPEN_READ_WRITE, &mut copy)?;
    copy.pragma_update(None, "journal_mode", "DELETE").map_err(failed(DOING))?;
    mark(&mut copy, copied)?;
    let sound: String =
        copy.pragma_query_value(None, "quick_check", |row| row.get(0)).map_err(failed(DOING))?;
    if sound != "ok" {
        let why = format!("the backup is damaged ({sound}); check the disk");
        return Err(StoreError::Unusable { path: target.to_string(), why });
    }
    copy.close().map_err(|(_, error)| failed(DOING)(error))?;
    partial.sync().and_then(|staged| staged.create_new(target)).map_err(refused)
}

/// Marks the copy as a backup: it must not send before it is adopted.
pub(super) fn mark(copy: &mut Connection, copied: DateTime<Utc>) -> Result<(), StoreError> {
    let transaction =
        copy.transaction_with_behavior(TransactionBehavior::Immediate).map_err(failed(DOING))?;
    let mut open = Open { transaction, doing: DOING };
    meta::remember(&mut open, epoch::COPIED, &copied.to_rfc3339_opts(SecondsFormat::Secs, true))?;
    open.transaction.commit().map_err(failed(DOING))
}

/// Copies all pages as of one moment. Without the open read transaction each commit of a sender would restart the
/// copy. In WAL mode it does not block writers.
pub(super) fn fill(source: &str, access: OpenFlags, copy: &mut Connection) -> Result<(), StoreError> {
    let mut source = Connection::open_with_flags(source, access | OpenFlags::SQLITE_OPEN_NO_MUTEX)
        .map_err(failed(DOING))?;
    source.busy_timeout(Duration::from_secs(30)).map_err(failed(DOING))?;
    let moment = source.transaction().map_err(failed(DOING))?;
    moment.query_row("SELECT count(*) FROM meta", [], |_| Ok(())).map_err(failed(DOING))?;
    let backup = Backup::new(&moment, copy).map_err(failed(DOING))?;
    let mut patience = 600;
    loop {
        match backup.step(STEP).map_err(failed(DOING))? {
            StepResult::Done => return Ok(()),
            StepResult::More => {}
            _ if patience == 0 => return Err(refused(io::Error::from(io::ErrorKind::TimedOut))),
            _ => {
                patience -= 1;
                std::thread::sleep(Duration::from_millis(50));
            }
        }
    }
}

pub(super) fn refused(error: io::Error) -> StoreError {
    let fault = match error.kind() {
        io::ErrorKind::StorageFull => Fault::Full,
        io::ErrorKind::PermissionDenied | io::ErrorKind::ReadOnlyFilesystem => Fault::PermissionDenied,
        _ => Fault::Other,
    };
    StoreError::Database { doing: DOING, fault, source: Arc::new(error) }
}
