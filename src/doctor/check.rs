//! One answer of the doctor.

use serde::{Deserialize, Serialize};

use crate::finding::Finding;

/// Whether something is as it must be.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Level {
    /// As it must be.
    Good,
    /// Not asked, and why.
    Skipped,
    /// It works, but not with every receiver, or not for long.
    Warning,
    /// Mail or feeds do not arrive.
    Fault,
}

/// What a check is about; the headings of the output, in order.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Section {
    /// The mail server that takes the messages.
    Relay,
    /// The sender's domain in DNS.
    Domain,
    /// What the large receivers ask of senders.
    Receivers,
    /// The pages and feeds, asked over HTTPS.
    Web,
    /// This machine.
    Here,
}

impl Section {
    /// The name for scripts.
    pub fn name(self) -> &'static str {
        match self {
            Self::Relay => "relay",
            Self::Domain => "domain",
            Self::Receivers => "receivers",
            Self::Web => "web",
            Self::Here => "here",
        }
    }

    /// The heading.
    pub fn title(self) -> &'static str {
        match self {
            Self::Relay => "Relay and mailbox",
            Self::Domain => "Sender's domain",
            Self::Receivers => "Receivers' rules",
            Self::Web => "Pages and feeds",
            Self::Here => "This machine",
        }
    }
}

/// One answer: what was asked, what was found, and what to do next.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Check {
    /// What it is about.
    pub section: Section,
    /// A short stable name such as `spf-lookups`, for scripts and for comparing runs.
    pub id: &'static str,
    /// Whether it is as it must be.
    pub level: Level,
    /// The host, domain or address that was asked about, if there are several.
    pub subject: Option<String>,
    /// What was found, one sentence without a full stop.
    pub message: String,
    /// What to do next, for a warning or a fault.
    pub next: Option<String>,
    /// Whether it may be over by itself, such as a server that did not answer. Under cron it is reported only if the next
    /// run finds it too.
    #[serde(skip)]
    pub may_pass: bool,
}

impl Check {
    /// Something that is as it must be.
    pub fn good(section: Section, id: &'static str, message: impl Into<String>) -> Self {
        Self {
            section,
            id,
            level: Level::Good,
            subject: None,
            message: message.into(),
            next: None,
            may_pass: false,
        }
    }

    /// Something that was not asked; the message says why.
    pub fn skipped(section: Section, id: &'static str, message: impl Into<String>) -> Self {
        Self { level: Level::Skipped, ..Self::good(section, id, message) }
    }

    /// Something that works, but not everywhere or not for long.
    pub fn warning(
        section: Section,
        id: &'static str,
        message: impl Into<String>,
        next: impl Into<String>,
    ) -> Self {
        Self { level: Level::Warning, next: Some(next.into()), ..Self::good(section, id, message) }
    }

    /// Something that keeps mail or feeds from arriving.
    pub fn fault(
        section: Section,
        id: &'static str,
        message: impl Into<String>,
        next: impl Into<String>,
    ) -> Self {
        Self { level: Level::Fault, next: Some(next.into()), ..Self::good(section, id, message) }
    }

    /// The same, about this host, domain or address.
    #[must_use]
    pub fn about(mut self, subject: impl Into<String>) -> Self {
        self.subject = Some(subject.into());
        self
    }

    /// The same as something that may be over by itself.
    #[must_use]
    pub fn passing(mut self) -> Self {
        self.may_pass = true;
        self
    }

    /// Whether it needs attention.
    pub fn is_bad(&self) -> bool {
        self.level >= Level::Warning
    }

    /// The same for `letterpress check`, about `file` if there is no subject; `None` if nothing is wrong.
    pub(crate) fn into_finding(self, file: &str) -> Option<Finding> {
        let file = self.subject.unwrap_or_else(|| file.to_owned());
        let finding = match self.level {
            Level::Good | Level::Skipped => return None,
            Level::Warning => Finding::warning(self.id, file, self.message),
            Level::Fault => Finding::error(self.id, file, self.message),
        };
        Some(match self.next {
            Some(next) => finding.hint(next),
            None => finding,
        })
    }
}
