//! The status of a subscriber and its changes, as pure functions.
//!
//! The rules: an import can add subscribers, but only the person can come back after an unsubscribe. Of two actions
//! of a person the later one counts: every unsubscribe begins a new generation, and a sign-up of an earlier
//! generation can no longer be confirmed.

use chrono::{DateTime, TimeDelta, Utc};
use serde::Serialize;

/// How long a confirmation link works.
pub const CONFIRM_WITHIN: TimeDelta = TimeDelta::days(7);
/// How long an unsubscribe can be undone without a new sign-up.
pub const RESUBSCRIBE_WITHIN: TimeDelta = TimeDelta::hours(24);
/// The reason of a suppression after an erasure. A new sign-up lifts it.
pub const ERASED: &str = "erased";
/// The reason of a suppression after the writer removed an active or unconfirmed subscriber. The writer or a new
/// sign-up lifts it; an import does not.
pub const REMOVED: &str = "removed by the writer";
/// The same if the person had unsubscribed: only a new sign-up lifts it.
pub const REMOVED_AFTER_UNSUBSCRIBE: &str = "removed by the writer after it unsubscribed";

/// Whether a suppression with this reason allows a new sign-up.
pub fn may_sign_up_again(reason: &str) -> bool {
    [ERASED, REMOVED, REMOVED_AFTER_UNSUBSCRIBE].contains(&reason)
}

/// The reason of the suppression that a removal leaves.
pub const fn after_removal(status: SubscriptionStatus) -> &'static str {
    match status {
        SubscriptionStatus::Active | SubscriptionStatus::Unconfirmed => REMOVED,
        // An existing suppression keeps its own reason.
        SubscriptionStatus::Unsubscribed | SubscriptionStatus::Suppressed => REMOVED_AFTER_UNSUBSCRIBE,
    }
}

/// The status of a subscriber.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum SubscriptionStatus {
    /// The consent is recorded.
    Active,
    /// The consent is not recorded: gets no issue.
    Unconfirmed,
    /// Unsubscribed.
    Unsubscribed,
    /// Must not be mailed: the mailbox does not exist, the person complained, or the writer suppressed it.
    Suppressed,
}

impl SubscriptionStatus {
    /// The name that is stored, exported and printed.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Active => "active",
            Self::Unconfirmed => "unconfirmed",
            Self::Unsubscribed => "unsubscribed",
            Self::Suppressed => "suppressed",
        }
    }

    /// The inverse of [`SubscriptionStatus::as_str`].
    pub fn from_code(name: &str) -> Option<Self> {
        [Self::Active, Self::Unconfirmed, Self::Unsubscribed, Self::Suppressed]
            .into_iter()
            .find(|status| status.as_str() == name)
    }

    /// Why a subscriber with this status is not mailed, as the ledger records it.
    pub const fn exclusion_reason(self) -> Option<&'static str> {
        match self {
            Self::Active => None,
            Self::Unconfirmed => Some("unconfirmed"),
            Self::Unsubscribed => Some("unsubscribed"),
            Self::Suppressed => Some("suppressed"),
        }
    }
}

/// The result of adding one subscriber.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ImportDecision {
    /// A new subscriber.
    Added,
    /// The status changed.
    Changed,
    /// Nothing changed.
    Known,
    /// Unsubscribed or suppressed before, and stays so.
    KeptOut,
}

/// The new status of a subscriber whose status is `now`, and `listed` in a list.
///
/// The more restrictive status wins, with one exception: consent in a list turns `unconfirmed` into `active`.
pub fn decide_import(
    now: Option<SubscriptionStatus>,
    listed: SubscriptionStatus,
) -> (SubscriptionStatus, ImportDecision) {
    match now {
        None => (listed, ImportDecision::Added),
        Some(inactive @ (SubscriptionStatus::Unsubscribed | SubscriptionStatus::Suppressed))
            if listed < inactive =>
        {
            (inactive, ImportDecision::KeptOut)
        }
        Some(SubscriptionStatus::Unconfirmed) if listed == SubscriptionStatus::Active => {
            (listed, ImportDecision::Changed)
        }
        Some(SubscriptionStatus::Active) if listed == SubscriptionStatus::Unconfirmed => {
            (SubscriptionStatus::Active, ImportDecision::Known)
        }
        Some(known) if listed > known => (listed, ImportDecision::Changed),
        Some(known) => (known, ImportDecision::Known),
    }
}

/// The lifecycle of a subscriber.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Subscription {
    /// The status.
    pub status: SubscriptionStatus,
    /// Rises with every unsubscribe. A link of an earlier generation is stale.
    pub generation: u32,
    /// The time of the last sign-up, if it is not confirmed yet.
    pub asked_at: Option<DateTime<Utc>>,
    /// The time of the unsubscribe, if the person was active until then.
    pub unsubscribed_at: Option<DateTime<Utc>>,
}

impl Subscription {
    /// An unknown address.
    pub const STRANGER: Self = Self {
        status: SubscriptionStatus::Unconfirmed,
        generation: 1,
        asked_at: None,
        unsubscribed_at: None,
    };
}

/// The email that answers a sign-up.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum SignUpDecision {
    /// Please confirm your subscription.
    Confirm,
    /// You are subscribed already; here are your preferences.
    Known,
    /// None: the address must not be mailed.
    Suppressed,
}

/// A sign-up form. It changes nothing before the confirmation, because anyone can enter any address. `erased`: the only
/// suppression is one that allows a new sign-up.
pub fn sign_up(now: Option<Subscription>, erased: bool, at: DateTime<Utc>) -> (Subscription, SignUpDecision) {
    let subscription = now.unwrap_or(Subscription::STRANGER);
    let signed_up = Subscription { asked_at: Some(at), ..subscription };
    match subscription.status {
        SubscriptionStatus::Active => (subscription, SignUpDecision::Known),
        SubscriptionStatus::Suppressed if erased => (signed_up, SignUpDecision::Confirm),
        SubscriptionStatus::Suppressed => (subscription, SignUpDecision::Suppressed),
        SubscriptionStatus::Unconfirmed | SubscriptionStatus::Unsubscribed => {
            (signed_up, SignUpDecision::Confirm)
        }
    }
}

/// The result of a confirmation.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Confirmed {
    /// Subscribed now.
    Now,
    /// Subscribed before.
    Already,
    /// The link has expired: a new sign-up is needed.
    Expired,
    /// Unsubscribed since the link was sent, never signed up, or must not be mailed.
    Stale,
}

/// Submits the form behind a confirmation link of generation `generation`.
pub fn confirm(
    now: Subscription,
    generation: u32,
    erased: bool,
    at: DateTime<Utc>,
) -> (Subscription, Confirmed) {
    if generation != now.generation {
        return (now, Confirmed::Stale);
    }
    match now.status {
        SubscriptionStatus::Active => return (now, Confirmed::Already),
        SubscriptionStatus::Suppressed if !erased => return (now, Confirmed::Stale),
        SubscriptionStatus::Suppressed
        | SubscriptionStatus::Unconfirmed
        | SubscriptionStatus::Unsubscribed => {}
    }
    match now.asked_at {
        None => (now, Confirmed::Stale),
        Some(asked) if at - asked > CONFIRM_WITHIN => (now, Confirmed::Expired),
        Some(_) => (
            Subscription { status: SubscriptionStatus::Active, asked_at: None, unsubscribed_at: None, ..now },
            Confirmed::Now,
        ),
    }
}

/// An unsubscribe. It voids every earlier sign-up, also if the subscriber had unsubscribed before.
pub fn unsubscribe(now: Subscription, at: DateTime<Utc>) -> Subscription {
    let unsubscribed = |unsubscribed_at| Subscription {
        status: SubscriptionStatus::Unsubscribed,
        generation: now.generation.saturating_add(1),
        asked_at: None,
        unsubscribed_at,
    };
    match now.status {
        SubscriptionStatus::Active => unsubscribed(Some(at)),
        SubscriptionStatus::Unconfirmed => unsubscribed(None),
        SubscriptionStatus::Unsubscribed if now.asked_at.is_some() => unsubscribed(now.unsubscribed_at),
        SubscriptionStatus::Unsubscribed | SubscriptionStatus::Suppressed => now,
    }
}

/// Undoes the unsubscribe that began `generation`; `None` if it is too late, or if the link belongs to another one.
pub fn resubscribe(now: Subscription, generation: u32, at: DateTime<Utc>) -> Option<Subscription> {
    let in_time = now.unsubscribed_at.is_some_and(|since| at - since <= RESUBSCRIBE_WITHIN);
    (now.status == SubscriptionStatus::Unsubscribed && generation == now.generation && in_time).then_some(
        Subscription { status: SubscriptionStatus::Active, asked_at: None, unsubscribed_at: None, ..now },
    )
}

#[cfg(test)]
mod tests {
    use SubscriptionStatus::{Active, Suppressed, Unconfirmed, Unsubscribed};
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn a_list_never_brings_back_an_unsubscribed_or_suppressed_address() {
        for listed in [Active, Unconfirmed] {
            assert_eq!(decide_import(Some(Unsubscribed), listed), (Unsubscribed, ImportDecision::KeptOut));
            assert_eq!(decide_import(Some(Suppressed), listed), (Suppressed, ImportDecision::KeptOut));
        }
        assert_eq!(decide_import(Some(Suppressed), Unsubscribed), (Suppressed, ImportDecision::KeptOut));
    }

    #[test]
    fn later_consent_counts_and_existing_consent_is_kept() {
        assert_eq!(decide_import(Some(Unconfirmed), Active), (Active, ImportDecision::Changed));
        assert_eq!(decide_import(Some(Active), Unconfirmed), (Active, ImportDecision::Known));
    }

    #[test]
    fn an_unsubscribe_in_a_list_counts() {
        assert_eq!(decide_import(Some(Active), Unsubscribed), (Unsubscribed, ImportDecision::Changed));
        assert_eq!(decide_import(Some(Active), Suppressed), (Suppressed, ImportDecision::Changed));
    }

    #[test]
    fn importing_a_list_twice_changes_nothing_more() {
        let all = [Active, Unconfirmed, Unsubscribed, Suppressed];
        for (now, listed) in all.into_iter().flat_map(|now| all.map(|listed| (now, listed))) {
            let (after, _) = decide_import(Some(now), listed);
            assert_eq!(decide_import(Some(after), listed).0, after, "{now:?} {listed:?}");
        }
    }

    fn at(hours: i64) -> DateTime<Utc> {
        DateTime::from_timestamp(1_800_000_000, 0).unwrap() + TimeDelta::hours(hours)
    }

    fn subscriber(status: SubscriptionStatus) -> Subscription {
        Subscription { status, ..Subscription::STRANGER }
    }

    #[test]
    fn a_sign_up_counts_only_after_its_confirmation() {
        let (signed_up, decision) = sign_up(None, false, at(0));
        assert_eq!((signed_up.status, decision), (Unconfirmed, SignUpDecision::Confirm));
        let (subscribed, confirmed) = confirm(signed_up, signed_up.generation, false, at(1));
        assert_eq!((subscribed.status, confirmed), (Active, Confirmed::Now));
        assert_eq!(confirm(subscribed, signed_up.generation, false, at(2)), (subscribed, Confirmed::Already));
    }

    #[test]
    fn a_confirmation_link_works_for_seven_days() {
        let (signed_up, _) = sign_up(None, false, at(0));
        assert_eq!(confirm(signed_up, 1, false, at(7 * 24)).1, Confirmed::Now);
        assert_eq!(confirm(signed_up, 1, false, at(7 * 24 + 1)), (signed_up, Confirmed::Expired));
        let (again, _) = sign_up(Some(signed_up), false, at(30 * 24));
        assert_eq!(confirm(again, 1, false, at(30 * 24)).1, Confirmed::Now);
    }

    #[test]
    fn an_old_confirmation_cannot_undo_a_later_unsubscribe() {
        let (signed_up, _) = sign_up(None, false, at(0));
        let unsubscribed = unsubscribe(signed_up, at(1));
        assert_eq!(
            confirm(unsubscribed, signed_up.generation, false, at(2)),
            (unsubscribed, Confirmed::Stale)
        );
        let (again, _) = sign_up(Some(unsubscribed), false, at(3));
        assert_eq!(again.status, Unsubscribed, "nothing changes before the confirmation");
        assert_eq!(confirm(again, signed_up.generation, false, at(4)).1, Confirmed::Stale);
        assert_eq!(confirm(again, again.generation, false, at(4)).0.status, Active);
        let unsubscribed_again = unsubscribe(again, at(5));
        assert_eq!(confirm(unsubscribed_again, again.generation, false, at(6)).1, Confirmed::Stale);
    }

    #[test]
    fn a_complaint_blocks_sign_ups_and_an_erasure_does_not() {
        let suppressed = subscriber(Suppressed);
        assert_eq!(sign_up(Some(suppressed), false, at(0)), (suppressed, SignUpDecision::Suppressed));
        let (signed_up, decision) = sign_up(Some(suppressed), true, at(0));
        assert_eq!((signed_up.status, decision), (Suppressed, SignUpDecision::Confirm));
        assert_eq!(confirm(signed_up, signed_up.generation, true, at(1)).1, Confirmed::Now);
        assert_eq!(confirm(signed_up, signed_up.generation, false, at(1)).1, Confirmed::Stale);
    }

    #[test]
    fn an_unsubscribe_can_be_undone_for_a_day_and_only_with_its_own_link() {
        let unsubscribed = unsubscribe(subscriber(Active), at(0));
        assert_eq!(resubscribe(unsubscribed, unsubscribed.generation, at(24)).unwrap().status, Active);
        assert_eq!(resubscribe(unsubscribed, unsubscribed.generation, at(25)), None);
        assert_eq!(resubscribe(unsubscribed, unsubscribed.generation - 1, at(1)), None);
        let never_subscribed = unsubscribe(subscriber(Unconfirmed), at(0));
        assert_eq!(
            resubscribe(never_subscribed, never_subscribed.generation, at(1)),
            None,
            "there is no consent to go back to"
        );
    }

    /// One event in the life of a subscriber, with the generation of an earlier link.
    #[derive(Debug, Clone, Copy)]
    enum Action {
        SignUp,
        Confirm(usize),
        Unsubscribe,
        Resubscribe(usize),
    }

    fn actions() -> impl Strategy<Value = Vec<(Action, i64)>> {
        let action = prop_oneof![
            Just(Action::SignUp),
            (0..4_usize).prop_map(Action::Confirm),
            Just(Action::Unsubscribe),
            (0..4_usize).prop_map(Action::Resubscribe),
        ];
        proptest::collection::vec((action, 0..60_i64), 1..40)
    }

    proptest! {
        #[test]
        fn an_active_subscriber_agreed_after_the_last_unsubscribe(actions in actions()) {
            let (mut subscription, mut hour) = (subscriber(Active), 0);
            let (mut links, mut undos) = (vec![], vec![]);
            // Whether the last valid action was a consent.
            let mut agreed = true;
            for (action, pause) in actions {
                hour += pause;
                let before = subscription;
                match action {
                    Action::SignUp => {
                        subscription = sign_up(Some(subscription), false, at(hour)).0;
                        links.push(subscription.generation);
                    }
                    Action::Confirm(which) => if let Some(link) = links.iter().rev().nth(which) {
                        let (next, outcome) = confirm(subscription, *link, false, at(hour));
                        subscription = next;
                        agreed |= outcome == Confirmed::Now;
                    },
                    Action::Unsubscribe => {
                        subscription = unsubscribe(subscription, at(hour));
                        undos.push(subscription.generation);
                        // Links from before the unsubscribe stay void.
                        for link in &links {
                            prop_assert_ne!(confirm(subscription, *link, false, at(hour)).1, Confirmed::Now);
                        }
                        agreed = false;
                    }
                    Action::Resubscribe(which) => if let Some(link) = undos.iter().rev().nth(which)
                        && let Some(next) = resubscribe(subscription, *link, at(hour)) {
                        subscription = next;
                        agreed = true;
                    },
                }
                prop_assert_eq!(subscription.status == Active, agreed, "{:?} after {:?}", action, before);
                prop_assert!(subscription.generation >= before.generation);
            }
        }
    }
}
