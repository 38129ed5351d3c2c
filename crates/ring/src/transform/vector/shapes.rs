//! Eight rows of lanes and the shuffles between them.

use super::residues::Residues;
use crate::kernels::simd::Simd;
use crate::limb::Word;

/// The lines of an array and their length: element `j` of line `i` is element `i * length + j` of the
/// array.
// Loops, not `from_fn`: only these leave the array of slices in registers.
#[inline(always)]
pub(super) fn lines<T, const ROWS: usize>(array: &[T]) -> ([&[T]; ROWS], usize) {
    let length = array.len() / ROWS;
    let (mut lines, mut rest) = ([&array[..0]; ROWS], array);
    for line in &mut lines {
        (*line, rest) = rest.split_at(length);
    }
    (lines, length)
}

/// The same of an array to be written.
#[inline(always)]
pub(super) fn lines_mut<T, const ROWS: usize>(array: &mut [T]) -> ([&mut [T]; ROWS], usize) {
    let length = array.len() / ROWS;
    let (mut lines, mut rest) = ([const { no_elements::<T>() }; ROWS], array);
    for line in &mut lines {
        (*line, rest) = rest.split_at_mut(length);
    }
    (lines, length)
}

const fn no_elements<'a, T>() -> &'a mut [T] {
    &mut []
}

/// Lane `i` of row `j` becomes lane `j` of row `i`.
#[inline(always)]
pub(super) fn transpose<S: Simd>(simd: S, x: [S::Lanes; 8]) -> [S::Lanes; 8] {
    let s = simd;
    let (mut even, mut odd) = ([x[0]; 4], [x[0]; 4]);
    for i in 0..4 {
        even[i] = s.permute2(x[2 * i], x[2 * i + 1], &LOWS);
        odd[i] = s.permute2(x[2 * i], x[2 * i + 1], &HIGHS);
    }
    let (even, odd) = (transpose_pairs(s, even), transpose_pairs(s, odd));
    [even[0], odd[0], even[1], odd[1], even[2], odd[2], even[3], odd[3]]
}

/// Pair `i` of row `j` becomes pair `j` of row `i`.
#[inline(always)]
fn transpose_pairs<S: Simd>(simd: S, x: [S::Lanes; 4]) -> [S::Lanes; 4] {
    let s = simd;
    let (a, b) = (s.permute2(x[0], x[1], &EVEN_PAIRS), s.permute2(x[2], x[3], &EVEN_PAIRS));
    let (c, d) = (s.permute2(x[0], x[1], &ODD_PAIRS), s.permute2(x[2], x[3], &ODD_PAIRS));
    [
        s.permute2(a, b, &EVEN_PAIRS),
        s.permute2(c, d, &EVEN_PAIRS),
        s.permute2(a, b, &ODD_PAIRS),
        s.permute2(c, d, &ODD_PAIRS),
    ]
}

const LOWS: [u64; 8] = [0, 8, 2, 10, 4, 12, 6, 14];
const HIGHS: [u64; 8] = [1, 9, 3, 11, 5, 13, 7, 15];
const EVEN_PAIRS: [u64; 8] = [0, 1, 4, 5, 8, 9, 12, 13];
const ODD_PAIRS: [u64; 8] = [2, 3, 6, 7, 10, 11, 14, 15];

/// Loads 64 words so that lane `i` of row `k` is word `8 i + k`.
#[inline(always)]
pub(super) fn load_transposed<S: Simd, W: Word>(simd: S, from: &[[W; 8]; 8]) -> [S::Lanes; 8] {
    const EVENS: [u64; 8] = [0, 2, 4, 6, 8, 10, 12, 14];
    const ODDS: [u64; 8] = [1, 3, 5, 7, 9, 11, 13, 15];
    let s = simd;
    let mut x = [s.splat(0); 8];
    if W::NARROW {
        let from: &[W; 64] = from.as_flattened().try_into().expect("8 * 8 = 64");
        let mut raw = [x[0]; 4];
        for (raw, from) in raw.iter_mut().zip(from.as_chunks().0) {
            *raw = s.load_pairs::<W>(from);
        }
        // Half `h` holds words 8 i + 4 h .. 8 i + 4 h + 4 in two lanes for every i.
        for (half, pattern) in [EVEN_PAIRS, ODD_PAIRS].iter().enumerate() {
            let a = s.permute2(raw[0], raw[1], pattern);
            let b = s.permute2(raw[2], raw[3], pattern);
            for (pair, pattern) in [EVENS, ODDS].iter().enumerate() {
                let words = s.permute2(a, b, pattern);
                let low_32 = s.splat(0xffff_ffff);
                x[4 * half + 2 * pair] = s.and(words, low_32);
                x[4 * half + 2 * pair + 1] = s.shift_right_32(words);
            }
        }
        x
    } else {
        for (x, from) in x.iter_mut().zip(from) {
            *x = s.load(from);
        }
        transpose(s, x)
    }
}

/// Stores 64 numbers in `[0, 2 q)`, made canonical: word `8 i + k` is lane `i` of row `k`.
#[inline(always)]
pub(super) fn store_narrow<S: Simd, W: Word, const STRICT: bool>(
    modulus: Residues<S, STRICT>,
    x: &[S::Lanes; 8],
    to: &mut [[W; 8]; 8],
) {
    const FRONTS: [u64; 8] = [0, 8, 1, 9, 2, 10, 3, 11];
    const BACKS: [u64; 8] = [4, 12, 5, 13, 6, 14, 7, 15];
    const LOW_PAIRS: [u64; 8] = [0, 1, 8, 9, 2, 3, 10, 11];
    const HIGH_PAIRS: [u64; 8] = [4, 5, 12, 13, 6, 7, 14, 15];
    let s = modulus.simd;
    let to: &mut [W; 64] = to.as_flattened_mut().try_into().expect("8 * 8 = 64");
    let to = to.as_chunks_mut::<16>().0;
    let mut pairs = [x[0]; 4];
    for (i, pair) in pairs.iter_mut().enumerate() {
        *pair = modulus.canonical_pair(x[2 * i], x[2 * i + 1]);
    }
    for (half, pattern) in [FRONTS, BACKS].iter().enumerate() {
        let a = s.permute2(pairs[0], pairs[1], pattern);
        let b = s.permute2(pairs[2], pairs[3], pattern);
        s.store_pairs(s.permute2(a, b, &LOW_PAIRS), &mut to[2 * half]);
        s.store_pairs(s.permute2(a, b, &HIGH_PAIRS), &mut to[2 * half + 1]);
    }
}

/// The same in 64-bit words.
#[inline(always)]
pub(super) fn store_wide<S: Simd, const STRICT: bool>(
    modulus: Residues<S, STRICT>,
    x: &[S::Lanes; 8],
    to: &mut [[u64; 8]; 8],
) {
    let s = modulus.simd;
    let mut pairs = *x;
    for p in 0..4 {
        let even = modulus.canonical::<u64>(x[2 * p]);
        let odd = modulus.canonical::<u64>(x[2 * p + 1]);
        pairs[2 * p] = s.permute2(even, odd, &LOWS);
        pairs[2 * p + 1] = s.permute2(even, odd, &HIGHS);
    }
    scatter(s, &pairs, to);
}

/// Stores eight rows so that [`gather`] loads them transposed.
#[inline(always)]
pub(super) fn scatter<S: Simd>(simd: S, x: &[S::Lanes; 8], to: &mut [[u64; 8]; 8]) {
    // Row by row: the compiler would merge stores to one row, at the price of shuffles.
    for (i, &row) in x.iter().enumerate() {
        scatter_pair::<S, 0>(simd, row, i, to);
        scatter_pair::<S, 1>(simd, row, i, to);
        scatter_pair::<S, 2>(simd, row, i, to);
        scatter_pair::<S, 3>(simd, row, i, to);
    }
}

/// Stores pair `P` of row `i` as pair `i / 2` of row `2 P + i % 2`.
#[inline(always)]
fn scatter_pair<S: Simd, const P: i32>(simd: S, x: S::Lanes, i: usize, to: &mut [[u64; 8]; 8]) {
    let row = &mut to[2 * P as usize + i % 2];
    simd.store_pair::<P>(x, &mut row.as_chunks_mut().0[i / 2]);
}

/// Lane `i` of row `k` is lane `k` of what was row `i` in [`scatter`].
#[inline(always)]
pub(super) fn gather<S: Simd>(simd: S, from: &[[u64; 8]; 8]) -> [S::Lanes; 8] {
    let mut x = [simd.splat(0); 8];
    for p in 0..4 {
        let (even, odd) = (simd.load(&from[2 * p]), simd.load(&from[2 * p + 1]));
        x[2 * p] = simd.permute2(even, odd, &LOWS);
        x[2 * p + 1] = simd.permute2(even, odd, &HIGHS);
    }
    x
}
