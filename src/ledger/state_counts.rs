//! The number of deliveries in each state; the sum is always the size of the audience.

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

    /// Those that a run still has work to do for.
    pub fn open(&self) -> u64 {
        State::ALL.into_iter().filter(|state| state.is_open()).map(|state| self.count(state)).sum()
    }

    /// Those whose arrival is unknown.
    pub fn unknown(&self) -> u64 {
        State::ALL.into_iter().filter(|state| state.is_unknown()).map(|state| self.count(state)).sum()
    }
}

impl FromIterator<(State, u64)> for StateCounts {
    fn from_iter<I: IntoIterator<Item = (State, u64)>>(pairs: I) -> Self {
        let mut counts = Self::default();
        pairs.into_iter().for_each(|(state, count)| counts.add(state, count));
        counts
    }
}

impl Serialize for StateCounts {
    /// A map from the state's name to its count, without zeros.
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

    /// Counts that make every sum of different states a different number.
    fn counts() -> StateCounts {
        State::ALL.into_iter().zip((1..).map(|power| 1 << power)).collect()
    }

    #[test]
    fn open_unknown_and_final_deliveries_add_up_to_the_audience() {
        let counts = counts();
        let sum = |states: &[State]| states.iter().map(|state| counts.count(*state)).sum::<u64>();
        assert_eq!(counts.open(), sum(&[State::Pending, State::Claimed, State::Armed]));
        assert_eq!(counts.unknown(), sum(&[State::Unknown, State::FailedUncertain]));
        assert_eq!(counts.total(), 0b1_1111_1110);
        let settled = sum(&[State::Sent, State::Failed, State::Skipped]);
        assert_eq!(counts.open() + counts.unknown() + settled, counts.total());
    }

    #[test]
    fn counts_of_the_same_state_are_added() {
        let counts: StateCounts =
            [(State::Sent, 2), (State::Failed, 1), (State::Sent, 3)].into_iter().collect();
        assert_eq!((counts.count(State::Sent), counts.count(State::Failed)), (5, 1));
    }

    #[test]
    fn states_without_deliveries_are_left_out_of_the_json() {
        let counts: StateCounts = [(State::Sent, 7), (State::Unknown, 1)].into_iter().collect();
        assert_eq!(serde_json::to_string(&counts).unwrap(), r#"{"sent":7,"unknown":1}"#);
    }
}
