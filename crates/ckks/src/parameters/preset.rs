//! The literals that exist.

use super::Literal;

impl Literal {
    /// `N = 2^15`, 19 primes of 539 bits in all, with a sparse secret of weight 28: a chain long
    /// enough to bootstrap. Why the primes have these sizes is a matter of the circuit: see
    /// section 4 of docs/design.md.
    #[must_use]
    pub fn bootstrapped_2_15() -> Self {
        Self {
            log_degree: 15,
            chain: vec![
                47_382_529,
                8_519_681,
                7_340_033,
                1_179_649,
                786_433,
                1_322_647_553,
                1_868_562_433,
                2_074_017_793,
                2_102_788_097,
                2_132_279_297,
                2_138_767_361,
                2_143_092_737,
                2_144_468_993,
                34_719_399_937,
                137_455_534_081,
                2_147_352_577,
                67_043_329,
                67_239_937,
                67_502_081,
            ],
            wide_special: vec![
                1_125_899_904_679_937,
                1_125_899_903_827_969,
                1_125_899_903_500_289,
                1_125_899_903_107_073,
                1_125_899_902_124_033,
            ],
            narrow_special: vec![2_146_959_361, 2_146_041_857, 2_145_976_321, 2_144_796_673],
            sparse_weight: Some(28),
        }
    }
}
