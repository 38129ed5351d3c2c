//! Networks on batches in files.

use blindsight_contract::testing::{batch_sample, sample};
use blindsight_contract::{AnswerForm, Contract};

use super::*;
use crate::testing::batch;

#[test]
fn networks_on_batches_come_back() {
    let contract = batch_sample();
    let bytes = Bundle::write_batch(&contract, &batch()).unwrap();
    let bundle = read(&bytes).unwrap();
    assert_eq!(bundle.contract_bytes()[..], contract.to_bytes());
    assert_eq!(bundle.layers(), 4);
    let CheckedCode::Batch(plan) = bundle.code().unwrap() else { unreachable!("a batch") };
    assert_eq!(*plan, batch());
    assert_eq!(Bundle::write_batch(&contract, plan).unwrap(), bytes);
    // Weights for eight sums at a time, indices, a bias a limb.
    assert_eq!(bundle.loaded_bytes(), 8 * (8 * 6 + 6 + 3 + 3 + 8 * 3 + 3 + 2 + 2));
}

#[test]
fn what_does_not_fit_its_contract_is_not_written() {
    let refused = |change: &dyn Fn(&mut Contract, &mut blindsight_ckks_eval::batch::BatchPlan)| {
        let (mut contract, mut plan) = (batch_sample(), batch());
        change(&mut contract, &mut plan);
        Bundle::write_batch(&contract, &plan).unwrap_err()
    };
    let other = refused(&|_, plan| plan.layers[1].weight_scale = 128.0);
    assert!(matches!(other, BundleError::Program(ProgramError::BatchContract)), "{other}");
    let deeper = refused(&|_, plan| plan.layers[1].square = true);
    assert!(matches!(deeper, BundleError::Program(_)), "{deeper}");
    let fewer = refused(&|contract, _| {
        if let AnswerForm::Products(answer) = &mut contract.answer {
            answer.parts = 2;
        }
    });
    assert!(matches!(fewer, BundleError::Program(ProgramError::BatchContract)), "{fewer}");
    let inputs = refused(&|_, plan| plan.inputs = 7);
    assert!(matches!(inputs, BundleError::Program(ProgramError::BatchContract)), "{inputs}");
    let weight = refused(&|_, plan| plan.layers[0].blocks[0].weights[0] = 16);
    assert!(matches!(weight, BundleError::Program(ProgramError::Batch { .. })), "{weight}");
    // The contract of a program of steps.
    let steps = Bundle::write_batch(&sample(), &batch()).unwrap_err();
    assert!(matches!(steps, BundleError::Program(_)), "{steps}");
}
