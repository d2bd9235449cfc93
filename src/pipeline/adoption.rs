//! Accepting a ledger that was restored from a backup or moved to another machine: `ledger adopt-restored`.
//!
//! A restored ledger does not know what was sent after the backup. So pending deliveries get an unknown outcome, and
//! published posts that it does not know are recorded as mailed.

use super::office::demand_begun;
use super::{Office, RunError, World, site};
use crate::ledger::State;
use crate::store::{Adopted, Adoption, Filter, Mismatch};

/// What accepting the ledger changed, or would change.
#[derive(Debug)]
pub struct Restored {
    /// Why nothing could be sent from the ledger before.
    pub barred: Option<Mismatch>,
    /// What was changed.
    pub adopted: Adopted,
}

/// Accepts the ledger. `moved`: it is the original, and only its fence is missing. `rehearse`: write nothing.
pub async fn adopt(world: &World, moved: bool, rehearse: bool, why: &str) -> Result<Restored, RunError> {
    let config = &world.config;
    demand_begun(config)?;
    let office = Office::open_alone(config, world.clock.as_ref()).await?;
    let barred = office.mismatch().await?;
    match &barred {
        Some(mismatch @ Mismatch::Foreign { .. }) => {
            return Err(RunError::user(
                office.barred(mismatch, config),
                format!(
                    "{}; if the other ledger is no longer used, move its fence file away first",
                    mismatch.help()
                ),
            ));
        }
        Some(Mismatch::Unfenced(_)) => {}
        _ if moved => {
            return Err(RunError::user(
                "--moved applies only if the fence file of the original is missing; here it exists",
                "`letterpress status` shows whether there is a problem; after a restore, omit --moved",
            ));
        }
        _ => {}
    }
    let published = if moved {
        None
    } else {
        let archive = site::read(world)?;
        Some(archive.posts.into_iter().map(|post| (post.id, post.title)).collect::<Vec<_>>())
    };
    if rehearse {
        return Ok(Restored { barred, adopted: foresee(&office, published.as_deref()).await? });
    }
    let above = office.fence.read()?.map_or(0, |mark| mark.epoch);
    let adoption = Adoption { published, above, why: why.to_owned() };
    let adopted = office.store.adopt(adoption, world.clock.now()).await?;
    office.fence.write(&office.store.custody().await?.mark)?;
    Ok(Restored { barred, adopted })
}

/// What [`adopt`] would change.
async fn foresee<T>(office: &Office, published: Option<&[(String, T)]>) -> Result<Adopted, RunError> {
    let Some(published) = published else { return Ok(Adopted { in_doubt: 0, baseline: 0 }) };
    let open = State::ALL.into_iter().filter(|state| state.is_open()).collect();
    let in_doubt = office.store.deliveries(Filter { states: open, ..Filter::default() }).await?.len() as u64;
    let known = office.store.known_posts().await?.unwrap_or_default();
    let baseline = published.iter().filter(|(id, _)| !known.contains(id)).count() as u64;
    Ok(Adopted { in_doubt, baseline })
}
