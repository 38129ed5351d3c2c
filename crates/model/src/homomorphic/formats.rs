//! How requests and answers are encrypted: what client and evaluator agree on beyond the parameter
//! set.

use blindsight_ckks::keys::rotations;
use blindsight_ckks::parameters::Parameters;
use blindsight_ckks::wire::{ExpectedResponse, ExpectedScale};

/// The number of values that the slots of an answer repeat: one for each class and zeros.
pub const ANSWER_PERIOD: usize = 16;

/// `log2` of the modulus of an answer: its rounding error is then about 3e-4 of the scores' range.
pub const ANSWER_LOG2_MODULUS: u32 = 22;

/// The scale of an answer at the base prime. Scores reach one at the end of their range; the
/// modulus leaves room for more than twice that.
pub const ANSWER_SCALE: f64 = (1 << 23) as f64;

/// The level, scale and place of a request.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct RequestFormat {
    /// Limbs.
    pub level: usize,
    /// Scale.
    pub scale: f64,
    /// Rotation to the left of the packed slots.
    pub shift: usize,
}

/// How a picture must be encrypted under a parameter set: one level below the inputs of other
/// linear layers, because the first convolution needs no masks.
#[must_use]
pub fn request_format(set: &Parameters) -> RequestFormat {
    let linear = set.levels().linear;
    RequestFormat {
        level: linear - 1,
        scale: set.scale(linear),
        shift: rotations(set.slots()).slot_shift(set.slots()),
    }
}

/// What an answer under a parameter set looks like.
#[must_use]
pub fn answer_format(set: &Parameters) -> ExpectedResponse {
    let base = set.chain().primes()[0].value() as f64;
    let scale = ANSWER_SCALE * f64::from(1 << ANSWER_LOG2_MODULUS) / base;
    ExpectedResponse { period: ANSWER_PERIOD, scale: ExpectedScale::Exactly(scale) }
}
