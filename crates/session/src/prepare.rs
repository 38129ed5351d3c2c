//! From pixels to what a model reads.

use blindsight_contract::{Input, Preparation};
use thiserror::Error;
use zeroize::Zeroizing;

/// Why pixels are not an input.
#[derive(Debug, Error, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum PrepareError {
    /// The model reads numbers as they are.
    #[error("this model reads numbers, not pictures")]
    NoPictures,
    /// The number of bytes is not that of the model's picture.
    #[error(
        "the model reads a picture of {side} x {side} pixels, which has {expected} bytes of red, \
         green and blue, not {found}"
    )]
    Size {
        /// Rows and columns of the model's picture.
        side: usize,
        /// Its bytes.
        expected: usize,
        /// Bytes there are.
        found: usize,
    },
}

/// The input that a picture is, channel by channel. Its pixels are row by row red, green, blue, and
/// as many as the model has rows and columns: cutting and resizing come before. It is wiped when
/// dropped.
///
/// # Errors
/// When the model reads no pictures, or pictures of another size.
pub fn prepare(rgb: &[u8], input: &Input) -> Result<Zeroizing<Vec<f32>>, PrepareError> {
    let Preparation::Picture { mean, deviation } = input.preparation() else {
        return Err(PrepareError::NoPictures);
    };
    let [channels, side, _] = input.shape();
    let (found, expected) = (rgb.len(), 3 * side * side);
    if found != expected {
        return Err(PrepareError::Size { side, expected, found });
    }
    let mut values = Zeroizing::new(Vec::with_capacity(input.values()));
    for (channel, (mean, deviation)) in mean.iter().zip(deviation).enumerate() {
        let level = |pixel: &[u8]| if channels == 1 { luma(pixel) } else { pixel[channel] };
        let normalised = |pixel| (f32::from(level(pixel)) / 255.0 - mean) / deviation;
        values.extend(rgb.chunks_exact(3).map(normalised));
    }
    Ok(values)
}

/// Luma with the weights of ITU-R BT.709, rounded down; grey stays what it is.
fn luma(pixel: &[u8]) -> u8 {
    let [red, green, blue] = [pixel[0], pixel[1], pixel[2]].map(u32::from);
    ((2126 * red + 7152 * green + 722 * blue) / 10_000) as u8
}
