//! DMARC (RFC 9989): what a domain asks of receivers, which record counts, and which domains belong together.
//!
//! There is no list of public suffixes: the DNS tree walk finds the record and the organization.

mod checks;
mod record;
mod reports;
mod walk;

pub(super) use checks::check;
pub use record::{Alignment, DmarcRecord, Policy};
pub use walk::{TreeWalk, tree_walk};
