//! Feeds of an archive with difficult posts (`tests/data/hurt`): built by the real program and read by an independent
//! parser; and what must not change when posts, addresses and file times do.
//!
//! `readers.py` beside this file reads the same feeds with Python and npm parsers and compares the results.

#![cfg(test)]

mod content;
mod pages;
mod site;
mod stability;
