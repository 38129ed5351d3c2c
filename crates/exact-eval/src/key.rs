//! One client's key for exact answers, expanded.

use blindsight_exact::{Decomposition, ExactParameters, KeyPart, SeededPart};
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
    /// Reads the four parts, in the order of [`KeyPart::ALL`], each a frame.
    ///
    /// # Errors
    /// When one of them is none of this set.
    pub fn read(set: &ExactParameters, parts: [&[u8]; 4]) -> Result<Self, ExactError> {
        let [bootstrap, key_switch, bridge, zero] = parts;
        let read = |part, bytes| SeededPart::from_bytes(set, part, bytes);
        // The large one is expanded before the next is read: its bytes are half of all memory.
        let bootstrap = bootstrap_key(set, &read(KeyPart::Bootstrap, bootstrap)?);
        let key_switch = key_switch_key(set, &read(KeyPart::KeySwitch, key_switch)?);
        let bridge = Bridge::new(set, &read(KeyPart::Bridge, bridge)?)?;
        let zero = ZeroSample::new(set, &read(KeyPart::Zero, zero)?)?;
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

fn bootstrap_key(set: &ExactParameters, key: &SeededPart) -> FourierLweBootstrapKeyOwned {
    let (base, levels) = decomposition(set.literal().bootstrap);
    let (glwe, polynomial) = (GlweSize(2), PolynomialSize(set.degree()));
    // Samples stand in TFHE-rs's order: bit by bit, level by level, the row of S first.
    let modulus = CiphertextModulus::new_native();
    let standard =
        LweBootstrapKey::from_container(words(set, key), glwe, polynomial, base, levels, modulus);
    let dimension = LweDimension(set.lwe_dimension());
    let mut fourier = FourierLweBootstrapKeyOwned::new(dimension, glwe, polynomial, base, levels);
    par_convert_standard_lwe_bootstrap_key_to_fourier(&standard, &mut fourier);
    fourier
}

fn key_switch_key(set: &ExactParameters, key: &SeededPart) -> LweKeyswitchKeyOwned<u64> {
    let (base, levels) = decomposition(set.literal().key_switch);
    let size = LweSize(set.lwe_dimension() + 1);
    let modulus = CiphertextModulus::new_native();
    LweKeyswitchKey::from_container(words(set, key), base, levels, size, modulus)
}

/// All samples, each its mask and its body.
fn words(set: &ExactParameters, key: &SeededPart) -> Vec<u64> {
    let (mask, body) = (key.part.mask_len(set), key.part.body_len(set));
    let mut words = vec![0; key.part.samples(set) * (mask + body)];
    words.par_chunks_exact_mut(mask + body).enumerate().for_each(|(index, words)| {
        let (mask, body) = words.split_at_mut(mask);
        key.write_sample(set, index, mask, body);
    });
    words
}

fn decomposition(of: Decomposition) -> (DecompositionBaseLog, DecompositionLevelCount) {
    (DecompositionBaseLog(of.log2_base as usize), DecompositionLevelCount(of.levels as usize))
}
