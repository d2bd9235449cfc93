//! Texts without repeats, in the order in which they first appeared.

use std::collections::HashSet;

/// A list that contains each text once.
#[derive(Debug, Default)]
pub(super) struct Distinct {
    list: Vec<String>,
    known: HashSet<String>,
}

impl Distinct {
    pub(super) fn push(&mut self, text: &str) {
        if !self.known.contains(text) {
            self.known.insert(text.to_owned());
            self.list.push(text.to_owned());
        }
    }

    pub(super) fn into_vec(self) -> Vec<String> {
        self.list
    }
}
