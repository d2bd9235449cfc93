//! The documented defaults, and what the user wrote over them.

use toml::{Table, Value};

/// Every key with its default, commented: what `letterpress check --defaults` prints.
pub const DEFAULTS: &str = include_str!("default.toml");

/// Merges the user's values over the defaults, table by table; arrays are replaced.
pub(super) fn overlay(under: &mut Table, over: Table) {
    for (key, value) in over {
        match (under.get_mut(&key), value) {
            (Some(Value::Table(under)), Value::Table(over)) => overlay(under, over),
            (_, value) => {
                under.insert(key, value);
            }
        }
    }
}
