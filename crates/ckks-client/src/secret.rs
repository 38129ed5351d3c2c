//! The secret key.

use core::fmt;

use blindsight_ckks::parameters::Parameters;
use blindsight_ckks::wire::frame::ParameterFingerprint;
use zeroize::{ZeroizeOnDrop, Zeroizing};

use crate::sampling::{SecretRng, ternary};

/// The secret key: the secret `s` with uniform ternary coefficients, under which everything but
/// one step of bootstrapping runs, and the sparse secret `s'` of that step (Bossuat,
/// Troncoso-Pastoriza and Hubaux, ePrint 2022/024).
///
/// It is wiped when dropped, and cannot be copied, printed or serialised: what a client stores is the
/// [`ClientSeed`](crate::ClientSeed) that it follows from. Where a parameter set has no sparse
/// secret, all its coefficients are zero, and no key of it can be described.
pub struct SecretKey {
    parameters: ParameterFingerprint,
    dense: Zeroizing<Vec<i8>>,
    sparse: Zeroizing<Vec<i8>>,
}

impl SecretKey {
    /// A fresh secret key for a parameter set.
    #[cfg(test)]
    pub(crate) fn generate(set: &Parameters, rng: &mut SecretRng) -> Self {
        let sparse = sparse_secret(set, rng);
        let dense = ternary::uniform(rng, set.degree());
        Self { parameters: set.fingerprint(), dense, sparse }
    }

    /// A secret key of chosen coefficients, such as none but zeros, which no sampler returns.
    #[cfg(test)]
    pub(crate) fn of(set: &Parameters, dense: Vec<i8>, sparse: Vec<i8>) -> Self {
        let [dense, sparse] = [dense, sparse].map(Zeroizing::new);
        Self { parameters: set.fingerprint(), dense, sparse }
    }

    /// The secret key whose halves come from streams of their own.
    pub(crate) fn sample(set: &Parameters, dense: &mut SecretRng, sparse: &mut SecretRng) -> Self {
        Self {
            parameters: set.fingerprint(),
            dense: ternary::uniform(dense, set.degree()),
            sparse: sparse_secret(set, sparse),
        }
    }

    /// The coefficients of `s`, each -1, 0 or 1: for keys that lead from it to another scheme's
    /// secret.
    #[must_use]
    pub fn dense(&self) -> &[i8] {
        &self.dense
    }

    /// The coefficients of `s'`, each -1, 0 or 1.
    pub(crate) fn sparse(&self) -> &[i8] {
        &self.sparse
    }

    /// Stops a program that mixes parameter sets: a bug that would go on to publish keys which fit
    /// nothing.
    pub(crate) fn assert_belongs_to(&self, set: &Parameters) {
        assert_eq!(
            self.parameters,
            set.fingerprint(),
            "the secret key belongs to another parameter set"
        );
    }
}

fn sparse_secret(set: &Parameters, rng: &mut SecretRng) -> Zeroizing<Vec<i8>> {
    ternary::sparse(rng, set.degree(), set.literal().sparse_weight.unwrap_or(0))
        .expect("the security table demands a weight far below the degree")
}

impl fmt::Debug for SecretKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("SecretKey(..)")
    }
}

impl ZeroizeOnDrop for SecretKey {}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::{rng, set};

    #[test]
    fn secrets_have_their_distributions() {
        let key = SecretKey::generate(set(), &mut rng(1));
        let nonzero = |s: &[i8]| s.iter().filter(|&&c| c != 0).count();
        assert_eq!(key.dense().len(), set().degree());
        assert_eq!(key.sparse().len(), set().degree());
        assert_eq!(Some(nonzero(key.sparse())), set().literal().sparse_weight);
        // Two thirds of the coefficients, five standard deviations: 5 * sqrt(2^15 * 2/9) = 427.
        let expected = set().degree() * 2 / 3;
        assert!(nonzero(key.dense()).abs_diff(expected) < 427);
    }

    #[test]
    fn different_randomness_gives_different_secrets() {
        let [a, b] = [1, 2].map(|seed| SecretKey::generate(set(), &mut rng(seed)));
        assert_ne!(a.dense(), b.dense());
        assert_ne!(a.sparse(), b.sparse());
    }

    #[test]
    fn debug_tells_nothing() {
        let key = SecretKey::generate(set(), &mut rng(1));
        assert_eq!(format!("{key:?}"), "SecretKey(..)");
    }
}
