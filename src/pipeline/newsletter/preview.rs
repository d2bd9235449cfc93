//! Previews of an email: a test message, a dry run. Nothing is recorded.

use crate::address::EmailAddress;
use crate::config::Config;
use crate::finding::Finding;
use crate::pipeline::newsletter::compose::{compose, transmit_test};
use crate::pipeline::newsletter::held_posts::HeldPosts;
use crate::pipeline::newsletter::issue_renderer::IssueRenderer;
use crate::pipeline::newsletter::planning::Draft;
use crate::pipeline::session::context::RunContext;
use crate::pipeline::session::run_error::RunError;
use crate::pipeline::site_build::lookup::FoundPost;

/// Prefix of the subject of an unpublished post.
const MARK: &str = "[draft]";

/// Composes the email of a post; marks it if the post is not published.
fn compose_any(config: &Config, found: &FoundPost<'_>) -> Result<(IssueRenderer, Vec<Finding>), RunError> {
    let (renderer, findings) = compose(config, found.post())?;
    Ok(match found {
        FoundPost::Published(_) => (renderer, findings),
        FoundPost::Unpublished(..) => (renderer.with_banner(MARK, None), findings),
    })
}

/// Sends one test email to `address` and records nothing: no issue, no subscriber, no delivery. Returns its subject and
/// the transport.
pub async fn send_test(
    context: &RunContext,
    found: &FoundPost<'_>,
    address: EmailAddress,
) -> Result<(String, String), RunError> {
    let (renderer, _) = compose_any(&context.config, found)?;
    let through = transmit_test(context, &renderer, address).await?;
    Ok((renderer.template().subject.to_string(), through))
}

/// The draft of an unpublished post, for a dry run. It is never frozen.
pub fn draft_of<'a>(context: &RunContext, found: &'a FoundPost<'_>) -> Result<Draft<'a>, RunError> {
    let (renderer, findings) = compose_any(&context.config, found)?;
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
