//! One mail as `inbox --dry-run --json` prints it.

use serde::Serialize;

use super::{Classified, SubscriptionRequest};
use crate::store::ReportKind;
use crate::subscribers::bounces::{BounceClass, classify};

/// What a mail is.
#[derive(Debug, PartialEq, Eq, Serialize)]
pub struct MailSummary<'a> {
    /// The file, or the UID of the mail.
    pub file: &'a str,
    /// `bounce`, `complaint`, `unsubscribe`, `sign-up`, `confirmation` or `other`.
    pub kind: &'static str,
    /// The address in the report.
    pub recipient: Option<&'a str>,
    /// The action of RFC 3464: `failed`, `delayed`, `delivered`, `relayed` or `expanded`.
    pub action: Option<&'static str>,
    /// The status code of RFC 3463.
    pub status: Option<String>,
    /// What a bounce means: `hard` (suppressed), `soft` (suppressed after several issues), or `policy` (not the subscriber's
    /// fault).
    pub class: Option<&'static str>,
    /// The reason in the report.
    pub diagnostic: Option<&'a str>,
    /// Whether it has a valid token, without which it changes nothing.
    pub verified: bool,
}

impl<'a> MailSummary<'a> {
    const fn other(file: &'a str) -> Self {
        Self {
            file,
            kind: "other",
            recipient: None,
            action: None,
            status: None,
            class: None,
            diagnostic: None,
            verified: false,
        }
    }

    pub(super) fn new(file: &'a str, classified: &'a Classified) -> Self {
        let (kind, verified) = match classified {
            Classified::Report(report) => (Some(&report.kind), true),
            Classified::Unverified(kind) => (kind.as_ref(), false),
            Classified::Automatic | Classified::Prose => (None, true),
            Classified::Request(request) => {
                let (kind, verified) = match request {
                    SubscriptionRequest::SignUp(_) => ("sign-up", false),
                    SubscriptionRequest::Confirm { .. } => ("confirmation", true),
                };
                return Self { kind, verified, ..Self::other(file) };
            }
            Classified::Unreadable | Classified::Foreign => (None, false),
        };
        let other = Self { verified, ..Self::other(file) };
        match kind {
            None => other,
            Some(ReportKind::Complained) => Self { kind: "complaint", ..other },
            Some(ReportKind::Unsubscribed) => Self { kind: "unsubscribe", ..other },
            Some(ReportKind::Delivery(report)) => Self {
                kind: "bounce",
                recipient: report.recipient.as_deref(),
                action: Some(report.action.as_str()),
                status: report.status.map(|status| status.to_string()),
                class: match classify(report.action, report.status, &report.diagnostic) {
                    BounceClass::Hard => Some("hard"),
                    BounceClass::Soft => Some("soft"),
                    BounceClass::Policy => Some("policy"),
                    BounceClass::Unclear => None,
                },
                diagnostic: Some(report.diagnostic.as_str()).filter(|text| !text.is_empty()),
                ..other
            },
        }
    }
}
