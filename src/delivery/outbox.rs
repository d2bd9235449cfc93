//! The outbox folder as a wire.
