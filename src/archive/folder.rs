//! folder: to come.
