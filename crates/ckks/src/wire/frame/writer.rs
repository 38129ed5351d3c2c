//! Writing of frames.

use super::{HEADER_BYTES, Header, ObjectKind, ParameterFingerprint};

/// Writes a frame: the payload piece by piece, then the header around it.
#[derive(Debug, Clone)]
pub struct Writer {
    kind: ObjectKind,
    parameters: ParameterFingerprint,
    payload: Vec<u8>,
}

impl Writer {
    /// A frame with an empty payload. `capacity` is the expected length of the payload in bytes;
    /// it only saves copying.
    #[must_use]
    pub fn new(kind: ObjectKind, parameters: ParameterFingerprint, capacity: usize) -> Self {
        Self {
            kind,
            parameters,
            payload: Vec::with_capacity(capacity.saturating_add(HEADER_BYTES)),
        }
    }

    /// Writes a byte.
    pub fn u8(&mut self, value: u8) {
        self.payload.push(value);
    }

    /// Writes a 16-bit number.
    pub fn u16(&mut self, value: u16) {
        self.bytes(&value.to_le_bytes());
    }

    /// Writes a 32-bit number.
    pub fn u32(&mut self, value: u32) {
        self.bytes(&value.to_le_bytes());
    }

    /// Writes a 64-bit number.
    pub fn u64(&mut self, value: u64) {
        self.bytes(&value.to_le_bytes());
    }

    /// Writes a double. Readers refuse one that is not finite.
    pub fn f64(&mut self, value: f64) {
        self.bytes(&value.to_le_bytes());
    }

    /// Writes bytes as they are, without their length.
    pub fn bytes(&mut self, bytes: &[u8]) {
        self.payload.extend_from_slice(bytes);
    }

    /// The payload so far, for a packer to append to.
    pub fn payload_mut(&mut self) -> &mut Vec<u8> {
        &mut self.payload
    }

    /// Puts the header in front and returns the frame.
    #[must_use]
    pub fn finish(self) -> Vec<u8> {
        let header = Header::of(self.kind, self.parameters, &self.payload);
        let mut frame = self.payload;
        frame.splice(0..0, header.encode());
        frame
    }
}
