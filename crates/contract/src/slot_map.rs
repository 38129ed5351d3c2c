//! Where the values of an input go in the slots of a request.
//!
//! [`LARGEST_VALUE`]: crate::LARGEST_VALUE

use blindsight_ckks::ciphertext::SeededCiphertext;
use blindsight_ckks::parameters::Parameters;

use crate::accepted::limit;
use crate::error::ContractError;
use crate::policy::Policy;
use crate::raw::{BoxData, RequestData};

/// How values are packed into slots and encrypted under CKKS.
#[derive(Debug, Clone, PartialEq)]
pub struct SlotRequest {
    level: usize,
    scale: f64,
    ciphertexts: usize,
    slots: SlotMap,
}

/// A map from the values of one input or more to the slots of one ciphertext or more: every value has
/// a slot or more, no slot has two values, and slots that have none hold zero. Where there are fewer
/// inputs than there is room for, they stand there again and again.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SlotMap {
    /// The number of slots of all ciphertexts.
    slots: usize,
    /// The most inputs: each stands one slot after the one before.
    inputs: usize,
    shape: [usize; 3],
    boxes: Vec<BoxData>,
}

/// Room above the scale: values reach [`LARGEST_VALUE`], and the message stays below a quarter of
/// the modulus.
const HEADROOM_BITS: f64 = 8.0;

/// Largest `log2` of a scale: with the largest values, messages stay below `2^60`.
const MOST_LOG2_SCALE: f64 = 54.0;

impl SlotRequest {
    pub(crate) fn new(
        data: RequestData,
        set: &Parameters,
        shape: [usize; 3],
        policy: &Policy,
    ) -> Result<Self, ContractError> {
        let level = data.level as usize;
        if !(1..=set.top_level()).contains(&level) {
            let (field, found) = ("the level of requests", f64::from(data.level));
            return Err(ContractError::Number { field, found, expected: "a level of the scheme" });
        }
        let most = (set.modulus(level).log2() - HEADROOM_BITS).min(MOST_LOG2_SCALE);
        let scale = data.scale;
        if !(scale.is_finite() && scale >= 1.0 && scale.log2() <= most) {
            let (field, expected) = ("the scale of requests", "one that fits the level");
            return Err(ContractError::Number { field, found: scale, expected });
        }
        for (field, count) in [
            ("the ciphertexts of a request", data.ciphertexts),
            ("the inputs of a request", data.inputs),
        ] {
            if count == 0 {
                return Err(ContractError::Number { field, found: 0.0, expected: "positive" });
            }
        }
        // Before anything is made for so many.
        let bytes = u64::from(data.ciphertexts) * SeededCiphertext::byte_len(set, level) as u64;
        limit("bytes a request", bytes, policy.request_bytes)?;
        let (ciphertexts, inputs) = (data.ciphertexts as usize, data.inputs as usize);
        limit("inputs of a request", inputs as u64, set.slots() as u64)?;
        let slots = SlotMap::new(data.slots, [ciphertexts, set.slots()], inputs, shape)?;
        Ok(Self { level, scale, ciphertexts, slots })
    }

    /// Limbs.
    #[must_use]
    pub fn level(&self) -> usize {
        self.level
    }

    /// What values are multiplied by.
    #[must_use]
    pub fn scale(&self) -> f64 {
        self.scale
    }

    /// Ciphertexts of a request.
    #[must_use]
    pub fn ciphertexts(&self) -> usize {
        self.ciphertexts
    }

    /// The most inputs that a request holds.
    #[must_use]
    pub fn inputs(&self) -> usize {
        self.slots.inputs
    }

    /// Where values go.
    #[must_use]
    pub fn map(&self) -> &SlotMap {
        &self.slots
    }

    /// The length of every request in bytes.
    #[must_use]
    pub fn byte_len(&self, set: &Parameters) -> u64 {
        (self.ciphertexts * SeededCiphertext::byte_len(set, self.level)) as u64
    }
}

impl SlotMap {
    /// Takes at most as many steps as there are slots, however many values the boxes name: the
    /// first slot that is taken twice ends it.
    fn new(
        boxes: Vec<BoxData>,
        [ciphertexts, each]: [usize; 2],
        inputs: usize,
        shape: [usize; 3],
    ) -> Result<Self, ContractError> {
        let slots = ciphertexts * each;
        // Boxes share no slot, so there cannot be more of them than slots, nor more values.
        if boxes.len() > slots {
            let (what, found, most) = ("boxes in a request", boxes.len() as u64, slots as u64);
            return Err(ContractError::TooMany { what, found, most });
        }
        let map = Self { slots, inputs, shape, boxes };
        let mut taken = vec![false; slots];
        let mut placed = vec![false; shape.iter().product()];
        for (index, part) in map.boxes.iter().enumerate() {
            check_box(index, part, shape, slots)?;
            map.each(part, |value, slot| {
                if slot % each + inputs > each {
                    return Err(ContractError::BoxOutside { index });
                }
                let free = &mut taken[slot..slot + inputs];
                if let Some(at) = free.iter().position(|taken| *taken) {
                    return Err(ContractError::SlotTwice { index, slot: slot + at });
                }
                free.fill(true);
                placed[value] = true;
                Ok(())
            })?;
        }
        match placed.iter().position(|placed| !placed) {
            Some(value) => Err(ContractError::ValueLost { value }),
            None => Ok(map),
        }
    }

    /// The slots of inputs, one ciphertext's after the other's, or `None` if these are not whole
    /// inputs, none, or too many.
    #[must_use]
    pub fn pack(&self, values: &[f32]) -> Option<Vec<f64>> {
        let one = self.shape.iter().product::<usize>();
        let inputs = values.len() / one;
        if !values.len().is_multiple_of(one) || !(1..=self.inputs).contains(&inputs) {
            return None;
        }
        let mut slots = vec![0.0; self.slots];
        for part in &self.boxes {
            let placed: Result<(), std::convert::Infallible> = self.each(part, |value, slot| {
                // Whatever stands in a slot is in all coefficients: nothing may that the model was not
                // calibrated for, such as an input of zeros.
                let inputs = values.chunks_exact(one).cycle().take(self.inputs);
                let inputs = inputs.zip(&mut slots[slot..]);
                inputs.for_each(|(input, slot)| *slot = f64::from(input[value]));
                Ok(())
            });
            let Ok(()) = placed;
        }
        Some(slots)
    }

    /// Every value of a box with its slot.
    fn each<E>(
        &self,
        part: &BoxData,
        mut take: impl FnMut(usize, usize) -> Result<(), E>,
    ) -> Result<(), E> {
        let [_, rows, columns] = self.shape;
        let [from, extent] = [part.from, part.extent].map(|triple| triple.map(|n| n as usize));
        let strides = part.strides.map(u64::from);
        for c in 0..extent[0] {
            for y in 0..extent[1] {
                for x in 0..extent[2] {
                    let value = ((from[0] + c) * rows + from[1] + y) * columns + from[2] + x;
                    // Less than 2^20 steps of less than 2^32 each.
                    let steps = [c, y, x].map(|n| n as u64).into_iter().zip(strides);
                    let way = steps.map(|(n, stride)| n * stride).sum::<u64>();
                    let slot = (u64::from(part.slot) + way) % self.slots as u64;
                    take(value, slot as usize)?;
                }
            }
        }
        Ok(())
    }
}

/// The box lies within the input, is not empty, and has no more values than there are slots.
fn check_box(
    index: usize,
    part: &BoxData,
    shape: [usize; 3],
    slots: usize,
) -> Result<(), ContractError> {
    let sides = part.from.iter().zip(part.extent).zip(shape);
    let inside = sides.clone().all(|((&from, extent), side)| {
        extent > 0 && u64::from(from) + u64::from(extent) <= side as u64
    });
    // Strides and the first slot are reduced already: one box has one form.
    let reduced = part.strides.iter().chain([&part.slot]).all(|&n| (n as usize) < slots);
    if inside && reduced { Ok(()) } else { Err(ContractError::BoxOutside { index }) }
}
