//! What an operator does to the ledger: back up, restore, accept a restored copy, reconcile with the relay's log,
//! compact, report; and count readers from the logs of the web server.

pub(crate) mod accept_restored;
pub(crate) mod backup;
pub(crate) mod compact;
pub(crate) mod readership;
pub(crate) mod reconcile;
pub(crate) mod report;
pub(crate) mod restore;

pub use accept_restored::{AcceptedRestore, accept_restored};
pub use backup::{Backup, back_up};
pub(crate) use backup::{LastBackup, last_backup};
pub(crate) use compact::compact_some;
pub use compact::{Compacted, compact};
pub use readership::{KeptReaders, count_readers, kept_readers};
pub use reconcile::{Reconciled, RelayRecord, reconcile};
pub use report::{days_ago, make_report, report_csv, report_page};
pub use restore::{RestoredBackup, restore_backup};
