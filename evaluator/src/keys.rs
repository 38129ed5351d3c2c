//! Key sets: bundles that are complete, which keys they hold, and who may use them.

mod cover;

use std::sync::{Arc, Mutex, PoisonError};

use blindsight_contract::KeyBundle;
use rayon::ThreadPool;
use serde::Serialize;
use utoipa::ToSchema;
use uuid::Uuid;

use crate::blocking::blocking;
use crate::capability::Owner;
use crate::config::Config;
use crate::hex;
use crate::models::{ExpandError, ExpandedKeys, ServedModel};
use crate::refusal::Refusal;
use crate::shelf::{AcquireError, Lease, Shelf, Wanted, Weight};
use crate::store::blobs::Blob;
use crate::store::state::keys::{KeyRow, StoredList};
use crate::store::state::usage::Scope;
use crate::store::{Store, StoreError};
use crate::time::Timestamp;

pub(crate) use cover::{Used, cover, missing};

/// All key sets of a service.
pub struct KeySets {
    store: Arc<Store>,
    config: Arc<Config>,
    /// Expanded keys by the SHA-256 of their bundle.
    expanded: Shelf<[u8; 32], ExpandedKeys>,
    /// Those that are here no longer, since somebody asked.
    evicted: Arc<Mutex<Vec<[u8; 32]>>>,
}

/// A key set as a client sees it.
#[derive(Debug, Clone, Serialize, ToSchema)]
pub struct KeysView {
    /// Its name.
    pub id: Uuid,
    /// SHA-256 of the bundle, hexadecimal.
    pub sha256: String,
    /// Fingerprint of the parameter set, hexadecimal.
    pub scheme: String,
    /// SHA-256 of the manifest, hexadecimal: names the list of its keys.
    pub list: String,
    /// Number of keys.
    pub count: u32,
    /// Bytes of the bundle.
    pub bytes: u64,
    /// Bytes of everything that is stored for this capability.
    pub stored_bytes: u64,
    /// When it was complete (RFC 3339).
    pub created_at: String,
    /// When it is deleted if nobody uses it (RFC 3339).
    pub expires_at: String,
}

impl KeySets {
    pub(crate) fn new(store: &Arc<Store>, config: &Arc<Config>) -> Self {
        let evicted = Arc::new(Mutex::new(Vec::new()));
        let note = evicted.clone();
        Self {
            expanded: Shelf::new(config.key_cache_bytes, move |sha256| {
                note.lock().unwrap_or_else(PoisonError::into_inner).push(*sha256);
            }),
            evicted,
            store: store.clone(),
            config: config.clone(),
        }
    }

    /// A key set, if it is there and the owner's.
    ///
    /// # Errors
    /// When storage fails.
    pub async fn find(self: &Arc<Self>, owner: Owner, id: Uuid) -> Result<Option<KeyRow>, Refusal> {
        blocking(self, move |keys| Ok(keys.store.db.read(|c| c.key_set(owner, id))?)).await
    }

    /// What a client is told of a key set.
    ///
    /// # Errors
    /// `not_found`.
    pub async fn view(self: &Arc<Self>, owner: Owner, id: Uuid) -> Result<KeysView, Refusal> {
        blocking(self, move |keys| {
            keys.store.db.read(|c| {
                let row = c.key_set(owner, id)?.ok_or_else(Refusal::not_found)?;
                Ok(KeysView {
                    id,
                    sha256: hex::encode(&row.bundle.sha256),
                    scheme: hex::encode(&row.list.scheme),
                    list: hex::encode(&row.digest),
                    count: row.count,
                    bytes: row.bytes,
                    stored_bytes: c.usage(Scope::Owner(owner))?.bytes,
                    created_at: row.created_at.to_rfc3339(),
                    expires_at: row.expires_at.to_rfc3339(),
                })
            })
        })
        .await
    }

    /// When a new key set ends, if nobody uses it before.
    pub(crate) fn first_expiry(&self, now: Timestamp) -> Timestamp {
        now.after_seconds(self.config.unused_keys_seconds.min(self.config.keys_seconds))
    }

    /// When a key set ends that is used now.
    pub(crate) fn expiry(&self, now: Timestamp) -> Timestamp {
        now.after_seconds(self.config.keys_seconds)
    }

    /// The key sets of a run, expanded: those that are here, and those that `read` gives frame by
    /// frame, expanded on the threads of `pool`. Blocks while they are expanded or wait for room,
    /// so it must not be called on such a thread.
    ///
    /// # Errors
    /// When a stored key cannot be read, or `give_up` said so.
    pub(crate) fn expand(
        &self,
        model: &dyn ServedModel,
        used: &[Used],
        pool: &ThreadPool,
        give_up: &(dyn Fn() -> bool + Sync),
        read: &(dyn Fn(Blob) -> Result<bytes::Bytes, StoreError> + Sync),
    ) -> Result<Lease<'_, [u8; 32], ExpandedKeys>, ExpandError> {
        let set = model.description().contract().set();
        let wanted = used.iter().map(|used| Wanted {
            key: used.bundle.sha256,
            expected: cover::expanded_bytes(set, &used.keys),
        });
        let wanted: Vec<_> = wanted.collect();
        let lease = self.expanded.acquire(&wanted, &|| give_up(), |sha256| {
            let found = used.iter().zip(&wanted).find(|(used, _)| used.bundle.sha256 == *sha256);
            let Some((used, wanted)) = found else {
                return Err(ExpandError::Storage("it was not asked for".to_owned()));
            };
            let mut read = |frame| {
                if give_up() {
                    return Err(ExpandError::Cancelled);
                }
                let bytes = read(Blob::Frame(used.bundle, frame));
                bytes.map_err(|error| ExpandError::Storage(error.to_string()))
            };
            let expanded = pool.install(|| model.expand(&used.keys, &mut read))?;
            let weight = Weight { bytes: wanted.expected, shared: None };
            Ok((Arc::new(expanded), weight))
        });
        lease.map_err(|error| match error {
            AcquireError::GivenUp => ExpandError::Cancelled,
            AcquireError::Load(error) => error,
        })
    }

    /// Forgets the expanded keys of a bundle.
    pub(crate) fn forget(&self, sha256: &[u8; 32]) {
        self.expanded.remove(sha256);
    }

    /// Notes that a bundle that is said to be warm here is not, unless its keys are expanded.
    pub(crate) fn note_gone(&self, sha256: &[u8; 32]) {
        if !self.expanded.list().iter().any(|(here, _)| here == sha256) {
            self.evicted.lock().unwrap_or_else(PoisonError::into_inner).push(*sha256);
        }
    }

    /// The bundles whose keys were dropped since this was last asked.
    pub(crate) fn take_evicted(&self) -> Vec<[u8; 32]> {
        std::mem::take(&mut *self.evicted.lock().unwrap_or_else(PoisonError::into_inner))
    }

    /// Whether all these keys are expanded.
    pub(crate) fn are_warm(&self, used: &[Used]) -> bool {
        let here = self.expanded.list();
        used.iter().all(|used| here.iter().any(|(sha256, _)| *sha256 == used.bundle.sha256))
    }

    /// Bytes and number of the key sets that are kept expanded.
    #[must_use]
    pub fn cached(&self) -> (u64, usize) {
        (self.expanded.bytes(), self.expanded.list().len())
    }
}

/// The keys that a stored list names, under the parameter set of a model; `None` if they are of
/// another one.
pub(crate) fn read_head(model: &dyn ServedModel, list: &StoredList) -> Option<KeyBundle> {
    let description = model.description();
    if description.scheme() != list.scheme {
        return None;
    }
    // It was written by this service, under this parameter set.
    KeyBundle::from_head(description.contract().set(), &list.manifest).ok()
}
