//! Quadratic functions as nodes of a graph.

use super::{
    ActivationKind, GraphBuilder, GraphError, Node, NodeId, ParameterError, Pick, Selection,
};

/// How far a parabola's vertex may lie from zero. Beyond it the square is so much larger than the
/// function that rounding of the square would show.
const MAX_VERTEX: f64 = 16.0;

/// Adds `a x^2 + b x + c` with the rows a, b and c of `coefficients`, which hold one number for the
/// layer or one for every channel.
///
/// Where it can be, it is `a (x + b / 2a)^2 + (c - b^2 / 4a)`: a square between numbers times
/// channels plus numbers, which the compiler multiplies into the linear layers around, so that under
/// encryption it costs what a square costs. A parabola that is nearly a line is a sum instead.
pub(crate) fn quadratic<E: From<GraphError>>(
    builder: &mut GraphBuilder,
    source: NodeId,
    coefficients: &[f32],
    impossible: impl Fn(ParameterError) -> E,
) -> Result<NodeId, E> {
    let square = |source| Node::Activation { source, kind: ActivationKind::Square };
    let Some(shape) = builder.shape(source) else {
        // Which says that there is no such source.
        return Ok(builder.add(square(source))?);
    };
    let functions = coefficients.len() / 3;
    let of_channel = |channel: usize| {
        let at = if functions == 1 { 0 } else { channel };
        [0, 1, 2].map(|row| f64::from(coefficients[row * functions + at]))
    };
    let channels: Vec<[f64; 3]> = (0..shape.channels()).map(of_channel).collect();
    let affine = |source, pair: &dyn Fn([f64; 3]) -> (f64, f64)| {
        let pick = |(channel, numbers): (usize, &[f64; 3])| {
            let (factor, offset) = pair(*numbers);
            Pick { from: Some(channel), factor: factor as f32, offset: offset as f32 }
        };
        let all = Selection::everything([shape.channels(), shape.height(), shape.width()]);
        let selection = all.with_channels(channels.iter().enumerate().map(pick).collect());
        Ok::<_, E>(Node::Select { source, selection: selection.map_err(&impossible)? })
    };
    let near = |[a, b, _]: &[f64; 3]| *a != 0.0 && b.abs() <= 2.0 * MAX_VERTEX * a.abs();
    if channels.iter().all(near) {
        let shifted = builder.add(affine(source, &|[a, b, _]| (1.0, b / (2.0 * a)))?)?;
        let squared = builder.add(square(shifted))?;
        let scaled = affine(squared, &|[a, b, c]| (a, c - b * b / (4.0 * a)))?;
        return Ok(builder.add(scaled)?);
    }
    let squared = builder.add(square(source))?;
    let left = builder.add(affine(squared, &|[a, _, _]| (a, 0.0))?)?;
    let right = builder.add(affine(source, &|[_, b, c]| (b, c))?)?;
    Ok(builder.add(Node::Add { left, right })?)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::plain::PlainNetwork;
    use crate::sequential::FileError;
    use crate::tensor::{Shape, Tensor};

    /// What the nodes make of two channels of two numbers, and how many nodes there are.
    fn run(coefficients: &[f32], input: [f32; 4]) -> (Vec<f32>, usize) {
        let shape = Shape::new(2, 1, 2).unwrap();
        let mut builder = GraphBuilder::new(shape);
        let input_node = builder.input();
        let impossible = |reason| FileError::Parameters { index: 0, reason };
        let end = quadratic(&mut builder, input_node, coefficients, impossible).unwrap();
        let graph = builder.finish(end).unwrap();
        let nodes = graph.nodes().len();
        let input = Tensor::new(shape, input.to_vec()).unwrap();
        (PlainNetwork::new(graph).run(&input).unwrap().values().to_vec(), nodes)
    }

    #[test]
    fn parabolas_are_what_they_say() {
        let input = [-2.0, 0.5, 1.0, 3.0];
        // One function; two functions; a line beside a parabola; one that is nearly a line.
        let cases: [(&[f32], usize); 4] = [
            (&[0.25, 0.5, -1.0], 3),
            (&[0.5, -2.0, 1.0, 3.0, 0.0, 1.0], 3),
            (&[0.0, 1.0, 1.0, 0.5, 2.0, 0.0], 4),
            (&[0.001, 1.0, 0.0], 4),
        ];
        for (coefficients, nodes) in cases {
            let functions = coefficients.len() / 3;
            let expected = input.iter().enumerate().map(|(at, x)| {
                let at = (at / 2).min(functions - 1);
                let [a, b, c] = [0, 1, 2].map(|row| coefficients[row * functions + at]);
                a * x * x + b * x + c
            });
            let (found, count) = run(coefficients, input);
            assert_eq!(count, nodes, "{coefficients:?}");
            for (found, expected) in found.iter().zip(expected) {
                assert!((found - expected).abs() < 1e-5, "{coefficients:?}: {found} {expected}");
            }
        }
    }
}
