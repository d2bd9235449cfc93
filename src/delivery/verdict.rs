//! What a fact from the wire means: the reply classes of `ledger.md`, section 7.
