//! ids: to come.
