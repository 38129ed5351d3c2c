//! Polynomials of ciphertexts against polynomials of numbers.

use blindsight_ckks::encoding::Complex64;
use blindsight_ckks_eval::polynomial::{PolynomialBasis, evaluate};

use crate::fixture::{as_complex, complexes, fixture, reals};
use crate::theory::{self, SlotErrors, in_slots};

#[test]
fn both_bases_at_every_degree_of_the_circuit() {
    let fixture = fixture();
    let set = fixture.set();
    let real = as_complex(&reals(set.slots(), 40));
    // In the unit disc: half of the square's side.
    let disc: Vec<Complex64> = complexes(set.slots(), 41).iter().map(|z| z * 0.7).collect();
    let cases = [(PolynomialBasis::Monomial, &disc), (PolynomialBasis::Chebyshev, &real)];
    for (basis, x) in cases {
        // Full, short of full (padded with zeros), and with a gap.
        for (degree, depth, from) in [(7, 3, 8), (12, 4, 9), (15, 4, 9), (31, 5, 16)] {
            let what = format!("{basis:?} of degree {degree}");
            let mut coefficients = complexes(degree + 1, 42);
            coefficients[5] = Complex64::ZERO;
            // Sums of magnitudes near one, like those of the circuit.
            let total: f64 = coefficients.iter().map(|c| c.norm()).sum();
            coefficients.iter_mut().for_each(|c| *c /= total);

            let input = fixture.encrypt(x, set.scale(from), from, 43);
            let output = evaluate(fixture.evaluator(), basis, &coefficients, &input).unwrap();
            assert_eq!(output.level(), from - depth, "{what}");
            assert_eq!(output.scale, set.scale(from - depth), "{what}");
            let values = fixture.decrypt(&input);
            let expected: Vec<Complex64> =
                values.iter().map(|&x| in_clear(basis, &coefficients, x)).collect();
            let errors = SlotErrors::between(&fixture.decrypt(&output), &expected);
            // The coefficients sum up to one, so the powers' errors are averaged, not added. A
            // Chebyshev polynomial passes four times the error of the one it is made from.
            let rounding = in_slots(set, theory::rounding(set), output.scale);
            let most = if basis == PolynomialBasis::Monomial { 2.5 } else { 6.0 };
            errors.assert_within(&what, most * rounding, 10.0 * most * rounding);
            assert!(errors.rms > 0.5 * rounding, "{what}: less noise than one rounding");
        }
    }
}

/// By the definition of the basis, without any scheme.
fn in_clear(basis: PolynomialBasis, coefficients: &[Complex64], x: Complex64) -> Complex64 {
    let (mut previous, mut power) = (x, Complex64::ONE);
    let mut sum = Complex64::ZERO;
    for c in coefficients {
        sum += c * power;
        let next = match basis {
            PolynomialBasis::Monomial => power * x,
            PolynomialBasis::Chebyshev => 2.0 * x * power - previous,
        };
        (previous, power) = (power, next);
    }
    sum
}
