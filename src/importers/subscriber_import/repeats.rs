//! Rows of the same person. Of a million rows only their places are kept, and those of the repeated ones are read again.

use std::hash::{BuildHasher as _, RandomState};

use super::SubscriberRow;
use super::input::Place;
use crate::address::EmailAddress;

/// A row that was read.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Seen {
    /// The person: first the hash of the address, later the offset of the person's first row.
    person: u64,
    offset: u32,
    line: u32,
}

impl Seen {
    /// Whether they may be of one person.
    pub(super) fn is_alike(&self, other: &Self) -> bool {
        self.person == other.person
    }

    pub(super) fn place(self) -> Place {
        Place { offset: self.offset.into(), line: self.line as usize }
    }
}

/// All rows that were read.
#[derive(Debug, Default)]
pub(super) struct SeenRows {
    hash: RandomState,
    rows: Vec<Seen>,
}

impl SeenRows {
    pub(super) fn add(&mut self, address: &EmailAddress, place: Place) {
        let person = self.hash.hash_one(address.normalised());
        // A list has fewer than 2^32 bytes.
        let short = |number: u64| u32::try_from(number).unwrap_or(u32::MAX);
        self.rows.push(Seen { person, offset: short(place.offset), line: short(place.line as u64) });
    }

    /// The rows whose hash others have too, in groups.
    pub(super) fn repeated(self) -> Vec<Seen> {
        let mut rows = self.rows;
        rows.sort_unstable();
        let (mut kept, mut at) = (0, 0);
        while at < rows.len() {
            let alike = rows[at..].iter().take_while(|row| row.is_alike(&rows[at])).count();
            if alike > 1 {
                rows.copy_within(at..at + alike, kept);
                kept += alike;
            }
            at += alike;
        }
        rows.truncate(kept);
        rows.shrink_to_fit();
        rows
    }
}

/// Splits rows with the same hash into persons. `same` compares a row with the first one, and merges the two if they
/// are of one person.
pub(super) fn identify<E>(
    mut rows: &mut [Seen],
    mut same: impl FnMut(Seen, Seen) -> Result<bool, E>,
) -> Result<(), E> {
    while let [first, ..] = *rows {
        let mut matched = 1;
        for at in 1..rows.len() {
            if same(first, rows[at])? {
                rows.swap(matched, at);
                matched += 1;
            }
        }
        let (person, others) = rows.split_at_mut(matched);
        for row in person {
            row.person = first.offset.into();
        }
        // Two addresses with the same hash.
        others.sort_unstable();
        rows = others;
    }
    Ok(())
}

/// The rows of persons who have several, without the first of each.
#[derive(Debug, Default)]
pub(super) struct Repeats {
    /// By person and place.
    later: Vec<Seen>,
    /// Their offsets, in order.
    offsets: Vec<u32>,
}

impl Repeats {
    pub(super) fn new(mut rows: Vec<Seen>) -> Self {
        rows.retain(|row| row.person != u64::from(row.offset));
        rows.sort_unstable();
        rows.shrink_to_fit();
        let mut offsets: Vec<u32> = rows.iter().map(|row| row.offset).collect();
        offsets.sort_unstable();
        Self { later: rows, offsets }
    }

    /// Whether there is an earlier row of the person.
    pub(super) fn is_later(&self, place: Place) -> bool {
        self.offsets.binary_search_by(|offset| u64::from(*offset).cmp(&place.offset)).is_ok()
    }

    /// The later rows of the person whose first row is at `place`, in order.
    pub(super) fn after(&self, place: Place) -> &[Seen] {
        let begin = self.later.partition_point(|row| row.person < place.offset);
        let end = self.later.partition_point(|row| row.person <= place.offset);
        self.later.get(begin..end).unwrap_or_default()
    }
}

/// Merges a further row of a person into the first one; returns whether it is more restrictive.
pub(super) fn merge(first: &mut SubscriberRow, again: SubscriberRow) -> bool {
    let (profile, further) = (&mut first.profile, again.profile);
    let is_stricter = further.status > profile.status;
    if is_stricter {
        profile.status = further.status;
        profile.suppressed_because = further.suppressed_because;
        (first.unproven, first.state_since) = (again.unproven, again.state_since);
    }
    profile.name = profile.name.take().or(further.name);
    profile.language = profile.language.take().or(further.language);
    profile.consented_at = profile.consented_at.or(further.consented_at);
    first.source = first.source.take().or(again.source);
    first.added_at = first.added_at.or(again.added_at);
    is_stricter
}
