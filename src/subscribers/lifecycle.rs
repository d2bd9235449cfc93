//! A reader's standing and its moves, as pure functions.
//!
//! The rule behind all of them: a list can bring readers in, only the reader's own word can bring one back.

use serde::Serialize;

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

#[cfg(test)]
mod tests {
    use Standing::{Active, Suppressed, Unconfirmed, Unsubscribed};

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
}
