//! A site in a folder of its own, and the program run on it as cron would: with an empty environment.
