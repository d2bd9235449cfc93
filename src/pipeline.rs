//! Pipeline: to come.
