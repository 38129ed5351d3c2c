//! Ciphertexts modulo chain times special primes, and the way back.
//!
//! A key switch multiplies by `P` and divides at its end. Sums of key-switched ciphertexts are
//! cheaper if the division waits: it is done once for the sum ("lazy" or "double" hoisting,
//! Bossuat, Mouchet, Troncoso-Pastoriza and Hubaux 2021).

use blindsight_ckks::ciphertext::Ciphertext;
use blindsight_ckks::keys::Special;
use blindsight_ring::kernels;
use blindsight_ring::pool::Buffer;
use blindsight_ring::{BaseConverter, Limb, Ntt, Poly, Word, for_width};
use rayon::prelude::*;

use crate::evaluator::{Context, DivisionTables};

/// A pair `(c0, c1)` modulo `Q_level * P`: `P` times a ciphertext.
#[derive(Debug)]
pub(crate) struct Extended {
    pub(crate) c0: Poly<Ntt>,
    pub(crate) c1: Poly<Ntt>,
    pub(crate) level: usize,
    pub(crate) special: Special,
}

/// Limbs that one task of a base conversion writes: enough to share a pass over the sources, few
/// enough to spread over the cores.
pub(crate) const TARGETS_PER_TASK: usize = 3;

impl Extended {
    /// Divides by the special primes and by `rescales` primes of the chain, with rounding.
    pub(crate) fn divide(self, context: &Context, rescales: usize, scale: f64) -> Ciphertext {
        let tables = context.division(self.level, Some(self.special), rescales);
        divide_pair(context, &tables, self.c0, self.c1, scale)
    }
}

/// Divides a ciphertext by the top `rescales` primes of its modulus, with rounding.
pub(crate) fn rescale(context: &Context, c: Ciphertext, rescales: usize) -> Ciphertext {
    let level = c.level();
    let dropped = &context.set().chain().primes()[level - rescales..level];
    let scale = c.scale / dropped.iter().map(|p| p.value() as f64).product::<f64>();
    let tables = context.division(level, None, rescales);
    divide_pair(context, &tables, c.c0, c.c1, scale)
}

fn divide_pair(
    context: &Context,
    tables: &DivisionTables,
    c0: Poly<Ntt>,
    c1: Poly<Ntt>,
    scale: f64,
) -> Ciphertext {
    let basis = context.set().modulus(tables.kept);
    let mut kept = Vec::with_capacity(2 * tables.kept);
    let mut dropped = Vec::new();
    for poly in [c0, c1] {
        let mut limbs = poly.into_limbs();
        dropped.extend(limbs.drain(tables.kept..));
        kept.append(&mut limbs);
    }
    let count = tables.converter.sources().len();
    dropped.par_iter_mut().enumerate().for_each(|(i, limb)| {
        lift_limb(&tables.converter, i % count, limb);
    });
    let halves: Vec<Vec<&Limb>> = dropped.chunks(count).map(|half| half.iter().collect()).collect();
    let quotients: Vec<_> = halves.iter().map(|half| quotients(&tables.converter, half)).collect();
    kept.par_chunks_mut(tables.kept).enumerate().for_each(|(half, kept)| {
        kept.par_chunks_mut(TARGETS_PER_TASK).enumerate().for_each(|(task, kept)| {
            let first = task * TARGETS_PER_TASK;
            let primes = &basis.primes()[first..];
            let mut remainders: Vec<Limb> =
                primes.iter().take(kept.len()).map(|p| Limb::stale(p)).collect();
            let mut targets: Vec<_> =
                remainders.iter_mut().enumerate().map(|(k, limb)| (first + k, limb)).collect();
            tables.converter.convert(&halves[half], &quotients[half], &mut targets);
            for (k, (x, mut r)) in kept.iter_mut().zip(remainders).enumerate() {
                let prime = &primes[k];
                prime.forward_ntt(&mut r);
                let inverse = prime.to_montgomery(tables.inverses[first + k]);
                for_width!(prime, W => {
                    kernels::subtract_scaled::<W>(prime, W::of_mut(&mut r), W::of(x), inverse);
                });
                *x = r;
            }
        });
    });
    let c1 = kept.split_off(tables.kept);
    Ciphertext { c0: Poly::from_limbs(&basis, kept), c1: Poly::from_limbs(&basis, c1), scale }
}

/// Takes a source limb of a conversion from NTT values to lifted coefficients, in place.
pub(crate) fn lift_limb(converter: &BaseConverter, source: usize, limb: &mut Limb) {
    let prime = &converter.sources()[source];
    prime.inverse_ntt_unscaled(limb);
    let factor = blindsight_ring::arith::mul_mod(
        converter.lift_factor(source),
        prime.degree_inverse(),
        prime.value(),
    );
    blindsight_ring::poly::scale_limb(prime, limb, prime.to_montgomery(factor));
}

/// The quotients of all coefficients of lifted limbs.
pub(crate) fn quotients(converter: &BaseConverter, lifted: &[&Limb]) -> Buffer<u32> {
    const BLOCK: usize = 4096;
    let mut quotient = Buffer::stale(lifted[0].len());
    quotient.par_chunks_mut(BLOCK).enumerate().for_each(|(i, block)| {
        converter.quotients(lifted, i * BLOCK, block);
    });
    quotient
}
