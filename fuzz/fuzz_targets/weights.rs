//! The reader of safetensors files: weights that a person found somewhere.
#![no_main]

use blindsight_model::model::Model;
use blindsight_model::sequential::TrainedNetwork;
use blindsight_model::weights::Weights;
use libfuzzer_sys::fuzz_target;

fuzz_target!(|data: &[u8]| {
    if let Err(error) = Weights::parse(data) {
        assert!(!error.to_string().is_empty());
    }
    if let Err(error) = TrainedNetwork::from_safetensors(data) {
        assert!(!error.to_string().is_empty());
    }
    if let Err(error) = Model::from_safetensors(data) {
        assert!(!error.to_string().is_empty());
    }
});
