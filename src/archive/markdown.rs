//! markdown: to come.
