//! Uniform residues from a public seed.

use chacha20::ChaCha20Rng;
use chacha20::rand_core::{Rng, SeedableRng};

use super::seed::Seed;

/// Expands one stream of a public [`Seed`] into residues, uniform modulo q.
///
/// Filling consumes the expander, so one stream cannot serve two limbs by accident.
///
/// # The expansion, exactly
///
/// The output is a function of the seed, the stream id, the modulus q, the word size (32 or 64
/// bits) and the number of residues wanted, and of nothing else.
///
/// 1. *Keystream.* ChaCha20 with 20 rounds (the core of RFC 8439). The sixteen 32-bit words of
///    the state are the four constants "expand 32-byte k"; the seed as eight little-endian words;
///    a 64-bit block counter, low word first, starting at 0; the 64-bit stream id, low word first.
///    Blocks 0, 1, 2, ... are serialised as in the RFC and concatenated.
/// 2. *Words.* The keystream is cut into consecutive little-endian words of 32 bits
///    ([`fill_u32`](UniformExpander::fill_u32)) or 64 bits
///    ([`fill_u64`](UniformExpander::fill_u64)), starting at its first byte.
/// 3. *Rejection.* Let b be the bit length of q - 1. Of each word only the low b bits are kept.
///    If the value is below q it is the next residue, otherwise the word is skipped.
///
/// So a shorter output is a prefix of a longer one. Because only low bits are kept, moduli that
/// share a stream would get related residues: give every limb a stream of its own.
#[derive(Debug)]
pub struct UniformExpander {
    keystream: ChaCha20Rng,
}

impl UniformExpander {
    /// The expander of one stream of `seed`. Different streams are independent.
    #[must_use]
    pub fn new(seed: &Seed, stream: StreamId) -> Self {
        let mut keystream = ChaCha20Rng::from_seed(seed.to_bytes());
        keystream.set_stream(stream.0);
        Self { keystream }
    }

    /// Overwrites `out` with residues uniform modulo `q`, from 32-bit words.
    ///
    /// # Panics
    ///
    /// If `q` is zero, modulo which there are no residues.
    pub fn fill_u32(mut self, q: u32, out: &mut [u32]) {
        assert_ne!(q, 0, "there are no residues modulo zero");
        let mask = u32::MAX.checked_shr((q - 1).leading_zeros()).unwrap_or(0);
        let mut block = [0; BLOCK_BYTES];
        let mut accepted = [0; BLOCK_BYTES / 4];
        let mut rest = out;
        while !rest.is_empty() {
            self.keystream.fill_bytes(&mut block);
            let mut count = 0;
            for word in block.as_chunks::<4>().0 {
                // Written always and kept or overwritten: the outcome is a coin toss that no
                // branch predictor wins.
                let value = u32::from_le_bytes(*word) & mask;
                accepted[count] = value;
                count += usize::from(value < q);
            }
            rest = take_prefix(rest, &accepted[..count]);
        }
    }

    /// Overwrites `out` with residues uniform modulo `q`, from 64-bit words.
    ///
    /// # Panics
    ///
    /// If `q` is zero, modulo which there are no residues.
    pub fn fill_u64(mut self, q: u64, out: &mut [u64]) {
        assert_ne!(q, 0, "there are no residues modulo zero");
        let mask = u64::MAX.checked_shr((q - 1).leading_zeros()).unwrap_or(0);
        let mut block = [0; BLOCK_BYTES];
        let mut accepted = [0; BLOCK_BYTES / 8];
        let mut rest = out;
        while !rest.is_empty() {
            self.keystream.fill_bytes(&mut block);
            let mut count = 0;
            for word in block.as_chunks::<8>().0 {
                let value = u64::from_le_bytes(*word) & mask;
                accepted[count] = value;
                count += usize::from(value < q);
            }
            rest = take_prefix(rest, &accepted[..count]);
        }
    }

    /// Overwrites `out` with the keystream's 64-bit words as they are: numbers uniform modulo
    /// `2^64`, which step 3 above has nothing to reject of.
    pub fn fill_words(mut self, out: &mut [u64]) {
        out.fill_with(|| self.keystream.next_u64());
    }
}

/// Names one stream under a seed: which object, which digit of it, which limb of that.
///
/// As a 64-bit number: `object + 2^32 * digit + 2^48 * limb`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct StreamId(u64);

impl StreamId {
    /// The stream of one limb. An object without digits (a ciphertext) has the digit 0.
    #[must_use]
    pub const fn new(object: u32, digit: u16, limb: u16) -> Self {
        Self(object as u64 | (digit as u64) << 32 | (limb as u64) << 48)
    }
}

/// Keystream bytes handled at a time: whole ChaCha20 blocks, small enough for the stack.
const BLOCK_BYTES: usize = 1024;

/// Copies as much of `source` as fits to the front of `out` and returns what is left of `out`.
fn take_prefix<'a, T: Copy>(out: &'a mut [T], source: &[T]) -> &'a mut [T] {
    let count = source.len().min(out.len());
    let (head, rest) = out.split_at_mut(count);
    head.copy_from_slice(&source[..count]);
    rest
}

#[cfg(test)]
mod tests {
    use super::*;

    const SEED: Seed = Seed::from_bytes(*b"blindsight known answer test 01!");

    fn expand_u32(stream: u64, q: u32, length: usize) -> Vec<u32> {
        let mut out = vec![0; length];
        UniformExpander::new(&SEED, StreamId(stream)).fill_u32(q, &mut out);
        out
    }

    fn expand_u64(stream: u64, q: u64, length: usize) -> Vec<u64> {
        let mut out = vec![0; length];
        UniformExpander::new(&SEED, StreamId(stream)).fill_u64(q, &mut out);
        out
    }

    // The expected values of the three tests below come from a separate implementation of the
    // documented rule, written in Python.

    #[test]
    fn words_are_the_keystream_in_pairs_of_residues() {
        let mut words = vec![0; 9];
        UniformExpander::new(&SEED, StreamId(3)).fill_words(&mut words);
        // 2^32 - 1 is the largest modulus of the other way; it would skip one word in 2^32.
        let halves = expand_u32(3, u32::MAX, 18);
        let joined: Vec<u64> =
            halves.chunks(2).map(|h| u64::from(h[0]) | u64::from(h[1]) << 32).collect();
        assert_eq!(words, joined);
    }

    #[test]
    fn known_answer_32_bit() {
        let stream = StreamId::new(7, 1, 2).0;
        assert_eq!(
            expand_u32(stream, 268_369_921, 6),
            [176_516_227, 40_390_227, 4_313_373, 84_263_805, 233_462_628, 247_416_168]
        );
        assert_eq!(
            expand_u32(5, 380_633_089, 6),
            [374_164_353, 214_143_395, 146_664_987, 217_442_074, 310_526_584, 330_349_261]
        );
    }

    #[test]
    fn known_answer_64_bit() {
        let stream = StreamId::new(7, 1, 2).0;
        assert_eq!(
            expand_u64(stream, 1_125_899_906_826_241, 4),
            [86_121_518_558_339, 496_418_766_835_997, 920_740_826_864_484, 861_016_015_916_254]
        );
        assert_eq!(
            expand_u64(5, (1 << 49) + 1, 4),
            [520_369_328_219_930, 164_281_218_808_525, 95_825_542_250_984, 71_677_094_050_038]
        );
    }

    #[test]
    #[cfg_attr(miri, ignore = "too long a stream")]
    fn known_answer_far_into_the_stream() {
        assert_eq!(
            expand_u32(1, 380_633_089, 5000)[4997..],
            [152_352_750, 364_480_702, 105_149_539]
        );
        assert_eq!(
            expand_u64(1, (1 << 49) + 1, 5000)[4997..],
            [147_929_952_678_346, 540_303_610_701_042, 523_534_254_853_530]
        );
    }

    #[test]
    #[cfg_attr(miri, ignore = "too long a stream")]
    fn shorter_is_a_prefix_of_longer() {
        let long = expand_u32(9, 268_369_921, 3000);
        let long64 = expand_u64(9, 1_125_899_906_826_241, 3000);
        for length in [0, 1, 127, 255, 256, 257, 1111] {
            assert_eq!(expand_u32(9, 268_369_921, length), long[..length]);
            assert_eq!(expand_u64(9, 1_125_899_906_826_241, length), long64[..length]);
        }
    }

    #[test]
    fn stream_id_layout() {
        assert_eq!(StreamId::new(0x0123_4567, 0x89AB, 0xCDEF).0, 0xCDEF_89AB_0123_4567);
        assert_ne!(expand_u32(0, 1 << 20, 8), expand_u32(1 << 32, 1 << 20, 8));
    }

    #[test]
    fn smallest_and_largest_moduli() {
        assert_eq!(expand_u32(0, 1, 5), [0; 5]);
        assert_eq!(expand_u64(0, 1, 5), [0; 5]);
        // Modulo 2^32 - 1 all bits are kept: the words of the keystream itself, from the all-zero
        // seed (RFC 8439, appendix A.1, vector 1).
        let mut out = [0; 4];
        let zero = Seed::from_bytes([0; 32]);
        UniformExpander::new(&zero, StreamId(0)).fill_u32(u32::MAX, &mut out);
        assert_eq!(out, [0xade0_b876, 0x903d_f1a0, 0xe56a_5d40, 0x28bd_8653]);
    }

    #[test]
    #[cfg_attr(miri, ignore = "too long a stream")]
    fn residues_are_uniform() {
        // Chi-squared with 10 degrees of freedom: above 40 has probability 2e-5.
        let q = 11;
        let mut counts = [0_u32; 11];
        for value in expand_u32(3, q, 110_000) {
            counts[value as usize] += 1;
        }
        let chi2: f64 = counts.iter().map(|&c| (f64::from(c) - 1e4).powi(2) / 1e4).sum();
        assert!(chi2 < 40.0, "chi-squared {chi2}");
        let mean = expand_u64(3, q.into(), 110_000).iter().sum::<u64>() as f64 / 110_000.0;
        assert!((mean - 5.0).abs() < 0.05, "mean {mean}");
    }
}
