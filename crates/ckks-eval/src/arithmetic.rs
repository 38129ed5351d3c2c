//! Additions, constants and products of ciphertexts.

use blindsight_ckks::ciphertext::Ciphertext;
use blindsight_ckks::encoding::Complex64;
use blindsight_ckks::keys::KeyKind;
use blindsight_ring::arith::mul_mod;
use blindsight_ring::kernels::{self, HalfConstants, TensorPair};
use blindsight_ring::{Limb, Ntt, Poly, Prime, Word, for_width};
use rayon::prelude::*;

use crate::context::Context;
use crate::error::{EvalError, check_level, check_scale};
use crate::evaluator::Evaluator;
use crate::extended::rescale;
use crate::key_switch::{Accumulator, Finish, Outputs, key_product};

/// `sum_k coefficient_k * ciphertext_k + constant`, not yet rescaled.
#[derive(Debug, Clone, Default)]
pub struct LinearCombination<'a> {
    /// The terms.
    pub terms: Vec<(Complex64, &'a Ciphertext)>,
    /// What every slot gets in addition.
    pub constant: Complex64,
}

/// A product of ciphertexts with what is added to it before one relinearisation and one rescale.
#[derive(Debug, Clone)]
pub struct ProductSum<'a> {
    /// Factors; all products have the same scale.
    pub pairs: Vec<(&'a Ciphertext, &'a Ciphertext)>,
    /// A small integer that multiplies the products.
    pub factor: u32,
    /// Added at the scale of the products.
    pub linear: LinearCombination<'a>,
}

/// The sum of two ciphertexts, at the lower of their levels.
///
/// # Errors
/// When their scales do not agree.
pub fn add(context: &Context, x: &Ciphertext, y: &Ciphertext) -> Result<Ciphertext, EvalError> {
    check_scale("a sum", y.scale, x.scale)?;
    let level = x.level().min(y.level());
    let basis = context.set().modulus(level);
    let add_poly = |x: &Poly<Ntt>, y: &Poly<Ntt>| {
        let limbs = (0..level).into_par_iter().map(|i| {
            let prime = &basis.primes()[i];
            let mut sum = x.limbs()[i].clone();
            for_width!(prime, W => {
                kernels::add::<W>(prime, W::of_mut(&mut sum), W::of(&y.limbs()[i]));
            });
            sum
        });
        Poly::from_limbs(&basis, limbs.collect())
    };
    Ok(Ciphertext { c0: add_poly(&x.c0, &y.c0), c1: add_poly(&x.c1, &y.c1), scale: x.scale })
}

impl LinearCombination<'_> {
    fn is_zero(&self) -> bool {
        self.terms.is_empty() && self.constant == Complex64::ZERO
    }

    /// The combination at a level and scale, not rescaled.
    ///
    /// # Errors
    /// When a term or the chain has fewer limbs.
    pub fn at(&self, context: &Context, level: usize, scale: f64) -> Result<Ciphertext, EvalError> {
        const OPERATION: &str = "a linear combination";
        check_level(OPERATION, level, 1)?;
        check_level(OPERATION, context.set().top_level(), level)?;
        for (_, term) in &self.terms {
            check_level(OPERATION, term.level(), level)?;
        }
        let basis = context.set().modulus(level);
        let limbs: Vec<[Limb; 2]> = basis
            .primes()
            .par_iter()
            .enumerate()
            .map(|(i, prime)| self.limb_at(prime, i, scale))
            .collect();
        let (c0, c1) = limbs.into_iter().map(|[a, b]| (a, b)).unzip();
        Ok(Ciphertext { c0: Poly::from_limbs(&basis, c0), c1: Poly::from_limbs(&basis, c1), scale })
    }

    /// The combination at `level` with exactly the scale `scale`: computed one level higher and
    /// rescaled, so that coefficients keep their precision.
    ///
    /// # Errors
    /// When a term or the chain ends at `level`.
    pub fn rescaled(
        &self,
        context: &Context,
        level: usize,
        scale: f64,
    ) -> Result<Ciphertext, EvalError> {
        check_level("a rescaled combination", level, 1)?;
        check_level("a rescaled combination", context.set().top_level(), level + 1)?;
        let above = self.at(context, level + 1, scale * context.set().prime(level + 1))?;
        let mut result = rescale(context, &above, 1);
        // Equal up to floating-point rounding; keep the declared value.
        result.scale = scale;
        Ok(result)
    }

    fn limb_at(&self, prime: &Prime, i: usize, scale: f64) -> [Limb; 2] {
        let factors: Vec<HalfConstants> = self
            .terms
            .iter()
            .map(|(c, x)| residues(prime, *c, scale / x.scale).map(|r| prime.to_montgomery(r)))
            .collect();
        let constant = residues(prime, self.constant, scale);
        let (mut c0, mut c1) = (Limb::stale(prime), Limb::stale(prime));
        for_width!(prime, W => {
            let half = |of: fn(&Ciphertext) -> &Poly<Ntt>| -> Vec<(&[W], HalfConstants)> {
                let terms = self.terms.iter().zip(&factors);
                terms.map(|((_, x), f)| (W::of(&of(x).limbs()[i]), *f)).collect()
            };
            kernels::linear_combination::<W>(prime, W::of_mut(&mut c0), &half(|x| &x.c0), constant);
            kernels::linear_combination::<W>(prime, W::of_mut(&mut c1), &half(|x| &x.c1), [0; 2]);
        });
        [c0, c1]
    }
}

impl Evaluator<'_> {
    /// Products of ciphertexts and a linear part, relinearised and rescaled once: from `level` to
    /// `level - 1`.
    ///
    /// # Errors
    /// When there are no products, their scales differ, an operand has fewer limbs, or the
    /// relinearisation key is missing.
    pub fn product_sum(&self, sum: &ProductSum<'_>, level: usize) -> Result<Ciphertext, EvalError> {
        self.rescaled_product_sum(sum, level, 1)
    }

    /// The same, divided by so many primes of the chain: by none, where a later rescale does.
    fn rescaled_product_sum(
        &self,
        sum: &ProductSum<'_>,
        level: usize,
        rescales: usize,
    ) -> Result<Ciphertext, EvalError> {
        const OPERATION: &str = "a sum of products";
        let (x, y) = sum.pairs.first().ok_or(EvalError::Empty { operation: OPERATION })?;
        let scale = x.scale * y.scale;
        check_level(OPERATION, level, rescales.saturating_add(1))?;
        for (x, y) in &sum.pairs {
            check_scale(OPERATION, x.scale * y.scale, scale)?;
            check_level(OPERATION, x.level().min(y.level()), level)?;
        }
        let key = self.key(KeyKind::Relinearisation, level)?;
        let basis = self.set().modulus(level);
        let linear = match sum.linear.is_zero() {
            true => None,
            false => Some(sum.linear.at(self.context, level, scale)?),
        };
        let limbs: Vec<[Limb; 3]> = basis
            .primes()
            .par_iter()
            .enumerate()
            .map(|(i, prime)| tensor_limb(prime, i, sum, linear.as_ref()))
            .collect();
        let mut d: [Vec<Limb>; 3] = Default::default();
        for limbs in limbs {
            for (d, limb) in d.iter_mut().zip(limbs) {
                d.push(limb);
            }
        }
        let [d0, d1, d2] = d.map(|limbs| Poly::from_limbs(&basis, limbs));
        let digits = self.digits(&d2, key);
        let finish =
            Finish { first: Some(Accumulator::Plain(&d0)), second: Some(&d1), ..Finish::default() };
        let dropped = (level - rescales + 1..=level).map(|level| self.set().prime(level));
        let scale = scale / dropped.product::<f64>();
        let product = key_product(&digits, key, finish, Outputs::NTT).into_extended();
        Ok(product.divide(self.context, rescales, scale))
    }

    /// The square, relinearised and rescaled.
    ///
    /// # Errors
    /// When no limb would be left, or the relinearisation key is missing.
    pub fn square(&self, x: &Ciphertext) -> Result<Ciphertext, EvalError> {
        self.square_rescaled(x, 1)
    }

    /// The square, relinearised and divided by so many primes of the chain.
    ///
    /// # Errors
    /// As [`square`](Self::square).
    pub fn square_rescaled(
        &self,
        x: &Ciphertext,
        rescales: usize,
    ) -> Result<Ciphertext, EvalError> {
        let sum =
            ProductSum { pairs: vec![(x, x)], factor: 1, linear: LinearCombination::default() };
        self.rescaled_product_sum(&sum, x.level(), rescales)
    }
}

fn tensor_limb(
    prime: &Prime,
    i: usize,
    sum: &ProductSum<'_>,
    linear: Option<&Ciphertext>,
) -> [Limb; 3] {
    let mut out = [Limb::stale(prime), Limb::stale(prime), Limb::stale(prime)];
    let factor = prime.to_montgomery(prime.to_montgomery(u64::from(sum.factor)).value());
    for_width!(prime, W => {
        let pairs: Vec<TensorPair<'_, W>> = sum
            .pairs
            .iter()
            .map(|(x, y)| [&x.c0, &x.c1, &y.c0, &y.c1].map(|p| W::of(&p.limbs()[i])))
            .collect();
        let addend = linear.map(|l| [W::of(&l.c0.limbs()[i]), W::of(&l.c1.limbs()[i])]);
        let [d0, d1, d2] = &mut out;
        let outs = [W::of_mut(d0), W::of_mut(d1), W::of_mut(d2)];
        kernels::tensor::<W>(prime, &pairs, factor, addend, outs);
    });
    out
}

/// A complex constant times `scale`, rounded, as residues on the two halves of the NTT array.
fn residues(prime: &Prime, constant: Complex64, scale: f64) -> [u64; 2] {
    let q = prime.value();
    let re = prime.reduce((constant.re * scale).round() as i128);
    let im = prime.reduce((constant.im * scale).round() as i128);
    let im = mul_mod(im, prime.imaginary_unit(), q);
    [(re + im) % q, (re + q - im) % q]
}
