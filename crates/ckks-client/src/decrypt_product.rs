//! Decryption of ciphertexts of several parts.

use blindsight_ckks::parameters::Parameters;
use blindsight_ckks::product::ProductCiphertext;

use crate::crt;
use crate::decrypt::lowest;
use crate::secret::SecretKey;
use crate::secret_poly::SecretPoly;
use crate::secret_slots::SecretSlots;

/// The `N/2` slots of a ciphertext of several parts: `parts[0] + parts[1] s + parts[2] s^2 + ...`
/// by Horner's rule, over the scale.
///
/// All limbs are used: a product fills its modulus. Of a modulus beyond
/// [`ProductCiphertext::MOST_LOG2`], which no contract has, the lowest.
///
/// # Panics
/// If the secret key belongs to another parameter set.
#[must_use]
pub fn decrypt_product(
    set: &Parameters,
    secret: &SecretKey,
    ciphertext: &ProductCiphertext,
) -> SecretSlots {
    secret.assert_belongs_to(set);
    let Some((last, rest)) = ciphertext.parts.split_last() else {
        return SecretSlots::of_coefficients(set.encoder(), &vec![0.0; set.degree()]);
    };
    let limbs = crt::most_limbs(last.basis());
    let basis = last.basis().prefix(limbs);
    let s = SecretPoly::montgomery(&basis, secret.dense());
    let mut phase = lowest(last, limbs);
    for part in rest.iter().rev() {
        let mut next = phase.multiply(&s);
        next.add_assign(&lowest(part, limbs));
        // What was there before is wiped.
        drop(SecretPoly::new(std::mem::replace(&mut phase, next)));
    }
    let mut coefficients = phase.into_coefficients();
    let mut numbers = crt::centred(&coefficients);
    coefficients.zeroize();
    numbers.iter_mut().for_each(|c| *c /= ciphertext.scale);
    SecretSlots::of_coefficients(set.encoder(), &numbers)
}

#[cfg(test)]
mod tests {
    use blindsight_ckks::encoding::Complex64;
    use blindsight_ring::{Ntt, Poly};

    use super::*;
    use crate::encrypt::encrypt;
    use crate::testing::{rng, secret, set};

    fn times(x: &Poly<Ntt>, y: &Poly<Ntt>) -> Poly<Ntt> {
        x.multiply(&y.clone().into_montgomery())
    }

    #[test]
    fn products_decrypt_to_products_of_the_slots() {
        let values: Vec<Complex64> = (0..4).map(|i| Complex64::new(f64::from(i), 0.5)).collect();
        let scale = 2_f64.powi(20);
        let fresh = encrypt(set(), secret(), &values, scale, 3, &mut rng(8)).unwrap().expand();
        let parts = [&fresh.c0, &fresh.c1];
        // The square, and the cube of it: 3 and 4 parts.
        let mut product = ProductCiphertext { parts: parts.map(Clone::clone).to_vec(), scale };
        for power in 2..=3 {
            let mut sums = vec![Poly::zero(fresh.c0.basis()); power + 1];
            for (i, x) in product.parts.iter().enumerate() {
                for (j, y) in parts.iter().enumerate() {
                    sums[i + j].add_assign(&times(x, y));
                }
            }
            product = ProductCiphertext { parts: sums, scale: product.scale * scale };
            let slots = decrypt_product(set(), secret(), &product);
            for (slot, value) in slots.iter().zip(values.iter().cycle()) {
                let expected = value.powi(power as i32);
                // Noise of 577 over 2^20 in each factor, times the others.
                assert!((slot - expected).norm() < 0.1, "{slot} for {expected}");
            }
        }
    }
}
