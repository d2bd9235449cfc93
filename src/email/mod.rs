//! Renders a post or a weekly digest as one email with slots, and writes the email for one subscriber as bytes.
//!
//! Pure: no file, socket, clock or randomness. A `MessageTemplate` is the email before it is personalised. It is rendered once per
//! issue and frozen in the ledger; [`MessageTemplate::render_for`] fills in what differs between subscribers.

mod banner;
mod columns;
mod digest;
pub mod dkim;
mod drawings;
mod formulas;
mod headers;
mod html;
mod issue;
mod lint;
mod mime;
mod operator_message;
mod outline;
mod pictures;
mod placeholders;
mod plain;
mod preview;
mod rows;
mod templates;
mod theme;
mod transactional;
mod wrap;

use chrono::{DateTime, FixedOffset};
use serde::{Deserialize, Serialize};

use crate::address::{EmailAddress, Mailbox};
use crate::i18n::IssueStrings;
use crate::text::HeaderText;

pub use banner::Note;
pub use digest::{DigestContent, compose_digest};
pub(crate) use headers::mailto;
pub use issue::{compose, latest_issue, online};
pub use lint::{Origin, lint};
pub use mime::MessageRenderer;
pub use operator_message::{OperatorMessage, compose_operator_message};
pub use pictures::PictureSizes;
pub use preview::of_post as preview_line;
pub use templates::Templates;
pub(crate) use templates::{complaint, environment};
pub use theme::accent_finding;
pub use transactional::compose_transactional;

/// A rendered issue. It is stored as JSON when the issue is frozen, and every message is made from it, so that later
/// changes of the post, a template or `config.toml` don't affect an issue that is being sent.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct MessageTemplate {
    /// The subject, decoded.
    pub subject: HeaderText,
    /// Header fields (name, value) that are the same for every subscriber, encoded and folded, in order.
    pub headers: Vec<(String, String)>,
    /// The text part (`text/plain`), with `\n` line ends.
    pub text: Vec<TemplatePart>,
    /// The HTML part, with `\n` line ends and inlined CSS.
    pub html: Vec<TemplatePart>,
    /// The greeting without a name, and the parts before and after a name.
    pub greeting: Greeting,
}

/// A piece of a part: fixed text, or a slot that is filled for each subscriber.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub enum TemplatePart {
    /// The same for all subscribers.
    Fixed(String),
    /// Filled for each subscriber, escaped as the part requires.
    #[serde(rename = "Slot")]
    Placeholder(Placeholder),
}

/// The values that differ between subscribers inside the parts.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub enum Placeholder {
    /// "안녕하세요, 김민준 님." or, without a name, "안녕하세요."
    Greeting,
    /// The name alone; empty if there is none.
    Name,
    /// The URL to unsubscribe: the page if there is one, else the `mailto:`.
    Unsubscribe,
}

/// The greeting and its parts.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Greeting {
    /// Without a name.
    pub plain: String,
    /// Before the name.
    pub before: String,
    /// After the name.
    pub after: String,
}

impl Greeting {
    fn from_strings(strings: &IssueStrings) -> Self {
        let (before, after) = strings.greeting_parts();
        Self {
            plain: strings.greeting_without_name.clone(),
            before: before.to_owned(),
            after: after.to_owned(),
        }
    }
}

/// The data of one message. All of it is fixed when the issue is frozen, so that a retry sends the same bytes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Recipient {
    /// The address of the subscriber, also for the `To` header.
    pub to: Mailbox,
    /// Without angle brackets: `hex@example.com`.
    pub message_id: String,
    /// The `Date` header.
    pub date: DateTime<FixedOffset>,
    /// Makes the MIME boundary unique; lower-case hex.
    pub boundary_seed: String,
    /// How this subscriber can unsubscribe.
    pub unsubscribe: Unsubscribe,
}

/// The ways to unsubscribe (RFC 2369, RFC 8058).
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Unsubscribe {
    /// The mailbox for unsubscribe emails.
    pub mailbox: EmailAddress,
    /// The signed token, used in the subject of the `mailto:` and in the path of the page.
    pub token: String,
    /// The one-click URL, if `[web] url` is set: `https://…/u/TOKEN`. Only for the header: a POST to it unsubscribes, and
    /// mail scanners may follow any link in the body.
    pub page: Option<String>,
    /// The page with a button, for the body: `https://…/leave/TOKEN`.
    pub human: Option<String>,
}

#[cfg(test)]
mod fixtures;
#[cfg(test)]
mod tests;
