//! Evaluation keys: as they travel, and as the evaluator holds them.

use blindsight_ring::sampling::{Seed, StreamId, UniformExpander};
use blindsight_ring::{Basis, Limb, Ntt, NttMontgomery, Poly, Prime};

use crate::keys::KeySpec;
use crate::parameters::Parameters;

/// An evaluation key as it travels: the message-carrying half of each digit, and the seed of the
/// uniform halves.
#[derive(Debug, Clone)]
pub struct SeededKey {
    /// What the key is.
    pub spec: KeySpec,
    /// Expands to the uniform halves.
    pub seed: Seed,
    /// `b_d` for each digit, modulo the key's chain primes followed by its special primes.
    pub rows: Vec<Poly<Ntt>>,
}

/// An evaluation key ready for use: both halves of each digit, in Montgomery form.
#[derive(Debug)]
pub struct EvaluationKey {
    spec: KeySpec,
    rows: Vec<[Poly<NttMontgomery>; 2]>,
}

impl EvaluationKey {
    /// Recomputes the uniform halves and prepares both for products.
    ///
    /// The rows must have the shape that the key's description says, which the wire reader has
    /// checked.
    #[must_use]
    pub fn expand(set: &Parameters, key: SeededKey) -> Self {
        let basis = key.spec.basis(set);
        let rows = key.rows.into_iter().enumerate().map(|(digit, b)| {
            let a = uniform(&basis, &key.seed, digit);
            [b.into_montgomery(), a.into_montgomery()]
        });
        Self { rows: rows.collect(), spec: key.spec }
    }

    /// What the key is and how it is shaped.
    #[must_use]
    pub fn spec(&self) -> &KeySpec {
        &self.spec
    }

    /// `[b_d, a_d]` for each digit, in Montgomery form.
    #[must_use]
    pub fn rows(&self) -> &[[Poly<NttMontgomery>; 2]] {
        &self.rows
    }

    /// The bytes that a key of this shape occupies in memory.
    #[must_use]
    pub fn expanded_byte_len(set: &Parameters, spec: &KeySpec) -> usize {
        let basis = spec.basis(set);
        let words = basis.primes().iter().map(|prime| if prime.is_narrow() { 4 } else { 8 });
        2 * spec.layout().digits.len() * set.degree() * words.sum::<usize>()
    }

    /// The bytes the key occupies in memory.
    #[must_use]
    pub fn byte_len(&self) -> usize {
        let polys = self.rows.iter().flatten();
        polys.flat_map(Poly::limbs).map(Limb::byte_len).sum()
    }
}

/// The uniform polynomial that a seed stands for: `object` numbers the polynomials of one seed (the
/// digits of a key; 0 for a ciphertext).
#[must_use]
pub fn uniform(basis: &Basis, seed: &Seed, object: usize) -> Poly<Ntt> {
    let limbs = basis.primes().iter().enumerate();
    let limbs = limbs.map(|(i, prime)| uniform_limb(prime, seed, object, i));
    Poly::from_limbs(basis, limbs.collect())
}

/// One limb of the polynomial that [`uniform`] gives: that of the prime at `index` in its basis.
#[must_use]
pub fn uniform_limb(prime: &Prime, seed: &Seed, object: usize, index: usize) -> Limb {
    let stream = StreamId::new(0, object as u16, index as u16);
    let expander = UniformExpander::new(seed, stream);
    let mut limb = Limb::stale(prime);
    match &mut limb {
        Limb::Narrow(words) => expander.fill_u32(prime.value() as u32, words),
        Limb::Wide(words) => expander.fill_u64(prime.value(), words),
    }
    limb
}
