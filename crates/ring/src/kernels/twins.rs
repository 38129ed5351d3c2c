//! Both back ends on the same random and edge inputs must agree, and agree with plain arithmetic.

#![allow(
    clippy::unnecessary_cast,
    clippy::needless_range_loop,
    reason = "one body is compiled for both word widths, and compares several arrays by index"
)]

use std::sync::Arc;

use super::simd::portable::Portable;
use super::*;
use crate::arith::{inv_mod_prime, mul_mod, reduce_signed};
use crate::automorphism::{GaloisElement, Permutation};
use crate::limb::{Limb, Word};
use crate::prime::Prime;

const DEGREE: usize = 128;
const PRIMES: [u64; 5] = [7681, 786_433, 2_147_352_577, 34_359_410_689, 1_125_899_904_679_937];

fn primes() -> Vec<Arc<Prime>> {
    PRIMES.iter().map(|&q| Arc::new(Prime::new(q, DEGREE).unwrap())).collect()
}

/// Residues that begin with the edges 0, 1, q - 1 and go on at random.
fn residues<W: Word>(prime: &Prime, seed: u64) -> Vec<W> {
    let mut state = seed.wrapping_mul(0x9e37_79b9_7f4a_7c15) | 1;
    (0..DEGREE)
        .map(|i| {
            state ^= state << 13;
            state ^= state >> 7;
            state ^= state << 17;
            W::truncate(match (i as u64 + seed) % 9 {
                0 => 0,
                1 => 1,
                2 => prime.value() - 1,
                _ => state % prime.value(),
            })
        })
        .collect()
}

fn words<W: Word>(x: &[W]) -> Vec<u64> {
    x.iter().map(|&w| w.into()).collect()
}

/// Runs one closure per prime in the prime's width.
macro_rules! for_each_prime {
    ($prime:ident, $W:ident => $body:expr) => {
        for prime in primes() {
            let $prime = &*prime;
            crate::for_width!($prime, $W => $body);
        }
    };
}

mod integers;

#[test]
fn pointwise_twins_agree() {
    for_each_prime!(prime, W => {
        let (x, y) = (residues::<W>(prime, 1), residues::<W>(prime, 2));
        let q = prime.value();
        let factor = prime.to_montgomery(q / 3);
        let check = |run: &dyn Fn(&mut Vec<W>, bool), expected: &dyn Fn(u64, u64) -> u64| {
            let (mut fast, mut slow) = (y.clone(), y.clone());
            run(&mut fast, true);
            run(&mut slow, false);
            assert_eq!(words(&fast), words(&slow), "{prime:?}");
            for i in 0..DEGREE {
                assert_eq!(fast[i] as u64, expected(x[i] as u64, y[i] as u64), "{prime:?}");
            }
        };
        check(
            &|o, fast| if fast { add(prime, o, &x) } else { pointwise::add_body(Portable, prime, o, &x) },
            &|x, y| (x + y) % q,
        );
        check(
            &|o, fast| if fast { subtract(prime, o, &x) } else { pointwise::subtract_body(Portable, prime, o, &x) },
            &|x, y| (y + q - x) % q,
        );
        check(
            &|o, fast| if fast { scale(prime, o, &x, factor) } else { pointwise::scale_body(Portable, prime, o, &x, factor) },
            &|x, _| mul_mod(x, q / 3, q),
        );
        check(
            &|o, fast| if fast { scale_in_place(prime, o, factor) } else { pointwise::scale_in_place_body(Portable, prime, o, factor) },
            &|_, y| mul_mod(y, q / 3, q),
        );
        check(
            &|o, fast| if fast { subtract_scaled(prime, o, &x, factor) } else { pointwise::subtract_scaled_body(Portable, prime, o, &x, factor) },
            &|x, y| mul_mod((x + q - y) % q, q / 3, q),
        );
        let montgomery: Vec<W> = y.iter().map(|&w| W::truncate(prime.to_montgomery(w as u64).value())).collect();
        check(
            &|o, fast| if fast { multiply(prime, o, &x, &montgomery) } else { pointwise::multiply_body(Portable, prime, o, &x, &montgomery) },
            &|x, y| mul_mod(x, y, q),
        );
        let halves = [prime.to_montgomery(5), prime.to_montgomery(q - 7)];
        let terms = [(&x[..], halves), (&y[..], [prime.to_montgomery(0), factor])];
        let (mut fast, mut slow) = (x.clone(), x.clone());
        linear_combination(prime, &mut fast, &terms, [3, 4]);
        pointwise::linear_combination_body(Portable, prime, &mut slow, &terms, [3, 4]);
        assert_eq!(words(&fast), words(&slow));
        for i in 0..DEGREE {
            let (a, b) = (x[i] as i128, y[i] as i128);
            let expected = if i < DEGREE / 2 { 5 * a + 3 } else { -7 * a + b * i128::from(q / 3) + 4 };
            assert_eq!(fast[i] as u64, reduce_signed(expected, q));
        }
    });
}

#[test]
fn product_twins_agree() {
    for_each_prime!(prime, W => {
        let q = prime.value();
        let inputs: Vec<Vec<W>> = (0..24).map(|i| residues::<W>(prime, 10 + i)).collect();
        let permutation = Permutation::new(GaloisElement::rotation(5, DEGREE), DEGREE);
        for terms in 1..=MOST_KEY_TERMS {
            let terms: Vec<_> = (0..terms)
                .map(|i| KeyTerm { digit: &inputs[i], b: &inputs[8 + i], a: &inputs[16 + i] })
                .collect();
            let extras = Extras {
                carried: [
                    Some((&inputs[3][..], prime.to_montgomery(q - 2))),
                    Some((&inputs[6][..], prime.to_montgomery(3))),
                ],
                permutation: Some(&permutation),
                addend: Some([&inputs[4][..], &inputs[5][..]]),
            };
            for extras in [Extras::default(), extras] {
                let mut out = vec![vec![W::truncate(0); DEGREE]; 4];
                let [b0, a0, b1, a1] = &mut out[..] else { unreachable!() };
                key_product(prime, &terms, extras, b0, a0);
                products::key_product_body(Portable, prime, &terms, extras, b1, a1);
                assert_eq!((words(b0), words(a0)), (words(b1), words(a1)));
            }
            // Without extras, against plain arithmetic: the key carries the Montgomery factor.
            let (mut b, mut a) = (inputs[0].clone(), inputs[0].clone());
            key_product(prime, &terms, Extras::default(), &mut b, &mut a);
            for i in 0..DEGREE {
                let sum = terms.iter().fold(0, |acc, t| {
                    (acc + mul_mod(t.digit[i] as u64, t.b[i] as u64, q)) % q
                });
                assert_eq!(prime.to_montgomery(b[i] as u64).value(), sum);
            }
        }
        let factor = prime.to_montgomery(prime.to_montgomery(2).value());
        let pairs: Vec<TensorPair<'_, W>> =
            (0..3).map(|i| core::array::from_fn(|k| &inputs[4 * i + k][..])).collect();
        for addend in [None, Some([&inputs[20][..], &inputs[21][..]])] {
            let mut fast = vec![inputs[0].clone(); 3];
            let mut slow = fast.clone();
            let [d0, d1, d2] = &mut fast[..] else { unreachable!() };
            tensor(prime, &pairs, factor, addend, [d0, d1, d2]);
            let [e0, e1, e2] = &mut slow[..] else { unreachable!() };
            products::tensor_body(Portable, prime, &pairs, factor, addend, [e0, e1, e2]);
            assert!(fast.iter().zip(&slow).all(|(a, b)| words(a) == words(b)));
            for i in 0..DEGREE {
                let v = |k: usize| i128::from(inputs[k][i] as u64);
                let mut expected: i128 = (0..3)
                    .map(|p| (v(4 * p) * v(4 * p + 3) % q as i128) + v(4 * p + 1) * v(4 * p + 2) % q as i128)
                    .sum::<i128>() * 2;
                if addend.is_some() {
                    expected += v(21);
                }
                assert_eq!(fast[1][i] as u64, reduce_signed(expected, q));
            }
        }
    });
}

/// The largest sums that there are come out reduced: every factor is `q - 1`.
#[test]
fn the_largest_key_products_are_reduced() {
    for_each_prime!(prime, W => {
        let q = prime.value();
        let most: Vec<W> = vec![W::truncate(q - 1); DEGREE];
        for count in 1..=MOST_KEY_TERMS {
            let terms = vec![KeyTerm { digit: &most[..], b: &most, a: &most }; count];
            // What is q - 1 in Montgomery form.
            let factor = prime.to_montgomery(q - inv_mod_prime((1 << 52) % q, q));
            assert_eq!(factor.value(), q - 1);
            let carried = [Some((&most[..], factor)); 2];
            let extras = Extras { carried, ..Extras::default() };
            let mut out = vec![vec![W::truncate(0); DEGREE]; 4];
            let [b0, a0, b1, a1] = &mut out[..] else { unreachable!() };
            key_product(prime, &terms, extras, b0, a0);
            products::key_product_body(Portable, prime, &terms, extras, b1, a1);
            // (q - 1)^2 = 1 for each term and for what is carried.
            for words in out {
                let montgomery = |x: u64| prime.to_montgomery(x).value();
                let expected = (count as u64 + 1) % q;
                assert!(words.iter().all(|&w| (w as u64) < q && montgomery(w as u64) == expected));
            }
        }
    });
}

#[test]
fn weighted_sum_twins_agree_for_every_run_length() {
    // Several chunks, so that the order of the stream matters.
    let degree = 2048;
    for &q in &PRIMES[1..] {
        let prime = &Prime::new(q, degree).unwrap();
        crate::for_width!(prime, W => {
            let array = |seed: u64, len: usize| -> Vec<W> {
                residues::<W>(prime, seed).into_iter().cycle().skip(seed as usize).take(len).collect()
            };
            let inputs: Vec<Vec<W>> = (0..6).map(|i| array(40 + i, degree)).collect();
            let pairs: Vec<[&[W]; 2]> = inputs.chunks(2).map(|c| [&c[0][..], &c[1][..]]).collect();
            for run in [1, 2, 4, 8, 16, 32] {
                let weights: Vec<Limb> = (0..4)
                    .map(|w| {
                        let words = array(60 + w, degree / run);
                        let mut limb = Limb::stale_with_len(prime, words.len());
                        limb.fill_with(|i| words[i] as u64);
                        limb
                    })
                    .collect();
                let stream = weight_stream(prime, &weights.iter().collect::<Vec<_>>());
                let sums = vec![vec![0, 1, 2], vec![2], vec![]];
                let run_on = |fast: bool| {
                    let mut out = vec![inputs[0].clone(); 6];
                    let mut outs: Vec<[&mut [W]; 2]> = out
                        .chunks_mut(2)
                        .map(|c| { let (a, b) = c.split_at_mut(1); [&mut a[0][..], &mut b[0][..]] })
                        .collect();
                    if fast {
                        weighted_sums(prime, &pairs, &sums, W::of(&stream), &mut outs);
                    } else {
                        weighted::weighted_sums_body(
                            Portable, prime, &pairs, &sums, W::of(&stream), &mut outs,
                        );
                    }
                    out
                };
                let (fast, slow) = (run_on(true), run_on(false));
                assert!(fast.iter().zip(&slow).all(|(a, b)| words(a) == words(b)), "run {run}");
                for i in 0..degree {
                    let expected = (0..3).fold(0, |acc, k| {
                        (acc + mul_mod(inputs[2 * k + 1][i] as u64, weights[k].get(i / run), q)) % q
                    });
                    assert_eq!(prime.to_montgomery(fast[1][i] as u64).value(), expected);
                    assert_eq!(fast[4][i] as u64, 0);
                }
            }
        });
    }
}

#[test]
fn conversion_twins_agree() {
    let narrow: Vec<Vec<u32>> = (0..3).map(|i| residues(&primes()[i], 80 + i as u64)).collect();
    let wide: Vec<Vec<u64>> = (3..5).map(|i| residues(&primes()[i], 80 + i as u64)).collect();
    let inverse = |i: usize| 1.0 / PRIMES[i] as f64;
    let narrow_terms: Vec<_> =
        narrow.iter().enumerate().map(|(i, y)| (&y[..], inverse(i))).collect();
    let wide_terms: Vec<_> =
        wide.iter().enumerate().map(|(i, y)| (&y[..], inverse(3 + i))).collect();
    let (mut fast, mut slow) = (vec![0_u32; DEGREE], vec![1_u32; DEGREE]);
    quotients(&narrow_terms, &wide_terms, &mut fast);
    conversion::quotients_body(Portable, &narrow_terms, &wide_terms, &mut slow);
    assert_eq!(fast, slow);
    assert!(fast.iter().any(|&v| v > 0) && fast.iter().all(|&v| v <= 5));

    let narrow: Vec<&[u32]> = narrow.iter().map(|y| &y[..]).collect();
    let wide: Vec<&[u64]> = wide.iter().map(|y| &y[..]).collect();
    let lifted = Lifted { narrow: &narrow, wide: &wide, quotient: &fast };
    for_each_prime!(prime, W => {
        let weights = Weights {
            narrow: (0..3).map(|i| prime.to_montgomery(i * 77_777 + 5)).collect(),
            wide: (0..2).map(|i| prime.to_montgomery(i * 7_777_777 + 9)).collect(),
            neg_product: prime.to_montgomery(prime.value() - 1),
            source_bits: 50,
        };
        let (mut fast, mut slow) = (residues::<W>(prime, 1), residues::<W>(prime, 2));
        let own = residues::<W>(prime, 3);
        let own_factor = prime.to_montgomery(77);
        let mut without = own.clone();
        convert(prime, lifted, &weights, None, &mut without);
        convert(prime, lifted, &weights, Some((&own, own_factor)), &mut fast);
        conversion::convert_body(
            Portable, prime, lifted, &weights, Some((&own, own_factor)), &mut slow,
        );
        assert_eq!(words(&fast), words(&slow));
        for i in 0..DEGREE {
            let expected = (without[i] as u64 + mul_mod(own[i] as u64, 77, prime.value())) % prime.value();
            assert_eq!(fast[i] as u64, expected);
        }
    });
}
