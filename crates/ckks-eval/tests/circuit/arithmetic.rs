//! Constants, sums, products and rescales.

use blindsight_ckks::encoding::Complex64;
use blindsight_ckks::keys::KeyKind;
use blindsight_ckks_eval::{LinearCombination, Plaintext, ProductSum, add};

use crate::fixture::{complexes, fixture};
use crate::theory::{self, SlotErrors, assert_predicted, in_slots, moments};

/// A constant other than one, because `q x / q` needs no rounding.
#[test]
fn rescaling_rounds_as_predicted_at_every_level() {
    let fixture = fixture();
    let set = fixture.set();
    let slots = complexes(set.slots(), 20);
    for level in 1..set.levels().top {
        // The base prime leaves room for little.
        let scale = if level == 1 { (1_u64 << 20) as f64 } else { (1_u64 << 30) as f64 };
        let input = fixture.encrypt(&slots, 1.37 * scale, level + 1, 21);
        let sum =
            LinearCombination { terms: vec![(Complex64::ONE, &input)], constant: Complex64::ZERO };
        let output = sum.rescaled(&fixture.context, level, scale);
        assert_eq!((output.level(), output.scale), (level, scale));
        let prime = set.chain().primes()[level].value() as f64;
        let factor = (prime / 1.37).round() / prime;
        let (before, after) = (fixture.coefficients(&input), fixture.coefficients(&output));
        let (mean, deviation) = moments(after.iter().zip(&before).map(|(x, y)| x - factor * y));
        let predicted = theory::rounding(set).sqrt();
        assert_predicted(&format!("level {level}"), deviation, predicted);
        let most = 5.0 * predicted / (set.degree() as f64).sqrt();
        assert!(mean.abs() < most, "level {level}: the noise has mean {mean}");
    }
}

#[test]
fn combinations_take_complex_constants_and_any_scales() {
    let fixture = fixture();
    let set = fixture.set();
    let count = set.slots();
    let [x, y] = [complexes(count, 22), complexes(count, 23)];
    let scale = set.scale(8);
    // Operands at other levels and scales than the result.
    let a = fixture.encrypt(&x, 1.7 * scale, 9, 24);
    let b = fixture.encrypt(&y, 0.3 * scale, 12, 25);
    let (c, d) = (Complex64::new(0.6, -1.3), Complex64::new(0.0, 2.5));
    let constant = Complex64::new(-0.75, 0.125);
    let sum = LinearCombination { terms: vec![(c, &a), (d, &b)], constant };
    let output = sum.rescaled(&fixture.context, 8, scale);
    assert_eq!((output.level(), output.scale), (8, scale));
    let combine = |x: &[Complex64], y: &[Complex64]| -> Vec<Complex64> {
        x.iter().zip(y).map(|(x, y)| c * x + d * y + constant).collect()
    };
    let found = fixture.decrypt(&output);
    // Against the decrypted operands the rounding alone is left.
    let exact = combine(&fixture.decrypt(&a), &fixture.decrypt(&b));
    let noise = SlotErrors::between(&found, &exact);
    assert_predicted("combination", noise.rms, in_slots(set, theory::rounding(set), scale));
    // The fresh noise of the operands, each at its own scale.
    let fresh = in_slots(set, theory::FRESH.powi(2), scale);
    let rms = noise.rms.hypot(fresh * c.norm() / 1.7).hypot(fresh * d.norm() / 0.3);
    SlotErrors::between(&found, &combine(&x, &y)).assert_within("sum", 1.1 * rms, 10.0 * rms);

    // Without a rescale there is no rounding at all, except of the constants to integers.
    let unscaled = sum.at(&fixture.context, 8, scale * (1_u64 << 20) as f64);
    let errors = SlotErrors::between(&fixture.decrypt(&unscaled), &exact);
    errors.assert_within("not rescaled", 1e-5, 1e-4);
}

#[test]
fn sums_meet_at_the_lower_level() {
    let fixture = fixture();
    let count = fixture.set().slots();
    let [x, y] = [complexes(count, 26), complexes(count, 27)];
    let scale = (1_u64 << 30) as f64;
    let a = fixture.encrypt(&x, scale, 7, 28);
    let b = fixture.encrypt(&y, scale, 4, 29);
    for sum in [add(&fixture.context, &a, &b), add(&fixture.context, &b, &a)] {
        assert_eq!((sum.level(), sum.scale), (4, scale));
        let parts = fixture.coefficients(&a).into_iter().zip(fixture.coefficients(&b));
        let expected: Vec<f64> = parts.map(|(a, b)| a + b).collect();
        assert_eq!(fixture.coefficients(&sum), expected, "an addition is exact");
    }
}

#[test]
fn plaintexts_of_any_period_are_added() {
    let fixture = fixture();
    let set = fixture.set();
    let x = complexes(set.slots(), 30);
    let scale = (1_u64 << 30) as f64;
    for period in [1, 16, 512, set.slots()] {
        let mut sum = fixture.encrypt(&x, scale, 3, 31);
        let before = fixture.decrypt(&sum);
        let values = complexes(period, 32);
        Plaintext::encode(&fixture.context, &values, scale, 3).add_to(&mut sum);
        let expected: Vec<Complex64> =
            before.iter().zip(values.iter().cycle()).map(|(x, v)| x + v).collect();
        // The rounding of 2 * period coefficients.
        let rms = (2.0 * period as f64 / 12.0).sqrt() / scale;
        let errors = SlotErrors::between(&fixture.decrypt(&sum), &expected);
        errors.assert_within(&format!("period {period}"), 2.0 * rms + 1e-12, 10.0 * rms + 1e-12);
    }
}

/// Product, relinearisation and rescale share one division, whose rounding is all that remains:
/// the noise of the key is divided by the dropped prime as well.
#[test]
fn products_are_right_and_as_noisy_as_predicted() {
    let fixture = fixture();
    let set = fixture.set();
    let levels = set.levels();
    let [x, y] = [complexes(set.slots(), 33), complexes(set.slots(), 34)];
    for level in [levels.linear + 1, levels.squarings, levels.chebyshev - 2, levels.chebyshev] {
        let scale = set.scale(level);
        let a = fixture.encrypt(&x, scale, level, 35);
        let b = fixture.encrypt(&y, scale, level, 36);
        let (u, v) = (fixture.decrypt(&a), fixture.decrypt(&b));
        let constant = Complex64::new(0.25, -0.5);
        let i = Complex64::new(0.0, 1.0);
        let linear = LinearCombination { terms: vec![(i, &a)], constant };
        let sum = ProductSum { pairs: vec![(&a, &b), (&b, &b)], factor: 2, linear };
        let output = fixture.evaluator().product_sum(&sum, level).unwrap();
        assert_eq!(output.level(), level - 1);
        assert!((output.scale / set.scale(level - 1) - 1.0).abs() < 1e-9);
        let expected: Vec<Complex64> =
            u.iter().zip(&v).map(|(u, v)| 2.0 * (u * v + v * v) + i * u + constant).collect();
        let errors = SlotErrors::between(&fixture.decrypt(&output), &expected);
        let key = &set.keys()[set.find_key(KeyKind::Relinearisation, level).unwrap()];
        let dropped = set.chain().primes()[level - 1].value() as f64;
        let variance =
            theory::rounding(set) + theory::key_switch(set, &key.layout, level) / dropped.powi(2);
        let predicted = in_slots(set, variance, output.scale);
        assert_predicted(&format!("product at level {level}"), errors.rms, predicted);

        let square = fixture.evaluator().square(&a).unwrap();
        let expected: Vec<Complex64> = u.iter().map(|u| u * u).collect();
        let errors = SlotErrors::between(&fixture.decrypt(&square), &expected);
        assert_predicted(&format!("square at level {level}"), errors.rms, predicted);
    }
}
