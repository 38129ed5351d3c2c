//! Which evaluation keys exist, and their shapes.
//!
//! A key that switches from `s_from` to `s_to` at level `l` is, for each digit `d` (a range of
//! limbs), a pair `(b_d, a_d)` modulo `Q_l * P` with `b_d = -a_d s_to + e_d + P s_from` on the limbs
//! of digit `d` and without the last term elsewhere (hybrid key switching: Han and Ki, ePrint
//! 2019/688). Every key is generated at the level at which it is used, so it carries no limb that
//! nobody reads.

mod schedule;

use core::ops::Range;

use blindsight_ring::GaloisElement;

use crate::parameters::Parameters;

pub(crate) use schedule::schedule;
pub use schedule::{LinearSteps, Rotations, StepGroup, rotations};

/// What a key switches.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum KeyKind {
    /// The square of the secret to the secret.
    Relinearisation,
    /// The secret to its preimage under the automorphism: apply the automorphism after the switch.
    Automorphism(GaloisElement),
    /// The secret to the sparse ephemeral secret, at the base modulus.
    DenseToSparse,
    /// The sparse secret to the preimage of the dense secret under the automorphism, for a
    /// polynomial with small coefficients: the step out of the raised modulus.
    SparseToDense(GaloisElement),
}

/// The special primes of a key.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Special {
    /// The first so many wide ones.
    Wide(usize),
    /// All wide ones and the first narrow one.
    WideAndNarrow,
    /// The first so many narrow ones.
    Narrow(usize),
}

/// The shape of a key.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct KeyLayout {
    /// Limbs of the chain.
    pub level: usize,
    /// The digits: consecutive ranges of limbs that cover the level.
    pub digits: Vec<Range<usize>>,
    /// The special primes.
    pub special: Special,
    /// The key switches polynomials with coefficients below the base prime only.
    pub raised: bool,
}

/// A key with its place in a parameter set.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct KeySpec {
    /// What it switches.
    pub kind: KeyKind,
    /// Its shape.
    pub layout: KeyLayout,
}

impl KeyKind {
    /// Whether the key is encrypted under the sparse secret.
    #[must_use]
    pub fn is_under_sparse_secret(self) -> bool {
        matches!(self, Self::DenseToSparse)
    }
}

impl KeyLayout {
    /// By how many bits the special primes must exceed the largest digit, so that the noise a
    /// switch adds stays below that of a rounding.
    pub const MARGIN_BITS: f64 = 5.0;

    /// A layout with `digits` digits of nearly equal bit lengths.
    #[must_use]
    pub(crate) fn balanced(
        set: &Parameters,
        level: usize,
        digits: usize,
        special: Special,
    ) -> Self {
        let bits: Vec<f64> = set.chain().primes()[..level].iter().map(|p| p.log2()).collect();
        let sum = |r: &Range<usize>| bits[r.clone()].iter().sum::<f64>();
        let digits = match digits {
            1 => std::iter::once(0..level).collect(),
            _ => (1..level)
                .map(|cut| vec![0..cut, cut..level])
                .min_by(|x, y| {
                    let largest = |d: &[Range<usize>]| d.iter().map(sum).fold(0.0, f64::max);
                    largest(x).total_cmp(&largest(y))
                })
                .unwrap_or_else(|| std::iter::once(0..level).collect()),
        };
        Self { level, digits, special, raised: false }
    }

    /// The layout of a key out of the raised modulus: one digit, small whatever the level.
    #[must_use]
    pub(crate) fn for_raised(level: usize, special: Special) -> Self {
        Self { level, digits: std::iter::once(0..level).collect(), special, raised: true }
    }

    /// `log2` of the largest number that a digit can be.
    #[must_use]
    pub fn largest_digit_bits(&self, set: &Parameters) -> f64 {
        let primes = set.chain().primes();
        if self.raised {
            return primes[0].log2();
        }
        let bits = |r: &Range<usize>| primes[r.clone()].iter().map(|p| p.log2()).sum::<f64>();
        self.digits.iter().map(bits).fold(0.0, f64::max)
    }
}
