//! Slots to coefficients and back: the special FFT as homomorphic linear transforms.
//!
//! The butterfly stages of the encoding's FFT are merged into a few groups, each a sparse matrix
//! with diagonals at multiples of one step (Chen, Chillotti and Song 2018). Bit reversals are left
//! out on both sides and cancel. A group starts at its lowest diagonal, which leaves its output
//! rotated to the left by its shift; the groups after it are written for rotated slots, and one
//! rotation in slots-to-coefficients undoes all shifts.

use std::collections::BTreeMap;

use blindsight_ckks::encoding::{Complex64, Encoder};
use blindsight_ckks::keys::Special;
use blindsight_ckks::parameters::Parameters;
use blindsight_ring::GaloisElement;

use super::groups::StepGroup;
use crate::linear_transform::{Node, Term, TransformPlan};

/// Weights by rotation: the diagonals of a matrix over the slots, each with the matrix's period.
type Diagonals = BTreeMap<i64, Vec<Complex64>>;

/// In which direction the stages run.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Direction {
    /// Coefficients to slots: largest stage first, each the inverse of a butterfly.
    ToSlots,
    /// Slots to coefficients: smallest stage first.
    ToCoefficients,
}

/// Everything about one group that is not in its [`StepGroup`].
#[derive(Debug, Clone, Copy)]
pub(crate) struct GroupSettings {
    pub(crate) direction: Direction,
    pub(crate) level: usize,
    /// Rotation to the left that the input already has.
    pub(crate) input_shift: usize,
    /// A rotation before anything else that undoes the input's shift.
    pub(crate) realign: Option<i64>,
    pub(crate) weight_scale: f64,
    /// Special primes of the keys of the baby steps.
    pub(crate) baby_special: Special,
    /// Special primes of the keys of the giant steps.
    pub(crate) giant_special: Special,
}

/// The plan of one group of stages.
pub(crate) fn plan(set: &Parameters, group: StepGroup, settings: GroupSettings) -> TransformPlan {
    let slots = set.slots();
    let diagonals = group_diagonals(set.encoder(), group, settings.direction, slots);
    let step = group.step() as i64;
    let shift = group.shift(slots) as i64;
    let frame = if settings.realign.is_some() { 0 } else { settings.input_shift as i64 + shift };
    let giants = diagonals.len().div_ceil(group.babies);
    let mut sums: Vec<Vec<Term>> = vec![Vec::new(); giants];
    let rotation = |steps: i64| GaloisElement::rotation(steps, set.degree());
    let mut nodes = vec![Node::Input { mask: None }];
    if let Some(steps) = settings.realign {
        nodes.push(Node::Step { from: 0, element: rotation(steps) });
    }
    let first = nodes.len() - 1;
    for baby in 1..group.babies {
        let (parent, steps) = group.parent(baby);
        nodes.push(Node::Step { from: first + parent, element: rotation(steps as i64 * step) });
    }
    for (offset, diagonal) in diagonals {
        let index = ((offset + shift) / step) as usize;
        let (giant, baby) = (index / group.babies, index % group.babies);
        // The giant rotation comes after the weights: rotate them back by it.
        let rotated = rotate(&diagonal, frame - (giant * group.giant_step()) as i64);
        sums[giant].push(Term { node: first + baby, weights: rotated });
    }
    let giant = rotation(group.giant_step() as i64);
    TransformPlan {
        level: settings.level,
        baby_special: settings.baby_special,
        giant_special: settings.giant_special,
        nodes,
        masks: Vec::new(),
        mask_scale: 1.0,
        sums,
        giant: Some(giant),
        weight_scale: settings.weight_scale,
        rescales: 1,
    }
}

/// `values` rotated to the left by `steps`.
pub(crate) fn rotate(values: &[Complex64], steps: i64) -> Vec<Complex64> {
    let count = values.len() as i64;
    (0..count).map(|i| values[(i + steps).rem_euclid(count) as usize]).collect()
}

/// The diagonals of the product of a group's stages, with the period of its largest stage.
fn group_diagonals(
    encoder: &Encoder,
    group: StepGroup,
    direction: Direction,
    slots: usize,
) -> Diagonals {
    let lens = std::iter::successors(Some(group.first_len), |len| Some(2 * len))
        .take_while(|len| *len <= group.last_len);
    let mut lens: Vec<usize> = lens.collect();
    if direction == Direction::ToSlots {
        lens.reverse();
    }
    let wraps = group.last_len == slots;
    let stage = |len| stage_diagonals(encoder, len, direction, group.last_len);
    let mut product = stage(lens[0]);
    for &len in &lens[1..] {
        product = compose(&stage(len), &product);
    }
    let mut result = Diagonals::new();
    for (offset, diagonal) in product {
        // The largest stage of all joins the whole circle: its diagonals meet modulo the slots.
        let offset = if wraps { offset.rem_euclid(slots as i64) } else { offset };
        add_into(result.entry(offset).or_default(), &diagonal);
    }
    result
}

/// One stage: butterflies of blocks of `len` slots, as diagonals of period `period`.
fn stage_diagonals(
    encoder: &Encoder,
    len: usize,
    direction: Direction,
    period: usize,
) -> Diagonals {
    let half = len / 2;
    let mut main = vec![Complex64::ZERO; period];
    let (mut up, mut down) = (main.clone(), main.clone());
    for block in (0..period).step_by(len) {
        for j in 0..half {
            let w = encoder.twiddle(len, j);
            let (a, b) = (block + j, block + j + half);
            match direction {
                Direction::ToCoefficients => {
                    (main[a], up[a]) = (Complex64::ONE, w);
                    (main[b], down[b]) = (-w, Complex64::ONE);
                }
                Direction::ToSlots => {
                    let w = w.conj() * 0.5;
                    (main[a], up[a]) = (Complex64::new(0.5, 0.0), Complex64::new(0.5, 0.0));
                    (main[b], down[b]) = (-w, w);
                }
            }
        }
    }
    Diagonals::from([(0, main), (half as i64, up), (-(half as i64), down)])
}

/// The diagonals of `second` after `first`.
fn compose(second: &Diagonals, first: &Diagonals) -> Diagonals {
    let mut product = Diagonals::new();
    for (outer, weights) in second {
        for (inner, diagonal) in first {
            let rotated = rotate(diagonal, *outer);
            let term: Vec<Complex64> = weights.iter().zip(&rotated).map(|(w, d)| w * d).collect();
            add_into(product.entry(outer + inner).or_default(), &term);
        }
    }
    product
}

fn add_into(sum: &mut Vec<Complex64>, term: &[Complex64]) {
    sum.resize(term.len(), Complex64::ZERO);
    for (s, t) in sum.iter_mut().zip(term) {
        *s += t;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn apply(diagonals: &Diagonals, x: &[Complex64]) -> Vec<Complex64> {
        let mut y = vec![Complex64::ZERO; x.len()];
        for (offset, weights) in diagonals {
            for (i, y) in y.iter_mut().enumerate() {
                let from = (i as i64 + offset).rem_euclid(x.len() as i64) as usize;
                *y += weights[i % weights.len()] * x[from];
            }
        }
        y
    }

    /// The groups undo the encoding's transform, up to its bit reversal.
    #[test]
    fn groups_multiply_to_the_special_fft() {
        let slots = 64;
        let encoder = Encoder::new(2 * slots);
        let groups = [(2, 8), (16, 64)].map(|(first_len, last_len)| StepGroup {
            first_len,
            last_len,
            babies: 4,
            hoisted: 1,
        });
        let values: Vec<Complex64> =
            (0..slots).map(|i| Complex64::new((i as f64).sin(), (2.5 * i as f64).cos())).collect();
        let coefficients = encoder.to_coefficients(&values);
        let mut x = values.clone();
        for group in groups.iter().rev() {
            x = apply(&group_diagonals(&encoder, *group, Direction::ToSlots, slots), &x);
        }
        for (i, z) in x.iter().enumerate() {
            let j = i.reverse_bits() >> (usize::BITS - slots.trailing_zeros());
            let expected = Complex64::new(coefficients[j], coefficients[j + slots]);
            assert!((z - expected).norm() < 1e-12);
        }
        for group in groups {
            x = apply(&group_diagonals(&encoder, group, Direction::ToCoefficients, slots), &x);
        }
        assert!(x.iter().zip(&values).all(|(a, b)| (a - b).norm() < 1e-12));
    }

    #[test]
    fn diagonals_are_multiples_of_the_step_within_the_shift() {
        let encoder = Encoder::new(256);
        let group = StepGroup { first_len: 8, last_len: 32, babies: 4, hoisted: 2 };
        let diagonals = group_diagonals(&encoder, group, Direction::ToSlots, 128);
        assert_eq!(diagonals.len(), 15);
        assert_eq!(*diagonals.keys().next().unwrap(), -(group.shift(128) as i64));
        assert!(diagonals.keys().all(|offset| offset % 4 == 0));
    }
}
