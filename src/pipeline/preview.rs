//! What a post looks like as an email, before it is one: a test copy, a rehearsal. Nothing is recorded.

use super::lookup::AnyPost;
use super::newsletter::{compose, transmit_test};
use super::{Draft, Edition, Held, RunError, World};
use crate::address::EmailAddress;
use crate::config::Config;
use crate::finding::Finding;

/// What stands before the subject of a post that is not published.
const MARK: &str = "[draft]";

/// The email that a post would be, marked if it is not published.
fn compose_any(config: &Config, found: &AnyPost<'_>) -> Result<(Edition, Vec<Finding>), RunError> {
    let (edition, findings) = compose(config, found.post())?;
    Ok(match found {
        AnyPost::Published(_) => (edition, findings),
        AnyPost::Unpublished(..) => (edition.marked(MARK, None), findings),
    })
}

/// Sends one copy of a post to `address` and records nothing: no issue, no subscriber, no delivery. Returns its subject
/// and the way it went.
pub async fn send_test(
    world: &World,
    found: &AnyPost<'_>,
    address: EmailAddress,
) -> Result<(String, String), RunError> {
    let (edition, _) = compose_any(&world.config, found)?;
    let through = transmit_test(world, &edition, address).await?;
    Ok((edition.letter().subject.to_string(), through))
}

/// What would be frozen if an unpublished post were mailed now. It never is.
pub fn draft_of<'a>(world: &World, found: &'a AnyPost<'_>) -> Result<Draft<'a>, RunError> {
    let (edition, findings) = compose_any(&world.config, found)?;
    Ok(Draft {
        post: Some(found.post()),
        edition: Some(edition),
        week: None,
        findings,
        baseline: Vec::new(),
        more: 0,
        until: world.clock.now(),
        next: Vec::new(),
        held: Held::default(),
    })
}
