//! Coefficients to NTT values: Cooley-Tukey butterflies `(z0 + w z1, z0 - w z1)`.

use super::residues::{Factor, Residues};
use super::shapes::{gather, lines, lines_mut, scatter, store_narrow, store_wide};
use super::tables::{Shoup, Tables, TailFactors};
use crate::kernels::dispatch::kernel;
use crate::kernels::simd::Simd;
use crate::limb::Word;

kernel! {
    /// Transforms `words` in place by way of `work`, which has as many words and is left zero.
    /// Without `words`, transforms `work`.
    pub(super) fn forward<W>(tables: &Tables<W>, words: Option<&mut [W]>, work: &mut [u64])
        = forward_body
}

#[inline(always)]
pub(super) fn forward_body<S: Simd, W: Word>(
    simd: S,
    tables: &Tables<W>,
    words: Option<&mut [W]>,
    work: &mut [u64],
) {
    if tables.is_strict() {
        layers(Residues::<S, true>::new(simd, tables), tables, words, work);
    } else {
        layers(Residues::<S, false>::new(simd, tables), tables, words, work);
    }
}

#[inline(always)]
fn layers<S: Simd, W: Word, const STRICT: bool>(
    modulus: Residues<S, STRICT>,
    tables: &Tables<W>,
    mut words: Option<&mut [W]>,
    work: &mut [u64],
) {
    top_layers(modulus, tables, words.as_deref(), work.as_chunks_mut().0);
    let block_len = work.len() >> tables.top_layers();
    // Up to N = 2^15, a block stays in the L1 cache through all its layers.
    for (i, block) in work.chunks_exact_mut(block_len).enumerate() {
        let (mut blocks, mut len) = (1 << tables.top_layers(), block_len);
        while len > 64 {
            let first = i * (block_len / len);
            for (j, part) in block.chunks_exact_mut(len).enumerate() {
                let factors = tables.forward.layers::<8>(blocks, first + j);
                layers_in_place(modulus, factors, None, part.as_chunks_mut().0);
            }
            (blocks, len) = (8 * blocks, len / 8);
        }
        let (tails, first) = (block.as_chunks_mut().0.as_chunks_mut().0, i * (block_len / 64));
        for (j, tail) in tails.iter_mut().enumerate() {
            middle_layers(modulus, tables.forward.layers(blocks, first + j), tail);
        }
        let factors = &tables.forward.tails[first..][..tails.len()];
        match &mut words {
            Some(words) => {
                let words = &mut words[i * block_len..][..block_len];
                let words = words.as_chunks_mut().0.as_chunks_mut().0;
                for ((tail, factors), words) in tails.iter_mut().zip(factors).zip(words) {
                    store_narrow(modulus, &last_layers(modulus, factors, tail), words);
                    // The workspace returns to a pool: it must not keep a secret.
                    *tail = [[0; 8]; 8];
                }
            }
            None => {
                for (tail, factors) in tails.iter_mut().zip(factors) {
                    store_wide(modulus, &last_layers(modulus, factors, tail), tail);
                }
            }
        }
    }
}

/// The layers over the whole array, from the words to the workspace.
#[inline(always)]
fn top_layers<S: Simd, W: Word, const STRICT: bool>(
    modulus: Residues<S, STRICT>,
    tables: &Tables<W>,
    words: Option<&[W]>,
    work: &mut [[u64; 8]],
) {
    match tables.top_layers() {
        0 => top::<S, W, STRICT, 1>(modulus, tables, words, work),
        1 => top::<S, W, STRICT, 2>(modulus, tables, words, work),
        2 => top::<S, W, STRICT, 4>(modulus, tables, words, work),
        _ => top::<S, W, STRICT, 8>(modulus, tables, words, work),
    }
}

/// All top layers in one pass: `ROWS` is 2 to the power of their number.
#[inline(always)]
fn top<S: Simd, W: Word, const STRICT: bool, const ROWS: usize>(
    modulus: Residues<S, STRICT>,
    tables: &Tables<W>,
    words: Option<&[W]>,
    work: &mut [[u64; 8]],
) {
    let s = modulus.simd;
    // Every later z0 contains one z0 of the first layer, so lifting these keeps all differences
    // positive: each layer subtracts less than 2 q.
    let layers = i64::from(tables.degree().trailing_zeros());
    let lift = modulus.multiple(if STRICT { 0 } else { 2 * layers });
    let factors = tables.forward.layers(1, 0);
    let Some(words) = words else {
        return layers_in_place::<S, STRICT, ROWS>(modulus, factors, Some(lift), work);
    };
    let factors = modulus.shoup_all(factors);
    let (from, length) = lines::<_, ROWS>(words.as_chunks().0);
    let (to, work_length) = lines_mut::<_, ROWS>(work);
    assert_eq!(length, work_length);
    for j in 0..length {
        let mut x = [modulus.zero(); ROWS];
        for i in 0..ROWS {
            x[i] = s.load(&from[i][j]);
        }
        butterflies(modulus, &mut x, &factors, Some(lift));
        for i in 0..ROWS {
            s.store(x[i], &mut to[i][j]);
        }
    }
}

/// As many layers as `ROWS` has bits, in place.
#[expect(clippy::needless_range_loop, reason = "the lines advance together")]
#[inline(always)]
fn layers_in_place<S: Simd, const STRICT: bool, const ROWS: usize>(
    modulus: Residues<S, STRICT>,
    factors: [Shoup; ROWS],
    lift: Option<S::Lanes>,
    block: &mut [[u64; 8]],
) {
    let s = modulus.simd;
    let factors = modulus.shoup_all(factors);
    let (lines, length) = lines_mut::<_, ROWS>(block);
    for j in 0..length {
        let mut x = [modulus.zero(); ROWS];
        for i in 0..ROWS {
            x[i] = s.load(&lines[i][j]);
        }
        butterflies(modulus, &mut x, &factors, lift);
        for i in 0..ROWS {
            s.store(x[i], &mut lines[i][j]);
        }
    }
}

/// The layers of distance 32, 16 and 8 in 64 elements.
#[inline(always)]
fn middle_layers<S: Simd, const STRICT: bool>(
    modulus: Residues<S, STRICT>,
    factors: [Shoup; 8],
    work: &mut [[u64; 8]; 8],
) {
    let s = modulus.simd;
    let mut x = [modulus.zero(); 8];
    for i in 0..8 {
        x[i] = s.load(&work[i]);
    }
    butterflies(modulus, &mut x, &modulus.shoup_all(factors), None);
    scatter(s, &x, work);
}

/// The layers of distance 4, 2 and 1 in 64 elements, and a reduction to `[0, 2 q)`.
#[inline(always)]
fn last_layers<S: Simd, W: Word, const STRICT: bool>(
    modulus: Residues<S, STRICT>,
    factors: &TailFactors<W>,
    work: &[[u64; 8]; 8],
) -> [S::Lanes; 8] {
    let mut x = gather(modulus.simd, work);
    butterflies(modulus, &mut x, &modulus.montgomery_all(factors), None);
    for x in &mut x {
        *x = modulus.reduce(*x, 0);
    }
    x
}

/// The layers on `ROWS` rows, of distance `ROWS / 2` to 1. The first minuends are lifted by `lift`.
#[inline(always)]
fn butterflies<S: Simd, F: Factor<S>, const STRICT: bool, const ROWS: usize>(
    modulus: Residues<S, STRICT>,
    x: &mut [S::Lanes; ROWS],
    factors: &[F; ROWS],
    lift: Option<S::Lanes>,
) {
    if let Some(lift) = lift {
        for x in &mut x[..ROWS.div_ceil(2)] {
            *x = modulus.simd.add(*x, lift);
        }
    }
    // Not a loop: registers have no index, so the distances must be constants.
    layer(modulus, x, factors, 4);
    layer(modulus, x, factors, 2);
    layer(modulus, x, factors, 1);
}

/// The layer of this distance, if there are so many rows.
#[inline(always)]
fn layer<S: Simd, F: Factor<S>, const STRICT: bool, const ROWS: usize>(
    modulus: Residues<S, STRICT>,
    x: &mut [S::Lanes; ROWS],
    factors: &[F; ROWS],
    distance: usize,
) {
    if distance >= ROWS {
        return;
    }
    for i in 0..ROWS / 2 {
        let block = i / distance;
        let (a, b) = (i + block * distance, i + block * distance + distance);
        [x[a], x[b]] = butterfly(modulus, x[a], x[b], factors[ROWS / 2 / distance + block]);
    }
}

#[inline(always)]
fn butterfly<S: Simd, F: Factor<S>, const STRICT: bool>(
    modulus: Residues<S, STRICT>,
    z0: S::Lanes,
    z1: S::Lanes,
    factor: F,
) -> [S::Lanes; 2] {
    let s = modulus.simd;
    if STRICT {
        // [q, 3 q) and [-q, q) make sum and difference lie in [0, 4 q).
        let z0 = modulus.reduce(z0, 1);
        let t = modulus.product(z1, factor, -1);
        [s.add(z0, t), s.sub(z0, t)]
    } else {
        let sum = factor.accumulate(modulus, z0, z1);
        [sum, s.sub(s.add(z0, z0), sum)]
    }
}
