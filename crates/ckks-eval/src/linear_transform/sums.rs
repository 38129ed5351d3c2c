//! The weighted sums of the baby steps.

use blindsight_ring::{Basis, Limb, Poly, Prime, Word, for_width, kernels};
use rayon::prelude::*;

use super::LinearTransform;
use super::encode::primes;
use crate::context::Context;
use crate::extended::Extended;

impl LinearTransform {
    /// The inner sums of all giant steps, modulo the special primes of these.
    pub(super) fn weighted_sums(&self, context: &Context, copies: &[Extended]) -> Vec<Extended> {
        let baby_primes = primes(context, self.level, self.baby_special);
        let columns: Vec<Vec<[Limb; 2]>> = baby_primes
            .par_iter()
            .enumerate()
            .map(|(i, prime)| self.limb_sums(prime, i, copies))
            .collect();
        let giant_primes = primes(context, self.level, self.giant_special);
        let mut sums: Vec<(Vec<Limb>, Vec<Limb>)> =
            self.sums.iter().map(|_| Default::default()).collect();
        let mut columns = columns.into_iter().zip(&baby_primes).peekable();
        for prime in &giant_primes {
            // A special prime that the baby steps lack: the sum is a multiple of it.
            let column = match columns.next_if(|(_, p)| *p == prime) {
                Some((column, _)) => column,
                None => sums.iter().map(|_| [Limb::zero(prime), Limb::zero(prime)]).collect(),
            };
            for ((c0, c1), [x0, x1]) in sums.iter_mut().zip(column) {
                c0.push(x0);
                c1.push(x1);
            }
        }
        let basis = Basis::new(giant_primes);
        let (level, special) = (self.level, self.giant_special);
        let pair = |(c0, c1)| {
            let (c0, c1) = (Poly::from_limbs(&basis, c0), Poly::from_limbs(&basis, c1));
            Extended { c0, c1, level, special }
        };
        sums.into_iter().map(pair).collect()
    }

    fn limb_sums(&self, prime: &Prime, i: usize, copies: &[Extended]) -> Vec<[Limb; 2]> {
        let mut sums: Vec<[Limb; 2]> =
            self.sums.iter().map(|_| [Limb::stale(prime), Limb::stale(prime)]).collect();
        for_width!(prime, W => {
            let inputs: Vec<[&[W]; 2]> = copies
                .iter()
                .map(|x| [W::of(&x.c0.limbs()[i]), W::of(&x.c1.limbs()[i])])
                .collect();
            let mut outs: Vec<[&mut [W]; 2]> =
                sums.iter_mut().map(|[a, b]| [W::of_mut(a), W::of_mut(b)]).collect();
            let weights = W::of(&self.weights[i]);
            kernels::weighted_sums::<W>(prime, &inputs, &self.sums, weights, &mut outs);
        });
        sums
    }
}
