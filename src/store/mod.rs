//! Store: to come.
