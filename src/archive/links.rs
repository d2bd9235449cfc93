//! links: to come.
