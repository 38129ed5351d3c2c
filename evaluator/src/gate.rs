//! Who may come in, and how many at once.

use std::sync::Arc;

use tokio::sync::Semaphore;

use crate::capability::ServiceToken;
use crate::config::Config;

/// What requests must pass.
#[derive(Debug)]
pub(crate) struct Gate {
    /// What everybody must show, where one is configured.
    pub(crate) token: Option<ServiceToken>,
    /// Requests whose bodies are in memory.
    pub(crate) requests: Arc<Semaphore>,
    /// Event streams that may be open.
    pub(crate) events: Arc<Semaphore>,
}

/// Requests are small: this many take a few tens of megabytes.
const REQUESTS_AT_ONCE: usize = 64;

impl Gate {
    pub(crate) fn new(config: &Config) -> Self {
        Self {
            token: config.token.as_deref().map(ServiceToken::new),
            requests: Arc::new(Semaphore::new(REQUESTS_AT_ONCE)),
            events: Arc::new(Semaphore::new(config.event_streams)),
        }
    }
}
