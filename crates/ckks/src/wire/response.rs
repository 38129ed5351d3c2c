//! The encrypted answer as bytes.

use blindsight_ring::bits::{pack_u32, packed_len, unpack_u32};

use super::frame::{self, Expected, ObjectKind, Reader, Writer};
use super::{ExpectedScale, ReadError};
use crate::parameters::Parameters;
use crate::response::{CompactCiphertext, is_period};

/// What a client expects of an answer.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct ExpectedResponse {
    /// The number of distinct slots.
    pub period: usize,
    /// The scale.
    pub scale: ExpectedScale,
}

impl CompactCiphertext {
    /// The length in bytes of every response with this period and modulus.
    #[must_use]
    pub fn byte_len(set: &Parameters, period: usize, log2_modulus: u32) -> usize {
        frame::HEADER_BYTES + payload_len(set, period, log2_modulus)
    }

    /// The response as it travels.
    ///
    /// # Panics
    /// Never: its coefficients lie below its modulus, however it was made.
    #[must_use]
    pub fn to_bytes(&self, set: &Parameters) -> Vec<u8> {
        let capacity = payload_len(set, self.period(), self.log2_modulus);
        let mut writer = Writer::new(ObjectKind::Response, set.fingerprint(), capacity);
        writer.u8(self.log2_modulus as u8);
        writer.u32(self.period() as u32);
        writer.f64(self.scale);
        for half in [&self.c0, &self.c1] {
            pack_u32(half, self.log2_modulus, writer.payload_mut())
                .expect("coefficients lie below the modulus");
        }
        writer.finish()
    }

    /// Reads a response.
    ///
    /// # Errors
    /// When `bytes` are anything but a response of this parameter set, with the expected period
    /// and scale: see [`ReadError`].
    pub fn from_bytes(
        set: &Parameters,
        bytes: &[u8],
        expected: &ExpectedResponse,
    ) -> Result<Self, ReadError> {
        let period = expected.period;
        if !is_period(set, period) {
            let most = set.slots();
            return Err(ReadError::NoSuchPeriod { period, most });
        }
        let frame = Expected {
            kind: ObjectKind::Response,
            parameters: set.fingerprint(),
            // The limit is that of the longest period, so that a wrong one is reported as such.
            max_payload: payload_len(set, set.slots(), Self::MOST_LOG2_MODULUS),
        };
        let mut reader = frame::open(bytes, &frame)?;
        let log2_modulus = read_log2_modulus(&mut reader)?;
        let found = reader.u32("the period")?;
        if usize::try_from(found) != Ok(period) {
            let expected = period;
            return Err(ReadError::Period { expected, found });
        }
        let scale = expected.scale.check(reader.f64("the scale")?)?;
        let c0 = read_half(&mut reader, "c0", 2 * period, log2_modulus)?;
        let c1 = read_half(&mut reader, "c1", set.degree(), log2_modulus)?;
        reader.finish()?;
        Ok(Self { c0, c1, log2_modulus, scale })
    }
}

fn read_log2_modulus(reader: &mut Reader<'_>) -> Result<u32, ReadError> {
    let (least, most) =
        (CompactCiphertext::LEAST_LOG2_MODULUS, CompactCiphertext::MOST_LOG2_MODULUS);
    let found = u32::from(reader.u8("the modulus")?);
    if (least..=most).contains(&found) {
        Ok(found)
    } else {
        Err(ReadError::ResponseModulus { least, most, found })
    }
}

/// Every pattern of `log2_modulus` bits is a coefficient: only length and padding can be wrong.
fn read_half(
    reader: &mut Reader<'_>,
    what: &'static str,
    count: usize,
    log2_modulus: u32,
) -> Result<Vec<u32>, ReadError> {
    let bytes = reader.bytes(what, half_len(count, log2_modulus))?;
    let mut half = vec![0; count];
    unpack_u32(bytes, log2_modulus, 1 << log2_modulus, &mut half).map_err(|source| {
        let limb = 0;
        ReadError::Residues { what, limb, source }
    })?;
    Ok(half)
}

fn payload_len(set: &Parameters, period: usize, log2_modulus: u32) -> usize {
    1 + 4 + 8 + half_len(2 * period, log2_modulus) + half_len(set.degree(), log2_modulus)
}

fn half_len(count: usize, log2_modulus: u32) -> usize {
    packed_len(count, log2_modulus).expect("a response fits in memory")
}

#[cfg(test)]
mod tests {
    use blindsight_ring::bits::BitsError;

    use super::*;
    use crate::wire::frame::WireError;
    use crate::wire::testing::{self, forged, full, set};

    fn response(log2_modulus: u32, period: usize) -> CompactCiphertext {
        CompactCiphertext::from_base_level(set(), &full(1), log2_modulus, period).unwrap()
    }

    fn expected(period: usize) -> ExpectedResponse {
        let (least, most) = (1.0, 1e12);
        ExpectedResponse { period, scale: ExpectedScale::Between { least, most } }
    }

    fn read(bytes: &[u8]) -> Result<CompactCiphertext, ReadError> {
        CompactCiphertext::from_bytes(set(), bytes, &expected(16))
    }

    #[test]
    fn round_trip() {
        for (log2_modulus, period) in [(26, 16), (10, 1), (19, set().slots())] {
            let response = response(log2_modulus, period);
            let bytes = response.to_bytes(set());
            let back = CompactCiphertext::from_bytes(set(), &bytes, &expected(period)).unwrap();
            assert_eq!(back, response);
            assert_eq!(back.to_bytes(set()), bytes);
            assert_eq!(bytes.len(), CompactCiphertext::byte_len(set(), period, log2_modulus));
        }
        let bits = 20 * (32_768 + 32);
        assert_eq!(response(20, 16).to_bytes(set()).len(), frame::HEADER_BYTES + 13 + bits / 8);
    }

    #[test]
    fn other_periods_are_refused() {
        for found in [8, 32] {
            let error = read(&response(20, found).to_bytes(set())).err();
            let (expected, found) = (16, found as u32);
            assert_eq!(error, Some(ReadError::Period { expected, found }));
        }
        let bytes = response(20, 16).to_bytes(set());
        let most = set().slots();
        for period in [0, 12, 2 * most] {
            let error = CompactCiphertext::from_bytes(set(), &bytes, &expected(period)).err();
            assert_eq!(error, Some(ReadError::NoSuchPeriod { period, most }));
        }
    }

    #[test]
    fn other_moduli_are_refused() {
        let bytes = response(20, 16).to_bytes(set());
        let (least, most) = (10, 26);
        for found in [0, 9, 27, 255] {
            let error = read(&forged(&bytes, 0, &[found])).err();
            let found = u32::from(found);
            let wrong = ReadError::ResponseModulus { least, most, found };
            assert_eq!(error, Some(wrong));
        }
        // A modulus that lies about the content.
        let error = read(&forged(&bytes, 0, &[19])).err();
        let left = (32 + 32_768) / 8;
        assert_eq!(error, Some(WireError::Unread { left }.into()));
        let error = read(&forged(&bytes, 0, &[21])).err();
        let ends = WireError::PayloadEnds {
            what: "c1",
            needed: 21 * 32_768 / 8,
            left: 20 * 32_768 / 8 - 4,
        };
        assert_eq!(error, Some(ends.into()));
    }

    #[test]
    fn other_scales_are_refused() {
        let bytes = response(20, 16).to_bytes(set());
        for found in [0.5_f64, -4.0, 1e13] {
            let error = read(&forged(&bytes, 5, &found.to_le_bytes())).err();
            let expected = expected(16).scale;
            assert_eq!(error, Some(ReadError::Scale { expected, found }));
        }
    }

    #[test]
    fn padding_is_checked() {
        // Two coefficients of 19 bits leave two bits of the fifth byte.
        let bytes = response(19, 1).to_bytes(set());
        let at = 13 + 4;
        let last = bytes[frame::HEADER_BYTES + at];
        let forged = forged(&bytes, at, &[last | 0x80]);
        let error = CompactCiphertext::from_bytes(set(), &forged, &expected(1)).err();
        let padding = ReadError::Residues { what: "c0", limb: 0, source: BitsError::Padding };
        assert_eq!(error, Some(padding));
    }

    #[test]
    fn damaged_frames_are_refused() {
        let bytes = response(20, 16).to_bytes(set());
        testing::assert_frame_is_checked(&bytes, |b| read(b).map(|_| ()));
    }
}
