//! Frames of keys that come into memory while something else is done, and lie there until a run
//! reads them.

use std::collections::HashMap;
use std::fmt::{self, Debug, Formatter};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError, Weak};
use std::time::Duration;

use bytes::Bytes;
use futures_util::StreamExt as _;
use futures_util::stream;
use tokio::runtime::Handle;
use tokio::task::AbortHandle;

use crate::store::blobs::{Blob, Blobs};
use crate::store::state::keys::BundleName;

/// The name of a frame.
pub(super) type Frame = (BundleName, usize);

/// Some frames, fetched in their order. Where this is dropped nothing more is fetched.
#[derive(Default)]
pub(in crate::jobs) struct Fetch {
    inner: Mutex<Inner>,
    changed: Condvar,
}

#[derive(Default)]
struct Inner {
    stage: Stage,
    /// Those that nobody has read yet; `None` are still to come.
    frames: HashMap<Frame, Option<Bytes>>,
    was_read: bool,
    task: Option<AbortHandle>,
}

#[derive(Clone, Copy, PartialEq, Eq, Default)]
enum Stage {
    /// Nothing is fetched yet.
    #[default]
    Planned,
    /// Frames come.
    Going,
    /// No more frames come.
    Over,
}

/// How many frames are fetched at a time: who fetches one after the other mostly waits.
const AT_ONCE: usize = 4;

/// How often somebody who waits looks whether to give up.
const PATIENCE: Duration = Duration::from_millis(50);

impl Fetch {
    /// Begins, unless a run has it already. Whether it did.
    pub(super) fn begin(self: &Arc<Self>, frames: Vec<Frame>, blobs: &Blobs, io: &Handle) -> bool {
        let mut inner = self.inner();
        let begins = inner.stage == Stage::Planned;
        if begins {
            inner.stage = Stage::Going;
            inner.frames = frames.iter().map(|frame| (*frame, None)).collect();
            let fetching = fetch(frames, blobs.clone(), Arc::downgrade(self));
            inner.task = Some(io.spawn(fetching).abort_handle());
        }
        begins
    }

    /// Hands it to a run: what has not begun then never does.
    pub(super) fn hand_over(&self) {
        let mut inner = self.inner();
        if inner.stage == Stage::Planned {
            inner.stage = Stage::Over;
        }
    }

    /// Gives a frame away, once: one that is on its way is waited for. `None` if it does not come,
    /// or `give_up` says so.
    pub(in crate::jobs) fn read(&self, blob: Blob, give_up: &dyn Fn() -> bool) -> Option<Bytes> {
        let Blob::Frame(bundle, index) = blob else { return None };
        let frame = (bundle, index);
        let mut inner = self.inner();
        while inner.frames.get(&frame)?.is_none() {
            if inner.stage != Stage::Going || give_up() {
                return None;
            }
            let waited = self.changed.wait_timeout(inner, PATIENCE);
            inner = waited.unwrap_or_else(PoisonError::into_inner).0;
        }
        inner.was_read = true;
        inner.frames.remove(&frame)?
    }

    /// Whether a run has read some of it.
    pub(in crate::jobs) fn was_read(&self) -> bool {
        self.inner().was_read
    }

    /// Bytes that lie here.
    pub(super) fn bytes(&self) -> u64 {
        self.inner().frames.values().flatten().map(|bytes| bytes.len() as u64).sum()
    }

    fn put(&self, frame: Frame, bytes: Bytes) {
        self.inner().frames.insert(frame, Some(bytes));
        self.changed.notify_all();
    }

    fn end(&self) {
        self.inner().stage = Stage::Over;
        self.changed.notify_all();
    }

    fn inner(&self) -> MutexGuard<'_, Inner> {
        self.inner.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Drop for Fetch {
    fn drop(&mut self) {
        if let Some(task) = &self.inner().task {
            task.abort();
        }
    }
}

impl Debug for Fetch {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        f.debug_struct("Fetch").field("bytes", &self.bytes()).finish_non_exhaustive()
    }
}

/// Says that no more frames come, however that comes about.
struct End(Weak<Fetch>);

impl Drop for End {
    fn drop(&mut self) {
        if let Some(fetch) = self.0.upgrade() {
            fetch.end();
        }
    }
}

async fn fetch(frames: Vec<Frame>, blobs: Blobs, into: Weak<Fetch>) {
    let end = End(into);
    let coming = frames.into_iter().map(|(bundle, index)| {
        let blobs = blobs.clone();
        async move { ((bundle, index), blobs.get(Blob::Frame(bundle, index)).await) }
    });
    let mut coming = stream::iter(coming).buffered(AT_ONCE);
    while let Some((frame, bytes)) = coming.next().await {
        let Some(fetch) = end.0.upgrade() else { return };
        match bytes {
            Ok(bytes) => fetch.put(frame, bytes),
            Err(error) => {
                tracing::debug!(%error, "the keys of the next job are not fetched whole");
                return;
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use std::time::Instant;

    use uuid::Uuid;

    use super::*;
    use crate::testing::TempFolder;

    const BUNDLE: BundleName = BundleName { sha256: [7; 32], place: Uuid::from_u128(1) };

    fn blobs(folder: &TempFolder, io: &Handle, frames: std::ops::Range<usize>) -> Blobs {
        let blobs = Blobs::in_folder(folder.path()).unwrap();
        for index in frames {
            let bytes = Bytes::from(vec![index as u8; 10]);
            io.block_on(blobs.put(Blob::Frame(BUNDLE, index), bytes)).unwrap();
        }
        blobs
    }

    fn runtime() -> tokio::runtime::Runtime {
        tokio::runtime::Builder::new_multi_thread().worker_threads(1).enable_all().build().unwrap()
    }

    fn all() -> Vec<Frame> {
        (1..=9).map(|index| (BUNDLE, index)).collect()
    }

    #[test]
    fn frames_are_given_away_once_and_missing_ones_end_it() {
        let (folder, runtime) = (TempFolder::new(), runtime());
        let blobs = blobs(&folder, runtime.handle(), 1..6);
        let fetch = Arc::new(Fetch::default());
        assert!(fetch.begin(all(), &blobs, runtime.handle()));
        let read = |index| fetch.read(Blob::Frame(BUNDLE, index), &|| false);
        assert!(!fetch.was_read());
        for index in 1..6 {
            assert_eq!(read(index), Some(Bytes::from(vec![index as u8; 10])));
            assert_eq!(read(index), None, "it was given away");
        }
        assert_eq!((read(6), read(9), read(10)), (None, None, None));
        assert!(fetch.was_read());
        assert_eq!(fetch.bytes(), 0);
        assert_eq!(fetch.read(Blob::Request(Uuid::nil()), &|| false), None);
    }

    #[test]
    fn what_a_run_has_before_it_begins_never_does() {
        let (folder, runtime) = (TempFolder::new(), runtime());
        let blobs = blobs(&folder, runtime.handle(), 1..10);
        let fetch = Arc::new(Fetch::default());
        fetch.hand_over();
        assert!(!fetch.begin(all(), &blobs, runtime.handle()));
        assert_eq!(fetch.read(Blob::Frame(BUNDLE, 1), &|| false), None);
    }

    #[test]
    fn who_waits_can_give_up() {
        let runtime = runtime();
        let fetch = Arc::new(Fetch::default());
        fetch.inner().stage = Stage::Going;
        fetch.inner().frames.insert((BUNDLE, 1), None);
        fetch.inner().task = Some(runtime.spawn(std::future::pending::<()>()).abort_handle());
        let start = Instant::now();
        let give_up = || start.elapsed() > Duration::from_millis(100);
        assert_eq!(fetch.read(Blob::Frame(BUNDLE, 1), &give_up), None);
        assert!(start.elapsed() < Duration::from_secs(5));
        drop(fetch);
        let ended = || runtime.metrics().num_alive_tasks() == 0;
        while !ended() {
            assert!(start.elapsed() < Duration::from_secs(5), "it goes on");
            std::thread::sleep(Duration::from_millis(5));
        }
    }
}
