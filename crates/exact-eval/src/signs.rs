//! Signs of encrypted numbers, and comparisons with a threshold: key switch, modulus switch, blind rotation.

use rayon::prelude::*;
use tfhe::core_crypto::fft_impl::fft64::crypto::bootstrap::batch_blind_rotate_assign_scratch;
use tfhe::core_crypto::prelude::{
    CiphertextCount, CiphertextModulus, CiphertextModulusLog, ComputationBuffers, Fft,
    GlweCiphertextList, LweCiphertext, LweDimension, LweSize, ModulusSwitchedLweCiphertext,
    keyswitch_lwe_ciphertext, lwe_ciphertext_centered_binary_modulus_switch,
};

use crate::argmax::Circle;
use crate::key::ExactKey;
use crate::lead::Thresholds;
use crate::lwe::{Lwe, circle};

/// Rotations that run together on one thread: each bit's key is then read once for all of them.
const BATCH: usize = 8;

impl Circle for ExactKey {
    type Value = Lwe;

    fn signs(&self, inputs: Vec<(Lwe, f64)>) -> Vec<Lwe> {
        self.rotations(&inputs, 0)
    }

    fn sum<'v>(&self, constant: f64, terms: impl IntoIterator<Item = (i64, &'v Lwe)>) -> Lwe {
        let mut sum = Lwe::constant(self.set.degree(), constant);
        for (factor, term) in terms {
            sum.add_multiple(factor, term);
        }
        sum
    }
}

impl Thresholds for ExactKey {
    fn beyond(&self, threshold: f64, inputs: Vec<(Lwe, f64)>) -> Vec<Lwe> {
        // Up to the next step, of which there are twice the degree around the circle.
        let steps = (threshold * 2.0 * self.set.degree() as f64).ceil() as usize;
        self.rotations(&inputs, steps.min(self.set.degree() / 2))
    }
}

impl ExactKey {
    /// The magnitude with the sign of each number, or 0 within so many steps of 0 and half the
    /// circle.
    fn rotations(&self, inputs: &[(Lwe, f64)], silent: usize) -> Vec<Lwe> {
        // As few batches as there are threads, if none becomes too long.
        let batch = inputs.len().div_ceil(rayon::current_num_threads()).clamp(1, BATCH);
        inputs.par_chunks(batch).flat_map_iter(|inputs| self.batch(inputs, silent)).collect()
    }

    fn batch(&self, inputs: &[(Lwe, f64)], silent: usize) -> Vec<Lwe> {
        let (size, degree) = (self.bootstrap.glwe_size(), self.bootstrap.polynomial_size());
        let modulus = CiphertextModulus::new_native();
        let switched: Vec<Switched> =
            inputs.iter().map(|(input, _)| self.switched(input)).collect();
        // What is rotated: the magnitude in all coefficients that speak. Beyond the last one follows
        // the first with a minus, which makes the other half of the circle.
        let mut tables = Vec::with_capacity(2 * degree.0 * inputs.len());
        for (_, magnitude) in inputs {
            tables.extend(std::iter::repeat_n(0, degree.0 + silent));
            tables.extend(std::iter::repeat_n(circle(*magnitude), degree.0 - 2 * silent));
            tables.extend(std::iter::repeat_n(0, silent));
        }
        let mut tables = GlweCiphertextList::from_container(tables, size, degree, modulus);
        let fft = Fft::new(degree);
        let fft = fft.as_view();
        let count = CiphertextCount(inputs.len());
        let mut buffers = ComputationBuffers::new();
        let needed = batch_blind_rotate_assign_scratch::<u64>(size, degree, count, fft);
        buffers.resize(needed.unaligned_bytes_required());
        let view = self.bootstrap.as_view();
        view.batch_blind_rotate_assign(tables.as_mut_view(), &switched, fft, buffers.stack());
        let rotated = tables.as_ref().chunks_exact(2 * degree.0);
        rotated.map(|words| Lwe::of_ring_sample(&words[..degree.0], words[degree.0])).collect()
    }

    /// The input under `z`, in steps of the rotation.
    fn switched(&self, input: &Lwe) -> Switched {
        let modulus = CiphertextModulus::new_native();
        let input = LweCiphertext::from_container(input.0.as_slice(), modulus);
        let dimension = self.bootstrap.input_lwe_dimension();
        let mut under_z = LweCiphertext::new(0_u64, dimension.to_lwe_size(), modulus);
        keyswitch_lwe_ciphertext(&self.key_switch, &input, &mut under_z);
        let log_modulus = self.bootstrap.polynomial_size().to_blind_rotation_input_modulus_log();
        Switched::new(under_z, log_modulus)
    }
}

impl Switched {
    pub(crate) fn new(under_z: LweCiphertext<Vec<u64>>, log_modulus: CiphertextModulusLog) -> Self {
        // Centred: with the mean of the rounding errors taken off, and half a step, so that what
        // lies just above 0 comes to step 0 and what lies just below to the one before.
        let lazy =
            lwe_ciphertext_centered_binary_modulus_switch::<u64, usize, _>(under_z, log_modulus);
        Self { mask: lazy.mask().collect(), body: lazy.body(), log_modulus }
    }
}

/// A ciphertext in steps of the rotation, all of them computed: TFHE-rs's own computes a step
/// whenever it is asked for.
pub(crate) struct Switched {
    pub(crate) mask: Vec<usize>,
    pub(crate) body: usize,
    log_modulus: CiphertextModulusLog,
}

impl ModulusSwitchedLweCiphertext<usize> for Switched {
    fn log_modulus(&self) -> CiphertextModulusLog {
        self.log_modulus
    }

    fn lwe_dimension(&self) -> LweDimension {
        LweSize(self.mask.len() + 1).to_lwe_dimension()
    }

    fn body(&self) -> usize {
        self.body
    }

    fn mask(&self) -> impl ExactSizeIterator<Item = usize> + '_ {
        self.mask.iter().copied()
    }
}
