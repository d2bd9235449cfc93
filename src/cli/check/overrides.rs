//! The user's templates with difficult posts, so that the one that breaks an email is not a real one.

use camino::Utf8Path;
use chrono::{DateTime, Utc};

use crate::archive::folder;
use crate::config::Config;
use crate::finding::Finding;
use crate::pipeline::newsletter::{compose, templates};
use crate::pipeline::session::RunError;

/// Posts that templates must stand, and what each is like.
const HOSTILE: [(&str, &str); 4] = [
    ("markup in its title, summary, author and category", include_str!("hostile/markup.md")),
    ("a title of one long word, and only a picture", include_str!("hostile/long.md")),
    ("Arabic text", include_str!("hostile/right-to-left.md")),
    ("an emoji as its title and every kind of block", include_str!("hostile/everything.md")),
];

/// The name of the posts in findings about themselves, which are dropped.
const SAMPLE: &str = "sample.md";

/// Composes each of the difficult posts, if the user has templates. Errors that the emails of real posts have too were
/// reported for these.
pub(super) fn check(config: &Config, now: DateTime<Utc>, findings: &mut Vec<Finding>) {
    let Ok(templates) = templates(config) else { return };
    let folder = config.newsletter.templates.as_str();
    let Some((file, _)) = templates.html_of_issue(folder).into_iter().next() else { return };
    for (what, text) in HOSTILE {
        let post = folder::sample(config, Utf8Path::new(SAMPLE), text, now);
        let Ok(Err(RunError::Findings(errors))) = post.map(|post| compose(config, &post)) else { continue };
        for error in errors {
            if findings.iter().any(|known| known.message == error.message) {
                continue;
            }
            let message = format!("the email of a post with {what}: {}", error.message);
            let file = if error.file == SAMPLE { file.clone() } else { error.file };
            findings.push(Finding { file, message, ..error });
        }
    }
}
