//! What the evaluator gets: four parts, each a list of samples under `S` or `z`, which travel in
//! pieces.
//!
//! A sample is a mask `a`, uniform, and a body `b = <a, secret> + e + message`: for `S` both are
//! polynomials of its degree, for `z` the mask is a vector and the body one number. Masks travel as
//! one seed, bodies without the bits that lie four times below their errors.

use std::ops::Range;

use blindsight_ring::sampling::{Seed, StreamId, UniformExpander};

use crate::parameters::{Decomposition, ExactParameters};

/// One part of the evaluator's key.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
#[repr(u8)]
pub enum KeyPart {
    /// Every bit of `z` under `S` (a GGSW ciphertext each): for each bit and each level two samples,
    /// the first with `-S` times the bit for a message, the second with the bit.
    Bootstrap = 1,
    /// Every coefficient of `S` under `z`: for each coefficient one sample a level.
    KeySwitch = 2,
    /// The parts of the secret of CKKS under `S`: for each part one sample a level.
    Bridge = 3,
    /// One sample under `S` of zero, which answers are re-randomised with.
    Zero = 4,
}

/// A stretch of a part's samples: small enough to be made, sent and checked by itself.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct KeyPiece {
    part: KeyPart,
    index: u16,
}

/// A piece as it travels.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SeededPiece {
    /// Which one.
    pub piece: KeyPiece,
    /// What the masks are expanded from.
    pub seed: Seed,
    /// The bodies of all its samples one after another, of each number the upper
    /// [`KeyPart::body_bits`] bits.
    pub bodies: Vec<u64>,
}

/// The most numbers in the bodies of a piece, unless one sample has more: about two megabytes.
const PIECE_NUMBERS: usize = 160 << 11;

/// What the messages of a decomposition's samples are multiplied by, in the order in which samples
/// stand and digits come: the smallest first.
pub fn level_factors(decomposition: Decomposition) -> impl Iterator<Item = u64> + Clone {
    (1..=decomposition.levels).rev().map(move |level| 1 << (64 - decomposition.log2_base * level))
}

/// The bytes that a key of this set occupies in the evaluator's memory, but for bridge and sample of
/// zero, which take little: the bootstrapping key as complex numbers, half as many as coefficients,
/// and the key switch in words.
#[must_use]
pub fn expanded_byte_len(set: &ExactParameters) -> u64 {
    let complex = KeyPart::Bootstrap.samples(set) * set.degree() * 2 * size_of::<f64>();
    let words = KeyPart::KeySwitch.samples(set) * (set.lwe_dimension() + 1) * size_of::<u64>();
    (complex + words) as u64
}

impl KeyPart {
    /// All parts, in the order in which they are made and sent.
    pub const ALL: [Self; 4] = [Self::Bootstrap, Self::KeySwitch, Self::Bridge, Self::Zero];

    /// Whether its samples are under `S`, or else under `z`.
    #[must_use]
    pub fn is_under_ring_secret(self) -> bool {
        !matches!(self, Self::KeySwitch)
    }

    /// The number of samples.
    #[must_use]
    pub fn samples(self, set: &ExactParameters) -> usize {
        let literal = set.literal();
        let levels = |d: Decomposition| d.levels as usize;
        match self {
            Self::Bootstrap => set.lwe_dimension() * levels(literal.bootstrap) * 2,
            Self::KeySwitch => set.degree() * levels(literal.key_switch),
            Self::Bridge => set.parts() * levels(literal.bridge),
            Self::Zero => 1,
        }
    }

    fn samples_of_a_piece(self, set: &ExactParameters) -> usize {
        (PIECE_NUMBERS / self.body_len(set)).max(1)
    }

    /// The numbers of one mask.
    #[must_use]
    pub fn mask_len(self, set: &ExactParameters) -> usize {
        if self.is_under_ring_secret() { set.degree() } else { set.lwe_dimension() }
    }

    /// The numbers of one body.
    #[must_use]
    pub fn body_len(self, set: &ExactParameters) -> usize {
        if self.is_under_ring_secret() { set.degree() } else { 1 }
    }

    /// `log2` of the bound of the errors.
    #[must_use]
    pub fn log2_error(self, set: &ExactParameters) -> u32 {
        let literal = set.literal();
        if self.is_under_ring_secret() { literal.ring_log2_error } else { literal.lwe_log2_error }
    }

    /// The bits of each number of a body that travel. What is rounded away has a sixteenth of the
    /// errors' variance, and being a function of what is published it takes nothing from security.
    #[must_use]
    pub fn body_bits(self, set: &ExactParameters) -> u32 {
        64 - (self.log2_error(set) - 1)
    }

    /// Writes the mask of a sample.
    ///
    /// # Panics
    /// If a part has `2^32` samples, which no parameter set has.
    pub fn expand_mask(self, seed: &Seed, sample: usize, mask: &mut [u64]) {
        let sample = u32::try_from(sample).expect("parts have fewer than 2^32 samples");
        UniformExpander::new(seed, StreamId::new(sample, self as u16, 0)).fill_words(mask);
    }
}

impl KeyPiece {
    /// All pieces of a key, in the order in which they are made and sent.
    pub fn all(set: &ExactParameters) -> impl Iterator<Item = Self> {
        KeyPart::ALL.into_iter().flat_map(move |part| Self::of(part, set))
    }

    /// The pieces of a part, in the order of their samples.
    pub fn of(part: KeyPart, set: &ExactParameters) -> impl Iterator<Item = Self> + use<> {
        let pieces = part.samples(set).div_ceil(part.samples_of_a_piece(set));
        // The largest set has some thousands.
        (0..pieces as u16).map(move |index| Self { part, index })
    }

    /// The part that it belongs to.
    #[must_use]
    pub fn part(self) -> KeyPart {
        self.part
    }

    /// Its place among the pieces of its part.
    #[must_use]
    pub fn index(self) -> u16 {
        self.index
    }

    /// The samples of the part that it holds.
    #[must_use]
    pub fn samples(self, set: &ExactParameters) -> Range<usize> {
        let each = self.part.samples_of_a_piece(set);
        let start = usize::from(self.index) * each;
        start..self.part.samples(set).min(start + each)
    }
}

impl SeededPiece {
    /// A body's number, rounded to the bits that travel.
    #[must_use]
    pub fn round(set: &ExactParameters, part: KeyPart, body: u64) -> u64 {
        let dropped = 64 - part.body_bits(set);
        // Rounding up past the top is once around the circle.
        body.wrapping_add(1 << (dropped - 1)) >> dropped
    }

    /// Mask and body of a sample, counted in the whole part.
    ///
    /// # Panics
    /// If it is none of the piece.
    #[must_use]
    pub fn sample(&self, set: &ExactParameters, sample: usize) -> (Vec<u64>, Vec<u64>) {
        let part = self.piece.part;
        let mut mask = vec![0; part.mask_len(set)];
        let mut body = vec![0; part.body_len(set)];
        self.write_sample(set, sample, &mut mask, &mut body);
        (mask, body)
    }

    /// Writes mask and body of a sample, counted in the whole part, of the part's lengths.
    ///
    /// # Panics
    /// If it is none of the piece.
    pub fn write_sample(
        &self,
        set: &ExactParameters,
        sample: usize,
        mask: &mut [u64],
        body: &mut [u64],
    ) {
        let part = self.piece.part;
        part.expand_mask(&self.seed, sample, mask);
        let len = part.body_len(set);
        let dropped = 64 - part.body_bits(set);
        let packed = &self.bodies[(sample - self.piece.samples(set).start) * len..][..len];
        body.iter_mut().zip(packed).for_each(|(to, from)| *to = from << dropped);
    }
}

#[cfg(test)]
pub(crate) mod tests {
    use std::sync::LazyLock;

    use blindsight_ckks::parameters::{Literal as SchemeLiteral, Parameters};

    use super::*;
    use crate::parameters::Literal;

    pub(crate) fn scheme() -> &'static Parameters {
        static SET: LazyLock<Parameters> =
            LazyLock::new(|| Parameters::new(SchemeLiteral::bootstrapped_2_15()).unwrap());
        &SET
    }

    pub(crate) fn set() -> &'static ExactParameters {
        static SET: LazyLock<ExactParameters> =
            LazyLock::new(|| ExactParameters::new(Literal::degree_2048(), scheme()).unwrap());
        &SET
    }

    #[test]
    fn sizes_are_those_of_the_documentation() {
        let count = |part: KeyPart| {
            (part.samples(set()), part.mask_len(set()), part.body_len(set()), part.body_bits(set()))
        };
        assert_eq!(count(KeyPart::Bootstrap), (1836, 2048, 2048, 48));
        assert_eq!(count(KeyPart::KeySwitch), (8192, 918, 1, 20));
        assert_eq!(count(KeyPart::Bridge), (16, 2048, 2048, 48));
        assert_eq!(count(KeyPart::Zero), (1, 2048, 2048, 48));
    }

    #[test]
    fn pieces_are_all_samples_once() {
        for part in KeyPart::ALL {
            let pieces: Vec<_> = KeyPiece::of(part, set()).collect();
            let samples: Vec<usize> =
                pieces.iter().flat_map(|piece| piece.samples(set())).collect();
            assert_eq!(samples, (0..part.samples(set())).collect::<Vec<_>>());
            assert_eq!(pieces.len(), if part == KeyPart::Bootstrap { 12 } else { 1 });
        }
        assert_eq!(KeyPiece::all(set()).count(), 15);
    }

    #[test]
    fn rounding_is_to_the_nearest_around_the_circle() {
        let part = KeyPart::Zero;
        let round = |body| SeededPiece::round(set(), part, body);
        assert_eq!([0, 0x7FFF, 0x8000, 0x1_7FFF, u64::MAX].map(round), [0, 0, 1, 1, 0]);
        let piece = KeyPiece::of(part, set()).next().unwrap();
        let seeded = SeededPiece { piece, seed: Seed::from_bytes([1; 32]), bodies: vec![1; 2048] };
        let (mask, body) = seeded.sample(set(), 0);
        assert_eq!((mask.len(), body), (2048, vec![1 << 16; 2048]));
    }

    #[test]
    fn masks_of_samples_and_parts_differ() {
        let seed = Seed::from_bytes([7; 32]);
        let mut first: Vec<u64> = Vec::new();
        for part in KeyPart::ALL {
            for sample in [0, 1, 4000] {
                let mut mask = [0; 4];
                part.expand_mask(&seed, sample, &mut mask);
                first.extend(mask);
            }
        }
        first.sort_unstable();
        first.dedup();
        assert_eq!(first.len(), 48);
    }

    #[test]
    fn the_smallest_level_comes_first() {
        let decomposition = Decomposition { log2_base: 4, levels: 4 };
        let factors: Vec<u64> = level_factors(decomposition).collect();
        assert_eq!(factors, [1 << 48, 1 << 52, 1 << 56, 1 << 60]);
    }
}
