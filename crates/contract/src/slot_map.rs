//! Where the values of an input go in the slots of a request.
//!
//! [`LARGEST_VALUE`]: crate::LARGEST_VALUE

use blindsight_ckks::ciphertext::SeededCiphertext;
use blindsight_ckks::parameters::Parameters;

use crate::error::ContractError;
use crate::raw::{BoxData, RequestData};

/// How a request is packed and encrypted.
#[derive(Debug, Clone, PartialEq)]
pub struct Request {
    level: usize,
    scale: f64,
    slots: SlotMap,
}

/// A map from the values of an input to slots: every value has a slot or more, no slot has two
/// values, and slots that have none hold zero.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SlotMap {
    /// The number of slots.
    slots: usize,
    shape: [usize; 3],
    boxes: Vec<BoxData>,
}

/// Room above the scale: values reach [`LARGEST_VALUE`], and the message stays below a quarter of
/// the modulus.
const HEADROOM_BITS: f64 = 8.0;

/// Largest `log2` of a scale: with the largest values, messages stay below `2^60`.
const MOST_LOG2_SCALE: f64 = 54.0;

impl Request {
    pub(crate) fn new(
        data: RequestData,
        set: &Parameters,
        shape: [usize; 3],
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
        Ok(Self { level, scale, slots: SlotMap::new(data.slots, set.slots(), shape)? })
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

    /// Where values go.
    #[must_use]
    pub fn slots(&self) -> &SlotMap {
        &self.slots
    }

    /// The length of every request in bytes.
    #[must_use]
    pub fn byte_len(&self, set: &Parameters) -> u64 {
        SeededCiphertext::byte_len(set, self.level) as u64
    }
}

impl SlotMap {
    /// Takes at most as many steps as there are slots, however many values the boxes name: the
    /// first slot that is taken twice ends it.
    fn new(boxes: Vec<BoxData>, slots: usize, shape: [usize; 3]) -> Result<Self, ContractError> {
        // Boxes share no slot, so there cannot be more of them than slots, nor more values.
        if boxes.len() > slots {
            let (what, found, most) = ("boxes in a request", boxes.len() as u64, slots as u64);
            return Err(ContractError::TooMany { what, found, most });
        }
        let map = Self { slots, shape, boxes };
        let mut taken = vec![false; slots];
        let mut placed = vec![false; shape.iter().product()];
        for (index, part) in map.boxes.iter().enumerate() {
            check_box(index, part, shape, slots)?;
            map.each(part, |value, slot| {
                if std::mem::replace(&mut taken[slot], true) {
                    return Err(ContractError::SlotTwice { index, slot });
                }
                placed[value] = true;
                Ok(())
            })?;
        }
        match placed.iter().position(|placed| !placed) {
            Some(value) => Err(ContractError::ValueLost { value }),
            None => Ok(map),
        }
    }

    /// The slots of an input, or `None` if it has another number of values.
    #[must_use]
    pub fn pack(&self, values: &[f32]) -> Option<Vec<f64>> {
        if values.len() != self.shape.iter().product::<usize>() {
            return None;
        }
        let mut slots = vec![0.0; self.slots];
        for part in &self.boxes {
            let placed: Result<(), std::convert::Infallible> = self.each(part, |value, slot| {
                slots[slot] = f64::from(values[value]);
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
