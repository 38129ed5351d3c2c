//! What a bootstrap adds to what it computes.

use std::f64::consts::TAU;

use crate::activation::TrigPolynomial;

/// The errors of a bootstrap, root mean square, each independent of the others and nearly so from slot
/// to slot: the exponential `E = exp(2 pi i t)` becomes `(1 + radius) exp(2 pi i turns) E`, and the
/// polynomial of it is off by `result` more, whatever it is.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct BootstrapNoise {
    /// Of the magnitude of the exponential.
    pub radius: f64,
    /// Of its angle, as a part of the circle.
    pub turns: f64,
    /// Of the result, as a part of its unit.
    pub result: f64,
}

impl BootstrapNoise {
    /// Those of [`BootstrapLiteral::degree_15`](super::BootstrapLiteral::degree_15) on the ring of
    /// degree `2^15`: measured, as a test repeats.
    pub const DEGREE_15: Self = Self { radius: 1.28e-4, turns: 3.6e-5, result: 2.66e-5 };

    /// The error of the polynomial's result at `t`, root mean square, to first order.
    #[must_use]
    pub fn of(&self, polynomial: &TrigPolynomial, t: f64) -> f64 {
        let [by_radius, by_angle] = polynomial.slopes(t);
        let exponential = (self.radius * by_radius).hypot(TAU * self.turns * by_angle);
        exponential.hypot(self.result)
    }
}
