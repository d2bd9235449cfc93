//! `letterpress check --live`: log in to the configured mail servers. Sends and reads no email.

use std::sync::Arc;

use crate::clock::Clock;
use crate::config::Config;
use crate::finding::Finding;
use crate::pipeline::session::{RunError, mailbox};
use crate::pipeline::status::{try_mailbox, try_relay};

/// Reports problems with the relay of `[smtp]` and the mailbox of `[inbox]`.
pub(super) async fn log_in(
    config: &Config,
    clock: &Arc<dyn Clock>,
    findings: &mut Vec<Finding>,
) -> Result<(), RunError> {
    // Errors in the configuration itself are reported elsewhere, without a connection.
    if let Ok(Some(explained)) = try_relay(config, clock).await {
        findings.push(explained.finding);
    }
    if config.inbox.is_none() {
        return Ok(());
    }
    let explained = try_mailbox(config, &mailbox(config, clock)?).await;
    findings.extend(explained.map(|explained| explained.finding));
    Ok(())
}
