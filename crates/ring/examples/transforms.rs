//! How long the transforms take: one thread, every degree, a narrow and a wide prime.
//!
//! `cargo run --release -p blindsight-ring --example transforms`, with `--features portable` for
//! what machines without AVX-512 IFMA run. The tables and the limb stay in cache, so this is the
//! arithmetic and not the memory; each figure is the fastest of many rounds.

use std::time::Instant;

use blindsight_ring::arith::is_prime;
use blindsight_ring::{Limb, Prime};

fn main() {
    println!(
        "{:>6} {:>5} {:>14} {:>14} {:>14}",
        "degree", "bits", "forward", "inverse", "butterfly"
    );
    for log_degree in 10..=16 {
        // The narrow words, the wide words with room for lazy sums, the wide words without.
        for bits in [31, 42, 50] {
            measure(1 << log_degree, bits);
        }
    }
}

fn measure(degree: usize, bits: u32) {
    let step = 2 * degree as u64;
    let top = (1_u64 << bits) / step;
    let value = (1..top).rev().map(|k| k * step + 1).find(|&q| is_prime(q));
    let prime = Prime::new(value.expect("there are such primes of every size"), degree)
        .expect("it is a prime of the right form");
    let mut limb = Limb::zero(&prime);
    limb.fill_with(|i| (i as u64).wrapping_mul(0x9e37_79b9_7f4a_7c15) % prime.value());
    let mut image = limb.clone();
    let forward = fastest(degree, || prime.forward_ntt(&mut limb));
    let inverse = fastest(degree, || prime.inverse_ntt_scaled(&limb, &mut image, 1));
    let butterflies = degree as f64 / 2.0 * f64::from(degree.trailing_zeros());
    println!(
        "{degree:>6} {bits:>5} {:>11.2} us {:>11.2} us {:>11.3} ns",
        forward * 1e6,
        inverse * 1e6,
        forward * 1e9 / butterflies,
    );
}

/// The seconds of one call in the fastest round.
fn fastest(degree: usize, mut call: impl FnMut()) -> f64 {
    let calls = (1 << 18) / degree;
    let round = |call: &mut dyn FnMut()| {
        let start = Instant::now();
        (0..calls).for_each(|_| call());
        start.elapsed().as_secs_f64() / calls as f64
    };
    (0..200).map(|_| round(&mut call)).fold(f64::INFINITY, f64::min)
}
