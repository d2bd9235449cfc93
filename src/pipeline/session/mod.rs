//! What a run works with: its context, the ledger and its keys, the transport, the DKIM keys.

pub(crate) mod context;
pub(crate) mod credential;
pub(crate) mod dkim_keys;
mod erasure;
pub(crate) mod ledger_session;
pub(crate) mod mailbox;
pub(crate) mod run_error;
pub(crate) mod transport;

pub use context::RunContext;
pub(crate) use credential::{account, credential, token_error};
pub(crate) use dkim_keys::{identities, new_key};
pub use ledger_session::LedgerSession;
pub(crate) use mailbox::mailbox;
pub use run_error::RunError;
pub use transport::open_transport;
pub(crate) use transport::relay_transport;
pub(crate) use transport::{ensure_can_send, ensure_is_configured};
