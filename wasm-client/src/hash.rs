//! A hash over an upload that may be interrupted.

use js_sys::Uint8Array;
use sha2::digest::common::hazmat::{SerializableState, SerializedState};
use sha2::{Digest, Sha256};
use wasm_bindgen::prelude::wasm_bindgen;

use crate::error::{ClientError, Code};
use crate::input;

/// SHA-256 of a stream of bytes. Its state can be stored and taken up again.
#[wasm_bindgen]
#[derive(Debug, Default)]
pub struct StreamingHash(Sha256);

/// Longest piece accepted at once.
const MAX_PIECE_BYTES: usize = 64 << 20;

#[wasm_bindgen]
impl StreamingHash {
    /// The hash of nothing yet.
    #[wasm_bindgen(constructor)]
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// The hash with this state.
    ///
    /// # Errors
    /// When `state` did not come from [`StreamingHash::state`].
    #[wasm_bindgen(js_name = fromState)]
    pub fn from_state(state: &Uint8Array) -> Result<Self, ClientError> {
        let bytes = input::bytes("the state of a hash", state, 1024, Code::StorageCorrupt)?;
        Self::restore(&bytes)
    }

    /// Adds bytes.
    ///
    /// # Errors
    /// When the piece is too long.
    pub fn update(&mut self, piece: &Uint8Array) -> Result<(), ClientError> {
        let most = MAX_PIECE_BYTES;
        self.0.update(input::bytes("a piece to hash", piece, most, Code::InvalidArgument)?);
        Ok(())
    }

    /// The state, to go on later.
    #[must_use]
    pub fn state(&self) -> Vec<u8> {
        self.0.serialize().to_vec()
    }

    /// The 32 bytes of the hash of everything so far.
    #[must_use]
    pub fn digest(&self) -> Vec<u8> {
        self.0.clone().finalize().to_vec()
    }
}

impl StreamingHash {
    fn restore(bytes: &[u8]) -> Result<Self, ClientError> {
        let refused = || ClientError::new(Code::StorageCorrupt, "this is no state of a hash");
        let state = SerializedState::<Sha256>::try_from(bytes).map_err(|_| refused())?;
        Sha256::deserialize(&state).map(Self).map_err(|_| refused())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_stored_state_goes_on() {
        let mut hash = StreamingHash::new();
        hash.0.update(b"ab");
        let mut restored = StreamingHash::restore(&hash.state()).unwrap();
        restored.0.update(b"c");
        // FIPS 180-2, appendix B.1.
        let start = [0xba, 0x78, 0x16, 0xbf, 0x8f, 0x01, 0xcf, 0xea];
        assert_eq!(restored.digest()[..8], start);
        for bad in [&[][..], &[0; 3], &[255; 1000]] {
            assert_eq!(StreamingHash::restore(bad).unwrap_err().code, Code::StorageCorrupt);
        }
    }
}
