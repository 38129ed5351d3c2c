//! From picture files and pixels to what the network reads.

use blindsight_model::picture::{MAX_FILE_BYTES, PictureError, Preview};
use js_sys::Uint8Array;
use wasm_bindgen::prelude::wasm_bindgen;

use crate::error::{ClientError, Code};
use crate::input;

/// Most memory for decoded pixels: with the decoders' own, an instance stays under 256 MiB. It is
/// a photo of 25 megapixels.
const MAX_DECODED_BYTES: u64 = 75 << 20;

/// Most pixels that somebody else decoded: 4096 x 4096 of four bytes.
const MAX_RGBA_BYTES: usize = 64 << 20;

/// A picture as the network reads it, and the square it came from.
#[wasm_bindgen]
#[derive(Debug)]
pub struct PreparedPicture(Preview);

#[wasm_bindgen]
impl PreparedPicture {
    /// 32 x 32 pixels row by row, each as red, green, blue.
    #[wasm_bindgen(getter)]
    #[must_use]
    pub fn rgb32(&self) -> Vec<u8> {
        self.0.picture.rgb().to_vec()
    }

    /// Rows and columns of the square.
    #[wasm_bindgen(getter)]
    #[must_use]
    pub fn side(&self) -> u32 {
        self.0.side
    }

    /// The square row by row, each pixel as red, green, blue and full opacity.
    #[wasm_bindgen(getter)]
    #[must_use]
    pub fn rgba(&self) -> Vec<u8> {
        let pixels = self.0.rgb.chunks_exact(3);
        pixels.flat_map(|pixel| pixel.iter().copied().chain([255])).collect()
    }
}

/// Decodes a PNG, JPEG, WebP, BMP or GIF file and prepares it. The square has at most `most_side`
/// rows.
///
/// # Errors
/// When it is none of these, or too large.
#[wasm_bindgen(js_name = prepareFile)]
pub fn prepare_file(file: &Uint8Array, most_side: u32) -> Result<PreparedPicture, ClientError> {
    let file = input::bytes("the picture file", file, MAX_FILE_BYTES, Code::PictureTooLarge)?;
    Preview::decode(&file, most_side, MAX_DECODED_BYTES).map(PreparedPicture).map_err(refusal)
}

/// Prepares pixels of a picture of any size: rows of red, green, blue and opacity. The square has at
/// most `most_side` rows.
///
/// # Errors
/// When there are not as many as the size says, or too many.
#[wasm_bindgen(js_name = preparePixels)]
pub fn prepare_pixels(
    rgba: &Uint8Array,
    width: u32,
    height: u32,
    most_side: u32,
) -> Result<PreparedPicture, ClientError> {
    let rgba = input::bytes("the picture", rgba, MAX_RGBA_BYTES, Code::PictureTooLarge)?;
    Preview::from_rgba(width, height, rgba, most_side).map(PreparedPicture).map_err(refusal)
}

fn refusal(error: PictureError) -> ClientError {
    let code = match error {
        PictureError::FileTooLarge { .. }
        | PictureError::TooManyPixels { .. }
        | PictureError::TooMuchMemory => Code::PictureTooLarge,
        PictureError::PixelCount { .. } | PictureError::NoPixels => Code::InvalidArgument,
        _ => Code::UnsupportedPicture,
    };
    ClientError::new(code, error)
}
