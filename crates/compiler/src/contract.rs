//! The contract of a compiled network.

use blindsight_contract::{
    AnswerData, AnswerForm, BoxData, Contract, Forecast, InputData, KeyData, PreparationData,
    RequestData, RequestForm, SchemeData, VERSION,
};
use blindsight_engine::Checked;
use blindsight_model::tensor::Shape;

use crate::compile::{Description, InputRule};

/// `log2` of the modulus of an answer: its rounding error is then about 3e-4 of the scores' range.
pub(crate) const ANSWER_LOG2_MODULUS: u32 = 22;

/// What travels of a program: where an input goes, and where its result stands.
#[derive(Debug, Clone)]
pub(crate) struct Formats {
    /// Shape of the input.
    pub(crate) input: Shape,
    /// Ciphertexts of a request.
    pub(crate) ciphertexts: usize,
    /// Where its values go in the slots of a request.
    pub(crate) boxes: Vec<BoxData>,
    /// `log2` of the modulus of an answer.
    pub(crate) answer_log2_modulus: u32,
    /// The number of distinct slots of an answer.
    pub(crate) answer_period: usize,
    /// The scale of an answer modulo the smallest prime.
    pub(crate) answer_scale: f64,
    /// What a decrypted 1 means.
    pub(crate) answer_unit: f64,
    /// The slot of each class.
    pub(crate) answer_slots: Vec<u32>,
}

pub(crate) fn contract(
    checked: &Checked,
    formats: &Formats,
    description: &Description,
    forecast: Forecast,
) -> Contract {
    let set = checked.circuit.set();
    let request = checked.values[0];
    let sent = 2_f64.powi(formats.answer_log2_modulus as i32) / set.prime(1);
    Contract {
        blindsight_contract: VERSION,
        id: description.id.clone(),
        title: description.title.clone(),
        classes: description.classes.clone(),
        input: input_data(formats.input, &description.input),
        scheme: SchemeData::of(set.literal()),
        keys: checked.keys.specs().iter().map(KeyData::of).collect(),
        request: RequestForm::Slots(RequestData {
            level: request.level as u32,
            scale: request.scale,
            ciphertexts: formats.ciphertexts as u32,
            inputs: 1,
            slots: formats.boxes.clone(),
        }),
        answer: AnswerForm::Compact(AnswerData {
            log2_modulus: formats.answer_log2_modulus,
            period: formats.answer_period as u32,
            scale: formats.answer_scale * sent,
            unit: formats.answer_unit,
            slots: formats.answer_slots.clone(),
        }),
        forecast,
    }
}

/// What a client must know of an input.
pub(crate) fn input_data(shape: Shape, rule: &InputRule) -> InputData {
    let preparation = match rule {
        InputRule::Picture { mean, deviation } => {
            PreparationData::Picture { mean: mean.clone(), deviation: deviation.clone() }
        }
        InputRule::Tensor => PreparationData::Tensor {},
    };
    let shape = [shape.channels(), shape.height(), shape.width()].map(|n| n as u32);
    InputData { shape, preparation }
}
