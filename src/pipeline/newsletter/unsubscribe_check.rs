//! Makes sure that unsubscribe requests are processed.
//!
//! There are three ways: the pages of `serve`, a mailbox that `inbox` reads, and the operator by hand. Without the first two, a
//! small list is accepted with a warning; for a larger list no issue is sent until the operator confirms to do it by hand.

use crate::config::Config;
use crate::finding::Finding;
use crate::pipeline::session::context::RunContext;
use crate::pipeline::session::ledger_session::LedgerSession;
use crate::pipeline::session::run_error::RunError;
use crate::store::Store;
use crate::subscribers::SubscriptionStatus;

/// Up to this many subscribers, unsubscribing by hand is accepted without confirmation.
const BY_HAND: u64 = 100;

/// The database entry that `inbox` has run: emails may come by a pipe or a Maildir, which are not in the configuration.
const READ: &str = "inbox read";

const RULE: &str = "unsubscribe";

const WAYS: &str = "set up the unsubscribe page ([web] url, and `letterpress serve`) or a mailbox ([inbox], and `letterpress inbox --imap` \
    from cron); or set unsubscribe_by_hand = true in [newsletter] and run `letterpress subscribers unsubscribe ADDRESS` yourself";

/// Checks the configuration for a list of `active` subscribers; `None` if unsubscribe requests are processed. Without a relay
/// it is only a note, because emails in the outbox folder reach no subscriber.
pub(crate) fn unsubscribe_findings(config: &Config, active: u64) -> Option<Finding> {
    let newsletter = &config.newsletter;
    if config.web.url.is_some() || config.inbox.is_some() || newsletter.unsubscribe_by_hand {
        return None;
    }
    let address = newsletter.unsubscribe_address()?;
    let what = format!("unsubscribe requests are not processed: emails to {address} have no effect");
    let finding = match (&config.smtp, active > BY_HAND) {
        (None, _) => {
            Finding::note(RULE, "config.toml", format!("{what}; set this up before you configure a relay"))
        }
        (Some(_), false) => Finding::warning(RULE, "config.toml", what),
        (Some(_), true) => {
            let what =
                format!("{what}; with {active} subscribers, no new issue is sent until this is set up");
            Finding::error(RULE, "config.toml", what)
        }
    };
    Some(finding.hint(WAYS))
}

/// Records that `inbox` processes emails for this ledger.
pub async fn record_inbox_run(session: &LedgerSession) -> Result<(), RunError> {
    if session.store.get_meta(READ).await?.is_none() {
        session.store.set_meta(READ, "yes").await?;
    }
    Ok(())
}

/// The note with the number of emails to the bounce address that nobody understood.
const UNRECOGNISED: &str = "inbox_unrecognised";

/// Remembers how many emails to the bounce address `inbox` did not understand. `is_all`: the run looked at all that are
/// unread, and not only at new ones.
pub async fn remember_unrecognised(store: &Store, found: u64, is_all: bool) -> Result<(), RunError> {
    let before = store.get_meta(UNRECOGNISED).await?.and_then(|note| note.parse().ok()).unwrap_or(0);
    let number = if is_all { found } else { before + found };
    if number != before {
        store.set_meta(UNRECOGNISED, &number.to_string()).await?;
    }
    Ok(())
}

/// How many emails to the bounce address are unread, because nobody understood them.
pub async fn unrecognised(store: &Store) -> Result<u64, RunError> {
    Ok(store.get_meta(UNRECOGNISED).await?.and_then(|note| note.parse().ok()).unwrap_or(0))
}

/// Checked before an issue is frozen: an error stops it; a warning is reported once, with the first issue.
pub(crate) async fn ensure_can_unsubscribe(
    context: &RunContext,
    session: &LedgerSession,
) -> Result<Option<Finding>, RunError> {
    let config = &context.config;
    if config.smtp.is_none()
        || unsubscribe_findings(config, 0).is_none()
        || session.store.get_meta(READ).await?.is_some()
    {
        return Ok(None);
    }
    match unsubscribe_findings(config, active(session).await?) {
        Some(error) if error.severity == crate::finding::Severity::Error => {
            Err(RunError::Findings(vec![error]))
        }
        finding if session.store.get_meta(RULE).await?.is_none() => {
            session.store.set_meta(RULE, "said").await?;
            Ok(finding)
        }
        _ => Ok(None),
    }
}

/// The same check for `letterpress check`, with an existing ledger and a list of `listed` subscribers.
pub(crate) async fn unsubscribe_routes(
    session: &LedgerSession,
    config: &Config,
    listed: u64,
) -> Result<Option<Finding>, RunError> {
    if session.store.get_meta(READ).await?.is_some() {
        return Ok(None);
    }
    Ok(unsubscribe_findings(config, active(session).await?.max(listed)))
}

async fn active(session: &LedgerSession) -> Result<u64, RunError> {
    let metrics = session.store.metrics().await?;
    let active =
        metrics.subscribers.into_iter().find(|(status, _)| status == SubscriptionStatus::Active.as_str());
    Ok(active.map_or(0, |(_, number)| number))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::finding::Severity;

    fn severity(sections: &str, active: u64) -> Option<Severity> {
        let text = format!(
            "[site]\ntitle = \"a\"\nurl = \"https://letters.example/\"\n[newsletter]\nfrom = \"a@letters.example\"\n{sections}"
        );
        let config = crate::config::parse(&text, "config.toml", ".".into()).unwrap();
        unsubscribe_findings(&config, active).map(|finding| finding.severity)
    }

    const RELAY: &str = "[smtp]\nhost = \"relay.example\"\n";

    #[test]
    fn without_a_relay_it_is_a_note_for_a_small_list_a_warning_and_for_a_large_one_an_error() {
        assert_eq!(severity("", 1_000), Some(Severity::Note));
        assert_eq!(severity(RELAY, 100), Some(Severity::Warning));
        assert_eq!(severity(RELAY, 101), Some(Severity::Error));
    }

    #[test]
    fn pages_a_mailbox_or_a_confirmation_process_unsubscribe_requests() {
        for way in [
            "unsubscribe_by_hand = true\n",
            "[web]\nurl = \"https://news.letters.example/\"\n",
            "[inbox]\nhost = \"imap.letters.example\"\nuser = \"a\"\npassword_file = \"p\"\n",
        ] {
            assert_eq!(severity(&format!("{way}{RELAY}"), 1_000), None, "{way}");
        }
    }
}
