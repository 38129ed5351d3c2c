//! What every homomorphic operation needs besides its operands: tables, and the client's keys.

use blindsight_ckks::evaluation_key::EvaluationKey;
use blindsight_ckks::keys::{KeyKind, Special};
use blindsight_ckks::parameters::Parameters;

use crate::context::Context;
use crate::error::MissingKey;
use crate::key_set::KeySet;

/// A context with one client's keys: the receiver of all homomorphic operations.
#[derive(Debug, Clone, Copy)]
pub struct Evaluator<'a> {
    /// Tables of the parameter set.
    pub context: &'a Context,
    /// The client's keys.
    pub keys: &'a KeySet,
}

impl<'a> Evaluator<'a> {
    /// The parameter set.
    #[must_use]
    pub fn set(&self) -> &'a Parameters {
        self.context.set()
    }

    /// The key of this kind that is made for `level` or nearest above it.
    pub(crate) fn key(&self, kind: KeyKind, level: usize) -> Result<&'a EvaluationKey, MissingKey> {
        self.keys.find(kind, level)
    }

    /// The same among the keys with these special primes: sums of extended pairs need equal ones.
    pub(crate) fn key_with(
        &self,
        kind: KeyKind,
        level: usize,
        special: Special,
    ) -> Result<&'a EvaluationKey, MissingKey> {
        self.keys.find_with(kind, level, special)
    }
}
