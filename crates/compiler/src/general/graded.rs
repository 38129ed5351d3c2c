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
use blindsight_ring::MAX_PRIME_BITS;

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
        let chains = apart.iter().filter_map(|apart| scales.primes(log_degree, *apart));
        let choices = chains.filter_map(|chain| {
            let (cost, special) = Special::cheapest(log_degree, &chain)?;
            Some((cost, chain, special))
        });
        let best = choices.min_by(|(x, ..), (y, ..)| x.total_cmp(y));
        let Some((_, chain, special)) = best else { return Ok(None) };
        let Some(literal) = literal(log_degree, chain, special) else { return Ok(None) };
        let set = Arc::new(Parameters::new(literal)?);
        let answer = set.prime(1) * ANSWER_SHARE;
        let before = scales.layers.iter().rev().skip(1).map(|layer| layer.result.exp2());
        let lowest = 1 + set.top_level() - scales.layers.len();
        let results = [answer].into_iter().chain(before).collect();
        Ok(Some(Self { set, request_scale: scales.request.exp2(), scales: results, lowest }))
    }

    /// Whether there may be one with so many linear layers.
    pub(super) fn exists(log_degree: u32, layers: usize) -> bool {
        smallest_bits(log_degree) * (layers + 1) as f64 <= security::ternary_limit(log_degree)
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
    /// The primes of the chain, bottom first: with the answer's apart from that of the last layer,
    /// or as one. Each is as large as fits a whole number of bits, which is what it takes in a
    /// request; the scales of weights make up for the difference. `None` where one is too large.
    fn primes(&self, log_degree: u32, apart: bool) -> Option<Vec<u64>> {
        let mut sizes = Vec::new();
        let mut read = self.request;
        for layer in &self.layers {
            sizes.push(read + layer.weights - layer.result);
            read = 2.0 * layer.result;
        }
        let answer = self.layers.last()?.result - ANSWER_SHARE.log2();
        match apart {
            true => sizes.push(answer),
            false => *sizes.last_mut()? += answer,
        }
        let mut primes = Primes::new(log_degree);
        let prime = |bits: &f64| {
            let least = bits.round().max(0.0) as u32;
            (least.max(log_degree)..=MAX_PRIME_BITS).find_map(|bits| primes.of_bits(bits))
        };
        sizes.iter().rev().map(prime).collect()
    }
}

/// `log2` of the prime that is taken where none is too small.
pub(super) fn smallest_bits(log_degree: u32) -> f64 {
    let mut primes = Primes::new(log_degree);
    let prime = (log_degree..=MAX_PRIME_BITS).find_map(|bits| primes.of_bits(bits));
    prime.map_or(f64::INFINITY, |prime| (prime as f64).log2())
}

impl Special {
    /// The special primes that make the smallest keys under a chain, with the bits of a coefficient
    /// of a key at the top, over all digits.
    fn cheapest(log_degree: u32, chain: &[u64]) -> Option<(f64, Self)> {
        let chain: Vec<f64> = chain.iter().map(|prime| (*prime as f64).log2()).collect();
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
fn literal(log_degree: u32, chain: Vec<u64>, special: Special) -> Option<Literal> {
    // Those of the chain are taken.
    let mut primes = Primes::besides(log_degree, chain.clone());
    let specials = (0..special.count).map(|_| primes.of_bits(special.bits));
    let specials: Vec<u64> = specials.collect::<Option<_>>()?;
    let (wide_special, narrow_special) =
        if special.bits > 31 { (specials, Vec::new()) } else { (Vec::new(), specials) };
    Some(Literal { log_degree, chain, wide_special, narrow_special, sparse_weight: None })
}

#[cfg(test)]
mod tests {
    use blindsight_ckks::keys::{KeyKind, KeyList, KeySpec};
    use blindsight_ckks::wire::KeySetManifest;

    use super::*;

    fn scales(bits: f64, layers: usize) -> Scales {
        let layer = Layer { weights: bits - 3.0, result: bits };
        Scales { request: bits + 4.0, layers: vec![layer; layers] }
    }

    #[test]
    fn rings_are_secure_and_have_primes_of_the_sizes_asked_for() {
        for (log_degree, bits, layers, most) in [(12, 16.0, 2, 200_000), (13, 17.0, 5, 1_500_000)] {
            let ring = Graded::new(log_degree, &scales(bits, layers)).unwrap().unwrap();
            let set = ring.set();
            // The largest key there is passes the door that checks security.
            let layout = KeyLayout::packed(set, set.top_level()).unwrap();
            let key = KeySpec::new(set, KeyKind::Relinearisation, layout).unwrap();
            let list = KeyList::new(vec![key]).unwrap();
            let bytes = KeySetManifest::new(set, &list).total_byte_len();
            assert!(bytes <= most, "{log_degree}: {bytes}");
            assert_eq!(ring.request_scale(), (bits + 4.0).exp2());
            let top = set.top_level();
            assert_eq!(ring.scale(top), bits.exp2());
            assert!((set.prime(top).log2() - bits - 1.0).abs() < 1.5);
            for level in ring.lowest + 1..top {
                let size = set.prime(level).log2();
                assert!((size - (2.0 * bits - 3.0)).abs() < 0.6, "{size} bits at level {level}");
            }
            assert_eq!(ring.scale(ring.lowest), set.prime(1) * ANSWER_SHARE);
        }
    }

    #[test]
    fn what_does_not_fit_has_no_ring() {
        assert!(Graded::new(12, &scales(17.0, 4)).unwrap().is_none());
        assert!(Graded::new(15, &scales(30.0, 2)).unwrap().is_none(), "primes of 57 bits");
        assert!(!Graded::exists(12, 9) && Graded::exists(13, 9));
        assert!(Graded::trial(12, 9).unwrap().is_none());
        let trial = Graded::trial(13, 5).unwrap().unwrap();
        assert_eq!((trial.set().top_level(), trial.lowest), (6, 2));
    }
}
