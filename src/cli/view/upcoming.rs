//! What is due next, when a run has nothing to do.

use chrono::{DateTime, Utc};

use crate::cli::printer::when;
use crate::config::Config;
use crate::pipeline::newsletter::NewsletterReport;
use crate::pipeline::session::RunContext;
use crate::pipeline::status::{Kind, Upcoming};

/// The next retry and the next post, or that nothing is due.
pub(super) fn lines(report: &NewsletterReport, context: &RunContext) -> Vec<String> {
    let (config, now) = (&context.config, context.clock.now());
    let mut lines = Vec::new();
    if let Some(retry_at) = report.retry_at {
        let at = moment(retry_at, now, config);
        lines.push(format!("newsletter: deferred messages are retried at {at}"));
    }
    if let Some((first, more)) = report.next.split_first() {
        let more = if more.is_empty() { String::new() } else { format!(", and {} more later", more.len()) };
        lines.push(format!(
            "newsletter: {} is due at {}{more}",
            name(first),
            moment(first.due_at, now, config)
        ));
    }
    if lines.is_empty() {
        lines.push("newsletter: nothing is due".to_owned());
    }
    lines
}

fn name(upcoming: &Upcoming) -> String {
    match upcoming.kind {
        Kind::Post => format!("\"{}\"", upcoming.name),
        Kind::Weekly => format!("the weekly digest {}", upcoming.name),
    }
}

/// The time of day; with the date if it is not today.
fn moment(at: DateTime<Utc>, now: DateTime<Utc>, config: &Config) -> String {
    let zone = config.site.timezone;
    let local = at.with_timezone(&zone);
    if local.date_naive() == now.with_timezone(&zone).date_naive() {
        local.format("%H:%M").to_string()
    } else {
        when(at, config)
    }
}
