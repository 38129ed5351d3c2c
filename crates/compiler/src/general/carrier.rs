//! What carries a network's values: a chain that is long enough for all of it, or bootstraps.

use std::collections::BTreeMap;
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

    /// Powers of two by which bootstraps rotate, each with the highest level of a linear layer at
    /// which their key serves.
    pub(super) fn rotations_of_bootstraps(&self) -> Result<BTreeMap<i64, usize>, KeyError> {
        let Some(bootstrap) = self.bootstrap() else { return Ok(BTreeMap::new()) };
        let mut uses = KeyUses::default();
        bootstrap.add_uses(&mut uses)?;
        let set = bootstrap.set();
        let powers = (0..set.slots().ilog2()).map(|k| 1_i64 << k);
        let served = |steps: i64| {
            let kind = KeyKind::Automorphism(GaloisElement::rotation(steps, set.degree()));
            let mut levels = (1..=self.request_level()).rev();
            Some((steps, levels.find(|level| uses.serves(kind, *level))?))
        };
        Ok(powers.filter_map(served).collect())
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

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use blindsight_ckks::parameters::Literal;

    use super::*;

    /// A pool rotates what a bootstrap gives, at a higher level than sums after a linear layer: a key
    /// that serves these need not serve it.
    #[test]
    fn keys_of_bootstraps_serve_up_to_their_level() {
        let set = Arc::new(Parameters::new(Literal::bootstrapped_2_15()).unwrap());
        let bootstrap = BootstrapParameters::new(set, BootstrapLiteral::degree_15()).unwrap();
        let mut own = KeyUses::default();
        bootstrap.add_uses(&mut own).unwrap();
        let (set, key_levels) = (bootstrap.set().clone(), bootstrap.key_levels().clone());
        let keys = |uses: &KeyUses| uses.list(&set, &key_levels).unwrap().specs().len();
        let carrier = Carrier::Bootstrapped(Box::new(bootstrap));
        let rotations = carrier.rotations_of_bootstraps().unwrap();
        let mut highest = BTreeSet::new();
        for (&steps, &served) in &rotations {
            highest.insert(served);
            for level in 1..=carrier.request_level() {
                let mut uses = own.clone();
                let element = GaloisElement::rotation(steps, set.degree());
                uses.add_rare(KeyKind::Automorphism(element), level);
                let more = usize::from(level > served);
                assert_eq!(keys(&uses), keys(&own) + more, "{steps} slots at level {level}");
            }
        }
        assert!(highest.len() > 1 && highest.contains(&carrier.request_level()), "{rotations:?}");
    }
}
