//! Tables that operations share.

use std::collections::HashMap;
use std::hash::Hash;
use std::ops::Range;
use std::sync::{Arc, Mutex, PoisonError};

use blindsight_ckks::keys::Special;
use blindsight_ckks::parameters::Parameters;
use blindsight_ring::arith::{inv_mod_prime, mul_mod, product_mod};
use blindsight_ring::{
    BaseConverter, Basis, GaloisElement, MontgomeryResidue, Permutation, Prime, SubringNtt,
};

/// The tables of one parameter set, made on first use and shared by all clients.
#[derive(Debug)]
pub struct Context {
    set: Arc<Parameters>,
    permutations: Cache<GaloisElement, Permutation>,
    digits: Cache<(Vec<Range<usize>>, usize, Special), DigitTables>,
    divisions: Cache<(usize, Option<Special>, usize), DivisionTables>,
    subrings: Cache<(u64, usize), SubringNtt>,
}

/// Everything about splitting a polynomial with `level` limbs into digits and multiplying these by
/// a key. Residues are plain unless they are said to be in Montgomery form.
#[derive(Debug)]
pub(crate) struct DigitTables {
    pub(crate) level: usize,
    pub(crate) special: Special,
    /// The primes of the level, then the special primes.
    pub(crate) basis: Basis,
    /// The ranges of limbs that form digits.
    pub(crate) ranges: Vec<Range<usize>>,
    /// From each digit to all limbs outside it, special primes last.
    pub(crate) converters: Vec<BaseConverter>,
    /// For each limb of the level, what lifting multiplies it by inside its digit.
    pub(crate) lifts: Vec<u64>,
    /// The inverses of the lifts.
    pub(crate) unlifts: Vec<MontgomeryResidue>,
    /// The product of the special primes, for each limb of the level.
    pub(crate) special_products: Vec<MontgomeryResidue>,
    /// What the coefficients of an extended polynomial are multiplied by before
    /// [`Self::divider`] takes them to lifted digits.
    pub(crate) preparations: Vec<u64>,
    /// Subtracts the remainder modulo the special primes, with the division by them and the lift
    /// merged in.
    pub(crate) divider: BaseConverter,
}

/// The division by special primes and possibly some primes at the top of the chain.
#[derive(Debug)]
pub(crate) struct DivisionTables {
    /// Limbs that stay.
    pub(crate) kept: usize,
    /// From the divisor's primes to the limbs that stay.
    pub(crate) converter: BaseConverter,
    /// For each limb that stays, the divisor's inverse (plain).
    pub(crate) inverses: Vec<u64>,
}

impl Context {
    /// An empty context of a parameter set.
    #[must_use]
    pub fn new(set: Arc<Parameters>) -> Self {
        Self {
            set,
            permutations: Cache::default(),
            digits: Cache::default(),
            divisions: Cache::default(),
            subrings: Cache::default(),
        }
    }

    /// The parameter set.
    #[must_use]
    pub fn set(&self) -> &Arc<Parameters> {
        &self.set
    }

    pub(crate) fn permutation(&self, element: GaloisElement) -> Arc<Permutation> {
        self.permutations.get(element, || Permutation::new(element, self.set.degree()))
    }

    /// The transform of plaintexts with `size` coefficients modulo `prime`.
    pub(crate) fn subring(&self, prime: &Prime, size: usize) -> Arc<SubringNtt> {
        self.subrings.get((prime.value(), size), || {
            SubringNtt::new(prime, size).expect("sizes are powers of two from 64 to the degree")
        })
    }

    /// Tables for splitting a polynomial with `level` limbs into the digits of a key.
    pub(crate) fn digits(
        &self,
        ranges: &[Range<usize>],
        level: usize,
        special: Special,
    ) -> Arc<DigitTables> {
        let clipped: Vec<_> =
            ranges.iter().filter(|r| r.start < level).map(|r| r.start..r.end.min(level)).collect();
        self.digits.get((clipped.clone(), level, special), || {
            DigitTables::new(&self.set, clipped, level, special)
        })
    }

    /// Tables for dividing a polynomial with `level` limbs (and special primes, if any) by its
    /// special primes and its `rescales` top primes.
    pub(crate) fn division(
        &self,
        level: usize,
        special: Option<Special>,
        rescales: usize,
    ) -> Arc<DivisionTables> {
        self.divisions.get((level, special, rescales), || {
            let kept = level - rescales;
            let primes = &self.set.chain().primes()[..level];
            let mut divisor = primes[kept..].to_vec();
            if let Some(special) = special {
                divisor.extend_from_slice(self.set.special(special).primes());
            }
            let converter = BaseConverter::new(&divisor, &primes[..kept]);
            let inverses = primes[..kept].iter().map(|p| {
                let product = product_mod(divisor.iter().map(|d| d.value()), p.value());
                inv_mod_prime(product, p.value())
            });
            DivisionTables { kept, inverses: inverses.collect(), converter }
        })
    }
}

impl DigitTables {
    fn new(set: &Parameters, ranges: Vec<Range<usize>>, level: usize, special: Special) -> Self {
        let basis = set.modulus(level).join(&set.special(special));
        let primes = basis.primes();
        let (chain, special_primes) = primes.split_at(level);
        let converters: Vec<BaseConverter> = ranges
            .iter()
            .map(|range| {
                let outside = primes.iter().enumerate().filter(|(i, _)| !range.contains(i));
                let outside: Vec<_> = outside.map(|(_, p)| p.clone()).collect();
                BaseConverter::new(&primes[range.clone()], &outside)
            })
            .collect();
        let digits = ranges.iter().zip(&converters);
        let lifts: Vec<u64> =
            digits.flat_map(|(r, c)| (0..r.len()).map(|i| c.lift_factor(i))).collect();
        let special_product =
            |p: &Prime| product_mod(special_primes.iter().map(|s| s.value()), p.value());
        // Dividing by the special primes and lifting is one factor. Limbs above the last digit
        // exist only in the raised layout, where nothing is divided.
        let divide_and_lift = |i: usize| {
            let p = &chain[i];
            let lift = lifts.get(i).copied().unwrap_or(1);
            mul_mod(inv_mod_prime(special_product(p), p.value()), lift, p.value())
        };
        let divider =
            BaseConverter::scaled(special_primes, chain, |i| chain[i].value() - divide_and_lift(i));
        let preparations = (0..level)
            .map(divide_and_lift)
            .chain((0..special_primes.len()).map(|i| divider.lift_factor(i)))
            .collect();
        let unlift =
            |(lift, p): (&u64, &Arc<Prime>)| p.to_montgomery(inv_mod_prime(*lift, p.value()));
        Self {
            level,
            special,
            unlifts: lifts.iter().zip(chain).map(unlift).collect(),
            special_products: chain.iter().map(|p| p.to_montgomery(special_product(p))).collect(),
            converters,
            lifts,
            preparations,
            divider,
            ranges,
            basis,
        }
    }
}

/// Values made on first use and never dropped.
#[derive(Debug)]
struct Cache<K, V> {
    entries: Mutex<HashMap<K, Arc<V>>>,
}

impl<K, V> Default for Cache<K, V> {
    fn default() -> Self {
        Self { entries: Mutex::new(HashMap::new()) }
    }
}

impl<K: Eq + Hash, V> Cache<K, V> {
    fn get(&self, key: K, make: impl FnOnce() -> V) -> Arc<V> {
        let mut entries = self.entries.lock().unwrap_or_else(PoisonError::into_inner);
        entries.entry(key).or_insert_with(|| Arc::new(make())).clone()
    }
}
