//! The reader of contracts: what a client reads of a server, before anything else.
#![no_main]

use std::sync::LazyLock;

use blindsight_contract::{AcceptedContract, Contract, Policy, testing};

/// Whose tables all those share that leave the scheme alone: making them takes most of the time.
static SAMPLE: LazyLock<AcceptedContract> = LazyLock::new(|| {
    let bytes = testing::sample().to_bytes();
    Contract::parse(&bytes, &Policy::default()).expect("the sample is a contract")
});

libfuzzer_sys::fuzz_target!(|data: &[u8]| {
    LazyLock::force(&SAMPLE);
    let Ok(contract) = Contract::parse(data, &Policy::default()) else {
        return;
    };
    // What was accepted does what it says.
    let values = vec![1.0; contract.input().values()];
    let slots = contract.request().slots().pack(&values);
    let count = contract.request().ciphertexts() * contract.set().slots();
    assert!(slots.is_some_and(|slots| slots.len() == count));
    assert_eq!(contract.answer().values(), contract.classes().len());
    if let Some(answer) = contract.answer().compact() {
        let values = answer.read(&vec![1.0; answer.period()]);
        assert!(values.is_some_and(|values| values.len() == contract.classes().len()));
    }
    assert!(contract.missing([contract.keys()]).is_empty());
});
