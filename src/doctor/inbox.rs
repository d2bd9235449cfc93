//! The mailbox for bounces: whether the log-in works. No email is read.

use std::time::Duration;

use tokio::time::timeout;

use super::{Check, Section, explained};
use crate::config::Span;
use crate::delivery::diagnosis::Blame;
use crate::pipeline::session::{RunContext, mailbox};
use crate::pipeline::status::try_mailbox;

const ID: &str = "inbox-login";

/// The timeout for the whole log-in, and for each of its commands.
const LOGIN: Duration = Duration::from_secs(14);
const COMMAND: Span = Span::seconds(8);

/// Logs in to the mailbox of `[inbox]`.
pub(super) async fn check(context: &RunContext) -> Check {
    let Some(inbox) = &context.config.inbox else {
        return Check::skipped(Section::Relay, ID, "no section [inbox], so no mailbox to log in to");
    };
    let host = inbox.host.clone();
    let mut config = (*context.config).clone();
    if let Some(inbox) = &mut config.inbox {
        inbox.timeout = COMMAND;
    }
    let failed =
        |what: String, next: String| Check::fault(Section::Relay, ID, what, next).about(host.clone());
    let mailbox = match mailbox(&config, &context.clock) {
        Ok(mailbox) => mailbox,
        Err(error) => {
            let (what, next) = explained(&error);
            return failed(what, next);
        }
    };
    match timeout(LOGIN, try_mailbox(&config, &mailbox)).await {
        Ok(None) => Check::good(Section::Relay, ID, "the log-in to the mailbox works").about(host),
        Ok(Some(explained)) => {
            let next = explained.finding.hint.unwrap_or_else(|| "check [inbox] in config.toml".to_owned());
            let check = failed(explained.finding.message, next);
            if explained.blame == Blame::Surroundings { check.passing() } else { check }
        }
        Err(_) => {
            let what = format!("the mailbox did not answer within {} seconds", LOGIN.as_secs());
            failed(what, "try again in a while, or check inbox.host in config.toml".to_owned()).passing()
        }
    }
}
