//! The keys of the one circuit there is, and the step sizes that its linear transforms use.

use blindsight_ring::GaloisElement;

use super::{KeyKind, KeyLayout, KeySpec, Special};
use crate::parameters::Parameters;

/// One group of butterfly stages as a baby-step giant-step linear transform.
///
/// The group's diagonals are multiples of `step`. `babies` of them are reached by small rotations,
/// one after another; the rest in jumps of `step * babies`, for which one key is enough. Small
/// rotations by 1, 2, ... `hoisted` steps have keys: so many babies at a time are made from the
/// digits of one.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct StepGroup {
    /// The smallest stage: it joins blocks into this length.
    pub first_len: usize,
    /// The largest stage.
    pub last_len: usize,
    /// Baby steps.
    pub babies: usize,
    /// Keys for baby steps.
    pub hoisted: usize,
}

/// The rotations of the circuit by use.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Rotations {
    /// The groups of coefficients-to-slots, in order of application: largest stages first.
    pub coefficients_to_slots: [StepGroup; 3],
    /// The groups of slots-to-coefficients, in order of application: smallest stages first.
    pub slots_to_coefficients: [StepGroup; 2],
    /// The rotation before the second group of slots-to-coefficients that undoes all shifts which
    /// the groups leave behind by starting at their lowest diagonal.
    pub realign: i64,
    /// Steps of linear layers.
    pub linear: LinearSteps,
}

/// Rotations available to linear layers.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct LinearSteps {
    /// What the imaginary parts of sums are turned by to join the real parts: one slot. The first
    /// group of slots-to-coefficients has the key.
    pub fold: i64,
    /// Two slots.
    pub giant: i64,
    /// Sixteen slots: one pixel of the widest layout.
    pub pixel: i64,
    /// Rotations by 1, 2, ... so many pixels have keys.
    pub hoisted: usize,
    /// One row of pixels of the widest layout.
    pub row: i64,
    /// One row of pixels of the narrowest layout, four of the widest.
    pub long_row: i64,
    /// From the first tap of a 3x3 kernel back to its centre in the widest layout.
    pub back: i64,
}

impl StepGroup {
    /// The distance between neighbouring diagonals.
    #[must_use]
    pub fn step(&self) -> usize {
        self.first_len / 2
    }

    /// The rotation of a giant step.
    #[must_use]
    pub fn giant_step(&self) -> usize {
        self.step() * self.babies
    }

    /// From which baby the baby `index > 0` is made, and how many steps further it is.
    #[must_use]
    pub fn parent(&self, index: usize) -> (usize, usize) {
        hoisted_parent(index, self.hoisted)
    }

    /// How far the group's lowest diagonal lies below zero: the stages reach `first_len / 2 + ... +
    /// last_len / 2` slots to either side. A transform that starts there leaves its output rotated
    /// left by as much. The group with the largest stage wraps around and has no lowest diagonal.
    #[must_use]
    pub fn shift(&self, slots: usize) -> usize {
        if self.last_len == slots { 0 } else { self.last_len - self.step() }
    }
}

impl LinearSteps {
    /// From how many pixels a rotation by `pixels > 0` pixels is made, and how many more it is.
    #[must_use]
    pub fn parent(&self, pixels: usize) -> (usize, usize) {
        hoisted_parent(pixels, self.hoisted)
    }
}

/// With keys for 1 to `hoisted` steps, every `hoisted`-th copy is made from the one before it, and
/// those in between from the same digits.
fn hoisted_parent(index: usize, hoisted: usize) -> (usize, usize) {
    let parent = (index - 1) / hoisted * hoisted;
    (parent, index - parent)
}

impl Rotations {
    /// How far the output of coefficients-to-slots, and with it every ciphertext between two
    /// bootstraps, stands rotated to the left.
    #[must_use]
    pub fn slot_shift(&self, slots: usize) -> usize {
        self.coefficients_to_slots.iter().map(|g| g.shift(slots)).sum()
    }
}

/// The rotations of the circuit in a ring with `slots` slots.
#[must_use]
pub fn rotations(slots: usize) -> Rotations {
    let coefficients_to_slots = [
        StepGroup { first_len: slots / 16, last_len: slots, babies: 8, hoisted: 1 },
        StepGroup { first_len: slots / 512, last_len: slots / 32, babies: 8, hoisted: 2 },
        StepGroup { first_len: 2, last_len: slots / 1024, babies: 8, hoisted: 2 },
    ];
    let slots_to_coefficients = [
        StepGroup { first_len: 2, last_len: slots / 128, babies: 16, hoisted: 3 },
        StepGroup { first_len: slots / 64, last_len: slots, babies: 8, hoisted: 3 },
    ];
    let shifts = coefficients_to_slots.iter().chain(&slots_to_coefficients);
    let realign = -(shifts.map(|g| g.shift(slots)).sum::<usize>() as i64);
    let linear = LinearSteps {
        fold: 1,
        giant: 2,
        pixel: 16,
        hoisted: 3,
        row: 512,
        long_row: 4 * 512,
        back: -(512 + 32),
    };
    Rotations { coefficients_to_slots, slots_to_coefficients, realign, linear }
}

/// All keys of the circuit.
pub(crate) fn schedule(set: &Parameters) -> Vec<KeySpec> {
    let levels = set.levels();
    let degree = set.degree();
    let rotations = rotations(set.slots());
    let rotation = |steps: i64| GaloisElement::rotation(steps, degree);
    let mut keys = Vec::new();
    let mut add = |kind, layout: &KeyLayout| keys.push(KeySpec { kind, layout: layout.clone() });
    let add_group =
        |add: &mut dyn FnMut(KeyKind, &KeyLayout), group: StepGroup, layout: &KeyLayout| {
            let babies = (1..=group.hoisted).map(|steps| steps * group.step());
            for steps in babies.chain([group.giant_step()]) {
                add(KeyKind::Automorphism(rotation(steps as i64)), layout);
            }
        };

    let at_base = KeyLayout::balanced(set, levels.base, 1, Special::Narrow(1));
    add(KeyKind::DenseToSparse, &at_base);

    let [raised, middle, low] = rotations.coefficients_to_slots;
    let out_of_raise = KeyLayout::for_raised(levels.top, Special::Narrow(1));
    for baby in 0..raised.babies {
        let element = rotation((baby * raised.step()) as i64);
        add(KeyKind::SparseToDense(element), &out_of_raise);
    }
    let at_top = KeyLayout::balanced(set, levels.top, 2, Special::WideAndNarrow);
    add(KeyKind::Automorphism(rotation(raised.giant_step() as i64)), &at_top);
    for (group, below_top) in [(middle, 1), (low, 2)] {
        add_group(&mut add, group, &two_digits(set, levels.top - below_top));
    }
    let in_slots = two_digits(set, levels.chebyshev);
    add(KeyKind::Automorphism(GaloisElement::conjugation(degree)), &in_slots);
    add(KeyKind::Relinearisation, &in_slots);

    let in_linear = KeyLayout::balanced(set, levels.linear, 1, Special::Narrow(4));
    let steps = rotations.linear;
    let pixels = (1..=steps.hoisted as i64).map(|pixels| pixels * steps.pixel);
    let others = [steps.giant, steps.row, steps.long_row, steps.back];
    for step in others.into_iter().chain(pixels) {
        add(KeyKind::Automorphism(rotation(step)), &in_linear);
    }
    let [fine, coarse] = rotations.slots_to_coefficients;
    let level = levels.slots_to_coefficients;
    let layout = KeyLayout::balanced(set, level, 1, Special::Narrow(3));
    add_group(&mut add, fine, &layout);
    let layout = KeyLayout::balanced(set, level - 1, 1, Special::Narrow(2));
    add(KeyKind::Automorphism(rotation(rotations.realign)), &layout);
    add_group(&mut add, coarse, &layout);
    keys
}

/// Two digits and the fewest special primes that exceed the larger one.
fn two_digits(set: &Parameters, level: usize) -> KeyLayout {
    let small = KeyLayout::balanced(set, level, 2, Special::Wide(5));
    let enough = set.special(Special::Wide(5)).log2()
        >= small.largest_digit_bits(set) + KeyLayout::MARGIN_BITS;
    if enough { small } else { KeyLayout { special: Special::WideAndNarrow, ..small } }
}
