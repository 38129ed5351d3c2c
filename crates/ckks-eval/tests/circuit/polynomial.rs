//! Polynomials of ciphertexts against polynomials of numbers.

use blindsight_ckks::encoding::Complex64;
use blindsight_ckks::keys::KeyKind;
use blindsight_ckks_eval::polynomial::{PolynomialBasis, depth, evaluate};
use blindsight_ckks_eval::{EvalError, Evaluator, KeySet, MissingKey};

use crate::fixture::{as_complex, complexes, reals, small};
use crate::theory::{self, SlotErrors, in_slots};

#[test]
fn both_bases_at_every_degree_of_the_circuit() {
    let fixture = small();
    let set = fixture.set();
    let parameters = &fixture.parameters;
    let real = as_complex(&reals(set.slots(), 40));
    // In the unit disc: half of the square's side.
    let disc: Vec<Complex64> = complexes(set.slots(), 41).iter().map(|z| z * 0.7).collect();
    let cases = [(PolynomialBasis::Monomial, &disc), (PolynomialBasis::Chebyshev, &real)];
    for (basis, x) in cases {
        // Full, short of full (padded with zeros), and with a gap; from the middle of the chain and
        // from where its scales change.
        let cases = [
            (7, 3, 8),
            (8, 4, 9),
            (12, 4, 9),
            (15, 4, 9),
            (16, 5, 13),
            (23, 5, 13),
            (31, 5, 16),
            (32, 6, 13),
            (47, 6, 12),
            (63, 6, 13),
            (63, 6, 16),
        ];
        for (degree, depth, from) in cases {
            let what = format!("{basis:?} of degree {degree}");
            let mut coefficients = complexes(degree + 1, 42);
            coefficients[5] = Complex64::ZERO;
            // Sums of magnitudes near one, like those of the circuit.
            let total: f64 = coefficients.iter().map(|c| c.norm()).sum();
            coefficients.iter_mut().for_each(|c| *c /= total);

            let input = fixture.encrypt(x, parameters.scale(from), from, 43);
            let scale = parameters.scale(from - depth);
            let output =
                evaluate(fixture.evaluator(), basis, &coefficients, &input, scale).unwrap();
            assert_eq!(output.level(), from - depth, "{what}");
            assert_eq!(output.scale, scale, "{what}");
            let values = fixture.decrypt(&input);
            let expected: Vec<Complex64> =
                values.iter().map(|&x| in_clear(basis, &coefficients, x)).collect();
            let errors = SlotErrors::between(&fixture.decrypt(&output), &expected);
            // The coefficients sum up to one, so the powers' errors are averaged, not added. A
            // Chebyshev polynomial passes four times the error of the one it is made from.
            let rounding = in_slots(set, theory::rounding(set), output.scale);
            let most = match basis {
                PolynomialBasis::Monomial => 2.5,
                PolynomialBasis::Chebyshev if depth < 6 => 6.0,
                // One doubling more than the product's series has.
                PolynomialBasis::Chebyshev => 12.0,
            };
            errors.assert_within(&what, most * rounding, 10.0 * most * rounding);
            assert!(errors.rms > 0.5 * rounding, "{what}: less noise than one rounding");
        }
    }
}

/// A polynomial may end at any scale: its leaves make up for it.
#[test]
fn the_result_has_the_scale_that_is_asked_for() {
    let fixture = small();
    let x = as_complex(&reals(fixture.set().slots(), 44));
    let input = fixture.encrypt(&x, fixture.parameters.scale(9), 9, 45);
    let coefficients = [0.1, -0.4, 0.2, 0.0, 0.3].map(|c| Complex64::new(c, 0.0));
    let basis = PolynomialBasis::Monomial;
    let values = fixture.decrypt(&input);
    let expected: Vec<_> = values.iter().map(|&x| in_clear(basis, &coefficients, x)).collect();
    for scale in [1.3e8, 7e9] {
        let output = evaluate(fixture.evaluator(), basis, &coefficients, &input, scale).unwrap();
        assert_eq!((output.level(), output.scale), (6, scale));
        let errors = SlotErrors::between(&fixture.decrypt(&output), &expected);
        let set = fixture.set();
        let input = in_slots(set, theory::rounding(set), input.scale);
        let rms = in_slots(set, theory::rounding(set), scale).hypot(2.0 * input);
        errors.assert_within(&format!("scale {scale:e}"), 1.5 * rms, 15.0 * rms);
    }
}

#[test]
fn polynomials_that_do_not_fit_are_refused() {
    let fixture = small();
    let basis = PolynomialBasis::Chebyshev;
    for (count, levels) in [(0, 3), (1, 3), (8, 3), (9, 4), (16, 4), (17, 5), (64, 6)] {
        assert_eq!(depth(count), levels);
    }
    let coefficients = complexes(16, 46);
    let scale = (1_u64 << 20) as f64;
    let apply = |level, keys: &KeySet| {
        let evaluator = Evaluator { context: &fixture.context, keys };
        let input = fixture.encrypt(&[Complex64::ZERO], scale, level, 47);
        evaluate(evaluator, basis, &coefficients, &input, scale).err()
    };
    let operation = "a polynomial";
    for actual in 1..=4 {
        let refused = Some(EvalError::Level { operation, actual, needed: 5 });
        assert_eq!(apply(actual, &fixture.keys), refused);
    }
    assert_eq!(apply(5, &fixture.keys), None);
    let missing = MissingKey { kind: KeyKind::Relinearisation, level: 5 };
    assert_eq!(apply(5, &KeySet::default()), Some(EvalError::MissingKey(missing)));
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
