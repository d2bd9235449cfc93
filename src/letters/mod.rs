//! A post, or a week of them, becomes one letter with slots; a letter and a reader become bytes.
//!
//! Pure: no file, socket, clock or chance. A letter is rendered once per issue and frozen into the ledger;
//! what differs from reader to reader is spliced in by [`Letter::copy_for`].

mod digest;
pub mod dkim;
mod headers;
mod html;
mod issue;
mod lint;
mod marked;
mod mime;
mod notice;
mod plain;
mod slip;
mod slots;
mod tags;
mod templates;
mod wrap;

use chrono::{DateTime, FixedOffset};
use serde::{Deserialize, Serialize};

use crate::address::{EmailAddress, Mailbox};
use crate::i18n::IssueStrings;
use crate::text::HeaderText;

pub use digest::{Week, compose_week};
pub(crate) use html::escape;
pub use issue::{compose, online};
pub use lint::lint;
pub use marked::Note;
pub use mime::Press;
pub use notice::{Notice, compose_notice};
pub use slip::compose_slip;
pub(crate) use tags::{Tag, tags};
pub use templates::Templates;
pub(crate) use templates::{complaint, environment};

/// An issue, rendered once. It is stored as JSON when the issue is frozen, and every copy is made from it:
/// a later edit of the post, a template or `config.toml` does not reach an issue that is under way.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Letter {
    /// The subject, decoded.
    pub subject: HeaderText,
    /// Header fields that are the same for every reader, encoded and folded, in order (name, value).
    pub headers: Vec<(String, String)>,
    /// The text part (`text/plain`), lines ending in `\n`.
    pub text: Vec<Piece>,
    /// The HTML part, lines ending in `\n`, CSS inlined.
    pub html: Vec<Piece>,
    /// The greeting for a reader without a name, and the two halves around the name of one who has it.
    pub greeting: Greeting,
}

/// A stretch of a part: fixed text, or a slot that is filled for each reader.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub enum Piece {
    /// The same for everybody.
    Fixed(String),
    /// Filled for each reader, escaped as the part demands.
    Slot(Slot),
}

/// What differs from reader to reader inside the parts.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub enum Slot {
    /// "안녕하세요, 김민준 님." or, without a name, "안녕하세요."
    Greeting,
    /// The name alone; empty if there is none.
    Name,
    /// The address where this copy's reader leaves: the page for people if there is one, else the `mailto:`.
    Unsubscribe,
}

/// The words of the greeting.
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
            plain: strings.greeting_without_name.to_owned(),
            before: before.to_owned(),
            after: after.to_owned(),
        }
    }
}

/// What one reader's copy adds to the letter. All of it is fixed when the issue is frozen, so that a second
/// attempt sends the same bytes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Recipient {
    /// Where it goes; also the `To` header.
    pub to: Mailbox,
    /// Without angle brackets: `hex@example.com`.
    pub message_id: String,
    /// The `Date` header.
    pub date: DateTime<FixedOffset>,
    /// Makes the MIME boundary unique; lower-case hex.
    pub boundary_seed: String,
    /// How this reader leaves.
    pub unsubscribe: Unsubscribe,
}

/// How a reader leaves (RFC 2369, RFC 8058).
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Unsubscribe {
    /// The mailbox that takes unsubscribe mails.
    pub mailbox: EmailAddress,
    /// The signed token: goes into the subject of the `mailto:` and the path of the page.
    pub token: String,
    /// The one-click address, if `[web] url` is set: `https://…/u/TOKEN`. For the header alone: a POST to it takes the
    /// reader off the list, and a scanner may press whatever it finds in the body.
    pub page: Option<String>,
    /// The page for people, for the body: `https://…/leave/TOKEN`, where a button asks once more.
    pub human: Option<String>,
}

#[cfg(test)]
mod specimens;
#[cfg(test)]
mod tests;
