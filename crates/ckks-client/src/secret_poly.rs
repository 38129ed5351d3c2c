//! Polynomials that reveal the secret, wiped when dropped.

use core::ops::{Deref, DerefMut};

use blindsight_ring::poly::Representation;
use blindsight_ring::{Basis, Ntt, NttMontgomery, Poly};

/// A polynomial in NTT form that reveals the secret.
///
/// The buffers of polynomials are recycled: what is dropped unwiped would turn up in the next
/// polynomial, and stay in memory for good. So every secret in this form lives in this type, from
/// the moment it has its residues.
pub struct SecretPoly<R: Representation = Ntt>(Poly<R>);

impl SecretPoly {
    /// Takes a polynomial into custody.
    #[must_use]
    pub fn new(poly: Poly<Ntt>) -> Self {
        Self(poly)
    }

    /// The secret with these coefficients.
    #[must_use]
    pub fn from_signed<T: Copy + Into<i64>>(basis: &Basis, coefficients: &[T]) -> Self {
        Self(Poly::from_signed(basis, coefficients).into_ntt())
    }
}

impl SecretPoly<NttMontgomery> {
    /// The secret with these coefficients in Montgomery form, ready to be a factor.
    #[must_use]
    pub fn montgomery(basis: &Basis, coefficients: &[i8]) -> Self {
        // Both conversions work in place: no residue is left elsewhere.
        let poly = Poly::from_signed(basis, coefficients).into_ntt();
        Self(poly.into_montgomery())
    }
}

impl<R: Representation> Deref for SecretPoly<R> {
    type Target = Poly<R>;

    fn deref(&self) -> &Poly<R> {
        &self.0
    }
}

impl<R: Representation> DerefMut for SecretPoly<R> {
    fn deref_mut(&mut self) -> &mut Poly<R> {
        &mut self.0
    }
}

impl<R: Representation> Drop for SecretPoly<R> {
    fn drop(&mut self) {
        self.0.zeroize();
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use blindsight_ring::{Limb, Prime};

    use super::*;

    #[test]
    fn recycled_buffers_hold_no_secret() {
        // A degree that no other test of this crate uses, since tests share the pool.
        let degree = 512;
        let values = [12_289, 34_359_410_689];
        let primes = values.map(|q| Arc::new(Prime::new(q, degree).unwrap()));
        let basis = Basis::new(primes.to_vec());
        let address = |limb: &Limb| match limb {
            Limb::Narrow(words) => words.as_ptr() as usize,
            Limb::Wide(words) => words.as_ptr() as usize,
        };

        let secret = SecretPoly::montgomery(&basis, &vec![1_i8; degree]);
        assert!((0..degree).all(|i| secret.limbs()[0].get(i) != 0));
        let addresses: Vec<usize> = secret.limbs().iter().map(address).collect();
        drop(secret);
        let recycled = Poly::<Ntt>::stale(&basis);
        for (limb, address_before) in recycled.limbs().iter().zip(addresses) {
            assert_eq!(address(limb), address_before);
            assert!((0..degree).all(|i| limb.get(i) == 0));
        }
    }
}
