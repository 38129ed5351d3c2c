//! One client's key for exact answers, expanded.

use blindsight_exact::{Decomposition, ExactParameters, KeyPart, KeyPiece, SeededPiece};
use rayon::prelude::*;
use tfhe::core_crypto::prelude::{
    CiphertextModulus, DecompositionBaseLog, DecompositionLevelCount, FourierLweBootstrapKeyOwned,
    GlweSize, LweBootstrapKey, LweDimension, LweKeyswitchKey, LweKeyswitchKeyOwned, LweSize,
    PolynomialSize, par_convert_standard_lwe_bootstrap_key_to_fourier,
};

use crate::answer::ZeroSample;
use crate::bridge::Bridge;
use crate::error::ExactError;

/// One client's key for exact answers, ready for use.
pub struct ExactKey {
    pub(crate) set: ExactParameters,
    pub(crate) bootstrap: FourierLweBootstrapKeyOwned,
    pub(crate) key_switch: LweKeyswitchKeyOwned<u64>,
    pub(crate) bridge: Bridge,
    pub(crate) zero: ZeroSample,
}

impl ExactKey {
    /// Reads all pieces, as `frame` gives them, in the order of [`KeyPiece::all`].
    ///
    /// # Errors
    /// When one of them is none of this set, or `frame` says so.
    pub fn read<B: AsRef<[u8]>, E: From<ExactError>>(
        set: &ExactParameters,
        mut frame: impl FnMut(KeyPiece) -> Result<B, E>,
    ) -> Result<Self, E> {
        let mut read = |piece| {
            let bytes = frame(piece)?;
            let read = SeededPiece::from_bytes(set, piece, bytes.as_ref());
            read.map_err(|error| E::from(error.into()))
        };
        let bootstrap = bootstrap_key(set, samples(set, KeyPart::Bootstrap, &mut read)?);
        let key_switch = key_switch_key(set, samples(set, KeyPart::KeySwitch, &mut read)?);
        let bridge = Bridge::new(set, &samples(set, KeyPart::Bridge, &mut read)?)?;
        let zero = ZeroSample::new(set, &samples(set, KeyPart::Zero, &mut read)?)?;
        Ok(Self { set: set.clone(), bootstrap, key_switch, bridge, zero })
    }

    /// The parameter set.
    #[must_use]
    pub fn set(&self) -> &ExactParameters {
        &self.set
    }

    /// The bridge from CKKS.
    #[must_use]
    pub fn bridge(&self) -> &Bridge {
        &self.bridge
    }

    /// The bytes that the key occupies in memory.
    #[must_use]
    pub fn byte_len(&self) -> usize {
        let complex = size_of_val(self.bootstrap.as_view().data());
        let words = size_of_val(self.key_switch.as_ref());
        complex + words + self.bridge.byte_len() + self.zero.byte_len()
    }
}

impl std::fmt::Debug for ExactKey {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("ExactKey").field("set", &self.set).finish_non_exhaustive()
    }
}

fn bootstrap_key(set: &ExactParameters, samples: Vec<u64>) -> FourierLweBootstrapKeyOwned {
    let (base, levels) = decomposition(set.literal().bootstrap);
    let (glwe, polynomial) = (GlweSize(2), PolynomialSize(set.degree()));
    // Samples stand in TFHE-rs's order: bit by bit, level by level, the row of S first.
    let modulus = CiphertextModulus::new_native();
    let standard =
        LweBootstrapKey::from_container(samples, glwe, polynomial, base, levels, modulus);
    let dimension = LweDimension(set.lwe_dimension());
    let mut fourier = FourierLweBootstrapKeyOwned::new(dimension, glwe, polynomial, base, levels);
    par_convert_standard_lwe_bootstrap_key_to_fourier(&standard, &mut fourier);
    fourier
}

fn key_switch_key(set: &ExactParameters, samples: Vec<u64>) -> LweKeyswitchKeyOwned<u64> {
    let (base, levels) = decomposition(set.literal().key_switch);
    let size = LweSize(set.lwe_dimension() + 1);
    let modulus = CiphertextModulus::new_native();
    LweKeyswitchKey::from_container(samples, base, levels, size, modulus)
}

/// All samples of a part, each its mask and its body.
fn samples<E>(
    set: &ExactParameters,
    part: KeyPart,
    read: &mut impl FnMut(KeyPiece) -> Result<SeededPiece, E>,
) -> Result<Vec<u64>, E> {
    let (mask, body) = (part.mask_len(set), part.body_len(set));
    let mut words = vec![0; part.samples(set) * (mask + body)];
    for piece in KeyPiece::of(part, set) {
        let seeded = read(piece)?;
        let samples = piece.samples(set);
        let own = &mut words[samples.start * (mask + body)..samples.end * (mask + body)];
        own.par_chunks_exact_mut(mask + body).zip(samples).for_each(|(words, sample)| {
            let (mask, body) = words.split_at_mut(mask);
            seeded.write_sample(set, sample, mask, body);
        });
    }
    Ok(words)
}

fn decomposition(of: Decomposition) -> (DecompositionBaseLog, DecompositionLevelCount) {
    (DecompositionBaseLog(of.log2_base as usize), DecompositionLevelCount(of.levels as usize))
}
