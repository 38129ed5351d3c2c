//! Constants, sums, products and rescales.

use blindsight_ckks::encoding::Complex64;
use blindsight_ckks::keys::KeyKind;
use blindsight_ckks_eval::{EvalError, LinearCombination, Plaintext, ProductSum, add};

use crate::fixture::{Fixture, complexes, small};
use crate::theory::{self, SlotErrors, assert_predicted, in_slots, moments};

#[test]
fn rescaling_rounds_as_predicted_at_every_level() {
    check_rescaling(small(), 1..small().set().top_level());
}

#[test]
fn products_are_right_and_as_noisy_as_predicted() {
    let levels = small().parameters.levels();
    check_products(small(), levels.linear + 1..=levels.chebyshev);
}

/// A constant other than one, because `q x / q` needs no rounding.
pub(crate) fn check_rescaling(fixture: &Fixture, levels: impl IntoIterator<Item = usize>) {
    let set = fixture.set();
    let slots = complexes(set.slots(), 20);
    for level in levels {
        // The base prime leaves room for little.
        let scale = if level == 1 { (1_u64 << 20) as f64 } else { (1_u64 << 30) as f64 };
        let input = fixture.encrypt(&slots, 1.37 * scale, level + 1, 21);
        let sum =
            LinearCombination { terms: vec![(Complex64::ONE, &input)], constant: Complex64::ZERO };
        let output = sum.rescaled(&fixture.context, level, scale).unwrap();
        assert_eq!((output.level(), output.scale), (level, scale));
        let prime = set.prime(level + 1);
        let factor = (prime / 1.37).round() / prime;
        let (before, after) = (fixture.coefficients(&input), fixture.coefficients(&output));
        let (mean, deviation) = moments(after.iter().zip(&before).map(|(x, y)| x - factor * y));
        let predicted = theory::rounding(set).sqrt();
        assert_predicted(set, &format!("level {level}"), deviation, predicted);
        let most = 5.0 * predicted / (set.degree() as f64).sqrt();
        assert!(mean.abs() < most, "level {level}: the noise has mean {mean}");
    }
}

#[test]
fn combinations_take_complex_constants_and_any_scales() {
    let fixture = small();
    let set = fixture.set();
    let count = set.slots();
    let [x, y] = [complexes(count, 22), complexes(count, 23)];
    let scale = fixture.parameters.scale(8);
    // Operands at other levels and scales than the result.
    let a = fixture.encrypt(&x, 1.7 * scale, 9, 24);
    let b = fixture.encrypt(&y, 0.3 * scale, 12, 25);
    let (c, d) = (Complex64::new(0.6, -1.3), Complex64::new(0.0, 2.5));
    let constant = Complex64::new(-0.75, 0.125);
    let sum = LinearCombination { terms: vec![(c, &a), (d, &b)], constant };
    let output = sum.rescaled(&fixture.context, 8, scale).unwrap();
    assert_eq!((output.level(), output.scale), (8, scale));
    let combine = |x: &[Complex64], y: &[Complex64]| -> Vec<Complex64> {
        x.iter().zip(y).map(|(x, y)| c * x + d * y + constant).collect()
    };
    let found = fixture.decrypt(&output);
    // Against the decrypted operands the rounding alone is left.
    let exact = combine(&fixture.decrypt(&a), &fixture.decrypt(&b));
    let noise = SlotErrors::between(&found, &exact);
    assert_predicted(set, "combination", noise.rms, in_slots(set, theory::rounding(set), scale));
    // The fresh noise of the operands, each at its own scale.
    let fresh = in_slots(set, theory::FRESH.powi(2), scale);
    let rms = noise.rms.hypot(fresh * c.norm() / 1.7).hypot(fresh * d.norm() / 0.3);
    SlotErrors::between(&found, &combine(&x, &y)).assert_within("sum", 1.1 * rms, 10.0 * rms);

    // Without a rescale there is no rounding at all, except of the constants to integers.
    let unscaled = sum.at(&fixture.context, 8, scale * (1_u64 << 20) as f64).unwrap();
    let errors = SlotErrors::between(&fixture.decrypt(&unscaled), &exact);
    errors.assert_within("not rescaled", 1e-5, 1e-4);
}

#[test]
fn sums_meet_at_the_lower_level() {
    let fixture = small();
    let count = fixture.set().slots();
    let [x, y] = [complexes(count, 26), complexes(count, 27)];
    let scale = (1_u64 << 30) as f64;
    let a = fixture.encrypt(&x, scale, 7, 28);
    let b = fixture.encrypt(&y, scale, 4, 29);
    for sum in [add(&fixture.context, &a, &b), add(&fixture.context, &b, &a)] {
        let sum = sum.unwrap();
        assert_eq!((sum.level(), sum.scale), (4, scale));
        let parts = fixture.coefficients(&a).into_iter().zip(fixture.coefficients(&b));
        let expected: Vec<f64> = parts.map(|(a, b)| a + b).collect();
        assert_eq!(fixture.coefficients(&sum), expected, "an addition is exact");
    }
}

#[test]
fn plaintexts_of_any_period_are_added() {
    let fixture = small();
    let set = fixture.set();
    let x = complexes(set.slots(), 30);
    let scale = (1_u64 << 30) as f64;
    for period in [1, 16, 512, set.slots()] {
        let mut sum = fixture.encrypt(&x, scale, 3, 31);
        let before = fixture.decrypt(&sum);
        let values = complexes(period, 32);
        Plaintext::encode(&fixture.context, &values, scale, 3).add_to(&mut sum).unwrap();
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
pub(crate) fn check_products(fixture: &Fixture, levels: impl IntoIterator<Item = usize>) {
    let set = fixture.set();
    let [x, y] = [complexes(set.slots(), 33), complexes(set.slots(), 34)];
    for level in levels {
        let scale = fixture.parameters.scale(level);
        let a = fixture.encrypt(&x, scale, level, 35);
        let b = fixture.encrypt(&y, scale, level, 36);
        let (u, v) = (fixture.decrypt(&a), fixture.decrypt(&b));
        let constant = Complex64::new(0.25, -0.5);
        let i = Complex64::new(0.0, 1.0);
        let linear = LinearCombination { terms: vec![(i, &a)], constant };
        let sum = ProductSum { pairs: vec![(&a, &b), (&b, &b)], factor: 2, linear };
        let output = fixture.evaluator().product_sum(&sum, level).unwrap();
        assert_eq!(output.level(), level - 1);
        assert!((output.scale / fixture.parameters.scale(level - 1) - 1.0).abs() < 1e-9);
        let expected: Vec<Complex64> =
            u.iter().zip(&v).map(|(u, v)| 2.0 * (u * v + v * v) + i * u + constant).collect();
        let errors = SlotErrors::between(&fixture.decrypt(&output), &expected);
        let key = fixture.key_for(KeyKind::Relinearisation, level);
        let switch = theory::key_switch(set, key.layout(), level) / set.prime(level).powi(2);
        let variance = theory::rounding(set) + switch;
        let predicted = in_slots(set, variance, output.scale);
        assert_predicted(set, &format!("product at level {level}"), errors.rms, predicted);

        let square = fixture.evaluator().square(&a).unwrap();
        let expected: Vec<Complex64> = u.iter().map(|u| u * u).collect();
        let errors = SlotErrors::between(&fixture.decrypt(&square), &expected);
        assert_predicted(set, &format!("square at level {level}"), errors.rms, predicted);

        // Not rescaled, it has its level and the noise of a switch alone: far below its scale, so
        // that only a small one shows it in floating point.
        let a = fixture.encrypt(&x, 65_536.0, level, 37);
        let square = fixture.evaluator().square_rescaled(&a, 0).unwrap();
        assert_eq!((square.level(), square.scale), (level, a.scale * a.scale));
        let expected: Vec<Complex64> = fixture.decrypt(&a).iter().map(|u| u * u).collect();
        let errors = SlotErrors::between(&fixture.decrypt(&square), &expected);
        let switch = theory::key_switch(set, key.layout(), level);
        let predicted = in_slots(set, theory::rounding(set) + switch, square.scale);
        assert_predicted(set, &format!("late square at level {level}"), errors.rms, predicted);
    }
}

#[test]
fn operands_that_do_not_fit_are_refused() {
    let fixture = small();
    let (context, top) = (&fixture.context, fixture.set().top_level());
    let scale = (1_u64 << 25) as f64;
    let at = |scale, level| fixture.encrypt(&[Complex64::ONE], scale, level, 37);
    let [two, three, twice] = [at(scale, 2), at(scale, 3), at(2.0 * scale, 3)];
    let level = |operation, actual, needed| Some(EvalError::Level { operation, actual, needed });
    let scales = |operation, actual: f64, needed: f64| {
        let (actual, needed) = (actual.log2(), needed.log2());
        Some(EvalError::Scale { operation, actual, needed })
    };

    let operation = "a sum";
    assert_eq!(add(context, &two, &twice).err(), scales(operation, 2.0 * scale, scale));
    // Numbers as close as rounding leaves them are equal, others are not.
    let near = |factor: f64| {
        let mut near = two.clone();
        near.scale *= factor;
        add(context, &two, &near).err()
    };
    assert_eq!(near(1.0 + 1e-9), None);
    assert_eq!(near(1.0 + 1e-5), scales(operation, scale * (1.0 + 1e-5), scale));
    assert!(matches!(near(f64::NAN), Some(EvalError::Scale { .. })));

    let operation = "a linear combination";
    let sum = LinearCombination { terms: vec![(Complex64::ONE, &two)], ..Default::default() };
    assert_eq!(sum.at(context, 3, scale).err(), level(operation, 2, 3));
    assert_eq!(sum.at(context, 0, scale).err(), level(operation, 0, 1));
    let constant = LinearCombination { terms: Vec::new(), constant: Complex64::ONE };
    assert!(constant.at(context, top, scale).is_ok());
    assert_eq!(constant.at(context, top + 1, scale).err(), level(operation, top, top + 1));

    assert!(sum.rescaled(context, 1, scale).is_ok());
    assert_eq!(sum.rescaled(context, 2, scale).err(), level(operation, 2, 3));
    let operation = "a rescaled combination";
    assert_eq!(constant.rescaled(context, 0, scale).err(), level(operation, 0, 1));
    assert_eq!(constant.rescaled(context, top, scale).err(), level(operation, top, top + 1));

    let operation = "a sum of products";
    let evaluator = fixture.evaluator();
    let products = |pairs: &[[&_; 2]], level| {
        let pairs = pairs.iter().map(|[x, y]| (*x, *y)).collect();
        let linear = LinearCombination::default();
        evaluator.product_sum(&ProductSum { pairs, factor: 1, linear }, level).err()
    };
    assert_eq!(products(&[], 3), Some(EvalError::Empty { operation }));
    assert_eq!(products(&[[&three, &three], [&three, &two]], 3), level(operation, 2, 3));
    assert_eq!(products(&[[&three, &three]], 1), level(operation, 1, 2));
    let refused = products(&[[&three, &three], [&three, &twice]], 3);
    assert_eq!(refused, scales(operation, 2.0 * scale * scale, scale * scale));
    assert_eq!(evaluator.square(&at(1024.0, 1)).err(), level(operation, 1, 2));
    assert!(evaluator.square_rescaled(&at(1024.0, 1), 0).is_ok());
    assert_eq!(evaluator.square_rescaled(&three, 3).err(), level(operation, 3, 4));
    let linear = LinearCombination { terms: vec![(Complex64::ONE, &two)], ..Default::default() };
    let sum = ProductSum { pairs: vec![(&three, &three)], factor: 1, linear };
    let refused = evaluator.product_sum(&sum, 3).err();
    assert_eq!(refused, level("a linear combination", 2, 3));

    let operation = "adding a plaintext";
    let plaintext = Plaintext::encode(context, &[Complex64::ONE], scale, 2);
    assert!(plaintext.add_to(&mut two.clone()).is_ok());
    assert_eq!(plaintext.add_to(&mut three.clone()).err(), level(operation, 2, 3));
    assert_eq!(plaintext.add_to(&mut at(1024.0, 1)).err(), level(operation, 1, 2));
    let refused = plaintext.add_to(&mut at(2.0 * scale, 2)).err();
    assert_eq!(refused, scales(operation, 2.0 * scale, scale));
}
