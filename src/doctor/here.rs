//! This machine: its clock, its disk, the files of the site, what starts the runs, and the ledger. Reads only.

mod backups;
mod clock;
mod disk;
mod ledger;
mod permissions;
mod schedule;

pub(super) use clock::check as clock;
pub(super) use disk::Sample;
pub(super) use disk::check as disk;
pub(super) use ledger::{Opened, check as ledger, open as open_ledger};
pub(super) use permissions::folders;
pub(crate) use permissions::secrets;
pub(super) use schedule::check as schedule;

pub(super) use backups::check as backups;
