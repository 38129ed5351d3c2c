//! Damaged copies of a frame for a reader.

use blindsight_ckks::wire::frame::{HEADER_BYTES, Header, Writer};

/// Feeds `rounds` damaged copies of a valid frame to a reader, which returns what it read, written
/// again.
pub(crate) fn attack(frame: &[u8], rounds: u64, read: impl Fn(&[u8]) -> Option<Vec<u8>>) {
    assert!(read(frame).is_some_and(|written| written == frame));
    let mut refused = 0;
    for round in 0..rounds {
        let mut rng = Random(round);
        let mut bytes = frame.to_vec();
        for _ in 0..=rng.below(3) {
            damage(&mut bytes, &mut rng);
        }
        if rng.below(8) != 0 {
            bytes = sealed(&bytes);
        }
        match read(&bytes) {
            Some(written) => assert!(written == bytes, "round {round} has two forms"),
            None => refused += 1,
        }
    }
    // If nothing were refused, the damage would not reach the readers.
    assert!(refused > rounds / 4, "{refused} of {rounds} refused");
}

/// One change, in the first bytes as often as anywhere: that is where the fields are.
fn damage(bytes: &mut Vec<u8>, rng: &mut Random) {
    let reach = if rng.below(2) == 0 { 120 } else { bytes.len() };
    let start = rng.below(reach.min(bytes.len()).max(1));
    let end = (start + 1 + rng.below(16)).min(bytes.len());
    // Changes of length are refused early: fewer of them.
    match rng.below(12) {
        0..4 if end > start => bytes[start] ^= 1 << rng.below(8),
        4..7 => bytes[start..end].fill([0, 0xFF, 0x7F, 0x80][rng.below(4)]),
        7..10 => bytes[start..end].fill_with(|| rng.below(256) as u8),
        10 => bytes.truncate(start),
        _ if rng.below(2) == 0 => drop(bytes.drain(start..end)),
        _ => {
            let repeated = bytes[start..end].to_vec();
            bytes.splice(end..end, repeated);
        }
    }
}

/// The frame with the length and checksum that fit it, if it has a header at all.
fn sealed(bytes: &[u8]) -> Vec<u8> {
    let Ok(header) = Header::parse(bytes) else {
        return bytes.to_vec();
    };
    let mut writer = Writer::new(header.kind(), header.parameters(), bytes.len());
    writer.bytes(&bytes[HEADER_BYTES..]);
    writer.finish()
}

/// SplitMix64 (Steele, Lea and Flood 2014): short, and the same everywhere.
struct Random(u64);

impl Random {
    fn below(&mut self, bound: usize) -> usize {
        self.0 = self.0.wrapping_add(0x9E37_79B9_7F4A_7C15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        ((z ^ (z >> 31)) % bound as u64) as usize
    }
}
