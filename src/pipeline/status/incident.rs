//! A lasting failure is one incident: it begins, it may change, and it ends. Cron reports these three moments and not every
//! run in between.
//!
//! [`compare`] is pure; [`record`] stores one incident for each command in `.letterpress/incident.json`. Call it once for each
//! run that succeeded or failed. A run that found another one in progress (exit code 4) is not recorded, because it shows
//! neither.
//!
//! The last failures that are over are stored beside it, masked, for a bug report.

use std::collections::{BTreeMap, BTreeSet};
use std::fs::{self, File, OpenOptions};
use std::io::{self, Read as _, Seek as _, Write as _};

use aws_lc_rs::digest::{SHA256, digest};
use camino::{Utf8Path, Utf8PathBuf};
use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};

use crate::logging::masked;
use crate::platform;
use crate::text::hex;

/// How many characters of the messages of a failed run are stored.
const LONGEST_TEXT: usize = 2_000;

/// Marks a failure that happened once, such as a rejected message. It was reported and cannot end later.
pub(crate) const ONCE: &str = "in this run:";

/// How a run failed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Failure {
    /// The exit code.
    pub code: u8,
    /// Its error messages, one per line.
    pub text: String,
}

/// A lasting failure.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Incident {
    /// Equal for two runs with the same failure.
    fingerprint: String,
    /// When the failure began in its current form.
    pub since: DateTime<Utc>,
    /// How many runs failed in this way.
    pub runs: u64,
    /// The exit code of the first of them.
    pub code: u8,
    /// The error messages of the first of them.
    pub text: String,
    /// The same since a run last ended well, if earlier runs failed in other ways.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    earlier: Option<Earlier>,
}

/// Failed runs before an incident changed.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
struct Earlier {
    since: DateTime<Utc>,
    runs: u64,
}

impl Incident {
    /// When the first run failed, in whatever way, and how many did since.
    pub fn whole(&self) -> (DateTime<Utc>, u64) {
        let Some(Earlier { since, runs }) = &self.earlier else { return (self.since, self.runs) };
        (*since, runs.saturating_add(self.runs))
    }

    /// The line that says what is wrong. Lines before it say how far the run came.
    pub fn headline(&self) -> &str {
        let lines = || self.text.lines().filter(|line| !line.starts_with(' ') && *line != ONCE);
        let has = |words: &'static [&'static str]| {
            lines().find(|line| {
                words.iter().any(|word| line.starts_with(word) || line.contains(&format!(": {word}")))
            })
        };
        has(&["error: "])
            .or_else(|| has(&["stopped: ", "paused: "]))
            .or_else(|| has(&["warning: "]))
            .or_else(|| lines().next())
            .unwrap_or_default()
    }

    /// Whether it lasts, and is a failure.
    fn is_lasting(&self) -> bool {
        self.code > 0 && !self.text.starts_with(ONCE)
    }

    /// The incident that takes the place of this one.
    fn changed(&self, failure: &Failure, now: DateTime<Utc>) -> Self {
        let new = Self::begin(failure, now);
        let (since, runs) = self.whole();
        let earlier = (self.is_lasting() && new.is_lasting()).then_some(Earlier { since, runs });
        Self { earlier, ..new }
    }

    fn begin(failure: &Failure, now: DateTime<Utc>) -> Self {
        Self {
            fingerprint: fingerprint(failure),
            since: now,
            runs: 1,
            code: failure.code,
            text: failure.text.chars().take(LONGEST_TEXT).collect(),
            earlier: None,
        }
    }
}

/// How the incident of a command changed with a run.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Change {
    /// No failure, as before.
    None,
    /// The first failed run.
    Started,
    /// The run failed in another way than before.
    Changed(Incident),
    /// The run failed as before; the incident counts this run.
    Continues(Incident),
    /// The failure is over.
    Ended(Incident),
}

/// Compares the end of a run (`None`: success) with the stored incident. Returns the incident to store.
pub(crate) fn compare(
    before: Option<Incident>,
    failure: Option<&Failure>,
    now: DateTime<Utc>,
) -> (Option<Incident>, Change) {
    match (before, failure) {
        (None, None) => (None, Change::None),
        (Some(before), None) => (None, Change::Ended(before)),
        (None, Some(failure)) => (Some(Incident::begin(failure, now)), Change::Started),
        (Some(before), Some(failure)) if before.fingerprint == fingerprint(failure) => {
            let longer = Incident { runs: before.runs.saturating_add(1), ..before };
            (Some(longer.clone()), Change::Continues(longer))
        }
        (Some(before), Some(failure)) => (Some(before.changed(failure, now)), Change::Changed(before)),
    }
}

/// Exit code and messages without what differs from run to run: numbers, dates, counts, the order of lines.
fn fingerprint(failure: &Failure) -> String {
    let lines: BTreeSet<String> =
        failure.text.lines().map(without_details).filter(|line| !line.is_empty()).collect();
    let all = lines.into_iter().fold(failure.code.to_string(), |all, line| all + "\n" + &line);
    hex(&digest(&SHA256, all.as_bytes()).as_ref()[..16])
}

/// A line without its numbers; the word after a number becomes singular.
fn without_details(line: &str) -> String {
    let mut kept: Vec<String> = Vec::new();
    for word in line.split_whitespace() {
        let is_number = word.contains(|c: char| c.is_ascii_digit()) && !is_enhanced_status(word);
        let after_number = kept.last().is_some_and(|word| word == "#");
        match (is_number, after_number) {
            (true, true) => {}
            (true, false) => kept.push("#".to_owned()),
            (false, true) => kept.push(singular(word)),
            (false, false) => kept.push(word.to_owned()),
        }
    }
    kept.join(" ")
}

/// `4.7.28`: an enhanced status code, a number that identifies the kind of failure (RFC 3463).
fn is_enhanced_status(word: &str) -> bool {
    let word = word.trim_end_matches([':', ',', ';', ')']);
    let parts: Vec<&str> = word.trim_start_matches(['(', '#']).split('.').collect();
    let all_numbers = parts
        .iter()
        .all(|part| (1..=3).contains(&part.len()) && part.chars().all(|digit| digit.is_ascii_digit()));
    parts.len() == 3 && matches!(parts[0], "2" | "4" | "5") && all_numbers
}

fn singular(word: &str) -> String {
    let stem = word.trim_end_matches([':', ',', ';', '.']);
    match stem.strip_suffix("ies") {
        Some(short) => format!("{short}y"),
        None => stem.strip_suffix('s').unwrap_or(stem).to_owned(),
    }
}

/// The file with the incidents of the site in the folder `root`.
pub(crate) fn file(root: &Utf8Path) -> Utf8PathBuf {
    root.join(".letterpress/incident.json")
}

/// Compares the end of a run of `command` (`None`: success) with the run before, and stores it. If it cannot be stored, each
/// failure counts as new, so that none goes unreported.
pub(crate) fn record(
    path: &Utf8Path,
    command: &str,
    failure: Option<&Failure>,
    now: DateTime<Utc>,
) -> Change {
    if failure.is_none() && !path.exists() {
        return Change::None;
    }
    match exchange(path, command, failure, now) {
        Ok(change) => change,
        Err(_) => compare(None, failure, now).1,
    }
}

/// `publish` and `inbox` may end at the same moment: the file is locked while it is read and written.
fn exchange(
    path: &Utf8Path,
    command: &str,
    failure: Option<&Failure>,
    now: DateTime<Utc>,
) -> io::Result<Change> {
    let mut file = open(path)?;
    file.lock()?;
    let mut text = String::new();
    file.read_to_string(&mut text)?;
    // A damaged file is treated as missing.
    let mut known: BTreeMap<String, Incident> = serde_json::from_str(&text).unwrap_or_default();
    let (after, change) = compare(known.remove(command), failure, now);
    if change == Change::None {
        return Ok(change);
    }
    known.extend(after.map(|incident| (command.to_owned(), incident)));
    let text = serde_json::to_vec_pretty(&known)?;
    file.rewind()?;
    file.set_len(0)?;
    file.write_all(&text)?;
    // Only a bug report misses it.
    let _ = remember(path, command, &change, now);
    Ok(change)
}

/// The incidents that last, by their commands. A damaged file is treated as missing.
pub(crate) fn all(path: &Utf8Path) -> BTreeMap<String, Incident> {
    let text = fs::read(path).unwrap_or_default();
    serde_json::from_slice(&text).unwrap_or_default()
}

/// How many failures that are over are stored.
const PAST: usize = 5;

/// A failure that is over, or that became another one.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct PastIncident {
    /// The command.
    pub command: String,
    /// The first run that did not fail in this way.
    pub until: DateTime<Utc>,
    /// The failure; addresses in its text are masked.
    #[serde(flatten)]
    pub incident: Incident,
}

/// The last failures that are over, the oldest first. A damaged file is treated as missing.
pub(crate) fn past(root: &Utf8Path) -> Vec<PastIncident> {
    let text = fs::read(past_file(&file(root))).unwrap_or_default();
    serde_json::from_slice(&text).unwrap_or_default()
}

fn past_file(current: &Utf8Path) -> Utf8PathBuf {
    current.with_file_name("past_incidents.json")
}

/// Stores a failure that is over. The caller has locked the file of the incidents.
fn remember(path: &Utf8Path, command: &str, change: &Change, now: DateTime<Utc>) -> io::Result<()> {
    let (Change::Ended(incident) | Change::Changed(incident)) = change else { return Ok(()) };
    if incident.code == 0 {
        return Ok(());
    }
    let path = past_file(path);
    let mut known: Vec<PastIncident> =
        serde_json::from_slice(&fs::read(&path).unwrap_or_default()).unwrap_or_default();
    let text = masked(&incident.text);
    let incident = Incident { text, ..incident.clone() };
    known.push(PastIncident { command: command.to_owned(), until: now, incident });
    known.drain(..known.len().saturating_sub(PAST));
    let mut file = open(&path)?;
    file.set_len(0)?;
    file.write_all(&serde_json::to_vec_pretty(&known)?)
}

/// Only this user can read the file, because messages may contain addresses of subscribers.
fn open(path: &Utf8Path) -> io::Result<File> {
    if let Some(folder) = path.parent() {
        fs::create_dir_all(folder)?;
    }
    let mut options = OpenOptions::new();
    platform::owner_only(options.read(true).write(true).create(true).truncate(false)).open(path)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(minutes: i64) -> DateTime<Utc> {
        DateTime::UNIX_EPOCH + chrono::TimeDelta::minutes(minutes)
    }

    fn failure(text: &str) -> Failure {
        Failure { code: 2, text: text.to_owned() }
    }

    fn are_the_same(one: &str, other: &str) -> bool {
        fingerprint(&failure(one)) == fingerprint(&failure(other))
    }

    #[test]
    fn failures_that_differ_in_counts_dates_or_the_order_of_lines_are_the_same() {
        for (one, other) in [
            ("\"Hello\": 1 sent, 2 pending", "\"Hello\": 12 sent, 1 pending"),
            ("  next retry at 2026-11-23 09:00", "  next retry at 2026-12-01 19:30"),
            ("1 delivery with unknown outcome", "2 deliveries with unknown outcome"),
            ("cannot reach relay\nthe list is empty", "the list is empty\n\ncannot reach relay"),
            ("421 4.7.28 slow down [id 7fa2c1]", "421 4.7.28 slow down [id 99ab]"),
        ] {
            assert!(are_the_same(one, other), "{one} / {other}");
        }
    }

    #[test]
    fn failures_with_another_reason_status_code_or_exit_code_differ() {
        for (one, other) in [
            ("cannot reach relay: connection refused", "cannot reach relay: no such host"),
            ("550 5.7.26 refused", "550 5.1.1 refused"),
            ("a@example.com: unknown", "b@example.com: unknown"),
            ("1 unknown", "1 unknown\n1 failed"),
        ] {
            assert!(!are_the_same(one, other), "{one} / {other}");
        }
        let other_code = Failure { code: 3, ..failure("x") };
        assert_ne!(fingerprint(&failure("x")), fingerprint(&other_code));
    }

    #[test]
    fn an_incident_begins_continues_changes_and_ends_separately_for_each_command() {
        let folder = tempfile::tempdir().unwrap();
        let path = file(Utf8Path::from_path(folder.path()).unwrap());
        let (refused, unknown) = (failure("refused 1"), failure("no such host"));
        let again = failure("refused 2");
        let run = |command, failure, minutes| record(&path, command, failure, at(minutes));

        assert_eq!(run("publish", None, 0), Change::None);
        assert!(!path.exists(), "without an incident there is no file");
        assert_eq!(run("publish", Some(&refused), 10), Change::Started);
        assert_eq!(run("inbox", None, 11), Change::None);
        let Change::Continues(incident) = run("publish", Some(&again), 20) else { panic!() };
        assert_eq!((incident.runs, incident.since, incident.text.as_str()), (2, at(10), "refused 1"));
        assert_eq!(run("inbox", Some(&refused), 21), Change::Started);
        assert_eq!(run("publish", Some(&unknown), 30), Change::Changed(incident));
        let Change::Ended(incident) = run("publish", None, 40) else { panic!() };
        assert_eq!((incident.runs, incident.since), (1, at(30)));
        assert_eq!(run("publish", None, 50), Change::None);
        assert!(matches!(run("inbox", Some(&refused), 60), Change::Continues(_)));
    }

    #[test]
    fn the_headline_is_the_error_and_not_how_far_the_run_came() {
        let headline = |text: &str| Incident::begin(&failure(text), at(0)).headline().to_owned();
        let stopped = "\"Hello\": 1 pending via mail.example.com:465\n  next retry at 9:00\n";
        assert_eq!(
            headline(&format!("{stopped}config.toml: error: no login\nstopped: x")),
            "config.toml: error: no login"
        );
        assert_eq!(headline(&format!("{stopped}stopped: no answer\n  not sent")), "stopped: no answer");
        assert_eq!(headline("in this run:\n1 refused"), "1 refused");
    }

    #[test]
    fn runs_that_failed_in_other_ways_are_counted_too() {
        let (one, other) = (failure("refused"), failure("no such host"));
        let once = failure("in this run:\n1 failed");
        let begun = compare(None, Some(&one), at(0)).0;
        let longer = compare(begun, Some(&one), at(10)).0;
        let changed = compare(longer.clone(), Some(&other), at(20)).0.unwrap();
        assert_eq!((changed.whole(), changed.runs), ((at(0), 3), 1));
        let ended = compare(longer, Some(&once), at(20)).0.unwrap();
        assert_eq!(ended.whole(), (at(20), 1), "an event ends a failure that lasts");
    }

    #[test]
    fn the_last_failures_that_are_over_are_kept_without_addresses() {
        let folder = tempfile::tempdir().unwrap();
        let root = Utf8Path::from_path(folder.path()).unwrap();
        let run = |failure: Option<&Failure>, minutes| record(&file(root), "publish", failure, at(minutes));
        for number in 0..8_u8 {
            let text = format!("kim@example.com: refused {}", "again ".repeat(number.into()));
            run(Some(&failure(&text)), 2 * i64::from(number));
            run(None, 2 * i64::from(number) + 1);
        }
        run(Some(&failure("one")), 20);
        assert_eq!(past(root).len(), PAST, "a failure that lasts is not over");
        run(Some(&failure("another")), 21);
        let last = past(root).pop().unwrap();
        assert_eq!((last.until, last.incident.since, last.incident.text.as_str()), (at(21), at(20), "one"));
        let text = fs::read_to_string(past_file(&file(root))).unwrap();
        assert!(text.contains("k…@example.com: refused again") && !text.contains("kim@"), "{text}");
        // A mere warning is not a failure.
        run(None, 22);
        run(Some(&Failure { code: 0, text: "warning: x".to_owned() }), 23);
        let before = past(root);
        run(None, 24);
        assert_eq!(past(root), before);
    }

    #[test]
    fn with_a_damaged_or_unwritable_file_each_failure_is_reported_as_new() {
        let folder = tempfile::tempdir().unwrap();
        let root = Utf8Path::from_path(folder.path()).unwrap();
        let path = file(root);
        assert_eq!(record(&path, "publish", Some(&failure("x")), at(0)), Change::Started);
        fs::write(&path, "{\"publish\": {").unwrap();
        assert_eq!(record(&path, "publish", Some(&failure("x")), at(1)), Change::Started);
        assert!(matches!(record(&path, "publish", Some(&failure("x")), at(2)), Change::Continues(_)));
        fs::write(root.join("file"), "").unwrap();
        let unwritable = root.join("file/incident.json");
        assert_eq!(record(&unwritable, "publish", Some(&failure("x")), at(3)), Change::Started);
        assert_eq!(record(&unwritable, "publish", None, at(4)), Change::None);
    }
}
