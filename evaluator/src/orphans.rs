//! Objects that no row names, where several processes share the store: what a process left that ended
//! between two writes, or whose commit came too late.
//!
//! An object is stored before the row that names it, so one without a row may only be new. Ages are
//! not read from clocks, which may differ: what is found twice, [`AGE`] apart, and is needed neither
//! time, goes. Whoever stores an object must therefore commit the row within [`COMMIT_WITHIN`].
//!
//! One process does it at a time, which saves work; two would do no harm.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::{Duration, Instant};

use crate::blocking::blocking;
use crate::refusal::Refusal;
use crate::service::Service;
use crate::store::Store;
use crate::store::blobs::UnknownBlob;
use crate::store::state::Elected;
use crate::upkeep::Known;

/// For how long an object must have been there, unneeded.
pub const AGE: Duration = Duration::from_secs(3600);

/// Within which time from the start of its storing an object must be named by a row, or never.
pub const COMMIT_WITHIN: Duration = Duration::from_secs(1800);

/// The name under which the one who sweeps is elected.
const SWEEPER: &str = "sweeper";

/// Sweeps again and again until the service stops. Without a shared store there is nothing to do:
/// then it is swept at the start.
pub async fn sweep_until_stopped(service: Arc<Service>) {
    if !service.store.is_shared {
        return;
    }
    let mut sweeper = Sweeper::default();
    let mut stopping = service.lifecycle.stopping();
    loop {
        match sweeper.sweep(&service.store, Instant::now()).await {
            Ok(0) => {}
            Ok(deleted) => tracing::info!(deleted, "objects of nobody deleted"),
            Err(refusal) => tracing::warn!(%refusal, "objects of nobody cannot be swept"),
        }
        tokio::select! {
            _ = stopping.wait_for(|&stopping| stopping) => return,
            () = tokio::time::sleep(AGE) => {}
        }
    }
}

/// What a process knows that may sweep.
#[derive(Debug, Default)]
struct Sweeper {
    office: Option<Box<dyn Elected>>,
    /// Objects that nobody named, and when they were first seen.
    seen: BTreeMap<UnknownBlob, Instant>,
}

impl Sweeper {
    /// Looks at all objects, if this process is the one that does it, and deletes those that were
    /// there and unneeded long ago and still are. Returns how many.
    async fn sweep(&mut self, store: &Arc<Store>, now: Instant) -> Result<usize, Refusal> {
        if !self.is_elected(store).await? {
            self.seen.clear();
            return Ok(0);
        }
        let known = known(store).await?;
        let unknown = store.blobs.unknown(|name| known.has(name)).await?;
        self.seen.retain(|object, _| unknown.contains(object));
        for object in unknown {
            self.seen.entry(object).or_insert(now);
        }
        let old = |since: &Instant| now.duration_since(*since) >= AGE;
        let due: Vec<UnknownBlob> =
            self.seen.iter().filter(|(_, since)| old(since)).map(|(o, _)| o.clone()).collect();
        if due.is_empty() {
            return Ok(0);
        }
        // Asked again after the look: a row may have been committed during it.
        let known = self::known(store).await?;
        let mut deleted = 0;
        for object in due {
            self.seen.remove(&object);
            if object.name().is_some_and(|name| !known.has(&name)) {
                store.blobs.delete_unknown_one(&object).await?;
                deleted += 1;
            }
        }
        Ok(deleted)
    }

    async fn is_elected(&mut self, store: &Arc<Store>) -> Result<bool, Refusal> {
        if self.office.as_ref().is_some_and(|office| office.holds()) {
            return Ok(true);
        }
        self.office = None;
        self.office = blocking(store, |store| Ok(store.db.elect(SWEEPER)?)).await?;
        Ok(self.office.is_some())
    }
}

async fn known(store: &Arc<Store>) -> Result<Known, Refusal> {
    blocking(store, |store| Ok(Known::read(store)?)).await
}

#[cfg(test)]
mod tests {
    use bytes::Bytes;
    use uuid::Uuid;

    use super::*;
    use crate::caller::Caller;
    use crate::capability::Owner;
    use crate::store::Blobs;
    use crate::store::blobs::Blob;
    use crate::store::state::keys::{BundleName, NewKeys, StoredList};
    use crate::testing::TempFolder;
    use crate::time::Timestamp;

    fn name_it(store: &Store, bundle: BundleName) {
        let list = StoredList { scheme: [3; 32], manifest: vec![4; 50] };
        let new = NewKeys {
            id: Uuid::from_u128(1),
            owner: Owner([1; 32]),
            caller: &Caller::stored("c"),
            bundle,
            list: &list,
            count: 1,
            bytes: 7,
            created_at: Timestamp(0),
            expires_at: Timestamp(9),
        };
        store.db.write(|t| t.insert_key_set(&new)).unwrap();
    }

    #[actix_web::test]
    async fn what_nobody_names_for_an_hour_goes() {
        let folder = TempFolder::new();
        let blobs = Blobs::in_folder(&folder.path().join("blobs")).unwrap();
        let store = Arc::new(Store::with_objects(folder.path(), None, blobs).unwrap());
        let place = Uuid::from_u128;
        let named = BundleName { sha256: [1; 32], place: place(1) };
        let late = BundleName { sha256: [2; 32], place: place(2) };
        let never = BundleName { place: place(3), ..named };
        let part = Blob::Part { upload: place(4), start: 0, token: 1 };
        let all = [Blob::Frame(named, 0), Blob::Frame(late, 0), Blob::Frame(never, 0), part];
        for blob in all {
            store.blobs.put(blob, Bytes::from_static(b"content")).await.unwrap();
        }
        name_it(&store, named);
        let start = Instant::now();
        let mut sweeper = Sweeper::default();
        for later in [Duration::ZERO, AGE / 2, AGE - Duration::from_secs(1)] {
            assert_eq!(sweeper.sweep(&store, start + later).await.unwrap(), 0);
        }
        // One is named late, one is stored only now.
        store
            .db
            .write(|t| {
                let row = t.key_set(Owner([1; 32]), place(1))?.unwrap();
                t.delete_key_set(&row)
            })
            .unwrap();
        name_it(&store, late);
        let new = Blob::Request(place(5));
        store.blobs.put(new, Bytes::from_static(b"content")).await.unwrap();
        assert_eq!(sweeper.sweep(&store, start + AGE).await.unwrap(), 2);
        for (blob, is_there) in all.into_iter().zip([true, true, false, false]).chain([(new, true)])
        {
            assert_eq!(store.blobs.get(blob).await.is_ok(), is_there, "{blob:?}");
        }
        // What lost its row is seen from then on.
        assert_eq!(sweeper.sweep(&store, start + 2 * AGE).await.unwrap(), 2);
        assert!(store.blobs.get(all[0]).await.is_err() && store.blobs.get(new).await.is_err());
        assert!(store.blobs.get(all[1]).await.is_ok());
    }
}
