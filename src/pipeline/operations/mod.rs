//! What an operator does to the ledger: back up, restore, accept a restored copy, reconcile with the relay's log.

pub(crate) mod accept_restored;
pub(crate) mod backup;
pub(crate) mod reconcile;
pub(crate) mod restore;

pub use accept_restored::{AcceptedRestore, accept_restored};
pub use backup::{Backup, back_up};
pub use reconcile::{Reconciled, RelayRecord, reconcile};
pub use restore::{RestoredBackup, restore_backup};
