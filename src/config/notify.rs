//! `[notify]`: who is told when runs begin to fail, and when they work again.

use serde::Deserialize;
use url::Url;

use crate::address::EmailAddress;

/// The `[notify]` section.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Notify {
    /// Who gets a short email through the same relay.
    pub to: Option<EmailAddress>,
    /// What is asked over HTTP.
    pub url: Option<Url>,
    /// How `url` is spoken to.
    #[serde(default)]
    pub kind: NotifyKind,
}

/// How an address is told of a run.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum NotifyKind {
    /// ntfy if the name of the host begins with `ntfy`, else like healthchecks.io.
    #[default]
    Auto,
    /// Each run: the address itself, with `/start` and `/fail` behind it.
    Healthchecks,
    /// A message with a title and a priority, when something changes.
    Ntfy,
}

impl Notify {
    /// The address that is asked with each run (a heartbeat), if it is one of that kind.
    pub fn heartbeat(&self) -> Option<&Url> {
        self.url.as_ref().filter(|url| self.kind_of(url) == NotifyKind::Healthchecks)
    }

    /// The address that messages go to, if it is one of that kind.
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
    fn an_address_is_taken_for_ntfy_by_its_host_or_because_the_owner_says_so() {
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
