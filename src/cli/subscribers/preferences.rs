//! `letterpress subscribers set-preferences`: change frequency and topics of a subscriber.

use aws_lc_rs::digest::{SHA256, digest};
use chrono::{DateTime, Utc};

use super::{Outcome, Printer};
use crate::cli::args::{Choice, parse};
use crate::cli::view::preferences::sentence;
use crate::pipeline::{Office, RunError};
use crate::store::desk::Circumstances;

pub(super) async fn set(
    address: &str,
    choice: &Choice,
    (office, now): (&Office, DateTime<Utc>),
    printer: Printer,
) -> Result<Outcome, RunError> {
    let key = office.key_of(&parse(address)?);
    let not_active = || {
        RunError::user(
            format!("{address} is not an active subscriber"),
            "`letterpress status explain` says why; `letterpress subscribers add` adds a subscriber",
        )
    };
    let reader = office.store.subscriber(key).await?.ok_or_else(not_active)?;
    let wishes = choice.over(reader.profile.wishes)?;
    let mut wording = [0; 32];
    // No form was shown: the operator enters what the subscriber asked for.
    wording.copy_from_slice(digest(&SHA256, b"").as_ref());
    let circumstances = Circumstances { form: "command line".to_owned(), wording, network: None };
    if !office.store.choose(key, wishes.clone(), circumstances, now).await? {
        return Err(not_active());
    }
    printer.say(format!("{address} gets {}", sentence(&wishes)));
    Ok(Outcome::Done)
}
