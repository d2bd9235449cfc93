//! How many read the feeds, counted from the access logs of a web server.
//!
//! Pure: lines in, numbers out. The result has no addresses of clients: within a run they are hashed with a key that is
//! forgotten afterwards, and only numbers are kept. Reading the files and storing the numbers is elsewhere.

mod agents;
mod counter;
mod log_line;
mod problems;

use chrono::NaiveDate;

pub use counter::{FeedAddresses, LogReport, ReaderCounter};
pub use log_line::LogParser;
pub use problems::{FeedProblem, ProblemKind};

/// How many readers a feed had on a day, by one program.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct DailyReaders {
    /// The feed: its path below the address of the site, such as `rss.xml`.
    pub feed: String,
    /// The day in the site's time zone.
    pub day: NaiveDate,
    /// The program, by its name in `agents.toml`.
    pub agent: String,
    /// How many.
    pub readers: u64,
}
