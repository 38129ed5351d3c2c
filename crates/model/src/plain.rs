//! The reference executor: runs a network on unencrypted numbers, in `f32`, on one thread.
//!
//! It is what the encrypted network is compared with, and it measures the ranges that the
//! encrypted one needs. An [`ActivationHook`] sees every activation's input and may put another
//! function in its place; this is how the trigonometric polynomials are tried out.

mod conv;

use thiserror::Error;

use crate::graph::{ActivationKind, Graph, Linear, Node, NodeId, Pool, Rearrangement, Selection};
use crate::tensor::{Shape, Tensor};
pub use conv::PackedConv;

/// Computes the activations of a run.
pub trait ActivationHook {
    /// Replaces `values`, the input of activation number `index` (from 0, in execution order),
    /// with its result. `kind` is the network's own function: see [`apply`].
    fn activate(&mut self, index: usize, kind: ActivationKind, values: &mut Tensor);
}

impl<F: FnMut(usize, ActivationKind, &mut Tensor)> ActivationHook for F {
    fn activate(&mut self, index: usize, kind: ActivationKind, values: &mut Tensor) {
        self(index, kind, values);
    }
}

/// Applies the function to every element.
pub fn apply(kind: ActivationKind, values: &mut Tensor) {
    for x in values.values_mut() {
        *x = kind.eval(f64::from(*x)) as f32;
    }
}

/// A network made ready to run.
#[derive(Clone, Debug)]
pub struct PlainNetwork {
    graph: Graph,
    /// For every node in order, its packed kernel if it is a convolution.
    kernels: Vec<Option<PackedConv>>,
    readers: Vec<usize>,
}

impl PlainNetwork {
    /// Rearranges the kernels of the graph for speed.
    #[must_use]
    pub fn new(graph: Graph) -> Self {
        let pack = |node: &Node| match node {
            Node::Conv2d { conv, .. } => Some(PackedConv::new(conv)),
            _ => None,
        };
        let kernels = graph.nodes().map(|(_, node)| pack(node)).collect();
        let readers = graph.readers();
        Self { graph, kernels, readers }
    }

    /// The graph that is run.
    #[must_use]
    pub const fn graph(&self) -> &Graph {
        &self.graph
    }

    /// Runs the network as it is.
    ///
    /// # Errors
    /// [`PlainError::WrongInput`] when the input has not the graph's input shape.
    pub fn run(&self, input: &Tensor) -> Result<Tensor, PlainError> {
        self.run_observed(input, |_, _| ())
    }

    /// Runs the network as it is and shows each activation's input to `observe(index, input)`.
    ///
    /// # Errors
    /// [`PlainError::WrongInput`] when the input has not the graph's input shape.
    pub fn run_observed(
        &self,
        input: &Tensor,
        mut observe: impl FnMut(usize, &Tensor),
    ) -> Result<Tensor, PlainError> {
        self.run_hooked(input, &mut |index, kind, values: &mut Tensor| {
            observe(index, values);
            apply(kind, values);
        })
    }

    /// Runs the network with `function(index, x)` in place of activation number `index`.
    ///
    /// # Errors
    /// [`PlainError::WrongInput`] when the input has not the graph's input shape.
    pub fn run_replaced(
        &self,
        input: &Tensor,
        mut function: impl FnMut(usize, f32) -> f32,
    ) -> Result<Tensor, PlainError> {
        self.run_hooked(input, &mut |index, _, values: &mut Tensor| {
            for x in values.values_mut() {
                *x = function(index, *x);
            }
        })
    }

    /// Runs the network with the hook computing the activations.
    ///
    /// # Errors
    /// [`PlainError::WrongInput`] when the input has not the graph's input shape.
    #[expect(clippy::missing_panics_doc, reason = "the constructor packs every convolution")]
    pub fn run_hooked(
        &self,
        input: &Tensor,
        hook: &mut impl ActivationHook,
    ) -> Result<Tensor, PlainError> {
        let expected = self.graph.shape(self.graph.input());
        if input.shape() != expected {
            return Err(PlainError::WrongInput { expected, found: input.shape() });
        }
        let mut results = Results::new(input.clone(), &self.readers);
        let mut activation = 0;
        for ((id, node), kernel) in self.graph.nodes().zip(&self.kernels) {
            let shape = self.graph.shape(id);
            let result = match node {
                Node::Conv2d { source, .. } => {
                    let kernel = kernel.as_ref().expect("every convolution was packed");
                    kernel.run(&results.take(*source), shape)
                }
                Node::BatchNorm { source, norm } => {
                    normalised(results.take(*source), norm.affine())
                }
                Node::Activation { source, kind } => {
                    let mut values = results.take(*source);
                    hook.activate(activation, *kind, &mut values);
                    activation += 1;
                    values
                }
                Node::Add { left, right } => sum(results.take(*left), &results.take(*right)),
                Node::SubsamplePad { source, .. } => subsampled(&results.take(*source), shape),
                Node::Select { source, selection } => {
                    selected(&results.take(*source), selection, shape)
                }
                Node::Rearrange { source, rearrangement } => {
                    rearranged(&results.take(*source), rearrangement)
                }
                Node::AveragePool { source, pool } => pooled(&results.take(*source), *pool, shape),
                Node::GlobalAveragePool { source } => averaged(&results.take(*source), shape),
                Node::Linear { source, linear } => product(linear, &results.take(*source), shape),
            };
            results.push(result);
        }
        Ok(results.take(self.graph.output()))
    }
}

/// Why a network did not run.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
#[non_exhaustive]
pub enum PlainError {
    /// The input has another shape than the network wants.
    #[error("the network reads {expected}, but was given {found}")]
    WrongInput {
        /// What the network reads.
        expected: Shape,
        /// What it was given.
        found: Shape,
    },
}

/// The results that later nodes still need.
struct Results {
    tensors: Vec<Option<Tensor>>,
    /// How many readers of each result are still to come.
    remaining: Vec<usize>,
}

impl Results {
    fn new(input: Tensor, readers: &[usize]) -> Self {
        Self { tensors: vec![Some(input)], remaining: readers.to_vec() }
    }

    fn push(&mut self, result: Tensor) {
        self.tensors.push(Some(result));
    }

    /// The result itself for its last reader, a copy for those before.
    fn take(&mut self, id: NodeId) -> Tensor {
        let index = id.index();
        self.remaining[index] -= 1;
        let last = self.remaining[index] == 0;
        let tensor = if last { self.tensors[index].take() } else { self.tensors[index].clone() };
        tensor.expect("edges point backwards and readers were counted")
    }
}

fn normalised(mut values: Tensor, affine: impl Iterator<Item = (f64, f64)>) -> Tensor {
    for (plane, (scale, offset)) in values.planes_mut().zip(affine) {
        for x in plane {
            *x = (f64::from(*x) * scale + offset) as f32;
        }
    }
    values
}

fn sum(mut left: Tensor, right: &Tensor) -> Tensor {
    for (x, y) in left.values_mut().iter_mut().zip(right.values()) {
        *x += y;
    }
    left
}

fn subsampled(source: &Tensor, shape: Shape) -> Tensor {
    let width = source.shape().width();
    let added_before = (shape.channels() - source.shape().channels()) / 2;
    let mut result = Tensor::zeros(shape);
    for (to, from) in result.planes_mut().skip(added_before).zip(source.planes()) {
        let kept_rows = from.chunks_exact(width).step_by(2);
        for (to_row, from_row) in to.chunks_exact_mut(shape.width()).zip(kept_rows) {
            for (to, from) in to_row.iter_mut().zip(from_row.iter().step_by(2)) {
                *to = *from;
            }
        }
    }
    result
}

fn selected(source: &Tensor, selection: &Selection, shape: Shape) -> Tensor {
    let (from, plane) = (source.shape(), source.shape().plane());
    let mut result = Tensor::zeros(shape);
    for (to, pick) in result.planes_mut().zip(selection.channels()) {
        let read = pick.from.map(|channel| &source.values()[channel * plane..][..plane]);
        for (to_row, row) in to.chunks_exact_mut(shape.width()).zip(selection.rows()) {
            let read = read.zip(*row).map(|(plane, row)| &plane[row * from.width()..]);
            for (to, column) in to_row.iter_mut().zip(selection.columns()) {
                let value = read.zip(*column).map_or(0.0, |(row, column)| row[column]);
                *to = pick.factor * value + pick.offset;
            }
        }
    }
    result
}

fn rearranged(source: &Tensor, rearrangement: &Rearrangement) -> Tensor {
    let mut result = Tensor::zeros(rearrangement.shape());
    for (to, place) in result.values_mut().iter_mut().zip(rearrangement.places()) {
        *to = source.values()[place];
    }
    result
}

fn pooled(source: &Tensor, pool: Pool, shape: Shape) -> Tensor {
    let width = source.shape().width();
    let ([rows, columns], [down, right]) = (pool.kernel(), pool.stride());
    let mut result = Tensor::zeros(shape);
    for (to, from) in result.planes_mut().zip(source.planes()) {
        for (index, mean) in to.iter_mut().enumerate() {
            let (row, column) = (index / shape.width() * down, index % shape.width() * right);
            let window = (row..row + rows).flat_map(|y| &from[y * width + column..][..columns]);
            *mean = window.sum::<f32>() / (rows * columns) as f32;
        }
    }
    result
}

fn averaged(source: &Tensor, shape: Shape) -> Tensor {
    let count = source.shape().plane() as f32;
    let mut result = Tensor::zeros(shape);
    for (mean, plane) in result.values_mut().iter_mut().zip(source.planes()) {
        *mean = plane.iter().sum::<f32>() / count;
    }
    result
}

fn product(linear: &Linear, source: &Tensor, shape: Shape) -> Tensor {
    let mut result = Tensor::zeros(shape);
    let rows = linear.weights().chunks_exact(linear.inputs()).zip(linear.bias());
    for (y, (row, bias)) in result.values_mut().iter_mut().zip(rows) {
        *y = bias + row.iter().zip(source.values()).map(|(w, x)| w * x).sum::<f32>();
    }
    result
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::graph::GraphBuilder;

    fn picture() -> Tensor {
        let shape = Shape::new(2, 3, 3).unwrap();
        Tensor::new(shape, (1..=18).map(|x| x as f32).collect()).unwrap()
    }

    fn network(node: impl Fn(NodeId) -> Node) -> PlainNetwork {
        let mut builder = GraphBuilder::new(picture().shape());
        let end = builder.add(node(builder.input())).unwrap();
        PlainNetwork::new(builder.finish(end).unwrap())
    }

    #[test]
    fn subsampling_keeps_even_rows_and_columns_between_zeros() {
        let result =
            network(|source| Node::SubsamplePad { source, channels: 4 }).run(&picture()).unwrap();
        let zeros = [0.0; 4];
        let kept = [[1.0, 3.0, 7.0, 9.0], [10.0, 12.0, 16.0, 18.0]];
        assert_eq!(result.values(), [zeros, kept[0], kept[1], zeros].concat());
    }

    #[test]
    fn pools_average_windows() {
        let pool = Pool::new([2, 1], [1, 2]).unwrap();
        let result = network(|source| Node::AveragePool { source, pool }).run(&picture()).unwrap();
        let expected = [2.5, 4.5, 5.5, 7.5, 11.5, 13.5, 14.5, 16.5];
        assert_eq!(result.values(), expected);
    }

    #[test]
    fn pooling_averages_each_channel() {
        let result = network(|source| Node::GlobalAveragePool { source }).run(&picture()).unwrap();
        assert_eq!(result.values(), [5.0, 14.0]);
    }

    #[test]
    fn a_result_may_be_read_twice() {
        let doubled = network(|source| Node::Add { left: source, right: source });
        let expected: Vec<f32> = picture().values().iter().map(|x| 2.0 * x).collect();
        assert_eq!(doubled.run(&picture()).unwrap().values(), expected);
    }

    #[test]
    fn fully_connected_layers_multiply_and_add() {
        let mut weights = vec![0.0; 36];
        (weights[0], weights[17], weights[18]) = (2.0, 1.0, -1.0);
        let linear = Linear::new([2, 18], weights, vec![0.5, 0.25]).unwrap();
        let result = network(|source| Node::Linear { source, linear: linear.clone() });
        assert_eq!(result.run(&picture()).unwrap().values(), [20.5, -0.75]);
    }

    #[test]
    fn hooks_see_inputs_in_order_and_replace_functions() {
        let mut builder = GraphBuilder::new(picture().shape());
        let mut source = builder.input();
        for kind in [ActivationKind::Identity, ActivationKind::Relu] {
            source = builder.add(Node::Activation { source, kind }).unwrap();
        }
        let network = PlainNetwork::new(builder.finish(source).unwrap());

        let mut seen = Vec::new();
        let plain = network
            .run_observed(&picture(), |index, input| {
                seen.push((index, input.values()[0]));
            })
            .unwrap();
        assert_eq!(plain, picture());
        assert_eq!(seen, [(0, 1.0), (1, 1.0)]);

        let replaced =
            network.run_replaced(&picture(), |index, x| if index == 0 { -x } else { x + 1.0 });
        assert_eq!(replaced.unwrap().values()[..3], [0.0, -1.0, -2.0]);
    }

    #[test]
    fn a_picture_of_another_size_is_refused() {
        let other = Tensor::zeros(Shape::PICTURE);
        let refused = network(|source| Node::GlobalAveragePool { source }).run(&other);
        let expected = picture().shape();
        assert_eq!(refused, Err(PlainError::WrongInput { expected, found: Shape::PICTURE }));
    }
}
