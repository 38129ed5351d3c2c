//! Decryption of the compact answer.

use blindsight_ckks::parameters::Parameters;
use blindsight_ckks::response::CompactCiphertext;
use zeroize::Zeroizing;

use crate::secret::SecretKey;
use crate::secret_slots::SecretSlots;

/// The distinct slots of an answer.
///
/// The values are secret, and more so than the message: see the crate's documentation.
///
/// # Panics
/// If the secret key belongs to another parameter set.
#[must_use]
pub fn decrypt_response(
    set: &Parameters,
    secret: &SecretKey,
    response: &CompactCiphertext,
) -> SecretSlots {
    secret.assert_belongs_to(set);
    let phases = response.c0().iter().enumerate().map(|(j, &c0)| {
        let product = product_coefficient(response.c1(), secret.dense(), j * response.stride());
        let phase = centred(c0.wrapping_add(product), response.log2_modulus());
        f64::from(phase) / response.scale()
    });
    let mut coefficients = Zeroizing::new(vec![0.0; response.c0().len()]);
    coefficients.iter_mut().zip(phases).for_each(|(to, phase)| *to = phase);
    SecretSlots::of_coefficients(set.encoder(), &coefficients)
}

/// Coefficient `index` of `c1 * s` modulo `2^32`, and so modulo every smaller power of two.
///
/// Every coefficient is multiplied, those by zero too: neither branches nor addresses depend on
/// the secret.
fn product_coefficient(c1: &[u32], secret: &[i8], index: usize) -> u32 {
    // X^i X^(index - i) for i <= index, and X^i X^(N + index - i) = -X^index above.
    let (low, high) = c1.split_at(index + 1);
    let (secret_low, secret_high) = secret.split_at(index + 1);
    sum_of_products(low, secret_low).wrapping_sub(sum_of_products(high, secret_high))
}

/// `sum_i x[i] * s[len - 1 - i]`.
fn sum_of_products(x: &[u32], s: &[i8]) -> u32 {
    let products = x.iter().zip(s.iter().rev()).map(|(&x, &s)| {
        // Sign extension turns -1 into 2^32 - 1, which is the same modulo 2^32.
        x.wrapping_mul(s as u32)
    });
    products.fold(0, u32::wrapping_add)
}

/// The representative in `-2^(k-1) .. 2^(k-1)` of a number modulo `2^k`.
fn centred(x: u32, k: u32) -> i32 {
    let unused = u32::BITS - k;
    (x << unused) as i32 >> unused
}

#[cfg(test)]
mod tests {
    use blindsight_ckks::encoding::Complex64;

    use super::*;
    use crate::decrypt::decrypt_coefficients;
    use crate::encrypt::encrypt;
    use crate::testing::{moments, rng, secret, set};
    use blindsight_ckks::ciphertext::Ciphertext;

    fn ciphertext(values: &[Complex64], scale: f64) -> Ciphertext {
        let fresh = encrypt(set(), secret(), values, scale, 1, &mut rng(8));
        fresh.unwrap().expand()
    }

    fn scores() -> Vec<Complex64> {
        let score = |i: u32| Complex64::new(f64::from(i) * 1.25 - 9.0, 0.0);
        (0..16).map(score).collect()
    }

    #[test]
    fn sixteen_scores_come_back() {
        let scale = 2_f64.powi(20);
        let ciphertext = ciphertext(&scores(), scale);
        for log2_modulus in [16, 20, 26] {
            let response =
                CompactCiphertext::from_base_level(set(), &ciphertext, log2_modulus, 16).unwrap();
            let slots = decrypt_response(set(), secret(), &response);
            assert_eq!(slots.len(), 16);
            // 32 coefficients with noise of 43 units each, and what the fresh ciphertext has.
            let noise = 43.0_f64.hypot(3.19 * response.scale() / scale) * 32_f64.sqrt();
            for (slot, score) in slots.iter().zip(scores()) {
                let error = (slot - score).norm();
                assert!(error < 6.0 * noise / response.scale(), "{error}");
            }
        }
    }

    #[test]
    fn rounding_noise_is_as_predicted() {
        // Many coefficients, to measure well: period 512 keeps 1024 of them.
        let period = 512;
        let values: Vec<Complex64> =
            (0..period).map(|i| Complex64::new((i as f64).sin(), 0.0)).collect();
        let ciphertext = ciphertext(&values, 2_f64.powi(20));
        let exact = decrypt_coefficients(set(), secret(), &ciphertext);
        let response = CompactCiphertext::from_base_level(set(), &ciphertext, 20, period).unwrap();
        let unit = ciphertext.scale / response.scale();
        let noise = response.c0().iter().enumerate().map(|(j, &c0)| {
            let index = j * response.stride();
            let product = product_coefficient(response.c1(), secret().dense(), index);
            f64::from(centred(c0.wrapping_add(product), 20)) - exact[index] / unit
        });
        let (mean, deviation) = moments(noise);
        let weight = secret().dense().iter().filter(|&&c| c != 0).count();
        let expected = ((1 + weight) as f64 / 12.0).sqrt();
        // Five standard deviations of each estimate from 1024 samples.
        assert!(mean.abs() < 5.0 * expected / 32.0, "mean {mean}");
        let tolerance = 5.0 * expected / 2048_f64.sqrt();
        assert!((deviation - expected).abs() < tolerance, "{deviation}, expected {expected}");
    }

    #[test]
    fn products_wrap_around_with_a_minus() {
        // (1 + 2X + 3X^2 + 4X^3) * (1 - X + X^3) mod X^4 + 1
        let (x, s) = ([1, 2, 3, 4], [1, -1, 0, 1]);
        let expected = [3, -2, -3, 2];
        for (index, expected) in expected.into_iter().enumerate() {
            assert_eq!(product_coefficient(&x, &s, index) as i32, expected);
        }
    }

    #[test]
    fn residues_are_centred() {
        assert_eq!(centred(0x7F, 8), 127);
        assert_eq!(centred(0x80, 8), -128);
        assert_eq!(centred(0xABC_DEFF, 8), -1, "higher bits do not matter");
    }
}
