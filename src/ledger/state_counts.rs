//! How many deliveries are in each state; the sum is the audience, always.

use serde::ser::{Serialize, SerializeMap, Serializer};

use super::State;

/// A count for each [`State`].
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct StateCounts([u64; 8]);

impl StateCounts {
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
    pub fn unknown(&self) -> u64 {
        State::ALL.into_iter().filter(|state| state.is_unknown()).map(|state| self.count(state)).sum()
    }
}

impl FromIterator<(State, u64)> for StateCounts {
    fn from_iter<I: IntoIterator<Item = (State, u64)>>(counts: I) -> Self {
        let mut tally = Self::default();
        counts.into_iter().for_each(|(state, count)| tally.add(state, count));
        tally
    }
}

impl Serialize for StateCounts {
    /// A map from the state's word to its count; a count of zero is left out.
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut map = serializer.serialize_map(None)?;
        for state in State::ALL.into_iter().filter(|state| self.count(*state) > 0) {
            map.serialize_entry(state.as_str(), &self.count(state))?;
        }
        map.end()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// So many in each state that every sum of different states is another number.
    fn tally() -> StateCounts {
        State::ALL.into_iter().zip((1..).map(|power| 1 << power)).collect()
    }

    #[test]
    fn what_is_open_in_doubt_and_settled_adds_up_to_the_audience() {
        let tally = tally();
        let sum = |states: &[State]| states.iter().map(|state| tally.count(*state)).sum::<u64>();
        assert_eq!(tally.open(), sum(&[State::Pending, State::Claimed, State::Armed]));
        assert_eq!(tally.unknown(), sum(&[State::Unknown, State::FailedUncertain]));
        assert_eq!(tally.total(), 0b1_1111_1110);
        let settled = sum(&[State::Sent, State::Failed, State::Skipped]);
        assert_eq!(tally.open() + tally.unknown() + settled, tally.total());
    }

    #[test]
    fn a_state_that_comes_twice_is_counted_twice() {
        let tally: StateCounts =
            [(State::Sent, 2), (State::Failed, 1), (State::Sent, 3)].into_iter().collect();
        assert_eq!((tally.count(State::Sent), tally.count(State::Failed)), (5, 1));
    }

    #[test]
    fn in_json_only_the_states_stand_that_some_copy_is_in() {
        let tally: StateCounts = [(State::Sent, 7), (State::Unknown, 1)].into_iter().collect();
        assert_eq!(serde_json::to_string(&tally).unwrap(), r#"{"sent":7,"unknown":1}"#);
    }
}
