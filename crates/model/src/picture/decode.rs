//! Decodes untrusted picture files and shrinks them.
//!
//! The file's size, its sides and the memory for its pixels are limited before they are used.
//! The largest centred part of the wanted form is cut out and resampled with a Lanczos filter; transparent parts
//! become white; the orientation that a camera recorded is honoured. Colour profiles are ignored:
//! values are taken as sRGB. Of an animation the first frame counts.

use std::io::Cursor;
use std::panic::{AssertUnwindSafe, catch_unwind};

use image::imageops::{self, FilterType};
use image::metadata::Orientation;
use image::{
    DynamicImage, GenericImageView, ImageBuffer, ImageDecoder, ImageError, ImageReader, Limits,
    Pixel, RgbImage, RgbaImage, SubImage,
};
use thiserror::Error;

use super::SIDE;

/// Largest picture file accepted, in bytes.
pub const MAX_FILE_BYTES: usize = 32 << 20;
/// Most rows or columns accepted.
pub const MAX_SIDE: u32 = 12_000;
/// Most memory for decoded pixels, in bytes: 12,000 x 12,000 pixels of 24 bits fit.
pub const MAX_DECODED_BYTES: u64 = 512 << 20;

/// A picture file, decoded within limits.
pub(super) fn decode(bytes: &[u8], max_decoded_bytes: u64) -> Result<Decoded, PictureError> {
    let (image, orientation) = decode_within_limits(bytes, max_decoded_bytes)?;
    Ok(Decoded::new(image, orientation))
}

/// Pixels that somebody else decoded: rows of red, green, blue and opacity.
pub(super) fn from_rgba(width: u32, height: u32, rgba: Vec<u8>) -> Result<Decoded, PictureError> {
    check_sides(width, height)?;
    // Within the limits of the sides, four bytes a pixel fit in 64 bits.
    let expected = 4 * u64::from(width) * u64::from(height);
    let found = rgba.len();
    let pixels = (found as u64 == expected).then(|| RgbaImage::from_raw(width, height, rgba));
    let image = pixels.flatten().ok_or(PictureError::PixelCount { expected, found })?;
    Ok(Decoded::new(DynamicImage::ImageRgba8(image), Orientation::NoTransforms))
}

/// Pixels that somebody else decoded, opaque: rows of red, green, blue.
pub(super) fn from_rgb(width: u32, height: u32, rgb: Vec<u8>) -> Result<Decoded, PictureError> {
    check_sides(width, height)?;
    let expected = 3 * u64::from(width) * u64::from(height);
    let found = rgb.len();
    let pixels = (found as u64 == expected).then(|| RgbImage::from_raw(width, height, rgb));
    let image = pixels.flatten().ok_or(PictureError::PixelCount { expected, found })?;
    Ok(Decoded::new(DynamicImage::ImageRgb8(image), Orientation::NoTransforms))
}

/// A decoded picture without transparent parts, and the square that matters.
pub(super) struct Decoded {
    pixels: Opaque,
    orientation: Orientation,
}

/// Opaque pictures keep three bytes a pixel: the picture may be large.
enum Opaque {
    Rgb(RgbImage),
    Rgba(RgbaImage),
}

impl Decoded {
    fn new(image: DynamicImage, orientation: Orientation) -> Self {
        let pixels = if image.color().has_alpha() {
            let mut pixels = image.into_rgba8();
            lay_on_white(&mut pixels);
            Opaque::Rgba(pixels)
        } else {
            Opaque::Rgb(image.into_rgb8())
        };
        Self { pixels, orientation }
    }

    /// The largest centred square, resampled to 32 x 32.
    pub(super) fn small(&self) -> RgbImage {
        self.fitted(SIDE as u32, SIDE as u32)
    }

    /// The largest centred part with sides in that proportion, resampled to that size.
    pub(super) fn fitted(&self, width: u32, height: u32) -> RgbImage {
        // It is turned afterwards, and a picture that lies on its side changes its sides.
        let size = match self.orientation {
            Orientation::Rotate90
            | Orientation::Rotate270
            | Orientation::Rotate90FlipH
            | Orientation::Rotate270FlipH => (height, width),
            _ => (width, height),
        };
        self.upright(match &self.pixels {
            Opaque::Rgb(pixels) => {
                DynamicImage::ImageRgb8(resized(&*centre_cut(pixels, size), size))
            }
            Opaque::Rgba(pixels) => {
                DynamicImage::ImageRgba8(resized(&*centre_cut(pixels, size), size))
            }
        })
    }

    /// The largest centred square, with fewer pixels if it has more than `most` a side: for people
    /// to look at.
    pub(super) fn square(&self, most: u32) -> RgbImage {
        self.upright(match &self.pixels {
            Opaque::Rgb(pixels) => DynamicImage::ImageRgb8(shrunk(&centre_square(pixels), most)),
            Opaque::Rgba(pixels) => DynamicImage::ImageRgba8(shrunk(&centre_square(pixels), most)),
        })
    }

    /// Turning the small square spares a second copy of the large picture.
    fn upright(&self, mut square: DynamicImage) -> RgbImage {
        square.apply_orientation(self.orientation);
        square.into_rgb8()
    }
}

/// Why a picture was refused.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum PictureError {
    /// The network's input is no picture.
    #[error("the network reads numbers, not pictures")]
    Numbers,
    /// There are no bytes.
    #[error("the picture file is empty")]
    Empty,
    /// The file is too large.
    #[error("the picture file has {found} bytes; at most {MAX_FILE_BYTES} are accepted")]
    FileTooLarge {
        /// Size of the file in bytes.
        found: usize,
    },
    /// The picture has too many rows or columns.
    #[error(
        "the picture has {width} x {height} pixels; \
         at most {MAX_SIDE} a side are accepted"
    )]
    TooManyPixels {
        /// Columns of the picture.
        width: u32,
        /// Rows of the picture.
        height: u32,
    },
    /// Decoding would take too much memory.
    #[error("the picture would take too much memory when decoded")]
    TooMuchMemory,
    /// The number of bytes is not that of the pixels.
    #[error("the picture should have {expected} bytes of pixels, but has {found}")]
    PixelCount {
        /// Bytes for all pixels.
        expected: u64,
        /// Bytes there are.
        found: usize,
    },
    /// The picture has no pixels.
    #[error("the picture has no pixels")]
    NoPixels,
    /// The format is not supported.
    #[error("this is no picture in PNG, JPEG, WebP, BMP or GIF format")]
    UnknownFormat,
    /// The file is damaged or uses something that the decoder does not know.
    #[error("the picture could not be decoded: {0}")]
    Undecodable(#[source] ImageError),
}

/// Decodes the file; also answers how the camera was held.
fn decode_within_limits(
    bytes: &[u8],
    max_decoded_bytes: u64,
) -> Result<(DynamicImage, Orientation), PictureError> {
    match bytes.len() {
        0 => return Err(PictureError::Empty),
        1..=MAX_FILE_BYTES => (),
        found => return Err(PictureError::FileTooLarge { found }),
    }
    // The side limits are checked below, where the error can say the size.
    let mut limits = Limits::default();
    limits.max_alloc = Some(max_decoded_bytes);
    let format = image::guess_format(bytes).map_err(|_| PictureError::UnknownFormat)?;
    let mut reader = ImageReader::with_format(Cursor::new(bytes), format);
    reader.limits(limits);
    let mut decoder = guarded(|| reader.into_decoder()).map_err(undecodable)?;

    let (width, height) = decoder.dimensions();
    check_sides(width, height)?;
    if decoder.total_bytes() > max_decoded_bytes {
        return Err(PictureError::TooMuchMemory);
    }
    // A picture with a damaged note about its orientation is still a picture.
    let orientation = guarded(|| decoder.orientation()).unwrap_or(Orientation::NoTransforms);
    let image = guarded(|| DynamicImage::from_decoder(decoder)).map_err(undecodable)?;
    Ok((image, orientation))
}

/// What a decoder says of a file; that it gave up, if it panicked. They are large, and their authors
/// did not foresee every file. (Where a panic ends the program, in WebAssembly, it ends the worker
/// that decodes.)
fn guarded<T>(decode: impl FnOnce() -> Result<T, ImageError>) -> Result<T, ImageError> {
    // Whatever the decoder left half done is dropped with it.
    catch_unwind(AssertUnwindSafe(decode)).unwrap_or_else(|_| {
        let message = "its decoder did not expect anything like it";
        Err(ImageError::IoError(std::io::Error::other(message)))
    })
}

fn undecodable(error: ImageError) -> PictureError {
    match error {
        ImageError::Unsupported(_) => PictureError::UnknownFormat,
        ImageError::Limits(_) => PictureError::TooMuchMemory,
        other => PictureError::Undecodable(other),
    }
}

fn check_sides(width: u32, height: u32) -> Result<(), PictureError> {
    if width.max(height) > MAX_SIDE {
        return Err(PictureError::TooManyPixels { width, height });
    }
    if width == 0 || height == 0 {
        return Err(PictureError::NoPixels);
    }
    Ok(())
}

/// The largest centred square: a view, not a copy.
fn centre_square<I: GenericImageView>(image: &I) -> SubImage<&I> {
    centre_cut(image, (1, 1))
}

/// The largest centred part with sides in the given proportion: a view, not a copy.
fn centre_cut<I: GenericImageView>(image: &I, (across, down): (u32, u32)) -> SubImage<&I> {
    let (width, height) = image.dimensions();
    // At least one pixel: a proportion may be more extreme than the picture is large.
    let share = |side: u32, of: u32, to: u32| {
        let cut = u64::from(side) * u64::from(of) / u64::from(to);
        u32::try_from(cut).unwrap_or(u32::MAX).max(1)
    };
    let cut_width = width.min(share(height, across, down));
    let cut_height = height.min(share(width, down, across));
    let (left, top) = ((width - cut_width) / 2, (height - cut_height) / 2);
    imageops::crop_imm(image, left, top, cut_width, cut_height)
}

fn resized<V>(
    part: &V,
    (width, height): (u32, u32),
) -> ImageBuffer<V::Pixel, Vec<<V::Pixel as Pixel>::Subpixel>>
where
    V: GenericImageView<Pixel: 'static>,
    <V::Pixel as Pixel>::Subpixel: 'static,
{
    imageops::resize(part, width, height, FilterType::Lanczos3)
}

fn shrunk<P>(square: &SubImage<&ImageBuffer<P, Vec<u8>>>, most: u32) -> ImageBuffer<P, Vec<u8>>
where
    P: Pixel<Subpixel = u8> + 'static,
{
    if square.width() <= most {
        square.to_image()
    } else {
        imageops::thumbnail(&**square, most, most)
    }
}

/// Mixes every pixel with white by its opacity, before resampling: a filter would otherwise
/// spread the meaningless colours of transparent pixels.
fn lay_on_white(pixels: &mut RgbaImage) {
    for pixel in pixels.pixels_mut() {
        let [colours @ .., alpha] = &mut pixel.0;
        for colour in colours {
            let (opaque, clear) = (u16::from(*alpha), 255 - u16::from(*alpha));
            *colour = ((u16::from(*colour) * opaque + 255 * clear + 127) / 255) as u8;
        }
        *alpha = 255;
    }
}

#[cfg(test)]
mod tests {
    use image::{ImageFormat, Luma, Rgb, Rgba};
    use proptest::prelude::*;
    use proptest::test_runner::RngSeed;

    use super::*;
    use crate::picture::{PLANE, Picture32, Preview, Sides};

    fn encoded(image: impl Into<DynamicImage>, format: ImageFormat) -> Vec<u8> {
        let mut bytes = Cursor::new(Vec::new());
        image.into().write_to(&mut bytes, format).unwrap();
        bytes.into_inner()
    }

    fn png(image: impl Into<DynamicImage>) -> Vec<u8> {
        encoded(image, ImageFormat::Png)
    }

    /// Every pixel different, no symmetry.
    fn pattern(width: u32, height: u32) -> RgbImage {
        RgbImage::from_fn(width, height, |x, y| {
            Rgb([(x * 7 % 256) as u8, (y * 5 % 256) as u8, ((x + 3 * y) % 256) as u8])
        })
    }

    fn uniform(colour: [u8; 3]) -> Vec<u8> {
        colour.repeat(PLANE)
    }

    #[test]
    fn small_pictures_pass_unchanged() {
        let original = pattern(32, 32);
        for format in [ImageFormat::Png, ImageFormat::Bmp, ImageFormat::WebP] {
            let picture = Picture32::decode(&encoded(original.clone(), format)).unwrap();
            assert_eq!(picture.rgb()[..], original.as_raw()[..], "{format:?}");
        }
    }

    #[test]
    fn lossy_formats_come_close() {
        let flat = RgbImage::from_pixel(40, 60, Rgb([200, 100, 50]));
        for format in [ImageFormat::Jpeg, ImageFormat::Gif] {
            let bytes = match format {
                ImageFormat::Gif => encoded(DynamicImage::from(flat.clone()).into_rgba8(), format),
                _ => encoded(flat.clone(), format),
            };
            let picture = Picture32::decode(&bytes).unwrap();
            for (found, expected) in picture.rgb().iter().zip(uniform([200, 100, 50])) {
                assert!(found.abs_diff(expected) <= 3, "{format:?}: {found} is not {expected}");
            }
        }
    }

    #[test]
    fn the_centred_square_is_kept() {
        let square = pattern(32, 32);
        for (width, height) in [(32, 100), (101, 32)] {
            let mut image = RgbImage::from_pixel(width, height, Rgb([255, 0, 0]));
            let (left, top) = ((width - 32) / 2, (height - 32) / 2);
            imageops::replace(&mut image, &square, left.into(), top.into());
            let picture = Picture32::decode(&png(image)).unwrap();
            assert_eq!(picture.rgb()[..], square.as_raw()[..]);
        }
    }

    #[test]
    fn resampling_averages_fine_detail() {
        let checks = RgbImage::from_fn(320, 320, |x, y| Rgb([((x + y) % 2 * 255) as u8; 3]));
        let picture = Picture32::decode(&png(checks)).unwrap();
        assert!(picture.rgb().iter().all(|x| (120..=135).contains(x)));
    }

    #[test]
    fn tiny_pictures_are_enlarged() {
        let picture = Picture32::decode(&png(RgbImage::from_pixel(1, 1, Rgb([9, 8, 7])))).unwrap();
        assert_eq!(picture.rgb()[..], uniform([9, 8, 7]));
    }

    #[test]
    fn transparency_shows_white() {
        // Half-transparent black on white is grey; a clear pixel's own colour does not matter.
        let image = RgbaImage::from_pixel(64, 64, Rgba([0, 0, 0, 128]));
        let picture = Picture32::decode(&png(image)).unwrap();
        assert_eq!(picture.rgb()[..], uniform([127, 127, 127]));
        let stripes = RgbaImage::from_fn(64, 64, |x, _| {
            if x % 2 == 0 { Rgba([255, 0, 0, 0]) } else { Rgba([255, 255, 255, 255]) }
        });
        let picture = Picture32::decode(&png(stripes)).unwrap();
        assert_eq!(picture.rgb()[..], uniform([255, 255, 255]));
    }

    #[test]
    fn grey_becomes_equal_colours() {
        let image = ImageBuffer::from_pixel(50, 40, Luma([77_u8]));
        let picture = Picture32::decode(&png(image)).unwrap();
        assert_eq!(picture.rgb()[..], uniform([77, 77, 77]));
    }

    #[test]
    fn sixteen_bits_become_eight() {
        let image = ImageBuffer::from_pixel(33, 33, Rgb([0xffff_u16, 0x8080, 0x0101]));
        let picture = Picture32::decode(&png(image)).unwrap();
        assert_eq!(picture.rgb()[..], uniform([255, 128, 1]));
        let image = ImageBuffer::from_pixel(33, 33, Luma([0x8080_u16]));
        let picture = Picture32::decode(&png(image)).unwrap();
        assert_eq!(picture.rgb()[..], uniform([128, 128, 128]));
    }

    #[test]
    fn the_cameras_orientation_is_honoured() {
        // Value 6: the top of the scene is at the right-hand edge of the stored pixels.
        let stored = pattern(32, 32);
        let mut png = png(stored.clone());
        let tiff = b"II*\0\x08\0\0\0\x01\0\x12\x01\x03\0\x01\0\0\0\x06\0\0\0\0\0\0\0";
        let chunk = chunk(b"eXIf", tiff);
        // After the signature (8 bytes) and the header chunk (25 bytes).
        png.splice(33..33, chunk);
        let picture = Picture32::decode(&png).unwrap();
        assert_eq!(picture.rgb()[..], imageops::rotate90(&stored).as_raw()[..]);
        assert_ne!(picture.rgb()[..], stored.as_raw()[..]);
    }

    const SIDES: Sides = Sides { network: 28, shown: 64 };

    #[test]
    fn pixels_give_what_their_file_gives() {
        for (width, height) in [(32, 32), (100, 77), (5, 900)] {
            let original = pattern(width, height);
            let rgba = DynamicImage::ImageRgb8(original.clone()).into_rgba8();
            let from_file = Preview::decode(&png(original), SIDES, MAX_DECODED_BYTES).unwrap();
            let pixels = Preview::from_rgba(width, height, rgba.into_raw(), SIDES).unwrap();
            assert!(pixels == from_file);
            assert_eq!(pixels.picture.len(), 3 * 28 * 28);
            assert_eq!(pixels.side, width.min(height).min(64));
            assert_eq!(pixels.rgb.len(), 3 * (pixels.side * pixels.side) as usize);
        }
        // A square no larger than asked for is shown as it is.
        let original = pattern(40, 40);
        let preview = Preview::decode(&png(original.clone()), SIDES, MAX_DECODED_BYTES).unwrap();
        assert_eq!(preview.rgb, original.into_raw());
    }

    #[test]
    fn transparent_pixels_become_white() {
        let clear = RgbaImage::from_pixel(50, 50, Rgba([9, 9, 9, 0])).into_raw();
        let preview = Preview::from_rgba(50, 50, clear, Sides { network: 28, shown: 10 }).unwrap();
        assert!(preview.picture.iter().chain(&preview.rgb).all(|&value| value == 255));
    }

    #[test]
    fn pixels_that_do_not_fit_the_size_are_refused() {
        let refused = |width, height, bytes: usize| {
            Preview::from_rgba(width, height, vec![0; bytes], SIDES).unwrap_err()
        };
        for found in [0, 15, 17] {
            let error = refused(2, 2, found);
            assert!(matches!(error, PictureError::PixelCount { expected: 16, .. }), "{error:?}");
        }
        assert!(matches!(refused(0, 5, 0), PictureError::NoPixels));
        let error = refused(u32::MAX, u32::MAX, 4);
        assert!(matches!(error, PictureError::TooManyPixels { .. }));
        let error = Preview::decode(&png(pattern(100, 100)), SIDES, 20_000).unwrap_err();
        assert!(matches!(error, PictureError::TooMuchMemory), "{error:?}");
    }

    #[test]
    fn empty_and_foreign_files_are_refused() {
        assert!(matches!(Picture32::decode(b""), Err(PictureError::Empty)));
        for bytes in [&b"x"[..], b"%PDF-1.7 not a picture", b"<svg></svg>", b"II*\0\x08\0\0\0"] {
            let refused = Picture32::decode(bytes);
            assert!(matches!(refused, Err(PictureError::UnknownFormat)), "{refused:?}");
        }
    }

    #[test]
    fn damaged_files_are_refused() {
        let bytes = png(pattern(100, 100));
        for length in [8, 20, 33, 60, bytes.len() / 2] {
            let refused = Picture32::decode(&bytes[..length]);
            assert!(matches!(refused, Err(PictureError::Undecodable(_))), "{length}: {refused:?}");
        }
        let jpeg = encoded(pattern(100, 100), ImageFormat::Jpeg);
        let refused = Picture32::decode(&jpeg[..100]);
        assert!(matches!(refused, Err(PictureError::Undecodable(_))), "{refused:?}");
    }

    #[test]
    fn a_decoder_that_panics_is_no_end() {
        // Found by fuzzing: the upsampling of a progressive JPEG whose parts do not fit.
        let bytes = include_bytes!("../../tests/data/upsampled_too_far.jpg");
        let found = decode(bytes, MAX_DECODED_BYTES).map(|_| ());
        // On other machines the decoder has other code, and may take the file.
        assert!(matches!(found, Ok(()) | Err(PictureError::Undecodable(_))), "{found:?}");
    }

    #[test]
    fn huge_files_are_refused_unread() {
        let bytes = vec![0; MAX_FILE_BYTES + 1];
        let refused = Picture32::decode(&bytes).unwrap_err();
        assert!(matches!(refused, PictureError::FileTooLarge { .. }));
    }

    #[test]
    fn huge_pictures_are_refused_before_decoding() {
        let refused = |width: u32, height: u32, format| {
            let mut header = Vec::new();
            header.extend(width.to_be_bytes());
            header.extend(height.to_be_bytes());
            header.extend::<[u8; 5]>(format);
            let mut bytes = b"\x89PNG\r\n\x1a\n".to_vec();
            bytes.extend(chunk(b"IHDR", &header));
            bytes.extend(chunk(b"IDAT", &[0x78, 0x9c]));
            Picture32::decode(&bytes).unwrap_err()
        };
        // Bits per colour and colour type (2 RGB, 6 RGB with opacity); the rest is fixed.
        let (rgb, rgba16) = ([8, 2, 0, 0, 0], [16, 6, 0, 0, 0]);
        for (width, height) in [(MAX_SIDE + 1, 1), (1, MAX_SIDE + 1)] {
            let error = refused(width, height, rgb);
            assert!(matches!(error, PictureError::TooManyPixels { .. }), "{error:?}");
            assert!(error.to_string().contains(&format!("{width} x {height}")));
        }
        for side in [MAX_SIDE, i32::MAX as u32] {
            let error = refused(side, side, rgba16);
            assert!(matches!(error, PictureError::TooMuchMemory), "{error:?}");
        }
    }

    proptest! {
        #![proptest_config(ProptestConfig {
            cases: 128,
            rng_seed: RngSeed::Fixed(1),
            ..ProptestConfig::default()
        })]
        #[test]
        fn damaged_pictures_never_panic(
            format in prop::sample::select(vec![
                ImageFormat::Png, ImageFormat::Jpeg, ImageFormat::WebP, ImageFormat::Bmp,
            ]),
            changes in prop::collection::vec((any::<prop::sample::Index>(), any::<u8>()), 1..6),
        ) {
            let mut bytes = encoded(pattern(9, 8), format);
            for (at, byte) in changes {
                let at = at.index(bytes.len());
                bytes[at] = byte;
            }
            let _ = Picture32::decode(&bytes);
        }
    }

    /// A PNG chunk with its checksum.
    fn chunk(kind: &[u8; 4], data: &[u8]) -> Vec<u8> {
        let body = [&kind[..], data].concat();
        let crc = body.iter().fold(u32::MAX, |crc, &byte| {
            let step = |crc: u32, _| {
                if crc & 1 == 1 { crc >> 1 ^ 0xedb8_8320 } else { crc >> 1 }
            };
            (0..8).fold(crc ^ u32::from(byte), step)
        });
        let length = u32::try_from(data.len()).unwrap().to_be_bytes();
        [&length[..], &body, &(!crc).to_be_bytes()].concat()
    }
}
