//! The activation functions that a network may use.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};
use thiserror::Error;

use super::polynomial::Polynomial;

/// A real function applied to every element of a feature map.
///
/// Under CKKS each but the sign is replaced by a polynomial of about the same shape; these are the
/// exact functions.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
#[non_exhaustive]
pub enum ActivationKind {
    /// max(x, 0).
    Relu,
    /// x * sigmoid(x).
    Silu,
    /// 1 / (1 + exp(-x)).
    Sigmoid,
    /// Hyperbolic tangent.
    Tanh,
    /// x * (1 + erf(x / sqrt 2)) / 2: the exact form, not the tanh approximation.
    Gelu,
    /// x itself: under encryption, a plain refresh.
    Identity,
    /// x * x.
    Square,
    /// min(max(x, 0), 6).
    Relu6,
    /// x * min(max(x + 3, 0), 6) / 6 (Howard et al. 2019).
    HardSwish,
    /// min(max(x + 3, 0), 6) / 6.
    HardSigmoid,
    /// ln(1 + exp(x)).
    Softplus,
    /// x where it is positive, exp(x) - 1 elsewhere.
    Elu,
    /// x where it is positive, a part of it elsewhere.
    LeakyRelu(Slope),
    /// A polynomial of low degree, of the same coefficients in every channel.
    Polynomial(Polynomial),
    /// 1 where x is positive, -1 elsewhere: the activation of networks of signs, which TFHE evaluates
    /// and no polynomial comes near. What it reads is to lie within [`SIGN_SPAN`].
    Sign,
}

/// What a sign reads lies between minus this and this: TFHE's circle is twice as long.
pub const SIGN_SPAN: f64 = 8.0;

/// The standard deviation of the noise that networks of signs learn with before every sign, and so the
/// most that an evaluation may have.
pub const SIGN_NOISE: f64 = SIGN_SPAN / 128.0;

/// What a leaky ReLU multiplies negative numbers by: at most 1 in magnitude.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(try_from = "f32", into = "f32")]
pub struct Slope(u32);

impl Slope {
    /// PyTorch's.
    pub const USUAL: Self = Self(0.01_f32.to_bits());

    /// A slope; `None` when it is beyond 1 or no number.
    #[must_use]
    pub fn new(slope: f32) -> Option<Self> {
        (slope.abs() <= 1.0).then(|| Self(slope.to_bits()))
    }

    /// The slope as a number.
    #[must_use]
    pub const fn value(self) -> f32 {
        f32::from_bits(self.0)
    }
}

impl From<Slope> for f32 {
    fn from(slope: Slope) -> Self {
        slope.value()
    }
}

impl TryFrom<f32> for Slope {
    type Error = &'static str;

    fn try_from(slope: f32) -> Result<Self, Self::Error> {
        Self::new(slope).ok_or("a slope is at most 1 in magnitude")
    }
}

impl ActivationKind {
    /// Every kind with a name for it alone, but the sign: those that a polynomial can stand for.
    pub const CONTINUOUS: [Self; 13] = [
        Self::Relu,
        Self::Silu,
        Self::Sigmoid,
        Self::Tanh,
        Self::Gelu,
        Self::Identity,
        Self::Square,
        Self::Relu6,
        Self::HardSwish,
        Self::HardSigmoid,
        Self::Softplus,
        Self::Elu,
        Self::LeakyRelu(Slope::USUAL),
    ];

    /// The function's value at `x`.
    #[must_use]
    pub fn eval(self, x: f64) -> f64 {
        match self {
            Self::Relu => x.max(0.0),
            Self::Silu => x * sigmoid(x),
            Self::Sigmoid => sigmoid(x),
            Self::Tanh => x.tanh(),
            Self::Gelu => 0.5 * x * (1.0 + erf(x * std::f64::consts::FRAC_1_SQRT_2)),
            Self::Identity => x,
            Self::Square => x * x,
            Self::Relu6 => x.clamp(0.0, 6.0),
            Self::HardSwish => x * hard_sigmoid(x),
            Self::HardSigmoid => hard_sigmoid(x),
            Self::Softplus => x.max(0.0) + (-x.abs()).exp().ln_1p(),
            Self::Elu => x.max(0.0) + x.min(0.0).exp_m1(),
            Self::LeakyRelu(slope) => x.max(0.0) + f64::from(slope.value()) * x.min(0.0),
            Self::Polynomial(polynomial) => polynomial.eval(x),
            Self::Sign => {
                if x > 0.0 {
                    1.0
                } else {
                    -1.0
                }
            }
        }
    }

    /// The largest |f(x)| where |x| is at most the bound.
    #[must_use]
    pub fn largest_within(self, bound: f64) -> f64 {
        match self {
            Self::Polynomial(polynomial) => polynomial.largest_within(bound),
            // All others have it at the bound.
            _ => self.eval(bound).abs(),
        }
    }

    /// Whether f(s x) = f(s) f(x) for every s > 0, so that a positive factor s may pass through
    /// and comes out as f(s).
    #[must_use]
    pub const fn is_homogeneous(self) -> bool {
        match self {
            Self::Relu | Self::Identity | Self::Square | Self::LeakyRelu(_) | Self::Sign => true,
            Self::Silu
            | Self::Sigmoid
            | Self::Tanh
            | Self::Gelu
            | Self::Relu6
            | Self::HardSwish
            | Self::HardSigmoid
            | Self::Softplus
            | Self::Elu
            | Self::Polynomial(_) => false,
        }
    }

    /// The name used in model metadata.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Relu => "relu",
            Self::Silu => "silu",
            Self::Sigmoid => "sigmoid",
            Self::Tanh => "tanh",
            Self::Gelu => "gelu",
            Self::Identity => "identity",
            Self::Square => "square",
            Self::Relu6 => "relu6",
            Self::HardSwish => "hardswish",
            Self::HardSigmoid => "hardsigmoid",
            Self::Softplus => "softplus",
            Self::Elu => "elu",
            Self::LeakyRelu(_) => "leakyrelu",
            Self::Polynomial(_) => "polynomial",
            Self::Sign => "sign",
        }
    }
}

impl fmt::Display for ActivationKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

impl FromStr for ActivationKind {
    type Err = UnknownActivation;

    fn from_str(name: &str) -> Result<Self, UnknownActivation> {
        let mut kinds = Self::CONTINUOUS.into_iter().chain([Self::Sign]);
        kinds.find(|kind| kind.name() == name).ok_or(UnknownActivation)
    }
}

/// The name is none of the known activation functions.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
#[error(
    "the activation function is none of relu, silu, sigmoid, tanh, gelu, identity, square, relu6, \
     hardswish, hardsigmoid, softplus, elu, leakyrelu, sign"
)]
pub struct UnknownActivation;

fn hard_sigmoid(x: f64) -> f64 {
    (x / 6.0 + 0.5).clamp(0.0, 1.0)
}

fn sigmoid(x: f64) -> f64 {
    1.0 / (1.0 + (-x).exp())
}

/// The error function: erf(x) = 2/sqrt(pi) * exp(-x^2) * sum_n 2^n x^(2n+1) / (1 * 3 * ... * (2n+1))
/// (Abramowitz and Stegun 7.1.6). All terms have one sign, so nothing cancels.
#[must_use]
pub fn erf(x: f64) -> f64 {
    // Beyond this erf rounds to +-1 in double precision.
    if x.abs() > 6.0 {
        return x.signum();
    }
    let mut term = x;
    let mut sum = x;
    let mut odd = 1.0;
    while term.abs() > f64::EPSILON * sum.abs() {
        odd += 2.0;
        term *= 2.0 * x * x / odd;
        sum += term;
    }
    std::f64::consts::FRAC_2_SQRT_PI * (-x * x).exp() * sum
}

#[cfg(test)]
mod tests {
    use super::*;

    fn all() -> impl Iterator<Item = ActivationKind> {
        ActivationKind::CONTINUOUS.into_iter().chain([ActivationKind::Sign])
    }

    #[test]
    fn known_values() {
        let cases = [
            (ActivationKind::Relu, -2.0, 0.0),
            (ActivationKind::Relu, 2.0, 2.0),
            (ActivationKind::Silu, 1.0, 0.731_058_578_630_004_9),
            (ActivationKind::Sigmoid, -1.0, 0.268_941_421_369_995_1),
            (ActivationKind::Tanh, 0.5, 0.462_117_157_260_009_8),
            (ActivationKind::Gelu, 1.0, 0.841_344_746_068_542_9),
            (ActivationKind::Gelu, -2.0, -0.045_500_263_896_358_4),
            (ActivationKind::Identity, -0.25, -0.25),
            (ActivationKind::Square, -1.5, 2.25),
            (ActivationKind::Relu6, 7.0, 6.0),
            (ActivationKind::HardSwish, -1.0, -1.0 / 3.0),
            (ActivationKind::HardSigmoid, 1.5, 0.75),
            (ActivationKind::Softplus, 0.0, std::f64::consts::LN_2),
            (ActivationKind::Elu, -1.0, -0.632_120_558_828_557_7),
            (ActivationKind::Sign, 0.25, 1.0),
            (ActivationKind::Sign, 0.0, -1.0),
        ];
        for (kind, x, expected) in cases {
            assert!((kind.eval(x) - expected).abs() < 1e-15, "{kind}({x}) = {}", kind.eval(x));
        }
    }

    #[test]
    fn the_error_function_agrees_with_tables() {
        let table = [(0.0, 0.0), (0.5, 0.520_499_877_813_046_5), (3.0, 0.999_977_909_503_001_4)];
        for (x, expected) in table {
            assert!((erf(x) - expected).abs() < 1e-15, "erf({x}) = {}", erf(x));
            assert!((erf(-x) + expected).abs() < 1e-15);
        }
        assert!((erf(5.999) - 1.0).abs() < 1e-15);
    }

    #[test]
    fn large_arguments_stay_finite() {
        for kind in all() {
            for x in [-1e30, -800.0, 800.0, 1e30] {
                assert!(kind.eval(x).is_finite(), "{kind}({x})");
            }
        }
    }

    #[test]
    fn no_value_is_larger_than_the_largest() {
        let cubic = Polynomial::new(&[0.5, -1.0, -0.25, 2.0]).map(ActivationKind::Polynomial);
        for kind in all().chain(cubic) {
            for bound in [0.01, 0.3, 1.5, 8.0] {
                let largest = kind.largest_within(bound);
                for step in -1000..=1000 {
                    let value = kind.eval(bound * f64::from(step) / 1000.0);
                    assert!(value.abs() <= largest, "{kind}, {bound}, {step}");
                }
            }
        }
    }

    #[test]
    fn only_homogeneous_functions_let_factors_pass() {
        for kind in all() {
            let factor = kind.eval(3.0);
            let passes = |x: f64| (kind.eval(3.0 * x) - factor * kind.eval(x)).abs() < 1e-12;
            assert_eq!(passes(1.0) && passes(-0.5) && passes(4.0), kind.is_homogeneous(), "{kind}");
        }
    }

    #[test]
    fn names_round_trip() {
        for kind in all() {
            assert_eq!(kind.name().parse(), Ok(kind));
        }
        assert_eq!("ReLU-6".parse::<ActivationKind>(), Err(UnknownActivation));
    }
}
