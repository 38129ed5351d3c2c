//! How requests and answers of this compiler's programs are encrypted.

use blindsight_ckks_eval::BootstrapParameters;

/// The number of values that the slots of an answer repeat: one for each class and zeros.
pub(crate) const ANSWER_PERIOD: usize = 16;

/// The scale of an answer at the smallest prime. Scores reach one at the end of their range; the
/// modulus leaves room for more than twice that.
pub(crate) const ANSWER_SCALE: f64 = (1 << 23) as f64;

/// The level of requests: one below the inputs of other linear layers, because the first
/// convolution needs no masks.
pub(crate) fn request_level(bootstrap: &BootstrapParameters) -> usize {
    bootstrap.levels().linear - 1
}
