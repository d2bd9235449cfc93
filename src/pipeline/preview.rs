//! Previews of an email: a test message, a dry run. Nothing is recorded.

use super::lookup::AnyPost;
use super::newsletter::{compose, transmit_test};
use super::{Draft, Edition, Held, RunError, World};
use crate::address::EmailAddress;
use crate::config::Config;
use crate::finding::Finding;

/// Prefix of the subject of an unpublished post.
const MARK: &str = "[draft]";

/// Composes the email of a post; marks it if the post is not published.
fn compose_any(config: &Config, found: &AnyPost<'_>) -> Result<(Edition, Vec<Finding>), RunError> {
    let (edition, findings) = compose(config, found.post())?;
    Ok(match found {
        AnyPost::Published(_) => (edition, findings),
        AnyPost::Unpublished(..) => (edition.marked(MARK, None), findings),
    })
}

/// Sends one test email to `address` and records nothing: no issue, no subscriber, no delivery. Returns its subject and
/// the transport.
pub async fn send_test(
    world: &World,
    found: &AnyPost<'_>,
    address: EmailAddress,
) -> Result<(String, String), RunError> {
    let (edition, _) = compose_any(&world.config, found)?;
    let through = transmit_test(world, &edition, address).await?;
    Ok((edition.letter().subject.to_string(), through))
}

/// The draft of an unpublished post, for a dry run. It is never frozen.
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
