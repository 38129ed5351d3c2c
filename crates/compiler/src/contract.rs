//! The contract of a compiled network.

use blindsight_contract::{
    AnswerData, Contract, Forecast, InputData, KeyData, PreparationData, RequestData, SchemeData,
    VERSION,
};
use blindsight_engine::Checked;

use crate::compile::{CompileError, Description, InputRule};
use crate::formats::{ANSWER_LOG2_MODULUS, ANSWER_PERIOD, ANSWER_SCALE};
use crate::lowering::Lowered;
use crate::packing::request_boxes;

pub(crate) fn contract(
    checked: &Checked,
    lowered: &Lowered,
    description: &Description,
    forecast: Forecast,
) -> Result<Contract, CompileError> {
    let set = checked.bootstrap.set();
    let shape = lowered.input;
    let request = checked.values[0];
    let slots = request_boxes(shape, checked.bootstrap.slot_shift());
    let preparation = match &description.input {
        InputRule::Picture { mean, deviation } => {
            PreparationData::Picture { mean: mean.clone(), deviation: deviation.clone() }
        }
        InputRule::Tensor => PreparationData::Tensor {},
    };
    Ok(Contract {
        blindsight_contract: VERSION,
        id: description.id.clone(),
        title: description.title.clone(),
        classes: description.classes.clone(),
        input: InputData {
            shape: [shape.channels(), shape.height(), shape.width()].map(|n| n as u32),
            preparation,
        },
        scheme: SchemeData::of(set.literal()),
        keys: checked.keys.specs().iter().map(KeyData::of).collect(),
        request: RequestData {
            level: request.level as u32,
            scale: request.scale,
            slots: slots.ok_or(CompileError::Input(shape))?,
        },
        answer: AnswerData {
            log2_modulus: ANSWER_LOG2_MODULUS,
            period: ANSWER_PERIOD as u32,
            scale: ANSWER_SCALE * 2_f64.powi(ANSWER_LOG2_MODULUS as i32) / set.prime(1),
            unit: f64::from(lowered.head.bound),
            slots: (0..lowered.head.bias.len() as u32).collect(),
        },
        forecast,
    })
}
