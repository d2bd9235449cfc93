//! `newsletter.approve`: nothing is mailed before the writer has approved it. After an edit, a new approval is needed.
//!
//! Approving also confirms that a possible duplicate is a new post.

use super::held::{self, Held, IS_NEW, Unapproved, fingerprint};
use super::lookup::find;
use super::newsletter::{compose, transmit_test};
use super::{Edition, Office, RunError, World, site};
use crate::letters::Note;
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
pub(super) async fn missing(
    world: &World,
    office: &Office,
    subject: &str,
    editions: &[&Edition],
) -> Result<Option<Unapproved>, RunError> {
    let Some(first) = editions.first().filter(|_| world.config.newsletter.approve) else { return Ok(None) };
    let content = content(editions)?;
    let asked = match office.store.approval(subject, &content).await? {
        Approval::Given => return Ok(None),
        Approval::Asked(_) => true,
        Approval::NotAsked => false,
    };
    let title = first.letter().subject.clone();
    let sample = first.duplicate();
    Ok(Some(Unapproved { subject: subject.to_owned(), title, content, asked, sample }))
}

fn content(editions: &[&Edition]) -> Result<String, RunError> {
    let json = serde_json::to_vec(editions).map_err(RunError::internal)?;
    Ok(fingerprint(&json))
}

/// Sends each issue that waits for approval to the writer, once for each version.
pub(super) async fn ask(world: &World, office: &Office, held: &mut Held) -> Result<(), RunError> {
    for unapproved in held.unapproved.iter_mut().filter(|unapproved| !unapproved.asked) {
        let Some(address) = world.config.newsletter.test_address() else { continue };
        let marked = unapproved.sample.marked("[approve]", Some(&note(world, office, unapproved)));
        transmit_test(world, &marked, address.clone()).await?;
        // Recorded after sending: after a crash in between, the request is sent twice rather than never.
        office.store.ask_approval(&unapproved.subject, &unapproved.content, world.clock.now()).await?;
        unapproved.asked = true;
    }
    Ok(())
}

fn note(world: &World, office: &Office, unapproved: &Unapproved) -> Note {
    let command = format!("letterpress approve {}", shell_quoted(&unapproved.subject));
    let page = world.config.web.url.as_ref().zip(unhex(&unapproved.content)).map(|(url, content)| {
        url.join(&format!("approve/{}", office.keys.sign(Purpose::Approve, &Subject::from(content), 1)))
    });
    Note { text: format!("Not mailed yet. To mail this email to your subscribers: {command}"), page }
}

/// Approves a post or a digest, and confirms a possible duplicate as new. `None` if nothing is waiting for approval.
pub async fn approve(world: &World, wanted: &str) -> Result<Option<Approved>, RunError> {
    let office = Office::open_begun(&world.config, world.clock.as_ref()).await?;
    let now = world.clock.now();
    let digest = wanted.strip_prefix(PREFIX).unwrap_or(wanted);
    if office.store.approve_asked(&format!("{PREFIX}{digest}"), now).await? {
        return Ok(Some(Approved { title: format!("the weekly digest {digest}"), as_new: false }));
    }
    let archive = site::read(world)?;
    let post = find(&world.config, &archive, wanted)?;
    let as_new = !held::alike(&office, &archive, [post]).await?.is_empty();
    if as_new {
        office.store.approve(&post.id, IS_NEW, now).await?;
    }
    // Only the version that was shown to the writer is approved.
    let content = content(&[&compose(&world.config, post)?.0])?;
    let asked = office.store.approval(&post.id, &content).await? != Approval::NotAsked;
    if asked {
        office.store.approve(&post.id, &content, now).await?;
    }
    let title = HeaderText::to_string(&post.title);
    Ok((as_new || asked).then_some(Approved { title, as_new }))
}
