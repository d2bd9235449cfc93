//! Cli: to come.
