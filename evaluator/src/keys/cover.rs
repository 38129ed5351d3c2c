//! Which keys of a model some key sets hold, and which are missing.

use blindsight_ckks::evaluation_key::EvaluationKey;
use blindsight_ckks::keys::{KeyList, KeySpec};
use blindsight_ckks::parameters::Parameters;

use super::read_list;
use crate::models::ServedModel;
use crate::store::state::keys::{KeyRow, StoredList};

/// A key set that a run uses.
#[derive(Debug)]
pub(crate) struct Used {
    /// Its bundle.
    pub(crate) sha256: [u8; 32],
    /// All its keys.
    pub(crate) keys: KeyList,
}

/// The key sets that a model needs of these, which hold all its keys together; `None` if one is
/// missing. Key sets of another parameter set hold none.
pub(crate) fn cover(model: &dyn ServedModel, sets: &[KeyRow]) -> Option<Vec<Used>> {
    let mut missing: Vec<&KeySpec> = model.description().contract().keys().specs().iter().collect();
    let mut used = Vec::new();
    for row in sets {
        let Some(keys) = list(model, &row.list) else { continue };
        let before = missing.len();
        missing.retain(|spec| keys.position(spec).is_none());
        if missing.len() < before {
            used.push(Used { sha256: row.sha256, keys });
        }
    }
    missing.is_empty().then_some(used)
}

/// The keys of a model that none of these key sets holds.
pub(crate) fn missing(model: &dyn ServedModel, sets: &[KeyRow]) -> KeyList {
    let lists: Vec<KeyList> = sets.iter().filter_map(|row| list(model, &row.list)).collect();
    let held = |spec: &KeySpec| lists.iter().any(|list| list.position(spec).is_some());
    let specs = model.description().contract().keys().specs().iter();
    let specs = specs.filter(|spec| !held(spec)).cloned().collect();
    KeyList::new(specs).expect("a part of a list of different keys is one, too")
}

/// The bytes that keys occupy in memory once they are expanded.
pub(super) fn expanded_bytes(set: &Parameters, keys: &KeyList) -> u64 {
    let bytes = keys.specs().iter().map(|spec| EvaluationKey::expanded_byte_len(set, spec) as u64);
    bytes.sum()
}

fn list(model: &dyn ServedModel, list: &StoredList) -> Option<KeyList> {
    let manifest = read_list(model, list)?;
    let specs = manifest.entries().iter().map(|entry| entry.spec.clone()).collect();
    KeyList::new(specs).ok()
}
