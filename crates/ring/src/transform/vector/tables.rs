//! The constants of a prime's transforms.

use crate::arith::{inv_mod_prime, mul_mod, pow_mod};
use crate::limb::Word;
use crate::modulus::Modulus;

/// Primes below `2^43` leave room for nine more bits in 52: butterflies on them need hardly any
/// reductions.
const LAZY_BITS: u32 = 43;

/// A constant in Shoup's form: the factor `w` and `floor(w 2^52 / q)`.
#[derive(Clone, Copy)]
pub(super) struct Shoup {
    pub(super) factor: u64,
    pub(super) quotient: u64,
}

/// The factors of the three layers of distance 4, 2 and 1 inside 64 consecutive elements, in
/// Montgomery form. Lane `i` belongs to the `i`-th eight elements: one block at distance 4, two at
/// distance 2 (vectors 1, 2), four at distance 1 (vectors 3 to 6).
pub(super) type TailFactors<W> = [[W; 8]; 7];

/// The constants of both directions.
pub(crate) struct Tables<W> {
    modulus: u64,
    inverse: u64,
    degree: usize,
    pub(super) forward: Factors<W>,
    pub(super) inverse_factors: Factors<W>,
}

/// The constants of one direction.
pub(super) struct Factors<W> {
    /// Factor `m + i` belongs to block `i` of the layer of `m` blocks; layers of distance 8 and
    /// more. Factor 0 is not used.
    blocks: Vec<Shoup>,
    /// For each 64 elements, the layers of distance below 8.
    pub(super) tails: Vec<TailFactors<W>>,
}

impl Shoup {
    pub(super) fn new(factor: u64, q: u64) -> Self {
        let quotient = (u128::from(factor) << 52) / u128::from(q);
        Self { factor, quotient: quotient as u64 }
    }
}

impl<W: Word> Tables<W> {
    /// The tables for the transform whose first output is the value at `root`, a primitive
    /// `2N`-th root of unity.
    pub(super) fn new(modulus: &Modulus, root: u64) -> Self {
        let (q, degree) = (modulus.value(), modulus.degree());
        Self {
            modulus: q,
            inverse: (1 << 52) - modulus.neg_inverse(),
            degree,
            forward: Factors::new(q, degree, root),
            inverse_factors: Factors::new(q, degree, inv_mod_prime(root, q)),
        }
    }

    pub(super) fn modulus(&self) -> u64 {
        self.modulus
    }

    /// `q^-1 mod 2^52`.
    pub(super) fn inverse(&self) -> u64 {
        self.inverse
    }

    pub(super) fn degree(&self) -> usize {
        self.degree
    }

    /// Whether lanes have no room for lazy sums, so that every layer reduces.
    #[inline(always)]
    pub(super) fn is_strict(&self) -> bool {
        self.modulus >> LAZY_BITS != 0
    }

    /// How many of the top layers run over the whole array, in one pass, before (in the inverse
    /// transform: after) the rest runs block by block. Below them, layers come in threes.
    ///
    /// Four in one pass run out of registers; that costs more than one pass over the L2 cache.
    #[inline(always)]
    pub(super) fn top_layers(&self) -> u32 {
        match self.degree.trailing_zeros() - 6 {
            layers @ 0..=3 => layers,
            layers => 1 + (layers + 2) % 3,
        }
    }
}

impl<W: Word> Factors<W> {
    fn new(q: u64, degree: usize, root: u64) -> Self {
        let reverse = |i: usize| i.reverse_bits() >> (usize::BITS - degree.trailing_zeros());
        let mut powers = vec![0; degree];
        let mut power = 1;
        for i in 0..degree {
            powers[reverse(i)] = power;
            power = mul_mod(power, root, q);
        }
        let radix = pow_mod(2, 52, q);
        let montgomery = |i: usize| W::truncate(mul_mod(powers[i], radix, q));
        let tails = (0..degree / 64)
            .map(|tail| {
                let lane = |layer_blocks: usize, offset: usize| {
                    let first = layer_blocks * (degree / 8 + 8 * tail) + offset;
                    core::array::from_fn(|i| montgomery(first + layer_blocks * i))
                };
                [lane(1, 0), lane(2, 0), lane(2, 1), lane(4, 0), lane(4, 1), lane(4, 2), lane(4, 3)]
            })
            .collect();
        let blocks = powers[..degree / 8].iter().map(|&w| Shoup::new(w, q)).collect();
        Self { blocks, tails }
    }

    /// The factors of the layers on `ROWS` rows inside block `block` of the layer of `blocks` blocks:
    /// factor `m + i` belongs to block `i` of `m`. Factor 0 is not used.
    #[expect(clippy::manual_memcpy, reason = "copied as a slice, they would go through memory")]
    #[inline(always)]
    pub(super) fn layers<const ROWS: usize>(&self, blocks: usize, block: usize) -> [Shoup; ROWS] {
        let first = blocks + block;
        let mut factors = [self.blocks[first]; ROWS];
        let mut of_layer = 1;
        while of_layer < ROWS {
            let from = &self.blocks[of_layer * first..of_layer * first + of_layer];
            for i in 0..of_layer {
                factors[of_layer + i] = from[i];
            }
            of_layer *= 2;
        }
        factors
    }
}
