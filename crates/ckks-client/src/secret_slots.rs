//! Slots in clear, wiped when dropped.

use core::fmt;
use core::ops::{Deref, DerefMut};

use blindsight_ckks::encoding::{Complex64, Encoder};
use zeroize::{Zeroize, ZeroizeOnDrop};

/// Slots of a picture, or of an answer: what only their owner may see.
///
/// Their memory is taken once, of its full length, and never grows or moves.
pub struct SecretSlots(Box<[Complex64]>);

impl SecretSlots {
    /// The slots with these real values.
    #[must_use]
    pub fn real(values: &[f64]) -> Self {
        Self::filled(values.iter().map(|&re| Complex64::new(re, 0.0)), values.len())
    }

    pub(crate) fn copied(slots: &[Complex64]) -> Self {
        Self::filled(slots.iter().copied(), slots.len())
    }

    /// The slots of a polynomial with these coefficients, twice as many.
    pub(crate) fn of_coefficients(encoder: &Encoder, coefficients: &[f64]) -> Self {
        let (re, im) = coefficients.split_at(coefficients.len() / 2);
        let pairs = re.iter().zip(im).map(|(&re, &im)| Complex64::new(re, im));
        let mut slots = Self::filled(pairs, re.len());
        encoder.evaluate(&mut slots);
        slots
    }

    fn filled(values: impl Iterator<Item = Complex64>, count: usize) -> Self {
        let mut slots = Self(vec![Complex64::ZERO; count].into_boxed_slice());
        slots.iter_mut().zip(values).for_each(|(to, value)| *to = value);
        slots
    }
}

impl Deref for SecretSlots {
    type Target = [Complex64];

    fn deref(&self) -> &[Complex64] {
        &self.0
    }
}

impl DerefMut for SecretSlots {
    fn deref_mut(&mut self) -> &mut [Complex64] {
        &mut self.0
    }
}

impl fmt::Debug for SecretSlots {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "SecretSlots({} slots)", self.0.len())
    }
}

impl Zeroize for SecretSlots {
    fn zeroize(&mut self) {
        for slot in &mut self.0 {
            slot.re.zeroize();
            slot.im.zeroize();
        }
    }
}

impl Drop for SecretSlots {
    fn drop(&mut self) {
        self.zeroize();
    }
}

impl ZeroizeOnDrop for SecretSlots {}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn wiping_leaves_zeros() {
        let mut slots = SecretSlots::real(&[1.5, -2.0]);
        assert_eq!(*slots, [Complex64::new(1.5, 0.0), Complex64::new(-2.0, 0.0)]);
        assert_eq!(format!("{slots:?}"), "SecretSlots(2 slots)");
        slots.zeroize();
        assert_eq!(*slots, [Complex64::ZERO; 2]);
    }
}
