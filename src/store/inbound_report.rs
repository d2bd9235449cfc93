//! Reports that come back by mail about a delivery or a subscriber.
//!
//! The caller has verified the token of an [`InboundReport`]; the store does not check it again.

use super::DeliveryNumber;
use crate::subscribers::bounces::{Action, Status};
use crate::subscribers::{AddressKey, SubscriptionStatus};

/// A bounce, a complaint, or an unsubscribe by mail.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct InboundReport {
    /// The same if the same mail is delivered again.
    pub fingerprint: [u8; 32],
    /// The delivery or the subscriber.
    pub subject: ReportSubject,
    /// What is reported.
    pub kind: ReportKind,
}

/// The subject of a verified token.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum ReportSubject {
    /// A delivery.
    Delivery(DeliveryNumber),
    /// A subscriber, and the delivery with this `Message-ID` if the report names one.
    Subscriber {
        /// The subscriber.
        key: AddressKey,
        /// Without angle brackets.
        message_id: Option<String>,
    },
}

/// What is reported.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum ReportKind {
    /// A delivery report (RFC 3464).
    Delivery(DeliveryReport),
    /// A complaint (RFC 5965).
    Complained,
    /// An unsubscribe.
    Unsubscribed,
}

/// The content of a delivery report.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DeliveryReport {
    /// What was done with the message.
    pub action: Action,
    /// The status code.
    pub status: Option<Status>,
    /// The address in the report: it is only compared, never trusted.
    pub recipient: Option<String>,
    /// The reply of the refusing server: one printable line, shortened, possibly hostile.
    pub diagnostic: String,
}

impl ReportKind {
    /// The stored kind.
    pub const fn as_str(&self) -> &'static str {
        match self {
            Self::Delivery(report) => report.action.as_str(),
            Self::Complained => "complaint",
            Self::Unsubscribed => "leave",
        }
    }
}

/// The result of recording a report.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum RecordOutcome {
    /// It was recorded before.
    Duplicate,
    /// The delivery or the subscriber is unknown here.
    UnknownToken,
    /// It is recorded now.
    Recorded {
        /// It proves that an unknown delivery was accepted.
        settled: bool,
        /// The new status of the subscriber, if it changed.
        status: Option<SubscriptionStatus>,
        /// The report names another address than the message was sent to; the token counts.
        elsewhere: bool,
        /// Too many messages of the issue came back, and it is paused now.
        paused: bool,
    },
}
