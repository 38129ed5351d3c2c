//! A parameter set as plain data.

use super::Levels;

/// Everything that is chosen about a parameter set; [`super::Parameters::new`] checks it.
#[derive(Debug, Clone, PartialEq)]
pub struct Literal {
    /// A name for people.
    pub name: &'static str,
    /// `log2` of the ring degree.
    pub log_degree: u32,
    /// The modulus chain by use.
    pub chain: Chain,
    /// Special primes near `2^50`, for keys at the top.
    pub wide_special: Vec<u64>,
    /// Special primes below `2^31`, for keys at the bottom; the first also completes the top set.
    pub narrow_special: Vec<u64>,
    /// The scale of a ciphertext that leaves coefficients-to-slots.
    pub top_scale: f64,
    /// The Hamming weight of the ephemeral secret under which the modulus is raised.
    pub sparse_weight: usize,
    /// The bound `K` on the integer part after raising the modulus.
    pub integer_bound: u32,
    /// The part of the circle that a value at the end of its range fills: `t = fill * x / B`.
    pub fill: f64,
    /// `log2` of a bound on the probability that one bootstrap leaves `integer_bound`.
    pub declared_log2_failure: f64,
}

/// The primes of the chain, grouped by the step that consumes them; within a group, bottom first.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Chain {
    /// The modulus from which a ciphertext is raised.
    pub base: u64,
    /// One prime for each group of slots-to-coefficients.
    pub slots_to_coefficients: [u64; 2],
    /// Consumed together by a linear layer: border masks and weights share one rescale.
    pub linear: [u64; 2],
    /// The activation polynomial: four levels reach degree 15, five reach degree 31.
    pub activation: Vec<u64>,
    /// The squarings that take `exp(2 pi i y / 4)` to `exp(2 pi i y)`.
    pub squarings: [u64; 2],
    /// The Chebyshev polynomial of degree 31.
    pub chebyshev: [u64; 5],
    /// One prime for each group of coefficients-to-slots.
    pub coefficients_to_slots: [u64; 3],
}

impl Literal {
    /// The ring degree `N`.
    #[must_use]
    pub fn degree(&self) -> usize {
        1 << self.log_degree
    }

    /// A text of all numbers that both sides must agree on: what the fingerprint hashes.
    pub(super) fn canonical_text(&self) -> String {
        format!(
            "blindsight v1 N=2^{} q={:?} p={:?} r={:?} s={} h={} K={} a={}",
            self.log_degree,
            self.chain.primes(),
            self.wide_special,
            self.narrow_special,
            self.top_scale,
            self.sparse_weight,
            self.integer_bound,
            self.fill,
        )
    }
}

impl Chain {
    /// All primes, bottom first.
    #[must_use]
    pub fn primes(&self) -> Vec<u64> {
        let groups: [&[u64]; 7] = [
            &[self.base],
            &self.slots_to_coefficients,
            &self.linear,
            &self.activation,
            &self.squarings,
            &self.chebyshev,
            &self.coefficients_to_slots,
        ];
        groups.concat()
    }

    pub(super) fn levels(&self) -> Levels {
        let base = 1;
        let slots_to_coefficients = base + self.slots_to_coefficients.len();
        let linear = slots_to_coefficients + self.linear.len();
        let activation = linear + self.activation.len();
        let squarings = activation + self.squarings.len();
        let chebyshev = squarings + self.chebyshev.len();
        let top = chebyshev + self.coefficients_to_slots.len();
        Levels { base, slots_to_coefficients, linear, activation, squarings, chebyshev, top }
    }
}
