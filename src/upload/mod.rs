//! Takes the public folder to where the site is served: uploads what changed into a bucket, or runs a program of the user.
//!
//! The folder stays the only truth. Nothing in it is changed here, and nothing is uploaded that Letterpress did not write.
//! `plan.rs` is pure; a [`Record`] says what is there, so that a run without changes asks nobody.

#[cfg(feature = "object-store")]
mod bucket;
mod command;
#[cfg(feature = "object-store")]
mod explain;
#[cfg(feature = "object-store")]
mod plan;
mod record;
mod scan;
mod site_file;
#[cfg(feature = "object-store")]
mod transfer;

#[cfg(feature = "object-store")]
pub(crate) use bucket::Service;
pub(crate) use command::SiteCommand;
pub(crate) use record::Record;
pub(crate) use scan::scan;
pub(crate) use site_file::{Role, SiteFile};
#[cfg(feature = "object-store")]
pub(crate) use transfer::Transfer;

use camino::Utf8PathBuf;

/// What an upload did.
#[derive(Debug, Default, PartialEq, Eq)]
pub struct Uploaded {
    /// Number of objects that were written.
    pub written: usize,
    /// Number of objects that were deleted.
    pub deleted: usize,
    /// Files that are gone from the site, and whose objects another program changed. They stay.
    pub left: Vec<Utf8PathBuf>,
}

/// Why an upload or a program failed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct UploadError {
    /// What happened, and where.
    pub(crate) what: String,
    /// What to do.
    pub(crate) help: String,
    /// Whether somebody must do something; otherwise the next run may succeed by itself.
    pub(crate) is_lasting: bool,
}

impl UploadError {
    pub(crate) fn lasting(what: impl Into<String>, help: impl Into<String>) -> Self {
        Self { what: what.into(), help: help.into(), is_lasting: true }
    }

    #[cfg(feature = "object-store")]
    pub(crate) fn passing(what: impl Into<String>, help: impl Into<String>) -> Self {
        Self { is_lasting: false, ..Self::lasting(what, help) }
    }
}
