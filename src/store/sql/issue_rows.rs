//! What several files read of a row of `issue`: its lock, its subject and its state.

use super::{Dialect, StoreError, Tx, args, corrupt_data};
use crate::ledger::IssueState;
use crate::text::HeaderText;

/// Locks an issue until this transaction ends; returns its state.
pub(super) fn hold_lock(tx: &mut dyn Tx, issue: i64) -> Result<Option<String>, StoreError> {
    let lock = match tx.dialect() {
        Dialect::Sqlite => "",
        Dialect::Postgres => "FOR UPDATE",
    };
    tx.one(&format!("SELECT state FROM issue WHERE id = ?1 {lock}"), args![issue], |row| row.get(0))
}

/// Reads a stored subject.
pub(super) fn subject(text: &str) -> Result<HeaderText, StoreError> {
    HeaderText::parse(text).map_err(|error| corrupt_data(format!("a subject: {error}")))
}

/// Reads a stored state of an issue.
pub(super) fn state(word: &str) -> Result<IssueState, StoreError> {
    IssueState::from_word(word).ok_or_else(|| corrupt_data(format!("the issue state {word:?}")))
}
