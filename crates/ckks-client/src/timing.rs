//! Whether something takes the same time for two kinds of secrets: Welch's t-test on measurements
//! in turns, after Reparaz, Balasch and Verbauwhede, "Dude, is my code constant time?" (ePrint
//! 2016/1123).
//!
//! The test finds differences of means. A machine with other work is no obstacle, because both
//! kinds suffer alike: which one comes next is drawn anew for every measurement, and slow ones are
//! cropped at several percentiles of both kinds together. It cannot show that there is no
//! difference, only that there is none as large as [`Verdict::visible`].

mod tests;

use std::hint::black_box;
use std::time::Instant;

use crate::sampling::SecretRng;

/// Above this, means differ: by chance one measurement in 150,000 gets there.
const LARGEST_T: f64 = 4.5;

/// A difference must be found as often as this before it counts: a machine that does something
/// else just then can make one.
const TRIES: usize = 3;

/// Shares of the fastest measurements that are looked at; slow ones are interruptions.
const SHARES: [f64; 5] = [0.5, 0.7, 0.85, 0.95, 1.0];

/// What came of a comparison.
#[derive(Debug, Clone, Copy)]
struct Verdict {
    /// The largest |t| of all shares.
    t: f64,
    /// The smallest relative difference of means that would have been found, in the best share.
    visible: f64,
}

impl Verdict {
    fn leaks(&self) -> bool {
        self.t >= LARGEST_T
    }
}

/// Measures `work` on inputs of either kind, `count` times of each about. Inputs are prepared
/// outside of what is measured, and every time anew, lest one kind lie in a better place.
fn compare<I, O>(
    count: usize,
    mut prepare: impl FnMut(bool) -> I,
    mut work: impl FnMut(&mut I) -> O,
) -> Verdict {
    let mut coins = SecretRng::from_key(&[0x71; 32]);
    let mut times: [Vec<f64>; 2] = [vec![], vec![]];
    for turn in 0..2 * count + 16 {
        let second = coins.next_u64() >> 63 == 1;
        let mut input = prepare(second);
        let start = Instant::now();
        let output = black_box(work(black_box(&mut input)));
        let seconds = start.elapsed().as_secs_f64();
        drop(output);
        // The first ones warm caches up.
        if turn >= 16 {
            times[usize::from(second)].push(seconds);
        }
    }
    judge(&times)
}

/// Compares up to [`TRIES`] times: the last verdict, which leaks only if all did.
fn compare_again<I, O>(
    count: usize,
    mut prepare: impl FnMut(bool) -> I,
    mut work: impl FnMut(&mut I) -> O,
) -> Verdict {
    let mut verdict = compare(count, &mut prepare, &mut work);
    for _ in 1..TRIES {
        if !verdict.leaks() {
            break;
        }
        verdict = compare(count, &mut prepare, &mut work);
    }
    verdict
}

fn judge(times: &[Vec<f64>; 2]) -> Verdict {
    let mut pooled = times.concat();
    pooled.sort_unstable_by(f64::total_cmp);
    let mut verdict = Verdict { t: 0.0, visible: f64::INFINITY };
    for share in SHARES {
        let last = ((pooled.len() as f64 * share) as usize).clamp(1, pooled.len()) - 1;
        let most = pooled[last];
        let cropped = times.each_ref().map(|kind| Moments::of(kind.iter().filter(|t| **t <= most)));
        let [a, b] = &cropped;
        let error = (a.variance / a.count + b.variance / b.count).sqrt();
        // Fewer than two of a kind: the kinds do not even overlap.
        let apart = a.count < 2.0 || b.count < 2.0;
        let t = if apart { f64::INFINITY } else { welch(a, b) };
        verdict.t = verdict.t.max(t);
        verdict.visible = verdict.visible.min(LARGEST_T * error / a.mean);
    }
    verdict
}

/// The difference of means in standard errors.
fn welch(a: &Moments, b: &Moments) -> f64 {
    let difference = (a.mean - b.mean).abs();
    // Clocks are coarse: all may be equal.
    if difference == 0.0 {
        0.0
    } else {
        difference / (a.variance / a.count + b.variance / b.count).sqrt()
    }
}

struct Moments {
    count: f64,
    mean: f64,
    variance: f64,
}

impl Moments {
    fn of<'a>(samples: impl Iterator<Item = &'a f64> + Clone) -> Self {
        let count = samples.clone().count() as f64;
        let mean = samples.clone().sum::<f64>() / count;
        let squares: f64 = samples.map(|x| (x - mean).powi(2)).sum();
        Self { count, mean, variance: squares / (count - 1.0) }
    }
}
