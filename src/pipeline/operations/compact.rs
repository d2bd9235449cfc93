//! Makes the ledger smaller: deliveries of earlier versions no longer store what can be derived, and with
//! `store.keep_details` old issues lose their details. Each run does some of it; `ledger compact` does the rest.

use std::time::{Duration, Instant};

use serde::Serialize;

use crate::address::EmailAddress;
use crate::ledger::State;
use crate::pipeline::session::context::RunContext;
use crate::pipeline::session::ledger_session::LedgerSession;
use crate::pipeline::session::run_error::RunError;
use crate::store::{DeliveryNumber, DerivedDelivery, StoredDelivery};
use crate::subscribers::token::{Purpose, Subject, TokenKeys};

/// How long a run that publishes works on it.
const SOME_TIME: Duration = Duration::from_secs(2);

/// How many deliveries lose their details in one transaction.
const PAGE: usize = 1_000;

/// What a compaction did.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize)]
pub struct Compacted {
    /// Deliveries that no longer store what can be derived.
    pub derived: u64,
    /// Issues whose details were removed.
    pub issues: u64,
    /// The size of the file before; `None` if the ledger is a database server's.
    pub bytes_before: Option<u64>,
    /// The size of the file afterwards.
    pub bytes_after: Option<u64>,
}

/// Compacts the ledger completely, and gives the space back.
pub async fn compact(context: &RunContext) -> Result<Compacted, RunError> {
    let session = LedgerSession::open_exclusive(&context.config, context.clock.as_ref()).await?;
    let size = || {
        let path = context.config.store.sqlite_path().map(|path| context.config.resolve(path))?;
        path.metadata().ok().map(|meta| meta.len())
    };
    let bytes_before = size();
    session.store.close_finished(context.clock.now()).await?;
    let done = compact_until(context, &session, None).await?;
    session.store.shrink().await?;
    Ok(Compacted { bytes_before, bytes_after: size(), ..done })
}

/// Compacts the ledger for two seconds at most, and packs it when that is worth it.
pub(crate) async fn compact_some(context: &RunContext, session: &LedgerSession) -> Result<(), RunError> {
    compact_until(context, session, Some(Instant::now() + SOME_TIME)).await?;
    // It needs as much space on the disk again. The emails are sent, so a failure ends nothing.
    if let Err(error) = session.store.pack().await {
        tracing::warn!(%error, "the ledger was not packed");
    }
    Ok(())
}

async fn compact_until(
    context: &RunContext,
    session: &LedgerSession,
    deadline: Option<Instant>,
) -> Result<Compacted, RunError> {
    let is_late = || deadline.is_some_and(|deadline| Instant::now() >= deadline);
    let mut done = Compacted::default();
    while session.store.move_old_attempts().await? {
        if is_late() {
            return Ok(done);
        }
    }
    while let Some(page) = session.store.stored_deliveries().await? {
        done.derived += derive_page(session, page).await?;
        if is_late() {
            return Ok(done);
        }
    }
    let Some(kept) = context.config.store.keep_details else { return Ok(done) };
    let now = context.clock.now();
    while let Some((issue, deliveries)) = session.store.begin_compaction(now - kept.delta(), now).await? {
        for page in deliveries.chunks(PAGE) {
            session.store.remove_details(issue, page.to_vec()).await?;
            if is_late() {
                return Ok(done);
            }
        }
        session.store.end_compaction(issue).await?;
        done.issues += 1;
    }
    Ok(done)
}

/// Shortens the deliveries of a page, as far as they can be derived. Returns how many.
async fn derive_page(session: &LedgerSession, page: Vec<StoredDelivery>) -> Result<u64, RunError> {
    let next = page.last().map(|oldest| DeliveryNumber(oldest.id.number.0 - 1));
    let derived: Vec<DerivedDelivery> =
        page.iter().filter_map(|stored| derived(stored, &session.keys)).collect();
    let count = derived.len() as u64;
    session.store.derive(derived, next).await?;
    Ok(count)
}

/// A delivery, if what it stores can be derived. If its message may have to be sent once more with the same bytes, that
/// includes its tokens, which a key that was replaced since has signed.
fn derived(stored: &StoredDelivery, keys: &TokenKeys) -> Option<DerivedDelivery> {
    let fields = stored.fields.as_ref()?;
    let (local, domain) = fields.message_id.rsplit_once('@')?;
    let address = EmailAddress::parse(&stored.address).ok()?;
    let has_derived_id = local == keys.message_id_local(&stored.post, &address)
        && (stored.message_domain.is_empty() || stored.message_domain == domain);
    let is_final = matches!(stored.state, State::Sent | State::Failed | State::Skipped);
    let bounce = || {
        let number = u64::try_from(stored.id.number.0).unwrap_or_default();
        keys.sign(Purpose::Bounce, &Subject::from(number), 1)
    };
    let has_derived_tokens = || {
        fields.boundary_seed == local
            && fields.unsubscribe == keys.sign(Purpose::Unsubscribe, &Subject::from(stored.key.0), 1)
            && (fields.bounce.is_empty() || fields.bounce == bounce())
    };
    (has_derived_id && (is_final || has_derived_tokens()))
        .then(|| DerivedDelivery { id: stored.id, message_domain: domain.to_owned() })
}
