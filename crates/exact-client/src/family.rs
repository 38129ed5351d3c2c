//! Everything of exact answers that follows from a client's seed.

use std::ops::Range;

use blindsight_ckks::parameters::Parameters;
use blindsight_ckks_client::{KeyFamily, SecretPoly, SecretRng, parallel};
use blindsight_exact::label::LABEL_BITS;
use blindsight_exact::{
    DecisionCode, ExactParameters, KeyPiece, LabelCiphertext, LabelCode, Outcome, SeededPiece,
    TorusRing,
};
use blindsight_ring::sampling::Seed;
use blindsight_ring::{NttMontgomery, PrimeError};
use thiserror::Error;

use crate::generation::{Generation, product, ring_product};
use crate::secret::ExactSecret;

/// The secrets of exact answers and the evaluator's key that follow from a client's seed, under a
/// parameter set.
///
/// Every sample has a stream of errors of its own, and every piece a public seed: all are named by the
/// set's fingerprint, the part, the piece and the sample, so that any piece can be made by itself, on
/// any machine, and again with the same bytes.
#[derive(Debug)]
pub struct ExactFamily<'a> {
    pub(crate) set: &'a ExactParameters,
    scheme: &'a KeyFamily,
    secret: ExactSecret,
    ring: TorusRing,
    ring_secret: RingSecret,
}

/// Why there is no family.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum FamilyError {
    /// The set stands beside another one of CKKS.
    #[error("the parameter set of exact answers belongs to another one of CKKS")]
    OtherScheme,
    /// The ring of `S` has no primes.
    #[error(transparent)]
    Ring(#[from] PrimeError),
}

/// Which secret an LWE ciphertext is under.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Under {
    /// The coefficients of `S`.
    Ring,
    /// `z`.
    Lwe,
}

/// `S` as a factor.
struct RingSecret(SecretPoly<NttMontgomery>);

impl<'a> ExactFamily<'a> {
    /// The family of a seed, by the family of its keys of CKKS under the set's scheme.
    ///
    /// # Errors
    /// When the set belongs to another scheme.
    pub fn new(
        set: &'a ExactParameters,
        parameters: &Parameters,
        scheme: &'a KeyFamily,
    ) -> Result<Self, FamilyError> {
        if !set.is_beside(parameters) || scheme.secret().dense().len() != set.scheme_degree() {
            return Err(FamilyError::OtherScheme);
        }
        let [mut ring, mut lwe] =
            ["ring secret", "LWE secret"].map(|name| scheme.stream(&stream_name(set, name)));
        let secret = ExactSecret::sample(set, &mut ring, &mut lwe);
        // A mask, any number on the circle, times bits.
        let log2_product = 63.0 + f64::from(set.literal().log2_degree);
        let ring = TorusRing::new(set.degree(), log2_product)?;
        let ring_secret = RingSecret(SecretPoly::montgomery(ring.basis(), secret.ring()));
        Ok(Self { set, scheme, secret, ring, ring_secret })
    }

    /// A piece of the evaluator's key.
    #[must_use]
    pub fn piece(&self, piece: KeyPiece) -> SeededPiece {
        let samples = piece.samples(self.set);
        // Stretches, so that threads share the work.
        let stretch = samples.len().div_ceil(16);
        let bodies = parallel::map(samples.len().div_ceil(stretch), |i| {
            let start = samples.start + i * stretch;
            self.bodies(piece, start..samples.end.min(start + stretch))
        });
        SeededPiece { piece, seed: self.seed(piece), bodies: bodies.concat() }
    }

    /// The public seed of a piece.
    #[must_use]
    pub fn seed(&self, piece: KeyPiece) -> Seed {
        let (part, index) = (piece.part() as u8, piece.index());
        self.stream(&format!("seed of part {part}, piece {index}")).next_seed()
    }

    /// The bodies of a stretch of a piece's samples, as [`SeededPiece::bodies`] has them.
    pub(crate) fn bodies(&self, piece: KeyPiece, samples: Range<usize>) -> Vec<u64> {
        let part = piece.part();
        let generation = Generation {
            set: self.set,
            part,
            seed: self.seed(piece),
            secret: &self.secret,
            scheme_secret: self.scheme.secret().dense(),
            ring: &self.ring,
            ring_secret: &self.ring_secret.0,
        };
        let mut bodies = Vec::with_capacity(samples.len() * part.body_len(self.set));
        let index = piece.index();
        for sample in samples {
            // Named as the mask is: whatever becomes of pieces, no error gets a second mask.
            let name = format!("errors of part {}, piece {index}, sample {sample}", part as u8);
            generation.append_body(sample, &mut self.stream(&name), &mut bodies);
        }
        bodies
    }

    /// The label of a ciphertext; none, if what it holds is no label: the evaluator did not do what
    /// it should, or the ciphertext is somebody else's. Neither must the evaluator learn.
    #[must_use]
    pub fn decrypt(&self, code: LabelCode, label: &LabelCiphertext) -> Option<usize> {
        code.label(self.answer_phase(label))
    }

    /// The outcome of a decision; none as with [`Self::decrypt`].
    #[must_use]
    pub fn outcome(&self, code: &DecisionCode, answer: &LabelCiphertext) -> Option<Outcome> {
        code.outcome(self.answer_phase(answer))
    }

    /// What an answer holds, with its noise, modulo `2^LABEL_BITS`.
    fn answer_phase(&self, answer: &LabelCiphertext) -> u16 {
        let upper = |number: &u16| u64::from(*number) << (64 - LABEL_BITS);
        let mask: Vec<u64> = answer.mask.iter().map(upper).collect();
        // The lower bits are zero.
        (self.phase(Under::Ring, &mask, upper(&answer.body)) >> (64 - LABEL_BITS)) as u16
    }

    /// Body minus mask times secret: what an LWE ciphertext holds, with its noise.
    #[must_use]
    pub fn phase(&self, under: Under, mask: &[u64], body: u64) -> u64 {
        let secret = match under {
            Under::Ring => self.secret.ring(),
            Under::Lwe => self.secret.lwe(),
        };
        body.wrapping_sub(product(mask, secret))
    }

    /// Writes a mask's product with `S`.
    pub(crate) fn ring_product(&self, mask: &[u64], out: &mut [u64]) {
        ring_product(&self.ring, &self.ring_secret.0, mask, out);
    }

    fn stream(&self, name: &str) -> SecretRng {
        self.scheme.stream(&stream_name(self.set, name))
    }
}

/// The name of a stream: no two sets share one.
pub(crate) fn stream_name(set: &ExactParameters, name: &str) -> String {
    let fingerprint: String = set.fingerprint().0.iter().map(|b| format!("{b:02x}")).collect();
    format!("exact answers, version 1, {fingerprint}: {name}")
}

impl core::fmt::Debug for RingSecret {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        f.write_str("RingSecret(..)")
    }
}
