//! Polynomials in residue number systems, with their representation in the type.

use core::marker::PhantomData;
use std::sync::Arc;

use crate::for_width;
use crate::kernels;
pub use crate::kernels::scale_limb;
use crate::limb::{Limb, Word};
use crate::prime::Prime;

/// An ordered list of distinct primes: the modulus is their product.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Basis(Arc<[Arc<Prime>]>);

impl Basis {
    /// The basis of the given primes, which share one ring degree.
    #[must_use]
    pub fn new(primes: Vec<Arc<Prime>>) -> Self {
        debug_assert!(primes.windows(2).all(|w| w[0].degree() == w[1].degree()));
        Self(primes.into())
    }

    /// The primes, in order.
    #[must_use]
    pub fn primes(&self) -> &[Arc<Prime>] {
        &self.0
    }

    /// The number of primes.
    #[must_use]
    pub fn len(&self) -> usize {
        self.0.len()
    }

    /// Whether there are no primes.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// The first `count` primes.
    #[must_use]
    pub fn prefix(&self, count: usize) -> Self {
        Self(self.0[..count].into())
    }

    /// These primes followed by `others`.
    #[must_use]
    pub fn join(&self, others: &Self) -> Self {
        Self(self.0.iter().chain(others.0.iter()).cloned().collect())
    }

    /// `log2` of the modulus.
    #[must_use]
    pub fn log2(&self) -> f64 {
        self.0.iter().map(|p| p.log2()).sum()
    }
}

/// Marks a polynomial held as coefficients, in natural order.
#[derive(Debug, Clone, Copy)]
pub enum Coefficients {}

/// Marks a polynomial held as NTT values, in bit-reversed order.
#[derive(Debug, Clone, Copy)]
pub enum Ntt {}

/// Marks a polynomial held as NTT values in Montgomery form: a factor for [`Poly::multiply`] and
/// the kernels' sums of products. The two forms do not mix:
///
/// ```compile_fail
/// # use blindsight_ring::{Ntt, Poly};
/// fn add(x: &mut Poly<Ntt>, y: Poly<Ntt>) {
///     x.add_assign(&y.into_montgomery());
/// }
/// ```
#[derive(Debug, Clone, Copy)]
pub enum NttMontgomery {}

/// A representation: [`Coefficients`], [`Ntt`] or [`NttMontgomery`].
pub trait Representation: sealed::Sealed {}
impl Representation for Coefficients {}
impl Representation for Ntt {}
impl Representation for NttMontgomery {}

mod sealed {
    pub trait Sealed {}
    impl Sealed for super::Coefficients {}
    impl Sealed for super::Ntt {}
    impl Sealed for super::NttMontgomery {}
}

/// A polynomial of degree below `N` modulo the product of a basis: one limb a prime.
#[derive(Debug, Clone)]
pub struct Poly<R: Representation> {
    basis: Basis,
    limbs: Vec<Limb>,
    representation: PhantomData<R>,
}

impl<R: Representation> Poly<R> {
    /// The zero polynomial.
    #[must_use]
    pub fn zero(basis: &Basis) -> Self {
        Self::from_limbs(basis, basis.primes().iter().map(|p| Limb::zero(p)).collect())
    }

    /// A polynomial of arbitrary content, for callers that write every limb.
    #[must_use]
    pub fn stale(basis: &Basis) -> Self {
        Self::from_limbs(basis, basis.primes().iter().map(|p| Limb::stale(p)).collect())
    }

    /// A polynomial of the given limbs, one for each prime of the basis, in its order and width.
    #[must_use]
    pub fn from_limbs(basis: &Basis, limbs: Vec<Limb>) -> Self {
        debug_assert_eq!(limbs.len(), basis.len());
        Self { basis: basis.clone(), limbs, representation: PhantomData }
    }

    /// The basis.
    #[must_use]
    pub fn basis(&self) -> &Basis {
        &self.basis
    }

    /// The limbs.
    #[must_use]
    pub fn limbs(&self) -> &[Limb] {
        &self.limbs
    }

    /// The limbs, mutably.
    pub fn limbs_mut(&mut self) -> &mut [Limb] {
        &mut self.limbs
    }

    /// The limbs, owned.
    #[must_use]
    pub fn into_limbs(self) -> Vec<Limb> {
        self.limbs
    }

    /// Keeps the first `count` limbs: the same integer polynomial, if it is small, under a smaller
    /// modulus.
    pub fn truncate(&mut self, count: usize) {
        if count < self.limbs.len() {
            self.limbs.truncate(count);
            self.basis = self.basis.prefix(count);
        }
    }

    /// `self += other`. Both must share the basis.
    pub fn add_assign(&mut self, other: &Self) {
        self.zip_with(other, |prime, x, y| {
            for_width!(prime, W => kernels::add::<W>(prime, W::of_mut(x), W::of(y)));
        });
    }

    /// `self -= other`. Both must share the basis.
    pub fn sub_assign(&mut self, other: &Self) {
        self.zip_with(other, |prime, x, y| {
            for_width!(prime, W => kernels::subtract::<W>(prime, W::of_mut(x), W::of(y)));
        });
    }

    /// Overwrites all residues with zeros in a way the compiler keeps: for secrets.
    pub fn zeroize(&mut self) {
        self.limbs.iter_mut().for_each(Limb::zeroize);
    }

    fn zip_with(&mut self, other: &Self, op: impl Fn(&Prime, &mut Limb, &Limb)) {
        debug_assert_eq!(self.basis, other.basis);
        let limbs = self.limbs.iter_mut().zip(&other.limbs);
        for (prime, (x, y)) in self.basis.primes().iter().zip(limbs) {
            op(prime, x, y);
        }
    }
}

impl Poly<Coefficients> {
    /// The residues of small signed coefficients; `coefficients.len()` is the ring degree.
    #[must_use]
    pub fn from_signed<T: Copy + Into<i64>>(basis: &Basis, coefficients: &[T]) -> Self {
        let mut poly = Self::stale(basis);
        for (prime, limb) in basis.primes().iter().zip(&mut poly.limbs) {
            let q = prime.value() as i64;
            // Coefficients are nearly always smaller than the prime: one addition instead of a
            // division. No branch on the sign: these may be the coefficients of a secret, and the
            // client's tests of timing see one.
            limb.fill_with(|i| {
                let c: i64 = coefficients[i].into();
                let c = if c.unsigned_abs() < q as u64 { c } else { c % q };
                (c + (q & (c >> 63))) as u64
            });
        }
        poly
    }

    /// The NTT values of the polynomial.
    #[must_use]
    pub fn into_ntt(mut self) -> Poly<Ntt> {
        for (prime, limb) in self.basis.primes().iter().zip(&mut self.limbs) {
            prime.forward_ntt(limb);
        }
        Poly { basis: self.basis, limbs: self.limbs, representation: PhantomData }
    }
}

impl Poly<Ntt> {
    /// The coefficients of the polynomial.
    #[must_use]
    pub fn into_coefficients(mut self) -> Poly<Coefficients> {
        for (prime, limb) in self.basis.primes().iter().zip(&mut self.limbs) {
            prime.inverse_ntt_unscaled(limb);
            scale_limb(prime, limb, prime.to_montgomery(prime.degree_inverse()));
        }
        Poly { basis: self.basis, limbs: self.limbs, representation: PhantomData }
    }

    /// Puts every residue in Montgomery form, ready to be a factor of [`Self::multiply`] or of the
    /// kernels' sums.
    #[must_use]
    pub fn into_montgomery(mut self) -> Poly<NttMontgomery> {
        for (prime, limb) in self.basis.primes().iter().zip(&mut self.limbs) {
            // Scaling by the Montgomery form of 2^52 multiplies by 2^52.
            scale_limb(prime, limb, prime.to_montgomery(prime.to_montgomery(1).value()));
        }
        Poly { basis: self.basis, limbs: self.limbs, representation: PhantomData }
    }

    /// The product with a polynomial whose basis begins with this basis.
    #[must_use]
    pub fn multiply(&self, factor: &Poly<NttMontgomery>) -> Self {
        let mut product = Self::stale(&self.basis);
        let operands = self.limbs.iter().zip(&factor.limbs);
        for ((prime, out), (x, y)) in
            self.basis.primes().iter().zip(&mut product.limbs).zip(operands)
        {
            for_width!(prime, W => kernels::multiply::<W>(prime, W::of_mut(out), W::of(x), W::of(y)));
        }
        product
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    const DEGREE: usize = 64;

    fn basis() -> Basis {
        let values = [7681, 268_369_921, 34_359_410_689, 1_125_899_904_679_937];
        Basis::new(values.iter().map(|&q| Arc::new(Prime::new(q, DEGREE).unwrap())).collect())
    }

    fn negacyclic_product(a: &[i64], b: &[i64]) -> Vec<i64> {
        let mut product = vec![0; DEGREE];
        for (i, x) in a.iter().enumerate() {
            for (j, y) in b.iter().enumerate() {
                if i + j < DEGREE {
                    product[i + j] += x * y;
                } else {
                    product[i + j - DEGREE] -= x * y;
                }
            }
        }
        product
    }

    fn equal(a: &Poly<Coefficients>, b: &Poly<Coefficients>) -> bool {
        a.limbs().iter().zip(b.limbs()).all(|(x, y)| (0..DEGREE).all(|i| x.get(i) == y.get(i)))
    }

    proptest! {
        #[test]
        fn ring_laws(
            a in prop::collection::vec(-1000_i64..1000, DEGREE),
            b in prop::collection::vec(-1000_i64..1000, DEGREE),
        ) {
            let basis = basis();
            let poly = |c: &[i64]| Poly::from_signed(&basis, c).into_ntt();
            let product = poly(&a).multiply(&poly(&b).into_montgomery()).into_coefficients();
            prop_assert!(equal(&product, &Poly::from_signed(&basis, &negacyclic_product(&a, &b))));

            let sum: Vec<i64> = a.iter().zip(&b).map(|(x, y)| x + y).collect();
            let mut total = poly(&a);
            total.add_assign(&poly(&b));
            prop_assert!(equal(&total.clone().into_coefficients(), &Poly::from_signed(&basis, &sum)));
            total.sub_assign(&poly(&b));
            prop_assert!(equal(&total.into_coefficients(), &Poly::from_signed(&basis, &a)));
        }
    }
}
