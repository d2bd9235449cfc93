//! The age of the last backup, as far as `letterpress backup` made it.

use chrono::{DateTime, TimeDelta, Utc};

use super::super::{Check, Section};
use crate::config::Config;
use crate::pipeline::operations::{LastBackup, last_backup};
use crate::text::shell_quoted;

const ID: &str = "backup";

/// A weekly backup is never so old.
const OLD: TimeDelta = TimeDelta::days(8);

/// Whether the newest backup exists and is not old. Other programs leave no trace here, so without one nothing is known.
pub(crate) fn check(config: &Config, now: DateTime<Utc>) -> Check {
    let Some(LastBackup { at, file }) = last_backup(config) else {
        let message = "`letterpress backup` was not used here; whether another program backs up is not known";
        return Check::skipped(Section::Here, ID, message);
    };
    let next =
        format!("letterpress backup {}", shell_quoted(&format!("backups/{}.db", now.format("%Y-%m-%d"))));
    // It may have been moved to another machine, which is where a backup belongs.
    let moved = if file.exists() { "" } else { ", where it is no longer" };
    let message = format!("the last backup was made {}, as {file}{moved}", shown((now - at).num_days()));
    if now - at > OLD {
        Check::warning(Section::Here, ID, message, next)
    } else {
        Check::good(Section::Here, ID, message)
    }
}

fn shown(days: i64) -> String {
    match days {
        ..=0 => "today".to_owned(),
        1 => "yesterday".to_owned(),
        days => format!("{days} days ago"),
    }
}
