//! The transform for CPUs with AVX-512 IFMA: the portable one's root, order and results.
//!
//! Layers run in threes on eight registers of eight lanes. One to three top layers, what is left of
//! the number of layers, go over the whole array; then each block goes through the other layers: of
//! 512 elements or 4096, which fit a L1 cache of 32 KiB, or for `N = 2^16` of `2^15`. There the L2
//! cache of 1 MiB feeds one more pass, and smaller blocks were measured to gain nothing. The last
//! three layers work inside eight consecutive elements, so 64 elements are transposed for them,
//! mostly by the stores of the layers before. Lanes have 52 bits and most primes 31 or fewer, so
//! butterflies hardly ever reduce.
//!
//! # Bounds
//!
//! A product with a constant comes out in a range of length `2 q` (see [`residues`]). Every value
//! that is multiplied or reduced must lie in `[0, 2^52)`.
//!
//! *Lazy reduction*, `q < 2^43`, forward: a layer maps `(z0, z1)` to `z0 + t` and `z0 - t`, where `t`
//! in `(-q, 2 q)` is the product with `z1`. By induction, what a layer leaves is an input of the
//! first half plus one such `t` or `-t` for every layer so far. So `2 log2(N) q`, added once to the
//! first half of the inputs, keeps every value in `[0, (4 log2(N) + 1) q)`, which is below `2^52`.
//!
//! *Lazy reduction*, inverse: a layer maps `(a, b)` to `a + b` and a product with `a - b`, and sums
//! double. Three layers on rows `x0..x7` start in `[0, U)`, `U = 16 q`. The lifts `7, 1, 3, 1`
//! times `U` of `x0, x2, x4, x6` leave sums in which every minuend is at least its subtrahend:
//! after one layer `x0 >= 7 U` against `x2 < 3 U` and `x4 >= 3 U` against `x6 < 3 U`, after two
//! `x0 >= 8 U` against `x4 < 8 U`. After three, `x0 < 20 U = 320 q < 2^52`, and a reduction makes
//! it less than `2 q`. The products of the first layer are lifted by `6, 0, 2, 0` times `q` (rows
//! 1, 3, 5, 7): `x1 >= 6 q` against `x3 < 2 q`, `x5 >= 2 q` against `x7 < 2 q`, then `x1 >= 6 q`
//! against `x5 < 6 q`, and the sum stays below `16 q = U`. Those of the second are lifted by `2, 0`
//! (rows 2 and 3 against rows 6 and 7). The top layers may have two or four rows: the same lifts of
//! the rows that there are do, and leave smaller sums.
//!
//! *Strict reduction*, `q < 2^50`: every layer reduces. Forward, `z0` is reduced to `[q, 3 q)` and `t`
//! to `[-q, q)`, so values stay in `[0, 4 q)`. Inverse, minuends lie in `[q, 3 q)` and subtrahends
//! in `[-q, q)`: sum and difference lie in `[0, 4 q)`, and each is reduced to the range that its
//! role in the next layer asks for.

mod forward;
mod inverse;
mod residues;
mod shapes;
mod tables;

use self::tables::Tables;
use crate::limb::Limb;
use crate::modulus::Modulus;
use crate::pool::Buffer;

/// The constants of a prime's transforms in its storage width. Narrow words go through a workspace
/// of 64-bit words, wide words are transformed in place.
pub(crate) enum Vector {
    Narrow(Tables<u32>),
    Wide(Tables<u64>),
}

impl Vector {
    /// The transform whose first output is the value at `root`, a primitive `2N`-th root of unity.
    pub(super) fn new(modulus: &Modulus, root: u64) -> Self {
        if modulus.is_narrow() {
            Self::Narrow(Tables::new(modulus, root))
        } else {
            Self::Wide(Tables::new(modulus, root))
        }
    }

    /// Coefficients to NTT values.
    pub(super) fn forward(&self, limb: &mut Limb) {
        match (self, limb) {
            (Self::Narrow(tables), Limb::Narrow(words)) => {
                let mut work = Buffer::stale(words.len());
                forward::forward(tables, Some(words), &mut work);
            }
            (Self::Wide(tables), Limb::Wide(words)) => forward::forward(tables, None, words),
            _ => unreachable!("a limb has the storage width of its prime"),
        }
    }

    /// NTT values to coefficients times `N`.
    pub(super) fn inverse_unscaled(&self, limb: &mut Limb) {
        match (self, limb) {
            (Self::Narrow(tables), Limb::Narrow(words)) => {
                let mut work = Buffer::stale(words.len());
                inverse::lower_layers(tables, Some(words), &mut work);
                inverse::top_layers(tables, 1, &mut work, Some(words));
            }
            (Self::Wide(tables), Limb::Wide(words)) => {
                inverse::lower_layers(tables, None, words);
                inverse::top_layers(tables, 1, words, None);
            }
            _ => unreachable!("a limb has the storage width of its prime"),
        }
    }

    /// NTT values to coefficients times `N` times the residue `factor`.
    pub(super) fn inverse_scaled(&self, from: &Limb, to: &mut Limb, factor: u64) {
        match (self, from, to) {
            (Self::Narrow(tables), Limb::Narrow(from), Limb::Narrow(to)) => {
                let mut work = Buffer::stale(from.len());
                inverse::lower_layers(tables, Some(from), &mut work);
                inverse::top_layers(tables, factor, &mut work, Some(to));
            }
            (Self::Wide(tables), Limb::Wide(from), Limb::Wide(to)) => {
                inverse::lower_layers(tables, Some(from), to);
                inverse::top_layers(tables, factor, to, None);
            }
            _ => unreachable!("a limb has the storage width of its prime"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::arith::{is_prime, mul_mod};
    use crate::kernels::simd::portable::Portable;
    use crate::limb::Word;
    use crate::prime::Prime;
    use crate::transform::Transform;

    /// The largest suitable primes of these widths: narrow and wide storage, lazy and strict reduction
    /// and the limits between them.
    fn primes(degree: usize) -> Vec<Prime> {
        let step = 2 * degree as u64;
        [14, 20, 26, 30, 31, 32, 35, 37, 43, 44, 47, 50]
            .into_iter()
            .filter_map(|bits| {
                let top = (1_u64 << bits) / step * step + 1;
                let range = (1..=top / step).map(|i| top - i * step);
                range.take_while(|q| q >> (bits - 1) != 0).find(|&q| is_prime(q))
            })
            .map(|q| Prime::new(q, degree).unwrap())
            .collect()
    }

    /// Random residues, the extremes, and patterns that add up.
    fn inputs(prime: &Prime) -> Vec<Limb> {
        let (q, n) = (prime.value(), prime.degree());
        let limb = |residue: &mut dyn FnMut(usize) -> u64| {
            let mut limb = Limb::stale(prime);
            limb.fill_with(residue);
            limb
        };
        let mut state = q;
        let mut random = |_: usize| {
            state ^= state << 13;
            state ^= state >> 7;
            state ^= state << 17;
            state % q
        };
        vec![
            limb(&mut random),
            limb(&mut |i| if random(i) % 2 == 0 { 0 } else { q - 1 }),
            limb(&mut |_| q - 1),
            limb(&mut |i| if i < n / 2 { 0 } else { q - 1 }),
            limb(&mut |i| if i < n / 2 { q - 1 } else { 0 }),
            limb(&mut |i| if i % 2 == 0 { 0 } else { q - 1 }),
            limb(&mut |i| if i % 2 == 0 { q - 1 } else { 0 }),
            limb(&mut |i| u64::from(i == n - 1)),
        ]
    }

    fn words(limb: &Limb) -> Vec<u64> {
        (0..limb.len()).map(|i| limb.get(i)).collect()
    }

    #[test]
    fn equals_the_portable_transform() {
        for degree in (6..=16).map(|log| 1 << log) {
            for prime in primes(degree) {
                let (q, inverse) = (prime.value(), prime.degree_inverse());
                let portable = Transform::portable(&prime).unwrap();
                for input in inputs(&prime) {
                    let (mut fast, mut expected) = (input.clone(), input.clone());
                    prime.forward_ntt(&mut fast);
                    portable.forward(&mut expected);
                    assert_eq!(words(&fast), words(&expected), "forward, {prime:?}");

                    let (mut fast, mut expected) = (input.clone(), input.clone());
                    prime.inverse_ntt_unscaled(&mut fast);
                    portable.inverse_unscaled(&mut expected);
                    assert_eq!(words(&fast), words(&expected), "inverse, {prime:?}");

                    let factor = q / 3 + 1;
                    prime.inverse_ntt_scaled(&input, &mut fast, factor);
                    let scale = mul_mod(factor, inverse, q);
                    let mut copy = Limb::stale(&prime);
                    portable.inverse_scaled(&prime, &input, &mut copy, scale);
                    assert_eq!(words(&fast), words(&copy), "scaled, {prime:?}");
                    for i in [0, 1, degree - 1] {
                        assert_eq!(fast.get(i), mul_mod(expected.get(i), scale, q));
                    }
                }
            }
        }
    }

    /// Through a workspace, as narrow words go, and in place, as wide words go.
    fn twin<W: Word>(prime: &Prime, tables: &Tables<W>) {
        let scale = prime.degree_inverse();
        for input in inputs(prime) {
            let mut expected = input.clone();
            prime.forward_ntt(&mut expected);
            let expected = words(&expected);
            let mut values = W::of(&input).to_vec();
            let mut work = vec![7; values.len()];
            if W::NARROW {
                forward::forward_body(Portable, tables, Some(&mut values), &mut work);
                assert!(values.iter().zip(&expected).all(|(&a, &b)| a.into() == b));
                assert!(work.iter().all(|&w| w == 0), "a workspace keeps no secrets");

                inverse::lower_layers_body(Portable, tables, Some(&values), &mut work);
                inverse::top_layers_body(Portable, tables, scale, &mut work, Some(&mut values));
                assert!(values.iter().zip(words(&input)).all(|(&a, b)| a.into() == b));
                assert!(work.iter().all(|&w| w == 0), "a workspace keeps no secrets");
            } else {
                work = words(&input);
                forward::forward_body(Portable, tables, None, &mut work);
                assert_eq!(work, expected);

                inverse::lower_layers_body(Portable, tables, None, &mut work);
                inverse::top_layers_body(Portable, tables, scale, &mut work, None);
                assert_eq!(work, words(&input));
            }
        }
    }

    #[test]
    fn the_vectorised_transform_runs_on_plain_integers_alike() {
        for degree in [64, 128, 256, 512, 1024, 2048] {
            for prime in primes(degree) {
                let portable = Transform::portable(&prime).unwrap();
                match portable.vectorised(&prime) {
                    Vector::Narrow(tables) => twin(&prime, &tables),
                    Vector::Wide(tables) => twin(&prime, &tables),
                }
            }
        }
    }
}
