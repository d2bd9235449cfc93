//! What the server of `archive.feed` said last (`.letterpress/feed.json`). If the file is lost, the feed is downloaded once
//! more.

use std::fs;

use aws_lc_rs::digest::{Context, SHA256};
use camino::Utf8PathBuf;
use chrono::{DateTime, TimeDelta, Utc};
use reqwest::StatusCode;
use serde::{Deserialize, Serialize};

use super::write;
use crate::config::Config;
use crate::finding::Finding;
use crate::net::http::{DownloadError, RetryAfter, Validators};
use crate::text::{hex, without_user_info};
use crate::xml::charset;

/// How long a feed that is gone for good is not requested.
const GONE: TimeDelta = TimeDelta::days(1);

/// The state of one source.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct FeedState {
    pub(super) source: String,
    /// The version that is stored; `None` before the first download.
    #[serde(flatten)]
    pub(super) version: Option<Version>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(super) pause: Option<Pause>,
    /// The new address, once it was reported.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    moved: Option<String>,
}

/// A version of the feed.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Version {
    pub(super) validators: Validators,
    /// SHA-256 of the bytes and the encoding that the server states, for servers that do not support validators.
    pub(super) digest: String,
}

impl Version {
    pub(super) fn new(bytes: &[u8], media_type: Option<&str>, validators: Validators) -> Self {
        let mut hash = Context::new(&SHA256);
        hash.update(bytes);
        hash.update(media_type.and_then(charset).unwrap_or_default().as_bytes());
        Self { validators, digest: hex(hash.finish().as_ref()) }
    }
}

/// A time in which the feed is not requested.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Pause {
    until: DateTime<Utc>,
    /// The response that asked for it.
    why: String,
    is_gone: bool,
}

impl Pause {
    /// The pause that a response asks for.
    pub(super) fn after(error: &DownloadError, now: DateTime<Utc>) -> Option<Self> {
        let DownloadError::Status { status, retry_after, .. } = error else { return None };
        let is_gone = *status == StatusCode::GONE;
        let until = match *status {
            StatusCode::GONE => now + GONE,
            StatusCode::TOO_MANY_REQUESTS | StatusCode::SERVICE_UNAVAILABLE => (*retry_after)?.time(now),
            _ => return None,
        };
        (until > now).then(|| Self { until, why: error.to_string(), is_gone })
    }

    /// Whether it lasts. A clock that was ahead must not extend it.
    fn contains(&self, now: DateTime<Utc>) -> bool {
        now < self.until && self.until - now <= RetryAfter::LONGEST
    }
}

/// Why there is no current version of the feed.
pub(super) struct Unavailable {
    pub(super) why: String,
    pub(super) advice: Option<&'static str>,
}

impl From<String> for Unavailable {
    fn from(why: String) -> Self {
        Self { why, advice: None }
    }
}

impl FeedState {
    fn path(config: &Config) -> Utf8PathBuf {
        config.resolve(".letterpress/feed.json")
    }

    /// The stored state of `source`.
    pub(super) fn read(config: &Config, source: &str) -> Self {
        let stored = fs::read(Self::path(config)).ok();
        let state: Option<Self> = stored.and_then(|stored| serde_json::from_slice(&stored).ok());
        state
            .filter(|state| state.source == source)
            .unwrap_or_else(|| Self { source: source.to_owned(), ..Self::default() })
    }

    /// Stores it. If that fails, the feed is requested once too often.
    pub(super) fn write(&self, config: &Config) {
        let path = Self::path(config);
        if let (Some(folder), Ok(json)) = (path.parent(), serde_json::to_vec(self)) {
            let _ = write(folder, path.file_name().unwrap_or_default(), &json);
        }
    }

    /// Removes the validators before files are written: after a crash the feed must be downloaded again.
    pub(super) fn clear(config: &Config) {
        let _ = fs::remove_file(Self::path(config));
    }

    /// Why the feed must not be requested at `now`.
    pub(super) fn paused(&self, config: &Config, now: DateTime<Utc>) -> Option<Unavailable> {
        let pause = self.pause.as_ref().filter(|pause| pause.contains(now))?;
        let time = pause.until.with_timezone(&config.site.timezone).format("%Y-%m-%d %H:%M %Z");
        let why = format!("{}; it is not requested before {time}", pause.why);
        let advice = if pause.is_gone {
            "the feed was removed for good: change archive.feed to its new address, or remove that line and keep the stored \
             entries as posts of your own"
        } else {
            "the server is busy or limits requests"
        };
        Some(Unavailable { why, advice: Some(advice) })
    }

    /// Records a response without a feed; returns why there is none.
    pub(super) fn record_refusal(
        &mut self,
        config: &Config,
        error: &DownloadError,
        now: DateTime<Utc>,
    ) -> Unavailable {
        self.pause = Pause::after(error, now);
        self.write(config);
        self.paused(config, now).unwrap_or_else(|| error.to_string().into())
    }

    /// Records where the feed moved; a finding if that was not reported yet.
    pub(super) fn record_move(&mut self, moved: Option<String>) -> Option<Finding> {
        let before = std::mem::replace(&mut self.moved, moved);
        if self.moved == before { None } else { self.moved() }
    }

    /// The permanent redirect that the server answered last.
    pub(super) fn moved(&self) -> Option<Finding> {
        let moved = without_user_info(self.moved.as_deref()?).into_owned();
        Some(
            Finding::warning("feed-moved", &self.source, format!("the feed moved permanently to {moved}"))
                .hint(format!("write feed = {moved:?} in [archive] of config.toml")),
        )
    }
}
