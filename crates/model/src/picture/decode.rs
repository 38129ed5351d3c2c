//! Decodes untrusted picture files and shrinks them.
//!
//! The file's size, its sides and the memory for its pixels are limited before they are used.
//! The largest centred square is cut out and resampled with a Lanczos filter; transparent parts
//! become white; the orientation that a camera recorded is honoured. Colour profiles are ignored:
//! values are taken as sRGB. Of an animation the first frame counts.

use std::io::Cursor;

use image::imageops::{self, FilterType};
use image::metadata::Orientation;
use image::{
    DynamicImage, GenericImageView, ImageBuffer, ImageDecoder, ImageError, ImageReader, Limits,
    Pixel, RgbImage, RgbaImage,
};
use thiserror::Error;

use super::SIDE;

/// Largest picture file accepted, in bytes.
pub const MAX_FILE_BYTES: usize = 32 << 20;
/// Most rows or columns accepted.
pub const MAX_SIDE: u32 = 12_000;
/// Most memory for decoded pixels, in bytes: 12,000 x 12,000 pixels of 24 bits fit.
pub const MAX_DECODED_BYTES: u64 = 512 << 20;

/// The prepared picture, 32 x 32 pixels.
pub(super) fn decode(bytes: &[u8]) -> Result<RgbImage, PictureError> {
    let (image, orientation) = decode_within_limits(bytes)?;
    let mut small = DynamicImage::ImageRgb8(centre_square(image));
    // Turning the small square spares a second copy of the large picture.
    small.apply_orientation(orientation);
    Ok(small.into_rgb8())
}

/// Why a picture was refused.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum PictureError {
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
    #[error("the picture would take more than {} MiB when decoded", MAX_DECODED_BYTES >> 20)]
    TooMuchMemory,
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
fn decode_within_limits(bytes: &[u8]) -> Result<(DynamicImage, Orientation), PictureError> {
    match bytes.len() {
        0 => return Err(PictureError::Empty),
        1..=MAX_FILE_BYTES => (),
        found => return Err(PictureError::FileTooLarge { found }),
    }
    // The side limits are checked below, where the error can say the size.
    let mut limits = Limits::default();
    limits.max_alloc = Some(MAX_DECODED_BYTES);
    let format = image::guess_format(bytes).map_err(|_| PictureError::UnknownFormat)?;
    let mut reader = ImageReader::with_format(Cursor::new(bytes), format);
    reader.limits(limits);
    let mut decoder = reader.into_decoder().map_err(undecodable)?;

    let (width, height) = decoder.dimensions();
    if width.max(height) > MAX_SIDE {
        return Err(PictureError::TooManyPixels { width, height });
    }
    if decoder.total_bytes() > MAX_DECODED_BYTES {
        return Err(PictureError::TooMuchMemory);
    }
    if width == 0 || height == 0 {
        return Err(PictureError::NoPixels);
    }
    // A picture with a damaged note about its orientation is still a picture.
    let orientation = decoder.orientation().unwrap_or(Orientation::NoTransforms);
    let image = DynamicImage::from_decoder(decoder).map_err(undecodable)?;
    Ok((image, orientation))
}

fn undecodable(error: ImageError) -> PictureError {
    match error {
        ImageError::Unsupported(_) => PictureError::UnknownFormat,
        ImageError::Limits(_) => PictureError::TooMuchMemory,
        other => PictureError::Undecodable(other),
    }
}

/// The largest centred square, on white, resampled to 32 x 32.
fn centre_square(image: DynamicImage) -> RgbImage {
    let (width, height) = (image.width(), image.height());
    let side = width.min(height);
    let (left, top) = ((width - side) / 2, (height - side) / 2);
    // Views, not copies: the picture may be large. Opaque pictures keep three bytes a pixel.
    if image.color().has_alpha() {
        let mut pixels = image.into_rgba8();
        lay_on_white(&mut pixels);
        let square = imageops::crop_imm(&pixels, left, top, side, side);
        DynamicImage::ImageRgba8(resized(&*square)).into_rgb8()
    } else {
        let pixels = image.into_rgb8();
        let square = imageops::crop_imm(&pixels, left, top, side, side);
        resized(&*square)
    }
}

fn resized<V>(square: &V) -> ImageBuffer<V::Pixel, Vec<<V::Pixel as Pixel>::Subpixel>>
where
    V: GenericImageView<Pixel: 'static>,
    <V::Pixel as Pixel>::Subpixel: 'static,
{
    imageops::resize(square, SIDE as u32, SIDE as u32, FilterType::Lanczos3)
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
    use crate::picture::{PLANE, Picture32};

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
