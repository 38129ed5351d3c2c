//! Encryption under the secret key.

use std::sync::{Mutex, PoisonError};

use blindsight_ckks::ciphertext::SeededCiphertext;
use blindsight_ckks::encoding::Complex64;
use blindsight_ckks::evaluation_key::uniform;
use blindsight_ckks::parameters::Parameters;
use blindsight_ring::{Basis, NttMontgomery, Poly};
use thiserror::Error;
use zeroize::Zeroizing;

use crate::parallel;
use crate::sampling::{DiscreteGaussian, SecretRng};
use crate::secret::SecretKey;
use crate::secret_poly::SecretPoly;
use crate::secret_slots::SecretSlots;

/// Why slots cannot be encrypted.
#[derive(Debug, Error, Clone, PartialEq)]
#[non_exhaustive]
pub enum EncryptError {
    /// The number of values is not a period of the slots.
    #[error("{count} values do not fill the slots: it must be a power of two up to {most}")]
    Count {
        /// The number of values.
        count: usize,
        /// The number of slots.
        most: usize,
    },
    /// The modulus chain has no such level.
    #[error("level {level} does not exist: the modulus chain has {most} primes")]
    Level {
        /// The level asked for.
        level: usize,
        /// The number of primes of the chain.
        most: usize,
    },
    /// The scale is not a positive number.
    #[error("a scale must be positive and finite, not {scale}")]
    Scale {
        /// The scale asked for.
        scale: f64,
    },
    /// The values times the scale do not stay clear of half the modulus, or are not numbers at
    /// all.
    #[error("the values are too large for the scale and level, or are not finite")]
    TooLarge,
}

/// Encrypts slots at a level with a scale, so that `level` limbs travel.
///
/// There are `slots.len()` values, a power of two up to `N/2`; fewer than `N/2` repeat.
///
/// # Errors
/// When the arguments do not fit the parameter set or each other: see [`EncryptError`].
///
/// # Panics
/// If the secret key belongs to another parameter set.
pub fn encrypt(
    set: &Parameters,
    secret: &SecretKey,
    slots: &[Complex64],
    scale: f64,
    level: usize,
    rng: &mut SecretRng,
) -> Result<SeededCiphertext, EncryptError> {
    Encryptor::new(set, secret, level)?.encrypt(slots, scale, rng, |x, _| x.round())
}

/// Encrypts the real slots of several ciphertexts, which stand one after another in `slots`, each as
/// [`encrypt`] does but for one thing: coefficients are rounded up or down at random, so that they are
/// right in the mean. Where few of the slots are used and the scale is small, coefficients are small,
/// and rounding to the nearest would lose what is below a half. On all threads with the feature
/// `parallel`.
///
/// # Errors
/// As [`encrypt`]'s, of the first ciphertext that has one.
///
/// # Panics
/// If the secret key belongs to another parameter set.
pub fn encrypt_all(
    set: &Parameters,
    secret: &SecretKey,
    slots: &[f64],
    scale: f64,
    level: usize,
    rng: &mut SecretRng,
) -> Result<Vec<SeededCiphertext>, EncryptError> {
    let encryptor = Encryptor::new(set, secret, level)?;
    let chunks: Vec<&[f64]> = slots.chunks(set.slots()).collect();
    // One after another from the one generator, so that the outcome depends on no thread.
    let generators: Vec<Mutex<SecretRng>> = chunks.iter().map(|_| Mutex::new(rng.fork())).collect();
    let one = |index: usize| {
        let slots = SecretSlots::real(chunks[index]);
        let mut rng = generators[index].lock().unwrap_or_else(PoisonError::into_inner);
        encryptor.encrypt(&slots, scale, &mut rng, either_way)
    };
    parallel::map(chunks.len(), one).into_iter().collect()
}

/// The secret at one level, ready to be a factor.
struct Encryptor<'a> {
    set: &'a Parameters,
    basis: Basis,
    secret: SecretPoly<NttMontgomery>,
}

impl<'a> Encryptor<'a> {
    fn new(set: &'a Parameters, secret: &SecretKey, level: usize) -> Result<Self, EncryptError> {
        secret.assert_belongs_to(set);
        let most = set.chain().len();
        if !(1..=most).contains(&level) {
            return Err(EncryptError::Level { level, most });
        }
        let basis = set.modulus(level);
        let secret = SecretPoly::montgomery(&basis, secret.dense());
        Ok(Self { set, basis, secret })
    }

    fn encrypt(
        &self,
        slots: &[Complex64],
        scale: f64,
        rng: &mut SecretRng,
        round: impl Fn(f64, &mut SecretRng) -> f64,
    ) -> Result<SeededCiphertext, EncryptError> {
        let mut noisy = encode(self.set, &self.basis, slots, scale, |x| round(x, rng))?;
        add_error(rng, &mut noisy);
        // c0 = -c1 s + m + e. Until the product with the uniform c1 is subtracted, the polynomial
        // is the message in clear; afterwards it is public.
        let seed = rng.next_seed();
        let product = SecretPoly::new(uniform(&self.basis, &seed, 0).multiply(&self.secret));
        let mut c0 = Poly::from_signed(&self.basis, &noisy).into_ntt();
        c0.sub_assign(&product);
        Ok(SeededCiphertext { c0, seed, scale })
    }
}

/// One of the two integers next to a number, the nearer one more often: the mean is the number.
fn either_way(x: f64, rng: &mut SecretRng) -> f64 {
    (x + (rng.next_u64() >> 11) as f64 / (1_u64 << 53) as f64).floor()
}

/// The `N` coefficients of the message times the scale, rounded.
fn encode(
    set: &Parameters,
    basis: &Basis,
    slots: &[Complex64],
    scale: f64,
    mut round: impl FnMut(f64) -> f64,
) -> Result<Zeroizing<Vec<i64>>, EncryptError> {
    let (count, most) = (slots.len(), set.slots());
    if !count.is_power_of_two() || count > most {
        return Err(EncryptError::Count { count, most });
    }
    if !(scale.is_finite() && scale > 0.0) {
        return Err(EncryptError::Scale { scale });
    }
    // A quarter of the modulus leaves room for noise; 2^62 for 64-bit integers.
    let bound = (basis.log2() - 2.0).min(62.0).exp2();
    let stride = most / count;
    let mut message = SecretSlots::copied(slots);
    set.encoder().interpolate(&mut message);
    let numbers = message.iter().map(|z| z.re).chain(message.iter().map(|z| z.im));
    let mut coefficients = Zeroizing::new(vec![0; set.degree()]);
    for (to, from) in coefficients.iter_mut().step_by(stride).zip(numbers) {
        let scaled = round(from * scale);
        // False for a NaN as well.
        if !(-bound..=bound).contains(&scaled) {
            return Err(EncryptError::TooLarge);
        }
        *to = scaled as i64;
    }
    Ok(coefficients)
}

fn add_error(rng: &mut SecretRng, coefficients: &mut [i64]) {
    let mut error = Zeroizing::new(vec![0; coefficients.len()]);
    DiscreteGaussian.fill(rng, &mut error);
    for (c, &e) in coefficients.iter_mut().zip(error.iter()) {
        *c += i64::from(e);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::decrypt::{decrypt, decrypt_coefficients};
    use crate::testing::{moments, rng, secret, set};

    const SCALE: f64 = 1_073_741_824.0;

    fn wave(count: usize) -> Vec<Complex64> {
        (0..count).map(|i| Complex64::new((i as f64).sin(), (0.1 * i as f64).cos())).collect()
    }

    fn refusal(slots: &[Complex64], scale: f64, level: usize) -> EncryptError {
        encrypt(set(), secret(), slots, scale, level, &mut rng(9)).unwrap_err()
    }

    #[test]
    fn small_coefficients_are_right_in_the_mean() {
        // One slot of 2^14 is used: coefficients are a fifth at most.
        let mut slots = vec![0.0; set().slots()];
        slots[7] = 1.0;
        let scale = 1_600.0;
        let mut sum = 0.0;
        let count = 16;
        for seed in 0..count {
            let fresh = encrypt_all(set(), secret(), &slots, scale, 1, &mut rng(100 + seed));
            let fresh = fresh.unwrap().remove(0).expand();
            sum += decrypt(set(), secret(), &fresh)[7].re;
        }
        // Noise of 3.19 sqrt(N/2) = 408 over the scale, and over 4 for sixteen of them.
        let mean = sum / count as f64;
        assert!((mean - 1.0).abs() < 5.0 * 0.064, "{mean}");
    }

    #[test]
    fn any_period_comes_back() {
        for count in [1, 2, 256, set().slots()] {
            let values = wave(count);
            let fresh = encrypt(set(), secret(), &values, SCALE, 4, &mut rng(10)).unwrap();
            assert_eq!((fresh.c0.basis().len(), fresh.scale), (4, SCALE));
            let slots = decrypt(set(), secret(), &fresh.expand());
            for (slot, value) in slots.iter().zip(values.iter().cycle()) {
                // Standard deviation of the noise in a slot: 3.19 sqrt(N) / scale.
                assert!((slot - value).norm() < 6.0 * 577.0 / SCALE);
            }
        }
    }

    #[test]
    fn noise_is_the_error_distribution() {
        let values = wave(set().slots());
        let fresh = encrypt(set(), secret(), &values, SCALE, 3, &mut rng(11)).unwrap();
        let phase = decrypt_coefficients(set(), secret(), &fresh.expand());
        let message = set().encoder().encode(&values, SCALE);
        let noise: Vec<f64> = phase.iter().zip(&message).map(|(&p, &m)| p - m as f64).collect();
        assert!(noise.iter().all(|e| e.abs() <= 29.0));
        let (mean, deviation) = moments(noise);
        // Five standard deviations of each estimate: 3.19 / sqrt(2^15) and 3.19 / sqrt(2^16).
        assert!(mean.abs() < 0.089, "mean {mean}");
        assert!((deviation - 3.19).abs() < 0.063, "deviation {deviation}");
    }

    #[test]
    fn every_encryption_is_fresh() {
        let mut rng = rng(12);
        let [a, b] =
            [(); 2].map(|()| encrypt(set(), secret(), &wave(16), SCALE, 3, &mut rng).unwrap());
        assert_ne!(a.seed, b.seed);
        let expanded = [a, b].map(SeededCiphertext::expand);
        let [x, y] = expanded.map(|c| decrypt_coefficients(set(), secret(), &c));
        assert_ne!(x, y, "the errors are the same");
    }

    #[test]
    fn what_does_not_fit_is_refused() {
        let most = set().slots();
        for count in [0, 3, 2 * most] {
            let error = EncryptError::Count { count, most };
            assert_eq!(refusal(&wave(count), SCALE, 2), error);
        }
        let most = set().chain().len();
        for level in [0, most + 1, usize::MAX] {
            let error = EncryptError::Level { level, most };
            assert_eq!(refusal(&wave(1), SCALE, level), error);
        }
        for scale in [0.0, -1.0, f64::INFINITY] {
            let error = EncryptError::Scale { scale };
            assert_eq!(refusal(&wave(1), scale, 2), error);
        }
        assert!(matches!(refusal(&wave(1), f64::NAN, 2), EncryptError::Scale { .. }));
    }

    #[test]
    fn messages_beyond_the_modulus_are_refused() {
        let refused = |value: f64, level| {
            let slots = [Complex64::new(value, 0.0)];
            encrypt(set(), secret(), &slots, 1.0, level, &mut rng(13)).err()
        };
        let quarter = set().chain().primes()[0].value() as f64 / 4.0;
        assert_eq!(refused(quarter - 1.0, 1), None);
        assert_eq!(refused(-quarter + 1.0, 1), None);
        let top = set().chain().len();
        assert_eq!(refused(2_f64.powi(61), top), None);
        let too_large = Some(EncryptError::TooLarge);
        assert_eq!(refused(quarter + 1.0, 1), too_large);
        assert_eq!(refused(2_f64.powi(63), top), too_large);
        for value in [f64::NAN, f64::INFINITY, f64::MAX] {
            assert_eq!(refused(value, top), too_large);
        }
    }
}
