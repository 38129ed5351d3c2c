//! From the key switches of a circuit to the keys that a client makes.

use std::collections::BTreeSet;

use blindsight_ckks::keys::{KeyError, KeyKind, KeyLayout, KeyList, KeySpec};
use blindsight_ckks::parameters::Parameters;

/// The levels at which keys are made, each with the shape of its keys. A key switch at some level
/// uses the key of the nearest of these levels at or above it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct KeyLevels {
    /// Lowest level first.
    layouts: Vec<KeyLayout>,
    /// Whether one key serves every switch of its kind: no use is worth a second one.
    one_key_a_kind: bool,
}

/// The key switches of a circuit.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct KeyUses {
    /// What is switched at which level, by keys made for the nearest level.
    frequent: BTreeSet<(KeyKind, usize)>,
    /// The same where any key from a higher level will do.
    rare: BTreeSet<(KeyKind, usize)>,
}

impl KeyLevels {
    /// Keys at these levels with so many digits.
    ///
    /// # Errors
    /// When a level has no such keys.
    pub fn new(set: &Parameters, levels: &[(usize, usize)]) -> Result<Self, KeyError> {
        let layout = |&(level, digits): &(usize, usize)| KeyLayout::balanced(set, level, digits);
        let mut layouts: Vec<KeyLayout> = levels.iter().map(layout).collect::<Result<_, _>>()?;
        layouts.sort_by_key(|layout| layout.level);
        layouts.dedup_by_key(|layout| layout.level);
        Ok(Self { layouts, one_key_a_kind: false })
    }

    /// Keys of a circuit without bootstraps: one for each kind, at the highest level of its uses.
    /// All have all special primes, and their digits end at the same limbs whatever the level, so
    /// that keys made for different levels can meet in one sum.
    ///
    /// # Errors
    /// When the special primes do not cover a single limb, or too few for the digits of a key.
    pub fn leveled(set: &Parameters) -> Result<Self, KeyError> {
        let most = set.top_level();
        let layouts = (1..=most).map(|level| KeyLayout::packed(set, level));
        Ok(Self { layouts: layouts.collect::<Result<_, _>>()?, one_key_a_kind: true })
    }

    /// The shape of the keys that a switch at `level` uses.
    ///
    /// # Errors
    /// When there are none at this level or above.
    pub fn at(&self, level: usize) -> Result<&KeyLayout, KeyError> {
        let place = self.layouts.partition_point(|layout| layout.level < level);
        let most = self.layouts.last().map_or(0, |layout| layout.level);
        self.layouts.get(place).ok_or(KeyError::NoSuchLevel { level, most })
    }
}

impl KeyUses {
    /// A switch that is worth a key made for its level.
    pub fn add(&mut self, kind: KeyKind, level: usize) {
        self.frequent.insert((kind, level));
    }

    /// A switch that makes do with a key from a higher level, if there is one.
    pub fn add_rare(&mut self, kind: KeyKind, level: usize) {
        self.rare.insert((kind, level));
    }

    /// Whether a rare switch at this level finds a key that is made anyway.
    #[must_use]
    pub fn serves(&self, kind: KeyKind, level: usize) -> bool {
        self.frequent.iter().any(|&(other, at)| other == kind && at >= level)
    }

    /// The keys to make.
    ///
    /// # Errors
    /// When one of them cannot exist.
    pub fn list(&self, set: &Parameters, levels: &KeyLevels) -> Result<KeyList, KeyError> {
        let mut made = BTreeSet::new();
        let (own, shared): (BTreeSet<_>, BTreeSet<_>) = match levels.one_key_a_kind {
            true => (BTreeSet::new(), self.frequent.union(&self.rare).copied().collect()),
            false => (self.frequent.clone(), self.rare.clone()),
        };
        for (kind, level) in own {
            made.insert((kind, Self::made_for(kind, level, set, levels)?));
        }
        // From the top, so that a shared key serves the switches below it.
        for (kind, level) in shared.into_iter().rev() {
            let serves = |&(other, at): &(KeyKind, usize)| other == kind && at >= level;
            if !made.iter().any(serves) {
                made.insert((kind, Self::made_for(kind, level, set, levels)?));
            }
        }
        let specs = made.into_iter().map(|(kind, level)| {
            let layout = match kind.switches_raised() {
                true => KeyLayout::raised(set)?,
                false => levels.at(level)?.clone(),
            };
            KeySpec::new(set, kind, layout)
        });
        KeyList::new(specs.collect::<Result<_, _>>()?)
    }

    fn made_for(
        kind: KeyKind,
        level: usize,
        set: &Parameters,
        levels: &KeyLevels,
    ) -> Result<usize, KeyError> {
        if kind.switches_raised() { Ok(set.top_level()) } else { Ok(levels.at(level)?.level) }
    }
}

#[cfg(test)]
mod tests {
    use blindsight_ckks::parameters::Literal;
    use blindsight_ring::GaloisElement;

    use super::*;

    #[test]
    fn uses_become_keys() {
        let set = Parameters::new(Literal::bootstrapped_2_15()).unwrap();
        let levels = KeyLevels::new(&set, &[(16, 2), (1, 1), (5, 1)]).unwrap();
        let rotation = |steps| KeyKind::Automorphism(GaloisElement::rotation(steps, set.degree()));
        let mut uses = KeyUses::default();
        for level in 6..=16 {
            uses.add(KeyKind::Relinearisation, level);
        }
        uses.add(rotation(1), 2);
        uses.add(rotation(1), 14);
        uses.add_rare(rotation(1), 9);
        uses.add_rare(rotation(2), 4);
        uses.add_rare(rotation(2), 3);
        uses.add(KeyKind::SparseToDense(GaloisElement::identity()), 19);
        let keys = uses.list(&set, &levels).unwrap();
        let mut found: Vec<_> = keys.specs().iter().map(|s| (s.kind(), s.level())).collect();
        found.sort_unstable();
        let mut expected = vec![
            (KeyKind::Relinearisation, 16),
            (rotation(1), 5),
            (rotation(1), 16),
            (rotation(2), 5),
            (KeyKind::SparseToDense(GaloisElement::identity()), 19),
        ];
        expected.sort_unstable();
        assert_eq!(found, expected);
        uses.add(rotation(3), 17);
        let refused = uses.list(&set, &levels);
        assert_eq!(refused, Err(KeyError::NoSuchLevel { level: 17, most: 16 }));
    }
}
