//! A ledger that somebody else holds for longer than a run waits: half a minute, so this stands apart.
