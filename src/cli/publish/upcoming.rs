//! What a run with nothing to do waits for.

use chrono::{DateTime, Utc};

use super::super::printer::when;
use crate::config::Config;
use crate::pipeline::{Kind, Mailing, Upcoming, World};

/// A line for what is due next, or that there is nothing.
pub(super) fn lines(mailing: &Mailing, world: &World) -> Vec<String> {
    let (config, now) = (&world.config, world.clock.now());
    let mut lines = Vec::new();
    if let Some(retry_at) = mailing.retry_at {
        let at = moment(retry_at, now, config);
        lines.push(format!("letters: who could not be reached yet is tried again at {at}"));
    }
    if let Some((first, more)) = mailing.next.split_first() {
        let more = if more.is_empty() { String::new() } else { format!(", {} more after that", more.len()) };
        lines.push(format!("letters: {} is due at {}{more}", name(first), moment(first.due_at, now, config)));
    }
    if lines.is_empty() {
        lines.push("letters: nothing is due".to_owned());
    }
    lines
}

fn name(upcoming: &Upcoming) -> String {
    match upcoming.kind {
        Kind::Post => format!("\"{}\"", upcoming.name),
        Kind::Weekly => format!("the weekly letter {}", upcoming.name),
    }
}

/// A time of today without its date.
fn moment(at: DateTime<Utc>, now: DateTime<Utc>, config: &Config) -> String {
    let zone = config.site.timezone;
    let local = at.with_timezone(&zone);
    if local.date_naive() == now.with_timezone(&zone).date_naive() {
        local.format("%H:%M").to_string()
    } else {
        when(at, config)
    }
}
