//! Polynomials of one ciphertext, with few relinearisations and the least depth.
//!
//! Paterson and Stockmeyer's scheme on powers (or Chebyshev polynomials) 1, 2, 3, 4, 8, 16: a
//! polynomial of degree below `2^d` is evaluated in `d` levels. At each node all products are
//! summed before one relinearisation and one rescale, and the leaves, being plain linear
//! combinations, absorb every mismatch of scales.

use blindsight_ckks::ciphertext::Ciphertext;
use blindsight_ckks::encoding::Complex64;

use crate::arithmetic::{LinearCombination, ProductSum};
use crate::error::{EvalError, check_level};
use crate::evaluator::Evaluator;

/// In which basis coefficients are given.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum PolynomialBasis {
    /// `1, x, x^2, ...`
    Monomial,
    /// Chebyshev polynomials of the first kind, for `x` in `[-1, 1]`.
    Chebyshev,
}

/// The levels that a polynomial with so many coefficients takes: `log2`, rounded up, at least 3.
#[must_use]
pub fn depth(coefficients: usize) -> usize {
    coefficients.next_power_of_two().max(8).trailing_zeros() as usize
}

/// `sum_k coefficients[k] * b_k(x)`, [`depth`] levels below `x`, with exactly the scale `scale`.
///
/// # Errors
/// When `x` has too few limbs, or the relinearisation key is missing.
pub fn evaluate(
    evaluator: Evaluator<'_>,
    basis: PolynomialBasis,
    coefficients: &[Complex64],
    x: &Ciphertext,
    scale: f64,
) -> Result<Ciphertext, EvalError> {
    let depth = depth(coefficients.len());
    check_level("a polynomial", x.level(), depth + 1)?;
    let count = 1 << depth;
    let mut padded = coefficients.to_vec();
    padded.resize(count, Complex64::ZERO);
    let polynomial = Polynomial { evaluator, basis, powers: powers(evaluator, basis, x, count)? };
    let level = x.level() - depth;
    polynomial.node(&padded, level, scale)
}

/// The powers 1, 2, 3, 4, 8, ... of `x` (or Chebyshev polynomials) below `count`.
struct Powers<'a> {
    first: &'a Ciphertext,
    second: Ciphertext,
    third: Ciphertext,
    /// Powers 4, 8, 16, ...
    doubled: Vec<Ciphertext>,
}

struct Polynomial<'a> {
    evaluator: Evaluator<'a>,
    basis: PolynomialBasis,
    powers: Powers<'a>,
}

fn powers<'a>(
    evaluator: Evaluator<'_>,
    basis: PolynomialBasis,
    x: &'a Ciphertext,
    count: usize,
) -> Result<Powers<'a>, EvalError> {
    let chebyshev = basis == PolynomialBasis::Chebyshev;
    let minus_one = Complex64::new(-1.0, 0.0);
    // T_(m+n) = 2 T_m T_n - T_(m-n).
    let factor = if chebyshev { 2 } else { 1 };
    let square = |p: &Ciphertext| {
        let constant = if chebyshev { minus_one } else { Complex64::ZERO };
        let linear = LinearCombination { terms: Vec::new(), constant };
        evaluator.product_sum(&ProductSum { pairs: vec![(p, p)], factor, linear }, p.level())
    };
    let second = square(x)?;
    let terms = if chebyshev { vec![(minus_one, x)] } else { Vec::new() };
    let linear = LinearCombination { terms, constant: Complex64::ZERO };
    let third = evaluator
        .product_sum(&ProductSum { pairs: vec![(x, &second)], factor, linear }, second.level())?;
    let mut doubled = vec![square(&second)?];
    while 4 << doubled.len() < count {
        doubled.push(square(&doubled[doubled.len() - 1])?);
    }
    Ok(Powers { first: x, second, third, doubled })
}

impl Polynomial<'_> {
    /// The polynomial with these coefficients (a power of two of them) at a level and scale.
    fn node(&self, c: &[Complex64], level: usize, scale: f64) -> Result<Ciphertext, EvalError> {
        if self.is_leaf(c.len(), level) {
            return self.low_terms(c).rescaled(self.evaluator.context, level, scale);
        }
        // One level up, at the scale that the rescale takes to `scale`.
        let product_level = level + 1;
        let product_scale = scale * self.evaluator.set().prime(product_level);
        let mut factors = Vec::new();
        let mut rest = c.to_vec();
        while rest.len() > 4 || (rest.len() == 4 && !self.is_low(4, product_level)) {
            let (quotient, remainder) = self.split(&rest);
            let power = self.power(rest.len() / 2);
            if quotient.iter().any(|c| *c != Complex64::ZERO) {
                let quotient_scale = product_scale / power.scale;
                factors.push((self.node(&quotient, product_level, quotient_scale)?, power));
            }
            rest = remainder;
        }
        if factors.is_empty() {
            return self.low_terms(&rest).rescaled(self.evaluator.context, level, scale);
        }
        let pairs = factors.iter().map(|(q, p)| (q, *p)).collect();
        let sum = ProductSum { pairs, factor: 1, linear: self.low_terms(&rest) };
        let mut result = self.evaluator.product_sum(&sum, product_level)?;
        // Equal up to floating-point rounding; keep the declared value.
        result.scale = scale;
        Ok(result)
    }

    /// Whether so many coefficients are a plain linear combination that can be rescaled to `level`.
    fn is_leaf(&self, count: usize, level: usize) -> bool {
        self.is_low(count, level + 1)
    }

    /// Whether the powers of so many coefficients are available at `level`.
    fn is_low(&self, count: usize, level: usize) -> bool {
        match count {
            0..=2 => self.powers.first.level() >= level,
            3 => self.powers.second.level() >= level,
            4 => self.powers.third.level() >= level,
            _ => false,
        }
    }

    /// The terms of degree below 4.
    fn low_terms(&self, c: &[Complex64]) -> LinearCombination<'_> {
        let powers = [self.powers.first, &self.powers.second, &self.powers.third];
        let terms = c[1..].iter().zip(powers).filter(|(c, _)| **c != Complex64::ZERO);
        LinearCombination { terms: terms.map(|(c, p)| (*c, p)).collect(), constant: c[0] }
    }

    fn power(&self, exponent: usize) -> &Ciphertext {
        match exponent {
            2 => &self.powers.second,
            _ => &self.powers.doubled[exponent.trailing_zeros() as usize - 2],
        }
    }

    /// Quotient and remainder by the power of half the length.
    fn split(&self, c: &[Complex64]) -> (Vec<Complex64>, Vec<Complex64>) {
        let (low, high) = c.split_at(c.len() / 2);
        let (mut remainder, mut quotient) = (low.to_vec(), high.to_vec());
        if self.basis == PolynomialBasis::Chebyshev {
            // T_(n+k) = 2 T_n T_k - T_(n-k).
            for k in 1..high.len() {
                quotient[k] *= 2.0;
                remainder[low.len() - k] -= high[k];
            }
        }
        (quotient, remainder)
    }
}
