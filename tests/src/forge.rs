//! Objects that are wrong in one place and sound everywhere else.

use blindsight_ckks::wire::frame::{HEADER_BYTES, Header, Writer};

/// The frame with some bytes of its payload replaced, and the checksum made to fit.
pub fn payload(frame: &[u8], at: usize, bytes: &[u8]) -> Vec<u8> {
    let header = Header::parse(frame).expect("a sound frame");
    let mut payload = frame[HEADER_BYTES..].to_vec();
    payload[at..at + bytes.len()].copy_from_slice(bytes);
    let mut writer = Writer::new(header.kind(), header.parameters(), payload.len());
    writer.bytes(&payload);
    writer.finish()
}

/// The frame with some bytes of its header replaced. Its checksum no longer fits, but everything
/// in the header is looked at before.
pub fn header(frame: &[u8], at: usize, bytes: &[u8]) -> Vec<u8> {
    let mut forged = frame.to_vec();
    assert!(at + bytes.len() <= HEADER_BYTES);
    forged[at..at + bytes.len()].copy_from_slice(bytes);
    forged
}

/// The frame with a flipped bit.
pub fn flipped(frame: &[u8], bit: usize) -> Vec<u8> {
    let mut damaged = frame.to_vec();
    damaged[bit / 8] ^= 1 << (bit % 8);
    damaged
}
