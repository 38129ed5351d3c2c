//! From picture files and pixels to what a network reads.

use blindsight_contract::{Input, Preparation};
use blindsight_model::picture::{MAX_FILE_BYTES, MAX_INPUT_SIDE, PictureError, Preview, Sides};
use js_sys::Uint8Array;
use wasm_bindgen::prelude::wasm_bindgen;

use crate::contract::ModelContract;
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
    /// The pixels that the model reads, row by row, each as red, green, blue.
    #[wasm_bindgen(getter)]
    #[must_use]
    pub fn pixels(&self) -> Vec<u8> {
        self.0.picture.clone()
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

/// Decodes a PNG, JPEG, WebP, BMP or GIF file and prepares it for a model. The square has at most
/// `most_side` rows.
///
/// # Errors
/// When it is none of these, or too large, or the model reads no pictures.
#[wasm_bindgen(js_name = prepareFile)]
pub fn prepare_file(
    contract: &ModelContract,
    file: &Uint8Array,
    most_side: u32,
) -> Result<PreparedPicture, ClientError> {
    let network = side_of(contract.accepted().input())?;
    let sides = Sides { network, shown: most_side };
    let file = input::bytes("the picture file", file, MAX_FILE_BYTES, Code::PictureTooLarge)?;
    Preview::decode(&file, sides, MAX_DECODED_BYTES).map(PreparedPicture).map_err(refusal)
}

/// Prepares pixels of a picture of any size for a model: rows of red, green, blue and opacity. The
/// square has at most `most_side` rows.
///
/// # Errors
/// When there are not as many as the size says, or too many, or the model reads no pictures.
#[wasm_bindgen(js_name = preparePixels)]
pub fn prepare_pixels(
    contract: &ModelContract,
    rgba: &Uint8Array,
    width: u32,
    height: u32,
    most_side: u32,
) -> Result<PreparedPicture, ClientError> {
    let network = side_of(contract.accepted().input())?;
    let sides = Sides { network, shown: most_side };
    let rgba = input::bytes("the picture", rgba, MAX_RGBA_BYTES, Code::PictureTooLarge)?;
    Preview::from_rgba(width, height, rgba, sides).map(PreparedPicture).map_err(refusal)
}

/// Rows of the picture that the model reads: no contract is accepted in which it is no square.
fn side_of(input: &Input) -> Result<usize, ClientError> {
    let [_, rows, _] = input.shape();
    match input.preparation() {
        Preparation::Picture { .. } if rows <= MAX_INPUT_SIDE => Ok(rows),
        Preparation::Picture { .. } => {
            let message = format!("pictures of {rows} rows cannot be prepared here");
            Err(ClientError::new(Code::ContractRefused, message))
        }
        _ => {
            let message = "this model reads numbers, not pictures";
            Err(ClientError::new(Code::InvalidArgument, message))
        }
    }
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

#[cfg(test)]
mod tests {
    use blindsight_contract::PreparationData;
    use blindsight_contract::testing::{sample, slots};

    use super::*;

    fn code(shape: [u32; 3], preparation: Option<PreparationData>) -> Result<usize, Code> {
        let mut contract = sample();
        contract.input.shape = shape;
        contract.input.preparation = preparation.unwrap_or(PreparationData::Tensor {});
        let [channels, rows, columns] = shape;
        slots(&mut contract).slots.truncate(1);
        slots(&mut contract).slots[0].extent = [channels, rows, columns];
        let contract = ModelContract::accept(&contract.to_bytes()).unwrap();
        side_of(contract.accepted().input()).map_err(|error| error.code)
    }

    #[test]
    fn pictures_have_the_size_of_the_model() {
        let picture = |channels: usize| {
            let (mean, deviation) = (vec![0.5; channels], vec![0.25; channels]);
            Some(PreparationData::Picture { mean, deviation })
        };
        assert_eq!(code([3, 32, 32], picture(3)), Ok(32));
        assert_eq!(code([1, 28, 28], picture(1)), Ok(28));
        assert_eq!(code([3, 32, 32], None), Err(Code::InvalidArgument));
    }
}
