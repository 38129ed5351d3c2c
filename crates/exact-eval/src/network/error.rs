//! What is no network.

use thiserror::Error;

use super::{MOST_LAYERS, MOST_VALUES};

/// Why layers are no network.
#[derive(Debug, Error, Clone, PartialEq)]
#[non_exhaustive]
pub enum NetworkError {
    /// Too few or too many.
    #[error("{layers} layers: a network of signs has 2 to {MOST_LAYERS}")]
    Layers {
        /// What was found.
        layers: usize,
    },
    /// The picture.
    #[error("{pixels} pixels: one sample has room for 1 to {most}")]
    Pixels {
        /// What was found.
        pixels: usize,
        /// The degree of `S`.
        most: usize,
    },
    /// The values of a layer.
    #[error("layer {layer} has {values} values; 1 to {MOST_VALUES} can be computed")]
    Values {
        /// Which one.
        layer: usize,
        /// What was found.
        values: usize,
    },
    /// A number that lies on no circle, or a value that is not there.
    #[error("{what} of value {value} in layer {layer} is out of range")]
    Range {
        /// What it is.
        what: &'static str,
        /// Which layer.
        layer: usize,
        /// Which of its values.
        value: usize,
    },
    /// The last layer.
    #[error(
        "two scores may differ by {largest} of the circle, but only half of it tells them apart"
    )]
    Scores {
        /// The largest difference.
        largest: f64,
    },
}
