//! A valid contract for tests, nothing that a model would run, and ways to damage texts.

mod damage;

use std::sync::LazyLock;

use blindsight_ckks::keys::{KeyKind, KeyLayout, KeyList, KeySpec};
use blindsight_ckks::parameters::{Literal, Parameters};
use blindsight_exact::Literal as ExactLiteral;
use blindsight_ring::GaloisElement;

pub use damage::{Dice, NumberPlaces};

use crate::raw::{
    AnswerData, AnswerForm, BoxData, Contract, ExactData, ExactSetData, Forecast, InputData,
    KeyData, PreparationData, ProductsData, RequestData, RequestForm, SchemeData, SignsData,
    VERSION,
};

/// Slots of the sample's ring.
const SLOTS: i64 = 1 << 14;

/// A contract for pictures of 3 x 32 x 32 with ten classes and one key of each kind.
#[must_use]
pub fn sample() -> Contract {
    static SAMPLE: LazyLock<Contract> = LazyLock::new(|| Contract {
        blindsight_contract: VERSION,
        id: "sample-10".to_owned(),
        title: "A sample with ten classes".to_owned(),
        classes: CLASSES.map(str::to_owned).to_vec(),
        input: InputData {
            shape: [3, 32, 32],
            preparation: PreparationData::Picture {
                mean: vec![0.4914, 0.4822, 0.4465],
                deviation: vec![0.247, 0.2435, 0.2616],
            },
        },
        scheme: SchemeData::of(&Literal::bootstrapped_2_15()),
        keys: keys(),
        request: RequestForm::Slots(RequestData {
            level: 4,
            scale: 29.5_f64.exp2(),
            ciphertexts: 1,
            inputs: 1,
            slots: boxes(),
        }),
        answer: AnswerForm::Compact(AnswerData {
            log2_modulus: 22,
            period: 16,
            scale: 131_072.0,
            unit: 12.5,
            slots: (0..10).collect(),
        }),
        forecast: Forecast {
            seconds: 17.5,
            memory_bytes: 2_000_000_000,
            log2_failure: -40.0,
            score_error: 0.05,
        },
    });
    SAMPLE.clone()
}

/// A contract for batches: inputs of 1 x 2 x 3 numbers, a ciphertext for each, two classes, no keys.
#[must_use]
pub fn batch_sample() -> Contract {
    let slots = 1 << 10;
    Contract {
        id: "sample-batch".to_owned(),
        classes: CLASSES[..2].iter().map(|&name| name.to_owned()).collect(),
        input: InputData { shape: [1, 2, 3], preparation: PreparationData::Tensor {} },
        scheme: SchemeData {
            log2_degree: 11,
            // The largest prime of 46 bits that is 1 modulo 2^12.
            chain: vec![70_368_744_067_073],
            wide_special: Vec::new(),
            narrow_special: Vec::new(),
            sparse_weight: None,
        },
        keys: Vec::new(),
        request: RequestForm::Slots(RequestData {
            level: 1,
            scale: 4096.0,
            ciphertexts: 6,
            inputs: slots,
            slots: vec![BoxData {
                from: [0; 3],
                extent: [1, 2, 3],
                slot: 0,
                strides: [0, 3 * slots, slots],
            }],
        }),
        answer: AnswerForm::Products(ProductsData {
            values: 2,
            parts: 3,
            level: 1,
            scale: 2_f64.powi(40),
            unit: 1.0,
        }),
        ..sample()
    }
}

/// A contract of a network of signs: inputs of 1 x 28 x 28 numbers, ten classes.
#[must_use]
pub fn sign_sample() -> Contract {
    Contract {
        id: "sample-signs".to_owned(),
        input: InputData { shape: [1, 28, 28], preparation: PreparationData::Tensor {} },
        keys: Vec::new(),
        request: RequestForm::Signs(SignsData { signs: 784 }),
        answer: AnswerForm::Exact(ExactData {
            exact: ExactSetData::of(&ExactLiteral::degree_2048()),
            values: 10,
            unit: 80.0,
        }),
        ..sample()
    }
}

/// The request of a contract whose inputs go into slots.
///
/// # Panics
/// When they do not.
#[must_use]
pub fn slots(contract: &mut Contract) -> &mut RequestData {
    match &mut contract.request {
        RequestForm::Slots(request) => request,
        RequestForm::Signs(_) => unreachable!("the request has slots"),
    }
}

/// The answer of a contract for one input, with values.
///
/// # Panics
/// When it is another one.
#[must_use]
pub fn compact(contract: &mut Contract) -> &mut AnswerData {
    match &mut contract.answer {
        AnswerForm::Compact(answer) => answer,
        _ => unreachable!("the answer is compact"),
    }
}

const CLASSES: [&str; 10] =
    ["airplane", "automobile", "bird", "cat", "deer", "dog", "frog", "horse", "ship", "truck"];

fn keys() -> Vec<KeyData> {
    let set = Parameters::new(Literal::bootstrapped_2_15()).expect("the preset is sound");
    let rotation = |steps| GaloisElement::rotation(steps, set.degree());
    let balanced = |level, digits| KeyLayout::balanced(&set, level, digits);
    let specs = [
        (KeyKind::Relinearisation, balanced(6, 3)),
        (KeyKind::Automorphism(rotation(1)), balanced(3, 1)),
        (KeyKind::Automorphism(rotation(1)), balanced(12, 2)),
        (KeyKind::Automorphism(GaloisElement::conjugation(set.degree())), balanced(5, 1)),
        (KeyKind::DenseToSparse, balanced(1, 1)),
        (KeyKind::SparseToDense(GaloisElement::identity()), KeyLayout::raised(&set)),
    ];
    let specs = specs.map(|(kind, layout)| {
        let layout = layout.expect("the preset has special primes enough");
        KeySpec::new(&set, kind, layout).expect("the keys are secure")
    });
    let list = KeyList::new(specs.to_vec()).expect("the keys differ");
    list.specs().iter().map(KeyData::of).collect()
}

/// Channels lie next to each other, columns 16 slots apart, rows 512; everything is turned left by
/// 511. The second three channels lack the last row of pixels, the third the first.
fn boxes() -> Vec<BoxData> {
    let part = |channel: i64, first: u32, rows: u32| BoxData {
        from: [0, first, 0],
        extent: [3, rows, 32],
        slot: (512 * i64::from(first) + channel - 511).rem_euclid(SLOTS) as u32,
        strides: [1, 512, 16],
    };
    vec![part(0, 0, 32), part(3, 0, 31), part(6, 1, 31)]
}
