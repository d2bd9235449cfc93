//! The ledger: its schema against this version of the program, whether it can be read, and whether it is sound.

use std::time::Duration;

use tokio::time::timeout;

use super::super::{Check, Section, explained};
use crate::pipeline::session::{LedgerSession, RunContext};
use crate::store::pending_migrations;

/// The timeout for opening the ledger, and for reading it. A large one takes longer than that.
const OPENING: Duration = Duration::from_secs(5);
const READING: Duration = Duration::from_secs(8);

const ID: &str = "ledger";

/// The ledger, if there is one that can be read, and what is to say about opening it.
pub(crate) struct Opened {
    pub(crate) session: Option<LedgerSession>,
    pub(crate) checks: Vec<Check>,
}

/// Opens the ledger, without creating or changing it.
pub(crate) async fn open(context: &RunContext) -> Opened {
    let config = &context.config;
    let without = |check: Check| Opened { session: None, checks: vec![check] };
    if let Some(path) = config.store.sqlite_path().map(|path| config.resolve(path)) {
        let keys = config.resolve(&config.store.keys);
        let is_empty = path.metadata().map_or(true, |meta| meta.len() == 0);
        if is_empty
            && ![&config.store.keys, &config.store.fence].iter().any(|file| config.resolve(file).exists())
        {
            let message = "there is no ledger yet; the first `letterpress publish` creates it";
            return without(Check::skipped(Section::Here, ID, message));
        }
        if !is_empty && !keys.exists() {
            let message = format!(
                "the keys of the ledger at {keys} are missing, so unsubscribed addresses cannot be recognised"
            );
            let next = "restore them from a backup, or copy them from the machine that created the ledger";
            return without(Check::fault(Section::Here, ID, message, next));
        }
        match pending_migrations(&path) {
            Ok(0) | Err(_) => {}
            Ok(steps) => {
                let message = format!(
                    "the ledger is of an earlier version; the next run of this version updates it ({steps} steps)"
                );
                return without(Check::skipped(Section::Here, "ledger-version", message));
            }
        }
    }
    let opening = LedgerSession::open_unchanged(config, context.clock.as_ref());
    match timeout(OPENING, opening).await {
        Ok(Ok(session)) => {
            let message =
                format!("the ledger fits to this version of the program ({})", env!("CARGO_PKG_VERSION"));
            let check = Check::good(Section::Here, "ledger-version", message);
            Opened { session: Some(session), checks: vec![check] }
        }
        Ok(Err(error)) => {
            let (what, next) = explained(&error);
            without(Check::fault(Section::Here, ID, what, next))
        }
        Err(_) => {
            let message = format!("the ledger did not open within {} seconds", OPENING.as_secs());
            let next = "check that the database server answers, and that no other program holds the ledger";
            without(Check::fault(Section::Here, ID, message, next).passing())
        }
    }
}

/// The quick form of `letterpress ledger verify`: the file, and whether this ledger may send.
pub(crate) async fn check(context: &RunContext, session: &LedgerSession) -> Vec<Check> {
    let sound = match timeout(READING, session.store.check()).await {
        Ok(Ok(())) => Check::good(Section::Here, ID, "the ledger is sound"),
        Ok(Err(error)) => {
            let (what, _) = explained(&error.into());
            Check::fault(Section::Here, ID, what, "`letterpress backup restore FILE` restores a backup")
        }
        Err(_) => {
            let message =
                format!("the ledger is so large that it was not read within {} seconds", READING.as_secs());
            Check::skipped(
                Section::Here,
                ID,
                format!("{message}; `letterpress ledger verify` reads all of it"),
            )
        }
    };
    let fence = match session.mismatch().await {
        Ok(None) => return std::iter::once(sound).chain(unknown_outcomes(session).await).collect(),
        Ok(Some(mismatch)) => {
            let what = session.refusal(&mismatch, &context.config);
            Check::fault(Section::Here, "ledger-fence", what, mismatch.help())
        }
        Err(error) => {
            let (what, next) = explained(&error);
            Check::fault(Section::Here, "ledger-fence", what, next)
        }
    };
    vec![sound, fence]
}

/// Deliveries that may or may not have arrived, and about which nobody has decided.
async fn unknown_outcomes(session: &LedgerSession) -> Option<Check> {
    let number =
        timeout(READING, session.store.unknown_outcomes()).await.ok()?.ok().filter(|number| *number > 0)?;
    let message = format!("deliveries with unknown outcome, about which nobody has decided: {number}");
    let next = "`letterpress status` lists them; `letterpress resolve` settles them";
    Some(Check::warning(Section::Here, "unknown-outcomes", message, next))
}
