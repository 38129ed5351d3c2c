//! Which keys of a model some key sets hold, and which are missing.

use blindsight_ckks::evaluation_key::EvaluationKey;
use blindsight_ckks::parameters::Parameters;
use blindsight_contract::KeyBundle;
use blindsight_exact::keys::expanded_byte_len;

use super::read_head;
use crate::models::ServedModel;
use crate::store::state::keys::{BundleName, KeyRow};

/// A key set that a run uses.
#[derive(Debug)]
pub(crate) struct Used {
    /// Its bundle.
    pub(crate) bundle: BundleName,
    /// All its keys.
    pub(crate) keys: KeyBundle,
}

/// The key sets that a model needs of these, which hold all its keys together; `None` if one is
/// missing. Key sets of another parameter set hold none.
pub(crate) fn cover(model: &dyn ServedModel, sets: &[KeyRow]) -> Option<Vec<Used>> {
    let mut missing = model.description().contract().bundle().clone();
    let mut used = Vec::new();
    for row in sets {
        let Some(keys) = read_head(model, &row.list) else { continue };
        let left = missing.missing([&keys]);
        if left != missing {
            missing = left;
            used.push(Used { bundle: row.bundle, keys });
        }
    }
    missing.is_empty().then_some(used)
}

/// The keys of a model that none of these key sets holds.
pub(crate) fn missing(model: &dyn ServedModel, sets: &[KeyRow]) -> KeyBundle {
    let held: Vec<KeyBundle> = sets.iter().filter_map(|row| read_head(model, &row.list)).collect();
    model.description().contract().bundle().missing(&held)
}

/// The bytes that keys occupy in memory once they are expanded.
pub(super) fn expanded_bytes(set: &Parameters, keys: &KeyBundle) -> u64 {
    let specs = keys.scheme().specs().iter();
    let bytes = specs.map(|spec| EvaluationKey::expanded_byte_len(set, spec) as u64);
    bytes.sum::<u64>() + keys.exact().map_or(0, expanded_byte_len)
}
