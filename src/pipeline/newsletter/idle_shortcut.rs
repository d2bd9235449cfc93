//! The shortcut for a run with nothing to do: until when nothing is due for these inputs. It is ignored if the clock was set
//! back, which is also reported.

use chrono::{DateTime, TimeDelta, Utc};

use crate::pipeline::session::context::RunContext;
use crate::pipeline::session::ledger_session::LedgerSession;
use crate::pipeline::session::run_error::RunError;
use crate::pipeline::site_build::feeds::BuildReport;
use crate::store::Store;

/// The fingerprint of the inputs, until when nothing is due, and when that was recorded. Recorded only after a run has done
/// what was due, so that a build or an interrupted run skips nothing.
const SETTLED: &str = "settled";

/// When a run last looked at its clock.
const CLOCK: &str = "clock";

/// Smaller clock adjustments are normal.
const TOLERANCE: TimeDelta = TimeDelta::minutes(5);

/// How often the time is recorded, so that not every idle run writes.
const RENEWED: TimeDelta = TimeDelta::hours(1);

pub(crate) async fn is_settled(
    context: &RunContext,
    session: &LedgerSession,
    built: &BuildReport,
) -> Result<bool, RunError> {
    if built.archive.is_some() {
        return Ok(false);
    }
    let note = session.store.get_meta(SETTLED).await?.unwrap_or_default();
    let now = context.clock.now();
    Ok(parse_note(&note, &built.inputs).is_some_and(|(until, at)| at <= now && now < until))
}

fn parse_note(note: &str, inputs: &str) -> Option<(DateTime<Utc>, DateTime<Utc>)> {
    let mut words = note.strip_prefix(inputs)?.split_whitespace();
    let mut time = || Some(DateTime::parse_from_rfc3339(words.next()?).ok()?.to_utc());
    Some((time()?, time()?))
}

pub(crate) async fn record_settled(
    context: &RunContext,
    session: &LedgerSession,
    inputs: &str,
    until: DateTime<Utc>,
) -> Result<(), RunError> {
    let note = format!("{inputs} {} {}", until.to_rfc3339(), context.clock.now().to_rfc3339());
    Ok(session.store.set_meta(SETTLED, &note).await?)
}

/// When a run last looked at its clock, within an hour.
pub(crate) async fn last_run(store: &Store) -> Result<Option<DateTime<Utc>>, RunError> {
    let note = store.get_meta(CLOCK).await?;
    Ok(note.and_then(|note| Some(DateTime::parse_from_rfc3339(&note).ok()?.to_utc())))
}

/// A warning if the clock shows an earlier time than in the previous run.
pub(crate) async fn clock_jump(
    context: &RunContext,
    session: &LedgerSession,
) -> Result<Option<String>, RunError> {
    let now = context.clock.now();
    let before = last_run(&session.store).await?;
    let went_back = before.is_some_and(|before| before - now > TOLERANCE);
    if went_back || before.is_none_or(|before| now - before > RENEWED) {
        session.store.set_meta(CLOCK, &now.to_rfc3339()).await?;
    }
    Ok(before.filter(|_| went_back).map(|before| {
        let zone = context.config.site.timezone;
        let shown = |time: DateTime<Utc>| time.with_timezone(&zone).format("%Y-%m-%d %H:%M").to_string();
        format!(
            "the clock was set back: it is {}, but an earlier run recorded {}; this run mails nothing new",
            shown(now),
            shown(before)
        )
    }))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_note_of_an_older_version_or_of_other_inputs_is_ignored() {
        let at = "2026-11-29T09:00:00+00:00";
        assert!(parse_note(&format!("abc {at} {at}"), "abc").is_some());
        for other in [format!("abc {at}"), format!("abd {at} {at}"), String::new(), "abc ".to_owned()] {
            assert_eq!(parse_note(&other, "abc"), None, "{other}");
        }
    }
}
