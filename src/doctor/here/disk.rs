//! Space on the disk of the ledger, and how it shrinks from run to run.

use camino::Utf8Path;
use chrono::{DateTime, TimeDelta, Utc};
use serde::{Deserialize, Serialize};

use super::super::{Check, Section};
use crate::config::Config;

const ID: &str = "disk";

/// Below this many bytes nothing may be written soon: a run stops, and emails wait.
const LEAST: u64 = 100_000_000;
const LITTLE: u64 = 1_000_000_000;

/// A disk that is full within this time, at the present rate, is a warning.
const SOON: TimeDelta = TimeDelta::days(30);

/// The rate is known only after some days.
const SHORTEST: TimeDelta = TimeDelta::days(2);

/// How many samples are kept, one a day.
const KEPT: usize = 30;

/// The free bytes at a time.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Sample {
    pub(crate) at: DateTime<Utc>,
    pub(crate) free: u64,
}

/// Space and files that are left for this user.
struct Free {
    bytes: u64,
    /// `None` on file systems that do not count them.
    files: Option<u64>,
}

/// Checks the disk, and adds what it found to `samples`.
pub(crate) fn check(config: &Config, samples: &mut Vec<Sample>, now: DateTime<Utc>) -> Check {
    let ledger = config.store.sqlite_path().map(|path| config.resolve(path));
    let folder = ledger.as_deref().and_then(Utf8Path::parent).filter(|folder| folder.is_dir());
    let Some(free) = free(folder.unwrap_or(&config.root)) else {
        return Check::skipped(Section::Here, ID, "this system does not tell the free space");
    };
    // A copy of the ledger must fit: for a backup, and for making it smaller.
    let ledger = ledger.and_then(|path| path.metadata().ok()).map_or(0, |meta| meta.len());
    let sample = Sample { at: now, free: free.bytes };
    let check = judge(&free, ledger, full_at(samples, sample), now);
    remember(samples, sample);
    check
}

fn judge(free: &Free, ledger: u64, full_at: Option<DateTime<Utc>>, now: DateTime<Utc>) -> Check {
    let next = "remove old backups and logs, or `letterpress ledger compact`; or get a larger disk";
    let shown = format!("{} free", shown(free.bytes));
    if free.bytes < LEAST.max(ledger) {
        let message = format!("the disk is nearly full: {shown}");
        return Check::fault(Section::Here, ID, message, next);
    }
    if free.files.is_some_and(|files| files < 1_000) {
        let message = "the file system can hold fewer than 1,000 more files";
        return Check::fault(Section::Here, ID, message, "remove files that nobody needs");
    }
    if let Some(at) = full_at.filter(|at| *at - now < SOON) {
        let days = (at - now).num_days().max(1);
        let message = format!("{shown}, but at the present rate the disk is full in {days} days");
        return Check::warning(Section::Here, ID, message, next);
    }
    if free.bytes < LITTLE.max(ledger.saturating_mul(2)) {
        return Check::warning(Section::Here, ID, format!("little space is left: {shown}"), next);
    }
    Check::good(Section::Here, ID, format!("{shown} on the disk"))
}

/// When nothing is left if it goes on as since the oldest sample; `None` if it does not shrink.
fn full_at(samples: &[Sample], now: Sample) -> Option<DateTime<Utc>> {
    let first = samples.iter().find(|sample| now.at - sample.at >= SHORTEST)?;
    let lost = i64::try_from(first.free.checked_sub(now.free)?).ok().filter(|lost| *lost > 0)?;
    let elapsed = (now.at - first.at).num_seconds();
    let left = i128::from(now.free) * i128::from(elapsed) / i128::from(lost);
    now.at.checked_add_signed(TimeDelta::try_seconds(i64::try_from(left).ok()?)?)
}

/// Keeps one sample a day. A clock that was set back makes the later ones useless.
fn remember(samples: &mut Vec<Sample>, sample: Sample) {
    samples.retain(|known| known.at < sample.at);
    if samples.last().is_none_or(|last| sample.at - last.at >= TimeDelta::hours(20)) {
        samples.push(sample);
    }
    let excess = samples.len().saturating_sub(KEPT);
    samples.drain(..excess);
}

fn shown(bytes: u64) -> String {
    match bytes {
        0..1_000_000_000 => format!("{} MB", bytes / 1_000_000),
        _ => format!("{} GB", bytes / 1_000_000_000),
    }
}

#[cfg(target_os = "linux")]
fn free(folder: &Utf8Path) -> Option<Free> {
    let found = rustix::fs::statvfs(folder.as_std_path()).ok()?;
    let files = (found.f_files > 0).then_some(found.f_favail);
    Some(Free { bytes: found.f_bavail.saturating_mul(found.f_frsize), files })
}

#[cfg(not(target_os = "linux"))]
fn free(_: &Utf8Path) -> Option<Free> {
    None
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::doctor::Level;

    fn day(day: i64) -> DateTime<Utc> {
        DateTime::UNIX_EPOCH + TimeDelta::days(day)
    }

    fn level(bytes: u64, files: Option<u64>, ledger: u64) -> Level {
        judge(&Free { bytes, files }, ledger, None, day(0)).level
    }

    #[test]
    fn a_disk_must_hold_a_copy_of_the_ledger() {
        assert_eq!(level(50_000_000_000, None, 0), Level::Good);
        assert_eq!(level(500_000_000, None, 0), Level::Warning);
        assert_eq!(level(50_000_000, None, 0), Level::Fault);
        assert_eq!(level(3_000_000_000, Some(5_000_000), 2_000_000_000), Level::Warning);
        assert_eq!(level(3_000_000_000, None, 4_000_000_000), Level::Fault);
        assert_eq!(level(50_000_000_000, Some(10), 0), Level::Fault);
    }

    #[test]
    fn a_disk_that_will_be_full_within_a_month_is_a_warning_before_it_is() {
        let mut samples = Vec::new();
        for at in 0..10 {
            remember(
                &mut samples,
                Sample { at: day(at), free: 10_000_000_000 - u64::try_from(at).unwrap() * 500_000_000 },
            );
        }
        let now = Sample { at: day(10), free: 5_000_000_000 };
        assert_eq!(full_at(&samples, now), Some(day(20)));
        assert_eq!(
            judge(&Free { bytes: now.free, files: None }, 0, full_at(&samples, now), now.at).level,
            Level::Warning
        );
        let steady = Sample { at: day(10), free: 10_000_000_000 };
        assert_eq!(full_at(&samples, steady), None);
        assert_eq!(full_at(&samples[9..], now), None, "one day is no trend");
    }

    #[test]
    fn one_sample_a_day_is_kept_for_a_month() {
        let mut samples = Vec::new();
        for hour in 0..24 * 60 {
            remember(&mut samples, Sample { at: DateTime::UNIX_EPOCH + TimeDelta::hours(hour), free: 1 });
        }
        assert_eq!(samples.len(), KEPT);
        assert!(samples.windows(2).all(|pair| pair[1].at - pair[0].at >= TimeDelta::hours(20)));
    }
}
