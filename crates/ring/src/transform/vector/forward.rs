//! Coefficients to NTT values: Cooley-Tukey butterflies `(z0 + w z1, z0 - w z1)`.

use super::residues::{Factor, Residues};
use super::shapes::{gather, lines, scatter, store_narrow, store_wide};
use super::tables::{Shoup, Tables, TailFactors};
use crate::kernels::kernel;
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
    if tables.is_tight() {
        layers(Residues::<S, true>::new(simd, tables), tables, words, work);
    } else {
        layers(Residues::<S, false>::new(simd, tables), tables, words, work);
    }
}

#[inline(always)]
fn layers<S: Simd, W: Word, const TIGHT: bool>(
    modulus: Residues<S, TIGHT>,
    tables: &Tables<W>,
    mut words: Option<&mut [W]>,
    work: &mut [u64],
) {
    top_layers(modulus, tables, words.as_deref_mut(), work.as_chunks_mut().0);
    let block_len = work.len() >> tables.top_layers();
    // A block of 4096 elements stays in the L1 cache through all its layers.
    for (i, block) in work.chunks_exact_mut(block_len).enumerate() {
        let (mut blocks, mut len) = (1 << tables.top_layers(), block_len);
        while len > 64 {
            let first = i * (block_len / len);
            for (j, part) in block.chunks_exact_mut(len).enumerate() {
                let factors = tables.forward.three_layers(blocks, first + j);
                three_layers(modulus, factors, None, part.as_chunks_mut().0);
            }
            (blocks, len) = (8 * blocks, len / 8);
        }
        let (tails, first) = (block.as_chunks_mut().0.as_chunks_mut().0, i * (block_len / 64));
        for (j, tail) in tails.iter_mut().enumerate() {
            middle_layers(modulus, tables.forward.three_layers(blocks, first + j), tail);
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
fn top_layers<S: Simd, W: Word, const TIGHT: bool>(
    modulus: Residues<S, TIGHT>,
    tables: &Tables<W>,
    words: Option<&mut [W]>,
    work: &mut [[u64; 8]],
) {
    let s = modulus.simd;
    // Every later z0 contains one z0 of the first layer, so lifting these keeps all differences
    // positive: each layer subtracts less than 2 q.
    let layers = i64::from(tables.degree().trailing_zeros());
    let lift = modulus.multiple(if TIGHT { 0 } else { 2 * layers });
    if tables.top_layers() == 3 {
        let factors = tables.forward.three_layers(1, 0);
        let Some(words) = words else {
            return three_layers(modulus, factors, Some(lift), work);
        };
        let factors = modulus.shoup_all(factors);
        let ((from, length), (to, work_length)) = (lines(words.as_chunks_mut().0), lines(work));
        assert_eq!(length, work_length);
        for j in 0..length {
            let mut x = [modulus.zero(); 8];
            for i in 0..8 {
                x[i] = s.load(&from[i][j]);
            }
            butterflies(modulus, &mut x, &factors, Some(lift));
            for i in 0..8 {
                s.store(x[i], &mut to[i][j]);
            }
        }
        return;
    }
    if let Some(words) = words {
        for (to, from) in work.iter_mut().zip(words.as_chunks().0) {
            s.store(s.load(from), to);
        }
    }
    for x in work.iter_mut() {
        s.store(s.add(s.load(x), lift), x);
    }
    for layer in 0..tables.top_layers() {
        let len = work.len() >> layer;
        for (i, block) in work.chunks_exact_mut(len).enumerate() {
            let factor = modulus.shoup(tables.forward.block(1 << layer, i));
            let (front, back) = block.split_at_mut(len / 2);
            for (a, b) in front.iter_mut().zip(back) {
                let [x, y] = butterfly(modulus, s.load(a), s.load(b), factor);
                s.store(x, a);
                s.store(y, b);
            }
        }
    }
}

/// Three layers in place.
#[expect(clippy::needless_range_loop, reason = "eight lines advance together")]
#[inline(always)]
fn three_layers<S: Simd, const TIGHT: bool>(
    modulus: Residues<S, TIGHT>,
    factors: [Shoup; 7],
    lift: Option<S::Lanes>,
    block: &mut [[u64; 8]],
) {
    let s = modulus.simd;
    let factors = modulus.shoup_all(factors);
    let (lines, length) = lines(block);
    for j in 0..length {
        let mut x = [modulus.zero(); 8];
        for i in 0..8 {
            x[i] = s.load(&lines[i][j]);
        }
        butterflies(modulus, &mut x, &factors, lift);
        for i in 0..8 {
            s.store(x[i], &mut lines[i][j]);
        }
    }
}

/// The layers of distance 32, 16 and 8 in 64 elements.
#[inline(always)]
fn middle_layers<S: Simd, const TIGHT: bool>(
    modulus: Residues<S, TIGHT>,
    factors: [Shoup; 7],
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
fn last_layers<S: Simd, W: Word, const TIGHT: bool>(
    modulus: Residues<S, TIGHT>,
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

/// Three layers on eight rows, of distance 4, 2 and 1. The first minuends are lifted by `lift`.
#[inline(always)]
fn butterflies<S: Simd, F: Factor<S>, const TIGHT: bool>(
    modulus: Residues<S, TIGHT>,
    x: &mut [S::Lanes; 8],
    factors: &[F; 7],
    lift: Option<S::Lanes>,
) {
    for i in 0..4 {
        if let Some(lift) = lift {
            x[i] = modulus.simd.add(x[i], lift);
        }
        [x[i], x[i + 4]] = butterfly(modulus, x[i], x[i + 4], factors[0]);
    }
    for i in [0, 1, 4, 5] {
        [x[i], x[i + 2]] = butterfly(modulus, x[i], x[i + 2], factors[1 + i / 4]);
    }
    for i in [0, 2, 4, 6] {
        [x[i], x[i + 1]] = butterfly(modulus, x[i], x[i + 1], factors[3 + i / 2]);
    }
}

#[inline(always)]
fn butterfly<S: Simd, F: Factor<S>, const TIGHT: bool>(
    modulus: Residues<S, TIGHT>,
    z0: S::Lanes,
    z1: S::Lanes,
    factor: F,
) -> [S::Lanes; 2] {
    let s = modulus.simd;
    if TIGHT {
        // [q, 3 q) and [-q, q) make sum and difference lie in [0, 4 q).
        let z0 = modulus.reduce(z0, 1);
        let t = modulus.product(z1, factor, -1);
        [s.add(z0, t), s.sub(z0, t)]
    } else {
        let sum = factor.accumulate(modulus, z0, z1);
        [sum, s.sub(s.add(z0, z0), sum)]
    }
}
