//! `[notify]`: who is notified when runs begin to fail, and when they succeed again.

use serde::Deserialize;
use url::Url;

use crate::address::EmailAddress;

/// The `[notify]` section.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Notify {
    /// The recipient of a short email through the same relay.
    pub to: Option<EmailAddress>,
    /// The URL to request.
    pub url: Option<Url>,
    /// The protocol of `url`.
    #[serde(default)]
    pub kind: NotifyKind,
}

/// The protocol for notifications over HTTP.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum NotifyKind {
    /// ntfy if the host name begins with `ntfy`, otherwise that of healthchecks.io.
    #[default]
    Auto,
    /// At each run: the URL, with `/start` or `/fail` appended.
    Healthchecks,
    /// A message with a title and a priority, when the state changes.
    Ntfy,
}

impl Notify {
    /// The heartbeat URL that is requested at each run, if it is of that kind.
    pub fn heartbeat(&self) -> Option<&Url> {
        self.url.as_ref().filter(|url| self.kind_of(url) == NotifyKind::Healthchecks)
    }

    /// The URL for messages, if it is of that kind.
    pub fn topic(&self) -> Option<&Url> {
        self.url.as_ref().filter(|url| self.kind_of(url) == NotifyKind::Ntfy)
    }

    fn kind_of(&self, url: &Url) -> NotifyKind {
        let is_ntfy = url.host_str().is_some_and(|host| host.starts_with("ntfy"));
        match self.kind {
            NotifyKind::Auto if is_ntfy => NotifyKind::Ntfy,
            NotifyKind::Auto => NotifyKind::Healthchecks,
            kind => kind,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_url_is_ntfy_by_its_host_or_by_configuration() {
        let notify = |url: &str, kind| Notify { to: None, url: Some(url.parse().unwrap()), kind };
        let is_topic = |url, kind| {
            let notify = notify(url, kind);
            assert_ne!(notify.topic().is_some(), notify.heartbeat().is_some());
            notify.topic().is_some()
        };
        assert!(is_topic("https://ntfy.sh/my-letters", NotifyKind::Auto));
        assert!(is_topic("https://push.example.com/my-letters", NotifyKind::Ntfy));
        assert!(!is_topic("https://hc-ping.com/5d1f", NotifyKind::Auto));
        assert!(!is_topic("https://ntfy.example.com/x", NotifyKind::Healthchecks));
    }
}
