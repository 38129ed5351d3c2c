//! Decryption of ciphertexts.

use blindsight_ckks::ciphertext::Ciphertext;
use blindsight_ckks::parameters::Parameters;
use blindsight_ring::{Basis, Ntt, Poly};
use zeroize::Zeroizing;

use crate::crt;
use crate::secret::SecretKey;
use crate::secret_poly::SecretPoly;
use crate::secret_slots::SecretSlots;

/// The `N/2` slots of a ciphertext.
///
/// Only the lowest limbs are used (see [`decrypt_coefficients`]). The values are secret, and more
/// so than the message: see the crate's documentation.
///
/// # Panics
/// If the secret key belongs to another parameter set.
#[must_use]
pub fn decrypt(set: &Parameters, secret: &SecretKey, ciphertext: &Ciphertext) -> SecretSlots {
    let mut coefficients = decrypt_coefficients(set, secret, ciphertext);
    coefficients.iter_mut().for_each(|c| *c /= ciphertext.scale);
    SecretSlots::of_coefficients(set.encoder(), &coefficients)
}

/// The `N` coefficients of `c0 + c1 s`: the message times the ciphertext's scale, plus noise.
///
/// They are taken modulo the product of the lowest limbs, three at most, and centred: right
/// whenever their absolute values are below half that product, which for three limbs leaves any
/// message far below.
///
/// # Panics
/// If the secret key belongs to another parameter set.
#[must_use]
pub fn decrypt_coefficients(
    set: &Parameters,
    secret: &SecretKey,
    ciphertext: &Ciphertext,
) -> Zeroizing<Vec<f64>> {
    secret.assert_belongs_to(set);
    let limbs = limbs_to_use(ciphertext.c0.basis());
    let basis = ciphertext.c0.basis().prefix(limbs);
    let mut c0 = lowest(&ciphertext.c0, limbs);
    let product = {
        let s = SecretPoly::montgomery(&basis, secret.dense());
        SecretPoly::new(lowest(&ciphertext.c1, limbs).multiply(&s))
    };
    c0.add_assign(&product);
    let mut phase = c0.into_coefficients();
    let coefficients = crt::centred(&phase);
    phase.zeroize();
    coefficients
}

/// Three limbs hold any message.
pub(crate) fn limbs_to_use(basis: &Basis) -> usize {
    basis.len().min(3)
}

pub(crate) fn lowest(poly: &Poly<Ntt>, limbs: usize) -> Poly<Ntt> {
    let basis = poly.basis().prefix(limbs);
    Poly::from_limbs(&basis, poly.limbs()[..limbs].to_vec())
}

#[cfg(test)]
mod tests {
    use blindsight_ckks::encoding::Complex64;

    use super::*;
    use crate::encrypt::encrypt;
    use crate::testing::{rng, secret, set};

    #[test]
    fn every_level_decrypts() {
        let values: Vec<Complex64> = (0..8).map(|i| Complex64::new(f64::from(i), -1.0)).collect();
        for level in [1, 2, 3, 4, set().chain().len()] {
            // At level 1 there is room for messages up to 2^24 only.
            let scale = if level == 1 { 2_f64.powi(18) } else { 2_f64.powi(34) };
            let fresh = encrypt(set(), secret(), &values, scale, level, &mut rng(5));
            let slots = decrypt(set(), secret(), &fresh.unwrap().expand());
            assert_eq!(slots.len(), set().slots());
            for (slot, value) in slots.iter().zip(values.iter().cycle()) {
                let error = (slot - value).norm();
                // The noise in a slot has standard deviation 3.19 sqrt(N) = 577 over the scale.
                assert!(error < 6.0 * 577.0 / scale, "level {level}: {error}");
            }
        }
    }

    #[test]
    fn dropping_limbs_changes_nothing() {
        let values = [Complex64::new(0.5, 0.25)];
        let fresh = encrypt(set(), secret(), &values, 1e9, 5, &mut rng(6));
        let mut ciphertext = fresh.unwrap().expand();
        let before = decrypt_coefficients(set(), secret(), &ciphertext);
        ciphertext.drop_to(2);
        assert_eq!(decrypt_coefficients(set(), secret(), &ciphertext), before);
    }

    #[test]
    fn few_limbs_are_used() {
        assert_eq!(limbs_to_use(&set().modulus(1)), 1);
        assert_eq!(limbs_to_use(set().chain()), 3);
    }

    #[test]
    #[should_panic(expected = "another parameter set")]
    fn keys_of_another_set_are_refused() {
        let mut literal = set().literal().clone();
        literal.wide_special.pop();
        let other = Parameters::new(literal).unwrap();
        let ciphertext = encrypt(set(), secret(), &[Complex64::ONE], 1e6, 1, &mut rng(7));
        let _ = decrypt(&other, secret(), &ciphertext.unwrap().expand());
    }
}
