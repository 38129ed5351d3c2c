//! The functional bootstrap: every activation, every stage, and what it refuses.

use std::f64::consts::{PI, TAU};
use std::ops::ControlFlow;
use std::sync::LazyLock;

use blindsight_ckks::ciphertext::Ciphertext;
use blindsight_ckks::encoding::Complex64;
use blindsight_ckks::keys::KeyKind;
use blindsight_ckks_eval::activation::{Fit, Range, TrigPolynomial, Weighting, fit};
use blindsight_ckks_eval::bootstrap::BootstrapNoise;
use blindsight_ckks_eval::{
    BootstrapError, EvalError, Evaluator, KeySet, KeyUses, MissingKey, Observer, Stage,
};

use crate::fixture::{Fixture, as_complex, reals, small};
use crate::rings::Shape;
use crate::theory::SlotErrors;

/// What a bootstrap may add to the result of its trigonometric polynomial, as a fraction of the
/// range; about 8e-5 and 1e-3 are measured.
const RMS: f64 = 2e-4;
const MAX: f64 = 3e-3;

/// An activation with the bound of its input and the unit of its result.
type Activation = (&'static str, fn(f64) -> f64, f64, f64);

const ACTIVATIONS: [Activation; 6] = [
    ("ReLU", |x| x.max(0.0), 1.0, 1.0),
    ("SiLU", |x| x / (1.0 + (-x).exp()), 6.0, 6.0),
    ("sigmoid", |x| 1.0 / (1.0 + (-x).exp()), 6.0, 1.0),
    ("tanh", f64::tanh, 3.0, 1.0),
    // By the hyperbolic tangent, which needs no error function.
    (
        "GELU",
        |x| 0.5 * x * (1.0 + ((2.0 / PI).sqrt() * (x + 0.044715 * x.powi(3))).tanh()),
        4.0,
        4.0,
    ),
    ("identity", |x| x, 1.0, 1.0),
];

#[test]
fn every_activation_is_its_polynomial_and_nearly_its_function() {
    let fixture = small();
    let inputs = reals(fixture.set().slots(), 70);
    let input = spent(fixture, &inputs);
    for (name, function, bound, unit) in ACTIVATIONS {
        let fit = fitted(fixture, function, bound, unit);
        let output = bootstrap(fixture, fit.polynomial(), &input);
        let found = fixture.decrypt(&output);
        let exact: Vec<f64> = inputs.iter().map(|u| fit.eval(u * bound) / unit).collect();
        errors(&found, &exact).assert_within(name, RMS, MAX);
        let truth: Vec<f64> = inputs.iter().map(|u| function(u * bound) / unit).collect();
        let most = fit.max_error() + MAX;
        errors(&found, &truth).assert_within(&format!("{name} itself"), most, most);
        assert!(fit.max_error() < 0.03, "{name}: a fit off by {} shows nothing", fit.max_error());
        assert!(found.iter().all(|z| z.im.abs() < MAX), "{name}: the result is not real");
    }
}

#[test]
fn iterated_bootstraps_do_not_drift() {
    let fixture = small();
    let (_, identity, bound, unit) = ACTIVATIONS[5];
    let fit = fitted(fixture, identity, bound, unit);
    let mut exact: Vec<f64> = reals(fixture.set().slots(), 71).iter().map(|x| x * 0.9).collect();
    let mut ciphertext = spent(fixture, &exact);
    for round in 1..=12 {
        ciphertext = bootstrap(fixture, fit.polynomial(), &ciphertext);
        exact.iter_mut().for_each(|x| *x = fit.eval(*x));
        let errors = errors(&fixture.decrypt(&ciphertext), &exact);
        // Independent errors: they add up in the mean square, not in a direction.
        let growth = f64::from(round).sqrt();
        errors.assert_within(&format!("round {round}"), growth * RMS, growth * MAX);
        let found = fixture.decrypt(&ciphertext);
        let drift = found.iter().zip(&exact).map(|(z, x)| z.re - x).sum::<f64>();
        // The errors of the exponential series and of encoded constants are common to all slots.
        let mean = drift / exact.len() as f64;
        assert!(mean.abs() < 3e-5 * f64::from(round), "round {round}: mean error {mean:.2e}");
    }
}

/// More levels for the activation, and other groups.
#[test]
fn activations_of_higher_degree_are_closer() {
    let (_, relu, bound, unit) = ACTIVATIONS[0];
    let inputs = reals(512, 76);
    let truth: Vec<f64> = inputs.iter().map(|x| relu(*x)).collect();
    let mut before = 1.0;
    for (activation, to_slots) in [(4, vec![3, 3, 3]), (5, vec![5, 4]), (6, vec![4, 5])] {
        let shape = Shape { activation, to_slots, hoisted: 2, ..Shape::two_groups(10) };
        let fixture = Fixture::new(shape.parameters(), KeyUses::default());
        let fit = fitted(&fixture, relu, bound, unit);
        assert_eq!(fit.polynomial().degree(), (1 << activation) - 1);
        let output = bootstrap(&fixture, fit.polynomial(), &spent(&fixture, &inputs));
        let found = fixture.decrypt(&output);
        let exact: Vec<f64> = inputs.iter().map(|x| fit.eval(*x)).collect();
        errors(&found, &exact).assert_within(&format!("{activation} levels"), RMS, MAX);
        let off = errors(&found, &truth).max;
        assert!(off < 0.7 * before, "{activation} levels: off by {off}, with one less {before}");
        before = off;
    }
}

#[test]
fn observers_end_a_bootstrap_at_any_stage() {
    struct Until(Stage, Vec<Stage>);
    impl Observer for Until {
        fn stage(&mut self, stage: Stage, _: &Ciphertext) -> ControlFlow<()> {
            self.1.push(stage);
            if stage == self.0 { ControlFlow::Break(()) } else { ControlFlow::Continue(()) }
        }
    }
    let fixture = small();
    let polynomial = TrigPolynomial::new(vec![[0.0, 0.0], [0.0, -1.0]]).unwrap();
    let input = spent(fixture, &[0.5]);
    let stages = [
        Stage::SlotsToCoefficients,
        Stage::CoefficientsToSlots,
        Stage::Exponential,
        Stage::Activation,
    ];
    for (index, stage) in stages.into_iter().enumerate() {
        let mut until = Until(stage, Vec::new());
        let result =
            fixture.bootstrapper.apply(fixture.evaluator(), &polynomial, &input, &mut until);
        assert_eq!(result.err(), Some(BootstrapError::Stopped));
        assert_eq!(until.1, stages[..=index]);
    }
}

/// An input beyond the range means what it wraps to, and disturbs no other slot.
#[test]
fn inputs_out_of_range_wrap_and_stay_bounded() {
    let fixture = small();
    let fit = relu();
    let mut inputs = reals(fixture.set().slots(), 72);
    inputs.iter_mut().step_by(3).for_each(|x| *x *= 3.0);
    assert!(inputs.iter().any(|x| x.abs() > 2.9));
    let found = fixture.decrypt(&bootstrap(fixture, fit.polynomial(), &spent(fixture, &inputs)));
    let exact: Vec<f64> = inputs.iter().map(|x| fit.eval(*x)).collect();
    errors(&found, &exact).assert_within("wrapped", RMS, MAX);
    let largest = (0..4096).map(|i| fit.polynomial().eval(f64::from(i) / 4096.0).abs());
    let largest = largest.fold(0.0, f64::max);
    assert!(largest < 1.3, "the polynomial itself reaches {largest}");
    assert!(found.iter().all(|z| z.norm() < largest + MAX));
}

#[test]
fn every_stage_holds_what_it_should() {
    check_stages(small());
}

pub(crate) fn check_stages(fixture: &Fixture) {
    let set = fixture.set();
    let parameters = &fixture.parameters;
    let levels = parameters.levels();
    let slots = set.slots();
    let fill = parameters.literal().fill;
    let inputs = reals(slots, 73);
    let fit = relu();
    let mut stages = Stages::default();
    fixture
        .bootstrapper
        .apply(fixture.evaluator(), fit.polynomial(), &spent(fixture, &inputs), &mut stages)
        .unwrap();
    let order: Vec<Stage> = stages.0.iter().map(|(stage, _)| *stage).collect();
    let [to_coefficients, to_slots, exponential, activation] = &stages.0[..] else {
        panic!("the stages are {order:?}");
    };
    assert!(order.is_sorted() && order[0] == Stage::SlotsToCoefficients);

    // Coefficient `bits of j reversed` is that of slot j, before the shift that every ciphertext
    // between bootstraps has; the upper half is empty.
    let c = &to_coefficients.1;
    assert_eq!(c.level(), levels.base);
    let base = set.prime(1);
    let coefficients = fixture.coefficients(c);
    let shift = parameters.slot_shift();
    let lower = (0..slots).map(|j| {
        let reversed = j.reverse_bits() >> (usize::BITS - slots.trailing_zeros());
        let slot = (j + slots - shift) % slots;
        (coefficients[reversed] / base - fill * inputs[slot]).abs()
    });
    SlotErrors::of(lower).assert_within("slots to coefficients", 3e-5, 2e-4);
    let upper = coefficients[slots..].iter().map(|c| (c / base).abs());
    SlotErrors::of(upper).assert_within("upper half", 3e-5, 2e-4);

    // t plus an integer within the declared bound.
    let y = &to_slots.1;
    assert_eq!((y.level(), y.scale), (levels.chebyshev, parameters.scale(levels.chebyshev)));
    let spread = f64::from(parameters.literal().integer_bound) + 0.5;
    let whole: Vec<f64> = fixture.decrypt(y).iter().map(|z| z.re * spread).collect();
    let parts = whole.iter().zip(&inputs).map(|(t, x)| t - fill * x);
    let integers: Vec<f64> = parts.clone().map(f64::round).collect();
    let errors_of_t = parts.zip(&integers).map(|(t, i)| (t - i).abs());
    SlotErrors::of(errors_of_t).assert_within("coefficients to slots", 1e-4, 2e-3);
    let largest = integers.iter().fold(0.0_f64, |m, i| m.max(i.abs()));
    assert!(
        largest <= f64::from(parameters.literal().integer_bound),
        "an integer part is {largest}"
    );
    // A sum of h + 1 uniform numbers: variance 29 / 12 = 2.42 with what the message brings.
    let variance = integers.iter().map(|i| i * i).sum::<f64>() / slots as f64;
    let most = (5.0 * 2.42 * (2.0 / slots as f64).sqrt()).max(0.25);
    assert!((variance - 2.45).abs() < most, "the integer parts have variance {variance}");

    let e = &exponential.1;
    assert_eq!(e.level(), levels.activation);
    let circle: Vec<Complex64> = inputs.iter().map(|x| Complex64::cis(TAU * fill * x)).collect();
    SlotErrors::between(&fixture.decrypt(e), &circle).assert_within("exponential", 4e-4, MAX);

    let result = &activation.1;
    assert_eq!((result.level(), result.scale), (levels.linear, parameters.linear_scale()));
    let exact: Vec<f64> = inputs.iter().map(|x| fit.eval(*x)).collect();
    errors(&fixture.decrypt(result), &exact).assert_within("activation", RMS, MAX);
}

/// How far measured errors may be from those that forecasts take, as a part of them.
const OFF: f64 = 0.1;

/// The errors of the exponential, and of the results of polynomials of all sorts.
pub(crate) fn check_noise(fixture: &Fixture, noise: BootstrapNoise) {
    let fill = fixture.parameters.literal().fill;
    let inputs = reals(fixture.set().slots(), 77);
    let input = spent(fixture, &inputs);
    let near = |what: &str, found: f64, expected: f64| {
        println!("{what}: {found:.3e} of {expected:.3e}");
        assert!((found / expected - 1.0).abs() < OFF, "{what}: {found:.3e}, not {expected:.3e}");
    };
    let squares: [Activation; 2] =
        [("square", |x| x * x, 1.0, 1.0), ("constant", |_| 0.5, 1.0, 1.0)];
    for (name, function, bound, unit) in ACTIVATIONS.into_iter().chain(squares) {
        let fit = fitted(fixture, function, bound, unit);
        let mut stages = Stages::default();
        let evaluator = fixture.evaluator();
        fixture.bootstrapper.apply(evaluator, fit.polynomial(), &input, &mut stages).unwrap();
        let found = fixture.decrypt(&stages.0[3].1);
        let exact: Vec<f64> = inputs.iter().map(|u| fit.eval(u * bound) / unit).collect();
        let all = inputs.iter().map(|u| noise.of(fit.polynomial(), fill * u));
        near(name, errors(&found, &exact).rms, SlotErrors::of(all).rms);
        if name == "constant" {
            let turned = |(e, u): (&Complex64, &f64)| e * Complex64::cis(-TAU * fill * u);
            let exponential = fixture.decrypt(&stages.0[2].1);
            let turned = exponential.iter().zip(&inputs).map(turned);
            near(
                "radius",
                SlotErrors::of(turned.clone().map(|z| z.norm() - 1.0)).rms,
                noise.radius,
            );
            near("turns", SlotErrors::of(turned.map(|z| z.arg() / TAU)).rms, noise.turns);
        }
    }
}

#[test]
fn ciphertexts_that_do_not_fit_are_refused() {
    let fixture = small();
    let levels = fixture.parameters.levels();
    let scale = fixture.parameters.linear_scale();
    let polynomial = TrigPolynomial::new(vec![[0.0, 0.0], [0.0, -1.0]]).unwrap();
    let apply = |scale: f64, level: usize| {
        let input = fixture.encrypt(&[Complex64::ZERO], scale, level, 74);
        fixture.bootstrapper.apply(fixture.evaluator(), &polynomial, &input, &mut ()).unwrap_err()
    };
    let operation = "a bootstrap";
    for actual in 1..levels.slots_to_coefficients {
        let needed = levels.slots_to_coefficients;
        let refused = EvalError::Level { operation, actual, needed };
        assert_eq!(apply(scale, actual), BootstrapError::Eval(refused));
    }
    for wrong in [2.0 * scale, scale * 1.001, scale / 1.001, 1.0] {
        let (actual, needed) = (wrong.log2(), scale.log2());
        let error = apply(wrong, levels.slots_to_coefficients);
        let refused = EvalError::Scale { operation, actual, needed };
        assert_eq!(error, BootstrapError::Eval(refused));
    }
    let message = apply(scale, 1).to_string();
    assert_eq!(message, "a bootstrap needs 3 limbs, but there are 1");
}

#[test]
fn the_missing_key_is_named() {
    let fixture = small();
    let levels = fixture.parameters.levels();
    let polynomial = TrigPolynomial::new(vec![[0.0, 0.0], [0.0, -1.0]]).unwrap();
    let input = spent(fixture, &[0.5]);
    let apply = |keys: &KeySet| {
        let evaluator = Evaluator { context: &fixture.context, keys };
        fixture.bootstrapper.apply(evaluator, &polynomial, &input, &mut ()).unwrap_err()
    };
    // Without any key, the first rotation of slots-to-coefficients fails.
    let (kind, level) = (KeyKind::Automorphism(fixture.rotation(1)), levels.slots_to_coefficients);
    let missing =
        |kind, level| BootstrapError::Eval(EvalError::MissingKey(MissingKey { kind, level }));
    assert_eq!(apply(&KeySet::default()), missing(kind, level));
    let cases = [
        (KeyKind::DenseToSparse, levels.base),
        (KeyKind::SparseToDense(fixture.rotation(32)), levels.top),
        (KeyKind::Relinearisation, levels.chebyshev),
    ];
    for (kind, level) in cases {
        assert_eq!(apply(&fixture.keys_without(|spec| spec.kind() == kind)), missing(kind, level));
    }
}

pub(crate) fn bootstrap(
    fixture: &Fixture,
    activation: &TrigPolynomial,
    input: &Ciphertext,
) -> Ciphertext {
    fixture.bootstrapper.apply(fixture.evaluator(), activation, input, &mut ()).unwrap()
}

/// A ciphertext as linear layers leave it.
pub(crate) fn spent(fixture: &Fixture, values: &[f64]) -> Ciphertext {
    let level = fixture.parameters.levels().slots_to_coefficients;
    fixture.encrypt(&as_complex(values), fixture.parameters.linear_scale(), level, 75)
}

fn fitted(fixture: &Fixture, function: fn(f64) -> f64, bound: f64, unit: f64) -> Fit {
    let range = Range::new(bound, fixture.parameters.literal().fill).unwrap();
    let degree = fixture.parameters.activation_degree();
    fit(function, range, degree, unit, &Weighting::Minimax).unwrap()
}

/// The first activation, at the degree that all fixtures have.
fn relu() -> &'static Fit {
    static RELU: LazyLock<Fit> = LazyLock::new(|| {
        let (_, relu, bound, unit) = ACTIVATIONS[0];
        fitted(small(), relu, bound, unit)
    });
    &RELU
}

fn errors(found: &[Complex64], expected: &[f64]) -> SlotErrors {
    assert_eq!(found.len(), expected.len());
    SlotErrors::of(found.iter().zip(expected).map(|(z, x)| (z.re - x).abs()))
}

#[derive(Default)]
struct Stages(Vec<(Stage, Ciphertext)>);

impl Observer for Stages {
    fn stage(&mut self, stage: Stage, result: &Ciphertext) -> ControlFlow<()> {
        self.0.push((stage, result.clone()));
        ControlFlow::Continue(())
    }
}
