//! Trains networks that are then run under encryption.
//!
//! ```
//! use blindsight_model::sequential::{Quadratic, Sequential};
//! use blindsight_train::{Adam, Compile, CrossEntropy, Fit, Samples};
//!
//! // Two numbers, and whether they lie on the same side of zero.
//! let inputs: Vec<f32> = (0..400).map(|i| (i as f32 * 0.7).sin()).collect();
//! let labels = inputs.chunks_exact(2).map(|pair| usize::from(pair[0] * pair[1] > 0.0)).collect();
//! let samples = Samples::new([2, 1, 1], inputs, labels)?;
//! let (train, test) = samples.split(50, 1);
//!
//! let mut model = Sequential::new([2, 1, 1])
//!     .dense(8)
//!     .activation(Quadratic::learnable())
//!     .dense(2)
//!     .compile(Adam::default(), CrossEntropy::default())?;
//! model.fit(&train, Fit::epochs(60).batch(10))?;
//! assert!(model.evaluate(&test)?.accuracy > 0.9);
//! # Ok::<(), blindsight_train::TrainError>(())
//! ```
//!
//! What is trained is a [`Sequential`](blindsight_model::sequential::Sequential); what comes out of
//! [`Model::save`] is one file, which `blindsight compile` takes as it takes ONNX. Everything that is
//! random follows from one seed.
//!
//! Squares explode where a ReLU would not, so a training clips its gradients, starts from weights
//! that were scaled by a first batch, can hold the inputs of activations within a [`Range`], and stops
//! at the first number that is not finite, with the last good weights.

mod average;
mod batches;
mod curve;
mod distillation;
mod distortion;
mod error;
mod fit;
mod layer;
mod loss;
mod model;
mod network;
mod optimiser;
mod progress;
mod recipes;
mod rounding;
mod samples;

pub use batches::Shifts;
pub use curve::curve;
pub use distillation::{Distillation, Teacher};
pub use distortion::Distortion;
pub use error::TrainError;
pub use fit::{Epoch, Fit, L0, Range};
pub use loss::{CrossEntropy, Loss, Reconstruction};
pub use model::{Compile, Evaluation, Model};
pub use optimiser::Adam;
pub use progress::Progress;
pub use recipes::{Recipe, recipe, recipe_names};
pub use rounding::Bits;
pub use samples::Samples;

/// The example of the guide compiles.
#[cfg(doctest)]
#[doc = include_str!("../../../docs/training.md")]
struct Guide;
