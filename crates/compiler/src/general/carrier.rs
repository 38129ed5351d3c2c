//! What carries a network's values: a chain that is long enough for all of it, or bootstraps.

use std::collections::BTreeSet;
use std::sync::Arc;

use blindsight_ckks::keys::{KeyError, KeyKind, KeyLayout, Special};
use blindsight_ckks::parameters::Parameters;
use blindsight_ckks_eval::bootstrap::BootstrapLiteral;
use blindsight_ckks_eval::{BootstrapParameters, KeyUses};
use blindsight_ring::GaloisElement;

use super::ring::Ring;
use crate::noise;

/// Slots of the bootstrapped ring.
pub(super) const BOOTSTRAPPED_SLOTS: usize = 1 << 14;

/// Most ciphertexts of one value: more would take minutes to bootstrap.
pub(super) const MOST_PARTS: usize = 64;

/// A ring, and how it carries a network's values.
#[derive(Clone, Debug)]
pub(super) enum Carrier {
    /// Each linear layer and each activation takes levels of the chain.
    Leveled(Ring),
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
    /// Digits of its keys.
    pub(super) digits: usize,
}

impl Carrier {
    pub(super) fn set(&self) -> &Arc<Parameters> {
        match self {
            Self::Leveled(ring) => &ring.set,
            Self::Bootstrapped(bootstrap) => bootstrap.set(),
        }
    }

    pub(super) fn bootstrap(&self) -> Option<&BootstrapParameters> {
        match self {
            Self::Leveled(_) => None,
            Self::Bootstrapped(bootstrap) => Some(bootstrap),
        }
    }

    pub(super) fn literal(&self) -> Option<BootstrapLiteral> {
        self.bootstrap().map(|bootstrap| bootstrap.literal().clone())
    }

    /// The scale of values.
    pub(super) fn scale(&self) -> f64 {
        match self {
            Self::Leveled(ring) => ring.scale,
            Self::Bootstrapped(bootstrap) => bootstrap.linear_scale(),
        }
    }

    /// The level of requests.
    pub(super) fn request_level(&self) -> usize {
        match self {
            Self::Leveled(ring) => ring.set.top_level(),
            Self::Bootstrapped(bootstrap) => bootstrap.levels().linear,
        }
    }

    /// The levels of a linear layer that reads values at this level or above.
    pub(super) fn linear(&self, level: usize) -> Result<LinearLevels, KeyError> {
        let (rescales, layout) = match self {
            Self::Leveled(ring) => (1, KeyLayout::packed(&ring.set, level)?),
            Self::Bootstrapped(bootstrap) => {
                let rescales = level - bootstrap.levels().slots_to_coefficients;
                (rescales, bootstrap.key_levels().at(level)?.clone())
            }
        };
        let dropped = (level - rescales + 1..=level).map(|level| self.set().prime(level));
        let KeyLayout { special, digits, .. } = layout;
        let digits = digits.len();
        Ok(LinearLevels { level, rescales, dropped: dropped.product(), special, digits })
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

    /// The error that an activation's input has, root mean square, as a part of its range.
    pub(super) fn noise(&self) -> f64 {
        match self {
            Self::Leveled(ring) => ring.noise(),
            Self::Bootstrapped(_) => noise::OF_BOOTSTRAP,
        }
    }

    /// The most ciphertexts of one value.
    pub(super) fn most_parts(&self) -> usize {
        match self {
            Self::Leveled(_) => 1,
            Self::Bootstrapped(_) => MOST_PARTS,
        }
    }
}
