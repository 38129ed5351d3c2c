//! Splitting a polynomial into digits and extending them to other limbs.

use std::sync::Arc;

use blindsight_ring::kernels;
use blindsight_ring::pool::Buffer;
use blindsight_ring::{Limb, Ntt, Poly, Target, Word, for_width};
use rayon::prelude::*;

use crate::context::DigitTables;
use crate::parallel::{gather, tasks};

/// A polynomial split into digits: lifted coefficients, and per digit the quotients that make its
/// conversion exact.
pub(crate) struct Digits<'a> {
    pub(super) tables: Arc<DigitTables>,
    lifted: Vec<Limb>,
    quotients: Vec<Buffer<u32>>,
    /// The NTT values of the polynomial where they are known; else they are recomputed.
    own: Option<&'a Poly<Ntt>>,
}

/// Digits extended to all limbs: what hoisting stores.
pub(crate) struct HoistedDigits {
    pub(super) tables: Arc<DigitTables>,
    /// One row a digit, one limb a prime, as NTT values.
    pub(crate) rows: Vec<Vec<Limb>>,
}

impl HoistedDigits {
    /// Whether these are the digits that the tables describe.
    pub(crate) fn fit(&self, tables: &DigitTables) -> bool {
        self.tables.ranges == tables.ranges && self.tables.special == tables.special
    }
}

impl<'a> Digits<'a> {
    /// The digits of a polynomial with `tables.level` limbs.
    pub(crate) fn of_poly(tables: Arc<DigitTables>, poly: &'a Poly<Ntt>) -> Self {
        let lifted = (0..tables.level).into_par_iter().map(|i| {
            let prime = &tables.basis.primes()[i];
            let mut lifted = Limb::stale(prime);
            prime.inverse_ntt_scaled(&poly.limbs()[i], &mut lifted, tables.lifts[i]);
            lifted
        });
        let lifted = lifted.collect();
        Self::of_lifted(tables, lifted, Some(poly))
    }

    /// The digits of the quotient of an extended polynomial by the special primes, from its
    /// prepared coefficients (see [`prepare`]).
    pub(crate) fn of_prepared(tables: Arc<DigitTables>, mut prepared: Vec<Limb>) -> Self {
        let special = prepared.split_off(tables.level);
        let sources: Vec<&Limb> = special.iter().collect();
        let quotient = quotients(&tables.divider, &sources);
        let primes = tables.basis.primes();
        let parts = tasks(&primes[..tables.level]).into_par_iter().map(|indices| {
            let mut lifted: Vec<(usize, Limb)> =
                indices.into_iter().map(|i| (i, Limb::stale(&primes[i]))).collect();
            let mut targets: Vec<Target<'_>> = lifted
                .iter_mut()
                .map(|(i, out)| {
                    let addend = Some((&prepared[*i], primes[*i].to_montgomery(1)));
                    Target { index: *i, out, addend }
                })
                .collect();
            tables.divider.convert(&sources, &quotient, &mut targets);
            lifted
        });
        let lifted = gather(parts.collect());
        Self::of_lifted(tables, lifted, None)
    }

    /// From lifted coefficients of all limbs inside digits.
    pub(crate) fn of_lifted(
        tables: Arc<DigitTables>,
        lifted: Vec<Limb>,
        own: Option<&'a Poly<Ntt>>,
    ) -> Self {
        let digits = tables.ranges.iter().zip(&tables.converters);
        let quotients = digits
            .map(|(range, converter)| {
                quotients(converter, &lifted[range.clone()].iter().collect::<Vec<_>>())
            })
            .collect();
        Self { tables, lifted, quotients, own }
    }

    /// The NTT values of every digit at some limbs: one row a digit, one entry for each index.
    /// `None` stands for a limb inside the digit whose values are [`Self::known`].
    pub(super) fn extend_to(&self, indices: &[usize]) -> Vec<Vec<Option<Limb>>> {
        let primes = self.tables.basis.primes();
        let rows = self.tables.ranges.iter().enumerate().map(|(d, digit)| {
            let mut row: Vec<Option<Limb>> = indices
                .iter()
                .map(|i| {
                    let known = digit.contains(i) && self.own.is_some();
                    (!known).then(|| Limb::stale(&primes[*i]))
                })
                .collect();
            let mut targets = Vec::with_capacity(row.len());
            for (&i, limb) in indices.iter().zip(&mut row) {
                let Some(out) = limb else { continue };
                if digit.contains(&i) {
                    self.unlift(i, out);
                } else {
                    // Targets are numbered as if the digit's own limbs were not there.
                    let index = if i < digit.start { i } else { i - digit.len() };
                    targets.push(Target { index, out, addend: None });
                }
            }
            let sources: Vec<&Limb> = self.lifted[digit.clone()].iter().collect();
            self.tables.converters[d].convert(&sources, &self.quotients[d], &mut targets);
            for (&i, limb) in indices.iter().zip(&mut row) {
                if let Some(limb) = limb {
                    primes[i].forward_ntt(limb);
                }
            }
            row
        });
        rows.collect()
    }

    /// The NTT values of a limb inside its digit, where they are known.
    pub(super) fn known(&self, i: usize) -> &Limb {
        let own = self.own.expect("a limb is left out only where its values are known");
        &own.limbs()[i]
    }

    /// Extends every digit to every limb and keeps them.
    pub(crate) fn hoist(&self) -> HoistedDigits {
        let parts = tasks(self.tables.basis.primes()).into_par_iter().map(|indices| {
            let mut columns: Vec<(usize, Vec<Limb>)> =
                indices.iter().map(|&i| (i, Vec::new())).collect();
            for row in self.extend_to(&indices) {
                for ((i, column), limb) in columns.iter_mut().zip(row) {
                    column.push(limb.unwrap_or_else(|| self.known(*i).clone()));
                }
            }
            columns
        });
        let columns: Vec<Vec<Limb>> = gather(parts.collect());
        let mut rows: Vec<Vec<Limb>> = self.tables.ranges.iter().map(|_| Vec::new()).collect();
        for column in columns {
            for (row, limb) in rows.iter_mut().zip(column) {
                row.push(limb);
            }
        }
        HoistedDigits { tables: self.tables.clone(), rows }
    }

    /// Writes the coefficients of a limb inside a digit.
    fn unlift(&self, i: usize, out: &mut Limb) {
        let prime = &self.tables.basis.primes()[i];
        let factor = self.tables.unlifts[i];
        for_width!(prime, W => {
            kernels::scale::<W>(prime, W::of_mut(out), W::of(&self.lifted[i]), factor);
        });
    }
}

/// The coefficients of an extended polynomial as [`Digits::of_prepared`] takes them.
pub(super) fn prepare(tables: &DigitTables, limbs: &[Limb]) -> Vec<Limb> {
    let primes = tables.basis.primes();
    let prepared = limbs.par_iter().enumerate().map(|(i, limb)| prepare_limb(tables, i, limb));
    debug_assert_eq!(limbs.len(), primes.len());
    prepared.collect()
}

/// One limb of [`prepare`].
pub(super) fn prepare_limb(tables: &DigitTables, i: usize, limb: &Limb) -> Limb {
    let prime = &tables.basis.primes()[i];
    let mut prepared = Limb::stale(prime);
    prime.inverse_ntt_scaled(limb, &mut prepared, tables.preparations[i]);
    prepared
}

/// The quotients of all coefficients of lifted limbs.
pub(crate) fn quotients(
    converter: &blindsight_ring::BaseConverter,
    lifted: &[&Limb],
) -> Buffer<u32> {
    const BLOCK: usize = 8192;
    let mut quotient = Buffer::stale(lifted.first().map_or(0, |limb| limb.len()));
    quotient.par_chunks_mut(BLOCK).enumerate().for_each(|(i, block)| {
        converter.quotients(lifted, i * BLOCK, block);
    });
    quotient
}
