//! What a client must know of a model before it makes keys, and what it accepts.
//!
//! A server hands out a **contract** for each model: scheme parameters, keys, how a request is
//! packed and an answer read, how an input is prepared, names of classes. Client and evaluator read
//! the same bytes through the same door, [`Contract::parse`]. A client believes nothing of them: a
//! server that wants weak parameters, a key at a larger modulus, more bytes than the [`Policy`]
//! allows, or a slot map that loses values is refused here, and everything behind takes an
//! [`AcceptedContract`] only, which cannot hold such a thing.
//!
//! What a contract does *not* say is as important: distributions of secrets and errors, and all
//! randomness, are the client's own constants.

mod accepted;
mod answer;
mod bundle;
mod error;
mod input;
mod policy;
mod raw;
mod request;
mod sets;
mod slot_map;
#[cfg(any(test, feature = "testing"))]
pub mod testing;
#[cfg(test)]
mod tests;
mod text;

pub use accepted::{AcceptedContract, Meaning};
pub use answer::{Answer, AnswerKind, CompactAnswer, ExactAnswer, LabelAnswer, ProductAnswer};
pub use bundle::{HeadError, Key, KeyBundle, PartError};
pub use error::ContractError;
pub use input::{Input, LARGEST_VALUE, Preparation};
pub use policy::Policy;
pub use raw::{
    AnswerData, AnswerForm, BoxData, Contract, ExactData, ExactSetData, Forecast, InputData,
    KeyData, KeyKindData, LabelData, PreparationData, ProductsData, RequestData, RequestForm,
    SchemeData, SignsData, VERSION,
};
pub use request::{Request, SignRequest};
pub use slot_map::{SlotMap, SlotRequest};
