//! The mailbox for bounces, and what must be configured before it can be read.

use std::sync::Arc;

use crate::clock::Clock;
use crate::config::Config;
use crate::inbox::imap::Mailbox;
use crate::pipeline::session::credential::credential;
use crate::pipeline::session::run_error::RunError;

/// The mailbox of the section `[inbox]`.
pub(crate) fn mailbox(config: &Config, clock: &Arc<dyn Clock>) -> Result<Mailbox, RunError> {
    const SECTION: &str = "check the section [inbox] of config.toml";
    let Some(inbox) = &config.inbox else {
        return Err(RunError::user(
            "config.toml has no section [inbox], which configures the IMAP mailbox",
            "`letterpress check --defaults` shows its keys; --maildir and --stdin need none",
        ));
    };
    let source = inbox.login().ok_or_else(|| RunError::user("[inbox] has no password", SECTION))?;
    let credential = credential(config, ("inbox", &inbox.user), source, clock)?;
    let mut inbox = inbox.clone();
    inbox.ca_file = inbox.ca_file.map(|file| config.resolve(file));
    Mailbox::new(&inbox, credential).map_err(|error| RunError::user(error.to_string(), SECTION))
}
