//! The context passed to every step of a run.

use std::sync::Arc;

use crate::clock::Clock;
use crate::config::Config;
use crate::delivery::Breaker;
use crate::delivery::progress::ProgressCallback;

/// The context of a run.
#[derive(Clone)]
pub struct RunContext {
    /// The configuration.
    pub config: Arc<Config>,
    /// Time and randomness.
    pub clock: Arc<dyn Clock>,
    /// Progress callback.
    pub on_progress: Arc<ProgressCallback>,
    /// Stops the run on request.
    pub breaker: Arc<Breaker>,
}
