//! Whoever can subscribe can unsubscribe: somebody has to process what they ask for.
//!
//! There are three ways: the pages of `serve`, a mailbox that `inbox` reads, and a person. With neither of the first two a
//! small list can be kept by hand; with a larger one no issue leaves before its owner says that they will.

use super::{Office, RunError, World};
use crate::config::Config;
use crate::finding::Finding;
use crate::subscribers::Standing;

/// So many subscribers can be looked after by hand.
const BY_HAND: u64 = 100;

/// The note in the store that `inbox` has run: mails may come by a pipe or a Maildir, which no configuration names.
const READ: &str = "inbox read";

const RULE: &str = "unsubscribe";

const WAYS: &str = "choose one of three: (1) pages: url = \"https://…\" below [web], and `letterpress serve`; (2) a mailbox: [inbox], and \
    `letterpress inbox --imap` from cron; (3) by hand: read that mail yourself, run `letterpress subscribers unsubscribe ADDRESS`, and \
    say so with unsubscribe_by_hand = true below [newsletter]";

/// What is wrong with the configuration, for a list of so many active subscribers; `None` if somebody processes unsubscribes.
/// Letters to the outbox folder reach nobody who could want to leave.
pub(crate) fn judge_unsubscribing(config: &Config, active: u64) -> Option<Finding> {
    let newsletter = &config.newsletter;
    if config.web.url.is_some() || config.inbox.is_some() || newsletter.unsubscribe_by_hand {
        return None;
    }
    let address = newsletter.unsubscribe_address()?;
    let what = format!("nobody processes unsubscribes: mails to {address} change nothing by themselves");
    let finding = match (&config.smtp, active > BY_HAND) {
        (None, _) => {
            Finding::note(RULE, "config.toml", format!("{what}; before you name a relay, see to it"))
        }
        (Some(_), false) => Finding::warning(RULE, "config.toml", what),
        (Some(_), true) => {
            let what = format!("{what}, and there are {active} subscribers: no new issue is sent");
            Finding::error(RULE, "config.toml", what)
        }
    };
    Some(finding.hint(WAYS))
}

/// Notes that what comes back by mail is read here.
pub async fn note_inbox(office: &Office) -> Result<(), RunError> {
    if office.store.recall(READ).await?.is_none() {
        office.store.remember(READ, "yes").await?;
    }
    Ok(())
}

/// Asked before an issue is frozen: an error stops it, a warning is said with the first one.
pub(super) async fn demand_unsubscribing(
    world: &World,
    office: &Office,
) -> Result<Option<Finding>, RunError> {
    let config = &world.config;
    if config.smtp.is_none()
        || judge_unsubscribing(config, 0).is_none()
        || office.store.recall(READ).await?.is_some()
    {
        return Ok(None);
    }
    match judge_unsubscribing(config, active(office).await?) {
        Some(error) if error.severity == crate::finding::Severity::Error => {
            Err(RunError::Findings(vec![error]))
        }
        finding if office.store.recall(RULE).await?.is_none() => {
            office.store.remember(RULE, "said").await?;
            Ok(finding)
        }
        _ => Ok(None),
    }
}

/// What `check` says, with a ledger that is there and a list that names so many.
pub(crate) async fn look_at_unsubscribing(
    office: &Office,
    config: &Config,
    listed: u64,
) -> Result<Option<Finding>, RunError> {
    if office.store.recall(READ).await?.is_some() {
        return Ok(None);
    }
    Ok(judge_unsubscribing(config, active(office).await?.max(listed)))
}

async fn active(office: &Office) -> Result<u64, RunError> {
    let figures = office.store.figures().await?;
    let active = figures.readers.into_iter().find(|(standing, _)| standing == Standing::Active.as_str());
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
        judge_unsubscribing(&config, active).map(|finding| finding.severity)
    }

    const RELAY: &str = "[smtp]\nhost = \"relay.example\"\n";

    #[test]
    fn a_rehearsal_is_told_a_small_list_is_warned_and_a_large_one_waits() {
        assert_eq!(severity("", 1_000), Some(Severity::Note));
        assert_eq!(severity(RELAY, 100), Some(Severity::Warning));
        assert_eq!(severity(RELAY, 101), Some(Severity::Error));
    }

    #[test]
    fn pages_a_mailbox_or_a_person_who_says_so_process_unsubscribes() {
        for way in [
            "unsubscribe_by_hand = true\n",
            "[web]\nurl = \"https://news.letters.example/\"\n",
            "[inbox]\nhost = \"imap.letters.example\"\nuser = \"a\"\npassword_file = \"p\"\n",
        ] {
            assert_eq!(severity(&format!("{way}{RELAY}"), 1_000), None, "{way}");
        }
    }
}
