//! Networks of signs in files.

use blindsight_contract::testing::{sample, sign_sample};
use blindsight_contract::{AnswerKind, Contract, Policy, RequestForm, SignsData};
use blindsight_exact::Lead;
use blindsight_exact_eval::SignNetwork;
use blindsight_exact_eval::network::{Layer, Sum};

use super::parts::Parts;
use super::*;

/// 784 pixels to four signs to ten scores, whose differences reach so far.
fn network(reach: f64) -> SignNetwork {
    let contract = Contract::parse(&sign_sample().to_bytes(), &Policy::default()).unwrap();
    let exact = contract.request().signs().unwrap().exact().clone();
    let sum = |value: i32, sources: u32| Sum {
        terms: (0..sources)
            .map(|at| (at, (at as i32 + value) % 3 - 1))
            .filter(|t| t.1 != 0)
            .collect(),
        constant: f64::from(value) / 1024.0,
    };
    let layer = |values: i32, sources, magnitude| Layer {
        magnitude,
        sums: (0..values).map(|value| sum(value, sources)).collect(),
    };
    let layers = |magnitude| vec![layer(4, 784, 0.25), layer(10, 4, magnitude)];
    let unscaled = layers(1.0 / 64.0)[1].largest_difference().unwrap();
    // Constants are no part of what the magnitude scales: near enough.
    SignNetwork::new(&exact, 784, layers(reach / unscaled / 64.0)).unwrap()
}

#[test]
fn networks_of_signs_come_back() {
    let (contract, network) = (sign_sample(), network(0.4));
    let bytes = Bundle::write_signs(&contract, &network).unwrap();
    let bundle = read(&bytes).unwrap();
    assert_eq!(bundle.contract_bytes()[..], contract.to_bytes());
    assert_eq!((bundle.layers(), bundle.loaded_bytes()), (2, network.byte_len() as u64));
    let CheckedCode::Signs(back) = bundle.code().unwrap() else { unreachable!("signs") };
    assert_eq!(back.layers(), network.layers());
    assert_eq!(Bundle::write_signs(&contract, &back).unwrap(), bytes);
}

#[test]
fn labels_follow_where_a_lead_has_room() {
    let bundle = |reach| read(&Bundle::write_signs(&sign_sample(), &network(reach)).unwrap());
    let told = |reach: f64, lead: Option<f64>| {
        let lead = lead.map(|lead| Lead::new(lead).unwrap());
        let label = bundle(reach).unwrap().label_contract(lead);
        label.map(|label| label.accepted.tells())
    };
    assert_eq!(told(0.4, None), Some(AnswerKind::Label));
    assert_eq!(told(0.4, Some(0.2)), Some(AnswerKind::LabelWithLead));
    assert_eq!(told(0.4, Some(0.9)), None);
}

#[test]
fn what_does_not_fit_its_contract_is_not_written() {
    let network = network(0.4);
    let refused = |change: &dyn Fn(&mut Contract)| {
        let mut contract = sign_sample();
        change(&mut contract);
        Bundle::write_signs(&contract, &network).unwrap_err()
    };
    let pixels = refused(&|contract| {
        contract.input.shape = [1, 28, 27];
        contract.request = RequestForm::Signs(SignsData { signs: 756 });
    });
    assert!(matches!(pixels, BundleError::Constant), "{pixels}");
    let slots = refused(&|contract| *contract = sample());
    assert!(matches!(slots, BundleError::Program(ProgramError::Form)), "{slots}");
    let label = refused(&|contract| *contract = contract.clone().with_label_alone(None));
    assert!(matches!(label, BundleError::Program(ProgramError::Scores)), "{label}");
    // A program on slots, and a network on batches, under the contract of signs.
    let steps = Bundle::write(&sign_sample(), &light(), 1 << 30).unwrap_err();
    assert!(matches!(steps, BundleError::Program(ProgramError::Form)), "{steps}");
    let batch = Bundle::write_batch(&sign_sample(), &crate::testing::batch()).unwrap_err();
    assert!(matches!(batch, BundleError::Program(ProgramError::Form)), "{batch}");
}

/// The parts of a file.
pub(super) fn parts() -> Parts {
    Parts::of(&Bundle::write_signs(&sign_sample(), &network(0.4)).unwrap())
}

/// The file with another program or other constants.
fn with(change: impl FnOnce(&mut serde_json::Value, &mut Vec<u8>)) -> Result<Bundle, BundleError> {
    let mut parts = parts();
    change(&mut parts.program, &mut parts.constants);
    read(&parts.join())
}

#[test]
fn hostile_files_are_refused() {
    assert!(with(|_, _| ()).is_ok());
    let number = |constants: &mut Vec<u8>, index: usize, number: f32| {
        constants[4 * index..4 * index + 4].copy_from_slice(&number.to_le_bytes());
    };
    for wrong in [0.5, f32::NAN, f32::INFINITY, 3e9, -16_777_218.0] {
        let refused = with(|_, constants| number(constants, 7, wrong)).unwrap_err();
        assert!(matches!(refused, BundleError::Number("a weight")), "{wrong}: {refused}");
    }
    for wrong in [f32::NAN, f32::INFINITY, 1e9] {
        let refused = with(|_, constants| number(constants, 784, wrong)).unwrap_err();
        assert!(matches!(refused, BundleError::Program(ProgramError::Signs(_))), "{refused}");
    }
    let program = |change: &dyn Fn(&mut serde_json::Value)| {
        with(|program, _| change(&mut program["signs"])).unwrap_err()
    };
    for sums in [0_u32, 3, 5, u32::MAX] {
        let refused = program(&|signs| signs["layers"][0]["sums"] = sums.into());
        assert!(matches!(refused, BundleError::Constant), "{sums}: {refused}");
    }
    let few = program(&|signs| signs["loaded_bytes"] = 100.into());
    assert!(matches!(few, BundleError::Memory { declared: 100, .. }), "{few}");
    let reach = program(&|signs| signs["reach"] = 0.3.into());
    assert!(matches!(reach, BundleError::Number("the reach of scores")), "{reach}");
    let far = program(&|signs| signs["layers"][1]["magnitude"] = 0.4.into());
    assert!(matches!(far, BundleError::Program(ProgramError::Signs(_))), "{far}");
    let unknown = program(&|signs| signs["weights"] = 1.into());
    assert!(matches!(unknown, BundleError::Malformed(_)), "{unknown}");
    let cut = with(|_, constants| constants.truncate(400)).unwrap_err();
    assert!(matches!(cut, BundleError::Constant), "{cut}");
}
