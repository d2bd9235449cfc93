//! How many deliveries are in each state; the sum is the audience, always.

use serde::ser::{Serialize, SerializeMap, Serializer};

use super::State;

/// A count for each [`State`].
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Tally([u64; 8]);

impl Tally {
    /// Adds `count` deliveries in `state`.
    pub fn add(&mut self, state: State, count: u64) {
        self.0[state as usize] += count;
    }

    /// How many are in `state`.
    pub const fn count(&self, state: State) -> u64 {
        self.0[state as usize]
    }

    /// All of them.
    pub fn total(&self) -> u64 {
        self.0.iter().sum()
    }

    /// Those that a run still has something to do for.
    pub fn open(&self) -> u64 {
        State::ALL.into_iter().filter(|state| state.is_open()).map(|state| self.count(state)).sum()
    }

    /// Those of which nobody can say whether they arrived.
    pub fn in_doubt(&self) -> u64 {
        State::ALL.into_iter().filter(|state| state.is_in_doubt()).map(|state| self.count(state)).sum()
    }
}

impl FromIterator<(State, u64)> for Tally {
    fn from_iter<I: IntoIterator<Item = (State, u64)>>(counts: I) -> Self {
        let mut tally = Self::default();
        counts.into_iter().for_each(|(state, count)| tally.add(state, count));
        tally
    }
}

impl Serialize for Tally {
    /// A map from the state's word to its count; a count of zero is left out.
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut map = serializer.serialize_map(None)?;
        for state in State::ALL.into_iter().filter(|state| self.count(*state) > 0) {
            map.serialize_entry(state.as_str(), &self.count(state))?;
        }
        map.end()
    }
}
