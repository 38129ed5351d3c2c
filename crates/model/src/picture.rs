//! Turns any picture file into the pixels that a network reads.
//!
//! [`Picture32`] is what a CIFAR-10 network reads and a client sends; a [`Preparation`] makes the
//! input of a network of any size.

mod decode;
mod preparation;

use std::fmt;

use crate::metadata::Normalisation;
use crate::tensor::{Shape, Tensor};
pub use decode::{MAX_DECODED_BYTES, MAX_FILE_BYTES, MAX_SIDE, PictureError};
pub use preparation::{MAX_INPUT_SIDE, Pixels, Preparation, PreparationError};

/// Rows and columns of a [`Picture32`].
pub const SIDE: usize = 32;
/// Pixels of a [`Picture32`].
pub const PLANE: usize = SIDE * SIDE;

/// A picture of 32 x 32 pixels with 8 bits each for red, green and blue.
#[derive(Clone, PartialEq, Eq)]
pub struct Picture32 {
    rgb: Box<[u8; 3 * PLANE]>,
}

impl Picture32 {
    /// Decodes a PNG, JPEG, WebP, BMP or GIF file and prepares it; a picture of 32 x 32 opaque
    /// pixels with 8 bits per colour is taken as it is.
    ///
    /// # Errors
    /// [`PictureError`] when the file is empty, too large, of another format or damaged.
    pub fn decode(bytes: &[u8]) -> Result<Self, PictureError> {
        let decoded = decode::decode(bytes, MAX_DECODED_BYTES)?;
        Ok(Self::from_pixels(decoded.small().as_raw()))
    }

    /// A picture that is 32 x 32 already: rows of red, green, blue. None if it is not.
    #[must_use]
    pub fn from_rgb(rgb: &[u8]) -> Option<Self> {
        (rgb.len() == 3 * PLANE).then(|| Self::from_pixels(rgb))
    }

    /// `rgb` are as many bytes as the picture has.
    fn from_pixels(rgb: &[u8]) -> Self {
        let mut own = Box::new([0; 3 * PLANE]);
        own.copy_from_slice(rgb);
        Self { rgb: own }
    }

    /// A picture from one plane of 32 x 32 bytes for each of red, green and blue.
    #[must_use]
    pub fn from_planes(planes: &[u8; 3 * PLANE]) -> Self {
        let mut rgb = Box::new([0; 3 * PLANE]);
        for (index, value) in rgb.iter_mut().enumerate() {
            *value = planes[index % 3 * PLANE + index / 3];
        }
        Self { rgb }
    }

    /// The pixels row by row, each as red, green, blue.
    #[must_use]
    pub fn rgb(&self) -> &[u8; 3 * PLANE] {
        &self.rgb
    }

    /// The network's input: 3 x 32 x 32 numbers, normalised as the model wants it.
    #[must_use]
    pub fn normalise(&self, normalisation: &Normalisation) -> Tensor {
        let mut tensor = Tensor::zeros(Shape::PICTURE);
        for (channel, plane) in tensor.planes_mut().enumerate() {
            for (to, pixel) in plane.iter_mut().zip(self.rgb.chunks_exact(3)) {
                *to = normalisation.apply(channel, pixel[channel]);
            }
        }
        tensor
    }
}

/// A picture with the square that it was made from, for people to look at.
#[derive(Clone, PartialEq, Eq)]
pub struct Preview {
    /// What the network reads: as many rows as columns, row by row, each pixel as red, green, blue.
    pub picture: Vec<u8>,
    /// Rows and columns of the square.
    pub side: u32,
    /// The square, row by row, each pixel as red, green, blue.
    pub rgb: Vec<u8>,
}

/// Rows of the squares that a picture becomes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Sides {
    /// Of what the network reads; at most [`MAX_INPUT_SIDE`] are made.
    pub network: usize,
    /// Of the square to look at, at most.
    pub shown: u32,
}

impl Preview {
    /// Decodes a file as [`Picture32::decode`] does.
    /// `max_decoded_bytes`, up to [`MAX_DECODED_BYTES`], limits the memory for decoded pixels.
    ///
    /// # Errors
    /// [`PictureError`] when the file is empty, too large, of another format or damaged.
    pub fn decode(
        bytes: &[u8],
        sides: Sides,
        max_decoded_bytes: u64,
    ) -> Result<Self, PictureError> {
        let limit = max_decoded_bytes.min(MAX_DECODED_BYTES);
        Ok(Self::new(&decode::decode(bytes, limit)?, sides))
    }

    /// Prepares pixels that somebody else decoded, of a picture of any size: rows of red, green,
    /// blue and opacity, which is laid on white.
    ///
    /// # Errors
    /// [`PictureError`] when there are no pixels, too many, or not as many as the size says.
    pub fn from_rgba(
        width: u32,
        height: u32,
        rgba: Vec<u8>,
        sides: Sides,
    ) -> Result<Self, PictureError> {
        Ok(Self::new(&decode::from_rgba(width, height, rgba)?, sides))
    }

    fn new(decoded: &decode::Decoded, sides: Sides) -> Self {
        let square = decoded.square(sides.shown.max(1));
        let side = sides.network.clamp(1, MAX_INPUT_SIDE) as u32;
        Self {
            picture: decoded.fitted(side, side).into_raw(),
            side: square.width(),
            rgb: square.into_raw(),
        }
    }
}

impl fmt::Debug for Preview {
    /// Leaves the pixels out: they are private.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Preview").field("side", &self.side).finish_non_exhaustive()
    }
}

impl fmt::Debug for Picture32 {
    /// Leaves the pixels out: they are private, and three thousand numbers help nobody.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Picture32").finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn normalisation_is_per_channel() {
        let normalisation = Normalisation::new([0.0, 0.5, 1.0], [0.5, 0.25, 1.0]).unwrap();
        let planes = std::array::from_fn(|i| if i < 2 * PLANE { 255 } else { 0 });
        let picture = Picture32::from_planes(&planes);
        let tensor = picture.normalise(&normalisation);
        assert_eq!(tensor.shape(), Shape::PICTURE);
        let first: Vec<f32> = tensor.planes().map(|plane| plane[0]).collect();
        assert_eq!(first, [2.0, 2.0, -1.0]);
    }

    #[test]
    fn planes_become_pixels() {
        let planes = std::array::from_fn(|i| (i % 251) as u8);
        let picture = Picture32::from_planes(&planes);
        let pixel = [5, PLANE + 5, 2 * PLANE + 5].map(|i| (i % 251) as u8);
        assert_eq!(picture.rgb()[15..18], pixel);
    }

    #[test]
    fn pixels_stay_out_of_logs() {
        let picture = Picture32::from_planes(&[77; 3 * PLANE]);
        assert!(!format!("{picture:?}").contains("77"));
    }
}
