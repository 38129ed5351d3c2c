//! A linear transform as data: rotations and weights in the clear.

use blindsight_ckks::encoding::Complex64;
use blindsight_ckks::keys::Special;
use blindsight_ring::GaloisElement;

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
    /// Special primes of the keys that make the babies.
    pub baby_special: Special,
    /// Special primes of the keys of the giant steps: a superset of the babies'.
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
