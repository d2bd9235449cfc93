//! Reports that come back by mail about a delivery or a subscriber.
//!
//! The caller has verified the token of a [`Notice`]; the store does not check it again.

use super::DeliveryNumber;
use crate::subscribers::bounces::{Action, Status};
use crate::subscribers::{AddressKey, Standing};

/// A bounce, a complaint, or an unsubscribe by mail.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Notice {
    /// The same if the same mail is delivered again.
    pub fingerprint: [u8; 32],
    /// The delivery or the subscriber.
    pub about: About,
    /// What is reported.
    pub word: Word,
}

/// The subject of a verified token.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum About {
    /// A delivery.
    Copy(DeliveryNumber),
    /// A subscriber, and the delivery with this `Message-ID` if the report names one.
    Reader {
        /// The subscriber.
        key: AddressKey,
        /// Without angle brackets.
        message_id: Option<String>,
    },
}

/// What is reported.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Word {
    /// A delivery report (RFC 3464).
    Reported(Reported),
    /// A complaint (RFC 5965).
    Complained,
    /// An unsubscribe.
    Unsubscribed,
}

/// What a delivery report says.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Reported {
    /// What was done with the message.
    pub action: Action,
    /// The status code.
    pub status: Option<Status>,
    /// The address in the report: it is only compared, never trusted.
    pub recipient: Option<String>,
    /// The text of the refusing server: one printable line, shortened, possibly hostile.
    pub diagnostic: String,
}

impl Word {
    /// The stored kind.
    pub const fn as_str(&self) -> &'static str {
        match self {
            Self::Reported(report) => report.action.as_str(),
            Self::Complained => "complaint",
            Self::Unsubscribed => "leave",
        }
    }
}

/// The result of recording a report.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Taken {
    /// It was recorded before.
    Again,
    /// The delivery or the subscriber is unknown here.
    Stranger,
    /// It is recorded now.
    Recorded {
        /// It proves that a delivery in doubt was accepted.
        settled: bool,
        /// The new status of the subscriber, if it changed.
        standing: Option<Standing>,
        /// The report names another address than the message was sent to; the token counts.
        elsewhere: bool,
        /// Too many messages of the issue came back, and it is paused now.
        paused: bool,
    },
}
