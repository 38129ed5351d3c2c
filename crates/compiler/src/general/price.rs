//! What a layout, a mask or a key weighs when one of several is to be chosen, in seconds of a run on
//! the usual machine. What runs follows from the table of primitives (`cost`); what memory and keys
//! are worth is a choice, and stands here. The machine that a plan is for changes nothing: one network
//! has one set of keys, wherever it runs.

use blindsight_ckks::keys::KeyError;

use super::carrier::{Carrier, LinearLevels};
use crate::cost::{KeySize, KeySwitch, Machine, Primitives};

/// A byte of weights that is kept in memory: some four times what reading it costs.
const KEPT_BYTE: f64 = 2.9e-10;

/// A new rotation key, in key switches: each client makes and sends it, the evaluator keeps it.
pub(super) const KEY_IN_SWITCHES: usize = 12;

/// A product of ciphertexts, where an activation is one, in weighted copies.
const COPIES_A_PRODUCT: f64 = 16.0;

/// A ciphertext more for a matrix that reads it, in weighted copies.
const COPIES_A_PART: f64 = 240.0;

/// Prices of a linear layer's parts.
#[derive(Clone, Copy, Debug)]
pub(super) struct Prices {
    /// A ciphertext of the result: what its activation takes, where that is a bootstrap.
    pub(super) part: f64,
    /// A ciphertext that is left for what reads the result, pools apart: other diagonals, where weights
    /// are always whole.
    pub(super) left: f64,
    /// A weighted copy of a ciphertext, whatever its weights take.
    pub(super) copy: f64,
    /// A key switch.
    pub(super) switch: f64,
    /// Whether two giant steps share a sum: where a bootstrap reads the result.
    shares: bool,
    /// Slots of a ciphertext.
    slots: usize,
    /// 32-bit words of a weight, and of an entry of a mask.
    words: [usize; 2],
}

impl Prices {
    /// Those of a linear layer that reads values at this level or above.
    pub(super) fn of(carrier: &Carrier, level: usize) -> Result<Self, KeyError> {
        let LinearLevels { level, special, digits, .. } = carrier.linear(level)?;
        let primitives = Primitives::new(carrier.set().log_degree());
        let limbs = level + special.wide + special.narrow;
        let key = KeySize { digits, limbs, special: limbs - level };
        let switch = |step| primitives.key_switch(key, step);
        let mut prices = Self {
            part: Machine::default().bootstrap,
            left: 0.0,
            copy: primitives.weighted_copy(limbs),
            // Transforms take about as many of both.
            switch: (switch(KeySwitch::Baby) + switch(KeySwitch::Giant)) / 2.0,
            shares: carrier.bootstrap().is_some(),
            slots: carrier.set().slots(),
            words: [level + special.narrow + 2 * special.wide, level],
        };
        if !prices.shares {
            let whole = prices.whole_copy();
            (prices.part, prices.left) = (COPIES_A_PRODUCT * whole, COPIES_A_PART * whole);
        }
        Ok(prices)
    }

    /// A linear layer of so many diagonals in so many transforms, with so many weights each.
    pub(super) fn layer(&self, transforms: usize, diagonals: usize, weights: usize) -> f64 {
        let copy = self.copy + self.weights(weights);
        if !self.shares {
            return copy * diagonals as f64;
        }
        let copies = diagonals as f64 / 2.0;
        copy * copies + self.steps(copies * transforms as f64)
    }

    /// Baby steps and giant steps to so many copies, where there are about as many of both.
    pub(super) fn steps(&self, copies: f64) -> f64 {
        2.0 * copies.sqrt() * self.switch
    }

    /// Sums over so many parts of a row, where they are made before an activation.
    pub(super) fn sum_up(&self, parts: usize) -> f64 {
        if self.shares { f64::from(parts.ilog2()) * self.switch } else { 0.0 }
    }

    /// So many weights, encoded.
    pub(super) fn weights(&self, count: usize) -> f64 {
        Self::encoded(count * self.words[0])
    }

    /// So many masks, encoded: each is a step of its own too.
    pub(super) fn masks(&self, count: usize) -> f64 {
        Self::encoded(count * self.slots * self.words[1]) + 2.0 * count as f64 * self.switch
    }

    /// A weighted copy with a weight for each slot.
    pub(super) fn whole_copy(&self) -> f64 {
        self.copy + self.weights(self.slots)
    }

    /// Two polynomials' coefficients stand for each slot, of four bytes each.
    fn encoded(words: usize) -> f64 {
        (words * 2 * 4) as f64 * (Primitives::WEIGHT_BYTE + KEPT_BYTE)
    }
}
