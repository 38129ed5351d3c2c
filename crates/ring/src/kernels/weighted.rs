//! Plaintext-weighted sums: the inner loops of linear transforms.
//!
//! All sums over the same inputs are computed in one pass. The arrays are cut into chunks, and all
//! sums read one chunk of the inputs before the next is touched, so that it stays in cache. Weights
//! are read once each; they are stored in the order in which they are read, because hundreds of
//! separate streams would defeat the processor's prefetching.

use super::dispatch::kernel;
use super::montgomery::{ModulusLanes, Rounds, Sum};
use super::simd::Simd;
use crate::limb::{Limb, Word};
use crate::modulus::Modulus;

/// Residues per chunk.
const CHUNK: usize = 512;

kernel! {
    /// `outs[g] = sum over t of inputs[sums[g][t]] * weight(g, t)`, with the weights in the order of
    /// [`weight_stream`].
    pub fn weighted_sums<W>(
        modulus: &Modulus,
        inputs: &[[&[W]; 2]],
        sums: &[Vec<usize>],
        weights: &[W],
        outs: &mut [[&mut [W]; 2]],
    ) = weighted_sums_body
}

/// The weights of all terms of all sums in the order in which [`weighted_sums`] reads them.
///
/// Each weight is given by its distinct NTT values (Montgomery form): a plaintext whose slots
/// repeat is constant on aligned runs of the NTT array and has one value a run. All weights have
/// the same number of values, a power of two of at least 64.
#[must_use]
pub fn weight_stream(modulus: &Modulus, weights: &[&Limb]) -> Limb {
    let chunk = CHUNK.min(modulus.degree());
    let chunks = modulus.degree() / chunk;
    let values = weights.first().map_or(chunks, |w| w.len());
    let words = words_per_chunk(values, chunks);
    let mut stream = Limb::stale_with_len(modulus, weights.len() * words * chunks);
    stream.fill_with(|i| {
        let (position, word) = (i / words, i % words);
        let (chunk_index, term) = (position / weights.len(), position % weights.len());
        // With runs longer than a chunk, several chunks repeat one value.
        let value = (chunk_index * words + word) * values / (words * chunks);
        weights[term].get(value)
    });
    stream
}

/// Stored values of one weight for one chunk.
fn words_per_chunk(values: usize, chunks: usize) -> usize {
    (values / chunks).max(1)
}

#[inline(always)]
pub(super) fn weighted_sums_body<S: Simd, W: Word>(
    simd: S,
    modulus: &Modulus,
    inputs: &[[&[W]; 2]],
    sums: &[Vec<usize>],
    weights: &[W],
    outs: &mut [[&mut [W]; 2]],
) {
    let q = ModulusLanes::new(simd, modulus);
    let chunk = CHUNK.min(modulus.degree());
    let chunks = modulus.degree() / chunk;
    let terms: usize = sums.iter().map(Vec::len).sum();
    let words = weights.len() / (terms * chunks).max(1);
    let run = chunk / words.max(1);
    let mut stream = weights;
    for c in 0..chunks {
        let range = c * chunk..(c + 1) * chunk;
        let local: Vec<[&[[W; 8]]; 2]> =
            inputs.iter().map(|pair| pair.map(|x| x[range.clone()].as_chunks().0)).collect();
        for (sum, [out_b, out_a]) in sums.iter().zip(outs.iter_mut()) {
            let (own, rest) = stream.split_at(sum.len() * words);
            stream = rest;
            let out_b = out_b[range.clone()].as_chunks_mut().0;
            let out_a = out_a[range.clone()].as_chunks_mut().0;
            let rounds = Rounds::for_terms(sum.len(), modulus.bits());
            for i in (0..chunk / 8).step_by(2) {
                let mut pair = [(q.empty(), q.empty()); 2];
                if run >= 16 {
                    // One broadcast weight serves two neighbouring groups of eight.
                    for (&input, weight) in sum.iter().zip(own.chunks_exact(words)) {
                        let weight = simd.splat(weight[8 * i / run].into());
                        accumulate(simd, q, &mut pair, &local[input], i, [weight; 2]);
                    }
                } else {
                    for (&input, weight) in sum.iter().zip(own.chunks_exact(words)) {
                        let pair_weights =
                            [lanes(simd, weight, i, run), lanes(simd, weight, i + 1, run)];
                        accumulate(simd, q, &mut pair, &local[input], i, pair_weights);
                    }
                }
                for (k, (b, a)) in pair.into_iter().enumerate() {
                    simd.store(q.reduce(b, rounds), &mut out_b[i + k]);
                    simd.store(q.reduce(a, rounds), &mut out_a[i + k]);
                }
            }
        }
    }
}

#[inline(always)]
fn accumulate<S: Simd, W: Word>(
    simd: S,
    q: ModulusLanes<S>,
    sums: &mut [(Sum<S>, Sum<S>); 2],
    input: &[&[[W; 8]]; 2],
    i: usize,
    weights: [S::Lanes; 2],
) {
    for k in 0..2 {
        sums[k].0 = q.accumulate(sums[k].0, simd.load(&input[0][i + k]), weights[k]);
        sums[k].1 = q.accumulate(sums[k].1, simd.load(&input[1][i + k]), weights[k]);
    }
}

/// The weights of group `i` when one stored word covers `run` (1, 2, 4 or 8) residues.
#[inline(always)]
fn lanes<S: Simd, W: Word>(simd: S, weight: &[W], i: usize, run: usize) -> S::Lanes {
    match run {
        1 => simd.load(&weight.as_chunks().0[i]),
        8 => simd.splat(weight[i].into()),
        _ => {
            let mut words = [0_u64; 8];
            for (k, word) in words.iter_mut().enumerate() {
                *word = weight[(8 * i + k) / run].into();
            }
            simd.load(&words)
        }
    }
}
