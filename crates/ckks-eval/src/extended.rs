//! Ciphertexts modulo chain times special primes, and the way back.
//!
//! A key switch multiplies by `P` and divides at its end. Sums of key-switched ciphertexts are
//! cheaper if the division waits: it is done once for the sum ("lazy" or "double" hoisting,
//! Bossuat, Mouchet, Troncoso-Pastoriza and Hubaux 2021).

use blindsight_ckks::ciphertext::Ciphertext;
use blindsight_ckks::keys::Special;
use blindsight_ring::kernels;
use blindsight_ring::{BaseConverter, Basis, Limb, Ntt, Poly, Target, Word, for_width};
use rayon::prelude::*;

use crate::context::{Context, DivisionTables};
use crate::key_switch::quotients;
use crate::parallel::{gather, tasks};

/// A pair `(c0, c1)` modulo `Q_level * P`: `P` times a ciphertext.
#[derive(Debug)]
pub(crate) struct Extended {
    pub(crate) c0: Poly<Ntt>,
    pub(crate) c1: Poly<Ntt>,
    pub(crate) level: usize,
    pub(crate) special: Special,
}

impl Extended {
    /// Divides by the special primes and by `rescales` primes of the chain, with rounding.
    pub(crate) fn divide(self, context: &Context, rescales: usize, scale: f64) -> Ciphertext {
        let tables = context.division(self.level, Some(self.special), rescales);
        divide_pair(context, &tables, &self.c0, &self.c1, scale)
    }
}

/// Divides a ciphertext by the top `rescales` primes of its modulus, with rounding.
pub(crate) fn rescale(context: &Context, c: &Ciphertext, rescales: usize) -> Ciphertext {
    let level = c.level();
    let dropped = &context.set().chain().primes()[level - rescales..level];
    let scale = c.scale / dropped.iter().map(|p| p.value() as f64).product::<f64>();
    let tables = context.division(level, None, rescales);
    divide_pair(context, &tables, &c.c0, &c.c1, scale)
}

fn divide_pair(
    context: &Context,
    tables: &DivisionTables,
    c0: &Poly<Ntt>,
    c1: &Poly<Ntt>,
    scale: f64,
) -> Ciphertext {
    let basis = context.set().modulus(tables.kept);
    let halves: Vec<Poly<Ntt>> =
        [c0, c1].into_par_iter().map(|half| divide_poly(&basis, tables, half)).collect();
    let [c0, c1] = <[_; 2]>::try_from(halves).expect("two halves make two halves");
    Ciphertext { c0, c1, scale }
}

fn divide_poly(basis: &Basis, tables: &DivisionTables, poly: &Poly<Ntt>) -> Poly<Ntt> {
    let (kept, dropped) = poly.limbs().split_at(tables.kept);
    if dropped.is_empty() {
        return Poly::from_limbs(basis, kept.to_vec());
    }
    let lifted: Vec<Limb> = dropped
        .par_iter()
        .enumerate()
        .map(|(i, limb)| lift_limb(&tables.converter, i, limb))
        .collect();
    let sources: Vec<&Limb> = lifted.iter().collect();
    let quotient = quotients(&tables.converter, &sources);
    let primes = basis.primes();
    let parts = tasks(primes).into_par_iter().map(|indices| {
        let mut results: Vec<(usize, Limb)> =
            indices.into_iter().map(|i| (i, Limb::stale(&primes[i]))).collect();
        let mut targets: Vec<Target<'_>> =
            results.iter_mut().map(|(i, out)| Target { index: *i, out, addend: None }).collect();
        tables.converter.convert(&sources, &quotient, &mut targets);
        for (i, remainder) in &mut results {
            let (prime, x) = (&primes[*i], &kept[*i]);
            prime.forward_ntt(remainder);
            let inverse = prime.to_montgomery(tables.inverses[*i]);
            for_width!(prime, W => {
                kernels::subtract_scaled::<W>(prime, W::of_mut(remainder), W::of(x), inverse);
            });
        }
        results
    });
    Poly::from_limbs(basis, gather(parts.collect()))
}

/// The lifted coefficients of a source limb of a conversion.
pub(crate) fn lift_limb(converter: &BaseConverter, source: usize, limb: &Limb) -> Limb {
    let prime = &converter.sources()[source];
    let mut lifted = Limb::stale(prime);
    prime.inverse_ntt_scaled(limb, &mut lifted, converter.lift_factor(source));
    lifted
}
