//! Series in the store: emails that each subscriber gets at fixed times after their own start.
//!
//! A step is mailed by issues of its own: whenever somebody is due, they are added to the issue with the present text, or
//! a new one begins. The store knows how far each subscriber is. No subscriber gets a step twice, whatever happens to its
//! file, its time or their place in the series.

use chrono::TimeDelta;

use super::NewIssue;
use crate::config::SeriesStart;

/// A series, with its steps in the order of their times.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SeriesPlan {
    /// Its name.
    pub name: String,
    /// What begins it.
    pub start: SeriesStart,
    /// The times of its steps since the start, ascending; never empty.
    pub steps: Vec<TimeDelta>,
}

/// A step that is due for somebody.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct DueStep {
    /// Which series.
    pub series: usize,
    /// Which of its steps.
    pub step: usize,
}

/// A step to be mailed to everybody for whom it is due.
#[derive(Debug)]
pub struct NewStep {
    /// The series.
    pub plan: SeriesPlan,
    /// Which of its steps.
    pub step: usize,
    /// The email. Its `post` is the name of the step; its audience is not used.
    pub issue: NewIssue,
}

/// How many subscribers are in a series.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct SeriesCount {
    /// They wait for a step.
    pub waiting: u64,
    /// They are through.
    pub finished: u64,
}
