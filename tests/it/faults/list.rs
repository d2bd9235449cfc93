//! Audiences of every size, and readers who leave while the letter goes out.
