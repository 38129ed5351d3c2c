//! ResNet20 for CIFAR-10 (He, Zhang, Ren and Sun 2015, section 4.2) from PyTorch weights.
//!
//! A 3x3 convolution to 16 channels, then three stages of three residual blocks with 16, 32 and
//! 64 channels at 32x32, 16x16 and 8x8, the average of every channel, and ten scores: 19
//! convolutions, each followed by batch normalisation and, after a possible sum, an activation.
//!
//! Or, as in AutoFHE (Ao and Boddeti 2024), without normalisations, and with a quadratic function for
//! every channel, whose coefficients are tensors.

use thiserror::Error;

use crate::classes::CLASSES;
use crate::graph::{
    ActivationKind, BatchNorm, Conv2d, Graph, GraphBuilder, GraphError, Linear, Node, NodeId,
    ParameterError, quadratic,
};
use crate::tensor::Shape;
use crate::weights::{Weights, WeightsError};

/// Activations of a ResNet20, and so functional bootstraps under encryption.
pub const ACTIVATIONS: usize = 19;

/// Channels of the three stages.
const STAGES: [usize; 3] = [16, 32, 64];
const BLOCKS: usize = 3;
/// PyTorch's default, which no weights file records.
const EPSILON: f64 = 1e-5;
/// What the layer of the scores is called in common repositories.
const HEADS: [&str; 2] = ["linear", "fc"];
/// What the 1x1 convolution of a type-B shortcut and its normalisation are called.
const DOWNSAMPLES: [&str; 2] = ["downsample", "shortcut"];

/// How a block that halves the picture carries its input past its convolutions.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Shortcut {
    /// Type A: every second row and column, and channels of zeros. No parameters.
    SubsamplePad,
    /// Type B: a 1x1 convolution of stride 2 with batch normalisation.
    Convolution,
}

/// Builds the network, batch normalisations still apart.
///
/// The shortcut is of type B if the weights hold tensors for it, else of type A. Where they hold
/// quadratic functions, those are the activations, and there are no normalisations.
///
/// # Errors
/// [`ResNet20Error`] when a tensor is missing, extra or misshapen, or holds impossible numbers.
pub fn resnet20(weights: Weights, activation: ActivationKind) -> Result<Graph, ResNet20Error> {
    let downsample = DOWNSAMPLES.into_iter().find(|name| {
        (2..=3).any(|stage| weights.contains(&format!("layer{stage}.0.{name}.0.weight")))
    });
    let builder = GraphBuilder::new(Shape::PICTURE);
    let activation = match (weights.contains(&format!("{HERPN}.w2")), activation) {
        (true, ActivationKind::Square) => Activations::Quadratic,
        (true, other) => return Err(ResNet20Error::Activation { other }),
        (false, kind) => Activations::Normalised(kind),
    };
    let mut assembly = Assembly { weights, builder, activation, downsample };
    let mut last = assembly.builder.input();
    last = assembly.conv_norm(last, ["conv1", "bn1"], [STAGES[0], 3, 3, 3], 1)?;
    last = assembly.activate(last, HERPN, STAGES[0])?;
    let mut channels = STAGES[0];
    for (stage, wider) in (1..).zip(STAGES) {
        for block in 0..BLOCKS {
            last = assembly.block(last, &format!("layer{stage}.{block}"), channels, wider)?;
            channels = wider;
        }
    }
    last = assembly.builder.add(Node::GlobalAveragePool { source: last })?;
    assembly.head(last, channels)
}

/// Which shortcut a network that [`resnet20`] built uses.
#[must_use]
pub fn shortcut(graph: &Graph) -> Shortcut {
    if graph.nodes().any(|(_, node)| matches!(node, Node::SubsamplePad { .. })) {
        Shortcut::SubsamplePad
    } else {
        Shortcut::Convolution
    }
}

/// Why the weights do not make a ResNet20.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum ResNet20Error {
    /// A tensor is missing, extra or misshapen.
    #[error("these weights do not fit a ResNet20: {0}")]
    Weights(#[from] WeightsError),
    /// The numbers of a layer are impossible.
    #[error("layer {layer} has impossible parameters: {reason}")]
    Parameters {
        /// Name of the layer in the weights file.
        layer: String,
        /// What is wrong.
        #[source]
        reason: ParameterError,
    },
    /// The metadata name another activation than the tensors have.
    #[error("the tensors have quadratic functions, but the metadata say that there is {other}")]
    Activation {
        /// What the metadata say.
        other: ActivationKind,
    },
    /// The layers do not fit together.
    #[error(transparent)]
    Graph(#[from] GraphError),
}

/// What AutoFHE calls its quadratic functions: the first by this name, those of a block with a number.
const HERPN: &str = "herpn";

/// What follows convolutions.
#[derive(Clone, Copy)]
enum Activations {
    /// A batch normalisation, and then, after a possible sum, a function.
    Normalised(ActivationKind),
    /// After a possible sum a quadratic function of every channel.
    Quadratic,
}

/// The graph under construction and the weights not yet used.
struct Assembly {
    weights: Weights,
    builder: GraphBuilder,
    activation: Activations,
    /// Name of the type-B shortcut's tensors; `None` means type A.
    downsample: Option<&'static str>,
}

impl Assembly {
    /// A residual block: two convolutions, a shortcut around them, their sum, an activation.
    fn block(
        &mut self,
        source: NodeId,
        name: &str,
        channels: usize,
        wider: usize,
    ) -> Result<NodeId, ResNet20Error> {
        let names = |i: usize| [format!("{name}.conv{i}"), format!("{name}.bn{i}")];
        let stride = if wider == channels { 1 } else { 2 };
        let mut branch = self.conv_norm(source, names(1), [wider, channels, 3, 3], stride)?;
        branch = self.activate(branch, &format!("{name}.{HERPN}1"), wider)?;
        branch = self.conv_norm(branch, names(2), [wider, wider, 3, 3], 1)?;
        let shortcut = match self.downsample {
            _ if stride == 1 => source,
            None => self.builder.add(Node::SubsamplePad { source, channels: wider })?,
            Some(tensor) => {
                let names = [format!("{name}.{tensor}.0"), format!("{name}.{tensor}.1")];
                self.conv_norm(source, names, [wider, channels, 1, 1], stride)?
            }
        };
        let sum = self.builder.add(Node::Add { left: branch, right: shortcut })?;
        if matches!(self.activation, Activations::Quadratic) {
            // Where values lay in training, which nothing here goes by.
            for range in ["min_val", "max_val"] {
                self.weights.take(&format!("{name}.{range}"), &[1])?;
            }
        }
        self.activate(sum, &format!("{name}.{HERPN}2"), wider)
    }

    /// A convolution that keeps the picture's size up to the stride, then its normalisation, if there
    /// are any.
    fn conv_norm(
        &mut self,
        source: NodeId,
        [conv, norm]: [impl AsRef<str>; 2],
        dims: [usize; 4],
        stride: usize,
    ) -> Result<NodeId, ResNet20Error> {
        let (conv, norm) = (conv.as_ref(), norm.as_ref());
        let padding = dims[2] / 2;
        let weights = self.weights.take(&format!("{conv}.weight"), &dims)?;
        let built = Conv2d::new(dims, weights, None, stride, padding);
        let built = built.map_err(|reason| impossible(conv, reason))?;
        let source = self.builder.add(Node::Conv2d { source, conv: built })?;
        if matches!(self.activation, Activations::Quadratic) {
            return Ok(source);
        }

        let mut take = |part| self.weights.take(&format!("{norm}.{part}"), &[dims[0]]);
        let (gain, shift) = (take("weight")?, take("bias")?);
        let (mean, variance) = (take("running_mean")?, take("running_var")?);
        let built = BatchNorm::new(gain, shift, mean, variance, EPSILON);
        let built = built.map_err(|reason| impossible(norm, reason))?;
        Ok(self.builder.add(Node::BatchNorm { source, norm: built })?)
    }

    /// The activation, which is called `name` where it has numbers of its own.
    fn activate(
        &mut self,
        source: NodeId,
        name: &str,
        channels: usize,
    ) -> Result<NodeId, ResNet20Error> {
        let Activations::Normalised(kind) = self.activation else {
            let mut coefficients = Vec::with_capacity(3 * channels);
            for power in ["w2", "w1", "w0"] {
                coefficients.extend(self.weights.take(&format!("{name}.{power}"), &[channels])?);
            }
            let impossible = |reason| impossible(name, reason);
            return quadratic(&mut self.builder, source, &coefficients, impossible);
        };
        Ok(self.builder.add(Node::Activation { source, kind })?)
    }

    /// The layer of the scores, after which no tensor may be left.
    fn head(mut self, source: NodeId, channels: usize) -> Result<Graph, ResNet20Error> {
        let named = |name: &&str| self.weights.contains(&format!("{name}.weight"));
        let name = HEADS.into_iter().find(named).unwrap_or(HEADS[0]);
        let dims = [CLASSES, channels];
        let matrix = self.weights.take(&format!("{name}.weight"), &dims)?;
        let bias = self.weights.take(&format!("{name}.bias"), &dims[..1])?;
        let linear = Linear::new(dims, matrix, bias).map_err(|reason| impossible(name, reason))?;
        let scores = self.builder.add(Node::Linear { source, linear })?;
        self.weights.finish()?;
        Ok(self.builder.finish(scores)?)
    }
}

fn impossible(layer: &str, reason: ParameterError) -> ResNet20Error {
    ResNet20Error::Parameters { layer: layer.to_owned(), reason }
}

#[cfg(test)]
pub(crate) mod tests {
    use super::*;
    use crate::weights::tests::{Entry, file};

    /// All tensors of a ResNet20 of type A, with small made-up numbers.
    fn entries() -> Vec<Entry> {
        let mut entries = Vec::new();
        push_conv_norm(&mut entries, "conv1", "bn1", [16, 3, 3, 3]);
        let mut channels = 16;
        for (stage, wider) in [(1, 16), (2, 32), (3, 64)] {
            for block in 0..3 {
                for (i, from) in [(1, channels), (2, wider)] {
                    let [conv, norm] =
                        ["conv", "bn"].map(|part| format!("layer{stage}.{block}.{part}{i}"));
                    push_conv_norm(&mut entries, &conv, &norm, [wider, from, 3, 3]);
                }
                channels = wider;
            }
        }
        push(&mut entries, "linear.weight", &[10, 64], 0.0);
        push(&mut entries, "linear.bias", &[10], 0.0);
        entries
    }

    fn push_conv_norm(entries: &mut Vec<Entry>, conv: &str, norm: &str, dims: [usize; 4]) {
        push(entries, &format!("{conv}.weight"), &dims, 0.0);
        for (part, centre) in
            [("weight", 1.0), ("bias", 0.0), ("running_mean", 0.0), ("running_var", 1.0)]
        {
            push(entries, &format!("{norm}.{part}"), &dims[..1], centre);
        }
    }

    /// Appends a tensor of numbers within 0.1 of the centre.
    fn push(entries: &mut Vec<Entry>, name: &str, dims: &[usize], centre: f32) {
        let seed = entries.len() * 101;
        let number = |i: usize| centre + (((i * 37 + seed) % 97) as f32 / 97.0 - 0.5) * 0.2;
        let values: Vec<f32> = (0..dims.iter().product()).map(number).collect();
        entries.push(Entry::f32(name, dims, &values));
    }

    /// A weights file of a ResNet20 with made-up numbers, changed somehow.
    pub(crate) fn made_up_file(
        change: impl FnOnce(&mut Vec<Entry>),
        metadata: &[(&str, &str)],
    ) -> Vec<u8> {
        let mut entries = entries();
        change(&mut entries);
        file(&entries, metadata)
    }

    fn build(change: impl FnOnce(&mut Vec<Entry>)) -> Result<Graph, ResNet20Error> {
        build_with(ActivationKind::Relu, change)
    }

    fn build_with(
        activation: ActivationKind,
        change: impl FnOnce(&mut Vec<Entry>),
    ) -> Result<Graph, ResNet20Error> {
        let weights = Weights::parse(&made_up_file(change, &[])).unwrap();
        resnet20(weights, activation)
    }

    #[test]
    fn type_a_has_the_published_shape() {
        let graph = build(|_| ()).unwrap();
        assert_eq!(shortcut(&graph), Shortcut::SubsamplePad);
        assert_eq!(graph.activations().count(), ACTIVATIONS);
        assert_eq!(graph.shape(graph.output()), Shape::vector(10).unwrap());
        let sizes: Vec<_> =
            graph.activations().map(|(id, _)| graph.shape(id).to_string()).collect();
        assert_eq!(sizes[..7], ["16x32x32"; 7]);
        assert_eq!(sizes[7..13], ["32x16x16"; 6]);
        assert_eq!(sizes[13..], ["64x8x8"; 6]);
    }

    #[test]
    fn type_b_is_recognised_by_its_tensors() {
        for name in DOWNSAMPLES {
            let graph = build(|entries| {
                for (stage, wider, channels) in [(2, 32, 16), (3, 64, 32)] {
                    let [conv, norm] = [0, 1].map(|i| format!("layer{stage}.0.{name}.{i}"));
                    push_conv_norm(entries, &conv, &norm, [wider, channels, 1, 1]);
                }
            });
            let graph = graph.unwrap();
            assert_eq!(shortcut(&graph), Shortcut::Convolution);
            assert_eq!(graph.activations().count(), ACTIVATIONS);
        }
    }

    /// Without normalisations, and with three numbers for every channel.
    fn with_quadratic(entries: &mut Vec<Entry>) {
        let (norms, mut others): (Vec<_>, Vec<_>) =
            std::mem::take(entries).into_iter().partition(|entry| entry.name.contains("bn"));
        for norm in norms.iter().filter(|norm| norm.name.ends_with(".weight")) {
            let name = norm.name.strip_suffix(".weight").unwrap();
            let name = if name == "bn1" { "herpn".to_owned() } else { name.replace("bn", "herpn") };
            for (power, centre) in [("w2", 0.3), ("w1", 0.5), ("w0", 0.0)] {
                push(&mut others, &format!("{name}.{power}"), &norm.dims, centre);
            }
            if let Some(block) = name.strip_suffix(".herpn2") {
                push(&mut others, &format!("{block}.min_val"), &[1], -1.0);
                push(&mut others, &format!("{block}.max_val"), &[1], 1.0);
            }
        }
        *entries = others;
    }

    #[test]
    fn quadratic_functions_are_recognised_by_their_tensors() {
        let graph = build_with(ActivationKind::Square, with_quadratic).unwrap();
        assert_eq!(graph.activations().count(), ACTIVATIONS);
        for (_, node) in graph.nodes() {
            assert!(!matches!(node, Node::BatchNorm { .. }));
            let Node::Activation { kind, .. } = node else { continue };
            assert_eq!(*kind, ActivationKind::Square);
        }
        for missing in ["layer2.1.herpn2.w1", "layer3.0.max_val"] {
            let refused = build_with(ActivationKind::Square, |entries| {
                with_quadratic(entries);
                entries.retain(|entry| entry.name != missing);
            });
            assert!(matches!(
                refused,
                Err(ResNet20Error::Weights(WeightsError::Missing { name })) if name == missing
            ));
        }
        let refused = build(with_quadratic);
        let other = ActivationKind::Relu;
        assert!(
            matches!(refused, Err(ResNet20Error::Activation { other: found }) if found == other)
        );
    }

    #[test]
    fn half_a_type_b_is_refused() {
        let [conv, norm] = [0, 1].map(|i| format!("layer2.0.downsample.{i}"));
        let refused = build(|entries| push_conv_norm(entries, &conv, &norm, [32, 16, 1, 1]));
        let missing = "layer3.0.downsample.0.weight";
        assert!(matches!(
            refused,
            Err(ResNet20Error::Weights(WeightsError::Missing { name })) if name == missing
        ));
    }

    #[test]
    fn the_last_layer_may_be_called_fc() {
        let rename = |entry: &mut Entry| entry.name = entry.name.replace("linear.", "fc.");
        build(|entries| entries.iter_mut().for_each(rename)).unwrap();
    }

    #[test]
    fn any_missing_tensor_is_noticed() {
        for index in 0..entries().len() {
            let mut missing = String::new();
            let refused = build(|entries| missing = entries.remove(index).name);
            assert!(
                matches!(
                    &refused,
                    Err(ResNet20Error::Weights(WeightsError::Missing { name })) if *name == missing
                ),
                "without {missing}: {refused:?}"
            );
        }
    }

    #[test]
    fn extra_and_misshapen_tensors_are_refused() {
        let extra = build(|entries| push(entries, "layer4.0.conv1.weight", &[1], 0.0));
        assert!(matches!(extra, Err(ResNet20Error::Weights(WeightsError::Unexpected { .. }))));
        let misshapen = build(|entries| entries[0].dims = vec![16, 3, 9]);
        assert!(matches!(misshapen, Err(ResNet20Error::Weights(WeightsError::Misshapen { .. }))));
    }

    #[test]
    fn negative_variance_is_refused() {
        let negate = |entry: &mut Entry| *entry = Entry::f32(&entry.name, &[16], &[-1.0; 16]);
        let is_variance = |entry: &&mut Entry| entry.name == "layer1.0.bn1.running_var";
        let refused = build(|entries| entries.iter_mut().filter(is_variance).for_each(negate));
        assert!(matches!(
            refused,
            Err(ResNet20Error::Parameters { layer, .. }) if layer == "layer1.0.bn1"
        ));
    }
}
