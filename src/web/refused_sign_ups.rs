//! Sign-ups over a limit, for the log: the page does not tell them apart, and the operator must be able to see that visitors
//! wait in vain. At most one line a minute, without addresses.

use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use tokio::time::Instant;

use crate::store::subscriber_store::{SignUpLimit, SignUpResult};

/// The shortest time between two lines.
const PERIOD: Duration = Duration::from_secs(60);

/// How many were refused since the last line.
#[derive(Debug, Default)]
pub(super) struct RefusedSignUps(Mutex<Unlogged>);

#[derive(Debug, Default)]
struct Unlogged {
    number: u64,
    logged_at: Option<Instant>,
}

impl RefusedSignUps {
    /// The line to log after a sign-up with this result, if there is one now.
    pub(super) fn record(
        &self,
        result: SignUpResult,
        is_behind_silent_proxy: bool,
        now: Instant,
    ) -> Option<String> {
        let limit = match result {
            SignUpResult::MailboxLimit => "one email to a mailbox in 24 hours and three in 30 days",
            SignUpResult::Limit(SignUpLimit::All) => "web.limits.per_hour",
            SignUpResult::Limit(SignUpLimit::Network) => "web.limits.per_network_per_hour",
            SignUpResult::Limit(SignUpLimit::Domain) => "web.limits.per_domain_per_hour",
            _ => return None,
        };
        let mut unlogged = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        unlogged.number += 1;
        if unlogged.logged_at.is_some_and(|at| now.duration_since(at) < PERIOD) {
            return None;
        }
        unlogged.logged_at = Some(now);
        let number = std::mem::take(&mut unlogged.number);
        let proxy = if is_behind_silent_proxy && result == SignUpResult::Limit(SignUpLimit::Network) {
            "; it came from a proxy that sends no X-Forwarded-For, or that is not in web.proxies, so all visitors count as one network"
        } else {
            ""
        };
        Some(format!(
            "warning: sign-ups over a limit get no email ({number} since the last such line); the last limit was {limit}{proxy}"
        ))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_flood_of_refused_sign_ups_is_one_line_a_minute_that_names_the_limit_and_a_silent_proxy() {
        let (refused, start) = (RefusedSignUps::default(), Instant::now());
        let network = SignUpResult::Limit(SignUpLimit::Network);
        assert_eq!(refused.record(SignUpResult::ToConfirm, true, start), None);
        let first = refused.record(network, true, start).unwrap();
        assert!(
            first.contains("(1 since") && first.contains("per_network_per_hour; it came from a proxy"),
            "{first}"
        );
        for _ in 0..1_000 {
            assert_eq!(refused.record(network, false, start + PERIOD / 2), None);
        }
        let next = refused.record(SignUpResult::MailboxLimit, true, start + PERIOD).unwrap();
        assert!(
            next.contains("(1001 since") && next.contains("to a mailbox") && !next.contains("proxy"),
            "{next}"
        );
    }
}
