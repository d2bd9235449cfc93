//! How the last `publish` ended (`.letterpress/last-publish.json`), for health checks. The ledger is not opened: a check every
//! minute must not disturb a run, and must not need what a run needs.

use std::fs;

use camino::{Utf8Path, Utf8PathBuf};
use chrono::{DateTime, TimeDelta, Utc};
use serde::{Deserialize, Serialize};

use super::incident;
use crate::config::{Config, Span};
use crate::durable::{self, Mode};
use crate::store::RunLock;

/// The end of a run.
#[derive(Debug, Serialize, Deserialize)]
struct LastPublish {
    at: DateTime<Utc>,
    /// Its exit code.
    code: u8,
    /// What waits for a decision although it ended well.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    open: Vec<String>,
}

/// Whether runs come, and end well.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Health {
    /// The last run ended well at this time; this waits for a decision.
    Good(DateTime<Utc>, Vec<String>),
    /// A run is in progress; it may last longer than the time between two runs. Only seen with an `SQLite` file.
    Running,
    /// No run has ended yet.
    NoRun,
    /// The last run ended too long ago.
    Late(DateTime<Utc>),
    /// The last run failed with this exit code, for the reason if it is known.
    Failed(DateTime<Utc>, u8, Option<String>),
}

fn file(root: &Utf8Path) -> Utf8PathBuf {
    root.join(".letterpress/last-publish.json")
}

/// Notes that a run of the site in the folder `root` ended. A note that cannot be written does not spoil the run; the health
/// check misses it.
pub(crate) fn record(root: &Utf8Path, code: u8, open: Vec<String>, at: DateTime<Utc>) {
    let path = file(root);
    let folder = path.parent().map(fs::create_dir_all);
    if let (Some(Ok(())), Ok(note)) = (folder, serde_json::to_vec(&LastPublish { at, code, open })) {
        let _ = durable::replace(&path, &note, Mode::Private);
    }
}

/// Whether the last `publish` ended well, at most `max_age` ago.
pub fn health(config: &Config, max_age: Span, now: DateTime<Utc>) -> Health {
    let store = config.store.sqlite_path().map(|path| config.resolve(path));
    if store.is_some_and(|store| RunLock::is_held(&store)) {
        return Health::Running;
    }
    let note = fs::read(file(&config.root)).ok();
    let Some(last) = note.and_then(|note| serde_json::from_slice::<LastPublish>(&note).ok()) else {
        return Health::NoRun;
    };
    let reason = || incident::all(&incident::file(&config.root)).remove("publish");
    judge(&last, max_age, now, || {
        reason().map(|incident| incident.headline().to_owned()).filter(|line| !line.is_empty())
    })
}

fn judge(
    last: &LastPublish,
    max_age: Span,
    now: DateTime<Utc>,
    reason: impl FnOnce() -> Option<String>,
) -> Health {
    let age = now.signed_duration_since(last.at);
    match last.code {
        _ if age > max_age.delta() => Health::Late(last.at),
        // The clock was set back, so nobody knows how old it is; the next run writes it anew.
        _ if age < -TimeDelta::minutes(5) => Health::Late(last.at),
        0 => Health::Good(last.at, last.open.clone()),
        code => Health::Failed(last.at, code, reason()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_run_is_good_if_it_ended_well_and_is_not_too_old() {
        let now = DateTime::UNIX_EPOCH + TimeDelta::days(1);
        let hour = Span::seconds(3_600);
        for (minutes, code, expected) in [
            (60, 0, "good"),
            (61, 0, "late"),
            (61, 2, "late"),
            (10, 3, "failed"),
            (-4, 0, "good"),
            (-6, 0, "late"),
        ] {
            let last = LastPublish { at: now - TimeDelta::minutes(minutes), code, open: Vec::new() };
            let health = judge(&last, hour, now, || Some("why".to_owned()));
            let found = match &health {
                Health::Good(..) => "good",
                Health::Late(_) => "late",
                Health::Failed(_, found, Some(why)) if (*found, why.as_str()) == (code, "why") => "failed",
                _ => "something else",
            };
            assert_eq!(found, expected, "{minutes} {code}: {health:?}");
        }
    }
}
