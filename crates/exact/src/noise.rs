//! The noise of every step, as a part of the circle: standard deviations, computed.
//!
//! Errors of different samples are independent, digits of decompositions uniform, and half the
//! coefficients of a binary secret are one.

use crate::decision::Decision;
use crate::keys::KeyPart;
use crate::label::{FLOOD, LABEL_BITS};
use crate::parameters::{Decomposition, ExactParameters};
use crate::sampling::deviation;

/// Standard deviations of what the steps add.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Noise {
    /// The bridge from CKKS, beside the noise that the score had.
    pub bridge: f64,
    /// A bootstrap's result.
    pub bootstrap: f64,
    /// A key switch from `S` to `z`.
    pub key_switch: f64,
    /// Rounding to the `2 * degree` steps of a blind rotation, centred.
    pub modulus_switch: f64,
    /// Rounding of an answer to the bits that travel.
    pub answer: f64,
}

/// `log2` of the largest probability that one bootstrap errs whose input is no near tie of scores.
pub const LOG2_FAILURE: f64 = -64.0;

/// How many standard deviations a normal variable leaves with probability `2^LOG2_FAILURE`, either
/// way.
const DEVIATIONS: f64 = 9.2;

impl Noise {
    pub(crate) fn new(set: &ExactParameters) -> Self {
        let literal = set.literal();
        let (degree, dimension) = (set.degree() as f64, set.lwe_dimension() as f64);
        let ring_error = published_deviation(set, KeyPart::Bootstrap);
        let lwe_error = published_deviation(set, KeyPart::KeySwitch);
        // Two products of the degree's length with each bit of z, and the rounding of the
        // accumulator, which meets S and the bit.
        let products = 2.0 * degree * terms(literal.bootstrap) * ring_error * ring_error;
        let rounding = (1.0 + degree / 2.0) / 2.0 * left_out(literal.bootstrap);
        let bootstrap = dimension * (products + rounding);
        let key_switch = degree * terms(literal.key_switch) * lwe_error * lwe_error
            + degree / 2.0 * left_out(literal.key_switch);
        // Two of three coefficients of the secret of CKKS are one or minus one.
        let scheme_degree = set.scheme_degree() as f64;
        let bridge = scheme_degree * terms(literal.bridge) * ring_error * ring_error
            + scheme_degree * 2.0 / 3.0 * left_out(literal.bridge);
        // Without centring it would be n / 2: what is known of the sum of the errors is taken off.
        let modulus_switch = (dimension / 4.0 + 1.0) / 12.0 / (2.0 * degree).powi(2);
        let answer = (degree / 2.0 + 1.0) / 12.0 / 4_f64.powi(LABEL_BITS as i32);
        Self {
            bridge: bridge.sqrt(),
            bootstrap: bootstrap.sqrt(),
            key_switch: key_switch.sqrt(),
            modulus_switch: modulus_switch.sqrt(),
            answer: answer.sqrt(),
        }
    }

    /// Of a decision between two scores: the bridge twice, then a key switch and its rounding. What
    /// the scores' own noise is comes on top.
    #[must_use]
    pub fn comparison(&self) -> f64 {
        let bridges = 2.0 * self.bridge * self.bridge;
        (bridges + self.decision(0)).sqrt()
    }

    /// Of a decision on a sum of so many results of bootstraps.
    #[must_use]
    pub fn count(&self, terms: usize) -> f64 {
        self.decision(terms).sqrt()
    }

    /// The most classes that a label is decided between: see [`Self::most_classes_for`].
    #[must_use]
    pub fn most_classes(&self) -> usize {
        self.most_classes_for(&Decision::Label)
    }

    /// The most classes for which every bootstrap but those of near ties, and the reading of the
    /// answer, fail with at most `2^LOG2_FAILURE`.
    #[must_use]
    pub fn most_classes_for(&self, decision: &Decision) -> usize {
        let fits = |classes: &usize| {
            let others = classes - 1;
            // What a sum of results has on each side, for a comparison with each other class.
            let room = match decision {
                Decision::Label | Decision::Among { .. } => 0.25 / others as f64,
                // Three values of a comparison in the room of two.
                Decision::LabelWithLead { .. } => 0.125 / others as f64,
            };
            // How many results the answer is the sum of, and half the distance between answers.
            let (terms, half_spacing) = match decision {
                Decision::Label => (others, 0.25 / others as f64),
                Decision::LabelWithLead { .. } => (*classes, 0.25 / *classes as f64),
                Decision::Among { .. } => (1, 0.25),
            };
            let answer = (self.answer.powi(2) + terms as f64 * self.bootstrap.powi(2)).sqrt();
            let left = half_spacing * (1.0 - 2.0 * FLOOD);
            self.count(others) * DEVIATIONS <= room && answer * DEVIATIONS <= left
        };
        (2..=256).take_while(fits).last().unwrap_or(0)
    }

    fn decision(&self, terms: usize) -> f64 {
        let results = terms as f64 * self.bootstrap * self.bootstrap;
        results + self.key_switch * self.key_switch + self.modulus_switch * self.modulus_switch
    }
}

/// Of the error of a number that was rounded to the bits that travel.
fn published_deviation(set: &ExactParameters, part: KeyPart) -> f64 {
    let rounding = 2_f64.powi(64 - part.body_bits(set) as i32) / 12_f64.sqrt();
    deviation(part.log2_error(set)).hypot(rounding) / 2_f64.powi(64)
}

/// The sum of the mean squares of all digits of a number.
fn terms(decomposition: Decomposition) -> f64 {
    let base = 2_f64.powi(decomposition.log2_base as i32);
    f64::from(decomposition.levels) * (base * base + 2.0) / 12.0
}

/// The mean square of what the digits leave out of a number on the circle.
fn left_out(decomposition: Decomposition) -> f64 {
    2_f64.powi(-2 * (decomposition.log2_base * decomposition.levels) as i32) / 12.0
}

#[cfg(test)]
mod tests {
    use crate::decision::{ClassSet, Decision, Lead};
    use crate::keys::tests::set;

    #[test]
    fn figures_are_those_of_the_documentation() {
        let noise = set().noise();
        let parts = |x: f64| (x.log2() * 100.0).round() / 100.0;
        let found = [
            noise.bridge,
            noise.bootstrap,
            noise.key_switch,
            noise.modulus_switch,
            noise.answer,
            noise.comparison(),
        ];
        assert_eq!(found.map(parts), [-17.50, -14.98, -10.98, -9.87, -10.79, -9.73]);
        assert_eq!(noise.most_classes(), 23);
        let lead = Decision::LabelWithLead { lead: Lead::new(0.02).unwrap() };
        assert_eq!(noise.most_classes_for(&lead), 12);
        let among = Decision::Among { classes: ClassSet::new(vec![0]).unwrap() };
        assert_eq!(noise.most_classes_for(&among), 23);
    }
}
