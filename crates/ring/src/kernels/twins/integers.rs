//! Sums with integer weights and squares of several parts.

use super::super::integers::{integer_sums_body, square_parts_body};
use super::*;

/// A prime of 46 bits: with weights of six, the largest that a product takes.
const WIDE: u64 = 70_368_744_168_193;

fn sums_agree<W: Word>(prime: &Prime, bits: u32, inputs: usize, sums: usize) {
    let limit = (1_i64 << (bits - 1)) - 1;
    // The extremes among them, and rows that are extreme throughout.
    let weight = |sum: usize, input: usize| match sum {
        0 => limit,
        1 => -limit,
        _ => {
            (input as i64 * 7 + sum as i64 * 13) % (limit + 1)
                * if input.is_multiple_of(3) { -1 } else { 1 }
        }
    };
    let weights = IntegerWeights::new(sums, inputs, bits, weight);
    let largest = [W::truncate(prime.value() - 1); DEGREE];
    let random: Vec<Vec<W>> = (0..inputs).map(|i| residues(prime, 7 + i as u64)).collect();
    let given: Vec<&[W]> =
        (0..inputs).map(|i| if i % 2 == 0 { &largest[..] } else { &random[i][..] }).collect();
    let run = |fast: bool| {
        let mut outs = vec![residues::<W>(prime, 3); sums];
        let mut places: Vec<&mut [W]> = outs.iter_mut().map(Vec::as_mut_slice).collect();
        if fast {
            integer_sums(prime, &given, &weights, &mut places);
        } else {
            integer_sums_body(Portable, prime, &given, &weights, &mut places);
        }
        outs
    };
    let (fast, slow) = (run(true), run(false));
    for sum in 0..sums {
        assert_eq!(words(&fast[sum]), words(&slow[sum]), "{prime:?}, {inputs} inputs, sum {sum}");
        for i in 0..DEGREE {
            let term = |t: usize| i128::from(weight(sum, t)) * i128::from(given[t][i].into());
            let expected = prime.reduce((0..inputs).map(term).sum());
            assert_eq!(fast[sum][i].into(), expected, "{prime:?}, {inputs} inputs, sum {sum}");
        }
    }
}

#[test]
fn integer_sum_twins_agree() {
    let wide = Prime::new(WIDE, DEGREE).unwrap();
    for (inputs, sums) in [(1, 2), (5, 8), (25, 9), (784, 3), (1025, 2), (2049, 11)] {
        sums_agree::<u64>(&wide, 6, inputs, sums);
    }
    let narrow = Prime::new(PRIMES[2], DEGREE).unwrap();
    for bits in [2, 6, 9] {
        sums_agree::<u32>(&narrow, bits, 40, 10);
    }
}

#[test]
fn square_twins_agree() {
    for_each_prime!(prime, W => {
        for count in [1, 2, 3, 5, MOST_PARTS] {
            let parts: Vec<Vec<W>> = (0..count).map(|k| residues(prime, 11 + k as u64)).collect();
            let given: Vec<&[W]> = parts.iter().map(Vec::as_slice).collect();
            let run = |fast: bool| {
                let mut outs = vec![residues::<W>(prime, 5); 2 * count - 1];
                let mut places: Vec<&mut [W]> = outs.iter_mut().map(Vec::as_mut_slice).collect();
                if fast {
                    square_parts(prime, radix(prime), &given, &mut places);
                } else {
                    square_parts_body(Portable, prime, radix(prime), &given, &mut places);
                }
                outs
            };
            let (fast, slow) = (run(true), run(false));
            let q = prime.value();
            for (k, (fast, slow)) in fast.iter().zip(&slow).enumerate() {
                assert_eq!(words(fast), words(slow), "{prime:?}, {count} parts");
                for i in 0..DEGREE {
                    let pairs = (0..=k).filter(|&j| j < count && k - j < count);
                    let product = |j: usize| mul_mod(parts[j][i] as u64, parts[k - j][i] as u64, q);
                    let expected = pairs.map(product).fold(0, |sum, x| (sum + x) % q);
                    assert_eq!(fast[i] as u64, expected, "{prime:?}, {count} parts");
                }
            }
        }
    });
}
