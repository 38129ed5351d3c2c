//! NTT values to coefficients: Gentleman-Sande butterflies `(a + b, w (a - b))`.

use super::residues::{Factor, Residues, ShoupLanes};
use super::shapes::{gather, lines, load_transposed, scatter};
use super::tables::{Shoup, Tables, TailFactors};
use crate::arith::mul_mod;
use crate::kernels::kernel;
use crate::kernels::simd::Simd;
use crate::limb::Word;

kernel! {
    /// All layers except the top ones, from `from` to `work`; without `from`, in place.
    pub(super) fn lower_layers<W>(tables: &Tables<W>, from: Option<&[W]>, work: &mut [u64])
        = lower_layers_body
}

kernel! {
    /// The top layers, from `work` to `to`, and a multiplication by the residue `factor`. `work` is
    /// left zero. Without `to`, in place.
    pub(super) fn top_layers<W>(
        tables: &Tables<W>,
        factor: u64,
        work: &mut [u64],
        to: Option<&mut [W]>,
    ) = top_layers_body
}

#[inline(always)]
pub(super) fn lower_layers_body<S: Simd, W: Word>(
    simd: S,
    tables: &Tables<W>,
    from: Option<&[W]>,
    work: &mut [u64],
) {
    if tables.is_tight() {
        lower(Residues::<S, true>::new(simd, tables), tables, from, work);
    } else {
        lower(Residues::<S, false>::new(simd, tables), tables, from, work);
    }
}

#[inline(always)]
pub(super) fn top_layers_body<S: Simd, W: Word>(
    simd: S,
    tables: &Tables<W>,
    factor: u64,
    work: &mut [u64],
    to: Option<&mut [W]>,
) {
    let (work, to) = (work.as_chunks_mut().0, to.map(|to| to.as_chunks_mut().0));
    if tables.is_tight() {
        top(Residues::<S, true>::new(simd, tables), tables, factor, work, to);
    } else {
        top(Residues::<S, false>::new(simd, tables), tables, factor, work, to);
    }
}

#[inline(always)]
fn lower<S: Simd, W: Word, const TIGHT: bool>(
    modulus: Residues<S, TIGHT>,
    tables: &Tables<W>,
    from: Option<&[W]>,
    work: &mut [u64],
) {
    let s = modulus.simd;
    let block_len = work.len() >> tables.top_layers();
    // A block of 4096 elements stays in the L1 cache through all its layers.
    for (i, block) in work.chunks_exact_mut(block_len).enumerate() {
        let (tails, first) = (block.as_chunks_mut().0.as_chunks_mut().0, i * (block_len / 64));
        let factors = &tables.inverse_factors.tails[first..][..tails.len()];
        match from {
            Some(from) => {
                let from = from[i * block_len..][..block_len].as_chunks().0.as_chunks().0;
                for ((tail, factors), from) in tails.iter_mut().zip(factors).zip(from) {
                    let x = load_transposed(s, from);
                    scatter(s, &first_layers(modulus, factors, x), tail);
                }
            }
            None => {
                for (tail, factors) in tails.iter_mut().zip(factors) {
                    let x = load_transposed(s, tail);
                    scatter(s, &first_layers(modulus, factors, x), tail);
                }
            }
        }
        let blocks = tables.degree() / 64;
        for (j, tail) in tails.iter_mut().enumerate() {
            middle_layers(modulus, tables.inverse_factors.three_layers(blocks, first + j), tail);
        }
        let mut len = 512;
        while len <= block_len {
            let (blocks, first) = (tables.degree() / len, i * (block_len / len));
            for (j, part) in block.chunks_exact_mut(len).enumerate() {
                let factors = tables.inverse_factors.three_layers(blocks, first + j);
                three_layers(modulus, factors, part.as_chunks_mut().0);
            }
            len *= 8;
        }
    }
}

/// The layers of distance 1, 2 and 4 in 64 elements.
#[inline(always)]
fn first_layers<S: Simd, W: Word, const TIGHT: bool>(
    modulus: Residues<S, TIGHT>,
    factors: &TailFactors<W>,
    mut x: [S::Lanes; 8],
) -> [S::Lanes; 8] {
    butterflies(modulus, &mut x, &modulus.montgomery_all(factors), None);
    x
}

/// The layers of distance 8, 16 and 32 in 64 elements.
#[inline(always)]
fn middle_layers<S: Simd, const TIGHT: bool>(
    modulus: Residues<S, TIGHT>,
    factors: [Shoup; 7],
    work: &mut [[u64; 8]; 8],
) {
    let s = modulus.simd;
    let mut x = gather(s, work);
    butterflies(modulus, &mut x, &modulus.shoup_all(factors), None);
    for i in 0..8 {
        s.store(x[i], &mut work[i]);
    }
}

/// Three layers in place.
#[expect(clippy::needless_range_loop, reason = "eight lines advance together")]
#[inline(always)]
fn three_layers<S: Simd, const TIGHT: bool>(
    modulus: Residues<S, TIGHT>,
    factors: [Shoup; 7],
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
        butterflies(modulus, &mut x, &factors, None);
        for i in 0..8 {
            s.store(x[i], &mut lines[i][j]);
        }
    }
}

/// The layers over the whole array, from the workspace to the words.
#[inline(always)]
fn top<S: Simd, W: Word, const TIGHT: bool>(
    modulus: Residues<S, TIGHT>,
    tables: &Tables<W>,
    factor: u64,
    work: &mut [[u64; 8]],
    to: Option<&mut [[W; 8]]>,
) {
    let s = modulus.simd;
    let q = tables.modulus();
    let scale = modulus.shoup(Shoup::new(factor, q));
    if tables.top_layers() == 3 {
        let mut factors = tables.inverse_factors.three_layers(1, 0);
        factors[0] = Shoup::new(mul_mod(factors[0].factor, factor, q), q);
        let factors = modulus.shoup_all(factors);
        let (from, length) = lines(work);
        let mut to = to.map(lines);
        if let Some((_, to_length)) = to {
            assert_eq!(length, to_length);
        }
        for j in 0..length {
            let mut x = [modulus.zero(); 8];
            for i in 0..8 {
                x[i] = s.load(&from[i][j]);
            }
            butterflies(modulus, &mut x, &factors, Some(scale));
            for i in 0..8 {
                store(modulus, x[i], &mut from[i][j], to.as_mut().map(|(to, _)| &mut to[i][j]));
            }
        }
        return;
    }
    for layer in (0..tables.top_layers()).rev() {
        let len = work.len() >> layer;
        for (i, block) in work.chunks_exact_mut(len).enumerate() {
            let factor = modulus.shoup(tables.inverse_factors.block(1 << layer, i));
            let (front, back) = block.split_at_mut(len / 2);
            for (a, b) in front.iter_mut().zip(back) {
                let (x, y) = (s.load(a), s.load(b));
                let lifted = s.add(x, modulus.multiple(if TIGHT { 2 } else { BOUND }));
                s.store(modulus.reduce(s.add(x, y), 0), a);
                s.store(modulus.product(s.sub(lifted, y), factor, 0), b);
            }
        }
    }
    match to {
        Some(to) => {
            for (from, to) in work.iter_mut().zip(to) {
                let x = modulus.product(s.load(from), scale, 0);
                store(modulus, x, from, Some(to));
            }
        }
        None => {
            for x in work {
                let scaled = modulus.product(s.load(x), scale, 0);
                store::<S, W, TIGHT>(modulus, scaled, x, None);
            }
        }
    }
}

/// Stores lanes in `[0, 2 q)`, made canonical, in `to`, or else in the workspace. A workspace that
/// is not the result returns to a pool: it must not keep a secret.
#[inline(always)]
fn store<S: Simd, W: Word, const TIGHT: bool>(
    modulus: Residues<S, TIGHT>,
    x: S::Lanes,
    work: &mut [u64; 8],
    to: Option<&mut [W; 8]>,
) {
    let s = modulus.simd;
    match to {
        Some(to) => {
            s.store(modulus.canonical::<W>(x), to);
            s.store(modulus.zero(), work);
        }
        None => s.store(modulus.canonical::<u64>(x), work),
    }
}

/// In units of `q`: what [`butterflies`] takes and leaves where lanes are roomy.
const BOUND: i64 = 16;

/// Three layers on eight rows, of distance 1, 2 and 4. The rows lie in `[0, 16 q)` before and
/// after, or in `[0, 2 q)` where lanes are tight. With `scale`, the last layer's sums are
/// multiplied by it (its factor contains it already).
///
/// Differences must not be negative, so what will be a minuend is lifted above its subtrahend.
/// Reductions and products lift for nothing; the roomy form lifts sums through the first minuends,
/// before the first layer. The tables give each row after the first and the second layer its lower
/// bound in units of `q`, see the module documentation.
#[inline(always)]
fn butterflies<S: Simd, F: Factor<S>, const TIGHT: bool>(
    modulus: Residues<S, TIGHT>,
    x: &mut [S::Lanes; 8],
    factors: &[F; 7],
    scale: Option<ShoupLanes<S>>,
) {
    const LIFTS: [i64; 4] = [7 * BOUND, BOUND, 3 * BOUND, BOUND];
    let s = modulus.simd;
    let first = if TIGHT { [1, -1, 1, -1] } else { [6, 0, 2, 0] };
    for i in 0..4 {
        let (a, b) = (x[2 * i], x[2 * i + 1]);
        let lifted = s.add(a, modulus.multiple(if TIGHT { 2 } else { LIFTS[i] }));
        let sum = if TIGHT { modulus.reduce(s.add(a, b), first[i]) } else { s.add(lifted, b) };
        x[2 * i] = sum;
        x[2 * i + 1] = modulus.product(s.sub(lifted, b), factors[3 + i], first[i]);
    }
    let second = if TIGHT { [1, -1] } else { [2, 0] };
    for i in 0..4 {
        let (a, b, block) = (i % 2 + i / 2 * 4, i % 2 + i / 2 * 4 + 2, i / 2);
        let (sum, difference) = (s.add(x[a], x[b]), s.sub(x[a], x[b]));
        x[a] = if TIGHT { modulus.reduce(sum, second[block]) } else { sum };
        x[b] = modulus.product(difference, factors[1 + block], second[block]);
    }
    for i in 0..4 {
        let (sum, difference) = (s.add(x[i], x[i + 4]), s.sub(x[i], x[i + 4]));
        x[i] = match scale {
            Some(scale) => modulus.product(sum, scale, 0),
            // In the roomy form only row 0 is a sum of eight rows.
            None if TIGHT || i == 0 => modulus.reduce(sum, 0),
            None => sum,
        };
        x[i + 4] = modulus.product(difference, factors[0], 0);
    }
}
