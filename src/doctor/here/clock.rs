//! The clock of this machine, against those of the web servers that answered. Pure.

use chrono::TimeDelta;

use super::super::{Check, Section};

const ID: &str = "clock";

/// Beyond these, signatures and dates of emails look odd, or are refused.
const WARNING: TimeDelta = TimeDelta::seconds(60);
const FAULT: TimeDelta = TimeDelta::seconds(300);

/// By how much other clocks are `ahead` of this one. One wrong server must not accuse this machine, so the nearest counts.
pub(crate) fn check(ahead: &[TimeDelta]) -> Check {
    let Some(nearest) = ahead.iter().min_by_key(|ahead| ahead.abs()) else {
        return Check::skipped(
            Section::Here,
            ID,
            "the clock was not compared, because no web server was asked",
        );
    };
    let next = "let the machine set its clock over the network (systemd-timesyncd, chrony, ntpd)";
    let off = nearest.abs();
    let direction = if *nearest > TimeDelta::zero() { "slow" } else { "fast" };
    let message = format!("the clock is {} {direction}, by the Date of web servers", shown(off));
    if off > FAULT {
        Check::fault(Section::Here, ID, message, next)
    } else if off > WARNING {
        Check::warning(Section::Here, ID, message, next)
    } else {
        Check::good(Section::Here, ID, "the clock is right, by the Date of web servers")
    }
}

fn shown(off: TimeDelta) -> String {
    match off.num_minutes() {
        0..5 => format!("{} seconds", off.num_seconds()),
        minutes @ 5..180 => format!("{minutes} minutes"),
        minutes @ 180..4_320 => format!("{} hours", minutes / 60),
        minutes => format!("{} days", minutes / 1_440),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::doctor::Level;

    #[test]
    fn a_clock_may_differ_by_a_minute_and_never_by_five() {
        let level = |seconds: &[i64]| {
            check(&seconds.iter().map(|seconds| TimeDelta::seconds(*seconds)).collect::<Vec<_>>()).level
        };
        assert_eq!(level(&[]), Level::Skipped);
        for (ahead, expected) in
            [(0, Level::Good), (60, Level::Good), (61, Level::Warning), (301, Level::Fault)]
        {
            assert_eq!(level(&[ahead]), expected, "{ahead}");
            assert_eq!(level(&[-ahead]), expected, "{ahead}");
        }
        assert_eq!(level(&[9_000, -2]), Level::Good, "one server is wrong");
    }
}
