//! How an issue went out over time: a few points of the curve of all its deliveries. Pure.

use std::collections::BTreeMap;

use chrono::{DateTime, Utc};
use serde::Serialize;

/// How many points a curve has at most.
const POINTS: u64 = 24;

/// How many messages were delivered so many minutes after the first.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
pub(crate) struct CurvePoint {
    pub(crate) minutes: u64,
    pub(crate) delivered: u64,
}

/// Collects the deliveries of an issue by minute.
#[derive(Debug, Default)]
pub(crate) struct CurveBuilder {
    minutes: BTreeMap<i64, u64>,
}

impl CurveBuilder {
    /// Adds deliveries in a minute, counted since 1970.
    pub(crate) fn add(&mut self, minute: i64, count: u64) {
        *self.minutes.entry(minute).or_default() += count;
    }

    /// The times of the first and the last delivery.
    pub(crate) fn ends(&self) -> (Option<DateTime<Utc>>, Option<DateTime<Utc>>) {
        let time = |minute: Option<(&i64, &u64)>| DateTime::from_timestamp(minute?.0.checked_mul(60)?, 0);
        (time(self.minutes.first_key_value()), time(self.minutes.last_key_value()))
    }

    /// The points at which equal parts of all deliveries were done, with the first and the last.
    pub(crate) fn points(&self) -> Vec<CurvePoint> {
        let Some((first, _)) = self.minutes.first_key_value() else { return Vec::new() };
        let total: u64 = self.minutes.values().sum();
        let (mut points, mut delivered, mut part) = (Vec::new(), 0, 0);
        for (minute, count) in &self.minutes {
            delivered += count;
            if delivered * (POINTS - 1) >= part * total {
                let minutes = u64::try_from(minute.saturating_sub(*first)).unwrap_or_default();
                points.push(CurvePoint { minutes, delivered });
                part = delivered * (POINTS - 1) / total.max(1) + 1;
            }
        }
        points
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_long_delivery_has_few_points_and_its_first_and_last_minute() {
        let mut curve = CurveBuilder::default();
        (0..5_000).for_each(|minute| curve.add(1_000 + minute * 2, 3));
        let points = curve.points();
        assert_eq!(points.first(), Some(&CurvePoint { minutes: 0, delivered: 3 }));
        assert_eq!(points.last(), Some(&CurvePoint { minutes: 9_998, delivered: 15_000 }));
        assert!(points.len() as u64 <= POINTS + 1, "{}", points.len());
        assert!(points.is_sorted_by_key(|point| (point.minutes, point.delivered)));
    }

    #[test]
    fn a_late_retry_is_the_last_point() {
        let mut curve = CurveBuilder::default();
        curve.add(10, 99);
        curve.add(130, 1);
        let points: Vec<_> = curve.points().iter().map(|point| (point.minutes, point.delivered)).collect();
        assert_eq!(points, [(0, 99), (120, 100)]);
        assert_eq!(curve.ends().1.unwrap().timestamp(), 130 * 60);
        assert_eq!(CurveBuilder::default().points(), []);
    }
}
