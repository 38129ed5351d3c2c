//! One writer for an upload. A client that comes back after a broken connection must not wait for
//! the server to notice that the old one is dead, so who comes later stops who was there.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use tokio::sync::{OwnedMutexGuard, watch};
use uuid::Uuid;

use crate::refusal::{Code, Refusal};

/// Who writes to which upload.
#[derive(Debug, Default)]
pub struct UploadLocks {
    slots: Arc<Mutex<HashMap<Uuid, Arc<Slot>>>>,
}

#[derive(Debug)]
struct Slot {
    lock: Arc<tokio::sync::Mutex<()>>,
    stop: watch::Sender<()>,
}

/// The right to write to an upload, while it is held.
#[derive(Debug)]
pub struct UploadLock {
    id: Uuid,
    slots: Arc<Mutex<HashMap<Uuid, Arc<Slot>>>>,
    guard: Option<OwnedMutexGuard<()>>,
    stop: watch::Receiver<()>,
}

/// How long a writer may take to put down what it has.
const PATIENCE: Duration = Duration::from_secs(5);

impl UploadLocks {
    /// Stops whoever holds the lock, and takes it.
    ///
    /// # Errors
    /// `upload_busy` if the other one does not let go.
    pub async fn take(&self, id: Uuid) -> Result<UploadLock, Refusal> {
        let slot = {
            let mut slots = self.slots.lock().unwrap_or_else(PoisonError::into_inner);
            let slot = || Arc::new(Slot { lock: Arc::default(), stop: watch::Sender::new(()) });
            slots.entry(id).or_insert_with(slot).clone()
        };
        slot.stop.send_replace(());
        let taken = tokio::time::timeout(PATIENCE, slot.lock.clone().lock_owned()).await;
        let Ok(guard) = taken else {
            let detail = "Another request writes to this upload; try again.";
            return Err(Refusal::new(Code::UploadBusy, detail).retry_after(1));
        };
        // What was sent so far was meant for others.
        let stop = slot.stop.subscribe();
        Ok(UploadLock { id, slots: self.slots.clone(), guard: Some(guard), stop })
    }

    /// Whether somebody holds the lock.
    #[must_use]
    pub fn is_taken(&self, id: Uuid) -> bool {
        self.slots.lock().unwrap_or_else(PoisonError::into_inner).contains_key(&id)
    }
}

impl UploadLock {
    /// Returns when somebody else wants the lock.
    pub async fn wanted(&mut self) {
        if self.stop.changed().await.is_err() {
            // The slot lives as long as this lock; but if it did not, nobody could ask.
            std::future::pending::<()>().await;
        }
    }
}

impl Drop for UploadLock {
    fn drop(&mut self) {
        let mut slots = self.slots.lock().unwrap_or_else(PoisonError::into_inner);
        self.guard = None;
        // Whoever waits holds the slot too: map and waiters, or the map alone.
        if slots.get(&self.id).is_some_and(|slot| Arc::strong_count(slot) == 1) {
            slots.remove(&self.id);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[actix_web::test]
    async fn the_later_one_stops_the_earlier_one() {
        let locks = Arc::new(UploadLocks::default());
        let id = Uuid::from_u128(1);
        let mut first = locks.take(id).await.unwrap();
        let second = tokio::spawn({
            let locks = locks.clone();
            async move { locks.take(id).await.map(drop) }
        });
        first.wanted().await;
        assert!(locks.is_taken(id));
        drop(first);
        second.await.unwrap().unwrap();
        assert!(!locks.is_taken(id));
        // A fresh lock is not wanted by anybody.
        let mut third = locks.take(id).await.unwrap();
        let wait = tokio::time::timeout(Duration::from_millis(20), third.wanted());
        assert!(wait.await.is_err());
    }
}
