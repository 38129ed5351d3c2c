//! One client's evaluation keys.

use std::collections::HashMap;
use std::sync::Arc;

use blindsight_ckks::evaluation_key::EvaluationKey;
use blindsight_ckks::keys::{KeyKind, KeyList, KeySpec, Special};

use crate::error::MissingKey;

/// One client's evaluation keys, expanded. Keys are shared: several sets may hold the same.
#[derive(Debug, Default, Clone)]
pub struct KeySet {
    /// By kind; lowest level first.
    keys: HashMap<KeyKind, Vec<Arc<EvaluationKey>>>,
}

impl KeySet {
    /// Adds a key, or replaces the one that is described alike.
    pub fn insert(&mut self, key: impl Into<Arc<EvaluationKey>>) {
        let key = key.into();
        let of_kind = self.keys.entry(key.spec().kind()).or_default();
        of_kind.retain(|other| other.spec() != key.spec());
        let place = of_kind.partition_point(|other| other.spec().level() <= key.spec().level());
        of_kind.insert(place, key);
    }

    /// The first key of a list that is not in the set.
    #[must_use]
    pub fn first_missing<'a>(&self, list: &'a KeyList) -> Option<&'a KeySpec> {
        list.specs().iter().find(|spec| {
            let of_kind = self.keys.get(&spec.kind());
            !of_kind.is_some_and(|keys| keys.iter().any(|key| key.spec() == *spec))
        })
    }

    /// The bytes all keys occupy in memory.
    #[must_use]
    pub fn byte_len(&self) -> usize {
        self.keys.values().flatten().map(|key| key.byte_len()).sum()
    }

    /// The key of this kind that is made for `level` or nearest above it.
    pub(crate) fn find(&self, kind: KeyKind, level: usize) -> Result<&EvaluationKey, MissingKey> {
        self.at_or_above(kind, level).next().ok_or(MissingKey { kind, level })
    }

    /// The same among the keys with these special primes.
    pub(crate) fn find_with(
        &self,
        kind: KeyKind,
        level: usize,
        special: Special,
    ) -> Result<&EvaluationKey, MissingKey> {
        let fits = |key: &&EvaluationKey| key.spec().layout().special == special;
        self.at_or_above(kind, level).find(fits).ok_or(MissingKey { kind, level })
    }

    fn at_or_above(&self, kind: KeyKind, level: usize) -> impl Iterator<Item = &EvaluationKey> {
        let of_kind = self.keys.get(&kind).map(Vec::as_slice).unwrap_or_default();
        let place = of_kind.partition_point(|key| key.spec().level() < level);
        of_kind[place..].iter().map(Arc::as_ref)
    }
}
