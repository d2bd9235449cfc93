//! What a fact from the wire means: the reply classes of RFC 5321, 4.2.1, and what silence means in each phase.
//!
//! Pure and total. The first digit decides; second and third digits never do, except where a refusal must be laid at
//! the reader's door or at the sender's (RFC 3463). The ledger acts on the verdict; nothing is changed here.

use super::{Phase, Reply, SmtpOutcome, TransportError};
use crate::subscribers::bounces::{Status, mentions_policy};

/// What becomes of the copy, and whether the run goes on.
///
/// Where `policy` is true, the server refused the sender or the letter rather than the reader: the caller counts such
/// verdicts, pauses the issue after a few in a row, and never suppresses the reader for them.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Verdict {
    /// A 2yz reply to the dot was read: the server has the copy.
    Sent,
    /// Definitely not accepted; to be tried again later.
    Deferred {
        /// Counts towards pausing the issue.
        policy: bool,
    },
    /// Definitely not accepted and not worth another try.
    Failed {
        /// Counts towards pausing the issue.
        policy: bool,
    },
    /// The dot was written and no reply was read: only a person, or evidence, can say more.
    Unknown,
    /// Definitely not accepted, for a reason that every copy shares: nobody is failed, the copy waits, and the run
    /// stops until somebody has looked.
    Sender,
    /// Definitely not accepted, because the server wants to be left alone for now: the copy waits, and this run stops.
    Throttled,
}

impl Verdict {
    /// Whether the refusal was of the sender or the letter and counts towards pausing the issue.
    pub fn counts_towards_pause(self) -> bool {
        matches!(self, Self::Deferred { policy: true } | Self::Failed { policy: true })
    }
}

/// Judges one fact.
pub fn classify(outcome: &SmtpOutcome) -> Verdict {
    match &outcome.result {
        Ok(reply) if outcome.phase == Phase::Dot => after_the_dot(reply),
        Ok(reply) => before_the_dot(outcome.phase, reply),
        Err(_) if outcome.phase == Phase::Dot => Verdict::Unknown,
        Err(trouble) => without_reply(outcome.phase, trouble),
    }
}

/// Whether the reply says that the mailbox or its domain does not exist, so that the reader should be suppressed at
/// once. A full mailbox, a filter or an unexplained 550 is not enough.
pub fn is_invalid_mailbox(outcome: &SmtpOutcome) -> bool {
    let Ok(reply) = &outcome.result else { return false };
    matches!(outcome.phase, Phase::Rcpt | Phase::Dot)
        && reply.class() == 5
        && reply.enhanced().is_some_and(|(class, subject, detail)| {
            Status { class: u16::from(class), subject, detail }.is_invalid_mailbox()
        })
}

fn after_the_dot(reply: &Reply) -> Verdict {
    match reply.class() {
        2 => Verdict::Sent,
        4 if is_throttle(reply) => Verdict::Throttled,
        4 => Verdict::Deferred { policy: false },
        // The recipient was taken at RCPT, so unless the server says otherwise it is the letter that it refuses.
        5 => Verdict::Failed { policy: !blames_recipient(reply) },
        _ => Verdict::Unknown,
    }
}

fn before_the_dot(phase: Phase, reply: &Reply) -> Verdict {
    match (reply.class(), phase) {
        (4, Phase::Greeting) => Verdict::Throttled,
        (4, _) if is_throttle(reply) && !is_greylisting(phase, reply) => Verdict::Throttled,
        (5, Phase::Rcpt) if blames_sender(reply) => Verdict::Deferred { policy: true },
        (5, Phase::Rcpt) => Verdict::Failed { policy: false },
        (5, Phase::Data | Phase::Body) => Verdict::Deferred { policy: true },
        (5, _) => Verdict::Sender,
        _ => Verdict::Deferred { policy: false },
    }
}

fn without_reply(phase: Phase, trouble: &TransportError) -> Verdict {
    match (trouble, phase) {
        // Only this reader's address asks for the extension; others go on.
        (TransportError::Missing(_) | TransportError::Unsendable(_), Phase::Rcpt) => {
            Verdict::Failed { policy: false }
        }
        (TransportError::Unsendable(_), Phase::Body) => Verdict::Failed { policy: true },
        // The next connection would see the same certificate, the same offers, the same return path.
        (
            TransportError::Tls(_)
            | TransportError::Missing(_)
            | TransportError::Unsendable(_)
            | TransportError::WrongProtocol(_),
            _,
        ) => Verdict::Sender,
        // A server that takes connections and does not even greet is overloaded, and so will be the next connection.
        (TransportError::Deadline, Phase::Greeting) => Verdict::Throttled,
        _ => Verdict::Deferred { policy: false },
    }
}

/// An enhanced code counts only if it agrees with the code: "250 5.1.1" is a 250.
fn agreeing_enhanced(reply: &Reply) -> Option<(u16, u16)> {
    let (class, subject, detail) = reply.enhanced()?;
    (u16::from(class) == reply.class()).then_some((subject, detail))
}

/// 421 closes the connection; 4.7.x is how the large providers say "slower".
fn is_throttle(reply: &Reply) -> bool {
    reply.code == 421 || matches!(agreeing_enhanced(reply), Some((7, _)))
}

/// Greylisting is often given 4.7.1, but it asks one reader's copy to wait, not the sender to slow down.
fn is_greylisting(phase: Phase, reply: &Reply) -> bool {
    let text = reply.text.to_ascii_lowercase();
    matches!(phase, Phase::Rcpt | Phase::Data)
        && reply.code != 421
        && (text.contains("greylist") || text.contains("graylist"))
}

/// Whether an enhanced code speaks of the address (1), the mailbox (2) or its route (4), and not of the sender's
/// address (1.7, 1.8).
fn blames_recipient(reply: &Reply) -> bool {
    matches!(agreeing_enhanced(reply), Some((1 | 2 | 4, _))) && !blames_sender(reply)
}

/// Whether a refused RCPT is about policy, authentication, spam or limits. Without an enhanced code the text is all
/// there is, and taking a policy for a dead mailbox costs a reader while the reverse costs another try.
fn blames_sender(reply: &Reply) -> bool {
    match agreeing_enhanced(reply) {
        // The sender's address; the system's limits, the protocol, the content, and security.
        Some(code) => matches!(code, (1, 7 | 8) | (3 | 5 | 6 | 7, _)),
        None => mentions_policy(&reply.text),
    }
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

    fn said(phase: Phase, reply: &str) -> SmtpOutcome {
        let (code, text) = reply.split_once(' ').unwrap_or((reply, ""));
        SmtpOutcome { phase, result: Ok(Reply { code: code.parse().unwrap(), text: text.to_owned() }) }
    }

    fn lacks(extension: &str) -> TransportError {
        TransportError::Missing(MissingCapability::Extension(extension.to_owned()))
    }

    fn all_troubles() -> Vec<TransportError> {
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
    fn before_the_dot_no_reply_is_definite_and_tried_again() {
        for trouble in [
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
                    classify(&SmtpOutcome { phase, result: Err(trouble.clone()) }),
                    LATER,
                    "{phase} {trouble}"
                );
            }
        }
        assert_eq!(
            classify(&SmtpOutcome { phase: Phase::Connect, result: Err(TransportError::Dns(String::new())) }),
            LATER
        );
    }

    #[test]
    fn after_the_dot_every_trouble_is_in_doubt() {
        for trouble in all_troubles() {
            let outcome = SmtpOutcome { phase: Phase::Dot, result: Err(trouble) };
            assert_eq!(classify(&outcome), Verdict::Unknown, "{outcome:?}");
        }
    }

    #[test]
    fn after_the_dot_a_whole_reply_is_sent_later_or_failed_by_its_first_digit() {
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
        ] {
            assert_eq!(classify(&said(Phase::Dot, reply)), verdict, "{reply}");
        }
    }

    #[test]
    fn a_refused_recipient_fails_alone_unless_the_refusal_is_about_the_sender() {
        for (reply, verdict) in [
            ("550 5.1.1 no such user", FAILED),
            ("550 no such user", FAILED),
            ("577 x", FAILED),
            ("552 5.2.2 full", FAILED),
            ("550 5.1.1 blocked mailbox", FAILED),
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
            assert_eq!(classify(&said(Phase::Rcpt, reply)), verdict, "{reply}");
        }
    }

    #[test]
    fn a_5yz_to_the_senders_own_commands_stops_the_run_and_fails_nobody() {
        for phase in [Phase::Greeting, Phase::Hello, Phase::Tls, Phase::Auth, Phase::Mail] {
            assert_eq!(classify(&said(phase, "550 5.1.1 no")), Verdict::Sender, "{phase}");
        }
    }

    #[test]
    fn anything_but_354_to_data_is_definitely_not_accepted() {
        for (reply, verdict) in [("250 ok", LATER), ("451 x", LATER), ("554 x", LATER_POLICY)] {
            assert_eq!(classify(&said(Phase::Data, reply)), verdict, "{reply}");
        }
    }

    #[test]
    fn a_busy_or_silent_greeting_stops_this_run_only() {
        assert_eq!(classify(&said(Phase::Greeting, "450 busy")), Verdict::Throttled);
        assert_eq!(
            classify(&SmtpOutcome { phase: Phase::Greeting, result: Err(TransportError::Deadline) }),
            Verdict::Throttled
        );
    }

    #[test]
    fn a_bad_certificate_or_a_missing_extension_needs_a_person() {
        for (phase, trouble, verdict) in [
            (Phase::Tls, TransportError::Tls(TlsError::Other("expired".to_owned())), Verdict::Sender),
            (Phase::Tls, TransportError::Missing(MissingCapability::Starttls), Verdict::Sender),
            (Phase::Greeting, TransportError::WrongProtocol(WrongProtocol::Tls), Verdict::Sender),
            (Phase::Auth, TransportError::Missing(MissingCapability::TlsForPassword), Verdict::Sender),
            (Phase::Mail, lacks("SIZE"), Verdict::Sender),
            (Phase::Rcpt, lacks("SMTPUTF8"), FAILED),
            (Phase::Body, TransportError::Unsendable("bare LF".to_owned()), FAILED_POLICY),
        ] {
            assert_eq!(classify(&SmtpOutcome { phase, result: Err(trouble) }), verdict, "{phase}");
        }
    }

    #[test]
    fn only_a_policy_refusal_counts_towards_the_pause() {
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
    fn only_a_mailbox_that_does_not_exist_is_dead() {
        assert!(is_invalid_mailbox(&said(Phase::Rcpt, "550 5.1.1 no such user")));
        assert!(is_invalid_mailbox(&said(Phase::Dot, "550 5.1.10 no such user")));
        for (phase, reply) in [
            (Phase::Rcpt, "550 no such user"),
            (Phase::Rcpt, "552 5.2.2 full"),
            (Phase::Rcpt, "450 5.1.1 later"),
            (Phase::Rcpt, "550 5.7.1 spam"),
            (Phase::Mail, "550 5.1.1 you"),
        ] {
            assert!(!is_invalid_mailbox(&said(phase, reply)), "{phase} {reply}");
        }
    }

    fn any_heard() -> impl Strategy<Value = SmtpOutcome> {
        let reply = (200_u16..600, "([245]\\.[0-9]{1,2}\\.[0-9]{1,3} )?(greylisted|spam|too many|ok|가)?");
        let what = prop_oneof![
            reply.prop_map(|(code, text)| Ok(Reply { code, text })),
            prop::sample::select(all_troubles()).prop_map(Err),
        ];
        (prop::sample::select(PHASES.to_vec()), what)
            .prop_map(|(phase, what)| SmtpOutcome { phase, result: what })
    }

    proptest! {
        #[test]
        fn sent_needs_a_2yz_after_the_dot_and_doubt_exists_only_there(outcome in any_heard()) {
            let verdict = classify(&outcome);
            let positive = matches!(&outcome.result, Ok(reply) if reply.class() == 2);
            prop_assert_eq!(verdict == Verdict::Sent, outcome.phase == Phase::Dot && positive);
            if outcome.phase != Phase::Dot {
                prop_assert_ne!(verdict, Verdict::Unknown);
            }
        }

        #[test]
        fn only_a_5yz_or_letterpress_itself_fails_a_reader(outcome in any_heard()) {
            if matches!(classify(&outcome), Verdict::Failed { .. }) {
                let refused = matches!(&outcome.result, Ok(reply) if reply.class() == 5);
                let unsendable = matches!(&outcome.result, Err(TransportError::Missing(_) | TransportError::Unsendable(_)));
                prop_assert!(refused || (unsendable && outcome.phase != Phase::Dot));
            }
        }
    }
}
