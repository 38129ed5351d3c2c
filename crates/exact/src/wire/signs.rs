//! Pictures for networks of signs, and their scores.

use blindsight_ckks::wire::frame::{self, ObjectKind, Writer};
use blindsight_ring::bits::{pack_u32, packed_len, unpack_u32};
use blindsight_ring::sampling::Seed;

use super::{ReadError, expected};
use crate::parameters::ExactParameters;
use crate::picture::{BinaryPicture, ExactScores, PIXEL_BITS};

impl BinaryPicture {
    /// The length of the bytes of a picture with so many pixels.
    ///
    /// # Panics
    /// If so many pixels do not fit into memory.
    #[must_use]
    pub fn byte_len(pixels: usize) -> usize {
        frame::HEADER_BYTES + picture_len(pixels)
    }

    /// The picture as a frame.
    ///
    /// # Panics
    /// If a number has more than [`PIXEL_BITS`] bits, which nothing that makes pictures does.
    #[must_use]
    pub fn to_bytes(&self, set: &ExactParameters) -> Vec<u8> {
        let capacity = picture_len(self.bodies.len());
        let mut writer = Writer::new(ObjectKind::BinaryPicture, set.fingerprint(), capacity);
        writer.bytes(self.seed.as_bytes());
        pack_u32(&self.bodies, PIXEL_BITS, writer.payload_mut()).expect("bodies were rounded");
        writer.finish()
    }

    /// Reads a picture with so many pixels, which the network knows.
    ///
    /// # Errors
    /// When the bytes are none of this set with as many. Nothing is allocated before their length is
    /// known to be right.
    pub fn from_bytes(
        set: &ExactParameters,
        pixels: usize,
        bytes: &[u8],
    ) -> Result<Self, ReadError> {
        let most = picture_len(pixels);
        let mut reader = frame::open(bytes, &expected(set, ObjectKind::BinaryPicture, most))?;
        let seed = Seed::from_bytes(reader.array("the seed")?);
        let packed = reader.bytes("the pixels", packed_pixels(pixels))?;
        reader.finish()?;
        let mut bodies = vec![0; pixels];
        unpack_u32(packed, PIXEL_BITS, 1 << PIXEL_BITS, &mut bodies)
            .map_err(|source| ReadError::Numbers { what: "the pixels", source })?;
        Ok(Self { seed, bodies })
    }
}

impl ExactScores {
    /// The length of the bytes of so many scores.
    #[must_use]
    pub fn byte_len(set: &ExactParameters, scores: usize) -> usize {
        frame::HEADER_BYTES + scores_len(set, scores)
    }

    /// The scores as a frame.
    #[must_use]
    pub fn to_bytes(&self, set: &ExactParameters) -> Vec<u8> {
        let capacity = scores_len(set, self.0.len());
        let mut writer = Writer::new(ObjectKind::ExactScores, set.fingerprint(), capacity);
        for (mask, body) in &self.0 {
            mask.iter().chain([body]).for_each(|number| writer.bytes(&number.to_le_bytes()));
        }
        writer.finish()
    }

    /// Reads so many scores.
    ///
    /// # Errors
    /// When the bytes are none of this set, or not as many.
    pub fn from_bytes(
        set: &ExactParameters,
        scores: usize,
        bytes: &[u8],
    ) -> Result<Self, ReadError> {
        let payload = scores_len(set, scores);
        let mut reader = frame::open(bytes, &expected(set, ObjectKind::ExactScores, payload))?;
        let packed = reader.bytes("the scores", payload)?;
        reader.finish()?;
        let score = |bytes: &[u8]| {
            let numbers = bytes.chunks_exact(2).map(|pair| u16::from_le_bytes([pair[0], pair[1]]));
            let mut mask: Vec<u16> = numbers.collect();
            let body = mask.pop().unwrap_or(0);
            (mask, body)
        };
        Ok(Self(packed.chunks_exact(score_len(set)).map(score).collect()))
    }
}

fn picture_len(pixels: usize) -> usize {
    Seed::BYTES + packed_pixels(pixels)
}

fn packed_pixels(pixels: usize) -> usize {
    packed_len(pixels, PIXEL_BITS).expect("pictures fit in memory")
}

fn score_len(set: &ExactParameters) -> usize {
    2 * (set.degree() + 1)
}

fn scores_len(set: &ExactParameters, scores: usize) -> usize {
    scores.saturating_mul(score_len(set))
}

#[cfg(test)]
mod tests {
    use blindsight_ckks::wire::frame::WireError;

    use super::*;
    use crate::keys::tests::set;

    const PIXELS: usize = 784;

    fn picture() -> BinaryPicture {
        let bodies = (0..PIXELS as u32).map(|i| i.wrapping_mul(0x9E37_79B9) >> 8).collect();
        BinaryPicture { seed: Seed::from_bytes([5; 32]), bodies }
    }

    fn scores() -> ExactScores {
        let score = |s: u16| ((0..2048).map(|i: u16| i.wrapping_mul(77) ^ s).collect(), s);
        ExactScores((0..10).map(score).collect())
    }

    #[test]
    fn what_is_written_is_read() {
        let bytes = picture().to_bytes(set());
        assert_eq!(bytes.len(), BinaryPicture::byte_len(PIXELS));
        assert_eq!(bytes.len(), 2_435, "as the documentation says");
        assert_eq!(BinaryPicture::from_bytes(set(), PIXELS, &bytes), Ok(picture()));
        let bytes = scores().to_bytes(set());
        assert_eq!(bytes.len(), ExactScores::byte_len(set(), 10));
        assert_eq!(bytes.len(), 41_031, "as the documentation says");
        assert_eq!(ExactScores::from_bytes(set(), 10, &bytes), Ok(scores()));
    }

    #[test]
    fn every_truncation_and_damage_is_refused() {
        let bytes = picture().to_bytes(set());
        for end in 0..bytes.len() {
            assert!(BinaryPicture::from_bytes(set(), PIXELS, &bytes[..end]).is_err(), "{end}");
        }
        for bit in (0..8 * bytes.len()).step_by(13) {
            let mut damaged = bytes.clone();
            damaged[bit / 8] ^= 1 << (bit % 8);
            assert!(BinaryPicture::from_bytes(set(), PIXELS, &damaged).is_err(), "bit {bit}");
        }
        let bytes = scores().to_bytes(set());
        for end in (0..bytes.len()).step_by(101) {
            assert!(ExactScores::from_bytes(set(), 10, &bytes[..end]).is_err(), "{end}");
        }
    }

    #[test]
    fn other_sizes_are_refused() {
        let bytes = picture().to_bytes(set());
        for (pixels, long) in [(PIXELS - 1, true), (PIXELS + 1, false), (0, true)] {
            let error = BinaryPicture::from_bytes(set(), pixels, &bytes).unwrap_err();
            let ReadError::Frame(error) = error else { unreachable!("{error}") };
            let found = matches!(error, WireError::TooLong { .. });
            assert_eq!(found, long, "{pixels} pixels: {error}");
        }
        let bytes = scores().to_bytes(set());
        assert!(ExactScores::from_bytes(set(), 9, &bytes).is_err());
        assert!(ExactScores::from_bytes(set(), 11, &bytes).is_err());
        assert!(ExactScores::from_bytes(set(), usize::MAX, &bytes).is_err());
    }
}
