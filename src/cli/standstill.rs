//! Why nothing moves, in words: one sentence for each reason, with the time in the writer's own zone.

use super::printer::{count, when};
use crate::config::Config;
use crate::pipeline::Standstill;
use crate::text::shell_quoted;

/// One reason, and what to do about it if anything can be done.
pub(super) fn sentence(reason: &Standstill, config: &Config) -> String {
    let at = |time| when(time, config);
    match reason {
        Standstill::SwitchedOff { key } => {
            let what = if *key == "newsletter.from" { "is not set" } else { "is false" };
            format!("off: no letter is sent, for {key} {what} in config.toml")
        }
        Standstill::AnotherRun { waiting, until: Some(until) } => format!(
            "at work: a run is sending now; {} to go, at smtp.per_minute until about {}",
            count(*waiting, "letter"),
            at(*until)
        ),
        Standstill::AnotherRun { waiting, until: None } => {
            format!("at work: a run is sending now; {} to go", count(*waiting, "letter"))
        }
        Standstill::RelayRests { until, said, waiting } => format!(
            "waiting: the relay is left alone until {}, {} to go; {said} (`letterpress send --now` does not wait)",
            at(*until),
            count(*waiting, "letter")
        ),
        Standstill::Paused { issue, subject, why, waiting } => format!(
            "paused: \"{subject}\", {} to go: {why}\n    `letterpress resolve {} --resume` goes on, `--retry` also \
             tries those again who were refused, `--cancel` gives it up",
            count(*waiting, "letter"),
            shell_quoted(issue)
        ),
        Standstill::Retries { subject, readers, until, .. } => format!(
            "waiting: {} of \"{subject}\" could not be reached yet; the next try is due at {}",
            count(*readers, "reader"),
            at(*until)
        ),
        Standstill::NextRun { subject, waiting, until: Some(until), .. } => format!(
            "waiting: {} of \"{subject}\" for the next run; smtp.per_minute allows no letter before {}",
            count(*waiting, "letter"),
            until.with_timezone(&config.site.timezone).format("%H:%M:%S")
        ),
        Standstill::NextRun { subject, waiting, until: None, .. } => {
            format!("waiting: {} of \"{subject}\" for the next run", count(*waiting, "letter"))
        }
    }
}
