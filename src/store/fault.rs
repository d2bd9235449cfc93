//! The errors of a store, how severe they are, and what helps.

use std::sync::Arc;

/// An error of the store. It is cheap to clone: all requests in a group commit get the same error.
#[derive(Debug, Clone, thiserror::Error)]
pub enum StoreError {
    /// The file is missing, but there was one; a new one would mail the archive again.
    #[error(
        "{store} is missing, but {witness} says that there was one\n    help: put it back with `letterpress backup restore FILE`; only if you want \
         to start over, move {witness} away too"
    )]
    Vanished {
        /// The store.
        store: String,
        /// Its keys, or its fence.
        witness: String,
    },
    /// It was made by a newer Letterpress.
    #[error(
        "{path} was written by a newer Letterpress (schema {found}, this one knows {known})\n    help: install the newer one"
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
    Unfit {
        /// The store.
        path: String,
        /// What is wrong with it.
        why: String,
    },
    /// The file was removed, replaced or overwritten while it was open.
    #[error(
        "the ledger {path} was exchanged while it was in use: {what}\n    help: nothing more was written; after a restore \
         `letterpress ledger adopt-restored --why …` continues with the new file"
    )]
    Exchanged {
        /// The store.
        path: String,
        /// What happened to it.
        what: &'static str,
    },
    /// The database reported an error.
    #[error("the store failed while {doing}: {source}{}", .fault.hint())]
    Database {
        /// What was being done.
        doing: &'static str,
        /// How severe it is.
        fault: Fault,
        /// The error of the database.
        source: Arc<dyn std::error::Error + Send + Sync>,
    },
    /// A stored value that Letterpress does not write.
    #[error("the store contains {0}, which Letterpress never writes")]
    Nonsense(String),
    /// The post has an issue already; a second one would mail everybody twice.
    #[error(
        "{0} has been mailed already\n    help: `letterpress status who-got` says to whom; write a new post for new content"
    )]
    AlreadyIssued(String),
    /// The audience is empty: an issue without deliveries would count as mailed for ever.
    #[error("nobody would get {0}; it is not mailed")]
    NoAudience(String),
    /// This database has its own tools for that.
    #[error("{what}\n    help: {help}")]
    Elsewhere {
        /// What was asked for.
        what: &'static str,
        /// How it is done instead.
        help: &'static str,
    },
    /// A subscriber changed their preferences while the weekly digest was composed, and it was not composed for these.
    #[error(
        "preferences of subscribers changed while the weekly digest was composed; it was not sent\n    help: run the same command again"
    )]
    Unforeseen,
    /// The frozen audience is not the counted audience.
    #[error(
        "the audience changed while the issue was frozen ({counted} readers counted, {frozen} frozen); nothing was sent"
    )]
    Miscounted {
        /// Readers counted first.
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
    Barred,
    /// The data is damaged.
    Damaged,
    /// The disk reported an error, and its content is no longer reliable.
    Io,
    /// The connection to the database was lost, or cannot be made.
    Lost,
    /// Another server took over; recent transactions may be lost.
    Moved,
    /// Anything else.
    Other,
}

impl Fault {
    const fn hint(self) -> &'static str {
        match self {
            Self::Full => {
                "\n    help: the disk is full; make room and run the same command again, nothing is lost"
            }
            Self::Busy => "\n    help: another program holds what is needed; run the same command again",
            Self::Barred => {
                "\n    help: this user may not write there; look at the owner of the file and its folder, or of the database's tables"
            }
            Self::Damaged => {
                "\n    help: the ledger is damaged; restore it from a backup before anything is sent"
            }
            Self::Io => "\n    help: the disk reported an error; check it before anything is sent",
            Self::Lost => {
                "\n    help: is the database running, and is store.url right? run the same command again; nothing is lost"
            }
            Self::Moved => {
                "\n    help: another database server has taken over; run the same command again, it says what is in doubt"
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
    pub fn may_pass(&self) -> bool {
        matches!(self, Self::Database { fault: Fault::Full | Fault::Busy | Fault::Lost | Fault::Moved, .. })
    }
}
