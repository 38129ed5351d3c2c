//! The end of a program: scores, and an answer that is small enough to send.

use std::collections::BTreeSet;

use blindsight_ckks::encoding::Complex64;
use blindsight_engine::{Operation, PlaintextData};

use super::Build;
use super::sums::{Sums, Targets};
use crate::contract::{ANSWER_LOG2_MODULUS, Formats};
use crate::general::GeneralError;
use crate::general::carrier::Carrier;
use crate::general::network::Affine;

/// Part of the smallest prime that a score of 1 takes: there is room for more than twice that.
pub(in crate::general) const ANSWER_SHARE: f64 = 1.0 / 8.0;

impl Build<'_> {
    /// The end of the program. The answer keeps the coefficients alone that repeat with its period,
    /// and these hold the mean over all slots of each class: the sum over the slots costs nothing.
    pub(super) fn scores(&mut self, affine: &Affine) -> Result<Formats, GeneralError> {
        let slots = self.slots();
        let classes = affine.shape.elements();
        let period = classes.next_power_of_two();
        if period > slots {
            return Err(GeneralError::Slots { shape: affine.shape, slots });
        }
        // The mean of so many slots is to be their sum.
        let count = (slots / period) as f32;
        let mut terms = self.folded_blocks(affine, period, None);
        let blocks = terms.iter_mut().flat_map(|(_, blocks)| blocks.values_mut());
        for (_, weight) in blocks.flat_map(|block| block.by_offset.values_mut()).flatten() {
            *weight *= count;
        }
        let answer_scale = self.carrier.set().prime(1) * ANSWER_SHARE;
        let mut levels = self.levels(affine)?;
        if let Carrier::Leveled(_) = self.carrier {
            levels.scale = answer_scale;
        }
        let Sums { parts, level, scale, shift } =
            self.transforms(terms, Targets::Real, &BTreeSet::new(), levels)?;
        let mut value = parts[0];
        let slot = |class: usize| (class as i64 - shift).rem_euclid(period as i64) as usize;
        if affine.bias.iter().any(|b| *b != 0.0) {
            let mut values = vec![Complex64::ZERO; period];
            for (class, bias) in affine.bias.iter().enumerate() {
                values[slot(class)] = Complex64::new(*bias, 0.0);
            }
            value = self.emitter.add_plaintext(value, PlaintextData { values, level, scale });
        }
        if level > 1 {
            let (input, level, scale) = (value, 1, answer_scale);
            self.emitter.push(Operation::Rescale { input, level, scale });
        }
        Ok(Formats {
            input: self.held[0].layout.shape,
            ciphertexts: self.held[0].layout.parts(),
            boxes: self.held[0].layout.boxes(slots),
            answer_log2_modulus: ANSWER_LOG2_MODULUS,
            answer_period: period,
            answer_scale,
            answer_unit: self.network.bound,
            answer_slots: (0..classes).map(|class| slot(class) as u32).collect(),
        })
    }
}
