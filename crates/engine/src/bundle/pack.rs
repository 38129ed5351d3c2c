//! Constants as bytes.

use std::io::{Read, Write};

use flate2::Compression;
use flate2::read::DeflateDecoder;
use flate2::write::DeflateEncoder;

use super::BundleError;

/// Deflates bytes.
pub(super) fn pack(bytes: &[u8]) -> Vec<u8> {
    let mut encoder = DeflateEncoder::new(Vec::new(), Compression::default());
    encoder.write_all(bytes).expect("memory takes what is written");
    encoder.finish().expect("memory takes what is written")
}

/// Inflates exactly `length` bytes; no more memory is taken, whatever the bytes say.
pub(super) fn unpack(
    what: &'static str,
    bytes: &[u8],
    length: usize,
) -> Result<Vec<u8>, BundleError> {
    let mut unpacked = Vec::new();
    let most = length as u64 + 1;
    let mut decoder = DeflateDecoder::new(bytes);
    let read = decoder.by_ref().take(most).read_to_end(&mut unpacked);
    // Nothing may hide behind the end.
    let whole = decoder.total_in() == bytes.len() as u64;
    if read.is_ok() && whole && unpacked.len() == length {
        Ok(unpacked)
    } else {
        Err(BundleError::Packing(what))
    }
}

/// Inflates constants.
pub(super) fn unpack_constants(bytes: &[u8], length: usize) -> Result<Vec<f32>, BundleError> {
    let bytes = unpack("the constants", bytes, length)?;
    let (words, rest) = bytes.as_chunks::<4>();
    if !rest.is_empty() {
        return Err(BundleError::Packing("the constants"));
    }
    Ok(words.iter().map(|word| f32::from_le_bytes(*word)).collect())
}
