//! Runs a lowered network on unencrypted numbers, in `f32`.

use super::{Block, Convolution, Head, Lowered, Shortcut, Source};
use blindsight_model::plain::{PackedConv, PlainError};
use blindsight_model::tensor::Tensor;

impl Lowered {
    /// Runs the network with `function(block, u)` as the activation of every block; see
    /// [`Lowered::exact`]. The result is the scores divided by [`Head::bound`].
    ///
    /// # Errors
    /// [`PlainError::WrongInput`] when the picture has another shape than [`Lowered::input`].
    pub fn run(
        &self,
        picture: &Tensor,
        function: impl FnMut(usize, f64) -> f64,
    ) -> Result<Vec<f32>, PlainError> {
        self.run_observed(picture, function, |_, _, _| ())
    }

    /// The activations of the graph, for [`Lowered::run`].
    pub fn exact(&self) -> impl Fn(usize, f64) -> f64 {
        |block, u| self.blocks[block].activation.eval(u)
    }

    /// The same as [`Lowered::run`], and shows each block's values before and after its
    /// activation to `observe(block, before, after)`.
    ///
    /// # Errors
    /// [`PlainError::WrongInput`] when the picture has another shape than [`Lowered::input`].
    pub fn run_observed(
        &self,
        picture: &Tensor,
        mut function: impl FnMut(usize, f64) -> f64,
        mut observe: impl FnMut(usize, &Tensor, &Tensor),
    ) -> Result<Vec<f32>, PlainError> {
        if picture.shape() != self.input {
            return Err(PlainError::WrongInput { expected: self.input, found: picture.shape() });
        }
        let mut results = Results { picture, blocks: Vec::new() };
        for (index, block) in self.blocks.iter().enumerate() {
            let before = block.linear(&results);
            let mut after = before.clone();
            for x in after.values_mut() {
                *x = function(index, f64::from(*x)) as f32;
            }
            observe(index, &before, &after);
            results.blocks.push(after);
        }
        Ok(self.head.apply(&results.blocks[self.head.source]))
    }
}

impl Block {
    /// The input of the activation.
    fn linear(&self, results: &Results<'_>) -> Tensor {
        let mut sum = self.main.apply(results, &self.bias);
        match &self.shortcut {
            Shortcut::None => {}
            Shortcut::Convolution(other) => {
                let other = other.apply(results, &vec![0.0; self.shape.channels()]);
                for (x, y) in sum.values_mut().iter_mut().zip(other.values()) {
                    *x += y;
                }
            }
            Shortcut::Identity { source, factors } => {
                let planes = sum.planes_mut().zip(results.get(*source).planes());
                for ((plane, added), factor) in planes.zip(factors) {
                    for (x, y) in plane.iter_mut().zip(added) {
                        *x += factor * y;
                    }
                }
            }
        }
        sum
    }
}

impl Convolution {
    fn apply(&self, results: &Results<'_>, bias: &[f32]) -> Tensor {
        let (outputs, inputs) = (self.output.channels(), self.input.channels());
        let dims = [outputs, inputs, self.kernel, self.kernel];
        let conv = PackedConv::from_parts(dims, &self.weights, bias, self.stride, self.padding);
        conv.run(results.get(self.source), self.output)
    }
}

impl Head {
    fn apply(&self, features: &Tensor) -> Vec<f32> {
        let sums: Vec<f32> = features.planes().map(|plane| plane.iter().sum()).collect();
        let rows = self.weights.chunks_exact(sums.len()).zip(&self.bias);
        let result = |(row, bias): (&[f32], &f32)| {
            bias + row.iter().zip(&sums).map(|(w, x)| w * x).sum::<f32>()
        };
        rows.map(result).collect()
    }
}

/// What blocks can read.
struct Results<'a> {
    picture: &'a Tensor,
    blocks: Vec<Tensor>,
}

impl Results<'_> {
    fn get(&self, source: Source) -> &Tensor {
        match source {
            Source::Picture => self.picture,
            Source::Block(index) => &self.blocks[index],
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::testing::{Downsampling, calibration, inputs, network};
    use super::*;
    use blindsight_model::graph::ActivationKind;
    use blindsight_model::plain::PlainNetwork;

    #[test]
    fn the_lowered_network_computes_the_same() {
        for downsampling in Downsampling::ALL {
            for kind in ActivationKind::CONTINUOUS {
                let graph = network(kind, downsampling);
                let lowered = Lowered::new(&graph, &calibration(&graph)).unwrap();
                let plain = PlainNetwork::new(graph);
                for input in inputs() {
                    let expected = plain.run(&input).unwrap();
                    let found = lowered.run(&input, lowered.exact()).unwrap();
                    let largest = expected.values().iter().fold(0.0_f32, |m, x| m.max(x.abs()));
                    assert!(largest > 0.1);
                    assert_eq!(found.len(), 10);
                    for (x, y) in found.iter().zip(expected.values()) {
                        let error = (x * lowered.head.bound - y).abs();
                        assert!(error < 1e-4 * largest, "{kind}, {downsampling:?}: {error}");
                    }
                }
            }
        }
    }

    #[test]
    fn every_value_stays_between_minus_one_and_one() {
        for kind in ActivationKind::CONTINUOUS {
            let graph = network(kind, Downsampling::Convolution);
            let lowered = Lowered::new(&graph, &calibration(&graph)).unwrap();
            let mut largest = [[0.0_f32; 2]; 5];
            for input in inputs() {
                let observe = |block: usize, before: &Tensor, after: &Tensor| {
                    for (largest, tensor) in largest[block].iter_mut().zip([before, after]) {
                        let values = tensor.values().iter();
                        *largest = values.fold(*largest, |m, x| m.max(x.abs()));
                    }
                };
                let scores = lowered.run_observed(&input, lowered.exact(), observe);
                assert!(scores.unwrap().iter().all(|x| x.abs() < 1.0));
            }
            for [before, after] in largest {
                // The margins are from 1.05 to 1.1 there.
                assert!((0.9..0.96).contains(&before), "{kind}: {before}");
                assert!((0.1..1.0).contains(&after), "{kind}: {after}");
            }
        }
    }

    #[test]
    fn other_functions_can_be_tried() {
        let graph = network(ActivationKind::Relu, Downsampling::SubsamplePad);
        let lowered = Lowered::new(&graph, &calibration(&graph)).unwrap();
        let picture = &inputs()[0];
        let mut last = 0;
        let zero = |block, _| {
            last = block;
            0.0
        };
        // Without any activity the biases of the head remain.
        assert_eq!(lowered.run(picture, zero).unwrap(), lowered.head.bias);
        assert_eq!(last, 4);
        let other = Tensor::zeros(lowered.blocks[0].shape);
        let refused = lowered.run(&other, lowered.exact());
        assert!(matches!(refused, Err(PlainError::WrongInput { .. })));
    }
}
