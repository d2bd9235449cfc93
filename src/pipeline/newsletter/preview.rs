//! Previews of an email: a test message, a dry run. Nothing is recorded.

use crate::address::EmailAddress;
use crate::archive::Archive;
use crate::finding::Finding;
use crate::pipeline::newsletter::compose::{compose, transmit_test};
use crate::pipeline::newsletter::held_posts::HeldPosts;
use crate::pipeline::newsletter::issue_renderer::IssueRenderer;
use crate::pipeline::newsletter::planning::Draft;
use crate::pipeline::newsletter::series::{compose_step, is_for_everybody};
use crate::pipeline::session::context::RunContext;
use crate::pipeline::session::run_error::RunError;
use crate::pipeline::site_build::lookup::FoundPost;

/// Prefix of the subject of an unpublished post.
const MARK: &str = "[draft]";

/// Composes the email of a post; marks it if the post is not published.
fn compose_any(
    context: &RunContext,
    found: &FoundPost<'_>,
    archive: &Archive,
) -> Result<(IssueRenderer, Vec<Finding>), RunError> {
    let config = &context.config;
    match found {
        FoundPost::Published(post) => compose(config, post),
        FoundPost::Unpublished(post, _) => {
            let (renderer, findings) = compose(config, post)?;
            Ok((renderer.with_banner(MARK, None), findings))
        }
        FoundPost::Step(_, step) => {
            let latest = archive.posts.iter().find(|post| is_for_everybody(post));
            compose_step(config, (archive, latest), step, context.clock.now())
        }
    }
}

/// Sends one test email to `address` and records nothing: no issue, no subscriber, no delivery. Returns its subject and
/// the transport.
pub async fn send_test(
    context: &RunContext,
    (found, archive): (&FoundPost<'_>, &Archive),
    address: EmailAddress,
) -> Result<(String, String), RunError> {
    let (renderer, _) = compose_any(context, found, archive)?;
    let through = transmit_test(context, &renderer, address).await?;
    Ok((renderer.template().subject.to_string(), through))
}

/// The draft of an unpublished post, for a dry run. It is never frozen.
pub fn draft_of<'a>(
    context: &RunContext,
    found: &'a FoundPost<'_>,
    archive: &Archive,
) -> Result<Draft<'a>, RunError> {
    let (renderer, findings) = compose_any(context, found, archive)?;
    Ok(Draft {
        post: Some(found.post()),
        renderer: Some(renderer),
        digest: None,
        findings,
        baseline: Vec::new(),
        more: 0,
        until: context.clock.now(),
        next: Vec::new(),
        held: HeldPosts::default(),
    })
}
