//! Feeds as readers fetch them: the archive that was made to hurt (`tests/data/hurt`), made by the real program and read
//! back by a parser that is not ours; and what must not change when posts, addresses and file times do.
//!
//! `readers.py` beside this file has Python's and npm's parsers read the same feeds, and compares all of them.

#![cfg(test)]

mod hurt;
mod keeping;
mod pages;
mod world;
