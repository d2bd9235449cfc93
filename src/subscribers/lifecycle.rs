//! A reader's standing and its moves, as pure functions.
//!
//! The rule behind all of them: a list can bring readers in, only the reader's own word can bring one back. And of two
//! words of a reader the later one counts: every farewell begins a new generation, and whatever was asked for in an
//! earlier one can no longer be confirmed.

use chrono::{DateTime, TimeDelta, Utc};
use serde::Serialize;

/// How long the link in a confirmation letter works.
pub const CONFIRM_WITHIN: TimeDelta = TimeDelta::days(7);
/// How long a reader who left can take that back without a new sign-up.
pub const UNDO_WITHIN: TimeDelta = TimeDelta::hours(24);
/// Why an address is suppressed that its reader had erased: their own new word may bring them back.
pub const ERASED: &str = "erased";
/// Why an address is suppressed that the writer took off the list: the writer's own word or the subscriber's may bring
/// it back, a list may not.
pub const REMOVED: &str = "removed by the writer";
/// The same of somebody who had unsubscribed: only their own word may bring them back.
pub const REMOVED_AFTER_LEAVING: &str = "removed by the writer after it unsubscribed";

/// Whether somebody whose address is suppressed for this reason may sign up again.
pub fn may_sign_up_again(reason: &str) -> bool {
    [ERASED, REMOVED, REMOVED_AFTER_LEAVING].contains(&reason)
}

/// What is left of somebody whom the writer takes off the list.
pub const fn after_removal(standing: Standing) -> &'static str {
    match standing {
        Standing::Active | Standing::Unconfirmed => REMOVED,
        // A suppression has a reason already, and keeps it.
        Standing::Unsubscribed | Standing::Suppressed => REMOVED_AFTER_LEAVING,
    }
}

/// Whether a reader gets the letter.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Standing {
    /// Asked for it, on record.
    Active,
    /// Their consent is not on record: gets no issue.
    Unconfirmed,
    /// Left.
    Unsubscribed,
    /// Must not be mailed: bounced for good, complained, or the writer said so.
    Suppressed,
}

impl Standing {
    /// The word that is stored, exported and printed.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Active => "active",
            Self::Unconfirmed => "unconfirmed",
            Self::Unsubscribed => "unsubscribed",
            Self::Suppressed => "suppressed",
        }
    }

    /// Reads [`Standing::as_str`] back.
    pub fn from_word(word: &str) -> Option<Self> {
        [Self::Active, Self::Unconfirmed, Self::Unsubscribed, Self::Suppressed]
            .into_iter()
            .find(|standing| standing.as_str() == word)
    }

    /// Why a reader of this standing is not mailed, in the words of the ledger.
    pub const fn barred(self) -> Option<&'static str> {
        match self {
            Self::Active => None,
            Self::Unconfirmed => Some("unconfirmed"),
            Self::Unsubscribed => Some("unsubscribed"),
            Self::Suppressed => Some("suppressed"),
        }
    }
}

/// What an enrolment did.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Enrolled {
    /// The reader is new.
    Added,
    /// The reader's standing changed.
    Changed,
    /// Nothing changed.
    Known,
    /// The reader had left or was suppressed, and stays so.
    KeptOut,
}

/// What becomes of a reader who is `now` something and whom a list calls `listed`.
///
/// The more restrictive word wins, with one exception: consent that a list brings turns `unconfirmed` into `active`.
pub fn enrol(now: Option<Standing>, listed: Standing) -> (Standing, Enrolled) {
    match now {
        None => (listed, Enrolled::Added),
        Some(left @ (Standing::Unsubscribed | Standing::Suppressed)) if listed < left => {
            (left, Enrolled::KeptOut)
        }
        Some(Standing::Unconfirmed) if listed == Standing::Active => (listed, Enrolled::Changed),
        Some(Standing::Active) if listed == Standing::Unconfirmed => (Standing::Active, Enrolled::Known),
        Some(known) if listed > known => (listed, Enrolled::Changed),
        Some(known) => (known, Enrolled::Known),
    }
}

/// Where a reader stands on the way in and out.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Course {
    /// Whether they get the letter.
    pub standing: Standing,
    /// Rises with every farewell; a confirmation or an undo of an earlier one is stale.
    pub generation: u32,
    /// When they last asked for the letter and did not confirm it yet.
    pub asked_at: Option<DateTime<Utc>>,
    /// When they left, if they got the letter until then.
    pub left_at: Option<DateTime<Utc>>,
}

impl Course {
    /// Somebody of whom nothing is known.
    pub const STRANGER: Self =
        Self { standing: Standing::Unconfirmed, generation: 1, asked_at: None, left_at: None };
}

/// Which letter a sign-up is answered with.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Answer {
    /// "Please confirm".
    Confirm,
    /// "You read it already, and here you can choose".
    Known,
    /// None: the address must not be mailed.
    Silence,
}

/// Somebody asks for the letter in a form. Nothing that was agreed changes before the confirmation: anybody can type
/// anybody's address. `erased` says that a suppression is only what an erasure left behind.
pub fn sign_up(now: Option<Course>, erased: bool, at: DateTime<Utc>) -> (Course, Answer) {
    let course = now.unwrap_or(Course::STRANGER);
    let asked = Course { asked_at: Some(at), ..course };
    match course.standing {
        Standing::Active => (course, Answer::Known),
        Standing::Suppressed if erased => (asked, Answer::Confirm),
        Standing::Suppressed => (course, Answer::Silence),
        Standing::Unconfirmed | Standing::Unsubscribed => (asked, Answer::Confirm),
    }
}

/// What a confirmation came to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Confirmed {
    /// They read from now on.
    Now,
    /// They did already.
    Already,
    /// The link is too old: a new sign-up is needed.
    Expired,
    /// They left since it was sent, never asked, or must not be mailed.
    Stale,
}

/// A reader presses the button behind the link of generation `generation`.
pub fn confirm(now: Course, generation: u32, erased: bool, at: DateTime<Utc>) -> (Course, Confirmed) {
    if generation != now.generation {
        return (now, Confirmed::Stale);
    }
    match now.standing {
        Standing::Active => return (now, Confirmed::Already),
        Standing::Suppressed if !erased => return (now, Confirmed::Stale),
        Standing::Suppressed | Standing::Unconfirmed | Standing::Unsubscribed => {}
    }
    match now.asked_at {
        None => (now, Confirmed::Stale),
        Some(asked) if at - asked > CONFIRM_WITHIN => (now, Confirmed::Expired),
        Some(_) => {
            (Course { standing: Standing::Active, asked_at: None, left_at: None, ..now }, Confirmed::Now)
        }
    }
}

/// A reader leaves. Whatever they asked for before is void, also if they had left already.
pub fn leave(now: Course, at: DateTime<Utc>) -> Course {
    let farewell = |left_at| Course {
        standing: Standing::Unsubscribed,
        generation: now.generation.saturating_add(1),
        asked_at: None,
        left_at,
    };
    match now.standing {
        Standing::Active => farewell(Some(at)),
        Standing::Unconfirmed => farewell(None),
        Standing::Unsubscribed if now.asked_at.is_some() => farewell(now.left_at),
        Standing::Unsubscribed | Standing::Suppressed => now,
    }
}

/// A reader takes back the farewell that began `generation`; `None`: it is too late, or not theirs to take back.
pub fn undo(now: Course, generation: u32, at: DateTime<Utc>) -> Option<Course> {
    let in_time = now.left_at.is_some_and(|left| at - left <= UNDO_WITHIN);
    (now.standing == Standing::Unsubscribed && generation == now.generation && in_time).then_some(Course {
        standing: Standing::Active,
        asked_at: None,
        left_at: None,
        ..now
    })
}

#[cfg(test)]
mod tests {
    use Standing::{Active, Suppressed, Unconfirmed, Unsubscribed};
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn no_list_brings_back_a_reader_who_left_or_was_suppressed() {
        for listed in [Active, Unconfirmed] {
            assert_eq!(enrol(Some(Unsubscribed), listed), (Unsubscribed, Enrolled::KeptOut));
            assert_eq!(enrol(Some(Suppressed), listed), (Suppressed, Enrolled::KeptOut));
        }
        assert_eq!(enrol(Some(Suppressed), Unsubscribed), (Suppressed, Enrolled::KeptOut));
    }

    #[test]
    fn consent_that_arrives_later_counts_and_consent_that_stands_is_not_lost() {
        assert_eq!(enrol(Some(Unconfirmed), Active), (Active, Enrolled::Changed));
        assert_eq!(enrol(Some(Active), Unconfirmed), (Active, Enrolled::Known));
    }

    #[test]
    fn a_list_that_says_somebody_left_is_believed() {
        assert_eq!(enrol(Some(Active), Unsubscribed), (Unsubscribed, Enrolled::Changed));
        assert_eq!(enrol(Some(Active), Suppressed), (Suppressed, Enrolled::Changed));
    }

    #[test]
    fn enrolling_twice_changes_nothing_more() {
        let all = [Active, Unconfirmed, Unsubscribed, Suppressed];
        for (now, listed) in all.into_iter().flat_map(|now| all.map(|listed| (now, listed))) {
            let (after, _) = enrol(Some(now), listed);
            assert_eq!(enrol(Some(after), listed).0, after, "{now:?} {listed:?}");
        }
    }

    fn at(hours: i64) -> DateTime<Utc> {
        DateTime::from_timestamp(1_800_000_000, 0).unwrap() + TimeDelta::hours(hours)
    }

    fn reader(standing: Standing) -> Course {
        Course { standing, ..Course::STRANGER }
    }

    #[test]
    fn a_stranger_reads_after_the_button_and_not_before() {
        let (asked, answer) = sign_up(None, false, at(0));
        assert_eq!((asked.standing, answer), (Unconfirmed, Answer::Confirm));
        let (reads, confirmed) = confirm(asked, asked.generation, false, at(1));
        assert_eq!((reads.standing, confirmed), (Active, Confirmed::Now));
        assert_eq!(confirm(reads, asked.generation, false, at(2)), (reads, Confirmed::Already));
    }

    #[test]
    fn a_confirmation_is_good_for_seven_days() {
        let (asked, _) = sign_up(None, false, at(0));
        assert_eq!(confirm(asked, 1, false, at(7 * 24)).1, Confirmed::Now);
        assert_eq!(confirm(asked, 1, false, at(7 * 24 + 1)), (asked, Confirmed::Expired));
        let (again, _) = sign_up(Some(asked), false, at(30 * 24));
        assert_eq!(confirm(again, 1, false, at(30 * 24)).1, Confirmed::Now);
    }

    #[test]
    fn a_late_confirm_cannot_undo_a_later_farewell() {
        let (asked, _) = sign_up(None, false, at(0));
        let left = leave(asked, at(1));
        assert_eq!(confirm(left, asked.generation, false, at(2)), (left, Confirmed::Stale));
        let (again, _) = sign_up(Some(left), false, at(3));
        assert_eq!(again.standing, Unsubscribed, "nothing changes before the confirmation");
        assert_eq!(confirm(again, asked.generation, false, at(4)).1, Confirmed::Stale);
        assert_eq!(confirm(again, again.generation, false, at(4)).0.standing, Active);
        let left_again = leave(again, at(5));
        assert_eq!(confirm(left_again, again.generation, false, at(6)).1, Confirmed::Stale);
    }

    #[test]
    fn whoever_complained_is_not_written_to_and_whoever_was_erased_may_come_back() {
        let gone = reader(Suppressed);
        assert_eq!(sign_up(Some(gone), false, at(0)), (gone, Answer::Silence));
        let (asked, answer) = sign_up(Some(gone), true, at(0));
        assert_eq!((asked.standing, answer), (Suppressed, Answer::Confirm));
        assert_eq!(confirm(asked, asked.generation, true, at(1)).1, Confirmed::Now);
        assert_eq!(confirm(asked, asked.generation, false, at(1)).1, Confirmed::Stale);
    }

    #[test]
    fn a_farewell_can_be_taken_back_for_a_day_and_only_by_its_own_link() {
        let left = leave(reader(Active), at(0));
        assert_eq!(undo(left, left.generation, at(24)).unwrap().standing, Active);
        assert_eq!(undo(left, left.generation, at(25)), None);
        assert_eq!(undo(left, left.generation - 1, at(1)), None);
        let never_read = leave(reader(Unconfirmed), at(0));
        assert_eq!(undo(never_read, never_read.generation, at(1)), None, "there is no consent to go back to");
    }

    /// One thing that happens to a reader, with the generation of some link they were once sent.
    #[derive(Debug, Clone, Copy)]
    enum Word {
        SignUp,
        Confirm(usize),
        Leave,
        Undo(usize),
    }

    fn words() -> impl Strategy<Value = Vec<(Word, i64)>> {
        let word = prop_oneof![
            Just(Word::SignUp),
            (0..4_usize).prop_map(Word::Confirm),
            Just(Word::Leave),
            (0..4_usize).prop_map(Word::Undo),
        ];
        proptest::collection::vec((word, 0..60_i64), 1..40)
    }

    proptest! {
        #[test]
        fn whoever_reads_said_so_after_their_last_farewell(words in words()) {
            let (mut course, mut hour) = (reader(Active), 0);
            let (mut links, mut undos) = (vec![], vec![]);
            // Whether the reader's last word is a yes that counts.
            let mut agreed = true;
            for (word, pause) in words {
                hour += pause;
                let before = course;
                match word {
                    Word::SignUp => {
                        course = sign_up(Some(course), false, at(hour)).0;
                        links.push(course.generation);
                    }
                    Word::Confirm(which) => if let Some(link) = links.iter().rev().nth(which) {
                        let (next, outcome) = confirm(course, *link, false, at(hour));
                        course = next;
                        agreed |= outcome == Confirmed::Now;
                    },
                    Word::Leave => {
                        course = leave(course, at(hour));
                        undos.push(course.generation);
                        // Links of before the farewell are void, whatever comes.
                        for link in &links {
                            prop_assert_ne!(confirm(course, *link, false, at(hour)).1, Confirmed::Now);
                        }
                        agreed = false;
                    }
                    Word::Undo(which) => if let Some(link) = undos.iter().rev().nth(which)
                        && let Some(next) = undo(course, *link, at(hour)) {
                        course = next;
                        agreed = true;
                    },
                }
                prop_assert_eq!(course.standing == Active, agreed, "{:?} after {:?}", word, before);
                prop_assert!(course.generation >= before.generation);
            }
        }
    }
}
