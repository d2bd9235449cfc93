//! What spares a run that has nothing to do: the note that the schedule has nothing more to say of these inputs before a
//! time. A note does not outlive the clock that wrote it, and a clock that jumps is said.

use chrono::{DateTime, TimeDelta, Utc};

use super::{Built, Office, RunError, World};

/// The digest of the inputs, until when it holds, and when it was written. It is written only after a run has done what
/// was due, so that a build, or a run that was cut off, leaves nothing out.
const SETTLED: &str = "settled";

/// When a run last looked at its clock.
const CLOCK: &str = "clock";

/// Clocks are set by so much without anybody noticing.
const TOLERANCE: TimeDelta = TimeDelta::minutes(5);

/// The clock's note is renewed so often, and not with each run that has nothing to do.
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

/// A word about a clock that shows an earlier time than it did to the run before.
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
            "the clock went back: it is {}, and an earlier run saw {}; nothing new is mailed in this run",
            shown(now),
            shown(before)
        )
    }))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_note_of_an_earlier_version_or_of_other_inputs_settles_nothing() {
        let at = "2026-11-29T09:00:00+00:00";
        assert!(span(&format!("abc {at} {at}"), "abc").is_some());
        for other in [format!("abc {at}"), format!("abd {at} {at}"), String::new(), "abc ".to_owned()] {
            assert_eq!(span(&other, "abc"), None, "{other}");
        }
    }
}
