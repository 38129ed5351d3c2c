//! The negacyclic number theoretic transform.
//!
//! A polynomial of degree below `N` becomes its values at the odd powers of a primitive `2N`-th
//! root of unity, in bit-reversed order, in `log2 N` layers of `N/2` butterflies. The `tfhe-ntt`
//! crate does it on every CPU and is the reference; [`vector`] does the same with fewer
//! instructions where there is AVX-512 IFMA.

#[cfg(any(target_arch = "x86_64", test))]
mod vector;

#[cfg(any(target_arch = "x86_64", test))]
use self::vector::Vector;
use crate::kernels::scale_limb;
use crate::limb::Limb;
use crate::modulus::Modulus;

/// The transforms modulo one prime, with their tables.
pub(crate) enum Transform {
    Narrow(tfhe_ntt::prime32::Plan),
    Wide(tfhe_ntt::prime64::Plan),
    #[cfg(any(target_arch = "x86_64", test))]
    Vector(Vector),
}

impl Transform {
    /// The fastest transform on this CPU; none where the ring has no root of unity.
    pub(crate) fn new(modulus: &Modulus) -> Option<Self> {
        let portable = Self::portable(modulus)?;
        #[cfg(target_arch = "x86_64")]
        if crate::kernels::is_accelerated() {
            return Some(Self::Vector(portable.vectorised(modulus)));
        }
        Some(portable)
    }

    fn portable(modulus: &Modulus) -> Option<Self> {
        let (value, degree) = (modulus.value(), modulus.degree());
        if modulus.is_narrow() {
            let value = u32::try_from(value).ok()?;
            tfhe_ntt::prime32::Plan::try_new(degree, value).map(Self::Narrow)
        } else {
            tfhe_ntt::prime64::Plan::try_new(degree, value).map(Self::Wide)
        }
    }

    /// The vectorised transform with the root of unity of this one.
    #[cfg(any(target_arch = "x86_64", test))]
    fn vectorised(&self, modulus: &Modulus) -> Vector {
        // The first value of the polynomial X is the root.
        let mut x = Limb::zero(modulus);
        x.set(1, 1);
        self.forward(&mut x);
        Vector::new(modulus, x.get(0))
    }

    /// Coefficients to NTT values.
    pub(crate) fn forward(&self, limb: &mut Limb) {
        match (self, limb) {
            #[cfg(any(target_arch = "x86_64", test))]
            (Self::Vector(vector), limb) => vector.forward(limb),
            (Self::Narrow(plan), Limb::Narrow(words)) => plan.fwd(words),
            (Self::Wide(plan), Limb::Wide(words)) => plan.fwd(words),
            _ => unreachable!("a limb has the storage width of its prime"),
        }
    }

    /// NTT values to coefficients times `N`.
    pub(crate) fn inverse_unscaled(&self, limb: &mut Limb) {
        match (self, limb) {
            #[cfg(any(target_arch = "x86_64", test))]
            (Self::Vector(vector), limb) => vector.inverse_unscaled(limb),
            (Self::Narrow(plan), Limb::Narrow(words)) => plan.inv(words),
            (Self::Wide(plan), Limb::Wide(words)) => plan.inv(words),
            _ => unreachable!("a limb has the storage width of its prime"),
        }
    }

    /// NTT values to coefficients times `N` times the residue `factor`.
    pub(crate) fn inverse_scaled(
        &self,
        modulus: &Modulus,
        from: &Limb,
        to: &mut Limb,
        factor: u64,
    ) {
        match self {
            #[cfg(any(target_arch = "x86_64", test))]
            Self::Vector(vector) => vector.inverse_scaled(from, to, factor),
            _ => {
                to.copy_from(from);
                self.inverse_unscaled(to);
                scale_limb(modulus, to, modulus.to_montgomery(factor));
            }
        }
    }
}
