//! Activations that are made of others: straight lines from ReLUs, exponential tails.

use blindsight_model::graph::{ActivationKind, Node, NodeId, Slope};

use super::slots::State;
use super::{Call, Converter, Done, Map, Stop};
use crate::attributes::problem;
use crate::error::Reason;

impl<'m> Converter<'m, '_> {
    /// x * sigmoid(alpha x) is SiLU of alpha x, divided by alpha.
    pub(super) fn swish(&mut self, call: &mut Call<'m>) -> Result<Done<'m>, Stop> {
        call.operands(1, 1)?;
        let alpha = call.attributes.float("alpha", 1.0)?;
        let map = self.map(call, 0, "input")?;
        if alpha == 1.0 {
            return self.activate(call, &map, ActivationKind::Silu);
        }
        if !alpha.recip().is_finite() {
            return Err(problem("alpha", format!("is {alpha}")).into());
        }
        let source = self.build(&map)?;
        let id = self.times(call, source, |_| (alpha, 0.0))?;
        let id = self.function(call, id, ActivationKind::Silu)?;
        let id = self.times(call, id, |_| (alpha.recip(), 0.0))?;
        self.done(call, id, map.axes, "activation silu, of a multiple")
    }

    /// min(max(alpha x + beta, 0), 1).
    pub(super) fn hard_sigmoid(&mut self, call: &mut Call<'m>) -> Result<Done<'m>, Stop> {
        call.operands(1, 1)?;
        let alpha = call.attributes.float("alpha", 0.2)?;
        let beta = call.attributes.float("beta", 0.5)?;
        let map = self.map(call, 0, "input")?;
        if (alpha - 1.0 / 6.0).abs() < 1e-6 && (beta - 0.5).abs() < 1e-6 {
            let source = self.build(&map)?;
            let state = State::HardGate { slot: map.slot, source, factor: 1.0 / 6.0 };
            let how = format!("activation {}", ActivationKind::HardSigmoid);
            return Ok(self.waiting(call, &map, state, &how));
        }
        let source = self.build(&map)?;
        let line = self.times(call, source, |_| (6.0 * alpha, 6.0 * (beta - 0.5)))?;
        let id = self.function(call, line, ActivationKind::HardSigmoid)?;
        self.done(call, id, map.axes, "activation hardsigmoid, of a line")
    }

    /// ReLU that ends at 6, or any other bounds.
    pub(super) fn clip(&mut self, call: &mut Call<'m>) -> Result<Done<'m>, Stop> {
        call.operands(1, 3)?;
        let mut ends = [None, None];
        for (index, end) in ends.iter_mut().enumerate() {
            if self.value(call, index + 1).is_some() {
                let bound = self.reals(call, index + 1, "bound")?.scalar();
                let text = || Reason::Computation("its bounds should be numbers".to_owned());
                *end = Some(bound.ok_or_else(text)?);
            }
        }
        // Bounds that are none.
        let [low, high] = ends;
        let (low, high) = (low.filter(|x| *x > f32::MIN), high.filter(|x| *x < f32::MAX));
        let map = self.map(call, 0, "input")?;
        match (low, high) {
            (Some(0.0), Some(6.0)) => match *self.slots.state(map.slot) {
                State::Shifted { slot, source, by: 3.0 } => {
                    let state = State::HardGate { slot, source, factor: 1.0 };
                    let how = "activation hardsigmoid, or part of hardswish";
                    Ok(self.waiting(call, &map, state, how))
                }
                _ => self.activate(call, &map, ActivationKind::Relu6),
            },
            (Some(0.0), None) => self.activate(call, &map, ActivationKind::Relu),
            (Some(low), Some(high)) if low >= high => {
                Err(Reason::Computation("its bounds leave nothing".to_owned()).into())
            }
            (Some(low), Some(high)) => {
                let source = self.build(&map)?;
                let range = high - low;
                // The line from 0 to 1 that ends where the bounds are.
                let line = self.times(call, source, |_| (6.0 / range, -6.0 * low / range - 3.0))?;
                let id = self.function(call, line, ActivationKind::HardSigmoid)?;
                let id = self.times(call, id, |_| (range, low))?;
                self.done(call, id, map.axes, "bounds, from the activation hardsigmoid")
            }
            _ => {
                let source = self.build(&map)?;
                let id = self.clipped(call, source, low, high)?;
                self.done(call, id, map.axes, "a bound, from a ReLU")
            }
        }
    }

    /// The lower bound and a ReLU above it, less a ReLU above the upper one.
    fn clipped(
        &mut self,
        call: &Call<'m>,
        source: NodeId,
        low: Option<f32>,
        high: Option<f32>,
    ) -> Result<NodeId, Stop> {
        let mut id = source;
        if let Some(low) = low {
            let above = self.above(call, source, low)?;
            id = self.times(call, above, |_| (1.0, low))?;
        }
        if let Some(high) = high {
            let above = self.above(call, source, high)?;
            id = self.difference(call, id, above)?;
        }
        Ok(id)
    }

    /// max(x - bound, 0).
    fn above(&mut self, call: &Call<'m>, source: NodeId, bound: f32) -> Result<NodeId, Stop> {
        let source =
            if bound == 0.0 { source } else { self.times(call, source, |_| (1.0, -bound))? };
        self.function(call, source, ActivationKind::Relu)
    }

    /// x, or alpha (exp(x) - 1) where that is negative; Selu is a multiple of it.
    pub(super) fn elu(&mut self, call: &mut Call<'m>) -> Result<Done<'m>, Stop> {
        call.operands(1, 1)?;
        let selu = call.node.op_type == "Selu";
        if call.node.op_type == "Celu" {
            return self.celu(call);
        }
        let usual = if selu { 1.673_263_2 } else { 1.0 };
        let alpha = call.attributes.float("alpha", usual)?;
        let gamma = if selu { call.attributes.float("gamma", 1.050_701)? } else { 1.0 };
        let map = self.map(call, 0, "input")?;
        if alpha == 1.0 && gamma == 1.0 {
            return self.activate(call, &map, ActivationKind::Elu);
        }
        let source = self.build(&map)?;
        let tail = self.function(call, source, ActivationKind::Elu)?;
        let left = self.times(call, tail, |_| (gamma * alpha, 0.0))?;
        let line = self.function(call, source, ActivationKind::Relu)?;
        let right = self.times(call, line, |_| (gamma * (1.0 - alpha), 0.0))?;
        let id = self.node(call, Node::Add { left, right })?;
        self.done(call, id, map.axes, "activations elu and relu")
    }

    /// alpha elu(x / alpha).
    fn celu(&mut self, call: &mut Call<'m>) -> Result<Done<'m>, Stop> {
        let alpha = call.attributes.float("alpha", 1.0)?;
        if alpha <= 0.0 {
            return Err(problem("alpha", format!("is {alpha}; it should be positive")).into());
        }
        let map = self.map(call, 0, "input")?;
        let source = self.build(&map)?;
        let inner = self.times(call, source, |_| (1.0 / alpha, 0.0))?;
        let inner = self.function(call, inner, ActivationKind::Elu)?;
        let id = self.times(call, inner, |_| (alpha, 0.0))?;
        self.done(call, id, map.axes, "activation elu of a part")
    }

    pub(super) fn leaky_relu(&mut self, call: &mut Call<'m>) -> Result<Done<'m>, Stop> {
        call.operands(1, 1)?;
        let alpha = call.attributes.float("alpha", 0.01)?;
        let map = self.map(call, 0, "input")?;
        self.sloped(call, &map, |_| alpha, true)
    }

    /// Leaky ReLU with a slope for each channel.
    pub(super) fn parametric_relu(&mut self, call: &mut Call<'m>) -> Result<Done<'m>, Stop> {
        call.operands(2, 2)?;
        let slopes = self.reals(call, 1, "slopes")?;
        let map = self.map(call, 0, "input")?;
        let slopes = super::linear::per_channel(&map, self.shape_of(&map), &slopes)?;
        let equal = slopes.windows(2).all(|pair| pair[0] == pair[1]);
        self.sloped(call, &map, |channel| slopes[channel], equal)
    }

    /// x, or a multiple of it where it is negative: relu(x) - slope relu(-x).
    fn sloped(
        &mut self,
        call: &Call<'m>,
        map: &Map,
        slope: impl Fn(usize) -> f32,
        equal: bool,
    ) -> Result<Done<'m>, Stop> {
        if let Some(slope) = Slope::new(slope(0)).filter(|_| equal) {
            return self.activate(call, map, ActivationKind::LeakyRelu(slope));
        }
        let source = self.build(map)?;
        let left = self.function(call, source, ActivationKind::Relu)?;
        let negative = self.times(call, source, |_| (-1.0, 0.0))?;
        let negative = self.function(call, negative, ActivationKind::Relu)?;
        let right = self.times(call, negative, |channel| (-slope(channel), 0.0))?;
        let id = self.node(call, Node::Add { left, right })?;
        self.done(call, id, map.axes.clone(), "two ReLUs, one for each sign")
    }

    /// relu(x) + relu(-x).
    pub(super) fn magnitude(&mut self, call: &mut Call<'m>) -> Result<Done<'m>, Stop> {
        call.operands(1, 1)?;
        let map = self.map(call, 0, "input")?;
        self.sloped(call, &map, |_| -1.0, true)
    }

    fn function(
        &mut self,
        call: &Call<'m>,
        source: NodeId,
        kind: ActivationKind,
    ) -> Result<NodeId, Stop> {
        self.node(call, Node::Activation { source, kind })
    }
}
