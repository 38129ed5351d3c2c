//! Networks on encrypted inputs, client and evaluator in one process.
//!
//! ```
//! use blindsight_encrypted::{Goal, Plan};
//! use blindsight_model::graph::ActivationKind;
//! use blindsight_model::sequential::{About, Sequential, TrainedNetwork};
//! use blindsight_model::tensor::Tensor;
//!
//! // Of two numbers, which is larger in magnitude: x^2 against y^2.
//! let layers = Sequential::new([2, 1, 1]).activation(ActivationKind::Square).dense(2).build()?;
//! let tensors = [vec![1.0, 0.0, 0.0, 1.0], vec![0.0, 0.0]];
//! let file = TrainedNetwork::to_safetensors(&layers, &About::default(), &tensors)?;
//! let network = TrainedNetwork::from_safetensors(&file)?;
//!
//! let shape = network.graph().shape(network.graph().input());
//! let point = |i: i32| Tensor::new(shape, vec![(i as f32).sin(), (i as f32 * 1.7).cos()]);
//! let inputs: Vec<Tensor> = (0..60).map(point).collect::<Result<_, _>>()?;
//!
//! let mut model = network.plan(Goal::Throughput, &inputs)?;
//! let request = model.encrypt(&inputs[..3])?;
//! let answer = model.predict_encrypted(&request)?;
//! let scores = model.decrypt(&answer)?;
//! assert_eq!((scores.len(), scores[0].len()), (3, 2));
//! assert!((scores[0][1] - f64::from(inputs[0].values()[1].powi(2))).abs() < 0.1);
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```
//!
//! What is [planned](Plan) is a compiled model with its client: keys are made then, if there are any. In
//! life the two halves of an [`EncryptedModel`] are on two machines, and nothing but a [`Request`] and an
//! [`Answer`], which are bytes, goes from one to the other.

mod client;
mod error;
mod evaluation;
mod model;

pub use blindsight_compiler::Goal;
pub use client::{Client, Keys, best};
pub use error::EncryptedError;
pub use evaluation::EncryptedEvaluation;
pub use model::{Answer, EncryptedModel, Plan, Request};
