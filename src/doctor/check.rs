//! One answer of the doctor.

use serde::Serialize;

/// Whether something is as it must be.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
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
}

impl Check {
    /// Something that is as it must be.
    pub fn good(section: Section, id: &'static str, message: impl Into<String>) -> Self {
        Self { section, id, level: Level::Good, subject: None, message: message.into(), next: None }
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
}
