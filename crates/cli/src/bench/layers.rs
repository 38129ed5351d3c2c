//! Linear layers of the general form alone, with made-up weights: what a network takes that is of no
//! family with a packing of its own.

use std::error::Error;
use std::ops::ControlFlow;

use blindsight_compiler::{Description, InputRule, Machine, Way, compile_as};
use blindsight_engine::{Bundle, BundleLimits, Engine};
use blindsight_model::calibration::{Margins, calibrate_inputs};
use blindsight_model::fingerprint::Fingerprint;
use blindsight_model::graph::{ActivationKind, Conv2d, Graph, GraphBuilder, Linear, Node, NodeId};
use blindsight_model::tensor::{Shape, Tensor};
use serde::Serialize;

use super::{machine, median_of, passes};
use blindsight_encrypted::Client;

/// All layers that were measured.
#[derive(Debug, Serialize)]
pub(super) struct Summary {
    machine: machine::Machine,
    threads: usize,
    layers: Vec<Layer>,
}

/// One layer, between what it reads at the level of linear layers and its activation.
#[derive(Debug, Serialize)]
struct Layer {
    layer: &'static str,
    /// The median over the passes.
    seconds: f64,
    /// The shortest: what else runs on a machine only ever makes a layer slower.
    shortest: f64,
    /// Bytes of all weights of its network.
    weights: usize,
    /// Evaluation keys of its network.
    keys: usize,
}

/// Measures all of them on so many threads.
pub(super) fn measure(threads: usize, passes: usize) -> Result<Summary, Box<dyn Error>> {
    let vector = [1024, 1, 1];
    let cases = [
        ("fully connected, 1,024 x 1,024", network(vector, &[Kind::Linear(1024)])?),
        (
            "fully connected, 1,024 x 1,024, of a feature map of 16 x 8 x 8",
            network([16, 8, 8], &[Kind::Conv([16, 1], 0), Kind::Linear(1024)])?,
        ),
        (
            "convolution 5 x 5, 32 to 32 channels of 16 x 16",
            network([32, 16, 16], &[Kind::Conv([32, 5], 2)])?,
        ),
    ];
    let layers = cases.iter().map(|(name, graph)| layer(name, graph, threads, passes));
    let layers = layers.collect::<Result<_, _>>()?;
    Ok(Summary { machine: machine::describe(), threads, layers })
}

/// The last layer before the scores.
fn layer(
    name: &'static str,
    graph: &Graph,
    threads: usize,
    passes: usize,
) -> Result<Layer, Box<dyn Error>> {
    eprintln!("measuring: {name}");
    let shape = graph.shape(graph.input());
    let input = |seed: usize| Tensor::new(shape, numbers(shape.elements(), seed, 1.0));
    let inputs: Vec<Tensor> = (1..=8).map(input).collect::<Result<_, _>>()?;
    let (margins, go_on) = (Margins::default(), |_| ControlFlow::Continue(()));
    let model = Fingerprint::of(name.as_bytes());
    let (calibration, _) = calibrate_inputs(graph, model, inputs.as_slice(), &margins, go_on)?;
    let description = Description {
        id: "layer".to_owned(),
        title: name.to_owned(),
        classes: (0..CLASSES).map(|class| class.to_string()).collect(),
        input: InputRule::Tensor,
    };
    let (way, machine) = (Way::Bootstrapped, Machine::default());
    let compiled = compile_as(way, graph, &calibration, &description, &inputs, machine)?;
    let bundle = Bundle::parse(&compiled.to_bytes()?, &BundleLimits::default())?;
    let model = Engine::default().load(&bundle)?;
    let contract = model.contract().clone();
    let mut client = Client::new(&contract)?;
    let keys = client.register(&contract)?;
    let request = client.encrypt(&contract, inputs[0].values())?;
    // All memory has been touched when the first pass is over.
    passes::measure(&model, &keys.set, &request, threads, 1)?;
    let one = |_| -> Result<f64, Box<dyn Error>> {
        let (pass, _) = passes::measure(&model, &keys.set, &request, threads, 1)?;
        Ok(*pass.linear_layers.last().ok_or("the network has no layers")?)
    };
    let seconds: Vec<f64> = (0..passes.max(1)).map(one).collect::<Result<_, _>>()?;
    Ok(Layer {
        layer: name,
        shortest: seconds.iter().copied().fold(f64::INFINITY, f64::min),
        seconds: median_of(seconds),
        weights: model.byte_len(),
        keys: contract.keys().len(),
    })
}

/// Scores of the networks, which do not matter here.
const CLASSES: usize = 4;

/// A layer, followed by an activation.
enum Kind {
    /// Fully connected, to so many outputs.
    Linear(usize),
    /// A convolution to so many channels with a kernel of so many rows and columns, and its padding.
    Conv([usize; 2], usize),
}

const UNKNOWN: &str = "a layer reads what is no part of the network";

/// A network of these layers, and scores.
fn network(sides: [usize; 3], layers: &[Kind]) -> Result<Graph, Box<dyn Error>> {
    let [channels, height, width] = sides;
    let mut builder = GraphBuilder::new(Shape::new(channels, height, width)?);
    let mut last = builder.input();
    for (index, layer) in layers.iter().enumerate() {
        let shape = builder.shape(last).ok_or(UNKNOWN)?;
        let source = match *layer {
            Kind::Linear(outputs) => linear(&mut builder, last, outputs, index)?,
            Kind::Conv([channels, kernel], padding) => {
                let dims = [channels, shape.channels(), kernel, kernel];
                let (count, inputs) = (dims.iter().product(), dims[1..].iter().product::<usize>());
                let weights = numbers(count, index, (3.0 / inputs as f32).sqrt());
                let conv = Conv2d::new(dims, weights, None, 1, padding)?;
                builder.add(Node::Conv2d { source: last, conv })?
            }
        };
        last = builder.add(Node::Activation { source, kind: ActivationKind::Relu })?;
    }
    let scores = linear(&mut builder, last, CLASSES, layers.len())?;
    Ok(builder.finish(scores)?)
}

fn linear(
    builder: &mut GraphBuilder,
    source: NodeId,
    outputs: usize,
    seed: usize,
) -> Result<NodeId, Box<dyn Error>> {
    let inputs = builder.shape(source).ok_or(UNKNOWN)?.elements();
    let weights = numbers(outputs * inputs, seed, (3.0 / inputs as f32).sqrt());
    let linear = Linear::new([outputs, inputs], weights, vec![0.0; outputs])?;
    Ok(builder.add(Node::Linear { source, linear })?)
}

/// Numbers between -`size` and `size` without a pattern that a packing could use.
fn numbers(count: usize, seed: usize, size: f32) -> Vec<f32> {
    let mut state = seed as u32 + 1;
    let mut next = || {
        state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
        (state >> 8) as f32 / (1 << 23) as f32 - 1.0
    };
    (0..count).map(|_| size * next()).collect()
}

/// One line for each layer.
pub(super) fn render(summary: &Summary) -> String {
    let line = |layer: &Layer| {
        let name = format!("{} ({} thread)", layer.layer, summary.threads);
        let (seconds, shortest) = (layer.seconds, layer.shortest);
        let megabytes = layer.weights as f64 / 1e6;
        format!("{name:<74} {seconds:>8.3} s (shortest {shortest:.3}) {megabytes:>8.1} MB\n")
    };
    summary.layers.iter().map(line).collect()
}
