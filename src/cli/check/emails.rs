//! The emails of `letterpress check`: that of the newest post, and a weekly digest.

use chrono::{DateTime, Utc};

use crate::archive::{Archive, Post, folder};
use crate::config::Config;
use crate::email;
use crate::finding::Finding;
use crate::pipeline::newsletter::{compose, compose_digest, compose_step};
use crate::pipeline::session::RunError;
use crate::schedule::digest::Digest;

/// Checks the email of the newest post.
pub(super) fn newest(config: &Config, archive: &Archive, findings: &mut Vec<Finding>) {
    if let Some(post) = archive.posts.iter().find(|post| post.newsletter) {
        match compose(config, post) {
            Ok((renderer, warnings)) => {
                findings.extend(warnings);
                findings.push(inbox_row(post, renderer.template().subject.as_str()));
            }
            Err(RunError::Findings(errors)) => {
                let place = |finding: &Finding| (finding.rule, finding.file.clone(), finding.line);
                let known: Vec<_> = findings.iter().map(place).collect();
                findings.extend(errors.into_iter().filter(|error| !known.contains(&place(error))));
            }
            Err(error) => findings.push(Finding::error("letter", post.source.as_str(), error.to_string())),
        }
    }
}

/// Checks the emails of the series.
pub(super) fn series(config: &Config, archive: &Archive, now: DateTime<Utc>, findings: &mut Vec<Finding>) {
    let all = match folder::read_series(config, now) {
        Ok(all) => all,
        Err(errors) => return findings.extend(errors),
    };
    let latest = archive.posts.iter().find(|post| post.newsletter && post.segment.is_everybody());
    for step in all.iter().flat_map(|series| &series.steps) {
        match compose_step(config, (archive, latest), step, now) {
            Ok((_, warnings)) => findings.extend(warnings),
            Err(RunError::Findings(errors)) => findings.extend(errors),
            // Other errors were reported for the email of the newest post.
            Err(_) => return,
        }
    }
}

/// What an inbox shows of the email.
fn inbox_row(post: &Post, subject: &str) -> Finding {
    let message = format!("an inbox shows: {subject} | {}", email::preview_line(post));
    Finding::note("inbox-row", post.source.as_str(), message)
}

/// Checks the weekly digest of the newest posts. Findings that the email of the newest post has too are reported once.
pub(super) fn week(config: &Config, archive: &Archive, findings: &mut Vec<Finding>) {
    let posts: Vec<_> = archive.posts.iter().filter(|post| post.newsletter).take(3).collect();
    let Some(newest) = posts.first() else { return };
    let digest = Digest { week: "check".to_owned(), moment: newest.published.to_utc(), posts };
    let found = match compose_digest(config, &digest) {
        Ok((_, warnings)) => warnings,
        Err(RunError::Findings(errors)) => errors,
        // Other errors were reported for the email of the newest post.
        Err(_) => return,
    };
    let is_new = |finding: &Finding| findings.iter().all(|known| known.message != finding.message);
    let fresh: Vec<Finding> = found.into_iter().filter(is_new).collect();
    findings.extend(fresh);
}
