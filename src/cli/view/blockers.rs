//! Why nothing is being sent: one sentence for each reason, with times in the site's time zone.

use crate::cli::printer::{count, when};
use crate::config::Config;
use crate::pipeline::status::Blocker;
use crate::text::shell_quoted;

/// One reason, and what to do about it.
pub(in crate::cli) fn sentence(reason: &Blocker, config: &Config) -> String {
    let at = |time| when(time, config);
    let pending = |waiting: u64| format!("{} pending", count(waiting, "delivery"));
    match reason {
        Blocker::SwitchedOff { key } => {
            let what = if *key == "newsletter.from" { "is not set" } else { "is false" };
            format!("newsletter off: {key} {what} in config.toml")
        }
        Blocker::AnotherRun { waiting, until: Some(until) } => format!(
            "sending: another run is in progress, {}; at smtp.per_minute it takes until about {}",
            pending(*waiting),
            at(*until)
        ),
        Blocker::AnotherRun { waiting, until: None } => {
            format!("sending: another run is in progress, {}", pending(*waiting))
        }
        Blocker::RelayRests { until, said, waiting } => format!(
            "throttled: sending is paused until {}, {}; the relay replied: {said} \
             (`letterpress send --now` retries immediately)",
            at(*until),
            pending(*waiting)
        ),
        Blocker::Paused { issue, subject, why, waiting } => format!(
            "paused: \"{subject}\", {}: {why}\n    `letterpress resolve {} --resume` continues, `--retry` also \
             retries rejected deliveries, `--cancel` cancels the issue",
            pending(*waiting),
            shell_quoted(issue)
        ),
        Blocker::Retries { subject, readers, until, .. } => format!(
            "waiting: {} of \"{subject}\" could not be delivered yet; next retry at {}",
            count(*readers, "message"),
            at(*until)
        ),
        Blocker::NextRun { subject, waiting, until: Some(until), .. } => format!(
            "waiting: {} of \"{subject}\" for the next run; smtp.per_minute allows no message before {}",
            count(*waiting, "message"),
            until.with_timezone(&config.site.timezone).format("%H:%M:%S")
        ),
        Blocker::NextRun { subject, waiting, until: None, .. } => {
            format!("waiting: {} of \"{subject}\" for the next run", count(*waiting, "message"))
        }
    }
}
