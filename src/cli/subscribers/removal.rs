//! `letterpress subscribers remove`: the writer tidies the list.

use super::erasure::holds;
use super::{Outcome, Printer, parse};
use crate::pipeline::{Office, RunError, World};

pub(super) const ABOUT: &str = "\
Take addresses off the list: tests, duplicates, mistakes.

The row goes, with name, language and preferences; nothing more is sent to the address.
Past deliveries stay in the ledger and keep counting. No file brings the address back,
neither `newsletter.list` nor an import; `subscribers add` does, and so does a new sign-up.

Use another command for another purpose:
  unsubscribe  somebody asked to leave: they stay on record, and only they can come back
  erase        somebody wants their data gone, from past deliveries too
  suppress     the address must never be mailed again, whoever asks";

pub(super) async fn remove(
    addresses: &[String],
    world: &World,
    office: &Office,
    printer: Printer,
) -> Result<Outcome, RunError> {
    // All of them are read before the first is removed.
    let emails = addresses.iter().map(|address| parse(address)).collect::<Result<Vec<_>, _>>()?;
    let list = world.config.newsletter.list.as_ref();
    let mut unknown = Vec::new();
    for email in emails {
        let Some(removed) =
            office.store.remove(office.key_of(&email), "command line", world.clock.now()).await?
        else {
            unknown.push(email.to_string());
            continue;
        };
        let past = match removed.sent {
            0 => String::new(),
            1 => "; 1 past email keeps counting".to_owned(),
            sent => format!("; {sent} past emails keep counting"),
        };
        printer.say(format!("{email} is removed (was {}){past}", removed.status.as_str()));
        if let Some(list) = list.filter(|list| holds(&world.config.resolve(list), email.as_str())) {
            printer.say(format!("  it still stands in {list}, and is not taken from there again"));
        }
    }
    if unknown.is_empty() {
        return Ok(Outcome::Done);
    }
    Err(RunError::user(
        format!("not on the list: {}", unknown.join(", ")),
        "`letterpress subscribers list` shows who is",
    ))
}
