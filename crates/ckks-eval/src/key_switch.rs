//! Key switching: from digits of a polynomial and a key to a ciphertext under another secret.
//!
//! What limits it is the traffic between the cores' caches and memory. So the digits are extended
//! to a few limbs at a time, which are transformed, multiplied by the key and forgotten while still
//! in cache; and a product that will be switched again is transformed back in the same breath.
//! Only hoisting, where several keys read the same digits, stores the extended digits.

mod digits;
mod product;

use blindsight_ckks::ciphertext::Ciphertext;
use blindsight_ckks::evaluation_key::EvaluationKey;
use blindsight_ckks::keys::KeyKind;
use blindsight_ring::{GaloisElement, Limb, Ntt, Permutation, Poly};

use crate::error::EvalError;
use crate::evaluator::Evaluator;
use crate::extended::Extended;

pub(crate) use digits::{Digits, HoistedDigits, quotients};
pub(crate) use product::{Accumulator, Finish, Outputs, Product, key_product, key_product_hoisted};

/// An extended pair on its way through several rotations: the second half is held as coefficients,
/// multiplied by what [`Digits::of_prepared`] expects.
pub(crate) struct Rotating {
    pub(crate) c0: Poly<Ntt>,
    pub(crate) prepared: Vec<Limb>,
}

impl Evaluator<'_> {
    /// Rotates the slots by `steps` to the left.
    ///
    /// # Errors
    /// When the client sent no key for this rotation at this level.
    pub fn rotate(&self, c: &Ciphertext, steps: i64) -> Result<Ciphertext, EvalError> {
        self.automorphism(c, GaloisElement::rotation(steps, self.set().degree()))
    }

    /// Conjugates the slots.
    ///
    /// # Errors
    /// When the client sent no conjugation key for this level.
    pub fn conjugate(&self, c: &Ciphertext) -> Result<Ciphertext, EvalError> {
        self.automorphism(c, GaloisElement::conjugation(self.set().degree()))
    }

    /// Applies an automorphism.
    ///
    /// # Errors
    /// When the client sent no key for it at this level.
    pub fn automorphism(
        &self,
        c: &Ciphertext,
        element: GaloisElement,
    ) -> Result<Ciphertext, EvalError> {
        let key = self.key(KeyKind::Automorphism(element), c.level())?;
        let permutation = self.context.permutation(element);
        let finish = Finish::rotation(Accumulator::Plain(&c.c0), &permutation);
        let product = key_product(&self.digits(&c.c1, key), key, finish, Outputs::NTT);
        Ok(product.into_extended().divide(self.context, 0, c.scale))
    }

    /// The digits of a polynomial for a key (and all keys of the same shape).
    pub(crate) fn digits<'p>(&self, c1: &'p Poly<Ntt>, key: &EvaluationKey) -> Digits<'p> {
        let layout = key.spec().layout();
        let level = c1.basis().len();
        Digits::of_poly(self.context.digits(&layout.digits, level, layout.special), c1)
    }

    /// Prepares an extended pair to be rotated by keys of the shape of `key`.
    pub(crate) fn start_rotating(&self, x: Extended, key: &EvaluationKey) -> Rotating {
        let tables = self.context.digits(&key.spec().layout().digits, x.level, x.special);
        Rotating { c0: x.c0, prepared: digits::prepare(&tables, x.c1.limbs()) }
    }

    /// Rotates a pair at `level` and adds another.
    pub(crate) fn rotate_extended(
        &self,
        x: Rotating,
        level: usize,
        key: &EvaluationKey,
        permutation: &Permutation,
        addend: Option<&Extended>,
        outputs: Outputs,
    ) -> Product {
        let layout = key.spec().layout();
        let tables = self.context.digits(&layout.digits, level, layout.special);
        let digits = Digits::of_prepared(tables, x.prepared);
        let finish =
            Finish { addend, ..Finish::rotation(Accumulator::Extended(&x.c0), permutation) };
        key_product(&digits, key, finish, outputs)
    }
}
