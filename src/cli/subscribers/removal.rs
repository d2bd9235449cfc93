//! `letterpress subscribers remove`: remove addresses that were added by mistake.

use super::erasure::contains;
use super::{Outcome, Printer};
use crate::cli::args::parse;
use crate::pipeline::session::{LedgerSession, RunContext, RunError};

pub(super) const ABOUT: &str = "\
Remove addresses added by mistake: tests, duplicates.

Deletes the subscriber with name, language and preferences. The address gets no more email.
Past deliveries stay in the ledger and are still counted. Neither newsletter.list nor an import
adds the address again; subscribers add and a new sign-up do.

Use another command for another purpose:
  unsubscribe  a subscriber wants no more emails; the address stays on record
  erase        a subscriber wants all personal data deleted, also from past deliveries
  suppress     the address must never be mailed again, not even after a new sign-up";

pub(super) async fn remove(
    addresses: &[String],
    context: &RunContext,
    session: &LedgerSession,
    printer: Printer,
) -> Result<Outcome, RunError> {
    // All addresses are checked before the first one is removed.
    let emails = addresses.iter().map(|address| parse(address)).collect::<Result<Vec<_>, _>>()?;
    let list = context.config.newsletter.list.as_ref();
    let mut unknown = Vec::new();
    for email in emails {
        let Some(removed) =
            session.store.remove(session.key_of(&email), "command line", context.clock.now()).await?
        else {
            unknown.push(email.to_string());
            continue;
        };
        let past = match removed.sent {
            0 => String::new(),
            1 => "; 1 past delivery is still counted".to_owned(),
            sent => format!("; {sent} past deliveries are still counted"),
        };
        printer.info(format!("removed {email} (was {}){past}", removed.status.as_str()));
        if let Some(list) = list.filter(|list| contains(&context.config.resolve(list), email.as_str())) {
            printer.info(format!("  {list} still contains it, but will not add it again"));
        }
    }
    if unknown.is_empty() {
        return Ok(Outcome::Done);
    }
    Err(RunError::user(
        format!("not on the list: {}", unknown.join(", ")),
        "`letterpress subscribers list` lists the subscribers",
    ))
}
