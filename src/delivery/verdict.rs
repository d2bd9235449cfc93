//! Decides what an outcome means: the reply classes of RFC 5321, 4.2.1, and what a missing reply means in each phase.
//!
//! Pure and total. Only the first digit decides whether a message was accepted; the enhanced code (RFC 3463) and the text
//! decide whether a rejection is about the recipient or the sender. The ledger acts on the verdict; nothing is changed here.

use super::{Phase, Reply, SmtpOutcome, TransportError};
use crate::subscribers::bounces::{self, Action, BounceClass, Meaning, Status};

/// What happens to the delivery, and whether the run continues.
///
/// If `policy` is true, the server rejected the sender or the message rather than the recipient: the caller counts such
/// verdicts, pauses the issue after a few in a row, and never suppresses the subscriber for them.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Verdict {
    /// A 2yz reply to the final dot was read: the server has the message.
    Sent,
    /// Definitely not accepted; to be retried later.
    Deferred {
        /// Counts towards pausing the issue.
        policy: bool,
    },
    /// Definitely not accepted and not to be retried.
    Failed {
        /// Counts towards pausing the issue.
        policy: bool,
    },
    /// The final dot was written and no reply was read: only a person, or evidence such as a relay log, can settle it.
    Unknown,
    /// Definitely not accepted, for a reason that affects every message: no delivery fails, this one stays pending, and
    /// the run stops until the cause is fixed.
    Sender,
    /// Definitely not accepted, because the server is throttling us: the delivery stays pending, and this run stops.
    Throttled,
}

impl Verdict {
    /// Whether the rejection was about the sender or the message and counts towards pausing the issue.
    pub fn counts_towards_pause(self) -> bool {
        matches!(self, Self::Deferred { policy: true } | Self::Failed { policy: true })
    }
}

/// Classifies one outcome.
pub fn classify(outcome: &SmtpOutcome) -> Verdict {
    match &outcome.result {
        Ok(reply) if outcome.phase == Phase::Dot => after_the_dot(reply),
        Ok(reply) => before_the_dot(outcome.phase, reply),
        Err(_) if outcome.phase == Phase::Dot => Verdict::Unknown,
        Err(error) => without_reply(outcome.phase, error),
    }
}

/// Whether the reply means that the mailbox or its domain does not exist, so that the subscriber should be suppressed
/// at once. A full mailbox, a filter or an unexplained 550 is not enough.
pub fn is_invalid_mailbox(outcome: &SmtpOutcome) -> bool {
    let Ok(reply) = &outcome.result else { return false };
    matches!(outcome.phase, Phase::Rcpt | Phase::Dot)
        && reply.class() == 5
        && fault(reply) == BounceClass::Hard
}

/// Whose fault a 5yz reply is, by its code and its text.
fn fault(reply: &Reply) -> BounceClass {
    let status =
        agreeing_enhanced(reply).map(|(subject, detail)| Status { class: reply.class(), subject, detail });
    bounces::classify(Action::Failed, status, &format!("{} {}", reply.code, reply.text))
}

/// Whether a 5yz reply says that the recipient takes no more for now: it is meant as a 4yz.
fn means_later(reply: &Reply) -> bool {
    bounces::meaning(&reply.text) == Some(Meaning::Later) && fault(reply) == BounceClass::Policy
}

fn after_the_dot(reply: &Reply) -> Verdict {
    match reply.class() {
        2 => Verdict::Sent,
        4 | 5 if is_sender_limit(reply) => Verdict::Throttled,
        4 if is_throttle(reply) => Verdict::Throttled,
        4 => Verdict::Deferred { policy: false },
        5 if means_later(reply) => Verdict::Deferred { policy: false },
        // The recipient was accepted at RCPT, so the rejection is about the message unless the reply blames the recipient.
        5 => Verdict::Failed { policy: fault(reply) == BounceClass::Policy },
        _ => Verdict::Unknown,
    }
}

fn before_the_dot(phase: Phase, reply: &Reply) -> Verdict {
    match (reply.class(), phase) {
        (4 | 5, _) if is_sender_limit(reply) => Verdict::Throttled,
        (4, Phase::Greeting) => Verdict::Throttled,
        (4, _) if is_throttle(reply) && !is_greylisting(phase, reply) => Verdict::Throttled,
        (5, Phase::Rcpt) if means_later(reply) => Verdict::Deferred { policy: false },
        // It may be about this recipient or about us: what happens to the others decides.
        (5, Phase::Rcpt) if fault(reply) == BounceClass::Policy => Verdict::Deferred { policy: true },
        (5, Phase::Rcpt) => Verdict::Failed { policy: false },
        (5, Phase::Data | Phase::Body) => Verdict::Deferred { policy: true },
        (5, _) => Verdict::Sender,
        _ => Verdict::Deferred { policy: false },
    }
}

fn without_reply(phase: Phase, error: &TransportError) -> Verdict {
    match (error, phase) {
        // Only this address needs the extension; others can be delivered.
        (TransportError::Missing(_) | TransportError::Unsendable(_), Phase::Rcpt) => {
            Verdict::Failed { policy: false }
        }
        (TransportError::Unsendable(_), Phase::Body) => Verdict::Failed { policy: true },
        // The next connection would have the same certificate, capabilities, token and return path.
        (
            TransportError::Tls(_)
            | TransportError::Missing(_)
            | TransportError::Unsendable(_)
            | TransportError::Token(_)
            | TransportError::WrongProtocol(_),
            _,
        ) => Verdict::Sender,
        // A server that accepts connections but sends no greeting is overloaded, and the next connection will fail too.
        (TransportError::Deadline, Phase::Greeting) => Verdict::Throttled,
        _ => Verdict::Deferred { policy: false },
    }
}

/// An enhanced code counts only if it agrees with the code: "250 5.1.1" is a 250.
fn agreeing_enhanced(reply: &Reply) -> Option<(u16, u16)> {
    let (class, subject, detail) = reply.enhanced()?;
    (u16::from(class) == reply.class()).then_some((subject, detail))
}

/// 421 closes the connection; the large providers use 4.7.x for rate limits.
fn is_throttle(reply: &Reply) -> bool {
    reply.code == 421 || matches!(agreeing_enhanced(reply), Some((7, _)))
}

/// Whether we have sent as much as the relay allows for now; some relays have a 5yz code for it.
fn is_sender_limit(reply: &Reply) -> bool {
    bounces::meaning(&reply.text) == Some(Meaning::SenderLimit)
}

/// Greylisting often has code 4.7.1, but it delays one message and does not ask the sender to slow down.
fn is_greylisting(phase: Phase, reply: &Reply) -> bool {
    let text = reply.text.to_ascii_lowercase();
    matches!(phase, Phase::Rcpt | Phase::Data)
        && reply.code != 421
        && (text.contains("greylist") || text.contains("graylist"))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::super::{MissingCapability, TlsError, Unreachable, WrongProtocol};
    use super::*;

    const PHASES: [Phase; 10] = [
        Phase::Connect,
        Phase::Greeting,
        Phase::Hello,
        Phase::Tls,
        Phase::Auth,
        Phase::Mail,
        Phase::Rcpt,
        Phase::Data,
        Phase::Body,
        Phase::Dot,
    ];
    const LATER: Verdict = Verdict::Deferred { policy: false };
    const LATER_POLICY: Verdict = Verdict::Deferred { policy: true };
    const FAILED: Verdict = Verdict::Failed { policy: false };
    const FAILED_POLICY: Verdict = Verdict::Failed { policy: true };

    fn replied(phase: Phase, reply: &str) -> SmtpOutcome {
        let (code, text) = reply.split_once(' ').unwrap_or((reply, ""));
        SmtpOutcome { phase, result: Ok(Reply { code: code.parse().unwrap(), text: text.to_owned() }) }
    }

    fn missing(extension: &str) -> TransportError {
        TransportError::Missing(MissingCapability::Extension(extension.to_owned()))
    }

    fn all_errors() -> Vec<TransportError> {
        let why = String::new;
        vec![
            TransportError::Deadline,
            TransportError::Closed,
            TransportError::Io(why()),
            TransportError::Protocol(why()),
            TransportError::Unreachable(Unreachable {
                address: ([127, 0, 0, 1], 25).into(),
                is_refused: true,
                reason: why(),
            }),
            TransportError::WrongProtocol(WrongProtocol::Http),
            TransportError::Tls(TlsError::Other(why())),
            TransportError::Missing(MissingCapability::Extension(why())),
            TransportError::Unsendable(why()),
            TransportError::Dns(why()),
            TransportError::NoSuchHost(why()),
        ]
    }

    #[test]
    fn before_the_dot_a_missing_reply_is_a_definite_failure_and_retried() {
        for error in [
            TransportError::Deadline,
            TransportError::Closed,
            TransportError::Io(String::new()),
            TransportError::Protocol(String::new()),
        ] {
            for phase in [
                Phase::Connect,
                Phase::Hello,
                Phase::Auth,
                Phase::Mail,
                Phase::Rcpt,
                Phase::Data,
                Phase::Body,
            ] {
                assert_eq!(
                    classify(&SmtpOutcome { phase, result: Err(error.clone()) }),
                    LATER,
                    "{phase} {error}"
                );
            }
        }
        assert_eq!(
            classify(&SmtpOutcome { phase: Phase::Connect, result: Err(TransportError::Dns(String::new())) }),
            LATER
        );
    }

    #[test]
    fn after_the_dot_every_error_is_unknown() {
        for error in all_errors() {
            let outcome = SmtpOutcome { phase: Phase::Dot, result: Err(error) };
            assert_eq!(classify(&outcome), Verdict::Unknown, "{outcome:?}");
        }
    }

    #[test]
    fn after_the_dot_the_first_digit_of_a_complete_reply_decides() {
        for (reply, verdict) in [
            ("250 2.0.0 ok queued as 4F2", Verdict::Sent),
            ("250", Verdict::Sent),
            ("299 x", Verdict::Sent),
            ("250 5.1.1 x", Verdict::Sent),
            ("354 go on", Verdict::Unknown),
            ("452 4.3.1 full", LATER),
            ("451 5.7.1 x", LATER),
            ("421 bye", Verdict::Throttled),
            ("451 4.7.650 slower", Verdict::Throttled),
            ("550 5.1.1 gone", FAILED),
            ("550 5.1.8 bad sender", FAILED_POLICY),
            ("554 spam", FAILED_POLICY),
            ("550 5.7.26 unauthenticated", FAILED_POLICY),
            ("571 x", FAILED_POLICY),
            ("454 Throttling failure: Daily message quota exceeded.", Verdict::Throttled),
            ("550 5.4.5 Daily user sending limit exceeded.", Verdict::Throttled),
        ] {
            assert_eq!(classify(&replied(Phase::Dot, reply)), verdict, "{reply}");
        }
    }

    #[test]
    fn a_rejected_recipient_fails_unless_the_rejection_is_about_the_sender() {
        for (reply, verdict) in [
            ("550 5.1.1 no such user", FAILED),
            ("550 no such user", FAILED),
            ("550 5.5.0 Requested action not taken: mailbox unavailable (S2017062302)", FAILED),
            ("511 sorry, no mailbox here by that name", FAILED),
            ("550 수신자를 찾을 수 없습니다", FAILED),
            ("577 x", LATER_POLICY),
            ("550 5.2.1 The user is receiving mail at a rate that prevents more", LATER),
            ("552 5.2.2 full", FAILED),
            ("550 5.4.5 Daily user sending limit exceeded", Verdict::Throttled),
            ("550 5.1.1 blocked", LATER_POLICY),
            ("550 5.1.1 no such user; you are blocked", FAILED),
            ("550 5.7.26 unauthenticated", LATER_POLICY),
            ("550 5.7.515 access denied", LATER_POLICY),
            ("550 5.7.1 spam", LATER_POLICY),
            ("550 5.1.8 bad sender", LATER_POLICY),
            ("550 Too many recipients", LATER_POLICY),
            ("550 5.5.3 too many", LATER_POLICY),
            ("450 greylisted", LATER),
            ("451 4.7.1 Greylisting in action", LATER),
            ("452 4.2.2 mailbox full", LATER),
            ("421 4.7.28 slower", Verdict::Throttled),
            ("421 4.7.0 [TSS04] slower", Verdict::Throttled),
            ("451 4.7.650 slower", Verdict::Throttled),
        ] {
            assert_eq!(classify(&replied(Phase::Rcpt, reply)), verdict, "{reply}");
        }
    }

    #[test]
    fn a_5yz_to_a_command_about_the_sender_stops_the_run_and_fails_no_delivery() {
        for phase in [Phase::Greeting, Phase::Hello, Phase::Tls, Phase::Auth, Phase::Mail] {
            assert_eq!(classify(&replied(phase, "550 5.1.1 no")), Verdict::Sender, "{phase}");
        }
    }

    #[test]
    fn anything_but_354_to_data_is_definitely_not_accepted() {
        for (reply, verdict) in [("250 ok", LATER), ("451 x", LATER), ("554 x", LATER_POLICY)] {
            assert_eq!(classify(&replied(Phase::Data, reply)), verdict, "{reply}");
        }
    }

    #[test]
    fn a_busy_or_silent_greeting_stops_this_run_only() {
        assert_eq!(classify(&replied(Phase::Greeting, "450 busy")), Verdict::Throttled);
        assert_eq!(
            classify(&SmtpOutcome { phase: Phase::Greeting, result: Err(TransportError::Deadline) }),
            Verdict::Throttled
        );
    }

    #[test]
    fn a_bad_certificate_or_a_missing_extension_stops_the_run() {
        for (phase, error, verdict) in [
            (Phase::Tls, TransportError::Tls(TlsError::Other("expired".to_owned())), Verdict::Sender),
            (Phase::Tls, TransportError::Missing(MissingCapability::Starttls), Verdict::Sender),
            (Phase::Greeting, TransportError::WrongProtocol(WrongProtocol::Tls), Verdict::Sender),
            (Phase::Auth, TransportError::Missing(MissingCapability::TlsForPassword), Verdict::Sender),
            (Phase::Mail, missing("SIZE"), Verdict::Sender),
            (Phase::Rcpt, missing("SMTPUTF8"), FAILED),
            (Phase::Body, TransportError::Unsendable("bare LF".to_owned()), FAILED_POLICY),
        ] {
            assert_eq!(classify(&SmtpOutcome { phase, result: Err(error) }), verdict, "{phase}");
        }
    }

    #[test]
    fn only_a_policy_rejection_counts_towards_the_pause() {
        for (verdict, counts) in [
            (Verdict::Sent, false),
            (LATER, false),
            (LATER_POLICY, true),
            (FAILED, false),
            (FAILED_POLICY, true),
            (Verdict::Unknown, false),
            (Verdict::Sender, false),
            (Verdict::Throttled, false),
        ] {
            assert_eq!(verdict.counts_towards_pause(), counts, "{verdict:?}");
        }
    }

    #[test]
    fn only_a_mailbox_that_does_not_exist_is_invalid() {
        assert!(is_invalid_mailbox(&replied(Phase::Rcpt, "550 5.1.1 no such user")));
        assert!(is_invalid_mailbox(&replied(Phase::Rcpt, "550 no such user")));
        assert!(is_invalid_mailbox(&replied(Phase::Dot, "550 5.1.10 no such user")));
        for (phase, reply) in [
            (Phase::Rcpt, "550 rejected"),
            (Phase::Rcpt, "552 5.2.2 full"),
            (Phase::Rcpt, "450 5.1.1 later"),
            (Phase::Rcpt, "550 5.7.1 spam"),
            (Phase::Mail, "550 5.1.1 you"),
        ] {
            assert!(!is_invalid_mailbox(&replied(phase, reply)), "{phase} {reply}");
        }
    }

    fn any_outcome() -> impl Strategy<Value = SmtpOutcome> {
        let reply = (200_u16..600, "([245]\\.[0-9]{1,2}\\.[0-9]{1,3} )?(greylisted|spam|too many|ok|가)?");
        let what = prop_oneof![
            reply.prop_map(|(code, text)| Ok(Reply { code, text })),
            prop::sample::select(all_errors()).prop_map(Err),
        ];
        (prop::sample::select(PHASES.to_vec()), what)
            .prop_map(|(phase, what)| SmtpOutcome { phase, result: what })
    }

    proptest! {
        #[test]
        fn sent_requires_a_2yz_after_the_dot_and_unknown_occurs_only_there(outcome in any_outcome()) {
            let verdict = classify(&outcome);
            let positive = matches!(&outcome.result, Ok(reply) if reply.class() == 2);
            prop_assert_eq!(verdict == Verdict::Sent, outcome.phase == Phase::Dot && positive);
            if outcome.phase != Phase::Dot {
                prop_assert_ne!(verdict, Verdict::Unknown);
            }
        }

        #[test]
        fn only_a_5yz_or_letterpress_itself_fails_a_delivery(outcome in any_outcome()) {
            if matches!(classify(&outcome), Verdict::Failed { .. }) {
                let refused = matches!(&outcome.result, Ok(reply) if reply.class() == 5);
                let unsendable = matches!(&outcome.result, Err(TransportError::Missing(_) | TransportError::Unsendable(_)));
                prop_assert!(refused || (unsendable && outcome.phase != Phase::Dot));
            }
        }
    }
}
