//! The shortcut for a run with nothing to do: until when nothing is due for these inputs. It is ignored if the clock was set
//! back, which is also reported.

use chrono::{DateTime, TimeDelta, Utc};

use super::{Built, Office, RunError, World};

/// The fingerprint of the inputs, until when nothing is due, and when that was recorded. Recorded only after a run has done
/// what was due, so that a build or an interrupted run skips nothing.
const SETTLED: &str = "settled";

/// When a run last looked at its clock.
const CLOCK: &str = "clock";

/// Smaller clock adjustments are normal.
const TOLERANCE: TimeDelta = TimeDelta::minutes(5);

/// How often the time is recorded, so that not every idle run writes.
const RENEWED: TimeDelta = TimeDelta::hours(1);

pub(super) async fn holds(world: &World, office: &Office, built: &Built) -> Result<bool, RunError> {
    if built.archive.is_some() {
        return Ok(false);
    }
    let note = office.store.recall(SETTLED).await?.unwrap_or_default();
    let now = world.clock.now();
    Ok(span(&note, &built.inputs).is_some_and(|(until, at)| at <= now && now < until))
}

fn span(note: &str, inputs: &str) -> Option<(DateTime<Utc>, DateTime<Utc>)> {
    let mut words = note.strip_prefix(inputs)?.split_whitespace();
    let mut time = || Some(DateTime::parse_from_rfc3339(words.next()?).ok()?.to_utc());
    Some((time()?, time()?))
}

pub(super) async fn note(
    world: &World,
    office: &Office,
    inputs: &str,
    until: DateTime<Utc>,
) -> Result<(), RunError> {
    let note = format!("{inputs} {} {}", until.to_rfc3339(), world.clock.now().to_rfc3339());
    Ok(office.store.remember(SETTLED, &note).await?)
}

/// A warning if the clock shows an earlier time than in the previous run.
pub(super) async fn clock_jump(world: &World, office: &Office) -> Result<Option<String>, RunError> {
    let now = world.clock.now();
    let before = office.store.recall(CLOCK).await?;
    let before = before.and_then(|note| Some(DateTime::parse_from_rfc3339(&note).ok()?.to_utc()));
    let went_back = before.is_some_and(|before| before - now > TOLERANCE);
    if went_back || before.is_none_or(|before| now - before > RENEWED) {
        office.store.remember(CLOCK, &now.to_rfc3339()).await?;
    }
    Ok(before.filter(|_| went_back).map(|before| {
        let zone = world.config.site.timezone;
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
        assert!(span(&format!("abc {at} {at}"), "abc").is_some());
        for other in [format!("abc {at}"), format!("abd {at} {at}"), String::new(), "abc ".to_owned()] {
            assert_eq!(span(&other, "abc"), None, "{other}");
        }
    }
}
