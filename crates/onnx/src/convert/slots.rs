//! Feature maps, some of them not yet written to the network.
//!
//! Everything that a waiting feature map is computed from has been written already, so writing one
//! takes one step.

use std::collections::BTreeSet;

use blindsight_model::graph::{
    ActivationKind, Conv2d, Graph, GraphBuilder, GraphError, Linear, Node, NodeId, Padding, Pick,
    Selection,
};
use blindsight_model::tensor::Shape;

use super::select::{sides, surrounded};
use crate::error::Reason;

/// A node of the file to blame, and why; `None` when that was said before.
pub(super) type Problem = Option<(usize, Reason)>;

/// What is left of x * erf(y) when x and y are multiples of one feature map: the constants of
/// `outer * erf(inner * x) + offset`.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct ErfTerm {
    pub(super) inner: f64,
    pub(super) outer: f64,
    pub(super) offset: f64,
}

/// How a feature map is computed. Where a slot is named, that slot is built.
#[derive(Clone, Debug)]
pub(super) enum State {
    /// It is in the network.
    Built(NodeId),
    /// It cannot be, which was said already.
    Refused,
    /// It became part of what reads it.
    Moved,
    Conv {
        source: NodeId,
        conv: Conv2d,
    },
    Linear {
        source: NodeId,
        linear: Linear,
    },
    /// The sigmoid of a slot.
    Sigmoid {
        slot: usize,
        source: NodeId,
    },
    /// A slot plus a number.
    Shifted {
        slot: usize,
        source: NodeId,
        by: f32,
    },
    /// `factor` times what a line has between 0 and 6: of a slot plus 3.
    HardGate {
        slot: usize,
        source: NodeId,
        factor: f64,
    },
    /// A multiple of a slot.
    Scaled {
        slot: usize,
        factor: f64,
    },
    /// The error function of a slot.
    Erf {
        slot: usize,
        term: ErfTerm,
    },
    /// A slot times the error function of it.
    Gated {
        slot: usize,
        source: NodeId,
        term: ErfTerm,
    },
    /// A slot with zeros around it, for a convolution.
    Padded {
        slot: usize,
        source: NodeId,
        padding: Padding,
    },
    /// Every second row or column of a slot, or both.
    Thinned {
        slot: usize,
        source: NodeId,
        rows: bool,
        columns: bool,
    },
}

/// Activations, or the input, that a result which several nodes read may be a sum of multiples of: each
/// costs every one of these nodes a matrix.
const MOST_TERMS: usize = 4;

struct Slot {
    /// The node of the file that computes it; `None` for the input.
    origin: Option<usize>,
    shape: Shape,
    /// Whether more than one node reads it.
    shared: bool,
    state: State,
}

/// All feature maps and the network so far.
pub(super) struct Slots {
    slots: Vec<Slot>,
    builder: GraphBuilder,
    /// For every node of the network, the node of the file that asked for it.
    origins: Vec<usize>,
    /// How often each result is read, the input's first.
    reads: Vec<usize>,
    /// Whether each result is an activation's, or the input, or elements of these.
    light: Vec<bool>,
    /// Of which of these each result is a sum of multiples; no more than [`MOST_TERMS`] and one.
    terms: Vec<BTreeSet<usize>>,
}

impl Slots {
    /// A network with nothing but its input.
    pub(super) fn new(input: Shape) -> Self {
        let builder = GraphBuilder::new(input);
        let state = State::Built(builder.input());
        let slot = Slot { origin: None, shape: input, shared: false, state };
        Self {
            slots: vec![slot],
            builder,
            origins: Vec::new(),
            reads: vec![0],
            light: vec![true],
            terms: vec![BTreeSet::from([0])],
        }
    }

    /// The slot of the network's input.
    pub(super) const fn input(&self) -> usize {
        0
    }

    /// A feature map that waits.
    pub(super) fn wait(&mut self, origin: usize, shape: Shape, state: State) -> usize {
        self.slots.push(Slot { origin: Some(origin), shape, shared: false, state });
        self.slots.len() - 1
    }

    /// Adds a node to the network.
    pub(super) fn emit(&mut self, origin: usize, node: Node) -> Result<usize, Reason> {
        let id = self.add(origin, node)?;
        self.built(origin, id)
    }

    /// A node of the network as a feature map.
    pub(super) fn built(&mut self, origin: usize, id: NodeId) -> Result<usize, Reason> {
        let shape = self.node_shape(id)?;
        Ok(self.wait(origin, shape, State::Built(id)))
    }

    /// The shape of a node that has been added.
    pub(super) fn node_shape(&self, id: NodeId) -> Result<Shape, Reason> {
        Ok(self.builder.shape(id).ok_or(GraphError::UnknownOutput)?)
    }

    /// Whether a result is an activation's, or the input, or elements of these.
    pub(super) fn is_light(&self, id: NodeId) -> bool {
        self.light.get(id.index()).copied().unwrap_or(false)
    }

    /// Whether a result is a sum of so many others that what reads it should find a value of its own.
    pub(super) fn is_long_sum(&self, id: NodeId) -> bool {
        self.terms.get(id.index()).is_some_and(|terms| terms.len() > MOST_TERMS)
    }

    /// Writes a waiting feature map to the network.
    pub(super) fn build(&mut self, slot: usize) -> Result<NodeId, Problem> {
        let Some(Slot { origin, shape, state, .. }) = self.slots.get_mut(slot) else {
            return Err(None);
        };
        let (origin, shape) = (origin.unwrap_or(0), *shape);
        let node = match std::mem::replace(state, State::Refused) {
            State::Built(id) => {
                *state = State::Built(id);
                return Ok(id);
            }
            State::Refused | State::Moved => return Err(None),
            State::Conv { source, conv } => Ok(Node::Conv2d { source, conv }),
            State::Linear { source, linear } => Ok(Node::Linear { source, linear }),
            State::Sigmoid { source, .. } => {
                Ok(Node::Activation { source, kind: ActivationKind::Sigmoid })
            }
            State::Shifted { source, by, .. } => shifted(source, shape, by),
            State::HardGate { source, factor, .. } => {
                let gate = Node::Activation { source, kind: ActivationKind::HardSigmoid };
                match 6.0 * factor {
                    factor if is_one(factor) => Ok(gate),
                    factor => {
                        let id = self.add(origin, gate).map_err(|reason| Some((origin, reason)))?;
                        scaled(id, shape, factor)
                    }
                }
            }
            State::Gated { source, term, .. } if is_gelu(term) => {
                Ok(Node::Activation { source, kind: ActivationKind::Gelu })
            }
            State::Gated { .. } | State::Erf { .. } => Err("Erf is only supported as part of GELU"),
            State::Scaled { slot, factor } => match self.state(slot) {
                State::Built(source) => scaled(*source, shape, factor),
                _ => return Err(None),
            },
            State::Padded { source, padding, .. } => Ok(padded(source, shape, padding)),
            State::Thinned { source, rows, columns, .. } => match self.builder.shape(source) {
                Some(before)
                    if (rows || before.height() == 1) && (columns || before.width() == 1) =>
                {
                    Ok(Node::SubsamplePad { source, channels: shape.channels() })
                }
                _ => Ok(thinned(source, shape, rows, columns)),
            },
        };
        let node = node.map_err(|text| Some((origin, Reason::Computation(text.to_owned()))))?;
        let id = self.add(origin, node).map_err(|reason| Some((origin, reason)))?;
        if self.builder.shape(id) != Some(shape) {
            let text = "its result has not the expected shape".to_owned();
            return Err(Some((origin, Reason::Layout(text))));
        }
        if let Some(slot) = self.slots.get_mut(slot) {
            slot.state = State::Built(id);
        }
        Ok(id)
    }

    pub(super) fn shape(&self, slot: usize) -> Shape {
        // Slots are only named by maps made with them; the input is always there.
        self.slots.get(slot).or(self.slots.first()).map_or(Shape::PICTURE, |slot| slot.shape)
    }

    pub(super) fn state(&self, slot: usize) -> &State {
        self.slots.get(slot).map_or(&State::Refused, |slot| &slot.state)
    }

    /// Takes the state of a feature map that becomes part of what reads it.
    pub(super) fn take(&mut self, slot: usize) -> State {
        match self.slots.get_mut(slot) {
            Some(slot) => std::mem::replace(&mut slot.state, State::Moved),
            None => State::Refused,
        }
    }

    pub(super) fn origin(&self, slot: usize) -> Option<usize> {
        self.slots.get(slot)?.origin
    }

    pub(super) fn share(&mut self, slot: usize) {
        if let Some(slot) = self.slots.get_mut(slot) {
            slot.shared = true;
        }
    }

    pub(super) fn is_shared(&self, slot: usize) -> bool {
        self.slots.get(slot).is_none_or(|slot| slot.shared)
    }

    /// Nodes of the file whose parts of the network nobody reads.
    pub(super) fn unread(&self, output: NodeId) -> Vec<usize> {
        let idle = |(index, reads): (usize, &usize)| {
            (*reads == 0 && index + 1 != output.index()).then_some(index)
        };
        let idle = self.reads.iter().skip(1).enumerate().filter_map(idle);
        let mut origins: Vec<usize> =
            idle.filter_map(|index| self.origins.get(index).copied()).collect();
        origins.dedup();
        origins
    }

    pub(super) fn finish(self, output: NodeId) -> Result<Graph, GraphError> {
        self.builder.finish(output)
    }

    /// Adds a node to the network.
    pub(super) fn add(&mut self, origin: usize, node: Node) -> Result<NodeId, Reason> {
        let sources: Vec<NodeId> = node.sources().collect();
        let of_light = sources.iter().all(|source| self.is_light(*source));
        let activation = matches!(node, Node::Activation { .. });
        let light = match node {
            Node::Activation { .. } => true,
            Node::Select { .. } | Node::SubsamplePad { .. } => of_light,
            _ => false,
        };
        let id = self.builder.add(node)?;
        let of_sources = sources.iter().filter_map(|source| self.terms.get(source.index()));
        let terms = match activation {
            true => BTreeSet::from([id.index()]),
            false => of_sources.flatten().copied().take(2 * MOST_TERMS + 2).collect(),
        };
        self.terms.push(terms.into_iter().take(MOST_TERMS + 1).collect());
        for source in sources {
            if let Some(reads) = self.reads.get_mut(source.index()) {
                *reads += 1;
            }
        }
        self.origins.push(origin);
        self.reads.push(0);
        self.light.push(light);
        Ok(id)
    }
}

/// Whether a factor is 1 but for the digits that exporters write.
pub(super) fn is_one(factor: f64) -> bool {
    (factor - 1.0).abs() < 1e-5
}

fn shifted(source: NodeId, shape: Shape, by: f32) -> Result<Node, &'static str> {
    line(source, shape, 1.0, by)
}

fn scaled(source: NodeId, shape: Shape, factor: f64) -> Result<Node, &'static str> {
    line(source, shape, factor as f32, 0.0)
}

fn line(source: NodeId, shape: Shape, factor: f32, offset: f32) -> Result<Node, &'static str> {
    let pick = |from| Pick { from: Some(from), factor, offset };
    let picks = (0..shape.channels()).map(pick).collect();
    let selection = Selection::everything(sides(shape)).with_channels(picks);
    let selection = selection.map_err(|_| "its factor is out of range")?;
    Ok(Node::Select { source, selection })
}

/// Zeros around a feature map; `shape` is that of the result.
fn padded(source: NodeId, shape: Shape, padding: Padding) -> Node {
    let places = |length: usize, [before, after]: [usize; 2]| {
        surrounded(length.saturating_sub(before + after), [before, after])
    };
    let selection = Selection::everything(sides(shape))
        .with_rows(places(shape.height(), padding.rows))
        .with_columns(places(shape.width(), padding.columns));
    Node::Select { source, selection }
}

/// Every second row, or column; `shape` is that of the result.
fn thinned(source: NodeId, shape: Shape, rows: bool, columns: bool) -> Node {
    let places = |length: usize, halved: bool| {
        (0..length).map(|at| Some(if halved { 2 * at } else { at })).collect()
    };
    let selection = Selection::everything(sides(shape))
        .with_rows(places(shape.height(), rows))
        .with_columns(places(shape.width(), columns));
    Node::Select { source, selection }
}

/// Whether x times the term is x * (1 + erf(x / sqrt 2)) / 2. Exporters write the constants with
/// four digits or more.
fn is_gelu(term: ErfTerm) -> bool {
    let near = |value: f64, wanted: f64| (value - wanted).abs() < 1e-4;
    near(term.inner, std::f64::consts::FRAC_1_SQRT_2)
        && near(term.outer, 0.5)
        && near(term.offset, 0.5)
}
