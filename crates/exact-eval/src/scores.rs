//! Scores out of the slots of CKKS: each to coefficient 0 of a ciphertext of its own.
//!
//! Coefficient 0 of a polynomial is the mean of its slots. So the score of a class is coefficient 0
//! of the slots times a mask, which is as many as the slots repeat with in those of the class and
//! zero in all others: one plaintext product, no rotation and no key. All other coefficients may
//! exceed the modulus; nobody looks at them.

use blindsight_ckks::ciphertext::Ciphertext;
use blindsight_ckks::encoding::Complex64;
use blindsight_ckks::keys::Special;
use blindsight_ckks_eval::linear_transform::{LinearTransform, Node, Term, TransformPlan};
use blindsight_ckks_eval::{Context, Evaluator};
use rayon::prelude::*;

use crate::error::ExactError;

/// Where the scores are.
#[derive(Debug, Clone, PartialEq)]
pub struct ScoreLayout {
    /// The level of the ciphertext: at least 2.
    pub level: usize,
    /// Its scale.
    pub scale: f64,
    /// The number of distinct slots.
    pub period: usize,
    /// For each class, its slot.
    pub slots: Vec<usize>,
    /// The largest absolute value of a score in its slot.
    pub bound: f64,
}

/// Takes scores out of their slots.
#[derive(Debug)]
pub struct ScoreSelection {
    masks: Vec<LinearTransform>,
    unit: f64,
}

/// The part of half the circle that the largest difference of scores, twice their bound, takes: what
/// is left is for scores beyond the bound, which was measured on other pictures.
const FILL: f64 = 0.95;

impl ScoreSelection {
    /// Prepares the masks.
    ///
    /// # Errors
    /// When the layout is none.
    pub fn new(context: &Context, layout: &ScoreLayout) -> Result<Self, ExactError> {
        let wrong = |what| Err(ExactError::Layout { what });
        let set = context.set();
        let ScoreLayout { level, scale, period, ref slots, bound } = *layout;
        if !(2..=set.top_level()).contains(&level) {
            return wrong("the level");
        }
        if !period.is_power_of_two() || period > set.slots() {
            return wrong("the period");
        }
        if slots.iter().any(|slot| *slot >= period) {
            return wrong("a slot");
        }
        if !(scale.is_finite() && scale > 0.0 && bound.is_finite() && bound > 0.0) {
            return wrong("the scale or the bound");
        }
        let unit = FILL * 0.5 / (2.0 * bound);
        // At level 1, once around the circle is the base prime.
        let divisor: f64 = (2..=level).map(|level| set.prime(level)).product();
        let weight_scale = unit * set.prime(1) * divisor / scale;
        let mask = |slot: usize| {
            let weight = |i| if i == slot { period as f64 } else { 0.0 };
            let weights = (0..period).map(|i| Complex64::new(weight(i), 0.0)).collect();
            let plan = TransformPlan {
                level,
                baby_special: Special { wide: 0, narrow: 0 },
                giant_special: Special { wide: 0, narrow: 0 },
                nodes: vec![Node::Input { mask: None }],
                masks: Vec::new(),
                mask_scale: 1.0,
                sums: vec![vec![Term { node: 0, weights }]],
                giant: None,
                weight_scale,
                rescales: level - 1,
            };
            plan.check(set)?;
            Ok(LinearTransform::new(context, plan))
        };
        let masks = slots.iter().map(|slot| mask(*slot)).collect::<Result<_, ExactError>>()?;
        Ok(Self { masks, unit })
    }

    /// The bytes that the masks occupy in memory.
    #[must_use]
    pub fn byte_len(&self) -> usize {
        self.masks.iter().map(LinearTransform::byte_len).sum()
    }

    /// The part of the circle that a difference of 1 between two slots is.
    #[must_use]
    pub fn unit(&self) -> f64 {
        self.unit
    }

    /// The scores: coefficient 0 of each of the ciphertexts, which are at level 1.
    ///
    /// # Errors
    /// When the ciphertext has fewer limbs than the layout says.
    pub fn apply(
        &self,
        evaluator: Evaluator<'_>,
        scores: &Ciphertext,
    ) -> Result<Vec<Ciphertext>, ExactError> {
        let masks = self.masks.par_iter();
        masks.map(|mask| Ok(mask.apply(evaluator, scores)?)).collect()
    }
}
