//! How a picture of any size becomes the input of a network of any size.

use thiserror::Error;

use super::decode::{self, Decoded, MAX_DECODED_BYTES, PictureError};
use crate::metadata::Normalisation;
use crate::tensor::{Shape, Tensor};

/// Most rows or columns of an input that pictures are resampled to.
pub const MAX_INPUT_SIDE: usize = 1024;

/// Cuts out the largest centred part of a picture with the proportions of the input, resamples
/// it, and normalises each value v to `(v / 255 - mean) / deviation`.
///
/// An input of three channels has red, green and blue; one of a single channel has the luma of
/// the resampled picture. For 3 x 32 x 32 it gives, bit for bit, what
/// [`Picture32`](super::Picture32) gives.
#[derive(Clone, Debug, PartialEq)]
pub struct Preparation {
    shape: Shape,
    /// Mean and standard deviation of every channel; none where no picture is read.
    channels: Vec<(f32, f32)>,
}

impl Preparation {
    /// A preparation given by hand: the network's input and, on a scale where the brightest value
    /// is 1, mean and standard deviation, one number for all channels or one for each.
    ///
    /// # Errors
    /// [`PreparationError`] when the input has neither one nor three channels or more than
    /// [`MAX_INPUT_SIDE`] rows or columns, when there are not as many numbers, or when they are
    /// not finite, not above zero (the deviation) or make values that are not finite.
    pub fn new(shape: Shape, mean: &[f32], deviation: &[f32]) -> Result<Self, PreparationError> {
        let channels = shape.channels();
        if channels != 1 && channels != 3 {
            return Err(PreparationError::Channels { shape });
        }
        if shape.height().max(shape.width()) > MAX_INPUT_SIDE {
            return Err(PreparationError::TooLarge { shape });
        }
        let mean = one_for_each("mean", mean, channels)?;
        let deviation = one_for_each("standard deviation", deviation, channels)?;
        if !mean.iter().all(|x| x.is_finite()) {
            return Err(PreparationError::NotFinite { what: "mean" });
        }
        if !deviation.iter().all(|x| x.is_finite()) {
            return Err(PreparationError::NotFinite { what: "standard deviation" });
        }
        if !deviation.iter().all(|&x| x > 0.0) {
            return Err(PreparationError::NotPositive);
        }
        let channels: Vec<(f32, f32)> = mean.into_iter().zip(deviation).collect();
        // All other values lie between these two.
        let finite = |value| channels.iter().all(|&channel| normalised(value, channel).is_finite());
        if finite(0) && finite(255) {
            Ok(Self { shape, channels })
        } else {
            Err(PreparationError::Overflow)
        }
    }

    /// The preparation of a network that reads 3 x 32 x 32 pictures, from its metadata.
    #[must_use]
    pub fn of_picture32(normalisation: &Normalisation) -> Self {
        let channels = normalisation.mean().into_iter().zip(normalisation.deviation());
        Self { shape: Shape::PICTURE, channels: channels.collect() }
    }

    /// That of a network that reads numbers as they are: no picture becomes its input.
    #[must_use]
    pub const fn of_numbers(shape: Shape) -> Self {
        Self { shape, channels: Vec::new() }
    }

    /// The network's input.
    #[must_use]
    pub const fn shape(&self) -> Shape {
        self.shape
    }

    /// The input for a PNG, JPEG, WebP, BMP or GIF file.
    ///
    /// # Errors
    /// [`PictureError`] when the file is empty, too large, of another format or damaged, or the
    /// network reads no pictures.
    pub fn decode(&self, bytes: &[u8]) -> Result<Tensor, PictureError> {
        self.expect_pictures()?;
        Ok(self.fit(&decode::decode(bytes, MAX_DECODED_BYTES)?))
    }

    /// The input for decoded pixels.
    ///
    /// # Errors
    /// [`PictureError::TooManyPixels`] when a side is longer than [`MAX_SIDE`](super::MAX_SIDE),
    /// [`PictureError::Numbers`] when the network reads no pictures.
    pub fn pixels(&self, pixels: Pixels) -> Result<Tensor, PictureError> {
        self.expect_pictures()?;
        let Pixels { width, height, grey, values } = pixels;
        let rgb = if grey { values.into_iter().flat_map(|v| [v; 3]).collect() } else { values };
        Ok(self.fit(&decode::from_rgb(width, height, rgb)?))
    }

    fn expect_pictures(&self) -> Result<(), PictureError> {
        if self.channels.is_empty() { Err(PictureError::Numbers) } else { Ok(()) }
    }

    fn fit(&self, decoded: &Decoded) -> Tensor {
        // Both sides are at most MAX_INPUT_SIDE.
        let size = (self.shape.width() as u32, self.shape.height() as u32);
        let rgb = decoded.fitted(size.0, size.1);
        let values = if self.channels.len() == 1 {
            image::DynamicImage::ImageRgb8(rgb).into_luma8().into_raw()
        } else {
            rgb.into_raw()
        };
        let mut tensor = Tensor::zeros(self.shape);
        for (at, (plane, &channel)) in tensor.planes_mut().zip(&self.channels).enumerate() {
            for (to, pixel) in plane.iter_mut().zip(values.chunks_exact(self.channels.len())) {
                *to = normalised(pixel[at], channel);
            }
        }
        tensor
    }
}

/// A decoded picture of 8 bits a value, grey or red, green, blue.
#[derive(Clone, PartialEq, Eq)]
pub struct Pixels {
    width: u32,
    height: u32,
    grey: bool,
    /// Row by row, the colours of a pixel together.
    values: Vec<u8>,
}

impl Pixels {
    /// A grey picture, row by row.
    ///
    /// # Errors
    /// [`PictureError`] when there are no pixels or not as many as the size says.
    pub fn grey(width: u32, height: u32, values: Vec<u8>) -> Result<Self, PictureError> {
        Self::checked(width, height, true, values)
    }

    /// A picture in colours, row by row, each pixel as red, green, blue.
    ///
    /// # Errors
    /// [`PictureError`] when there are no pixels or not as many as the size says.
    pub fn rgb(width: u32, height: u32, values: Vec<u8>) -> Result<Self, PictureError> {
        Self::checked(width, height, false, values)
    }

    fn checked(width: u32, height: u32, grey: bool, values: Vec<u8>) -> Result<Self, PictureError> {
        let (each, found) = (if grey { 1 } else { 3 }, values.len());
        let expected = (u64::from(width) * u64::from(height)).saturating_mul(each);
        if expected == 0 {
            return Err(PictureError::NoPixels);
        }
        if expected == found as u64 {
            Ok(Self { width, height, grey, values })
        } else {
            Err(PictureError::PixelCount { expected, found })
        }
    }

    /// Number of columns.
    #[must_use]
    pub const fn width(&self) -> u32 {
        self.width
    }

    /// Number of rows.
    #[must_use]
    pub const fn height(&self) -> u32 {
        self.height
    }

    /// Values of a pixel: 1 (grey) or 3 (red, green, blue).
    #[must_use]
    pub const fn channels(&self) -> usize {
        if self.grey { 1 } else { 3 }
    }

    /// The values row by row, those of a pixel together.
    #[must_use]
    pub fn values(&self) -> &[u8] {
        &self.values
    }
}

impl std::fmt::Debug for Pixels {
    /// Leaves the values out: they are private.
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let Self { width, height, grey, .. } = self;
        let mut debug = f.debug_struct("Pixels");
        debug.field("width", width).field("height", height).field("grey", grey);
        debug.finish_non_exhaustive()
    }
}

/// Why pictures cannot be prepared as asked.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
#[non_exhaustive]
pub enum PreparationError {
    /// The input has a number of channels that no picture has.
    #[error("pictures have 1 channel (grey) or 3 (colours), but the network reads {shape}")]
    Channels {
        /// The network's input.
        shape: Shape,
    },
    /// The input is larger than pictures are resampled to.
    #[error("the network reads {shape}; at most {MAX_INPUT_SIDE} rows and columns are supported")]
    TooLarge {
        /// The network's input.
        shape: Shape,
    },
    /// There are not as many numbers as channels.
    #[error("the {what} needs 1 number or one for each of {channels} channels, but has {found}")]
    Count {
        /// Mean or standard deviation.
        what: &'static str,
        /// Channels of the network's input.
        channels: usize,
        /// Numbers given.
        found: usize,
    },
    /// A number is infinite or not a number.
    #[error("the {what} has a number that is not finite")]
    NotFinite {
        /// Mean or standard deviation.
        what: &'static str,
    },
    /// A standard deviation is zero or negative.
    #[error("every standard deviation must be above zero")]
    NotPositive,
    /// Mean and deviation are finite, but values normalised with them are not.
    #[error("normalised with this mean and standard deviation, pictures have infinite values")]
    Overflow,
}

fn one_for_each(
    what: &'static str,
    numbers: &[f32],
    channels: usize,
) -> Result<Vec<f32>, PreparationError> {
    match numbers {
        &[number] => Ok(vec![number; channels]),
        _ if numbers.len() == channels => Ok(numbers.to_vec()),
        _ => Err(PreparationError::Count { what, channels, found: numbers.len() }),
    }
}

fn normalised(value: u8, (mean, deviation): (f32, f32)) -> f32 {
    (f32::from(value) / 255.0 - mean) / deviation
}

#[cfg(test)]
mod tests {
    use std::io::Cursor;

    use image::{DynamicImage, ImageFormat, Rgb, RgbImage, Rgba, RgbaImage};

    use super::*;
    use crate::picture::Picture32;

    const MEAN: [f32; 3] = [0.485, 0.456, 0.406];
    const DEVIATION: [f32; 3] = [0.229, 0.224, 0.225];

    fn shape(channels: usize, height: usize, width: usize) -> Shape {
        Shape::new(channels, height, width).unwrap()
    }

    /// Gives back the values of the pixels.
    fn raw(channels: usize, height: usize, width: usize) -> Preparation {
        Preparation::new(shape(channels, height, width), &[0.0], &[1.0 / 255.0]).unwrap()
    }

    fn rounded(tensor: &Tensor) -> Vec<u8> {
        tensor.values().iter().map(|x| x.round() as u8).collect()
    }

    fn pattern(width: u32, height: u32) -> RgbImage {
        RgbImage::from_fn(width, height, |x, y| {
            Rgb([(x * 7 % 256) as u8, (y * 5 % 256) as u8, ((x + 3 * y) % 256) as u8])
        })
    }

    fn png(image: impl Into<DynamicImage>) -> Vec<u8> {
        let mut bytes = Cursor::new(Vec::new());
        image.into().write_to(&mut bytes, ImageFormat::Png).unwrap();
        bytes.into_inner()
    }

    #[test]
    fn the_input_of_cifar_networks_is_unchanged() {
        let normalisation = Normalisation::new(MEAN, DEVIATION).unwrap();
        let by_hand = Preparation::new(Shape::PICTURE, &MEAN, &DEVIATION).unwrap();
        assert_eq!(Preparation::of_picture32(&normalisation), by_hand);
        let clear = RgbaImage::from_fn(61, 47, |x, y| {
            Rgba([(x * 4) as u8, (y * 5) as u8, (x ^ y) as u8, (x * y % 256) as u8])
        });
        let files = [(32, 32), (100, 77), (5, 900), (1, 1), (33, 32)];
        let files = files.map(|(width, height)| png(pattern(width, height)));
        for file in files.into_iter().chain([png(clear)]) {
            let before = Picture32::decode(&file).unwrap().normalise(&normalisation);
            let bits = |x: &Tensor| x.values().iter().map(|x| x.to_bits()).collect::<Vec<_>>();
            assert_eq!(bits(&by_hand.decode(&file).unwrap()), bits(&before));
        }
        let original = pattern(45, 60);
        let pixels = Pixels::rgb(45, 60, original.as_raw().clone()).unwrap();
        assert_eq!(by_hand.pixels(pixels).unwrap(), by_hand.decode(&png(original)).unwrap());
    }

    #[test]
    fn grey_inputs_are_luma_and_grey_pictures_pass_unchanged() {
        let grey: Vec<u8> = (0..=255).collect();
        let pixels = Pixels::grey(16, 16, grey.clone()).unwrap();
        assert_eq!(rounded(&raw(1, 16, 16).pixels(pixels.clone()).unwrap()), grey);
        let colours = raw(3, 16, 16).pixels(pixels).unwrap();
        assert_eq!(rounded(&colours), [grey.clone(), grey.clone(), grey].concat());
        // Rec. 709: green is brightest, blue darkest.
        let luma = |colour: [u8; 3]| {
            let file = png(RgbImage::from_pixel(20, 20, Rgb(colour)));
            rounded(&raw(1, 4, 4).decode(&file).unwrap())[0]
        };
        assert_eq!([[255, 0, 0], [0, 255, 0], [0, 0, 255]].map(luma), [54, 182, 18]);
    }

    #[test]
    fn the_centred_part_has_the_inputs_proportions() {
        // A wide input in a tall picture, and the reverse.
        for (width, height) in [(8, 4), (4, 8)] {
            let part = pattern(width, height);
            for margin in [(0, 6), (6, 0)] {
                let size = (width + 2 * margin.0, height + 2 * margin.1);
                let mut image = RgbImage::from_pixel(size.0, size.1, Rgb([255, 0, 0]));
                let (left, top) = (margin.0.into(), margin.1.into());
                image::imageops::replace(&mut image, &part, left, top);
                let file = png(image);
                let fitted = raw(1, height as usize, width as usize).decode(&file).unwrap();
                let whole = raw(1, height as usize, width as usize).decode(&png(part.clone()));
                assert_eq!(fitted, whole.unwrap(), "{width} x {height} in {size:?}");
            }
        }
        // An extreme proportion still has a pixel.
        let thin = raw(3, 1, 1000).decode(&png(pattern(2, 2))).unwrap();
        assert_eq!(thin.shape(), shape(3, 1, 1000));
    }

    #[test]
    fn numbers_given_by_hand_are_checked() {
        use PreparationError as E;
        let (grey, colours) = (shape(1, 28, 28), shape(3, 32, 32));
        let count = |what, channels, found| E::Count { what, channels, found };
        let (mean, std) = ("mean", "standard deviation");
        let cases: [(Shape, &[f32], &[f32], E); 15] = [
            (shape(2, 8, 8), &[0.5], &[0.5], E::Channels { shape: shape(2, 8, 8) }),
            (shape(4, 8, 8), &[0.5; 4], &[0.5; 4], E::Channels { shape: shape(4, 8, 8) }),
            (shape(1, 1025, 8), &[0.5], &[0.5], E::TooLarge { shape: shape(1, 1025, 8) }),
            (grey, &[], &[0.5], count(mean, 1, 0)),
            (grey, &[0.5; 3], &[0.5], count(mean, 1, 3)),
            (grey, &[0.5], &[0.5; 3], count(std, 1, 3)),
            (colours, &[0.5; 2], &[0.5], count(mean, 3, 2)),
            (colours, &[0.5], &[0.5; 4], count(std, 3, 4)),
            (grey, &[f32::NAN], &[0.5], E::NotFinite { what: mean }),
            (grey, &[f32::INFINITY], &[0.5], E::NotFinite { what: mean }),
            (grey, &[0.5], &[f32::NAN], E::NotFinite { what: std }),
            (grey, &[0.5], &[f32::INFINITY], E::NotFinite { what: std }),
            (grey, &[0.5], &[0.0], E::NotPositive),
            (colours, &[0.5], &[0.5, 0.5, -1.0], E::NotPositive),
            (grey, &[0.5], &[1e-40], E::Overflow),
        ];
        for (shape, mean, std, expected) in cases {
            let refused = Preparation::new(shape, mean, std);
            assert_eq!(refused, Err(expected), "{mean:?} {std:?}");
        }
        let one = Preparation::new(colours, &[0.5], &[0.25]).unwrap();
        assert_eq!(one, Preparation::new(colours, &[0.5; 3], &[0.25; 3]).unwrap());
    }

    #[test]
    fn pixels_are_counted_and_stay_out_of_logs() {
        assert!(matches!(Pixels::grey(0, 4, vec![]), Err(PictureError::NoPixels)));
        for (width, height, bytes) in [(2, 2, 3), (2, 2, 12), (u32::MAX, u32::MAX, 4)] {
            let refused = Pixels::grey(width, height, vec![0; bytes]);
            assert!(matches!(refused, Err(PictureError::PixelCount { .. })), "{refused:?}");
        }
        assert!(matches!(Pixels::rgb(2, 2, vec![0; 4]), Err(PictureError::PixelCount { .. })));
        let thin = Pixels::grey(12_001, 1, vec![0; 12_001]).unwrap();
        let refused = raw(1, 8, 8).pixels(thin);
        assert!(matches!(refused, Err(PictureError::TooManyPixels { .. })));
        assert!(!format!("{:?}", Pixels::grey(1, 2, vec![77; 2]).unwrap()).contains("77"));
    }

    #[test]
    fn networks_that_read_numbers_take_no_pictures() {
        let numbers = Preparation::of_numbers(shape(3, 4, 4));
        let pixels = Pixels::rgb(4, 4, vec![0; 48]).unwrap();
        assert!(matches!(numbers.pixels(pixels), Err(PictureError::Numbers)));
        assert!(matches!(numbers.decode(b"\x89PNG"), Err(PictureError::Numbers)));
    }
}
