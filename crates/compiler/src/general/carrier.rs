//! What carries a network's values: a chain that is long enough for all of it, or bootstraps.

use std::collections::BTreeSet;
use std::sync::Arc;

use blindsight_ckks::keys::{KeyError, KeyKind, Special};
use blindsight_ckks::parameters::Parameters;
use blindsight_ckks_eval::bootstrap::BootstrapLiteral;
use blindsight_ckks_eval::{BootstrapParameters, KeyUses};
use blindsight_ring::GaloisElement;

use super::graded::Graded;
use super::layout::Parts;
use super::ring::Ring;

/// Slots of the bootstrapped ring.
pub(super) const BOOTSTRAPPED_SLOTS: usize = 1 << 14;

/// Most ciphertexts of one value: more would take minutes to bootstrap.
pub(super) const MOST_PARTS: usize = 64;

/// The same without bootstraps: of more a larger ring has fewer.
const MOST_GRADED_PARTS: usize = 4;

/// A ring, and how it carries a network's values.
#[derive(Clone, Debug)]
pub(super) enum Carrier {
    /// Each linear layer and each activation takes levels of the chain.
    Leveled(Ring),
    /// All activations are squares, and each linear layer with the square before it takes a level
    /// of its own size.
    Graded(Graded),
    /// Each activation is a bootstrap.
    Bootstrapped(Box<BootstrapParameters>),
}

/// The levels that a linear layer takes.
#[derive(Clone, Copy, Debug)]
pub(super) struct LinearLevels {
    /// Of what is read.
    pub(super) level: usize,
    /// The primes that it drops.
    pub(super) rescales: usize,
    /// Their product.
    pub(super) dropped: f64,
    pub(super) special: Special,
    /// The scale of the result.
    pub(super) scale: f64,
    /// Whether what is left to do on a sum is done before primes are dropped: there its noise is
    /// out of sight.
    pub(super) late: bool,
}

impl LinearLevels {
    /// The same with the result not yet rescaled.
    pub(super) fn unrescaled(self) -> Self {
        Self { rescales: 0, dropped: 1.0, scale: self.scale * self.dropped, ..self }
    }
}

impl Carrier {
    pub(super) fn set(&self) -> &Arc<Parameters> {
        match self {
            Self::Leveled(ring) => &ring.set,
            Self::Graded(graded) => graded.set(),
            Self::Bootstrapped(bootstrap) => bootstrap.set(),
        }
    }

    pub(super) fn bootstrap(&self) -> Option<&BootstrapParameters> {
        match self {
            Self::Leveled(_) | Self::Graded(_) => None,
            Self::Bootstrapped(bootstrap) => Some(bootstrap),
        }
    }

    pub(super) fn literal(&self) -> Option<BootstrapLiteral> {
        self.bootstrap().map(|bootstrap| bootstrap.literal().clone())
    }

    /// The scale of requests, and of what activations give that are no squares.
    pub(super) fn scale(&self) -> f64 {
        match self {
            Self::Leveled(ring) => ring.scale,
            Self::Graded(graded) => graded.request_scale(),
            Self::Bootstrapped(bootstrap) => bootstrap.linear_scale(),
        }
    }

    /// The level of requests.
    pub(super) fn request_level(&self) -> usize {
        match self {
            Self::Leveled(_) | Self::Graded(_) => self.set().top_level(),
            Self::Bootstrapped(bootstrap) => bootstrap.levels().linear,
        }
    }

    /// The levels of a linear layer that reads values at this level or above.
    pub(super) fn linear(&self, level: usize) -> Result<LinearLevels, KeyError> {
        let (rescales, special, scale) = match self {
            Self::Leveled(ring) => (1, ring.set.all_special(), ring.scale),
            Self::Graded(graded) => {
                let rescales = usize::from(level > 1);
                (rescales, graded.set().all_special(), graded.scale(level))
            }
            Self::Bootstrapped(bootstrap) => {
                let rescales = level - bootstrap.levels().slots_to_coefficients;
                (rescales, bootstrap.key_levels().at(level)?.special, bootstrap.linear_scale())
            }
        };
        let dropped = (level - rescales + 1..=level).map(|level| self.set().prime(level));
        let (dropped, late) = (dropped.product(), matches!(self, Self::Graded(_)));
        Ok(LinearLevels { level, rescales, dropped, special, scale, late })
    }

    /// The primes that a square is divided by.
    pub(super) fn rescales_of_squares(&self) -> usize {
        match self {
            // What reads the square is rescaled, and has its weights beside it.
            Self::Graded(_) => 0,
            Self::Leveled(_) | Self::Bootstrapped(_) => 1,
        }
    }

    /// Powers of two by which bootstraps rotate: their keys serve rotations after a linear layer.
    pub(super) fn rotations_of_bootstraps(&self) -> Result<BTreeSet<i64>, KeyError> {
        let Some(bootstrap) = self.bootstrap() else { return Ok(BTreeSet::new()) };
        let mut uses = KeyUses::default();
        bootstrap.add_uses(&mut uses)?;
        let (set, level) = (bootstrap.set(), bootstrap.levels().slots_to_coefficients);
        let powers = (0..set.slots().ilog2()).map(|k| 1_i64 << k);
        let rotation = |steps: i64| GaloisElement::rotation(steps, set.degree());
        let has_key = |steps: &i64| uses.serves(KeyKind::Automorphism(rotation(*steps)), level);
        Ok(powers.filter(has_key).collect())
    }

    /// The ciphertexts that a feature map may lie in, which a pool may read whose windows have so
    /// many rows of their own.
    pub(super) fn parts(&self, window: Option<usize>) -> Vec<Parts> {
        let (most, interleaved) = match self {
            Self::Leveled(_) => (1, false),
            Self::Graded(_) => (MOST_GRADED_PARTS, false),
            Self::Bootstrapped(_) => (MOST_PARTS, true),
        };
        let dealt = window.filter(|_| matches!(self, Self::Graded(_)));
        let phases = [1].into_iter().chain(dealt).filter(|phases| *phases <= most);
        phases.map(|phases| Parts { most, interleaved, phases }).collect()
    }
}
