//! What carries a network's values: a chain that is long enough for all of it, or bootstraps.

use std::collections::BTreeMap;
use std::sync::Arc;

use blindsight_ckks::keys::{KeyError, KeyKind, KeyLayout, Special};
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
    /// Digits of its keys.
    pub(super) digits: usize,
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
        let (rescales, layout, scale) = match self {
            Self::Leveled(ring) => (1, KeyLayout::packed(&ring.set, level)?, ring.scale),
            Self::Graded(graded) => {
                let rescales = usize::from(level > 1);
                (rescales, KeyLayout::packed(graded.set(), level)?, graded.scale(level))
            }
            Self::Bootstrapped(bootstrap) => {
                let rescales = level - bootstrap.levels().slots_to_coefficients;
                let layout = bootstrap.key_levels().at(level)?.clone();
                (rescales, layout, bootstrap.linear_scale())
            }
        };
        let dropped = (level - rescales + 1..=level).map(|level| self.set().prime(level));
        let (dropped, late) = (dropped.product(), matches!(self, Self::Graded(_)));
        let KeyLayout { special, digits, .. } = layout;
        Ok(LinearLevels { level, rescales, dropped, special, digits: digits.len(), scale, late })
    }

    /// The same where there are levels for two linear layers, one after the other.
    pub(super) fn two_linear(&self, level: usize) -> Result<Option<[LinearLevels; 2]>, KeyError> {
        let both = self.linear(level)?;
        if both.rescales < 2 {
            return Ok(None);
        }
        let first = LinearLevels { rescales: 1, dropped: self.set().prime(level), ..both };
        Ok(Some([first, self.linear(level - 1)?]))
    }

    /// The primes that a square is divided by.
    pub(super) fn rescales_of_squares(&self) -> usize {
        match self {
            // What reads the square is rescaled, and has its weights beside it.
            Self::Graded(_) => 0,
            Self::Leveled(_) | Self::Bootstrapped(_) => 1,
        }
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
