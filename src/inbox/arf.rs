//! The body of a feedback report (RFC 5965): a subscriber's complaint, reported by the mail provider.

use super::fields::Fields;

/// A feedback report.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Feedback {
    /// Whether it is a complaint. `not-spam` is the opposite, and `auth-failure` (RFC 6591) is not from a subscriber.
    pub(super) is_complaint: bool,
    /// The envelope according to the report: our return path, unless the provider redacted it.
    pub(super) envelope: [Option<String>; 2],
}

impl Feedback {
    /// Reads the body of a `message/feedback-report` part; `None` without a type.
    pub(super) fn parse(body: &[u8]) -> Option<Self> {
        let fields = Fields::parse(body.trim_ascii_start());
        let kind = fields.get("feedback-type")?.to_ascii_lowercase();
        let envelope =
            ["original-mail-from", "original-envelope-id"].map(|name| fields.get(name).map(str::to_owned));
        Some(Self { is_complaint: !matches!(kind.as_str(), "not-spam" | "auth-failure"), envelope })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_complaints_are_recognised_as_complaints() {
        let read = |kind: &str| Feedback::parse(format!("\r\nFeedback-Type: {kind}\r\n").as_bytes());
        assert!(read("abuse").unwrap().is_complaint && read("opt-out").unwrap().is_complaint);
        assert!(!read("Not-Spam").unwrap().is_complaint && !read("auth-failure").unwrap().is_complaint);
        assert_eq!(Feedback::parse(b"User-Agent: x\r\n"), None);
    }
}
