//! `letterpress doctor`: asks the relay, DNS and the web, and this machine, whether mail and feeds can arrive.
//!
//! Each answer is a [`Check`]. Checks read and ask; they send no message and change nothing.

mod check;
pub mod dns;
pub mod domain;

pub use check::{Check, Level, Section};
