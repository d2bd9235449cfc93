//! Readers of the feeds: reads access logs line by line, and keeps how many there were.

use std::fs::File;
use std::io::{self, BufRead, BufReader, Read};

use camino::Utf8Path;
use chrono::{Days, NaiveDate};
use flate2::bufread::MultiGzDecoder;
use serde::Serialize;

use crate::archive::folder;
use crate::feeds::plan_feeds;
use crate::finding::Finding;
use crate::pipeline::session::context::RunContext;
use crate::pipeline::session::ledger_session::LedgerSession;
use crate::pipeline::session::run_error::RunError;
use crate::readership::{DailyReaders, FeedAddresses, LogParser, LogReport, ReaderCounter};

/// A longer line is none of a log, and is not kept in memory.
const LONGEST_LINE: u64 = 64 * 1024;

/// The first bytes of a compressed file.
const GZIP: [u8; 2] = [0x1f, 0x8b];

/// How many days are shown.
const SHOWN: u64 = 14;

/// The readers of all feeds on a day.
#[derive(Debug, Clone, Copy, Serialize)]
pub struct LatestReaders {
    /// The last day that is over and was counted.
    pub day: NaiveDate,
    /// How many.
    pub readers: u64,
}

/// What is kept of the last days.
#[derive(Debug)]
pub struct KeptReaders {
    /// Today, which is not over.
    pub today: NaiveDate,
    last_day: Option<NaiveDate>,
    /// The counts of the last days, with today.
    pub counts: Vec<DailyReaders>,
}

impl KeptReaders {
    /// The readers of all feeds on the last day.
    pub fn latest(&self) -> Option<LatestReaders> {
        let day = self.last_day?;
        let of_day = self.counts.iter().filter(|count| count.day == day);
        Some(LatestReaders { day, readers: of_day.map(|count| count.readers).sum() })
    }
}

/// Counts the readers in access logs (`-` is standard input) and records them. A file that cannot be read to its end is a
/// finding; what was read of it counts.
pub async fn count_readers(
    context: &RunContext,
    logs: &[String],
) -> Result<(LogReport, Vec<Finding>), RunError> {
    let (config, clock) = (&context.config, context.clock.as_ref());
    let feeds = addresses(context)?;
    let mut counter = ReaderCounter::new(&feeds, config.site.timezone, clock.now(), clock.random());
    let mut findings = Vec::new();
    for log in logs {
        let input: Box<dyn Read> =
            if log == "-" { Box::new(io::stdin().lock()) } else { Box::new(open(log)?) };
        if let Err(error) = read(input, &mut counter) {
            findings.push(Finding::error("access-log", log, format!("it was not read to its end: {error}")));
        }
    }
    let (counts, report) = counter.finish();
    let session = LedgerSession::open(config, clock).await?;
    session.store.record_feed_readers(&counts, clock.now()).await?;
    Ok((report, findings))
}

/// The counts of the last days.
pub async fn kept_readers(context: &RunContext, session: &LedgerSession) -> Result<KeptReaders, RunError> {
    let today = context.clock.now().with_timezone(&context.config.site.timezone).date_naive();
    let last_day = session.store.last_day_of_readers(today).await?;
    let since = last_day.unwrap_or(today) - Days::new(SHOWN - 1);
    let counts = session.store.feed_readers(since).await?;
    Ok(KeptReaders { today, last_day, counts })
}

/// The feeds that `build` writes, without the pages of archives.
fn addresses(context: &RunContext) -> Result<FeedAddresses, RunError> {
    let config = &context.config;
    let archive = folder::read(config, context.clock.now()).map_err(RunError::Findings)?.archive;
    Ok(FeedAddresses::new(&config.site.url, plan_feeds(&archive, config, &|_| None).feed_paths()))
}

fn open(log: &str) -> Result<File, RunError> {
    File::open(Utf8Path::new(log)).map_err(|error| {
        RunError::user(
            format!("cannot read {log}: {error}"),
            "give the path of an access log, or - for standard input",
        )
    })
}

fn read(input: impl Read, counter: &mut ReaderCounter<'_>) -> io::Result<()> {
    let mut input = BufReader::with_capacity(1 << 16, input);
    if input.fill_buf()?.starts_with(&GZIP) {
        read_lines(BufReader::with_capacity(1 << 16, MultiGzDecoder::new(input)), counter)
    } else {
        read_lines(input, counter)
    }
}

fn read_lines(mut input: impl BufRead, counter: &mut ReaderCounter<'_>) -> io::Result<()> {
    let (mut parser, mut line) = (LogParser::default(), Vec::new());
    loop {
        line.clear();
        let length = input.by_ref().take(LONGEST_LINE).read_until(b'\n', &mut line)?;
        if length == 0 {
            return Ok(());
        }
        if length as u64 == LONGEST_LINE && !line.ends_with(b"\n") {
            counter.skip_line();
            input.skip_until(b'\n')?;
        } else {
            counter.line(&mut parser, String::from_utf8_lossy(&line).trim_end_matches(['\n', '\r']));
        }
    }
}

#[cfg(test)]
mod tests {
    use std::io::Write as _;

    use chrono_tz::UTC;
    use flate2::Compression;
    use flate2::write::GzEncoder;

    use super::*;

    const LINE: &str =
        "192.0.2.1 - - [22/Nov/2026:03:00:00 +0000] \"GET /rss.xml HTTP/1.1\" 200 9 \"-\" \"x\"\n";

    fn count(log: &[u8]) -> (io::Result<()>, u64, LogReport) {
        let site = crate::config::SiteUrl::parse("https://example.com/").unwrap();
        let feeds = FeedAddresses::new(&site, ["rss.xml".into()]);
        let now = "2026-11-23T00:00:00Z".parse().unwrap();
        let mut counter = ReaderCounter::new(&feeds, UTC, now, [7; 16]);
        let read = read(log, &mut counter);
        let (counts, report) = counter.finish();
        (read, counts.iter().map(|count| count.readers).sum(), report)
    }

    fn gzip(text: &[u8]) -> Vec<u8> {
        let mut encoder = GzEncoder::new(Vec::new(), Compression::fast());
        encoder.write_all(text).unwrap();
        encoder.finish().unwrap()
    }

    #[test]
    fn a_compressed_log_of_several_parts_is_read() {
        let log = [gzip(LINE.as_bytes()), gzip(LINE.replace("192.0.2.1", "192.0.2.2").as_bytes())].concat();
        let (read, readers, report) = count(&log);
        assert!(read.is_ok());
        assert_eq!((readers, report.lines), (2, 2));
    }

    #[test]
    fn what_was_read_of_a_cut_file_counts() {
        let log = gzip(LINE.repeat(10_000).as_bytes());
        let (read, readers, report) = count(&log[..log.len() / 2]);
        assert!(read.is_err() && report.lines > 100);
        assert_eq!(readers, 1);
    }

    #[test]
    fn long_and_binary_lines_are_counted_and_passed_over() {
        let mut log = vec![b'x'; 300_000];
        log.extend(b"\n\xff\xfe\x00\n");
        log.extend(LINE.as_bytes());
        log.extend(LINE.replace("\"x\"", "\"\u{fffd}\"").trim_end().as_bytes());
        let (_, readers, report) = count(&log);
        assert_eq!((readers, report.lines, report.unknown_lines), (2, 4, 2));
    }
}
