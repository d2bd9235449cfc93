//! `letterpress status explain`: why a subscriber gets emails or not.

use serde_json::json;

use crate::archive::folder;
use crate::cli::Outcome;
use crate::cli::args::parse;
use crate::cli::printer::{Printer, when};
use crate::cli::view::preferences::sentence;
use crate::finding::Finding;
use crate::pipeline::newsletter::unused_topics_of;
use crate::pipeline::session::{LedgerSession, RunContext, RunError};
use crate::subscribers::lifecycle::{REMOVED, REMOVED_AFTER_UNSUBSCRIBE};
use crate::subscribers::{AddressKey, Preferences, Profile, Subscriber, SubscriptionStatus, Topics};

pub(super) async fn explain(
    address: &str,
    as_json: bool,
    (context, session): (&RunContext, &LedgerSession),
    printer: Printer,
) -> Result<Outcome, RunError> {
    let key = session.key_of(&parse(address)?);
    let status = session.store.status(key).await?;
    let subscriber = session.store.subscriber(key).await?;
    let unused =
        subscriber.as_ref().map(|subscriber| unused(address, subscriber, context)).unwrap_or_default();
    let mut why = reason(status, subscriber.as_ref());
    if status == Some(SubscriptionStatus::Unconfirmed)
        && let Some((at, state)) = session.store.confirmation(key).await?
    {
        why = awaited(&when(at, &context.config), state.as_deref());
    }
    if status == Some(SubscriptionStatus::Suppressed)
        && let Some(removal) = removal(key, session).await?
    {
        removal.clone_into(&mut why);
    }
    if as_json {
        printer.json(
            &json!({ "address": address, "standing": status, "status": status, "why": why, "reason": why, "findings": unused }),
        )?;
    } else {
        printer.stdout(format!("{address}: {why}"));
        printer.findings(&unused);
    }
    Ok(Outcome::Done)
}

/// The topics of an active subscriber that no recent post has. `check` reports an archive that cannot be read.
fn unused(address: &str, subscriber: &Subscriber, context: &RunContext) -> Vec<Finding> {
    let Profile { status, preferences, .. } = &subscriber.profile;
    if *status != SubscriptionStatus::Active || preferences.topics == Topics::Everything {
        return Vec::new();
    }
    let (config, now) = (&context.config, context.clock.now());
    let Ok(reading) = folder::read(config, now) else { return Vec::new() };
    unused_topics_of(address, preferences, (config, &reading.archive, now))
}

/// Whether the operator removed the address, and that is why it is not mailed.
async fn removal(key: AddressKey, session: &LedgerSession) -> Result<Option<&'static str>, RunError> {
    Ok(match session.store.suppression_reason(key).await?.as_deref() {
        Some(REMOVED) => Some("was removed with `subscribers remove`; `subscribers add` reverses that"),
        Some(REMOVED_AFTER_UNSUBSCRIBE) => {
            Some("unsubscribed and was removed later; the subscriber has to sign up again")
        }
        _ => None,
    })
}

/// Somebody who signed up and did not confirm. Only the person can: nobody may confirm it for them.
fn awaited(at: &str, state: Option<&str>) -> String {
    let email = match state {
        Some("sent") => format!("a confirmation email was sent on {at}"),
        Some("waiting" | "armed") => {
            format!("signed up on {at}, and the confirmation email waits to be sent")
        }
        Some("failed") => {
            format!("the confirmation email could not be sent on {at}; the person may sign up again")
        }
        _ => format!("asked for a confirmation on {at}"),
    };
    format!("unconfirmed: {email}, and it is not confirmed yet; only the person can confirm")
}

fn reason(status: Option<SubscriptionStatus>, subscriber: Option<&Subscriber>) -> String {
    let source = subscriber.map_or("the list", |subscriber| subscriber.source.as_str());
    match status {
        None => "is not on the list".to_owned(),
        Some(SubscriptionStatus::Active) => {
            match subscriber
                .map(|subscriber| &subscriber.profile.preferences)
                .filter(|preferences| **preferences != Preferences::default())
            {
                None => "active: gets every new issue".to_owned(),
                Some(preferences) => format!("active: gets {}", sentence(preferences)),
            }
        }
        Some(SubscriptionStatus::Unconfirmed) => {
            format!(
                "unconfirmed: no consent on record (from {source}); add the date of consent, or import with --confirmed"
            )
        }
        Some(SubscriptionStatus::Unsubscribed) => {
            "unsubscribed; the subscriber has to sign up again".to_owned()
        }
        Some(SubscriptionStatus::Suppressed) => {
            "suppressed: it bounced, complained, or was suppressed by hand".to_owned()
        }
    }
}
