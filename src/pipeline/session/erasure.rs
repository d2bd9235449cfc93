//! Removes erased data from the files of the ledger, also later if another process prevented it.

use super::ledger_session::LedgerSession;
use super::run_error::RunError;
use crate::config::Config;
use crate::store::StoreError;

impl LedgerSession {
    /// Removes erased data from the write-ahead log and the free parts of the file. Returns why that could not be done now,
    /// if it could not; then the next command that opens the ledger does it.
    pub(crate) async fn scrub(&self, config: &Config) -> Result<Option<&'static str>, StoreError> {
        // The whole file is written anew. A run would wait for that with messages in flight.
        if self.another_run(config) {
            return Ok(Some("a run is in progress"));
        }
        let is_scrubbed = self.store.scrub().await?;
        Ok((!is_scrubbed).then_some("another process is using the file"))
    }

    /// Finishes an erasure that was prevented. A failure does not fail the command: it has other work, and a later command
    /// tries again.
    pub(crate) async fn finish_erasures(&self, config: &Config) -> Result<(), RunError> {
        if !self.store.is_scrub_due().await? {
            return Ok(());
        }
        match self.scrub(config).await {
            Ok(None) => tracing::info!("an earlier erasure was finished"),
            Ok(Some(why)) => tracing::warn!(why, "an earlier erasure is not finished"),
            Err(error) => tracing::warn!(%error, "an earlier erasure is not finished"),
        }
        Ok(())
    }
}
