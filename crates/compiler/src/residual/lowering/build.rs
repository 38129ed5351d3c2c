//! Sets the units of all activations and moves them into the weights.

use super::pattern::{ConvolutionTerm, Pattern, Scores, SubsampledTerm, Sum, Term};
use super::{
    Block, Convolution, Head, Lowered, LoweredActivation, LoweringError, Shortcut, Source,
};
use crate::units::ActivationUnits;
use blindsight_model::calibration::{ActivationRange, Calibration};
use blindsight_model::graph::{Graph, NodeId, Padding};

pub(super) fn lower(graph: &Graph, calibration: &Calibration) -> Result<Lowered, LoweringError> {
    let ranges = calibration.activations();
    let (measured, found) = (ranges.len(), graph.activations().count());
    if measured != found {
        return Err(LoweringError::Activations { measured, found });
    }
    let pattern = Pattern::new(graph);
    let mut blocks = Blocks(Vec::new());
    for (sum, range) in pattern.sums().zip(ranges) {
        let block = blocks.lower(&sum?, range)?;
        blocks.0.push(block);
    }
    Ok(Lowered {
        input: pattern.input()?,
        head: blocks.head(&pattern.scores()?, calibration.scores().bound())?,
        blocks: blocks.0,
    })
}

/// The blocks so far; edges point backwards, so these are all that the next one reads.
struct Blocks(Vec<Block>);

impl Blocks {
    fn lower(&self, sum: &Sum<'_>, range: &ActivationRange) -> Result<Block, LoweringError> {
        let (index, shape) = (self.0.len(), sum.shape);
        let (measured, found) = (range.channels(), shape.channels());
        if measured != found {
            return Err(LoweringError::Channels { activation: index, measured, found });
        }
        let (activation, kind) = (index, sum.kind);
        let units = ActivationUnits::new(kind, range)
            .ok_or(LoweringError::BoundPerChannel { activation, kind })?;
        let rows = units.inputs();
        let mut bias: Vec<f64> = doubles(sum.main.conv.bias());
        if let Some(Term::Convolution(other)) = &sum.other {
            let added = other.conv.bias();
            bias.iter_mut().zip(added).for_each(|(b, &a)| *b += f64::from(a));
        }
        let bias = bias.iter().zip(rows).map(|(bias, unit)| bias / unit);
        Ok(Block {
            main: self.convolution(&sum.main, rows)?,
            shortcut: match &sum.other {
                None => Shortcut::None,
                Some(Term::Unchanged(source)) => Shortcut::Identity {
                    source: *source,
                    factors: self.factors(*source, rows, sum.activation)?,
                },
                Some(Term::Convolution(other)) => {
                    Shortcut::Convolution(self.convolution(other, rows)?)
                }
                Some(Term::Subsampled(other)) => {
                    Shortcut::Convolution(self.subsampling(other, rows)?)
                }
            },
            bias: singles(bias, sum.activation)?,
            activation: LoweredActivation {
                kind: sum.kind,
                units: units.clone(),
                histogram: range.histogram().clone(),
            },
            shape,
        })
    }

    fn convolution(
        &self,
        term: &ConvolutionTerm<'_>,
        rows: &[f64],
    ) -> Result<Convolution, LoweringError> {
        let kernel = term.conv.kernel_height();
        let columns = self.units(term.source, term.input.channels());
        let kernels = term.conv.weights().chunks_exact(kernel * kernel);
        let quotients = quotients(rows, &columns);
        let scaled = kernels.zip(quotients).flat_map(|(weights, quotient)| {
            weights.iter().map(move |&weight| f64::from(weight) * quotient)
        });
        Ok(Convolution {
            source: term.source,
            weights: singles(scaled, term.node)?,
            kernel,
            stride: term.conv.stride(),
            padding: term.conv.padding(),
            input: term.input,
            output: term.output,
        })
    }

    /// A subsampling shortcut as a convolution: output channel `added / 2 + c` reads channel `c`.
    fn subsampling(
        &self,
        term: &SubsampledTerm,
        rows: &[f64],
    ) -> Result<Convolution, LoweringError> {
        let inputs = term.input.channels();
        let columns = self.units(term.source, inputs);
        let before = (term.output.channels() - inputs) / 2;
        let kept = quotients(rows, &columns).enumerate().map(|(index, quotient)| {
            let (row, column) = (index / inputs, index % inputs);
            if row == before + column { quotient } else { 0.0 }
        });
        Ok(Convolution {
            source: term.source,
            weights: singles(kept, term.node)?,
            kernel: 1,
            stride: 2,
            padding: Padding::default(),
            input: term.input,
            output: term.output,
        })
    }

    fn factors(
        &self,
        source: Source,
        rows: &[f64],
        node: NodeId,
    ) -> Result<Vec<f32>, LoweringError> {
        let columns = self.units(source, rows.len());
        let factors = columns.iter().zip(rows).map(|(column, row)| column / row);
        singles(factors, node)
    }

    fn head(&self, scores: &Scores<'_>, bound: f32) -> Result<Head, LoweringError> {
        let columns = self.units(Source::Block(scores.source), scores.shape.channels());
        let row = f64::from(bound);
        let count = scores.shape.plane() as f64;
        let units = columns.iter().map(|column| column / (count * row));
        let matrix = scores.linear.weights().iter().zip(units.cycle());
        let weights = matrix.map(|(&weight, unit)| f64::from(weight) * unit);
        let bias = scores.linear.bias().iter().map(|&b| f64::from(b) / row);
        Ok(Head {
            source: scores.source,
            weights: singles(weights, scores.node)?,
            bias: singles(bias, scores.node)?,
            bound,
        })
    }

    /// The units of what is read, by channel.
    fn units(&self, source: Source, channels: usize) -> Vec<f64> {
        match source {
            Source::Picture => vec![1.0; channels],
            Source::Block(index) => self.0[index].activation.units.outputs().to_vec(),
        }
    }
}

/// The factor of the weights from every column to every row, row by row.
fn quotients(rows: &[f64], columns: &[f64]) -> impl Iterator<Item = f64> {
    let row = |row| columns.iter().map(move |column| column / row);
    rows.iter().flat_map(row)
}

fn doubles(numbers: &[f32]) -> Vec<f64> {
    numbers.iter().copied().map(f64::from).collect()
}

/// Rounds once, at the end; `node` is named when a number is too large.
fn singles(numbers: impl Iterator<Item = f64>, node: NodeId) -> Result<Vec<f32>, LoweringError> {
    let node = node.index();
    let single = |number: f64| {
        let single = number as f32;
        let finite = single.is_finite().then_some(single);
        finite.ok_or(LoweringError::Overflow { node })
    };
    numbers.map(single).collect()
}

#[cfg(test)]
mod tests {
    use super::super::testing::{Downsampling, calibration, network};
    use super::*;
    use blindsight_model::graph::{ActivationKind, Node};

    fn lowered(kind: ActivationKind, downsampling: Downsampling) -> (Graph, Calibration, Lowered) {
        let graph = network(kind, downsampling);
        let calibration = calibration(&graph);
        let lowered = Lowered::new(&graph, &calibration).unwrap();
        (graph, calibration, lowered)
    }

    fn close(x: f32, y: f32) -> bool {
        (x - y).abs() <= 1e-6 * y.abs()
    }

    #[test]
    fn shortcuts_past_two_layers_change_units() {
        let (_, calibration, lowered) = lowered(ActivationKind::Relu, Downsampling::SubsamplePad);
        let bounds = |activation: usize| calibration.activations()[activation].bounds();
        let Shortcut::Identity { source, factors } = &lowered.blocks[2].shortcut else {
            panic!("the second block keeps its side");
        };
        assert_eq!(*source, Source::Block(0));
        assert_eq!(factors.len(), 16);
        for ((&factor, from), to) in factors.iter().zip(bounds(0)).zip(bounds(2)) {
            assert!(close(factor, from / to), "{factor} is not {from} / {to}");
        }
        assert!(factors.iter().any(|f| (f - factors[0]).abs() > 0.01));
        assert_eq!(lowered.blocks[0].activation.units(3), {
            let bound = f64::from(bounds(0)[3]);
            Some((bound, bound))
        });
        assert_eq!(lowered.blocks[0].activation.units(16), None);
    }

    #[test]
    fn a_subsampling_shortcut_has_one_weight_for_each_kept_channel() {
        let (_, calibration, lowered) = lowered(ActivationKind::Relu, Downsampling::SubsamplePad);
        let bounds = |activation: usize| calibration.activations()[activation].bounds();
        let Shortcut::Convolution(shortcut) = &lowered.blocks[4].shortcut else {
            panic!("the third block halves its side");
        };
        assert_eq!((shortcut.kernel, shortcut.stride), (1, 2));
        assert_eq!(shortcut.source, Source::Block(2));
        assert_eq!(shortcut.output, lowered.blocks[4].shape);
        for (index, &weight) in shortcut.weights.iter().enumerate() {
            let (row, column) = (index / 16, index % 16);
            let expected = if row == column + 8 { bounds(2)[column] / bounds(4)[row] } else { 0.0 };
            assert!(close(weight, expected), "{row}, {column}: {weight}");
        }
    }

    #[test]
    fn biases_of_both_convolutions_are_added() {
        let (graph, calibration, lowered) =
            lowered(ActivationKind::Tanh, Downsampling::Convolution);
        let bound = calibration.activations()[4].bounds()[7];
        let convs = graph.nodes().filter_map(|(_, node)| match node {
            Node::Conv2d { conv, .. } => Some(conv),
            _ => None,
        });
        let [.., outer, shortcut] = convs.collect::<Vec<_>>()[..] else {
            panic!("the network has convolutions");
        };
        let expected = (outer.bias()[7] + shortcut.bias()[7]) / bound;
        assert!(close(lowered.blocks[4].bias[7], expected));
        let (input, output) = lowered.blocks[4].activation.units(7).unwrap();
        assert_eq!(input, f64::from(bound));
        assert_eq!(output, f64::from(bound).tanh());
    }

    #[test]
    fn a_calibration_must_fit() {
        let (_, calibration, _) = lowered(ActivationKind::Relu, Downsampling::SubsamplePad);
        let refused =
            Lowered::new(&network(ActivationKind::Silu, Downsampling::SubsamplePad), &calibration);
        let kind = ActivationKind::Silu;
        let expected = LoweringError::BoundPerChannel { activation: 0, kind };
        assert_eq!(refused, Err(expected));

        let mut parts = super::super::testing::Parts::new();
        let conv = parts.conv(parts.input(), [16, 3, 3, 3], 1);
        let end = parts.activation(conv, ActivationKind::Relu);
        let refused = Lowered::new(&parts.scores(end, 16), &calibration);
        let (measured, found) = (5, 1);
        assert_eq!(refused, Err(LoweringError::Activations { measured, found }));

        let mut parts = super::super::testing::Parts::new();
        let mut last = parts.input();
        for (out, inputs) in [(16, 3), (8, 16), (16, 8), (16, 16), (16, 16)] {
            last = parts.conv(last, [out, inputs, 3, 3], 1);
            last = parts.activation(last, ActivationKind::Relu);
        }
        let refused = Lowered::new(&parts.scores(last, 16), &calibration);
        let expected = LoweringError::Channels { activation: 1, measured: 16, found: 8 };
        assert_eq!(refused, Err(expected));
    }

    #[test]
    fn overflow_is_noticed() {
        let node = Graph::input(&network(ActivationKind::Relu, Downsampling::SubsamplePad));
        let numbers = |number| singles([1.0, number].into_iter(), node);
        assert_eq!(numbers(0.5), Ok(vec![1.0, 0.5]));
        assert_eq!(numbers(1e39), Err(LoweringError::Overflow { node: 0 }));
    }
}
