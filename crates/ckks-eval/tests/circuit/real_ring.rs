//! The ring of the product: the noise that theory predicts, and one bootstrap with all its stages.

use blindsight_ckks::keys::{KeyKind, Special};
use blindsight_ckks_eval::bootstrap::BootstrapNoise;
use blindsight_ring::GaloisElement;

use crate::arithmetic::{check_products, check_rescaling};
use crate::bootstrap::{check_noise, check_stages};
use crate::fixture::real;
use crate::key_switch::check_automorphisms;

#[test]
fn rescaling_rounds_as_predicted() {
    check_rescaling(real(), [1, 5, 18]);
}

#[test]
fn products_are_right_and_as_noisy_as_predicted() {
    let levels = real().parameters.levels();
    check_products(real(), [levels.linear + 1, levels.chebyshev]);
}

/// Keys of one digit, of two, and of two with special primes of both widths.
#[test]
fn automorphisms_are_right_and_as_noisy_as_predicted() {
    let fixture = real();
    let levels = fixture.parameters.levels();
    let keys = [
        (fixture.rotation(16), levels.slots_to_coefficients),
        (GaloisElement::conjugation(fixture.set().degree()), levels.chebyshev),
        (fixture.rotation(4096), levels.top),
    ];
    let specs = keys.map(|(element, level)| {
        let spec = fixture.key_for(KeyKind::Automorphism(element), level);
        assert_eq!(spec.level(), level);
        spec
    });
    let shapes = specs.map(|spec| (spec.layout().digits.len(), spec.layout().special));
    let special = |wide, narrow| Special { wide, narrow };
    assert_eq!(shapes, [(1, special(0, 3)), (2, special(5, 0)), (2, special(5, 1))]);
    check_automorphisms(fixture, specs);
}

#[test]
fn every_stage_of_a_bootstrap_holds_what_it_should() {
    check_stages(real());
}

#[test]
fn a_bootstrap_is_as_noisy_as_forecasts_take_it_to_be() {
    check_noise(real(), BootstrapNoise::DEGREE_15);
}
