//! Schedule: to come.
