//! The parameter sets that exist.

use super::{Chain, Literal, ParameterError, Parameters};

impl Parameters {
    /// `N = 2^15`, activations of degree 15: the set of the ResNet20.
    ///
    /// # Errors
    /// Never in a released version: a test builds it.
    pub fn degree_15() -> Result<Self, ParameterError> {
        Self::new(Literal {
            name: "ring 2^15, activation degree 15",
            log_degree: 15,
            chain: Chain {
                base: 47_382_529,
                slots_to_coefficients: [8_519_681, 7_340_033],
                linear: [1_179_649, 786_433],
                activation: vec![1_322_647_553, 1_868_562_433, 2_074_017_793, 2_102_788_097],
                squarings: [2_132_279_297, 2_138_767_361],
                chebyshev: [
                    2_143_092_737,
                    2_144_468_993,
                    34_719_399_937,
                    137_455_534_081,
                    2_147_352_577,
                ],
                coefficients_to_slots: [67_043_329, 67_239_937, 67_502_081],
            },
            wide_special: vec![
                1_125_899_904_679_937,
                1_125_899_903_827_969,
                1_125_899_903_500_289,
                1_125_899_903_107_073,
                1_125_899_902_124_033,
            ],
            narrow_special: vec![2_146_959_361, 2_146_041_857, 2_145_976_321, 2_144_796_673],
            top_scale: 8_589_934_592.0,
            sparse_weight: 28,
            integer_bound: 12,
            fill: 0.45,
            declared_log2_failure: -58.0,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::keys::KeyLayout;

    #[test]
    fn the_preset_is_secure_and_consistent() {
        let set = Parameters::degree_15().unwrap();
        for spec in set.keys() {
            let special = set.special(spec.layout.special).log2();
            assert!(special >= spec.layout.largest_digit_bits(&set) + KeyLayout::MARGIN_BITS);
        }
        let levels = set.levels();
        assert_eq!(set.chain().len(), levels.top);
        assert_eq!(set.degree(), 1 << 15);
    }

    fn literal() -> Literal {
        Parameters::degree_15().unwrap().literal().clone()
    }

    #[test]
    fn inconsistent_literals_are_refused() {
        let mut repeated = literal();
        repeated.narrow_special[0] = repeated.chain.activation[0];
        assert!(matches!(Parameters::new(repeated), Err(ParameterError::RepeatedPrime(_))));

        let mut composite = literal();
        composite.chain.base = (1 << 26) + 1;
        assert!(matches!(Parameters::new(composite), Err(ParameterError::Prime(_))));

        let mut heavy = literal();
        heavy.sparse_weight = 20;
        assert!(matches!(Parameters::new(heavy), Err(ParameterError::InsecureKey { .. })));

        let mut improbable = literal();
        improbable.integer_bound = 9;
        assert!(matches!(Parameters::new(improbable), Err(ParameterError::Failure { .. })));

        let mut flat = literal();
        flat.top_scale = 2_f64.powi(37);
        assert!(matches!(Parameters::new(flat), Err(ParameterError::Scale { .. })));

        let mut starved = literal();
        starved.narrow_special.swap(0, 3);
        starved.wide_special[4] = 65_537;
        assert!(matches!(Parameters::new(starved), Err(ParameterError::SmallSpecial { .. })));
    }
}
