//! Layers that fit each other.

use serde::{Deserialize, Serialize};

use super::{Layer, LayerError, SequentialError};
use crate::graph;
use crate::tensor::Shape;

/// Most layers of a network.
pub const MAX_LAYERS: usize = 256;

/// Most numbers of an input and of the results of all layers together: far more than fit into
/// ciphertexts, and few enough to hold something for each.
pub const MAX_NUMBERS: usize = 1 << 22;

/// A network without weights, in which every layer fits the one before.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(try_from = "RawArchitecture", into = "RawArchitecture")]
pub struct Architecture {
    layers: Vec<Layer>,
    /// Shape of the input, then of every layer's result.
    shapes: Vec<Shape>,
}

/// A tensor that a layer needs.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Parameter {
    /// The position of its layer.
    pub layer: usize,
    /// What it is to its layer: `weight`, `bias`, `running_mean`, `running_var`, `coefficients`.
    pub role: &'static str,
    /// Its dimensions, the slowest first.
    pub dims: Vec<usize>,
}

impl Parameter {
    /// Its name in a file, as PyTorch names the tensors of a `Sequential`: `0.weight`.
    #[must_use]
    pub fn name(&self) -> String {
        format!("{}.{}", self.layer, self.role)
    }

    /// How many numbers it has.
    #[must_use]
    pub fn count(&self) -> usize {
        self.dims.iter().product()
    }
}

impl Architecture {
    /// Checks the layers; `input` is channels, rows and columns.
    ///
    /// # Errors
    /// [`SequentialError`] at the first layer that is impossible or does not fit the one before.
    pub fn new(input: [usize; 3], layers: Vec<Layer>) -> Result<Self, SequentialError> {
        if layers.is_empty() || layers.len() > MAX_LAYERS {
            return Err(SequentialError::Layers { found: layers.len() });
        }
        let [channels, height, width] = input;
        let mut last = Shape::new(channels, height, width)?;
        let mut shapes = vec![last];
        for (index, layer) in layers.iter().enumerate() {
            let refuse = |reason| SequentialError::Layer { index, layer: layer.name(), reason };
            let source = last;
            last = layer.output(source).map_err(refuse)?;
            for (_, dims) in layer.tensors(source) {
                graph::count(&dims).map_err(|reason| refuse(LayerError::Parameters(reason)))?;
            }
            shapes.push(last);
        }
        // Each is at most MAX_ELEMENTS, so the sum does not overflow.
        let found = shapes.iter().map(|shape| shape.elements()).sum();
        if found > MAX_NUMBERS {
            return Err(SequentialError::TooLarge { found });
        }
        Ok(Self { layers, shapes })
    }

    /// The layers in order.
    #[must_use]
    pub fn layers(&self) -> &[Layer] {
        &self.layers
    }

    /// The shape of the input.
    #[must_use]
    pub fn input(&self) -> Shape {
        self.shapes[0]
    }

    /// The shape of the result.
    #[must_use]
    pub fn output(&self) -> Shape {
        self.shapes[self.layers.len()]
    }

    /// Every layer with the shapes that it reads and gives.
    pub fn steps(&self) -> impl ExactSizeIterator<Item = (Layer, Shape, Shape)> {
        let shapes = self.shapes.windows(2).map(|pair| (pair[0], pair[1]));
        self.layers.iter().zip(shapes).map(|(layer, (source, result))| (*layer, source, result))
    }

    /// All tensors that the network needs, in the order of the layers.
    #[must_use]
    pub fn parameters(&self) -> Vec<Parameter> {
        let layers = self.steps().enumerate();
        let of_layer = |(layer, (kind, source, _)): (usize, (Layer, Shape, Shape))| {
            let tensors = kind.tensors(source).into_iter();
            tensors.map(move |(role, dims)| Parameter { layer, role, dims })
        };
        layers.flat_map(of_layer).collect()
    }
}

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct RawArchitecture {
    input: [usize; 3],
    layers: Vec<Layer>,
}

impl TryFrom<RawArchitecture> for Architecture {
    type Error = SequentialError;

    fn try_from(raw: RawArchitecture) -> Result<Self, SequentialError> {
        Self::new(raw.input, raw.layers)
    }
}

impl From<Architecture> for RawArchitecture {
    fn from(architecture: Architecture) -> Self {
        let input = architecture.input();
        let input = [input.channels(), input.height(), input.width()];
        Self { input, layers: architecture.layers }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::graph::{ActivationKind, NodeError, ParameterError};
    use crate::sequential::{Quadratic, Sequential};

    #[test]
    fn shapes_and_tensors_follow_from_the_layers() {
        let network = Sequential::new([1, 28, 28])
            .conv2d(16, 5)
            .stride(2)
            .batch_norm()
            .activation(Quadratic::learnable().by_channel())
            .avg_pool(2)
            .dense(100)
            .activation(Quadratic::learnable())
            .dense(10)
            .build()
            .unwrap();
        let sides = |shape: Shape| [shape.channels(), shape.height(), shape.width()];
        let shapes: Vec<_> = network.steps().map(|(_, _, result)| sides(result)).collect();
        let conv = [16, 12, 12];
        let dense = [[100, 1, 1], [100, 1, 1], [10, 1, 1]];
        assert_eq!(shapes[..4], [conv, conv, conv, [16, 6, 6]]);
        assert_eq!(shapes[4..], dense);
        let names: Vec<_> = network.parameters().iter().map(Parameter::name).collect();
        let expected = "0.weight 0.bias 1.weight 1.bias 1.running_mean 1.running_var \
                        2.coefficients 4.weight 4.bias 5.coefficients 6.weight 6.bias";
        assert_eq!(names.join(" "), expected);
        let counts: Vec<_> = network.parameters().iter().map(Parameter::count).collect();
        assert_eq!(counts, [400, 16, 16, 16, 16, 16, 48, 57_600, 100, 3, 1000, 10]);
    }

    #[test]
    fn layers_that_do_not_fit_are_named() {
        let refused = |network: Sequential| network.build().unwrap_err();
        let at = |index, layer, reason| SequentialError::Layer { index, layer, reason };
        let small = Shape::new(1, 4, 4).unwrap();
        let found =
            refused(Sequential::new([1, 4, 4]).activation(ActivationKind::Square).conv2d(2, 5));
        assert_eq!(found, at(1, "convolution", NodeError::KernelTooLarge(small).into()));
        let found = refused(Sequential::new([1, 4, 4]).conv2d(2, 3).stride(0));
        let side = ParameterError::Side { what: "stride", side: 0 };
        assert_eq!(found, at(0, "convolution", side.into()));
        let found = refused(Sequential::new([16, 512, 512]).dense(1000));
        let dims = ParameterError::Dimensions(vec![1000, 16 * 512 * 512]);
        assert_eq!(found, at(0, "fully connected layer", dims.into()));
        assert!(matches!(refused(Sequential::new([1, 4, 4])), SequentialError::Layers { .. }));
        assert!(matches!(refused(Sequential::new([0, 4, 4]).dense(1)), SequentialError::Input(_)));
        let large = Sequential::new([1 << 21, 1, 1]).batch_norm().batch_norm();
        assert_eq!(refused(large), SequentialError::TooLarge { found: 3 << 21 });
        let network =
            (0..=MAX_LAYERS).fold(Sequential::new([1, 4, 4]), |network, _| network.dense(1));
        assert_eq!(refused(network), SequentialError::Layers { found: MAX_LAYERS + 1 });
    }

    #[test]
    fn an_architecture_is_checked_when_it_is_read() {
        let network = Sequential::new([1, 6, 6])
            .conv2d(2, 3)
            .padding(1)
            .activation(Quadratic::Layer)
            .avg_pool(2);
        let network = network.batch_norm().activation(ActivationKind::Square).dense(3);
        let network = network.build().unwrap();
        let json = serde_json::to_string(&network).unwrap();
        assert_eq!(serde_json::from_str::<Architecture>(&json).unwrap(), network);
        assert!(json.contains(r#""padding":[1,1,1,1]"#), "{json}");
        for (from, to) in [
            (r#""kernel":3"#, r#""kernel":9"#),
            (r#""kernel":3"#, r#""kernel":18446744073709551615"#),
            (r#""units":3"#, r#""units":0"#),
            (r#""units":3"#, r#""units":3,"rows":1"#),
            ("square", "cube"),
            (r#""input":[1,6,6]"#, r#""input":[1,6]"#),
        ] {
            let changed = json.replacen(from, to, 1);
            assert_ne!(changed, json, "{from}");
            assert!(serde_json::from_str::<Architecture>(&changed).is_err(), "{to}");
        }
    }
}
