//! Telling somebody that runs fail, where cron's own mail goes nowhere: by email, to a heartbeat, to a push topic.
//!
//! A heartbeat hears of each run. People hear of changes: when a failure begins, when it becomes another, and when it is over;
//! at most once an hour, and of the end. Nothing here changes how a run ends, and no failure here is told in the same way.

use std::collections::BTreeMap;
use std::time::Duration;

use camino::Utf8PathBuf;
use chrono::{DateTime, TimeDelta, Utc};
use serde::{Deserialize, Serialize};
use url::Url;

use super::RunError;
use super::incident::{Change, Failure, Incident};
use super::signing::signer;
use super::way_out::{no_sender, wire};
use crate::address::EmailAddress;
use crate::clock::Clock;
use crate::config::{Config, Notify};
use crate::delivery::verdict::{Verdict, judge};
use crate::delivery::{Envelope, Heard};
use crate::durable::{self, Mode};
use crate::letters::{Notice, compose_notice};
use crate::net::http::{Download, DownloadError};
use crate::text::{HeaderText, hex};

/// People are told no more often.
const RARELY: TimeDelta = TimeDelta::hours(1);
/// How long a heartbeat or a topic may take.
const DEADLINE: Duration = Duration::from_secs(5);
/// How long the relay may take for the email.
const MAIL_DEADLINE: Duration = Duration::from_secs(30);
/// So much of what a run said is passed on, in characters.
const LONGEST: usize = 4_000;

/// How a run ended.
#[derive(Debug)]
pub struct Ending<'a> {
    /// The command: `publish`, `inbox`.
    pub command: &'a str,
    /// How it failed, if it did.
    pub failure: Option<&'a Failure>,
    /// What that means after the runs before.
    pub change: &'a Change,
}

/// What people were told of a command.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
struct Told {
    /// When they were last told of a failure.
    at: Option<DateTime<Utc>>,
    /// They know of the failure that lasts, or would if the relay had taken the email.
    knows: bool,
    /// Something happened that they were not told, because they had just been told something.
    owed: bool,
    /// The relay did not take the email about this failure: it is not tried again before the end.
    is_stuck: bool,
}

/// What people are told now.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Word {
    Fails,
    FailsOtherwise,
    Works,
}

impl Told {
    fn next(&mut self, change: &Change, now: DateTime<Utc>) -> Option<Word> {
        // A clock that was ahead must not silence anybody for long.
        let is_fresh = self.at.is_some_and(|at| (TimeDelta::zero()..RARELY).contains(&(now - at)));
        match change {
            Change::None => None,
            Change::Over(_) => {
                let knew = self.knows;
                *self = Self { at: self.at, ..Self::default() };
                knew.then_some(Word::Works)
            }
            Change::Continues(_) if !self.owed => None,
            _ if is_fresh => {
                self.owed = true;
                None
            }
            _ => {
                let word = if self.knows { Word::FailsOtherwise } else { Word::Fails };
                (self.at, self.knows, self.owed) = (Some(now), true, false);
                Some(word)
            }
        }
    }
}

/// Says that a run begins, to a heartbeat that measures how long it takes.
pub async fn notify_start(config: &Config) {
    if let Some(url) = config.notify.as_ref().and_then(Notify::heartbeat) {
        let _ = post(&below(url, "start"), &[], String::new()).await;
    }
}

/// Tells whoever is to be told how a run ended. What could not be told is returned, for whoever is looking.
pub async fn notify(config: &Config, clock: &dyn Clock, ending: &Ending<'_>) -> Vec<String> {
    let Some(notify) = &config.notify else { return Vec::new() };
    let mut troubles = Vec::new();
    if let Some(url) = notify.heartbeat() {
        let (url, body) = match ending.failure {
            Some(failure) => (
                below(url, "fail"),
                format!("exit code {}\n{}", failure.code, without_addresses(&failure.text)),
            ),
            None => (url.clone(), String::new()),
        };
        troubles.extend(post(&url, &[], body).await.err());
    }
    let path = config.resolve(".letterpress/notify.json");
    let mut all = read(&path);
    let told = all.entry(ending.command.to_owned()).or_default();
    let before = told.clone();
    if let Some(word) = told.next(ending.change, clock.now()) {
        let message = Message::about(word, ending, config, clock.now());
        if let Some(topic) = notify.topic() {
            let body = without_addresses(&message.text);
            troubles.extend(post(topic, &message.headers(word), body).await.err());
        }
        if let Some(to) = notify.to.as_ref().filter(|_| config.smtp.is_some())
            && (word == Word::Works || !told.is_stuck)
            && let Err(error) = mail(config, clock, to, &message).await
        {
            told.is_stuck = word != Word::Works;
            troubles.push(error.to_string());
        }
    }
    if *told != before
        && let Err(error) = write(&path, &all)
    {
        troubles.push(format!("{path}: {error}"));
    }
    troubles
}

/// What people read.
struct Message {
    title: String,
    text: String,
}

impl Message {
    fn about(word: Word, ending: &Ending<'_>, config: &Config, now: DateTime<Utc>) -> Self {
        let command = format!("letterpress {}", ending.command);
        let when = |at: DateTime<Utc>| at.with_timezone(&config.site.timezone).format("%Y-%m-%d %H:%M %Z");
        let (what, said) = match (word, ending.change) {
            (Word::Works, Change::Over(Incident { since, runs, text, .. })) => (
                format!("{command} works again"),
                format!("{runs} runs had failed since {}:\n\n{}", when(*since), text.trim()),
            ),
            (Word::FailsOtherwise, _) => (format!("{command} fails in another way"), failed(ending)),
            _ => (format!("{command} failed"), failed(ending)),
        };
        let text = format!(
            "{said}\n\n{} on {} at {}\n{}\n\nYou are told when it begins to fail, when it fails in another way, and when it works \
             again; not by each run.\n",
            command,
            host(),
            when(now),
            config.resolve("config.toml")
        );
        Self { title: what, text: text.chars().take(LONGEST).collect() }
    }

    /// The headers of ntfy.
    fn headers(&self, word: Word) -> [(&'static str, String); 3] {
        let (priority, tags) = match word {
            Word::Works => ("default", "white_check_mark"),
            Word::Fails | Word::FailsOtherwise => ("high", "warning"),
        };
        [("Title", self.title.clone()), ("Priority", priority.to_owned()), ("Tags", tags.to_owned())]
    }
}

fn failed(ending: &Ending<'_>) -> String {
    let Some(failure) = ending.failure else { return String::new() };
    let text: String = failure.text.trim().chars().take(LONGEST / 2).collect();
    format!("{text}\n\n(exit code {})", failure.code)
}

/// The name of this machine, as Linux tells it.
fn host() -> String {
    let name = std::fs::read_to_string("/proc/sys/kernel/hostname").unwrap_or_default();
    if name.trim().is_empty() { "this machine".to_owned() } else { name.trim().to_owned() }
}

/// Somebody else's server has no business with the subscribers' addresses.
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
    // The address may be a secret: messages name its host only.
    let place = url.host_str().unwrap_or("notify.url");
    download.post(url.as_str(), headers, body).await.map_err(|error| match error {
        DownloadError::Status { status, .. } => format!("{place} answered {status}"),
        error => format!("{place} was not told: {}", error.without_url()),
    })
}

async fn mail(
    config: &Config,
    clock: &dyn Clock,
    to: &EmailAddress,
    message: &Message,
) -> Result<(), RunError> {
    let sending = hand_over(config, clock, to, message);
    match tokio::time::timeout(MAIL_DEADLINE, sending).await {
        Ok(ended) => ended,
        Err(_) => Err(untold("the relay did not take the email in time")),
    }
}

async fn hand_over(
    config: &Config,
    clock: &dyn Clock,
    to: &EmailAddress,
    message: &Message,
) -> Result<(), RunError> {
    let from = config.newsletter.from.as_ref().ok_or_else(no_sender)?;
    let now = clock.now();
    let subject = format!("{}: {}", config.site.title, message.title);
    let subject = HeaderText::lossy(&subject).ok_or_else(no_sender)?;
    let notice = Notice {
        from,
        to,
        subject: &subject,
        text: &message.text,
        date: now.with_timezone(&config.site.timezone).fixed_offset(),
        message_id: format!("{}@{}", hex(&clock.random()), from.address.domain()),
    };
    let plain = compose_notice(&notice, &config.site);
    let bytes = match signer(config)? {
        None => plain,
        Some(signer) => signer.sign(&plain, now).map_err(|error| untold(&error.to_string()))?,
    };
    let return_path = config.newsletter.bounces.as_ref().unwrap_or(&from.address);
    let envelope = Envelope { from: return_path.clone(), to: to.clone(), size: bytes.len() };
    let failed = |heard: Heard| untold(&heard.said());
    let mut channel = wire(config, "notify")?.connect().await.map_err(failed)?;
    channel.offer(&envelope).await.map_err(failed)?;
    channel.body(&bytes).await.map_err(failed)?;
    let heard = channel.dot(None).await;
    channel.quit().await;
    if judge(&heard) == Verdict::Sent { Ok(()) } else { Err(failed(heard)) }
}

fn untold(why: &str) -> RunError {
    RunError::user(format!("notify.to was not told: {why}"), "the relay of [smtp] must take this email too")
}

/// What was told is forgotten with a file that is damaged: then it is told once more.
fn read(path: &Utf8PathBuf) -> BTreeMap<String, Told> {
    std::fs::read(path).ok().and_then(|text| serde_json::from_slice(&text).ok()).unwrap_or_default()
}

fn write(path: &Utf8PathBuf, all: &BTreeMap<String, Told>) -> std::io::Result<()> {
    std::fs::create_dir_all(durable::folder_of(path))?;
    durable::replace(path, &serde_json::to_vec(all)?, Mode::Private)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(minutes: i64) -> DateTime<Utc> {
        DateTime::UNIX_EPOCH + TimeDelta::minutes(minutes)
    }

    fn incident() -> Incident {
        let failure = Failure { code: 2, text: "x".to_owned() };
        super::super::incident::compare(None, Some(&failure), at(0)).0.unwrap()
    }

    #[test]
    fn people_hear_of_the_beginning_and_of_the_end_and_not_of_the_runs_between() {
        let mut told = Told::default();
        assert_eq!(told.next(&Change::None, at(0)), None);
        assert_eq!(told.next(&Change::Began, at(10)), Some(Word::Fails));
        for minutes in (20..600).step_by(10) {
            assert_eq!(told.next(&Change::Continues(incident()), at(minutes)), None);
        }
        assert_eq!(told.next(&Change::Changed(incident()), at(600)), Some(Word::FailsOtherwise));
        assert_eq!(told.next(&Change::Over(incident()), at(610)), Some(Word::Works));
        assert_eq!(told.next(&Change::None, at(620)), None);
    }

    #[test]
    fn what_changes_too_soon_is_told_when_the_hour_is_over_and_still_holds() {
        let mut told = Told::default();
        assert_eq!(told.next(&Change::Began, at(0)), Some(Word::Fails));
        assert_eq!(told.next(&Change::Changed(incident()), at(10)), None);
        assert_eq!(told.next(&Change::Continues(incident()), at(20)), None);
        assert_eq!(told.next(&Change::Continues(incident()), at(60)), Some(Word::FailsOtherwise));
        assert_eq!(told.next(&Change::Continues(incident()), at(70)), None);
    }

    #[test]
    fn a_failure_that_comes_and_goes_is_two_emails_in_an_hour_and_no_more() {
        let mut told = Told::default();
        let mut words = Vec::new();
        for minutes in (0..60).step_by(10) {
            words.extend(told.next(&Change::Began, at(minutes)));
            words.extend(told.next(&Change::Over(incident()), at(minutes + 5)));
        }
        assert_eq!(words, [Word::Fails, Word::Works]);
        assert_eq!(told.next(&Change::Began, at(60)), Some(Word::Fails));
    }

    #[test]
    fn a_clock_that_was_ahead_silences_nobody() {
        let mut told = Told { at: Some(at(100_000)), ..Told::default() };
        assert_eq!(told.next(&Change::Began, at(0)), Some(Word::Fails));
    }

    #[test]
    fn the_word_goes_behind_the_path_and_addresses_stay_at_home() {
        let url = |text: &str| text.parse::<Url>().unwrap();
        assert_eq!(below(&url("https://hc-ping.com/a-b"), "fail").as_str(), "https://hc-ping.com/a-b/fail");
        assert_eq!(
            below(&url("https://x.example/p/?rid=1"), "start").as_str(),
            "https://x.example/p/start?rid=1"
        );
        assert_eq!(without_addresses("a <kim@example.com> refused:\n  550"), "a (address) refused:\n  550");
    }
}
