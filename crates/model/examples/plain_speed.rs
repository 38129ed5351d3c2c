//! How fast the plain network is: a ResNet56 for 3 x 32 x 32 pictures with made-up weights.
//!
//! ```text
//! cargo run --release -p blindsight-model --example plain_speed [THREADS] [PICTURES]
//! ```
//!
//! Each thread runs pictures of its own, as the calibration does. What counts is the last number
//! of the line, in 10^9 multiplications with addition of the convolutions per second.

use std::error::Error;
use std::time::Instant;

use blindsight_model::graph::{ActivationKind, Conv2d, Graph, GraphBuilder, Linear, Node, NodeId};
use blindsight_model::plain::PlainNetwork;
use blindsight_model::tensor::{Shape, Tensor};

/// Residual blocks of one of the three stages.
const BLOCKS: usize = 9;

fn main() -> Result<(), Box<dyn Error>> {
    let mut arguments = std::env::args().skip(1).map(|argument| argument.parse::<usize>());
    let threads = arguments.next().transpose()?.unwrap_or(2).max(1);
    let pictures = arguments.next().transpose()?.unwrap_or(40);
    let network = PlainNetwork::new(resnet56()?);
    let products = products(network.graph());
    let values = wave(Shape::PICTURE.elements(), 1.0);
    let picture = Tensor::new(Shape::PICTURE, values)?;

    let begin = Instant::now();
    let run = || (0..pictures).try_for_each(|_| network.run(&picture).map(drop));
    std::thread::scope(|scope| {
        let started: Vec<_> = (0..threads).map(|_| scope.spawn(run)).collect();
        started.into_iter().try_for_each(|thread| thread.join().expect("no thread panics"))
    })?;
    let seconds = begin.elapsed().as_secs_f64();

    let count = (threads * pictures) as f64;
    let rate = count * products as f64 / seconds / 1e9;
    println!(
        "{threads} threads, {count} pictures of {:.1} M products: {:.2} ms a picture, {rate:.2} G/s",
        products as f64 / 1e6,
        seconds * 1e3 / count,
    );
    Ok(())
}

/// Multiplications of all convolutions for one picture.
fn products(graph: &Graph) -> usize {
    let count = |(id, node): (NodeId, &Node)| match node {
        Node::Conv2d { conv, .. } => graph.shape(id).plane() * conv.weights().len(),
        _ => 0,
    };
    graph.nodes().map(count).sum()
}

fn resnet56() -> Result<Graph, Box<dyn Error>> {
    let mut builder = GraphBuilder::new(Shape::PICTURE);
    let source = builder.input();
    let mut end = convolution(&mut builder, source, [16, 3], 1)?;
    end = relu(&mut builder, end)?;
    let mut channels = 16;
    for wide in [16, 32, 64] {
        for block in 0..BLOCKS {
            let narrows = block == 0 && wide > 16;
            let stride = if narrows { 2 } else { 1 };
            let shortcut = if narrows {
                builder.add(Node::SubsamplePad { source: end, channels: wide })?
            } else {
                end
            };
            let first = convolution(&mut builder, end, [wide, channels], stride)?;
            let first = relu(&mut builder, first)?;
            let second = convolution(&mut builder, first, [wide, wide], 1)?;
            let sum = builder.add(Node::Add { left: second, right: shortcut })?;
            end = relu(&mut builder, sum)?;
            channels = wide;
        }
    }
    let pooled = builder.add(Node::GlobalAveragePool { source: end })?;
    let linear = Linear::new([10, 64], wave(640, 0.1), vec![0.0; 10])?;
    let scores = builder.add(Node::Linear { source: pooled, linear })?;
    Ok(builder.finish(scores)?)
}

fn convolution(
    builder: &mut GraphBuilder,
    source: NodeId,
    [out, from]: [usize; 2],
    stride: usize,
) -> Result<NodeId, Box<dyn Error>> {
    let count = out * from * 9;
    // Small enough that fifty-five layers do not overflow.
    let weights = wave(count, 0.5 / (from as f32 * 9.0).sqrt());
    let conv = Conv2d::new([out, from, 3, 3], weights, None, stride, 1)?;
    Ok(builder.add(Node::Conv2d { source, conv })?)
}

fn relu(builder: &mut GraphBuilder, source: NodeId) -> Result<NodeId, Box<dyn Error>> {
    Ok(builder.add(Node::Activation { source, kind: ActivationKind::Relu })?)
}

fn wave(count: usize, height: f32) -> Vec<f32> {
    (0..count).map(|i| (i as f32 * 0.73).sin() * height).collect()
}
