//! The errors of a store, how severe they are, and what helps.

use std::sync::Arc;

use crate::platform::KEEPS_LEDGERS;
use crate::text::clipped;

/// Fails on a system where the promises of the ledger do not hold. Whoever opens one asks first.
pub(crate) fn ensure_kept() -> Result<(), StoreError> {
    if KEEPS_LEDGERS {
        return Ok(());
    }
    Err(StoreError::Unsupported {
        what: "Windows keeps no ledger and sends no email: that nobody gets an email twice, and that keys are private, is \
               proved on Unix only",
        help: "do this in WSL or on a small Linux server; new, post, build, check, preview and import work here, see docs/windows.md",
    })
}

/// An error of the store. It is cheap to clone: all requests in a group commit get the same error.
#[derive(Debug, Clone, thiserror::Error)]
pub enum StoreError {
    /// The file is missing, but it existed before; a new one would mail the archive again.
    #[error(
        "the ledger {store} is missing, but {witness} still exists\n    help: restore it with `letterpress backup restore FILE`. If a \
         GitHub Action sends for this site, it has the ledger, and this machine needs none (docs/github-actions.md). A new ledger does \
         not know who received what, and everybody may get the newest post again: for one, set first_run = \"nothing\" in \
         [newsletter], and only then move {witness} away"
    )]
    DatabaseMissing {
        /// The store.
        store: String,
        /// Its keys, or its fence.
        witness: String,
    },
    /// It was made by a newer Letterpress.
    #[error(
        "{path} was written by a newer version of Letterpress (schema {found}; this version supports {known})\n    help: install the newer version"
    )]
    TooNew {
        /// The store.
        path: String,
        /// Its schema.
        found: i64,
        /// The newest schema known here.
        known: i64,
    },
    /// It does not have the guarantees that the ledger needs.
    #[error("{path} cannot be used as a ledger: {why}")]
    Unusable {
        /// The store.
        path: String,
        /// What is wrong with it.
        why: String,
    },
    /// Transactions that were on the disk can no longer be read.
    #[error(
        "the write-ahead log {log} is damaged: {what}; some of what was sent last, and the last unsubscribes, may be missing\n    \
         help: nothing was changed; restore the newest backup with `letterpress backup restore FILE`; without one, \
         `letterpress ledger adopt-restored --reason …` continues with what is left and mails nothing twice"
    )]
    DamagedLog {
        /// The log.
        log: String,
        /// What is missing.
        what: String,
    },
    /// The file was removed, replaced or overwritten while it was open.
    #[error(
        "the ledger {path} was replaced while it was in use: {what}\n    help: nothing more was written; after a restore, \
         accept the current file with `letterpress ledger adopt-restored --reason …`"
    )]
    Exchanged {
        /// The store.
        path: String,
        /// What happened to it.
        what: &'static str,
    },
    /// The database reported an error.
    #[error("database error while {doing}: {source}{}", .fault.hint())]
    Database {
        /// What was being done.
        doing: &'static str,
        /// How severe it is.
        fault: Fault,
        /// The error of the database.
        source: Arc<dyn std::error::Error + Send + Sync>,
    },
    /// The subscribers to import cannot be read.
    #[error("cannot read the list: {0}; nothing was imported\n    help: run the command again")]
    Unreadable(Arc<std::io::Error>),
    /// A stored value that Letterpress never writes.
    #[error("the database contains an invalid value: {}", clipped(.0))]
    CorruptData(String),
    /// The post has an issue already; a second one would mail everybody twice.
    #[error(
        "{0} was already mailed\n    help: `letterpress status recipients` lists the recipients; write a new post for new content"
    )]
    AlreadyIssued(String),
    /// Nobody would get it. An issue without an audience would count as mailed for ever.
    #[error("{0} has no recipients and is not mailed")]
    NoAudience(String),
    /// This database has its own tools for that.
    #[error("{what}\n    help: {help}")]
    Unsupported {
        /// What was asked for.
        what: &'static str,
        /// How it is done instead.
        help: &'static str,
    },
    /// A subscriber changed their preferences while the weekly digest was composed, and there is no email for the
    /// new ones.
    #[error(
        "preferences changed while the weekly digest was composed; nothing of it was sent\n    help: run the command again"
    )]
    PreferencesChanged,
    /// The frozen audience is not the counted audience.
    #[error(
        "the audience changed while the issue was frozen ({counted} subscribers counted, {frozen} frozen); nothing was sent"
    )]
    AudienceMismatch {
        /// Subscribers that were counted first.
        counted: u64,
        /// Rows inserted.
        frozen: u64,
    },
}

/// How severe an error of the database is, and what helps.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Fault {
    /// The disk is full.
    Full,
    /// Another process holds a lock.
    Busy,
    /// This user has no permission.
    PermissionDenied,
    /// The data is damaged.
    Damaged,
    /// The disk reported an error, and its content is no longer reliable.
    Io,
    /// The connection to the database was lost, or cannot be made.
    ConnectionLost,
    /// Another server took over; recent transactions may be lost.
    FailedOver,
    /// Anything else.
    Other,
}

impl Fault {
    const fn hint(self) -> &'static str {
        match self {
            Self::Full => {
                "\n    help: the disk is full; free some space and run the command again; no data is lost"
            }
            Self::Busy => "\n    help: another program has locked the database; run the command again",
            Self::PermissionDenied => {
                "\n    help: check the owner and the permissions of the file and its folder, or of the database tables"
            }
            Self::Damaged => {
                "\n    help: the ledger is damaged; restore it from a backup before anything is sent"
            }
            Self::Io => "\n    help: the disk reported an error; check it before anything is sent",
            Self::ConnectionLost => {
                "\n    help: check that the database is running and store.url is correct, then run the command again; no data is lost"
            }
            Self::FailedOver => {
                "\n    help: the database failed over to another server; run the command again, it reports unknown outcomes"
            }
            Self::Other => "",
        }
    }
}

impl StoreError {
    /// How severe it is, if it is an error of the database.
    pub(super) fn fault(&self) -> Option<Fault> {
        if let Self::Database { fault, .. } = self { Some(*fault) } else { None }
    }

    /// Whether waiting can help: a full disk, a lock or a lost connection may pass; damage does not.
    pub fn is_transient(&self) -> bool {
        matches!(
            self,
            Self::Database {
                fault: Fault::Full | Fault::Busy | Fault::ConnectionLost | Fault::FailedOver,
                ..
            }
        )
    }
}
