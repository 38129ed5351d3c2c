//! Scores out of the slots of CKKS: each to coefficient 0 of a ciphertext of its own.
//!
//! Coefficient 0 of a polynomial is the mean of its slots. So the score of a class is coefficient 0
//! of the slots times a mask, which is as many as the slots repeat with in those of the class and
//! zero in all others: one plaintext product, no rotation and no key. All other coefficients may
//! exceed the modulus; nobody looks at them.
//!
//! What comes before is linear, at least its last step, and so is the mask: weights on what that step
//! reads are as good, and need none of its rotations.

use blindsight_ckks::ciphertext::Ciphertext;
use blindsight_ckks::encoding::Complex64;
use blindsight_ckks::keys::Special;
use blindsight_ckks_eval::linear_transform::{LinearTransform, Node, Term, TransformPlan};
use blindsight_ckks_eval::{Context, Evaluator, LinearCombination};
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

/// What scores are made of: means over the slots of weighted ciphertexts, and a constant each.
#[derive(Debug, Clone, PartialEq)]
pub struct ScoreProducts {
    /// One for each ciphertext that is read.
    pub factors: Vec<ScoreFactor>,
    /// What is added, for each class.
    pub constants: Vec<f64>,
    /// The largest absolute value of a score.
    pub bound: f64,
}

/// A ciphertext that scores are made of.
#[derive(Debug, Clone, PartialEq)]
pub struct ScoreFactor {
    /// The level of the ciphertext.
    pub level: usize,
    /// Its scale.
    pub scale: f64,
    /// For each class, the weight of every slot: a power of two of them, which repeat.
    pub weights: Vec<Vec<Complex64>>,
}

/// Takes scores out of their slots.
#[derive(Debug)]
pub struct ScoreSelection {
    /// For each ciphertext, and then for each class.
    masks: Vec<Vec<LinearTransform>>,
    constants: Vec<f64>,
    unit: f64,
}

/// The part of half the circle that the largest difference of scores, twice their bound, takes: what
/// is left is for scores beyond the bound, which was measured on other pictures.
const FILL: f64 = 0.95;

impl ScoreLayout {
    /// The products that take scores out of their slots.
    ///
    /// # Errors
    /// When the layout is none.
    pub fn products(&self) -> Result<ScoreProducts, ExactError> {
        let wrong = |what| Err(ExactError::Layout { what });
        let &Self { level, scale, period, ref slots, bound } = self;
        // No ring has more slots.
        if !period.is_power_of_two() || period > 1 << 16 {
            return wrong("the period");
        }
        if slots.iter().any(|slot| *slot >= period) {
            return wrong("a slot");
        }
        let mask = |slot: &usize| {
            let weight = |i| if i == *slot { period as f64 } else { 0.0 };
            (0..period).map(|i| Complex64::new(weight(i), 0.0)).collect()
        };
        let weights = slots.iter().map(mask).collect();
        let constants = vec![0.0; slots.len()];
        Ok(ScoreProducts { factors: vec![ScoreFactor { level, scale, weights }], constants, bound })
    }
}

impl ScoreSelection {
    /// Prepares the products.
    ///
    /// # Errors
    /// When they are none.
    pub fn new(context: &Context, products: &ScoreProducts) -> Result<Self, ExactError> {
        let ScoreProducts { factors, constants, bound } = products;
        if !(bound.is_finite() && *bound > 0.0) {
            return Err(ExactError::Layout { what: "the bound" });
        }
        let unit = FILL * 0.5 / (2.0 * bound);
        let classes = constants.len();
        if factors.is_empty() || factors.iter().any(|factor| factor.weights.len() != classes) {
            return Err(ExactError::Layout { what: "the number" });
        }
        let masks = factors.iter().map(|factor| factor.masks(context, unit));
        let masks = masks.collect::<Result<_, ExactError>>()?;
        Ok(Self { masks, constants: constants.clone(), unit })
    }

    /// The bytes that the masks occupy in memory.
    #[must_use]
    pub fn byte_len(&self) -> usize {
        self.masks.iter().flatten().map(LinearTransform::byte_len).sum()
    }

    /// The part of the circle that a difference of 1 between two scores is.
    #[must_use]
    pub fn unit(&self) -> f64 {
        self.unit
    }

    /// The scores: coefficient 0 of each of the ciphertexts, which are at level 1.
    ///
    /// # Errors
    /// When there are other ciphertexts than the products are of, or one has fewer limbs.
    pub fn apply(
        &self,
        evaluator: Evaluator<'_>,
        read: &[Ciphertext],
    ) -> Result<Vec<Ciphertext>, ExactError> {
        if read.len() != self.masks.len() {
            return Err(ExactError::Layout { what: "the number" });
        }
        let class = |(class, constant): (usize, &f64)| {
            let products = read.iter().zip(&self.masks);
            let products = products.map(|(value, masks)| masks[class].apply(evaluator, value));
            let products = products.collect::<Result<Vec<_>, _>>()?;
            // At level 1, once around the circle is the base prime.
            let scale = self.unit * evaluator.context.set().prime(1);
            let terms = products.iter().map(|product| (Complex64::ONE, product)).collect();
            let sum = LinearCombination { terms, constant: Complex64::new(*constant, 0.0) };
            Ok(sum.at(evaluator.context, 1, scale)?)
        };
        self.constants.par_iter().enumerate().map(class).collect()
    }
}

impl ScoreFactor {
    /// One product for each class.
    fn masks(&self, context: &Context, unit: f64) -> Result<Vec<LinearTransform>, ExactError> {
        let wrong = |what| Err(ExactError::Layout { what });
        let (set, scale) = (context.set(), self.scale);
        if !(1..=set.top_level()).contains(&self.level) {
            return wrong("the level");
        }
        if !(scale.is_finite() && scale > 0.0) {
            return wrong("the scale");
        }
        let divisor: f64 = (2..=self.level).map(|level| set.prime(level)).product();
        let weight_scale = unit * set.prime(1) * divisor / scale;
        let mask = |weights: &Vec<Complex64>| {
            let plan = TransformPlan {
                level: self.level,
                baby_special: Special { wide: 0, narrow: 0 },
                giant_special: Special { wide: 0, narrow: 0 },
                nodes: vec![Node::Input { mask: None }],
                masks: Vec::new(),
                mask_scale: 1.0,
                sums: vec![vec![Term { node: 0, weights: weights.clone() }]],
                giant: None,
                weight_scale,
                rescales: self.level - 1,
            };
            plan.check(set)?;
            Ok(LinearTransform::new(context, plan))
        };
        self.weights.iter().map(mask).collect()
    }
}
