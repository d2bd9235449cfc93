//! Changes of the list by day, week or month. Pure.

use std::collections::BTreeMap;

use chrono::{DateTime, Datelike as _, Days, NaiveDate, Utc};
use chrono_tz::Tz;
use serde::Serialize;

use super::ReadersOfPeriod;

/// The length of a period: as short as possible, with about a hundred periods at most.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub(crate) enum Step {
    #[default]
    Day,
    /// From Monday.
    Week,
    Month,
}

impl Step {
    const MOST_DAYS: i64 = 62;
    const MOST_DAYS_IN_WEEKS: i64 = 2 * 366;

    fn between(first: NaiveDate, last: NaiveDate) -> Self {
        match (last - first).num_days() {
            days if days <= Self::MOST_DAYS => Self::Day,
            days if days <= Self::MOST_DAYS_IN_WEEKS => Self::Week,
            _ => Self::Month,
        }
    }

    /// The first day of the period of `day`.
    fn start(self, day: NaiveDate) -> NaiveDate {
        match self {
            Self::Day => day,
            Self::Week => day - Days::new(day.weekday().num_days_from_monday().into()),
            Self::Month => day.with_day(1).unwrap_or(day),
        }
    }

    fn next(self, start: NaiveDate) -> NaiveDate {
        // No month has more than 31 days, and the 32nd day is in the next one.
        let days = match self {
            Self::Day => 1,
            Self::Week => 7,
            Self::Month => 31,
        };
        self.start(start + Days::new(days))
    }
}

/// What happened to a subscriber.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum ChangeKind {
    Joined,
    Unsubscribed,
    Bounced,
    Complained,
    /// Suppressed by the writer or by a list.
    Suppressed,
}

/// The same for several subscribers at one time.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Change {
    pub(crate) at: DateTime<Utc>,
    pub(crate) kind: ChangeKind,
    pub(crate) count: u64,
}

/// What changed in one period.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize)]
pub(crate) struct Period {
    pub(crate) from: NaiveDate,
    /// At its end.
    pub(crate) active: u64,
    pub(crate) joined: u64,
    pub(crate) unsubscribed: u64,
    pub(crate) bounced: u64,
    pub(crate) complained: u64,
    pub(crate) suppressed: u64,
}

impl Period {
    fn add(&mut self, change: &Change) {
        *match change.kind {
            ChangeKind::Joined => &mut self.joined,
            ChangeKind::Unsubscribed => &mut self.unsubscribed,
            ChangeKind::Bounced => &mut self.bounced,
            ChangeKind::Complained => &mut self.complained,
            ChangeKind::Suppressed => &mut self.suppressed,
        } += change.count;
    }

    fn left(&self) -> u64 {
        self.unsubscribed + self.bounced + self.complained + self.suppressed
    }
}

/// The periods from `since`, or from the first change, until today. `changes` begin with the list.
pub(crate) fn periods(
    changes: &[Change],
    since: Option<NaiveDate>,
    now: DateTime<Utc>,
    zone: Tz,
) -> (Step, Vec<Period>) {
    let day = |at: DateTime<Utc>| at.with_timezone(&zone).date_naive();
    let today = day(now);
    let Some(first) = changes.iter().map(|change| day(change.at)).min() else {
        return (Step::default(), Vec::new());
    };
    let first = since.map_or(first, |since| since.max(first)).min(today);
    let step = Step::between(first, today);
    let mut periods: BTreeMap<NaiveDate, Period> = BTreeMap::new();
    let mut from = step.start(first);
    while from <= today {
        periods.insert(from, Period { from, ..Period::default() });
        from = step.next(from);
    }
    let mut before = Period::default();
    for change in changes {
        // A list may have a date in the future of this machine's clock.
        let from = step.start(day(change.at).min(today));
        periods.get_mut(&from).unwrap_or(&mut before).add(change);
    }
    let mut active = before.joined.saturating_sub(before.left());
    for period in periods.values_mut() {
        active = (active + period.joined).saturating_sub(period.left());
        period.active = active;
    }
    (step, periods.into_values().collect())
}

/// Daily numbers by period: the mean of the days that have one.
pub(crate) fn mean_by_period(days: &[(NaiveDate, u64)]) -> (Step, Vec<ReadersOfPeriod>) {
    let (Some((first, _)), Some((last, _))) = (days.first(), days.last()) else {
        return (Step::default(), Vec::new());
    };
    let step = Step::between(*first, *last);
    let mut sums: BTreeMap<NaiveDate, (u64, u64)> = BTreeMap::new();
    for (day, readers) in days {
        let (sum, count) = sums.entry(step.start(*day)).or_default();
        (*sum, *count) = (*sum + readers, *count + 1);
    }
    let mean = |(from, (sum, count)): (NaiveDate, (u64, u64))| ReadersOfPeriod {
        from,
        readers: (sum + count / 2) / count.max(1),
    };
    (step, sums.into_iter().map(mean).collect())
}

#[cfg(test)]
mod tests {
    use chrono_tz::Asia::Seoul;

    use super::*;

    fn change(at: &str, kind: ChangeKind, count: u64) -> Change {
        Change { at: at.parse().unwrap(), kind, count }
    }

    fn day(day: &str) -> NaiveDate {
        day.parse().unwrap()
    }

    #[test]
    fn the_active_ones_of_a_period_are_all_who_joined_without_those_who_left() {
        let changes = [
            change("2026-11-20T16:00:00Z", ChangeKind::Joined, 5),
            change("2026-11-22T01:00:00Z", ChangeKind::Unsubscribed, 1),
            change("2026-11-22T02:00:00Z", ChangeKind::Bounced, 2),
            change("2026-11-23T02:00:00Z", ChangeKind::Joined, 1),
        ];
        let now = "2026-11-23T09:00:00Z".parse().unwrap();
        let (step, all) = periods(&changes, None, now, Seoul);
        let active = |periods: &[Period]| periods.iter().map(|period| period.active).collect::<Vec<_>>();
        // The first change is on the next day in Seoul.
        assert_eq!((step, all[0].from, active(&all)), (Step::Day, day("2026-11-21"), vec![5, 2, 3]));
        assert_eq!((all[1].unsubscribed, all[1].bounced), (1, 2));
        let (_, later) = periods(&changes, Some(day("2026-11-23")), now, Seoul);
        assert_eq!((later.len(), later[0].joined, active(&later)), (1, 1, vec![3]));
    }

    #[test]
    fn a_year_is_shown_in_weeks_and_ten_years_in_months() {
        let now = "2026-11-23T09:00:00Z".parse().unwrap();
        let since = |at| periods(&[change(at, ChangeKind::Joined, 1)], None, now, Seoul);
        let (step, weeks) = since("2025-11-25T00:00:00Z");
        assert_eq!((step, weeks.len(), weeks[0].from), (Step::Week, 53, day("2025-11-24")));
        let (step, months) = since("2016-01-31T00:00:00Z");
        assert_eq!((step, months.len(), months[1].from), (Step::Month, 131, day("2016-02-01")));
        assert!(months.iter().all(|month| month.active == 1));
    }

    #[test]
    fn nothing_and_a_time_after_now_are_no_problem() {
        let now = "2026-11-23T09:00:00Z".parse().unwrap();
        assert_eq!(periods(&[], None, now, Seoul).1, []);
        let (_, ahead) = periods(&[change("2030-01-01T00:00:00Z", ChangeKind::Joined, 2)], None, now, Seoul);
        assert_eq!(ahead.iter().map(|period| period.active).collect::<Vec<_>>(), [2]);
    }

    #[test]
    fn days_that_were_not_counted_do_not_lower_a_mean() {
        let days = [(day("2025-01-06"), 10), (day("2025-01-08"), 13), (day("2026-01-06"), 4)];
        let (step, means) = mean_by_period(&days);
        let numbers: Vec<_> = means.iter().map(|mean| (mean.from, mean.readers)).collect();
        assert_eq!((step, numbers), (Step::Week, vec![(day("2025-01-06"), 12), (day("2026-01-05"), 4)]));
        assert_eq!(mean_by_period(&[]).1, []);
    }
}
