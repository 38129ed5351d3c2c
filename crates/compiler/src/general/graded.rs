//! Chains for networks of squares: each linear layer takes one prime, as large as its weights and
//! its result ask for.
//!
//! A square leaves a value at the square of its scale, with the noise of that scale: far more
//! precise than it need be. So it is not rescaled. The linear layer that reads it multiplies its
//! weights in, sums up, and divides by one prime what is `T^2 W / T' = q`: the scale `T` of what was
//! squared, `W` of the weights and `T'` of the result decide the size of that prime. Scales that are
//! as small as the scores allow ([`Budget`](super::budget::Budget)) make it 30 to 40 bits for a
//! layer with its square. (Rescaling late is known from EVA, Dathathri et al. 2020, and waterline
//! rescaling from HECATE, Lee et al. 2022.)

use std::sync::Arc;

use blindsight_ckks::keys::KeyLayout;
use blindsight_ckks::parameters::{Literal, ParameterError, Parameters};
use blindsight_ckks::security;

use super::emit::answer::ANSWER_SHARE;
use super::ring::{PRIME_SLACK, Primes};

/// A ring whose levels have primes and scales of their own.
#[derive(Clone, Debug)]
pub(super) struct Graded {
    set: Arc<Parameters>,
    request_scale: f64,
    /// The scales of the results of linear layers, by the level that they read, lowest first.
    scales: Vec<f64>,
    /// The level that the last layer reads: 1 where it drops no prime.
    lowest: usize,
}

/// `log2` of the scales of a program, from the request on.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Scales {
    pub(super) request: f64,
    /// Those of the linear layers, first things first; of several side by side the largest.
    pub(super) layers: Vec<Layer>,
}

/// `log2` of the scales of a linear layer.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct Layer {
    pub(super) weights: f64,
    pub(super) result: f64,
}

/// `log2` of the largest prime that is asked for: they are below `2^50`.
const LARGEST_BITS: f64 = 49.9;

/// Special primes that are tried: so many of so many bits.
const SPECIALS: [(std::ops::RangeInclusive<usize>, std::ops::RangeInclusive<u32>); 2] =
    [(1..=4, 32..=49), (1..=8, 28..=31)];

/// The special primes of a ring.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Special {
    count: usize,
    bits: u32,
}

impl Graded {
    /// The ring of this degree with these scales whose keys are smallest; `None` when none is
    /// secure.
    pub(super) fn new(log_degree: u32, scales: &Scales) -> Result<Option<Self>, ParameterError> {
        Self::with_answer(log_degree, scales, &[true, false])
    }

    /// A ring in which nothing is precise: enough to see what a program does to noise. Every layer
    /// drops a prime.
    pub(super) fn trial(log_degree: u32, layers: usize) -> Result<Option<Self>, ParameterError> {
        let layers = vec![Layer { weights: 1.0, result: 1.0 }; layers];
        Self::with_answer(log_degree, &Scales { request: 1.0, layers }, &[true])
    }

    /// With the prime of the answer apart from that of the last layer, or as one.
    fn with_answer(
        log_degree: u32,
        scales: &Scales,
        apart: &[bool],
    ) -> Result<Option<Self>, ParameterError> {
        let smallest = Primes::new(log_degree).smallest_bits();
        let scales = scales.with_primes_from(smallest);
        let sizes = apart.iter().filter_map(|apart| scales.primes(*apart));
        let choices = sizes.filter_map(|sizes| {
            let (cost, special) = Special::cheapest(log_degree, &sizes)?;
            Some((cost, sizes, special))
        });
        let best = choices.min_by(|(x, ..), (y, ..)| x.total_cmp(y));
        let Some((_, sizes, special)) = best else { return Ok(None) };
        let Some(literal) = literal(log_degree, &sizes, special) else { return Ok(None) };
        let set = Arc::new(Parameters::new(literal)?);
        let answer = set.prime(1) * ANSWER_SHARE;
        let before = scales.layers.iter().rev().skip(1).map(|layer| layer.result.exp2());
        let lowest = 1 + set.top_level() - scales.layers.len();
        let results = [answer].into_iter().chain(before).collect();
        Ok(Some(Self { set, request_scale: scales.request.exp2(), scales: results, lowest }))
    }

    /// Whether there may be one with so many linear layers.
    pub(super) fn exists(log_degree: u32, layers: usize) -> bool {
        let bits = Primes::new(log_degree).smallest_bits() * (layers + 1) as f64;
        bits <= security::ternary_limit(log_degree)
    }

    pub(super) fn set(&self) -> &Arc<Parameters> {
        &self.set
    }

    pub(super) fn request_scale(&self) -> f64 {
        self.request_scale
    }

    /// The scale of the results of linear layers that read this level.
    pub(super) fn scale(&self, read: usize) -> f64 {
        let place = read.saturating_sub(self.lowest).min(self.scales.len() - 1);
        self.scales[place]
    }
}

impl Scales {
    /// Scales that ask for primes of so many bits or more.
    fn with_primes_from(&self, smallest: f64) -> Self {
        let mut scales = self.clone();
        let mut read = scales.request;
        for index in 0..scales.layers.len() {
            let Layer { weights, result } = scales.layers[index];
            let lacking = (smallest - (read + weights - result)).max(0.0);
            match index {
                // Both are of use.
                0 => {
                    scales.request += lacking / 2.0;
                    scales.layers[0].weights += lacking / 2.0;
                }
                _ => scales.layers[index].weights += lacking,
            }
            read = 2.0 * result;
        }
        scales
    }

    /// `log2` of the primes of the chain, bottom first: with the answer's apart from that of the
    /// last layer, or as one. `None` where one is too large.
    fn primes(&self, apart: bool) -> Option<Vec<f64>> {
        let mut primes = Vec::new();
        let mut read = self.request;
        for layer in &self.layers {
            primes.push(read + layer.weights - layer.result);
            read = 2.0 * layer.result;
        }
        let answer = self.layers.last()?.result - ANSWER_SHARE.log2();
        match apart {
            true => primes.push(answer),
            false => *primes.last_mut()? += answer,
        }
        primes.reverse();
        primes.iter().all(|bits| *bits <= LARGEST_BITS).then_some(primes)
    }
}

impl Special {
    /// The special primes that make the smallest keys under a chain, with the bits of a coefficient
    /// of a key at the top, over all digits.
    fn cheapest(log_degree: u32, chain: &[f64]) -> Option<(f64, Self)> {
        let chain: Vec<f64> = chain.iter().map(|bits| bits + PRIME_SLACK).collect();
        let most = security::ternary_limit(log_degree);
        let all = SPECIALS.into_iter().flat_map(|(counts, sizes)| {
            counts.flat_map(move |count| sizes.clone().map(move |bits| Self { count, bits }))
        });
        let costs = all.filter_map(|special| {
            let own = special.count as f64 * f64::from(special.bits);
            let modulus = chain.iter().sum::<f64>() + own;
            let room = own - PRIME_SLACK - KeyLayout::MARGIN_BITS;
            let digits = digits(&chain, room).filter(|_| modulus <= most)?;
            Some((digits as f64 * modulus, special))
        });
        costs.min_by(|(x, _), (y, _)| x.total_cmp(y))
    }
}

/// The digits of a key under this chain, as [`KeyLayout::packed`] fills them; `None` when a limb is
/// too large for its special primes, or the digits are too many.
fn digits(chain: &[f64], room: f64) -> Option<usize> {
    let (mut digits, mut filled) = (1, 0.0);
    for &bits in chain {
        if bits > room {
            return None;
        }
        if filled + bits > room {
            (digits, filled) = (digits + 1, 0.0);
        }
        filled += bits;
    }
    (digits <= KeyLayout::MOST_DIGITS).then_some(digits)
}

/// The primes, or `None` if there are not enough of a size.
fn literal(log_degree: u32, chain: &[f64], special: Special) -> Option<Literal> {
    let mut primes = Primes::new(log_degree);
    let specials = (0..special.count).map(|_| primes.below(1 << special.bits));
    let specials: Vec<u64> = specials.collect::<Option<_>>()?;
    // No smaller than asked for: weights are the more precise.
    let chain = chain.iter().map(|bits| primes.above(bits.exp2() as u64));
    let chain = chain.collect::<Option<_>>()?;
    let (wide_special, narrow_special) =
        if special.bits > 31 { (specials, Vec::new()) } else { (Vec::new(), specials) };
    Some(Literal { log_degree, chain, wide_special, narrow_special, sparse_weight: None })
}
