//! What leaves the evaluator: a label whose ciphertext tells nothing else.
//!
//! A label's ciphertext as the argmax leaves it is a function of the scores and of the client's own
//! keys. So a fresh encryption of zero is added, made from the sample of zero that came with the
//! key, and noise that is much larger than that of the bootstraps: what the client decrypts is then
//! the label and noise of the evaluator's own.

use blindsight_exact::label::{FLOOD, LABEL_BITS};
use blindsight_exact::sampling::bounded_uniform;
use blindsight_exact::{ExactParameters, LabelCiphertext, LabelCode, TorusRing};
use blindsight_ring::{NttMontgomery, Poly};
use chacha20::ChaCha20Rng;
use chacha20::rand_core::{Rng, SeedableRng};

use crate::argmax::argmax;
use crate::error::ExactError;
use crate::key::ExactKey;
use crate::lwe::{Lwe, circle};

/// Random numbers of the evaluator.
pub struct Entropy(ChaCha20Rng);

impl Entropy {
    /// Keyed by the operating system.
    ///
    /// # Errors
    /// When that has no random bytes.
    pub fn from_os() -> Result<Self, ExactError> {
        let mut key = [0; 32];
        getrandom::fill(&mut key).map_err(|_| ExactError::Entropy)?;
        Ok(Self::from_key(key))
    }

    /// With this key: for tests, where it is known.
    #[must_use]
    pub fn from_key(key: [u8; 32]) -> Self {
        Self(ChaCha20Rng::from_seed(key))
    }

    fn word(&mut self) -> u64 {
        self.0.next_u64()
    }
}

impl std::fmt::Debug for Entropy {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Entropy(..)")
    }
}

/// A sample of zero under `S`, ready to make more of.
#[derive(Debug)]
pub(crate) struct ZeroSample {
    ring: TorusRing,
    mask: Poly<NttMontgomery>,
    body: Poly<NttMontgomery>,
}

impl ExactKey {
    /// The label of the largest of these scores, which are under `S` with differences between -1/2
    /// and 1/2 of the circle.
    ///
    /// # Errors
    /// When there are too few or too many of them.
    pub fn label(
        &self,
        scores: &[Lwe],
        entropy: &mut Entropy,
    ) -> Result<LabelCiphertext, ExactError> {
        let code = LabelCode::new(&self.set, scores.len())?;
        let label = argmax(self, code, scores);
        Ok(self.hidden(code, label, entropy))
    }

    fn hidden(&self, code: LabelCode, mut label: Lwe, entropy: &mut Entropy) -> LabelCiphertext {
        label.add_multiple(1, &self.zero.another(&self.set, entropy));
        let flood = (entropy.word() as f64 / 2_f64.powi(63) - 1.0) * FLOOD * code.spacing();
        label.add_multiple(1, &Lwe::constant(self.set.degree(), flood));
        let round =
            |word: &u64| (word.wrapping_add(1 << (63 - LABEL_BITS)) >> (64 - LABEL_BITS)) as u16;
        LabelCiphertext {
            mask: label.mask().iter().map(round).collect(),
            body: round(&label.body()),
        }
    }
}

impl ZeroSample {
    pub(crate) fn new(set: &ExactParameters, sample: &[u64]) -> Result<Self, ExactError> {
        let ring = TorusRing::new(set.degree(), 63.0 + (set.degree() as f64).log2())?;
        let (mask, body) = sample.split_at(set.degree());
        let [mask, body] = [mask, body].map(|words| ring.residues(words).into_montgomery());
        Ok(Self { ring, mask, body })
    }

    pub(crate) fn byte_len(&self) -> usize {
        let limbs = self.mask.limbs().iter().chain(self.body.limbs());
        limbs.map(blindsight_ring::Limb::byte_len).sum()
    }

    /// A fresh encryption of zero: the sample times random bits, and new errors (Lyubashevsky, Peikert
    /// and Regev's encryption under a public key, ePrint 2012/230).
    fn another(&self, set: &ExactParameters, entropy: &mut Entropy) -> Lwe {
        let bits: Vec<i64> = (0..set.degree()).map(|_| (entropy.word() >> 63) as i64).collect();
        let bits = self.ring.signed(&bits);
        let [mut mask, mut body] = [(); 2].map(|()| vec![0; set.degree()]);
        for (factor, out) in [(&self.mask, &mut mask), (&self.body, &mut body)] {
            self.ring.words(&bits.multiply(factor).into_coefficients(), out);
        }
        let mut error = || bounded_uniform(entropy.word(), set.literal().ring_log2_error) as u64;
        mask.iter_mut().for_each(|a| *a = a.wrapping_add(error()));
        Lwe::of_ring_sample(&mask, body[0].wrapping_add(error()))
    }
}

/// A score in the clear as a ciphertext that hides nothing: for measuring the argmax by itself.
#[must_use]
pub fn trivial_score(set: &ExactParameters, part: f64) -> Lwe {
    let mut words = vec![0; set.degree()];
    words.push(circle(part));
    Lwe(words)
}
