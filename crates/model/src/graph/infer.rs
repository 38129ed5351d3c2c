//! Shape inference: the shape of a node's result from the shapes that it reads.

use super::{Conv2d, Node, NodeError, NodeId, Padding};
use crate::tensor::Shape;

/// Shape of the node's result; `shape_of` answers `None` for nodes that do not exist yet.
pub(super) fn output_shape(
    node: &Node,
    shape_of: impl Fn(NodeId) -> Option<Shape>,
) -> Result<Shape, NodeError> {
    let shape = |id: NodeId| shape_of(id).ok_or(NodeError::NotBackwards(id.index()));
    match node {
        Node::Conv2d { source, conv } => convolved(shape(*source)?, conv),
        Node::BatchNorm { source, norm } => {
            let found = shape(*source)?;
            expect_channels(norm.channels(), found)?;
            Ok(found)
        }
        Node::Activation { source, .. } => shape(*source),
        Node::Add { left, right } => {
            let (left, right) = (shape(*left)?, shape(*right)?);
            if left == right { Ok(left) } else { Err(NodeError::TermsDiffer { left, right }) }
        }
        Node::SubsamplePad { source, channels } => subsampled(shape(*source)?, *channels),
        Node::Select { source, selection } => {
            let found = shape(*source)?;
            if !selection.fits([found.channels(), found.height(), found.width()]) {
                return Err(NodeError::Outside(found));
            }
            let (rows, columns) = (selection.rows().len(), selection.columns().len());
            Ok(Shape::new(selection.channels().len(), rows, columns)?)
        }
        Node::Rearrange { source, rearrangement } => {
            let (found, to) = (shape(*source)?.elements(), rearrangement.shape());
            let expected = to.elements();
            if found == expected { Ok(to) } else { Err(NodeError::Elements { expected, found }) }
        }
        Node::AveragePool { source, pool } => {
            let found = shape(*source)?;
            let sides = pool.result([found.height(), found.width()]);
            let [height, width] = sides.ok_or(NodeError::KernelTooLarge(found))?;
            Ok(Shape::new(found.channels(), height, width)?)
        }
        Node::GlobalAveragePool { source } => Ok(Shape::vector(shape(*source)?.channels())?),
        Node::Linear { source, linear } => {
            let found = shape(*source)?.elements();
            if found == linear.inputs() {
                Ok(Shape::vector(linear.outputs())?)
            } else {
                Err(NodeError::Elements { expected: linear.inputs(), found })
            }
        }
    }
}

fn convolved(source: Shape, conv: &Conv2d) -> Result<Shape, NodeError> {
    expect_channels(conv.in_channels(), source)?;
    let kernel = [conv.kernel_height(), conv.kernel_width()];
    let [height, width] = convolved_sides(source, kernel, conv.stride(), conv.padding())?;
    Ok(Shape::new(conv.out_channels(), height, width)?)
}

/// Rows and columns of what a checked kernel makes of a feature map.
pub(crate) fn convolved_sides(
    source: Shape,
    kernel: [usize; 2],
    stride: usize,
    padding: Padding,
) -> Result<[usize; 2], NodeError> {
    // Executors hold the padded feature map too, so it has to be a possible one.
    let [top, left, bottom, right] = padding.sides();
    let (height, width) = (top + source.height() + bottom, left + source.width() + right);
    let padded = Shape::new(source.channels(), height, width)?;
    let side = |length: usize, kernel: usize| {
        let span = length.checked_sub(kernel).ok_or(NodeError::KernelTooLarge(source))?;
        Ok::<_, NodeError>(span / stride + 1)
    };
    Ok([side(padded.height(), kernel[0])?, side(padded.width(), kernel[1])?])
}

fn subsampled(source: Shape, channels: usize) -> Result<Shape, NodeError> {
    let found = source.channels();
    match channels.checked_sub(found) {
        Some(added) if added % 2 == 0 => {
            Ok(Shape::new(channels, source.height().div_ceil(2), source.width().div_ceil(2))?)
        }
        _ => Err(NodeError::UnevenPadding { found, wanted: channels }),
    }
}

fn expect_channels(expected: usize, source: Shape) -> Result<(), NodeError> {
    let found = source.channels();
    if found == expected { Ok(()) } else { Err(NodeError::Channels { expected, found }) }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::graph::{BatchNorm, GraphBuilder, Linear};
    use crate::tensor::MAX_ELEMENTS;

    const INPUT: [usize; 3] = [3, 7, 8];

    /// The shape of one node that reads an input of 3x7x8.
    fn infer(node: impl Fn(NodeId) -> Node) -> Result<Shape, NodeError> {
        let builder = GraphBuilder::new(shape(INPUT));
        output_shape(&node(builder.input()), |id| builder.shape(id))
    }

    fn shape([channels, height, width]: [usize; 3]) -> Shape {
        Shape::new(channels, height, width).unwrap()
    }

    fn conv(dims: [usize; 4], stride: usize, padding: impl Into<Padding>) -> Conv2d {
        Conv2d::new(dims, vec![0.5; dims.iter().product()], None, stride, padding).unwrap()
    }

    #[test]
    fn convolutions_shrink_as_in_pytorch() {
        let cases = [
            ([5, 3, 3, 3], 1, 1, [5, 7, 8]),
            ([5, 3, 3, 3], 2, 1, [5, 4, 4]),
            ([5, 3, 1, 1], 2, 0, [5, 4, 4]),
            ([5, 3, 7, 3], 1, 0, [5, 1, 6]),
        ];
        for (dims, stride, padding, expected) in cases {
            let found = infer(|source| Node::Conv2d { source, conv: conv(dims, stride, padding) });
            assert_eq!(found, Ok(shape(expected)));
        }
        let columns_after = Padding { rows: [2, 0], columns: [0, 1] };
        let found =
            infer(|source| Node::Conv2d { source, conv: conv([5, 3, 3, 3], 2, columns_after) });
        assert_eq!(found, Ok(shape([5, 4, 4])));
    }

    #[test]
    fn convolutions_that_do_not_fit_are_refused() {
        let channels = infer(|source| Node::Conv2d { source, conv: conv([5, 4, 3, 3], 1, 1) });
        assert_eq!(channels, Err(NodeError::Channels { expected: 4, found: 3 }));
        let kernel = infer(|source| Node::Conv2d { source, conv: conv([5, 3, 9, 1], 1, 0) });
        assert_eq!(kernel, Err(NodeError::KernelTooLarge(shape(INPUT))));
        let mut builder = GraphBuilder::new(shape([MAX_ELEMENTS, 1, 1]));
        let conv = conv([1, MAX_ELEMENTS, 1, 1], 1, 1000);
        let padded = builder.add(Node::Conv2d { source: builder.input(), conv });
        assert!(padded.is_err(), "the padded feature map would take 2^46 elements");
    }

    #[test]
    fn normalisation_needs_matching_channels() {
        let norm = |n| BatchNorm::new(vec![1.0; n], vec![0.0; n], vec![0.0; n], vec![1.0; n], 1e-5);
        let fits = infer(|source| Node::BatchNorm { source, norm: norm(3).unwrap() });
        assert_eq!(fits, Ok(shape(INPUT)));
        let refused = infer(|source| Node::BatchNorm { source, norm: norm(2).unwrap() });
        assert_eq!(refused, Err(NodeError::Channels { expected: 2, found: 3 }));
    }

    #[test]
    fn subsampling_pads_evenly() {
        let padded = infer(|source| Node::SubsamplePad { source, channels: 7 });
        assert_eq!(padded, Ok(shape([7, 4, 4])));
        for wanted in [2, 4] {
            let refused = infer(|source| Node::SubsamplePad { source, channels: wanted });
            assert_eq!(refused, Err(NodeError::UnevenPadding { found: 3, wanted }));
        }
        let huge = MAX_ELEMENTS + 3;
        let refused = infer(|source| Node::SubsamplePad { source, channels: huge });
        assert!(matches!(refused, Err(NodeError::Shape(_) | NodeError::UnevenPadding { .. })));
    }

    #[test]
    fn sums_need_equal_shapes() {
        let mut builder = GraphBuilder::new(shape(INPUT));
        let pool = builder.add(Node::GlobalAveragePool { source: builder.input() }).unwrap();
        let sum = Node::Add { left: builder.input(), right: pool };
        let refused = output_shape(&sum, |id| builder.shape(id));
        let (left, right) = (shape(INPUT), shape([3, 1, 1]));
        assert_eq!(refused, Err(NodeError::TermsDiffer { left, right }));
    }

    #[test]
    fn fully_connected_layers_read_every_element() {
        let linear = |inputs| Linear::new([10, inputs], vec![0.0; 10 * inputs], vec![0.0; 10]);
        let fits = infer(|source| Node::Linear { source, linear: linear(168).unwrap() });
        assert_eq!(fits, Ok(shape([10, 1, 1])));
        let refused = infer(|source| Node::Linear { source, linear: linear(3).unwrap() });
        assert_eq!(refused, Err(NodeError::Elements { expected: 3, found: 168 }));
    }
}
