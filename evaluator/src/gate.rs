//! Who may come in, and how many at once.

use std::sync::Arc;

use tokio::sync::{OwnedSemaphorePermit, Semaphore};

use crate::capability::ServiceToken;
use crate::config::Config;
use crate::refusal::{Code, Refusal};

/// What requests must pass.
#[derive(Debug)]
pub(crate) struct Gate {
    /// What everybody must show, where one is configured.
    pub(crate) token: Option<ServiceToken>,
    /// Kibibytes of requests that may be in memory.
    requests: Arc<Semaphore>,
    /// Event streams that may be open.
    pub(crate) events: Arc<Semaphore>,
}

/// Memory for requests while they are received and checked: a hundred and more of the usual ones,
/// and the largest that a contract may ask for, one at a time.
const REQUEST_KIB: u32 = 64 << 10;

impl Gate {
    pub(crate) fn new(config: &Config) -> Self {
        Self {
            token: config.token.as_deref().map(ServiceToken::new),
            requests: Arc::new(Semaphore::new(REQUEST_KIB as usize)),
            events: Arc::new(Semaphore::new(config.event_streams)),
        }
    }

    /// Room in memory for a request of at most so many bytes, until what is returned is dropped.
    ///
    /// # Errors
    /// `busy`.
    pub(crate) fn admit(&self, bytes: u64) -> Result<OwnedSemaphorePermit, Refusal> {
        let kib = u32::try_from(bytes.div_ceil(1024)).unwrap_or(u32::MAX).min(REQUEST_KIB);
        self.requests.clone().try_acquire_many_owned(kib).map_err(|_| {
            let detail = "Too many requests at this moment; try again.";
            Refusal::new(Code::Busy, detail).retry_after(1)
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn requests_have_room_by_their_size() {
        let gate = Gate::new(&Config::default());
        let most = u64::from(REQUEST_KIB) << 10;
        let half = gate.admit(most / 2).unwrap();
        assert_eq!(gate.admit(most / 2 + 1).err().map(|r| r.code), Some(Code::Busy));
        let rest = gate.admit(most / 2).unwrap();
        assert!(gate.admit(1).is_err());
        drop((half, rest));
        // What is larger than all there is comes alone.
        let all = gate.admit(u64::MAX).unwrap();
        assert!(gate.admit(1).is_err());
        drop(all);
        assert!(gate.admit(1).is_ok());
    }
}
