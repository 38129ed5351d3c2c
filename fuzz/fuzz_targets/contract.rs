//! The reader of contracts: what a client reads of a server, before anything else.
#![no_main]

use std::sync::LazyLock;

use blindsight_contract::{Answer, Contract, Policy, Request};
use blindsight_fuzz::SAMPLES;

libfuzzer_sys::fuzz_target!(|data: &[u8]| {
    LazyLock::force(&SAMPLES);
    let Ok(contract) = Contract::parse(data, &Policy::default()) else {
        return;
    };
    // What was accepted does what it says.
    let values = vec![1.0; contract.input().values()];
    match contract.request() {
        Request::Slots(request) => {
            let count = request.ciphertexts() * contract.set().slots();
            assert!(request.map().pack(&values).is_some_and(|slots| slots.len() == count));
        }
        Request::Signs(request) => {
            assert!(request.of(&values).is_some_and(|signs| signs.len() == values.len()));
            assert!(contract.answer().exact().is_some_and(|exact| exact == request.exact()));
        }
    }
    let (values, classes) = (contract.answer().values(), contract.classes().len());
    match contract.answer() {
        // An encoder has no classes.
        Answer::Compact(_) | Answer::Products(_) | Answer::Exact(_) => {
            assert!(values == classes || classes == 0)
        }
        Answer::Label(label) => assert_eq!(label.code().classes(), classes),
    }
    if let Some(answer) = contract.answer().compact() {
        let read = answer.read(&vec![1.0; answer.period()]);
        assert!(read.is_some_and(|read| read.len() == values));
    }
    assert!(contract.bundle().missing([contract.bundle()]).is_empty());
});
