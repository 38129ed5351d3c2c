//! Small programs, and contracts for them.

use std::sync::{Arc, LazyLock};

use blindsight_ckks::encoding::Complex64;
use blindsight_ckks::parameters::{Literal, Parameters};
use blindsight_ckks_eval::BootstrapParameters;
use blindsight_ckks_eval::activation::TrigPolynomial;
use blindsight_ckks_eval::batch::{BatchPlan, BlockPlan, LayerPlan};
use blindsight_ckks_eval::bootstrap::BootstrapLiteral;
use blindsight_ckks_eval::linear_transform::{Node, Term, TransformPlan};
use blindsight_contract::{BoxData, Contract, KeyData, RequestData, SchemeData};
use blindsight_ring::GaloisElement;

use crate::bundle::Bundle;
use crate::program::{Operation, PlaintextData, PolynomialData, Program, Step, ValueType};

/// The scheme of all tests.
pub static SET: LazyLock<Arc<Parameters>> = LazyLock::new(|| {
    Arc::new(Parameters::new(Literal::bootstrapped_2_15()).expect("the preset is sound"))
});

/// Its bootstrap.
pub static BOOTSTRAP: LazyLock<BootstrapParameters> = LazyLock::new(|| {
    let literal = BootstrapLiteral::degree_15();
    BootstrapParameters::new(SET.clone(), literal).expect("the preset is sound")
});

/// The scale of answers that the sample contract names, at level 1.
///
/// # Panics
/// When there is a mistake in the test.
#[must_use]
pub fn answer_scale() -> f64 {
    131_072.0 * SET.prime(1) / 4_194_304.0
}

/// `x / 2 + rot_1(x) / 4`, which keeps the scale.
///
/// # Panics
/// When there is a mistake in the test.
#[must_use]
pub fn transform(level: usize, rescales: usize) -> TransformPlan {
    let special = BOOTSTRAP.key_levels().at(level).expect("there are keys at the level").special;
    let element = GaloisElement::rotation(1, SET.degree());
    let term = |node, weight| Term { node, weights: vec![Complex64::new(weight, 0.0); 2] };
    TransformPlan {
        level,
        baby_special: special,
        giant_special: special,
        nodes: vec![Node::Input { mask: None }, Node::Step { from: 0, element }],
        masks: Vec::new(),
        mask_scale: 1.0,
        sums: vec![vec![term(0, 0.5), term(1, 0.25)]],
        giant: None,
        weight_scale: (level - rescales + 1..=level).map(|l| SET.prime(l)).product(),
        rescales,
    }
}

/// A small scheme without a sparse secret.
pub static LEVELED_SET: LazyLock<Arc<Parameters>> = LazyLock::new(|| {
    let literal = Literal {
        log_degree: 13,
        chain: vec![536_690_689, 33_538_049, 33_292_289, 33_832_961, 33_177_601],
        wide_special: Vec::new(),
        narrow_special: vec![1_073_692_673, 1_073_643_521],
        sparse_weight: None,
    };
    Arc::new(Parameters::new(literal).expect("the set is sound"))
});

fn program(steps: Vec<(usize, Operation)>) -> Program {
    Program {
        bootstrap: Some(BootstrapLiteral::degree_15()),
        steps: steps.into_iter().map(|(layer, operation)| Step { operation, layer }).collect(),
        transforms: Vec::new(),
        plaintexts: Vec::new(),
        activations: Vec::new(),
        polynomials: Vec::new(),
    }
}

/// Every operation once or twice, in two layers.
///
/// # Panics
/// When there is a mistake in the test.
#[must_use]
pub fn full() -> Program {
    let scale = BOOTSTRAP.linear_scale();
    let values = vec![Complex64::new(0.5, 0.0), Complex64::new(-0.25, 0.0)];
    let terms = vec![([1, 0], 4), ([0, -1], 5)];
    let activation = vec![[0.0, 0.0], [0.0, -0.5], [0.125, 0.0]];
    Program {
        transforms: vec![transform(5, 2), transform(5, 2)],
        plaintexts: vec![PlaintextData { values, level: 3, scale }],
        activations: vec![TrigPolynomial::new(activation).expect("they are finite")],
        ..program(vec![
            (0, Operation::Transform { input: 0, transform: 0 }),
            (0, Operation::AddPlaintext { input: 1, plaintext: 0 }),
            (0, Operation::Bootstrap { input: 2, activation: 0 }),
            (1, Operation::Transform { input: 3, transform: 1 }),
            (1, Operation::Rotate { input: 4, steps: 2 }),
            (1, Operation::Combine { terms }),
            (1, Operation::Rescale { input: 6, level: 1, scale: answer_scale() }),
        ])
    }
}

/// The request of [`full`].
///
/// # Panics
/// When there is a mistake in the test.
#[must_use]
pub fn full_request() -> ValueType {
    ValueType { level: 5, scale: BOOTSTRAP.linear_scale() }
}

/// A transform, a plaintext and a rescale, in two layers: nothing that takes time.
///
/// # Panics
/// When there is a mistake in the test.
#[must_use]
pub fn light() -> Program {
    let values = vec![Complex64::new(0.5, 0.0), Complex64::new(-0.25, 0.0)];
    Program {
        transforms: vec![transform(3, 1)],
        plaintexts: vec![PlaintextData { values, level: 2, scale: light_request().scale }],
        ..program(vec![
            (0, Operation::Transform { input: 0, transform: 0 }),
            (0, Operation::AddPlaintext { input: 1, plaintext: 0 }),
            (1, Operation::Rescale { input: 2, level: 1, scale: answer_scale() }),
        ])
    }
}

/// The request of [`light`].
///
/// # Panics
/// When there is a mistake in the test.
#[must_use]
pub fn light_request() -> ValueType {
    ValueType { level: 3, scale: 2_f64.powi(29) }
}

/// A square and a polynomial of `x + rot_1(x)`, without a bootstrap.
///
/// # Panics
/// When there is a mistake in the test.
#[must_use]
pub fn leveled() -> Program {
    let scale = leveled_request().scale;
    Program {
        bootstrap: None,
        polynomials: vec![PolynomialData { coefficients: vec![0.25, 0.5, -0.125], scale }],
        ..program(vec![
            (0, Operation::Rotate { input: 0, steps: 1 }),
            (0, Operation::Combine { terms: vec![([1, 0], 0), ([1, 0], 1)] }),
            (0, Operation::Square { input: 2, rescales: 1 }),
            (1, Operation::Polynomial { input: 3, polynomial: 0 }),
        ])
    }
}

/// The request of [`leveled`].
#[must_use]
pub fn leveled_request() -> ValueType {
    ValueType { level: 5, scale: 2_f64.powi(25) }
}

/// The contract of [`leveled`].
///
/// # Panics
/// When there is a mistake in the test.
#[must_use]
pub fn leveled_contract() -> Contract {
    let set = &LEVELED_SET;
    let program = leveled();
    let checked = program.check(set, leveled_request()).expect("the program is sound");
    let mut contract = blindsight_contract::testing::sample();
    contract.scheme = SchemeData::of(set.literal());
    contract.keys = checked.keys.specs().iter().map(KeyData::of).collect();
    let ValueType { level, scale } = leveled_request();
    let strides = [1024, 32, 1];
    let slots = vec![BoxData { from: [0; 3], extent: [3, 32, 32], slot: 0, strides }];
    let level = level as u32;
    *blindsight_contract::testing::slots(&mut contract) =
        RequestData { level, scale, ciphertexts: 1, inputs: 1, slots };
    let answer = blindsight_contract::testing::compact(&mut contract);
    let modulus = 2_f64.powi(answer.log2_modulus as i32);
    answer.scale = program.polynomials[0].scale * modulus / set.prime(1);
    contract
}

/// A network for [`blindsight_contract::testing::batch_sample`]: 6 values to 3, squared, to 2.
#[must_use]
pub fn batch() -> BatchPlan {
    let layer = |inputs: u32, outputs: u32, weight_scale, square| LayerPlan {
        blocks: vec![BlockPlan {
            inputs: (0..inputs).collect(),
            outputs: (0..outputs).collect(),
            weights: (0..inputs * outputs).map(|i| (i * 5 % 13) as i8 - 6).collect(),
        }],
        bits: 5,
        weight_scale,
        bias: (0..outputs).map(|i| f64::from(i) - 1.0).collect(),
        square,
    };
    BatchPlan { inputs: 6, layers: vec![layer(6, 3, 16.0, true), layer(3, 2, 256.0, false)] }
}

/// The contract of a program.
///
/// # Panics
/// When there is a mistake in the test.
#[must_use]
pub fn contract(program: &Program, request: ValueType) -> Contract {
    let mut contract = blindsight_contract::testing::sample();
    let checked = program.check(&SET, request).expect("the program is sound");
    contract.keys = checked.keys.specs().iter().map(KeyData::of).collect();
    let sent = blindsight_contract::testing::slots(&mut contract);
    (sent.level, sent.scale) = (request.level as u32, request.scale);
    contract
}

/// The file of [`light`], under this name.
///
/// # Panics
/// When there is a mistake in the test.
#[must_use]
pub fn light_bundle(id: &str) -> Vec<u8> {
    let program = light();
    let contract = Contract { id: id.to_owned(), ..contract(&program, light_request()) };
    Bundle::write(&contract, &program, program.encoded_byte_len(&SET)).expect("it is sound")
}
