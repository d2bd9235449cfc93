//! `newsletter.approve`: nothing is mailed before its writer has seen it and said so. An edit asks again.

use super::held::{Held, IS_NEW, Unapproved, fingerprint};
use super::{Edition, Office, RunError, World, newsletter};
use crate::store::posts::Approval;

/// What is to be approved before these editions may be frozen; `None` if nothing is.
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
    Ok(Some(Unapproved { subject: subject.to_owned(), title, content, asked }))
}

fn content(editions: &[&Edition]) -> Result<String, RunError> {
    let json = serde_json::to_vec(editions).map_err(|error| RunError::user(error.to_string(), ""))?;
    Ok(fingerprint(&json))
}
