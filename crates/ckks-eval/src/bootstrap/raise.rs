//! Raising the modulus through a sparse ephemeral secret.
//!
//! A ciphertext at the smallest modulus `q_1` is switched to a sparse secret, its coefficients are read
//! as integers, and these are a ciphertext modulo the whole chain of the message plus `q_1` times a
//! small integer polynomial (sparse-secret encapsulation: Bossuat, Troncoso-Pastoriza and Hubaux,
//! ePrint 2022/024). On the way back to the dense secret the second polynomial is smaller than
//! `q_1`: one digit, one special prime. So the rotated copies that the first group of
//! coefficients-to-slots needs are made here, straight out of the raised ciphertext, with keys a
//! third as large as others at this level.

use blindsight_ckks::ciphertext::Ciphertext;
use blindsight_ckks::keys::{KeyKind, Special};
use blindsight_ring::{GaloisElement, Ntt, Poly};

use crate::error::EvalError;
use crate::evaluator::Evaluator;
use crate::extended::{Extended, lift_limb};
use crate::key_switch::{
    Accumulator, Digits, Finish, HoistedDigits, Outputs, key_product, key_product_hoisted,
};

/// The raised ciphertext under the dense secret, rotated to the left by each of `rotations` with
/// keys of these special primes.
///
/// The input has one limb; each output holds the message plus `q_1` times small integers.
pub(crate) fn raise(
    evaluator: Evaluator<'_>,
    input: &Ciphertext,
    special: Special,
    rotations: impl IntoIterator<Item = i64>,
) -> Result<Vec<Extended>, EvalError> {
    let sparse = to_sparse_secret(evaluator, input)?;
    let level = evaluator.set().top_level();
    let second = raise_poly(evaluator, &sparse.c1, special);
    let first = raise_poly(evaluator, &sparse.c0, special);
    let limbs = first.rows.into_iter().flatten().take(level).collect();
    let first = Poly::from_limbs(&evaluator.set().modulus(level), limbs);
    rotations
        .into_iter()
        .map(|steps| {
            let element = GaloisElement::rotation(steps, evaluator.set().degree());
            let key = evaluator.key_with(KeyKind::SparseToDense(element), level, special)?;
            let permutation = evaluator.context.permutation(element);
            let finish = Finish::rotation(Accumulator::Plain(&first), &permutation);
            Ok(key_product_hoisted(&second, key, finish, Outputs::NTT).into_extended())
        })
        .collect()
}

fn to_sparse_secret(evaluator: Evaluator<'_>, input: &Ciphertext) -> Result<Ciphertext, EvalError> {
    let key = evaluator.key(KeyKind::DenseToSparse, input.level())?;
    let digits = evaluator.digits(&input.c1, key);
    let finish = Finish { first: Some(Accumulator::Plain(&input.c0)), ..Finish::default() };
    let product = key_product(&digits, key, finish, Outputs::NTT).into_extended();
    Ok(product.divide(evaluator.context, 0, input.scale))
}

/// The centred coefficients modulo `q_1`, as residues modulo the whole chain and special primes.
fn raise_poly(evaluator: Evaluator<'_>, poly: &Poly<Ntt>, special: Special) -> HoistedDigits {
    let top = evaluator.set().top_level();
    // The smallest prime is one digit of a polynomial at the top.
    let tables = evaluator.context.digits(std::slice::from_ref(&(0..1)), top, special);
    let limb = lift_limb(&tables.converters[0], 0, &poly.limbs()[0]);
    Digits::of_lifted(tables, vec![limb], None).hoist()
}
