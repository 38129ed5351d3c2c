//! The keys that a circuit asks for.

use sha2::{Digest, Sha256};

use super::{KeyError, KeySpec};
use crate::parameters::Parameters;
use crate::wire::KeySetManifest;

/// A list of different keys of one parameter set, in their one order: two circuits that need the
/// same keys have the same list.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct KeyList {
    specs: Vec<KeySpec>,
}

impl KeyList {
    /// Most keys of a list.
    pub const MOST: usize = 512;

    /// The list of these keys, in any order.
    ///
    /// # Errors
    /// When a key occurs twice, or there are too many.
    pub fn new(mut specs: Vec<KeySpec>) -> Result<Self, KeyError> {
        let (found, most) = (specs.len(), Self::MOST);
        if found > most {
            return Err(KeyError::TooMany { found, most });
        }
        specs.sort_by_cached_key(KeySpec::order);
        match specs.windows(2).any(|pair| pair[0] == pair[1]) {
            true => Err(KeyError::Repeated),
            false => Ok(Self { specs }),
        }
    }

    /// The keys, in order.
    #[must_use]
    pub fn specs(&self) -> &[KeySpec] {
        &self.specs
    }

    /// The number of keys.
    #[must_use]
    pub fn len(&self) -> usize {
        self.specs.len()
    }

    /// Whether there are no keys.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.specs.is_empty()
    }

    /// The place of a key in the list.
    #[must_use]
    pub fn position(&self, spec: &KeySpec) -> Option<usize> {
        self.specs.binary_search_by_key(&spec.order(), KeySpec::order).ok()
    }

    /// SHA-256 of the list's manifest: names the list.
    #[must_use]
    pub fn digest(&self, set: &Parameters) -> [u8; 32] {
        Sha256::digest(KeySetManifest::new(set, self).to_bytes(set)).into()
    }
}
