//! Recognises the parts of a graph that can be run encrypted.

use super::{LoweringError, Source};
use crate::residual::packing::Layout;
use blindsight_model::graph::{ActivationKind, Conv2d, Graph, Linear, Node, NodeId, Padding};
use blindsight_model::tensor::Shape;

/// An activation and the sum before it.
pub(super) struct Sum<'a> {
    pub(super) activation: NodeId,
    pub(super) kind: ActivationKind,
    pub(super) shape: Shape,
    pub(super) main: ConvolutionTerm<'a>,
    pub(super) other: Option<Term<'a>>,
}

/// A term of a sum.
pub(super) enum Term<'a> {
    Convolution(ConvolutionTerm<'a>),
    Subsampled(SubsampledTerm),
    Unchanged(Source),
}

/// A convolution.
pub(super) struct ConvolutionTerm<'a> {
    pub(super) node: NodeId,
    pub(super) source: Source,
    pub(super) conv: &'a Conv2d,
    pub(super) input: Shape,
    pub(super) output: Shape,
}

/// Every second row and column, with added channels of zeros.
pub(super) struct SubsampledTerm {
    pub(super) node: NodeId,
    pub(super) source: Source,
    pub(super) input: Shape,
    pub(super) output: Shape,
}

/// The end of a graph: the layer of the scores and the block whose channels' means it reads.
pub(super) struct Scores<'a> {
    pub(super) node: NodeId,
    pub(super) source: usize,
    /// Shape of the block's result.
    pub(super) shape: Shape,
    pub(super) linear: &'a Linear,
}

/// A graph seen as sums before activations and the scores.
pub(super) struct Pattern<'a> {
    graph: &'a Graph,
    activations: Vec<NodeId>,
}

impl<'a> Pattern<'a> {
    pub(super) fn new(graph: &'a Graph) -> Self {
        let activations = graph.activations().map(|(id, _)| id).collect();
        Self { graph, activations }
    }

    /// The shape of the picture.
    pub(super) fn input(&self) -> Result<Shape, LoweringError> {
        self.shape(self.graph.input())
    }

    /// Every activation with what it is applied to, in execution order.
    pub(super) fn sums(&self) -> impl Iterator<Item = Result<Sum<'a>, LoweringError>> {
        self.graph.nodes().filter_map(|(id, node)| match node {
            Node::Activation { source, kind } => Some(self.sum(id, *kind, *source)),
            _ => None,
        })
    }

    /// The end of the graph.
    pub(super) fn scores(&self) -> Result<Scores<'a>, LoweringError> {
        let node = self.graph.output();
        let Some(Node::Linear { source, linear }) = self.graph.node(node) else {
            let found = self.name(node);
            let node = node.index();
            return Err(LoweringError::End { node, found });
        };
        let Some(&Node::GlobalAveragePool { source: pooled }) = self.graph.node(*source) else {
            return Err(self.unexpected(node, *source, "an average pool"));
        };
        match self.source(*source, pooled)? {
            Source::Block(block) => {
                Ok(Scores { node, source: block, shape: self.shape(pooled)?, linear })
            }
            Source::Picture => Err(self.unexpected(*source, pooled, "the result of an activation")),
        }
    }

    fn sum(
        &self,
        activation: NodeId,
        kind: ActivationKind,
        summed: NodeId,
    ) -> Result<Sum<'a>, LoweringError> {
        let node = summed.index();
        let (main, other) = match self.graph.node(summed) {
            Some(Node::Conv2d { .. }) => (self.term(activation, summed)?, None),
            Some(&Node::Add { left, right }) => {
                let (left, right) = (self.term(summed, left)?, self.term(summed, right)?);
                if left.kernel() >= right.kernel() {
                    (left, Some(right))
                } else {
                    (right, Some(left))
                }
            }
            _ => return Err(self.unexpected(activation, summed, "a convolution or a sum")),
        };
        let Term::Convolution(main) = main else {
            return Err(LoweringError::NoConvolution { node });
        };
        if matches!(other, Some(Term::Unchanged(Source::Picture))) {
            return Err(LoweringError::PictureShortcut { node });
        }
        if other.as_ref().is_some_and(|other| other.kernel() > 1) {
            return Err(LoweringError::TwoKernels { node });
        }
        Ok(Sum { activation, kind, shape: self.shape(activation)?, main, other })
    }

    fn term(&self, reader: NodeId, node: NodeId) -> Result<Term<'a>, LoweringError> {
        match self.graph.node(node) {
            Some(Node::Conv2d { source, conv }) => {
                check_convolution(node, conv)?;
                let (input, padding) = (self.source(node, *source)?, conv.padding());
                // The rows that a request repeats are those for taps on both sides.
                if input == Source::Picture && padding.as_even().is_none() {
                    let node = node.index();
                    return Err(LoweringError::UnevenPicture { node, padding });
                }
                Ok(Term::Convolution(ConvolutionTerm {
                    node,
                    source: input,
                    conv,
                    input: self.shape(*source)?,
                    output: self.shape(node)?,
                }))
            }
            Some(Node::SubsamplePad { source, .. }) => Ok(Term::Subsampled(SubsampledTerm {
                node,
                source: self.source(node, *source)?,
                input: self.shape(*source)?,
                output: self.shape(node)?,
            })),
            _ => self.source(reader, node).map(Term::Unchanged),
        }
    }

    /// The picture or the block whose result `node` is.
    fn source(&self, reader: NodeId, node: NodeId) -> Result<Source, LoweringError> {
        if node == self.graph.input() {
            return Ok(Source::Picture);
        }
        match self.activations.binary_search(&node) {
            Ok(block) => Ok(Source::Block(block)),
            Err(_) => {
                let expected = "the result of an activation or the picture";
                Err(self.unexpected(reader, node, expected))
            }
        }
    }

    /// The shape of a result that is held in a ciphertext.
    fn shape(&self, node: NodeId) -> Result<Shape, LoweringError> {
        let shape = self.graph.shape(node);
        let node = node.index();
        match Layout::of(shape) {
            Some(_) => Ok(shape),
            None => Err(LoweringError::Layout { node, shape }),
        }
    }

    fn unexpected(&self, reader: NodeId, read: NodeId, expected: &'static str) -> LoweringError {
        LoweringError::Unexpected {
            reader: reader.index(),
            operation: self.name(reader),
            read: read.index(),
            found: self.name(read),
            expected,
        }
    }

    fn name(&self, node: NodeId) -> &'static str {
        self.graph.node(node).map_or("picture", Node::name)
    }
}

impl Term<'_> {
    /// Side of the kernel, 0 for what is no convolution.
    fn kernel(&self) -> usize {
        match self {
            Self::Convolution(term) => term.conv.kernel_height(),
            Self::Subsampled(_) | Self::Unchanged(_) => 0,
        }
    }
}

fn check_convolution(node: NodeId, conv: &Conv2d) -> Result<(), LoweringError> {
    let node = node.index();
    let (height, width) = (conv.kernel_height(), conv.kernel_width());
    let padding = conv.padding();
    let stride = conv.stride();
    if conv.groups() > 1 {
        return Err(LoweringError::Groups { node, groups: conv.groups() });
    }
    let supported = match (height, width, padding.as_even()) {
        (1, 1, Some(0)) | (3, 3, Some(1)) => true,
        (3, 3, None) => stride == 2 && padding == Padding::uneven(0, 1),
        _ => false,
    };
    if !supported {
        return Err(LoweringError::Kernel { node, height, width, padding });
    }
    match stride {
        1 | 2 => Ok(()),
        stride => Err(LoweringError::Stride { node, stride }),
    }
}

#[cfg(test)]
mod tests {
    use super::super::check;
    use super::super::testing::{Downsampling, Parts, network};
    use super::*;

    const RELU: ActivationKind = ActivationKind::Relu;

    /// What a graph is refused for.
    fn refusal(graph: &Graph) -> String {
        check(graph).unwrap_err().to_string()
    }

    /// A network of one convolution and one activation between picture and scores.
    fn one_layer(layer: impl FnOnce(&mut Parts, NodeId) -> NodeId) -> Graph {
        let mut parts = Parts::new();
        let input = parts.input();
        let end = layer(&mut parts, input);
        parts.scores(end, 16)
    }

    #[test]
    fn residual_networks_are_recognised() {
        let graph = network(RELU, Downsampling::SubsamplePad);
        assert_eq!(check(&graph), Ok(()));
        let pattern = Pattern::new(&graph);
        let sums: Vec<_> = pattern.sums().collect::<Result<_, _>>().unwrap();
        let sources: Vec<_> = sums.iter().map(|sum| sum.main.source).collect();
        let blocks = [0, 1, 2, 3].map(Source::Block);
        assert_eq!(sources[0], Source::Picture);
        assert_eq!(sources[1..], blocks);
        // The identity is the left term there, the convolution the right.
        let other = sums[2].other.as_ref();
        assert!(matches!(other, Some(Term::Unchanged(Source::Block(0)))));
        let other = sums[4].other.as_ref();
        assert!(matches!(
            other,
            Some(Term::Subsampled(SubsampledTerm { source: Source::Block(2), .. }))
        ));
        assert_eq!(pattern.scores().unwrap().source, 4);
    }

    #[test]
    fn the_smaller_kernel_is_the_shortcut() {
        for shortcut_first in [false, true] {
            let graph = one_layer(|parts, input| {
                let small = [16, 3, 1, 1];
                let mut terms = [[16, 3, 3, 3], small].map(|dims| parts.conv(input, dims, 1));
                if shortcut_first {
                    terms.reverse();
                }
                let sum = parts.sum(terms[0], terms[1]);
                parts.activation(sum, RELU)
            });
            let sum = Pattern::new(&graph).sums().next().unwrap().unwrap();
            assert_eq!(sum.main.conv.kernel_height(), 3);
            assert!(matches!(sum.other, Some(Term::Convolution(_))));
        }
    }

    #[test]
    fn other_kernels_and_strides_are_refused() {
        fn refused(dims: [usize; 4], stride: usize, padding: impl Into<Padding>) -> String {
            let graph = one_layer(|parts, input| {
                let conv = parts.padded_conv(input, dims, stride, padding);
                parts.activation(conv, RELU)
            });
            refusal(&graph)
        }
        let sentence = "the convolution at node 1 has a kernel of 5x5 with a padding of 2; under \
                        encryption it can be 3x3 with a padding of 1 (with a stride of 2 also \
                        with 1 at the bottom and the right alone) or 1x1 without padding";
        assert_eq!(refused([16, 3, 5, 5], 1, 2), sentence);
        for (height, width, padding) in [(3, 3, 0), (1, 1, 1), (3, 1, 1), (1, 3, 0)] {
            let sentence = refused([16, 3, height, width], 1, padding);
            assert!(sentence.contains("kernel of"), "{sentence}");
        }
        let columns_alone = Padding { rows: [1, 1], columns: [0, 1] };
        for (stride, padding) in [
            (1, Padding::uneven(0, 2)),
            (1, Padding::uneven(0, 1)),
            (2, Padding::uneven(1, 0)),
            (2, columns_alone),
            (3, Padding::uneven(0, 1)),
        ] {
            let sentence = refused([16, 3, 3, 3], stride, padding);
            assert!(sentence.contains(&format!("a padding of {padding}")), "{sentence}");
            assert!(sentence.contains("kernel of 3x3"), "{sentence}");
        }
        let sentence = refused([16, 3, 3, 3], 2, Padding::uneven(0, 1));
        assert!(sentence.contains("reads the picture with a padding of 0 (top)"), "{sentence}");
        let sentence = refused([16, 3, 3, 3], 3, 1);
        assert!(sentence.contains("a stride of 3"), "{sentence}");
    }

    #[test]
    fn feature_maps_must_fit_the_slots() {
        let graph = one_layer(|parts, input| {
            let wide = parts.conv(input, [32, 3, 3, 3], 1);
            let wide = parts.activation(wide, RELU);
            let conv = parts.conv(wide, [16, 32, 3, 3], 1);
            parts.activation(conv, RELU)
        });
        let sentence = refusal(&graph);
        assert!(sentence.starts_with("the result of node 1 is 32x32x32;"), "{sentence}");

        let mut parts = Parts::of_shape(Shape::new(3, 28, 28).unwrap());
        let conv = parts.conv(parts.input(), [16, 3, 3, 3], 1);
        let end = parts.activation(conv, RELU);
        let sentence = refusal(&parts.scores(end, 16));
        assert!(sentence.starts_with("the result of node 0 is 3x28x28;"), "{sentence}");
    }

    #[test]
    fn sums_need_a_convolution_and_an_activation() {
        let graph = one_layer(|parts, input| {
            let conv = parts.conv(input, [16, 3, 3, 3], 1);
            let end = parts.activation(conv, RELU);
            let sum = parts.sum(end, end);
            parts.activation(sum, RELU)
        });
        let sentence = refusal(&graph);
        assert!(sentence.starts_with("node 3 adds two feature maps"), "{sentence}");

        let graph = one_layer(|parts, input| {
            let terms = [1, 2].map(|_| parts.conv(input, [16, 3, 3, 3], 1));
            let sum = parts.sum(terms[0], terms[1]);
            parts.activation(sum, RELU)
        });
        let sentence = refusal(&graph);
        assert!(sentence.starts_with("node 3 adds two convolutions"), "{sentence}");

        // No activation after the sum.
        let graph = one_layer(|parts, input| {
            let conv = parts.conv(input, [16, 3, 3, 3], 1);
            let end = parts.activation(conv, RELU);
            let conv = parts.conv(end, [16, 16, 3, 3], 1);
            let sum = parts.sum(end, conv);
            let conv = parts.conv(sum, [16, 16, 3, 3], 1);
            parts.activation(conv, RELU)
        });
        let sentence = "node 5 (convolution) reads node 4 (sum), but under encryption it can only \
                        read the result of an activation or the picture";
        assert_eq!(refusal(&graph), sentence);

        let graph = one_layer(|parts, input| {
            let conv = parts.conv(input, [16, 3, 3, 3], 1);
            let end = parts.activation(conv, RELU);
            parts.activation(end, RELU)
        });
        let sentence = refusal(&graph);
        assert!(sentence.contains("only read a convolution or a sum"), "{sentence}");
    }

    #[test]
    fn a_network_must_end_with_pool_and_scores() {
        let graph = one_layer(|parts, input| parts.conv(input, [16, 3, 3, 3], 1));
        let sentence = refusal(&graph);
        assert!(
            sentence.starts_with("node 2 (average pool) reads node 1 (convolution)"),
            "{sentence}"
        );

        let mut parts = Parts::new();
        let conv = parts.conv(parts.input(), [16, 3, 3, 3], 1);
        let end = parts.activation(conv, RELU);
        let sentence = refusal(&parts.finish(end));
        assert!(sentence.starts_with("the network ends with node 2 (activation)"), "{sentence}");
    }
}
