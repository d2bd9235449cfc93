//! `letterpress subscribers set-preferences` and `rename-topic`: what subscribers chose, changed by the operator.

use aws_lc_rs::digest::{SHA256, digest};
use chrono::{DateTime, Utc};

use super::{Outcome, Printer};
use crate::cli::args::{PreferenceArgs, parse, parse_topic};
use crate::cli::printer::count;
use crate::cli::view::preferences::sentence;
use crate::pipeline::session::{LedgerSession, RunError};
use crate::store::subscriber_store::ConsentContext;

pub(super) async fn set(
    address: &str,
    choice: &PreferenceArgs,
    (session, now): (&LedgerSession, DateTime<Utc>),
    printer: Printer,
) -> Result<Outcome, RunError> {
    let key = session.key_of(&parse(address)?);
    let not_active = || {
        RunError::user(
            format!("{address} is not an active subscriber"),
            "`letterpress status explain` says why; `letterpress subscribers add` adds a subscriber",
        )
    };
    let subscriber = session.store.subscriber(key).await?.ok_or_else(not_active)?;
    let preferences = choice.over(subscriber.profile.preferences)?;
    let mut wording = [0; 32];
    // No form was shown: the operator enters what the subscriber asked for.
    wording.copy_from_slice(digest(&SHA256, b"").as_ref());
    let consent = ConsentContext { form: "command line".to_owned(), wording, network: None };
    if !session.store.set_preferences(key, preferences.clone(), consent, now).await? {
        return Err(not_active());
    }
    printer.info(format!("{address} gets {}", sentence(&preferences)));
    Ok(Outcome::Done)
}

/// Renames a topic of all subscribers.
pub(super) async fn rename_topic(
    old: &str,
    new: &str,
    (session, now): (&LedgerSession, DateTime<Utc>),
    printer: Printer,
) -> Result<Outcome, RunError> {
    let (old, new) = (parse_topic(old)?, parse_topic(new)?);
    if old == new {
        return Err(RunError::user("both names are the same", "write the old name, then the new one"));
    }
    let renamed = session.store.rename_topic(old.clone(), new.clone(), now).await?;
    if renamed == 0 {
        return Err(RunError::user(
            format!("no subscriber chose the topic \"{old}\""),
            "`letterpress subscribers count` lists the topics that subscribers chose",
        ));
    }
    let who = count(renamed, "subscriber");
    printer.info(format!("{who} with the topic \"{old}\": it is \"{new}\" now"));
    Ok(Outcome::Done)
}
