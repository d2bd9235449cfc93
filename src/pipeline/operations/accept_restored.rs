//! Accepting a ledger that was restored from a backup or moved to another machine: `ledger adopt-restored`.
//!
//! A restored ledger does not know what was sent after the backup. So pending deliveries get an unknown outcome, and
//! published posts that it does not know are recorded as mailed.

use crate::ledger::State;
use crate::pipeline::operations::restore::in_use;
use crate::pipeline::session::context::RunContext;
use crate::pipeline::session::ledger_session::{LedgerSession, ensure_initialised};
use crate::pipeline::session::run_error::RunError;
use crate::pipeline::site_build::feeds;
use crate::store::{ExclusiveFile, Filter, Mismatch, RestoreOutcome, RestoreRequest};
use crate::text::HeaderText;

/// What accepting the ledger changed, or would change.
#[derive(Debug)]
pub struct AcceptedRestore {
    /// Why nothing could be sent from the ledger before.
    pub mismatch: Option<Mismatch>,
    /// What was changed.
    pub outcome: RestoreOutcome,
}

/// Accepts the ledger. `moved`: it is the original, and only its fence is missing. `rehearse`: write nothing.
pub async fn accept_restored(
    context: &RunContext,
    moved: bool,
    rehearse: bool,
    why: &str,
) -> Result<AcceptedRestore, RunError> {
    let config = &context.config;
    ensure_initialised(config)?;
    // A program that opened the ledger before goes on with what it has read.
    if let Some(path) = config.store.sqlite_path().map(|path| config.resolve(path)) {
        ExclusiveFile::take(&path).map_err(|holders| in_use(&path, &holders))?;
    }
    // What cannot be read of a damaged log is lost when the ledger is opened, so a rehearsal does not open it.
    let session = if rehearse {
        LedgerSession::open_exclusive(config, context.clock.as_ref()).await?
    } else {
        LedgerSession::open_damaged(config, context.clock.as_ref()).await?
    };
    let barred = session.mismatch().await?;
    match &barred {
        Some(mismatch @ Mismatch::Foreign { .. }) => {
            return Err(RunError::user(
                session.refusal(mismatch, config),
                format!(
                    "{}; if the other ledger is no longer used, move its fence file away first",
                    mismatch.help()
                ),
            ));
        }
        Some(Mismatch::Unfenced(_) | Mismatch::Elsewhere) => {}
        _ if moved => {
            return Err(RunError::user(
                "--moved applies only if the original was moved here, or its fence file is missing; neither is so",
                "`letterpress status` shows whether there is a problem; after a restore, omit --moved",
            ));
        }
        _ => {}
    }
    let published = if moved {
        None
    } else {
        let archive = feeds::read(context)?;
        Some(archive.posts.into_iter().map(|post| (post.id, post.title)).collect::<Vec<_>>())
    };
    if rehearse {
        return Ok(AcceptedRestore {
            mismatch: barred,
            outcome: preview(&session, published.as_deref()).await?,
        });
    }
    let above = session.fence.read()?.map_or(0, |fence| fence.mark.epoch);
    let request = RestoreRequest { published, above, why: why.to_owned() };
    let accepted = session.store.accept_restored(request, context.clock.now()).await?;
    session.fence.write(&session.fence_record().await?)?;
    Ok(AcceptedRestore { mismatch: barred, outcome: accepted })
}

/// What [`accept_restored`] would change.
async fn preview(
    session: &LedgerSession,
    published: Option<&[(String, HeaderText)]>,
) -> Result<RestoreOutcome, RunError> {
    let Some(published) = published else { return Ok(RestoreOutcome { unknown: 0, baseline: Vec::new() }) };
    let open = State::ALL.into_iter().filter(|state| state.is_open()).collect();
    let unknown = session.store.deliveries(Filter { states: open, ..Filter::default() }).await?.len() as u64;
    let known = session.store.mailed_posts().await?.unwrap_or_default();
    let baseline = published.iter().filter(|(id, _)| !known.contains(id));
    let baseline = baseline.map(|(_, title)| title.clone()).collect();
    Ok(RestoreOutcome { unknown, baseline })
}
