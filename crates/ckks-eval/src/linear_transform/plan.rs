//! A linear transform as data: rotations and weights in the clear.

use blindsight_ckks::encoding::Complex64;
use blindsight_ckks::keys::{KeyKind, Special};
use blindsight_ckks::parameters::Parameters;
use blindsight_ring::GaloisElement;
use thiserror::Error;

use crate::key_uses::KeyUses;

/// Where a rotated copy of the input comes from.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Node {
    /// The input itself, or the input times one of the plan's masks.
    Input {
        /// Index of the mask.
        mask: Option<usize>,
    },
    /// An earlier node under an automorphism.
    Step {
        /// Index of the earlier node.
        from: usize,
        /// The automorphism.
        element: GaloisElement,
    },
}

/// One weighted copy.
#[derive(Debug, Clone)]
pub struct Term {
    /// Index of the node.
    pub node: usize,
    /// The weight of each slot; a power-of-two number of values that repeats over the slots.
    pub weights: Vec<Complex64>,
}

/// The transform `x -> sum_j giant^j (sum over sums[j] of weights * node)`.
#[derive(Debug, Clone)]
pub struct TransformPlan {
    /// The level of the input.
    pub level: usize,
    /// Special primes of the keys of the baby steps.
    pub baby_special: Special,
    /// Special primes of the keys of the giant steps: those of the baby steps, and maybe more.
    pub giant_special: Special,
    /// The rotated copies; a node comes after the node it is made from.
    pub nodes: Vec<Node>,
    /// Masks over all slots.
    pub masks: Vec<Vec<Complex64>>,
    /// The scale of the masks (an integer); unmasked inputs are multiplied by it.
    pub mask_scale: f64,
    /// The inner sums, lowest giant step first.
    pub sums: Vec<Vec<Term>>,
    /// The giant step.
    pub giant: Option<GaloisElement>,
    /// The scale of the weights.
    pub weight_scale: f64,
    /// Primes that the result is divided by.
    pub rescales: usize,
}

/// Why a plan is no linear transform.
#[derive(Debug, Error, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum PlanError {
    /// The level does not exist, or the rescale leaves nothing of it.
    #[error("a transform at level {level} cannot drop {rescales} primes")]
    Level {
        /// The level of the input.
        level: usize,
        /// Primes that the result is divided by.
        rescales: usize,
    },
    /// The special primes do not exist, or those of the baby steps are not among the others.
    #[error("the special primes of a transform's giant steps must include those of its baby steps")]
    Special,
    /// There are no sums, or none with a term, or several without a giant step.
    #[error("a transform needs sums with terms, and a giant step between any two")]
    Sums,
    /// A node, a mask or a term names something that does not come before it.
    #[error("node {index} of a transform names something that is not there")]
    Node {
        /// Its index.
        index: usize,
    },
    /// Weights or masks do not fill the slots evenly, or are no numbers.
    #[error("weights must be a power of two of finite numbers, at most as many as there are slots")]
    Weights,
    /// The scale is no positive number.
    #[error("the scale of a transform's weights or masks is not a positive number")]
    Scale,
}

impl TransformPlan {
    /// Checks that the plan can be encoded and applied under a parameter set.
    ///
    /// # Errors
    /// See [`PlanError`].
    pub fn check(&self, set: &Parameters) -> Result<(), PlanError> {
        let (level, rescales) = (self.level, self.rescales);
        if level > set.top_level() || rescales >= level {
            return Err(PlanError::Level { level, rescales });
        }
        let (baby, giant, all) = (self.baby_special, self.giant_special, set.all_special());
        let within = |x: Special, y: Special| x.wide <= y.wide && x.narrow <= y.narrow;
        if !(within(baby, giant) && within(giant, all)) {
            return Err(PlanError::Special);
        }
        // A sum may be empty, but not all of them.
        if self.sums.iter().all(Vec::is_empty) || (self.sums.len() > 1 && self.giant.is_none()) {
            return Err(PlanError::Sums);
        }
        for (index, node) in self.nodes.iter().enumerate() {
            let known = match *node {
                Node::Input { mask } => mask.is_none_or(|mask| mask < self.masks.len()),
                Node::Step { from, .. } => from < index,
            };
            if !known {
                return Err(PlanError::Node { index });
            }
        }
        let terms = || self.sums.iter().flatten();
        if let Some(term) = terms().find(|term| term.node >= self.nodes.len()) {
            return Err(PlanError::Node { index: term.node });
        }
        let sound = |values: &[Complex64]| {
            let count = values.len();
            count.is_power_of_two() && count <= set.slots() && values.iter().all(|z| z.is_finite())
        };
        let full = |mask: &Vec<Complex64>| mask.len() == set.slots() && sound(mask);
        if !(terms().all(|term| sound(&term.weights)) && self.masks.iter().all(full)) {
            return Err(PlanError::Weights);
        }
        let scale = |scale: f64| scale.is_finite() && scale >= 1.0;
        if scale(self.weight_scale) && scale(self.mask_scale) {
            Ok(())
        } else {
            Err(PlanError::Scale)
        }
    }

    /// The key switches of the transform.
    pub fn add_uses(&self, uses: &mut KeyUses) {
        for node in &self.nodes {
            if let Node::Step { element, .. } = *node {
                uses.add(KeyKind::Automorphism(element), self.level);
            }
        }
        self.add_giant_use(uses);
    }

    /// The same but for the baby steps.
    pub(crate) fn add_giant_use(&self, uses: &mut KeyUses) {
        if let Some(element) = self.giant.filter(|_| self.sums.len() > 1) {
            uses.add(KeyKind::Automorphism(element), self.level);
        }
    }

    /// What the transform multiplies the scale of its input by, rescale included.
    #[must_use]
    pub fn gain(&self, set: &Parameters) -> f64 {
        let dropped = self.level - self.rescales + 1..=self.level;
        let divisor: f64 = dropped.map(|level| set.prime(level)).product();
        let masks = if self.masks.is_empty() { 1.0 } else { self.mask_scale.round() };
        self.weight_scale * masks / divisor
    }
}
