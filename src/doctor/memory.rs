//! What earlier runs found (`.letterpress/doctor.json`), so that a run under cron speaks only when something got worse.
//!
//! Nothing is reported twice. What gets better is recorded in silence, and remembered for a week: a server that comes and goes
//! is one problem. What may pass by itself is reported only if it is found again. If the file is lost, everything is reported
//! once more.

use std::collections::BTreeMap;

use camino::Utf8PathBuf;
use chrono::{DateTime, TimeDelta, Utc};
use serde::{Deserialize, Serialize};

use super::here::Sample;
use super::{Check, Level};
use crate::config::Config;
use crate::durable::{self, Mode};

/// A problem that is over for so long is forgotten, and is news when it comes back.
const OVER: TimeDelta = TimeDelta::days(7);

/// A problem that no run asked about for so long is forgotten: its host is no longer configured.
const UNSEEN: TimeDelta = TimeDelta::days(90);

/// How often something that may pass by itself is found before it is reported: in consecutive runs, or in all.
const IN_A_ROW: u32 = 2;
const IN_ALL: u32 = 3;

/// The file.
#[derive(Debug, Default, Serialize, Deserialize)]
pub struct Memory {
    #[serde(default)]
    problems: BTreeMap<String, Problem>,
    #[serde(default)]
    pub(super) disk: Vec<Sample>,
}

/// A problem that a run found.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
struct Problem {
    /// The worst level that was reported.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    reported: Option<Level>,
    /// How often it was found, in all and since it was last good.
    found: u32,
    in_a_row: u32,
    /// When a run asked last.
    asked: DateTime<Utc>,
    /// Since when it is over.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    good_since: Option<DateTime<Utc>>,
}

impl Memory {
    /// Reads the file. A damaged file counts as lost.
    pub fn read(config: &Config) -> Self {
        let text = std::fs::read(file(config)).unwrap_or_default();
        serde_json::from_slice(&text).unwrap_or_default()
    }

    /// Writes the file, readable by this user only.
    pub fn write(&self, config: &Config) -> std::io::Result<()> {
        let path = file(config);
        if let Some(folder) = path.parent() {
            std::fs::create_dir_all(folder)?;
        }
        durable::replace(&path, &serde_json::to_vec_pretty(self)?, Mode::Private)
    }

    /// Records a run; returns the checks that are news. With `shows_all` the run shows everything anyway, so that nothing of
    /// it is news later.
    pub fn record<'c>(&mut self, checks: &'c [Check], shows_all: bool, now: DateTime<Utc>) -> Vec<&'c Check> {
        self.problems.retain(|_, problem| {
            problem.good_since.is_none_or(|since| now - since < OVER) && now - problem.asked < UNSEEN
        });
        let mut news = Vec::new();
        // Several problems can have one key; the worst one counts.
        let mut worst: BTreeMap<String, &Check> = BTreeMap::new();
        for check in checks.iter().filter(|check| check.level != Level::Skipped) {
            let of_key = worst.entry(key(check)).or_insert(check);
            if check.level > of_key.level {
                *of_key = check;
            }
        }
        for (key, check) in worst {
            if check.is_bad() {
                let problem = self.problems.entry(key).or_insert_with(|| Problem::new(now));
                if problem.is_news(check, shows_all, now) {
                    news.push(check);
                }
            } else if let Some(problem) = self.problems.get_mut(&key) {
                problem.is_over(now);
            }
        }
        news.sort_by_key(|check| checks.iter().position(|other| std::ptr::eq(other, *check)));
        news
    }
}

impl Problem {
    fn new(now: DateTime<Utc>) -> Self {
        Self { reported: None, found: 0, in_a_row: 0, asked: now, good_since: None }
    }

    fn is_news(&mut self, check: &Check, shows_all: bool, now: DateTime<Utc>) -> bool {
        self.asked = now;
        self.good_since = None;
        self.found = self.found.saturating_add(1);
        self.in_a_row = self.in_a_row.saturating_add(1);
        let lasts = !check.may_pass || self.in_a_row >= IN_A_ROW || self.found >= IN_ALL;
        let is_worse = self.reported.is_none_or(|reported| check.level > reported);
        if is_worse && (lasts || shows_all) {
            self.reported = Some(check.level);
            return true;
        }
        false
    }

    fn is_over(&mut self, now: DateTime<Utc>) {
        self.asked = now;
        self.in_a_row = 0;
        self.good_since.get_or_insert(now);
    }
}

fn file(config: &Config) -> Utf8PathBuf {
    config.resolve(".letterpress/doctor.json")
}

fn key(check: &Check) -> String {
    let subject = check.subject.as_deref().unwrap_or_default();
    format!("{} {} {subject}", check.section.name(), check.id).trim_end().to_owned()
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::doctor::Section;

    fn check(level: Level, may_pass: bool) -> Check {
        Check { level, may_pass, ..Check::good(Section::Web, "site", "message") }
    }

    fn at(hours: i64) -> DateTime<Utc> {
        DateTime::UNIX_EPOCH + TimeDelta::hours(hours)
    }

    /// In which of the runs, one each hour, something is reported.
    fn reported(levels: &[Level], may_pass: bool) -> Vec<usize> {
        let mut memory = Memory::default();
        let mut spoken = Vec::new();
        for (hour, level) in (0..).zip(levels) {
            let text = serde_json::to_string(&memory).unwrap();
            memory = serde_json::from_str(&text).unwrap();
            if !memory.record(&[check(*level, may_pass)], false, at(hour)).is_empty() {
                spoken.push(usize::try_from(hour).unwrap());
            }
        }
        spoken
    }

    use Level::{Fault, Good, Skipped, Warning};

    #[test]
    fn a_lasting_problem_is_reported_once_and_again_if_it_gets_worse() {
        assert_eq!(reported(&[Good, Warning, Warning, Fault, Fault, Warning, Fault, Good], false), [1, 3]);
    }

    #[test]
    fn a_problem_that_may_pass_is_reported_when_it_stays() {
        assert_eq!(reported(&[Fault, Good, Good], true), [] as [usize; 0]);
        assert_eq!(reported(&[Good, Fault, Fault, Fault], true), [2]);
        assert_eq!(reported(&[Fault, Skipped, Fault], true), [2]);
    }

    #[test]
    fn a_problem_that_comes_and_goes_is_reported_once() {
        let flips: Vec<Level> = (0..100).map(|run| if run % 2 == 0 { Fault } else { Good }).collect();
        assert_eq!(reported(&flips, true), [4]);
        assert_eq!(reported(&flips, false), [0]);
    }

    #[test]
    fn runs_that_did_not_ask_change_nothing() {
        assert_eq!(reported(&[Warning, Skipped, Warning, Skipped, Good, Skipped, Warning], false), [0]);
    }

    #[test]
    fn a_problem_that_was_over_for_a_week_is_news_again() {
        let mut memory = Memory::default();
        let bad = [check(Warning, false)];
        assert_eq!(memory.record(&bad, false, at(0)).len(), 1);
        memory.record(&[check(Good, false)], false, at(1));
        memory.record(&[check(Good, false)], false, at(24 * 9));
        assert_eq!(memory.record(&bad, false, at(24 * 9 + 1)).len(), 1);
    }

    #[test]
    fn what_a_person_has_seen_is_no_news_for_cron() {
        let mut memory = Memory::default();
        let bad = [check(Warning, true)];
        memory.record(&bad, true, at(0));
        assert!(memory.record(&bad, false, at(1)).is_empty());
        assert!(memory.record(&bad, false, at(2)).is_empty());
    }

    proptest! {
        #[test]
        fn nothing_is_reported_more_often_than_there_are_levels(
            levels in prop::collection::vec(prop::sample::select(vec![Good, Skipped, Warning, Fault]), 0..60),
            may_pass: bool,
        ) {
            prop_assert!(reported(&levels, may_pass).len() <= 2);
        }
    }
}
