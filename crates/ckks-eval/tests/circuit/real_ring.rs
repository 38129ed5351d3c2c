//! The ring of the product: the noise that theory predicts, and one bootstrap with all its stages.

use blindsight_ckks::keys::{KeyKind, KeySpec};

use crate::arithmetic::{check_products, check_rescaling};
use crate::bootstrap::check_stages;
use crate::fixture::real;
use crate::key_switch::check_automorphisms;

#[test]
fn rescaling_rounds_as_predicted() {
    check_rescaling(real(), [1, 5, 15, 18]);
}

#[test]
fn products_are_right_and_as_noisy_as_predicted() {
    let levels = real().parameters.levels();
    check_products(real(), [levels.linear + 1, levels.chebyshev]);
}

/// The first automorphism of each shape of key.
#[test]
fn automorphisms_are_right_and_as_noisy_as_predicted() {
    let mut shapes = Vec::new();
    let specs = real().list.specs().iter().filter(|spec| {
        let fits = matches!(spec.kind(), KeyKind::Automorphism(_));
        let new = fits && !shapes.contains(&spec.layout());
        if new {
            shapes.push(spec.layout());
        }
        new
    });
    let specs: Vec<&KeySpec> = specs.collect();
    assert!(specs.len() >= 5, "only {} shapes", specs.len());
    check_automorphisms(real(), specs);
}

#[test]
fn every_stage_of_a_bootstrap_holds_what_it_should() {
    check_stages(real());
}
