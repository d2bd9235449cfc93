//! Subscribers: to come.
