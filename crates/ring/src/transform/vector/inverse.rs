//! NTT values to coefficients: Gentleman-Sande butterflies `(a + b, w (a - b))`.

use super::residues::{Factor, Residues, ShoupLanes};
use super::shapes::{gather, lines_mut, load_transposed, scatter};
use super::tables::{Shoup, Tables, TailFactors};
use crate::arith::mul_mod;
use crate::kernels::dispatch::kernel;
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
    if tables.is_strict() {
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
    if tables.is_strict() {
        top_of(Residues::<S, true>::new(simd, tables), tables, factor, work, to);
    } else {
        top_of(Residues::<S, false>::new(simd, tables), tables, factor, work, to);
    }
}

#[inline(always)]
fn top_of<S: Simd, W: Word, const STRICT: bool>(
    modulus: Residues<S, STRICT>,
    tables: &Tables<W>,
    factor: u64,
    work: &mut [[u64; 8]],
    to: Option<&mut [[W; 8]]>,
) {
    match tables.top_layers() {
        0 => top::<S, W, STRICT, 1>(modulus, tables, factor, work, to),
        1 => top::<S, W, STRICT, 2>(modulus, tables, factor, work, to),
        2 => top::<S, W, STRICT, 4>(modulus, tables, factor, work, to),
        _ => top::<S, W, STRICT, 8>(modulus, tables, factor, work, to),
    }
}

#[inline(always)]
fn lower<S: Simd, W: Word, const STRICT: bool>(
    modulus: Residues<S, STRICT>,
    tables: &Tables<W>,
    from: Option<&[W]>,
    work: &mut [u64],
) {
    let s = modulus.simd;
    let block_len = work.len() >> tables.top_layers();
    // Up to N = 2^15, a block stays in the L1 cache through all its layers.
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
            middle_layers(modulus, tables.inverse_factors.layers(blocks, first + j), tail);
        }
        let mut len = 512;
        while len <= block_len {
            let (blocks, first) = (tables.degree() / len, i * (block_len / len));
            for (j, part) in block.chunks_exact_mut(len).enumerate() {
                let factors = tables.inverse_factors.layers(blocks, first + j);
                three_layers(modulus, factors, part.as_chunks_mut().0);
            }
            len *= 8;
        }
    }
}

/// The layers of distance 1, 2 and 4 in 64 elements.
#[inline(always)]
fn first_layers<S: Simd, W: Word, const STRICT: bool>(
    modulus: Residues<S, STRICT>,
    factors: &TailFactors<W>,
    mut x: [S::Lanes; 8],
) -> [S::Lanes; 8] {
    butterflies(modulus, &mut x, &modulus.montgomery_all(factors), None);
    x
}

/// The layers of distance 8, 16 and 32 in 64 elements.
#[inline(always)]
fn middle_layers<S: Simd, const STRICT: bool>(
    modulus: Residues<S, STRICT>,
    factors: [Shoup; 8],
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
fn three_layers<S: Simd, const STRICT: bool>(
    modulus: Residues<S, STRICT>,
    factors: [Shoup; 8],
    block: &mut [[u64; 8]],
) {
    let s = modulus.simd;
    let factors = modulus.shoup_all(factors);
    let (lines, length) = lines_mut::<_, 8>(block);
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

/// The layers over the whole array, from the workspace to the words, all in one pass: `ROWS` is 2 to
/// the power of their number.
#[inline(always)]
fn top<S: Simd, W: Word, const STRICT: bool, const ROWS: usize>(
    modulus: Residues<S, STRICT>,
    tables: &Tables<W>,
    factor: u64,
    work: &mut [[u64; 8]],
    to: Option<&mut [[W; 8]]>,
) {
    let s = modulus.simd;
    let q = tables.modulus();
    let scale = modulus.shoup(Shoup::new(factor, q));
    let mut factors = tables.inverse_factors.layers::<ROWS>(1, 0);
    if ROWS > 1 {
        factors[1] = Shoup::new(mul_mod(factors[1].factor, factor, q), q);
    }
    let factors = modulus.shoup_all(factors);
    let (from, length) = lines_mut::<_, ROWS>(work);
    let mut to = to.map(lines_mut::<_, ROWS>);
    if let Some((_, to_length)) = to {
        assert_eq!(length, to_length);
    }
    for j in 0..length {
        let mut x = [modulus.zero(); ROWS];
        for i in 0..ROWS {
            x[i] = s.load(&from[i][j]);
        }
        if ROWS == 1 {
            x[0] = modulus.product(x[0], scale, 0);
        }
        butterflies(modulus, &mut x, &factors, Some(scale));
        for i in 0..ROWS {
            store(modulus, x[i], &mut from[i][j], to.as_mut().map(|(to, _)| &mut to[i][j]));
        }
    }
}

/// Stores lanes in `[0, 2 q)`, made canonical, in `to`, or else in the workspace. A workspace that
/// is not the result returns to a pool: it must not keep a secret.
#[inline(always)]
fn store<S: Simd, W: Word, const STRICT: bool>(
    modulus: Residues<S, STRICT>,
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

/// In units of `q`: what [`butterflies`] takes and leaves where reduction is lazy.
const BOUND: i64 = 16;

/// The layers on `ROWS` rows, of distance 1 to `ROWS / 2`. The rows lie in `[0, 16 q)` before and
/// after, or in `[0, 2 q)` where reduction is strict. With `scale`, the last layer's sums are multiplied
/// by it (its factor contains it already) and all rows lie in `[0, 2 q)` after.
///
/// Differences must not be negative, so what will be a minuend is lifted above its subtrahend.
/// Reductions and products lift for nothing; the lazy form lifts sums through the first minuends,
/// before the first layer.
#[inline(always)]
fn butterflies<S: Simd, F: Factor<S>, const STRICT: bool, const ROWS: usize>(
    modulus: Residues<S, STRICT>,
    x: &mut [S::Lanes; ROWS],
    factors: &[F; ROWS],
    scale: Option<ShoupLanes<S>>,
) {
    // Not a loop: registers have no index, so the distances must be constants.
    layer(modulus, x, factors, scale, 1);
    layer(modulus, x, factors, scale, 2);
    layer(modulus, x, factors, scale, 4);
}

/// The layer of this distance, if there are so many rows. The tables give the lifts of the first
/// minuends, and each product of the first and the second layer its lower bound in units of `q`: see
/// the module documentation.
#[inline(always)]
fn layer<S: Simd, F: Factor<S>, const STRICT: bool, const ROWS: usize>(
    modulus: Residues<S, STRICT>,
    x: &mut [S::Lanes; ROWS],
    factors: &[F; ROWS],
    scale: Option<ShoupLanes<S>>,
    distance: usize,
) {
    const LIFTS: [i64; 4] = [7 * BOUND, BOUND, 3 * BOUND, BOUND];
    const FIRST: [i64; 4] = [6, 0, 2, 0];
    const SECOND: [i64; 2] = [2, 0];
    let s = modulus.simd;
    if distance >= ROWS {
        return;
    }
    let is_last = 2 * distance == ROWS;
    for (i, lift) in LIFTS.into_iter().enumerate().take(ROWS / 2) {
        let block = i / distance;
        let (a, b) = (i + block * distance, i + block * distance + distance);
        let lift = match distance {
            1 if STRICT => 2,
            1 => lift,
            _ => 0,
        };
        let lower = match distance {
            _ if is_last => 0,
            _ if STRICT => [1, -1][block % 2],
            1 => FIRST[block],
            _ => SECOND[block],
        };
        let lifted = s.add(x[a], modulus.multiple(lift));
        let difference = s.sub(lifted, x[b]);
        // Strict reduction has no room for a lifted sum, and need none: it is reduced.
        let sum = s.add(if STRICT { x[a] } else { lifted }, x[b]);
        x[a] = match scale {
            Some(scale) if is_last => modulus.product(sum, scale, 0),
            // In the lazy form only row 0 is a sum of eight rows.
            _ if STRICT || (is_last && a == 0) => modulus.reduce(sum, lower),
            _ => sum,
        };
        x[b] = modulus.product(difference, factors[ROWS / 2 / distance + block], lower);
    }
}
