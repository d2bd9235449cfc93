//! `newsletter.approve`: nothing is mailed before the writer has approved it. After an edit, a new approval is needed.
//!
//! Approving also confirms that a possible duplicate is a new post.

use crate::email::Note;
use crate::pipeline::newsletter::compose::{compose, transmit_test};
use crate::pipeline::newsletter::held_posts::{self, HeldPosts, IS_NEW, Unapproved, fingerprint};
use crate::pipeline::newsletter::issue_renderer::IssueRenderer;
use crate::pipeline::session::context::RunContext;
use crate::pipeline::session::ledger_session::LedgerSession;
use crate::pipeline::session::run_error::RunError;
use crate::pipeline::site_build::feeds;
use crate::pipeline::site_build::lookup::find;
use crate::store::digest::PREFIX;
use crate::store::posts::Approval;
use crate::subscribers::token::{Purpose, Subject};
use crate::text::{HeaderText, shell_quoted, unhex};

/// What was approved.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Approved {
    /// Its title.
    pub title: String,
    /// Whether a possible duplicate was confirmed as new.
    pub as_new: bool,
}

/// The approval that is missing before these emails may be frozen; `None` if none is.
pub(crate) async fn missing(
    context: &RunContext,
    session: &LedgerSession,
    subject: &str,
    renderers: &[&IssueRenderer],
) -> Result<Option<Unapproved>, RunError> {
    let Some(first) = renderers.first().filter(|_| context.config.newsletter.approve) else {
        return Ok(None);
    };
    let content = content(renderers)?;
    let asked = match session.store.approval(subject, &content).await? {
        Approval::Given => return Ok(None),
        Approval::Asked(_) => true,
        Approval::NotAsked => false,
    };
    let title = first.template().subject.clone();
    let sample = first.duplicate();
    Ok(Some(Unapproved { subject: subject.to_owned(), title, content, asked, sample }))
}

fn content(renderers: &[&IssueRenderer]) -> Result<String, RunError> {
    let json = serde_json::to_vec(renderers).map_err(RunError::internal)?;
    Ok(fingerprint(&json))
}

/// Sends each issue that waits for approval to the writer, once for each version.
pub(crate) async fn request(
    context: &RunContext,
    session: &LedgerSession,
    held: &mut HeldPosts,
) -> Result<(), RunError> {
    for unapproved in held.unapproved.iter_mut().filter(|unapproved| !unapproved.asked) {
        let Some(address) = context.config.newsletter.test_address() else { continue };
        let marked = unapproved.sample.with_banner("[approve]", Some(&note(context, session, unapproved)));
        transmit_test(context, &marked, address.clone()).await?;
        // Recorded after sending: after a crash in between, the request is sent twice rather than never.
        session.store.ask_approval(&unapproved.subject, &unapproved.content, context.clock.now()).await?;
        unapproved.asked = true;
    }
    Ok(())
}

fn note(context: &RunContext, session: &LedgerSession, unapproved: &Unapproved) -> Note {
    let command = format!("letterpress approve {}", shell_quoted(&unapproved.subject));
    let page = context.config.web.url.as_ref().zip(unhex(&unapproved.content)).map(|(url, content)| {
        url.join(&format!("approve/{}", session.keys.sign(Purpose::Approve, &Subject::from(content), 1)))
    });
    Note { text: format!("Not mailed yet. To mail this email to your subscribers: {command}"), page }
}

/// Approves a post or a digest, and confirms a possible duplicate as new. `None` if nothing is waiting for approval.
pub async fn approve(context: &RunContext, wanted: &str) -> Result<Option<Approved>, RunError> {
    let session = LedgerSession::open_existing(&context.config, context.clock.as_ref()).await?;
    let now = context.clock.now();
    let digest = wanted.strip_prefix(PREFIX).unwrap_or(wanted);
    if session.store.approve_asked(&format!("{PREFIX}{digest}"), now).await? {
        return Ok(Some(Approved { title: format!("the weekly digest {digest}"), as_new: false }));
    }
    let archive = feeds::read(context)?;
    let post = find(&context.config, &archive, wanted)?;
    let as_new = !held_posts::alike(&context.config, &session, &archive, [post]).await?.is_empty();
    if as_new {
        session.store.approve(&post.id, IS_NEW, now).await?;
    }
    // Only the version that was shown to the writer is approved.
    let content = content(&[&compose(&context.config, post)?.0])?;
    let asked = session.store.approval(&post.id, &content).await? != Approval::NotAsked;
    if asked {
        session.store.approve(&post.id, &content, now).await?;
    }
    let title = HeaderText::to_string(&post.title);
    Ok((as_new || asked).then_some(Approved { title, as_new }))
}
