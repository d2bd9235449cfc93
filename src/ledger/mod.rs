//! Ledger: to come.
