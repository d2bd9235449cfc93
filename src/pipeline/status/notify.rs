//! Notifications about failed runs, for systems where cron's own mail is not read: by email, heartbeat URL, or push topic.
//!
//! A heartbeat is called for each run. People are notified of changes: when a failure begins, when it changes (at most once an
//! hour), and when it ends. Notifications do not change the outcome of a run, and their own failures are not notified.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use camino::Utf8PathBuf;
use chrono::{DateTime, TimeDelta, Utc};
use serde::{Deserialize, Serialize};
use url::Url;

use crate::address::EmailAddress;
use crate::clock::Clock;
use crate::config::{Config, Notify};
use crate::delivery::verdict::{Verdict, classify};
use crate::delivery::{Envelope, SmtpOutcome};
use crate::durable::{self, Mode};
use crate::email::{OperatorMessage, compose_operator_message};
use crate::net::http::{Download, DownloadError};
use crate::pipeline::session::dkim_keys::signer;
use crate::pipeline::session::run_error::{RunError, no_sender};
use crate::pipeline::session::transport::open_transport;
use crate::pipeline::status::incident::{Change, Failure};
use crate::text::{HeaderText, hex};

/// Minimum time between two notifications of a failure.
const RARELY: TimeDelta = TimeDelta::hours(1);
/// Time limit for a heartbeat or a push topic.
const DEADLINE: Duration = Duration::from_secs(5);
/// Time limit for the email.
const MAIL_DEADLINE: Duration = Duration::from_secs(30);
/// Maximum length of a notification, in characters.
const LONGEST: usize = 4_000;

/// How a run ended.
#[derive(Debug)]
pub struct RunOutcome<'a> {
    /// The command: `publish`, `inbox`.
    pub command: &'a str,
    /// How it failed, if it did.
    pub failure: Option<&'a Failure>,
    /// How the incident of the command changed.
    pub change: &'a Change,
}

/// What people were notified of, for one command.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
struct NotificationState {
    /// Time of the last notification about a failure.
    at: Option<DateTime<Utc>>,
    /// A notification about the current failure was sent, or rejected by the relay.
    knows: bool,
    /// A change was not reported yet because of the minimum time between notifications.
    owed: bool,
    /// The relay rejected the email about this failure; it is not retried before the failure ends.
    is_stuck: bool,
}

/// The notification to send.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Status {
    Failing,
    FailingDifferently,
    Recovered,
}

impl NotificationState {
    fn next(&mut self, change: &Change, now: DateTime<Utc>) -> Option<Status> {
        // A clock that was ahead must not suppress notifications for long.
        let is_fresh = self.at.is_some_and(|at| (TimeDelta::zero()..RARELY).contains(&(now - at)));
        match change {
            Change::None => None,
            Change::Ended(_) => {
                let knew = self.knows;
                *self = Self { at: self.at, ..Self::default() };
                knew.then_some(Status::Recovered)
            }
            Change::Continues(_) if !self.owed => None,
            _ if is_fresh => {
                self.owed = true;
                None
            }
            _ => {
                let status = if self.knows { Status::FailingDifferently } else { Status::Failing };
                (self.at, self.knows, self.owed) = (Some(now), true, false);
                Some(status)
            }
        }
    }
}

/// Reports the start of a run to the heartbeat, which measures the duration.
pub async fn notify_start(config: &Config) {
    if let Some(url) = config.notify.as_ref().and_then(Notify::heartbeat) {
        let _ = post(&below(url, "start"), &[], String::new()).await;
    }
}

/// Sends the notifications about the end of a run. Returns the failures of the notifications themselves.
pub async fn notify(config: &Config, clock: &Arc<dyn Clock>, ending: &RunOutcome<'_>) -> Vec<String> {
    let Some(notify) = &config.notify else { return Vec::new() };
    let mut problems = Vec::new();
    if let Some(url) = notify.heartbeat() {
        let (url, body) = match ending.failure {
            Some(failure) => (
                below(url, "fail"),
                format!("exit code {}\n{}", failure.code, without_addresses(&failure.text)),
            ),
            None => (url.clone(), String::new()),
        };
        problems.extend(post(&url, &[], body).await.err());
    }
    let path = config.resolve(".letterpress/notify.json");
    let mut all = read(&path);
    let state = all.entry(ending.command.to_owned()).or_default();
    let before = state.clone();
    if let Some(status) = state.next(ending.change, clock.now()) {
        let message = Message::about(status, ending, config, clock.now());
        if let Some(topic) = notify.topic() {
            let body = without_addresses(&message.text);
            problems.extend(post(topic, &message.headers(status), body).await.err());
        }
        if let Some(to) = notify.to.as_ref().filter(|_| config.smtp.is_some())
            && (status == Status::Recovered || !state.is_stuck)
            && let Err(error) = mail(config, clock, to, &message).await
        {
            state.is_stuck = status != Status::Recovered;
            problems.push(error.to_string());
        }
    }
    if *state != before
        && let Err(error) = write(&path, &all)
    {
        problems.push(format!("{path}: {error}"));
    }
    problems
}

/// The text of a notification.
struct Message {
    title: String,
    text: String,
}

impl Message {
    fn about(status: Status, ending: &RunOutcome<'_>, config: &Config, now: DateTime<Utc>) -> Self {
        let command = format!("letterpress {}", ending.command);
        let when = |at: DateTime<Utc>| at.with_timezone(&config.site.timezone).format("%Y-%m-%d %H:%M %Z");
        let (title, details) = match (status, ending.change) {
            (Status::Recovered, Change::Ended(incident)) => {
                let (since, runs) = incident.whole();
                (
                    format!("{command} works again"),
                    format!("{runs} runs failed since {}:\n\n{}", when(since), incident.text.trim()),
                )
            }
            (Status::FailingDifferently, _) => (format!("{command} fails in another way"), failed(ending)),
            _ => (format!("{command} failed"), failed(ending)),
        };
        let text = format!(
            "{details}\n\n{} on {} at {}\n{}\n\nYou get a message when it starts to fail, when it fails in another way, and when it \
             works again, not for every run.\n",
            command,
            host(),
            when(now),
            config.resolve("config.toml")
        );
        Self { title, text: text.chars().take(LONGEST).collect() }
    }

    /// The HTTP headers for ntfy.
    fn headers(&self, status: Status) -> [(&'static str, String); 3] {
        let (priority, tags) = match status {
            Status::Recovered => ("default", "white_check_mark"),
            Status::Failing | Status::FailingDifferently => ("high", "warning"),
        };
        [("Title", self.title.clone()), ("Priority", priority.to_owned()), ("Tags", tags.to_owned())]
    }
}

fn failed(ending: &RunOutcome<'_>) -> String {
    let Some(failure) = ending.failure else { return String::new() };
    let text: String = failure.text.trim().chars().take(LONGEST / 2).collect();
    format!("{text}\n\n(exit code {})", failure.code)
}

/// The host name of this machine.
fn host() -> String {
    let name = std::fs::read_to_string("/proc/sys/kernel/hostname").unwrap_or_default();
    if name.trim().is_empty() { "this machine".to_owned() } else { name.trim().to_owned() }
}

/// Masks email addresses, which must not be sent to a third-party server.
fn without_addresses(text: &str) -> String {
    let mask = |word: &str| if word.contains('@') { "(address)".to_owned() } else { word.to_owned() };
    text.split('\n')
        .map(|line| line.split(' ').map(mask).collect::<Vec<_>>().join(" "))
        .collect::<Vec<_>>()
        .join("\n")
}

/// `https://hc-ping.com/TOKEN` with `/fail` behind its path.
fn below(url: &Url, word: &str) -> Url {
    let mut url = url.clone();
    if let Ok(mut path) = url.path_segments_mut() {
        path.pop_if_empty().push(word);
    }
    url
}

async fn post(url: &Url, headers: &[(&'static str, String)], body: String) -> Result<(), String> {
    let download = Download::for_own_host(DEADLINE);
    // The URL may contain a secret: messages show only its host.
    let place = url.host_str().unwrap_or("notify.url");
    download.post(url.as_str(), headers, body).await.map_err(|error| match error {
        DownloadError::Status { status, .. } => {
            format!("notification to {place} failed: it replied {status}")
        }
        error => format!("notification to {place} failed: {}", error.without_url()),
    })
}

async fn mail(
    config: &Config,
    clock: &Arc<dyn Clock>,
    to: &EmailAddress,
    message: &Message,
) -> Result<(), RunError> {
    let sending = transmit(config, clock, to, message);
    match tokio::time::timeout(MAIL_DEADLINE, sending).await {
        Ok(ended) => ended,
        Err(_) => Err(mark_unsent("the relay did not accept the email in time")),
    }
}

async fn transmit(
    config: &Config,
    clock: &Arc<dyn Clock>,
    to: &EmailAddress,
    message: &Message,
) -> Result<(), RunError> {
    let from = config.newsletter.from.as_ref().ok_or_else(no_sender)?;
    let now = clock.now();
    let subject = format!("{}: {}", config.site.title, message.title);
    let subject = HeaderText::lossy(&subject).ok_or_else(no_sender)?;
    let message = OperatorMessage {
        from,
        to,
        subject: &subject,
        text: &message.text,
        date: now.with_timezone(&config.site.timezone).fixed_offset(),
        message_id: format!("{}@{}", hex(&clock.random()), from.address.domain()),
    };
    let plain = compose_operator_message(&message, &config.site);
    let bytes = match signer(config)? {
        None => plain,
        Some(signer) => signer.sign(&plain, now).map_err(|error| mark_unsent(&error.to_string()))?,
    };
    let return_path = config.newsletter.bounces.as_ref().unwrap_or(&from.address);
    let envelope = Envelope { from: return_path.clone(), to: to.clone(), size: bytes.len() };
    let failed = |outcome: SmtpOutcome| mark_unsent(&outcome.reply_text());
    let mut connection = open_transport(config, clock, "notify")?.connect().await.map_err(failed)?;
    connection.offer(&envelope).await.map_err(failed)?;
    connection.body(&bytes).await.map_err(failed)?;
    let outcome = connection.final_dot(None).await;
    connection.quit().await;
    if classify(&outcome) == Verdict::Sent { Ok(()) } else { Err(failed(outcome)) }
}

fn mark_unsent(why: &str) -> RunError {
    RunError::user(
        format!("notification to notify.to failed: {why}"),
        "the relay of [smtp] must accept this email",
    )
}

/// A damaged file is treated as missing: then a notification may be repeated.
fn read(path: &Utf8PathBuf) -> BTreeMap<String, NotificationState> {
    std::fs::read(path).ok().and_then(|text| serde_json::from_slice(&text).ok()).unwrap_or_default()
}

fn write(path: &Utf8PathBuf, all: &BTreeMap<String, NotificationState>) -> std::io::Result<()> {
    std::fs::create_dir_all(durable::folder_of(path))?;
    durable::replace(path, &serde_json::to_vec(all)?, Mode::Private)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(minutes: i64) -> DateTime<Utc> {
        DateTime::UNIX_EPOCH + TimeDelta::minutes(minutes)
    }

    fn incident() -> super::super::incident::Incident {
        let failure = Failure { code: 2, text: "x".to_owned() };
        super::super::incident::compare(None, Some(&failure), at(0)).0.unwrap()
    }

    #[test]
    fn people_are_notified_of_the_begin_and_the_end_of_a_failure_and_not_in_between() {
        let mut state = NotificationState::default();
        assert_eq!(state.next(&Change::None, at(0)), None);
        assert_eq!(state.next(&Change::Started, at(10)), Some(Status::Failing));
        for minutes in (20..600).step_by(10) {
            assert_eq!(state.next(&Change::Continues(incident()), at(minutes)), None);
        }
        assert_eq!(state.next(&Change::Changed(incident()), at(600)), Some(Status::FailingDifferently));
        assert_eq!(state.next(&Change::Ended(incident()), at(610)), Some(Status::Recovered));
        assert_eq!(state.next(&Change::None, at(620)), None);
    }

    #[test]
    fn a_change_within_an_hour_is_reported_after_the_hour_if_it_lasts() {
        let mut state = NotificationState::default();
        assert_eq!(state.next(&Change::Started, at(0)), Some(Status::Failing));
        assert_eq!(state.next(&Change::Changed(incident()), at(10)), None);
        assert_eq!(state.next(&Change::Continues(incident()), at(20)), None);
        assert_eq!(state.next(&Change::Continues(incident()), at(60)), Some(Status::FailingDifferently));
        assert_eq!(state.next(&Change::Continues(incident()), at(70)), None);
    }

    #[test]
    fn a_flapping_failure_sends_at_most_two_emails_an_hour() {
        let mut state = NotificationState::default();
        let mut statuses = Vec::new();
        for minutes in (0..60).step_by(10) {
            statuses.extend(state.next(&Change::Started, at(minutes)));
            statuses.extend(state.next(&Change::Ended(incident()), at(minutes + 5)));
        }
        assert_eq!(statuses, [Status::Failing, Status::Recovered]);
        assert_eq!(state.next(&Change::Started, at(60)), Some(Status::Failing));
    }

    #[test]
    fn a_clock_that_was_ahead_does_not_suppress_notifications() {
        let mut state = NotificationState { at: Some(at(100_000)), ..NotificationState::default() };
        assert_eq!(state.next(&Change::Started, at(0)), Some(Status::Failing));
    }

    #[test]
    fn heartbeat_words_are_appended_to_the_path_and_addresses_are_masked() {
        let url = |text: &str| text.parse::<Url>().unwrap();
        assert_eq!(below(&url("https://hc-ping.com/a-b"), "fail").as_str(), "https://hc-ping.com/a-b/fail");
        assert_eq!(
            below(&url("https://x.example/p/?rid=1"), "start").as_str(),
            "https://x.example/p/start?rid=1"
        );
        assert_eq!(without_addresses("a <kim@example.com> refused:\n  550"), "a (address) refused:\n  550");
    }
}
